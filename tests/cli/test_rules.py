from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT, Run

RULE = "aws-security-group-world-open"


def test_list(iacgate: Run) -> None:
    text = iacgate("rules", "list").stdout.decode()
    assert RULE in text
    assert "terraform 1." in text


def test_list_as_json(iacgate: Run) -> None:
    packs = json.loads(iacgate("rules", "list", "--format", "json").stdout)
    assert {pack["name"] for pack in packs} >= {"aws", "terraform"}
    assert all(rule["why"] for pack in packs for rule in pack["rules"])


def test_show(iacgate: Run) -> None:
    assert iacgate("rules", "show", RULE).stdout == (ROOT / "rules" / "aws" / f"{RULE}.yaml").read_bytes()


def test_show_what_is_not_there(iacgate: Run) -> None:
    done = iacgate("rules", "show", "aws-security-group-world")
    assert done.returncode == 2
    assert b"Did you mean" in done.stderr


def test_show_stays_in_the_rules(iacgate: Run) -> None:
    assert iacgate("rules", "show", "../../pyproject").returncode == 2


def test_test(iacgate: Run) -> None:
    done = iacgate("rules", "test")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b" 0 wrong" in done.stdout


def test_test_of_a_team_pack_with_a_wrong_example(iacgate: Run, tmp_path: Path) -> None:
    text = (ROOT / "rules" / "aws" / f"{RULE}.yaml").read_text(encoding="utf-8")
    (tmp_path / "pack.yaml").write_text("name: mine\nversion: 1.0.0\n")
    (tmp_path / "mine-open.yaml").write_text(
        text.replace(f"id: {RULE}", "id: mine-open").replace("10.0.0.0/8", "0.0.0.0/0")
    )
    done = iacgate("rules", "test", tmp_path)
    assert done.returncode == 3
    assert b"a private range" in done.stderr


def test_test_of_a_folder_that_is_not_there(iacgate: Run) -> None:
    done = iacgate("rules", "test", "nowhere")
    assert done.returncode == 2
    assert b"nowhere" in done.stderr
