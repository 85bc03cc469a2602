"""``iacgate init`` and ``iacgate policy check``, as a process."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLANS, Run
from tests.support.approvals import ROLES, key_of

MIXED = PLANS / "mixed" / "plan.json"


def write_people(folder: Path) -> None:
    people: list[dict[str, Any]] = [
        {"id": person, "roles": roles, "keys": [{"key": key_of(person).line}]} for person, roles in ROLES.items()
    ]
    people.append({"id": "bot", "kind": "machine"})
    (folder / ".iacgate").mkdir(exist_ok=True)
    (folder / ".iacgate" / "people.yaml").write_text(json.dumps({"people": people}))


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
    write_people(tmp_path)
    done = iacgate("policy", "check", MIXED, PLANS / "create-only" / "plan.json")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "  high     needs 1 infra, 1 security, for 168 hours, for that plan, or an identical one" in text
    assert "testing_plan, rollback_plan; undoing it is answered\n" in text
    assert "dev (other, findings weigh -1):" in text
    assert "Warning: 1 business may be asked for, and who could is dave: nobody can be away" in text
    assert "infra may be asked for" not in text
    lines = text.splitlines()
    assert lines[lines.index("1 of 2 would have needed 1 business, 1 infra, 1 operations, 1 security.") + 1] == (
        f"  worst is critical: {MIXED}"
    )
    assert "1 of 2 would have needed nobody." in lines
    assert "2 of 2 counted as production, because nothing says which stack they are of." in lines


def test_a_policy_is_said_back_for_each_type_of_change(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    (tmp_path / ".iacgate" / "policy.yaml").write_text(
        "mode: enforce\nenvironments:\n  prod:\n    tier: prod\n    deployers: [infra, robot, eve]\n    packs: [aws]\n"
        "    change_types:\n      emergency: {demands: {high: {seats: {security: 4}, valid_hours: 4}}}\n"
        "  dev: {tier: other, json_only: true}\n"
    )
    done = iacgate("policy", "check")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    for line in (
        "  emergency changes:",
        "    high     needs 1 infra, 4 security, for 4 hours, for that plan, or an identical one",
        "  standard changes follow a pattern that the board signed, and need no further signature",
        "  who may deploy is infra, robot, eve",
        "  who may deploy is anybody",
        "  judged by the rule packs aws, terraform, and not by azure, google, kubernetes",
        "  a plan of which only the JSON is there may be gated: whoever runs the gate says which stack it is of",
        "Warning: 4 security may be asked for by emergency changes, and who could is bob, cleo, dave, robot: "
        "nobody can be away, or an author.",
        "Warning: nobody in people.yaml is eve, or holds that role, who may deploy to prod.",
    ):
        assert line in lines, done.stdout.decode()
    assert not [line for line in lines if line.startswith("Warning") and ("is robot" in line or " infra" in line)]


SCHEDULED = """environments:
  prod:
    tier: prod
    ticket: OPS-[0-9]+
    ticket_check: {provider: github, repository: acme/shop}
    schedule: SCHEDULE
"""
PAST = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
DTSTART;VALUE=DATE:20200101
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ("{windows: [nights]}", b"calendars/nights.ics is not there"),
        ("{windows: [broken]}", b"the event without a name: it has no DTSTART"),
        ("{windows: [past], timezone: Europe/Berlim}", b"no time zone 'Europe/Berlim'"),
        ("{ssm: [company], timezone: Mars/Olympus}", b"no time zone 'Mars/Olympus'"),
    ],
)
def test_a_schedule_at_which_every_gate_would_stop_is_found(
    iacgate: Run, tmp_path: Path, schedule: str, what: bytes
) -> None:
    calendars = tmp_path / ".iacgate" / "calendars"
    calendars.mkdir(parents=True)
    (calendars / "past.ics").write_text(PAST)
    (calendars / "broken.ics").write_text(PAST.replace("DTSTART;VALUE=DATE:20200101\n", ""))
    (tmp_path / ".iacgate" / "policy.yaml").write_text(SCHEDULED.replace("SCHEDULE", schedule))
    done = iacgate("policy", "check")
    assert (done.returncode, what in done.stderr, b"prod" in done.stderr) == (3, True, True), done.stderr
    assert done.stdout == b""


def test_what_is_around_a_gate_is_said_of_a_policy(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    calendars = tmp_path / ".iacgate" / "calendars"
    calendars.mkdir()
    for name in ("past", "forgotten"):
        (calendars / f"{name}.ics").write_text(PAST)
    policy = tmp_path / ".iacgate" / "policy.yaml"
    policy.write_text(SCHEDULED.replace("SCHEDULE", "{windows: [past]}"))
    lines = iacgate("policy", "check").stdout.decode().splitlines()
    for line in (
        "  a ticket is called like OPS-[0-9]+",
        "  the ticket that a record names is there and open: the gate asks github, acme/shop",
        "While the ledger cannot be reached, nothing is applied: a second store needs a `ledger` that is pinned.",
        "Warning: prod is closed, and its calendars do not open it within 400 days.",
        "Warning: no environment names calendars/forgotten.ics: it opens and closes nothing.",
    ):
        assert line in lines, lines
    policy.write_text(f'ledger: "{"0" * 64}"\n')
    assert (
        b"an emergency with a record goes on where the gate has a --second-store" in iacgate("policy", "check").stdout
    )


def test_a_folder_stands_for_the_plans_in_it(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    month = tmp_path / "month"
    month.mkdir()
    for name, scenario in (("z", "mixed"), ("a", "forget")):
        shutil.copy(PLANS / scenario / "tfplan", month / name)
        shutil.copy(PLANS / scenario / "plan.json", month / f"{name}.json")
    for number in range(5):
        shutil.copy(MIXED, month / f"again-{number}.json")
    (month / "notes.txt").write_text("no plan")
    (month / "below").mkdir()
    shutil.copy(MIXED, month / "below" / "other.json")
    done = iacgate("policy", "check", "month/", PATH="/nothing")
    lines = done.stdout.decode().splitlines()
    at = lines.index("6 of 7 would have needed 1 business, 1 infra, 1 operations, 1 security.")
    assert lines[at : at + 4] == [
        "6 of 7 would have needed 1 business, 1 infra, 1 operations, 1 security.",
        "  worst is critical: month/again-0.json, month/again-1.json, month/again-2.json and 3 more",
        "1 of 7 would have needed 1 infra.",
        "  worst is medium: month/a",
    ]


def test_what_is_denied_whoever_signs_is_said_of_plans(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    (tmp_path / ".iacgate" / "policy.yaml").write_text("environments: {prod: {tier: prod, deny: critical}}\n")
    done = iacgate("policy", "check", MIXED)
    assert b"1 of 1 would have needed what nobody can give: it is denied, whoever signs." in done.stdout


@pytest.mark.parametrize("name", ["empty", "pipe.json", "dangling.json", "other.json"])
def test_a_folder_without_plans_or_with_what_is_none_is_refused(iacgate: Run, tmp_path: Path, name: str) -> None:
    write_people(tmp_path)
    (tmp_path / "month").mkdir()
    path = tmp_path / "month" / name
    match name:
        case "pipe.json":
            os.mkfifo(path)
        case "dangling.json":
            path.symlink_to("nowhere")
        case "other.json":
            path.write_text("{}")
    done = iacgate("policy", "check", "month")
    assert (done.returncode, b"would have needed" in done.stdout) == (3 if name == "other.json" else 2, False)
    assert done.stderr


def test_calendars_that_the_policy_names_are_read(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    (tmp_path / ".iacgate" / "policy.yaml").write_text(
        "environments:\n  prod: {tier: prod, schedule: {windows: [nights]}}\n  dev: {tier: other}\n"
    )
    done = iacgate("policy", "check")
    assert (done.returncode, b"calendars/nights.ics is not there" in done.stderr) == (3, True), done.stderr
    calendar = tmp_path / ".iacgate" / "calendars" / "nights.ics"
    calendar.parent.mkdir()
    calendar.write_text("")
    assert iacgate("policy", "check").returncode == 3
    event = ("UID:1", "DTSTART:29990101T000000Z", "DTEND:29990101T010000Z")
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *event, "END:VEVENT", "END:VCALENDAR", "")
    calendar.write_text("\r\n".join(lines).replace("2999", "2098"))
    done = iacgate("policy", "check")
    assert b"prod is closed now by its calendars, for 400 days at least.\n" in done.stdout, done.stdout + done.stderr
    assert b"dev is" not in done.stdout
    calendar.write_text(
        "\r\n".join(lines)
        .replace("DTSTART:2999", "DTSTART:2020")
        .replace("UID:1", "UID:1\r\nRRULE:FREQ=HOURLY")
        .replace("DTEND:2999", "DTEND:2020")
    )
    assert b"prod is open now by its calendars.\n" in iacgate("policy", "check").stdout


def test_without_settings_there_is_nothing_to_check(iacgate: Run) -> None:
    done = iacgate("policy", "check")
    assert (done.returncode, b"iacgate init" in done.stderr) == (2, True)


def test_the_policy_says_how_ready_a_change_must_be_to_be_undone(iacgate: Run, tmp_path: Path) -> None:
    write_people(tmp_path)
    demands = "{high: {seats: {infra: 1}, readiness: answered}, critical: {readiness: rehearsed}}"
    text = f"environments: {{prod: {{tier: prod, demands: {demands}, rollback_type: emergency}}}}"
    (tmp_path / ".iacgate" / "policy.yaml").write_text(text)
    done = iacgate("policy", "check")
    assert done.returncode == 0, done.stderr
    assert b"; undoing it is answered" in done.stdout
    assert b"; undoing it is rehearsed" in done.stdout
    assert b"a change that takes another one back is of the type emergency" in done.stdout
