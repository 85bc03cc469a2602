"""action.yml's last step, run as the runner would: bash, its environment files, inputs through the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PLANS, ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_bytes())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_scripts_take_inputs_through_the_environment_only(step: dict[str, Any]) -> None:
    assert "${{" not in step["run"]
    assert step["run"].startswith("set -euo pipefail")


@pytest.mark.parametrize(("plan", "fail_on", "code"), [("create-only", "high", 0), ("destroy-database", "high", 10)])
def test_preview_step(tmp_path: Path, plan: str, fail_on: str, code: int) -> None:
    program = tmp_path / "iacgate" / "bin" / "iacgate"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m iacgate "$@"\n')
    program.chmod(0o700)
    output = tmp_path / "output"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(output),
        "PLAN": str(PLANS / plan / "plan.json"),
        "PLAN_JSON": "",
        "FAIL_ON": fail_on,
    }
    script = STEPS[-1]["run"]
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, env=environment, timeout=60)
    assert done.returncode == code, done.stderr
    assert output.read_text() == f"exit-code={code}\n"


def test_a_plan_whose_name_looks_like_an_option_is_only_a_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "iacgate", "preview", "--", "--help"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 3
