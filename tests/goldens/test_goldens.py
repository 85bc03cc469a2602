"""The program's output for every fixture plan, held against what was read and committed.

``make goldens`` writes them again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import PLANS, ROOT, Run

GOLDENS = Path(__file__).parent / "expected"
SCENARIOS = sorted(path.name for path in PLANS.iterdir())
PIPELINES = {"markdown": "comment.md", "sarif": "sarif", "junit": "junit.xml"}
RUNBOOKS = ("destroy-database", "destroy-protected-database", "forget", "mixed")


def held(name: str, output: bytes) -> None:
    path = GOLDENS / name
    if os.environ.get("IACGATE_WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(output)
    assert output.decode() == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_text(iacgate: Run, scenario: str) -> None:
    plan = Path("fixtures") / "plans" / scenario
    done = iacgate("preview", plan / "tfplan", "--plan-json", plan / "plan.json", cwd=ROOT)
    assert done.stderr == b""
    assert done.returncode == 0
    held(f"{scenario}.txt", done.stdout)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_json(iacgate: Run, scenario: str) -> None:
    done = iacgate("preview", Path("fixtures") / "plans" / scenario / "plan.json", "--format", "json", cwd=ROOT)
    assert done.returncode == 0
    # The packs' digests change with every rule, and that of what is known of undoing with every word of it; that they
    # are the right ones is tested with the packs.
    shown = re.sub(rb'("sha256":")[0-9a-f]{64}("}[,\]])', rb"\1...\2", done.stdout)
    held(f"{scenario}.json", re.sub(rb'("knowledge":")[0-9a-f]{64}"', rb'\1..."', shown))


@pytest.mark.parametrize("scenario", RUNBOOKS)
def test_runbook(iacgate: Run, tmp_path: Path, scenario: str) -> None:
    plan = Path("fixtures") / "plans" / scenario
    where = tmp_path / "rollback"
    done = iacgate("rollback", "plan", plan / "tfplan", "--plan-json", plan / "plan.json", "-o", where, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    # The digest changes with everything that becomes known of any type.
    text = re.sub(rb"(types: `)[0-9a-f]{64}(`)", rb"\1...\2", (where / "runbook.md").read_bytes())
    held(f"{scenario}.runbook.md", text)


@pytest.mark.parametrize("form", sorted(PIPELINES))
def test_what_pipelines_read(iacgate: Run, form: str) -> None:
    plan = Path("fixtures") / "plans" / "mixed"
    done = iacgate("preview", plan / "tfplan", "--plan-json", plan / "plan.json", "--format", form, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    held(f"mixed.{PIPELINES[form]}", done.stdout)


def test_every_golden_has_its_scenario() -> None:
    assert {path.name.partition(".")[0] for path in GOLDENS.iterdir()} == set(SCENARIOS)
