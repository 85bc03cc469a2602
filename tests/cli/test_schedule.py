"""Windows and freezes from the calendar file to the decision, the override and the verified record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_status import independent
from tests.conftest import Run

SCHEDULE = "{tier: prod, schedule: {freezes: [freeze], overrides: {infra: 1, security: 1}}}"


def calendar(start: datetime, end: datetime) -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//example//EN",
        "BEGIN:VEVENT",
        "UID:freeze",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{end:%Y%m%dT%H%M%SZ}",
        "SUMMARY:Quarter end",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines)


@pytest.fixture
def frozen(deployed: Deployed) -> Deployed:  # noqa: F811
    """A stack whose calendar is closed for a day, and a plan that two people approved."""
    now = datetime.now(UTC)
    folder = deployed.stack.root / ".iacgate" / "calendars"
    folder.mkdir()
    text = calendar(now - timedelta(hours=1), now + timedelta(days=1))
    (folder / "freeze.ics").write_bytes(text.encode())
    deployed.stack.settings(policy=POLICY.replace("{tier: prod}", SCHEDULE))
    deployed.stack.commit(HIGH.replace("INPUT", "changed"))
    deployed.stack.plan()
    named = ("--change", "chg-1", *deployed.ledger)
    assert deployed.stack.iacgate("gate", *named).returncode == 11
    for person in ("ann", "bob"):
        assert deployed.stack.approve(person, *named).returncode == 0
    return deployed


def override(life: Deployed, iacgate: Run, person: str, *more: str) -> int:
    until = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    signing = ("--as", person, "--key", str(life.stack.keys / person), "--inbox", str(life.stack.inbox), *life.ledger)
    done = iacgate("attest", "override", "chg-1", "--until", until, *signing, *more, cwd=life.stack.root)
    return done.returncode


def test_a_freeze_denies_and_people_override_it_on_record(frozen: Deployed, iacgate: Run) -> None:
    named = ("--change", "chg-1", *frozen.ledger)
    done = frozen.stack.iacgate("apply", *named)
    assert (done.returncode, b"It is open next at" in done.stdout) == (13, True), done.stderr
    assert override(frozen, iacgate, "ann", "--reason", "customers are down") == 0
    code, decision = frozen.stack.decision(*named)
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (13, ["closed", "override-incomplete"])
    assert override(frozen, iacgate, "bob") == 2, "without a reason"
    assert override(frozen, iacgate, "dave", "--reason", "customers are down") == 0, "an author, who does not count"
    assert frozen.stack.decision(*named)[0] == 13
    assert override(frozen, iacgate, "bob", "--reason", "customers are down") == 0
    done = frozen.stack.iacgate("apply", *named)
    assert (done.returncode, b"Overridden by ann" in done.stdout) == (0, True), done.stderr
    assert frozen.verified().problems == ()
    assert independent(frozen) == (0, "")


def test_a_calendar_that_changes_is_another_version_of_the_settings(frozen: Deployed) -> None:
    named = ("--change", "chg-1", *frozen.ledger)
    before = frozen.stack.decision(*named)[1]["bundle"]
    path: Path = frozen.stack.root / ".iacgate" / "calendars" / "freeze.ics"
    path.write_bytes(path.read_bytes().replace(b"Quarter", b"Another"))
    frozen.stack.commit(HIGH.replace("INPUT", "changed"))
    frozen.stack.plan()
    code, decision = frozen.stack.decision(*named)
    assert (code, decision["bundle"] != before) == (11, True)


@pytest.mark.parametrize("text", [b"", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"])
def test_a_calendar_that_is_not_valid_stops_the_gate(frozen: Deployed, text: bytes) -> None:
    (frozen.stack.root / ".iacgate" / "calendars" / "freeze.ics").write_bytes(text)
    frozen.stack.commit(HIGH.replace("INPUT", "changed"))
    done = frozen.stack.iacgate("gate", "--change", "chg-1", *frozen.ledger)
    assert (done.returncode, b"calendars/freeze.ics" in done.stderr) == (3, True), done.stderr
