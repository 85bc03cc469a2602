"""``iacgate init`` and ``iacgate policy check``, as a process."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import PLANS, Run
from tests.support.approvals import ROLES, key_of

MIXED = PLANS / "mixed" / "plan.json"


def test_init_writes_what_works_at_once(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("init")
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(path.name for path in (tmp_path / ".iacgate").iterdir()) == [
        "people.yaml",
        "policy.yaml",
        "stacks.yaml",
        "suppressions.yaml",
    ]
    assert iacgate("preview", MIXED).returncode == 0
    checked = iacgate("policy", "check")
    assert checked.returncode == 0
    assert b"only observes" in checked.stdout
    assert b"Warning: 1 infra may be asked for, and who could is nobody" in checked.stdout


def test_init_overwrites_nothing(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / ".iacgate").mkdir()
    (tmp_path / ".iacgate" / "people.yaml").symlink_to("elsewhere")
    done = iacgate("init")
    assert (done.returncode, b"is there already" in done.stderr) == (2, True)
    assert not (tmp_path / ".iacgate" / "policy.yaml").exists()


def test_the_policy_in_words_and_on_plans(iacgate: Run, tmp_path: Path) -> None:
    iacgate("init")
    people = [{"id": person, "roles": roles, "keys": [{"key": key_of(person).line}]} for person, roles in ROLES.items()]
    (tmp_path / ".iacgate" / "people.yaml").write_text(json.dumps({"people": people}))
    done = iacgate("policy", "check", MIXED, PLANS / "create-only" / "plan.json")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "  high     needs 1 infra, 1 security, for 168 hours, for that plan, or an identical one" in text
    assert "dev (other, findings weigh -1):" in text
    assert "Warning: 1 business may be asked for, and who could is dave: nobody can be away" in text
    assert "infra may be asked for" not in text
    assert "1 of 2 would have needed 1 business, 1 infra, 1 operations, 1 security." in text
    assert "1 of 2 would have needed nobody." in text


def test_without_settings_there_is_nothing_to_check(iacgate: Run) -> None:
    done = iacgate("policy", "check")
    assert (done.returncode, b"iacgate init" in done.stderr) == (2, True)
