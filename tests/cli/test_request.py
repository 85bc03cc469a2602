"""A change's record from its scaffold to the decision, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from iacgate.change.record import Incident, read_record
from tests.cli.test_gate import HIGH, Stack
from tests.conftest import ROOT, Run
from tests.support.terraform import terraform_or_skip

POLICY = """mode: enforce
environments:
  prod:
    tier: prod
    ticket: OPS-[0-9]+
    demands:
      high: {seats: {infra: 1, security: 1}, record: [description, justification, ticket, rollback_plan]}
"""
PARTS = ("description=Rename it", "justification=It is called wrong", "ticket=OPS-7", "rollback_plan=Rename it back")
WHOLE = [word for part in PARTS for word in ("--set", part)]


@pytest.fixture
def stack(tmp_path: Path, iacgate: Run) -> Stack:
    found = Stack(tmp_path, iacgate, terraform_or_skip())
    found.settings(policy=POLICY)
    found.commit(HIGH.replace("INPUT", "changed"))
    return found


def request(iacgate: Run, stack: Stack, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return iacgate("request", *arguments, "--no-input", cwd=stack.root)


def test_a_record_is_scaffolded_filled_in_signed_and_decided_on(stack: Stack, iacgate: Run) -> None:
    stack.plan()
    code, decision = stack.decision("--change", "chg-1")
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["seat-missing"] * 2 + ["record-missing"])
    assert decision["lacking"][0]["how"] == "what changes, in one or two sentences"
    begun = request(iacgate, stack, "chg-1", "--set", "ticket=OPS-7")
    assert begun.returncode == 14
    assert [line for line in begun.stderr.decode().splitlines() if line.startswith("Missing: rollback_plan: ")]
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    for person in ("ann", "bob"):
        approved = stack.approve(person, "--change", "chg-1")
        assert (approved.returncode, b"rollback plan   Rename it back" in approved.stderr) == (0, True)
    code, decision = stack.decision("--change", "chg-1")
    assert (code, decision["record"]["ticket"], decision["lacking"]) == (0, "OPS-7", [])
    text = stack.iacgate("gate", "--change", "chg-1").stdout
    assert b"  justification   It is called wrong\n" in text


def test_a_record_that_changes_after_it_was_signed_takes_the_approvals_with_it(stack: Stack, iacgate: Run) -> None:
    record = stack.root.parent / "record.yaml"
    assert request(iacgate, stack, "chg-1", *WHOLE, "--output", str(record)).returncode == 0
    stack.plan()
    named = ("--change", "chg-1", "--record", str(record))
    for person in ("ann", "bob"):
        assert stack.approve(person, *named).returncode == 0
    assert stack.decision(*named)[0] == 0
    record.write_text("# the same, in other words\n" + record.read_text())
    assert stack.decision(*named)[0] == 0
    record.write_text(record.read_text().replace("Rename it back", "There is none"))
    code, decision = stack.decision(*named)
    assert (code, {item["code"] for item in decision["approvals"]}) == (11, {"binding"})
    assert "change record" in decision["approvals"][0]["why"]


def test_a_record_is_handed_over_with_the_plan(stack: Stack, iacgate: Run) -> None:
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    assert stack.iacgate("submit", "--change", "chg-1").returncode == 0
    elsewhere = stack.root.parent / "elsewhere"
    elsewhere.mkdir()
    signing = ("--as", "ann", "--key", str(stack.keys / "ann"), "--yes", "--inbox", str(stack.inbox))
    settings = ("--config", str(stack.root / ".iacgate"))
    approved = iacgate("approve", "chg-1", *signing, *settings, cwd=elsewhere)
    assert (approved.returncode, b"  ticket          OPS-7" in approved.stderr) == (0, True)
    _, decision = stack.decision("--change", "chg-1")
    assert [seat["principal"] for seat in decision["filled"]] == ["ann"]
    assert [reason["code"] for reason in decision["reasons"]] == ["seat-missing"]


def test_a_record_that_was_mended_after_the_plan_was_handed_over_is_named(stack: Stack, iacgate: Run) -> None:
    assert request(iacgate, stack, "chg-1", "--set", "ticket=OPS-7").returncode == 14
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    assert stack.iacgate("submit", "--change", "chg-1").returncode == 0
    note = b"Note: .iacgate/changes/chg-1.yaml says something else than the record that was handed over with the plan"
    assert note not in stack.iacgate("gate", plan="chg-1").stderr
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    stack.commit(HIGH.replace("INPUT", "changed"))
    gate = stack.iacgate("gate", plan="chg-1")
    assert (gate.stdout.count(b"The record does not say its "), note in gate.stderr) == (3, True), gate.stderr
    path = stack.root / ".iacgate" / "changes" / "chg-1.yaml"
    path.write_text("id: [")
    stack.commit(HIGH.replace("INPUT", "changed"))
    assert note in stack.iacgate("gate", plan="chg-1").stderr
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 14
    path.unlink()
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    stack.commit(HIGH.replace("INPUT", "changed"))
    assert stack.iacgate("submit", "--change", "chg-1").returncode == 0
    gate = stack.iacgate("gate", plan="chg-1")
    assert (gate.stdout.count(b"The record does not say its "), note in gate.stderr) == (0, False), gate.stderr


def test_a_record_needs_no_new_version_of_the_settings(stack: Stack, iacgate: Run) -> None:
    stack.plan()
    before = stack.decision("--change", "chg-1")[1]["bundle"]
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    stack.commit(HIGH.replace("INPUT", "changed"))
    assert stack.decision("--change", "chg-1")[1]["bundle"] == before


def test_what_is_there_is_kept(stack: Stack, iacgate: Run) -> None:
    assert request(iacgate, stack, "chg-1", *WHOLE).returncode == 0
    assert request(iacgate, stack, "chg-1", "--set", "impact=Nobody notices").returncode == 0
    path = stack.root / ".iacgate" / "changes" / "chg-1.yaml"
    record = read_record(path.read_bytes(), "")
    assert (record.ticket, record.impact) == ("OPS-7", "Nobody notices")


def test_a_question_that_is_not_asked_any_more_does_not_stay(stack: Stack, iacgate: Run) -> None:
    path = stack.root / ".iacgate" / "changes" / "chg-1.yaml"
    assert request(iacgate, stack, "chg-1", "--set", "ticket=TODO: ask bob").returncode == 14
    assert path.read_text().count("TODO") == 4
    assert request(iacgate, stack, "chg-1", "--severity", "low").returncode == 0
    assert [line for line in path.read_text().splitlines() if "TODO" in line] == ['ticket: "TODO: ask bob"']
    assert request(iacgate, stack, "chg-1").returncode == 14
    assert path.read_text().count("TODO") == 4


def test_front_matter_is_printed_for_a_pull_request(stack: Stack, iacgate: Run) -> None:
    done = request(iacgate, stack, "chg-1", *WHOLE, "--output", "-")
    assert done.stdout.startswith(b"---\n# The record")
    assert done.stdout.endswith(b"\n---\n")
    assert not (stack.root / ".iacgate" / "changes").exists()


def test_it_asks_for_what_the_plan_demands(stack: Stack) -> None:
    stack.plan()
    reader, writer = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(stack.root)}
    command = [sys.executable, "-m", "iacgate", "request", "chg-1", "--for", "tfplan"]
    process = subprocess.Popen(
        command, stdin=writer, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=stack.root, env=environment
    )
    os.write(reader, b"Rename it\nIt is called wrong\nOPS-7\nRename it back\n")
    out, _ = process.communicate(timeout=60)
    os.close(reader)
    os.close(writer)
    assert (process.returncode, b"rollback plan (how it is taken back" in out) == (0, True)
    record = read_record((stack.root / ".iacgate" / "changes" / "chg-1.yaml").read_bytes(), "")
    assert (record.description, record.ticket, record.rollback_plan) == ("Rename it", "OPS-7", "Rename it back")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("../chg",), 2, b"names no change"),
        (("chg-1", "--set", "why=because"), 2, b"names no part of a record"),
        (("chg-1", "--set", "schedule=tonight"), 2, b"names no part of a record"),
        (("chg-1", "--not-before", "tonight", "--not-after", "2027-01-31T20:00:00Z"), 14, b"no instants"),
        (("chg-1", "--type", "emergency"), 2, b"--incident ID --invoker WHO"),
        (("chg-1", "--type", "emergency", "--incident", "INC-7"), 2, b"--incident ID --invoker WHO"),
        (("chg-1", "--type", "standard"), 2, b"--pattern NAME"),
        (("chg-1", "--type", "normal", "--pattern", "web-size"), 14, b"Mend what the options say"),
        (("chg-1", "--not-after", "2027-01-31T20:00:00Z"), 2, b"--not-before INSTANT --not-after INSTANT"),
        (("chg-1", "--stack", "shop"), 2, b"names its stack and its procedure"),
        (("chg-1", "--stack", "shop", "--procedure", "nothing.md"), 2, b"nothing.md: there is no such file"),
        (("chg-1", "--stack", "shop", "--procedure", "empty.md"), 2, b"empty.md: it is empty"),
        (("chg-1", "--config", "nowhere"), 2, b"no such folder"),
    ],
)
def test_what_cannot_be_written_is_said(
    stack: Stack, iacgate: Run, arguments: tuple[str, ...], code: int, said: bytes
) -> None:
    (stack.root / "empty.md").write_text(" \n")
    done = request(iacgate, stack, *arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (stack.root / ".iacgate" / "changes").exists()


def test_an_emergency_is_recorded_by_name(stack: Stack, iacgate: Run) -> None:
    said = ("--incident", "INC-7", "--invoker", "dave", "--set", "justification=It is down")
    assert request(iacgate, stack, "fix-1", *said).returncode == 14, "the policy demands the rest of an emergency, too"
    record = read_record((stack.root / ".iacgate" / "changes" / "fix-1.yaml").read_bytes(), "")
    assert (record.type, record.emergency and record.emergency.incident) == ("emergency", "INC-7")


def test_an_emergency_is_asked_for_what_the_gate_will_demand_of_it(stack: Stack, iacgate: Run) -> None:
    stack.settings(policy=f"{POLICY}    emergency: {{seats: {{on-call: 1}}}}\n")
    begun = request(iacgate, stack, "fix-1", "--incident", "INC-7", "--invoker", "dave")
    missing = [line for line in begun.stderr.decode().splitlines() if line.startswith("Missing: ")]
    assert (begun.returncode, missing) == (14, ["Missing: justification: why the business needs it"])
    assert b"the record of fix-1, an emergency change" in begun.stdout
    done = request(iacgate, stack, "fix-1", "--set", "justification=It is down")
    assert done.returncode == 0, done.stderr
    more = request(iacgate, stack, "fix-1", "--invoker", "ann", "--team", "payments")
    record = read_record((stack.root / ".iacgate" / "changes" / "fix-1.yaml").read_bytes(), "")
    assert (more.returncode, record.emergency) == (0, Incident("INC-7", "ann", "payments"))


def test_a_change_that_becomes_another_type_loses_what_only_the_first_has(stack: Stack, iacgate: Run) -> None:
    assert request(iacgate, stack, "chg-1", *WHOLE, "--pattern", "nothing").returncode == 14
    done = request(iacgate, stack, "chg-1", "--type", "normal")
    assert (done.returncode, b"Taken out: its pattern nothing" in done.stderr) == (0, True), done.stderr
    record = read_record((stack.root / ".iacgate" / "changes" / "chg-1.yaml").read_bytes(), "")
    assert (record.type, record.pattern, record.ticket) == ("normal", "", "OPS-7")
    assert request(iacgate, stack, "chg-1", "--incident", "INC-7", "--invoker", "dave").returncode == 0
    done = request(iacgate, stack, "chg-1", "--type", "normal")
    assert (done.returncode, b"Taken out: its emergency INC-7" in done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--pattern", "web-size"), "Missing: pattern: there is none called web-size in .iacgate/patterns"),
        (("--incident", "INC-7", "--invoker", "nobody"), "Missing: invoker: nobody is nobody in people.yaml"),
        (("--set", "requested_by=zoe"), "Missing: requested_by: zoe is nobody in people.yaml"),
    ],
)
def test_a_name_that_the_gate_will_not_know_is_said_at_once(
    stack: Stack, iacgate: Run, arguments: tuple[str, ...], says: str
) -> None:
    done = request(iacgate, stack, "chg-1", *WHOLE, *arguments)
    assert (done.returncode, says in done.stderr.decode().splitlines()) == (14, True), done.stderr


def test_what_comes_next_is_said(stack: Stack, iacgate: Run) -> None:
    begun = request(iacgate, stack, "chg-1").stderr
    assert b"Demanded of severity high: name the plan with --for, or another --severity.\n" in begun
    assert b"Fill it in there, or with --set PART=TEXT.\n" in begun
    done = request(iacgate, stack, "chg-1", *WHOLE)
    assert done.stderr.endswith(b"Commit it with the change, then hand the plan over: iacgate submit.\n")


def test_a_change_by_hand_names_what_will_be_run(stack: Stack, iacgate: Run) -> None:
    (stack.root / "steps.md").write_text("1. Stop the queue\n2. Run fix.sql\n")
    (stack.root / "fix.sql").write_text("update orders set state = 1;")
    said = ("--stack", "shop", "--procedure", "steps.md", "--script", "fix.sql")
    done = request(iacgate, stack, "db-1", *WHOLE, *said)
    assert (done.returncode, b"Note: stacks.yaml has no shop, so that" in done.stderr) == (0, True), done.stderr
    begun = request(iacgate, stack, "db-2", *said)
    assert (begun.returncode, b"name the plan with --for" in begun.stderr) == (14, False)
    record = read_record((stack.root / ".iacgate" / "changes" / "db-1.yaml").read_bytes(), "")
    assert record.manual
    assert (record.manual.stack, list(record.manual.files)) == ("shop", ["fix.sql"])
