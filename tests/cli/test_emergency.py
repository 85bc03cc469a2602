"""Emergencies from the incident to the review, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate.change.emergency import Emergency
from iacgate.evidence.entry import State
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_standard import begin_uncounted
from tests.cli.test_status import independent
from tests.conftest import Run

EMERGENCY = """mode: enforce
environments:
  prod:
    tier: prod
    emergency:
      seats: {infra: 1}
      review_seats: {security: 1}
      solo: {role: infra, severity: high, uses: 1}
      rate: {uses: 1}
      announce: {command: [/usr/bin/tee, PLACE]}
"""


@pytest.fixture
def life(deployed: Deployed, tmp_path: Path) -> Deployed:  # noqa: F811
    """A stack whose policy knows emergencies, with somebody to review them, and a plan of dave's."""
    people = json.loads((deployed.stack.root / ".iacgate" / "people.yaml").read_text())
    for person in people["people"]:
        if person["id"] == "dave":
            person["roles"] = ["infra"]
    (deployed.stack.root / ".iacgate" / "people.yaml").write_text(json.dumps(people))
    deployed.stack.settings(policy=EMERGENCY.replace("PLACE", str(tmp_path / "told")))
    deployed.stack.commit(HIGH.replace("INPUT", "changed"))
    deployed.stack.plan()
    return deployed


def recorded(life: Deployed, iacgate: Run, change: str = "fix-1", *more: str) -> tuple[str, ...]:
    path = life.stack.root.parent / f"{change}.yaml"
    said = ("--incident", "INC-7", "--invoker", "dave", "--team", "payments", "--set", "justification=It is down")
    done = iacgate("request", change, *said, *more, "--no-input", "--output", path, cwd=life.stack.root)
    assert done.returncode == 0, done.stderr
    return ("--change", change, "--record", str(path), *life.ledger)


def approve(life: Deployed, person: str, *named: str) -> subprocess.CompletedProcess[bytes]:
    return life.stack.approve(person, *named)


def review(life: Deployed, iacgate: Run, person: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    signing = ("--as", person, "--key", str(life.stack.keys / person), "--inbox", str(life.stack.inbox), *life.ledger)
    said = ("--cause", "a disk was full", "--follow-up", "OPS-9: an alarm")
    return iacgate("attest", "review", "fix-1", *said, *(more or ("--justified",)), *signing, cwd=life.stack.root)


def settle(life: Deployed, iacgate: Run) -> subprocess.CompletedProcess[bytes]:
    return iacgate("settle", "fix-1", "--inbox", str(life.stack.inbox), *life.ledger, cwd=life.stack.root)


def reasons(life: Deployed, *named: str) -> tuple[int, list[str]]:
    code, decision = life.stack.decision(*named)
    return code, [reason["code"] for reason in decision["reasons"]]


def test_an_emergency_takes_one_independent_signature_and_is_reviewed_afterwards(life: Deployed, iacgate: Run) -> None:
    assert reasons(life, "--change", "fix-1", "--type", "emergency", *life.ledger)[1][-1] == "emergency-unrecorded"
    named = recorded(life, iacgate)
    assert reasons(life, *named) == (11, ["seat-missing"])
    assert b"had a hand in this change" in approve(life, "dave", *named).stderr, "who invokes it does not approve it"
    assert approve(life, "ann", *named).returncode == 0
    done = life.stack.iacgate("apply", *named)
    assert done.returncode == 0, (done.stdout, done.stderr)
    (emergency,) = life.entries()[-1].state.emergencies
    assert b"To be reviewed within 48 hours: iacgate attest review fix-1\n" in done.stderr
    assert (emergency.change, emergency.incident, emergency.invoker) == ("fix-1", "INC-7", "dave")
    assert (emergency.approvers, emergency.solo, emergency.team) == (("ann",), False, "payments")
    text = life.stack.iacgate("gate", "--change", "next", *life.ledger).stdout
    assert b"Warning: The review of the emergency fix-1 (INC-7, dave) is due at" in text
    assert b"payments had 1 emergencies here in 30 days" in text
    status = iacgate("status", *life.ledger, cwd=life.stack.root)
    assert b"review: due" in status.stdout, status.stdout
    for person in ("dave", "ann"):
        assert review(life, iacgate, person).returncode == 0
    assert b"invoked or approved the emergency" in settle(life, iacgate).stderr
    assert review(life, iacgate, "bob").returncode == 0
    settled = settle(life, iacgate)
    assert b"the emergency was justified" in settled.stdout, settled.stderr
    assert life.entries()[-1].event == "reviewed"
    assert life.entries()[-1].state.emergencies[0].justified is True
    assert b"The review of the emergency" not in life.stack.iacgate("gate", "--change", "next", *life.ledger).stdout
    assert life.verified().problems == ()
    assert independent(life) == (0, "")


def test_an_emergency_that_a_gate_does_not_keep_is_found_by_both(life: Deployed, iacgate: Run) -> None:
    named = recorded(life, iacgate)
    life.stack.iacgate("gate", *named)
    assert approve(life, "ann", *named).returncode == 0
    assert reasons(life, *named)[0] == 0
    begin_uncounted(life)
    assert "it begins an emergency, and nobody is to review it" in [item.what for item in life.verified().problems]
    assert "it begins an emergency, and nobody is to review it" in independent(life)[1]


def test_one_who_says_that_it_was_not_justified_decides(life: Deployed, iacgate: Run) -> None:
    named = recorded(life, iacgate)
    life.stack.iacgate("gate", *named)
    assert approve(life, "ann", *named).returncode == 0
    assert life.stack.iacgate("apply", *named).returncode == 0
    assert review(life, iacgate, "bob", "--not-justified").returncode == 0
    assert b"it was NOT justified" in settle(life, iacgate).stdout
    assert life.entries()[-1].state.emergencies[0].justified is False


def overdue(life: Deployed) -> None:
    """Put an emergency into the chain of which the review is overdue, as a gate of two months ago did."""
    entry = life.entries()[-1]
    before = FolderStore(life.place, clock=lambda: entry.time)
    ledger = Ledger(before, signer=SshGate(life.gate_key))
    old: Any = msgspec.structs.replace(
        entry.state.emergencies[0], change="old", time="2026-01-01T00:00:00Z", latest="2026-01-01T00:00:00Z"
    )

    def advance(state: State, *_: Any) -> State:
        return msgspec.structs.replace(state, emergencies=(*state.emergencies, old))

    ledger.append(Draft(event="decided", stack=entry.stack, change="old", advance=advance))


def test_an_overdue_review_blocks_what_is_normal_and_adds_a_seat_to_emergencies(life: Deployed, iacgate: Run) -> None:
    named = recorded(life, iacgate)
    life.stack.iacgate("gate", *named)
    assert approve(life, "ann", *named).returncode == 0
    assert life.stack.iacgate("apply", *named).returncode == 0
    overdue(life)
    life.stack.plan()
    code, codes = reasons(life, "--change", "next", *life.ledger)
    assert "review-overdue" in codes
    assert code == (11 if "seat-missing" in codes else 14)
    code, decision = life.stack.decision(*recorded(life, iacgate, "fix-2"))
    assert decision["seats"] == {"infra": 1, "security": 1}
    assert reasons(life, *named)[1] == ["seat-missing", "seat-missing", "emergency-taken"]


def test_who_acts_alone_needs_settings_that_were_signed_and_somebody_who_is_told(
    life: Deployed, iacgate: Run, tmp_path: Path
) -> None:
    named = recorded(life, iacgate, "fix-1", "--solo")
    assert reasons(life, *named) == (11, ["seat-missing"])
    signed = approve(life, "dave", *named)
    assert signed.returncode == 0, signed.stderr
    done = life.stack.iacgate("apply", *named)
    assert (done.returncode, b"nobody could be told" in done.stderr) == (11, True), done.stderr
    assert not (tmp_path / "told").exists()
    assert "intended" not in life.events()
    trust_root = life.stack.sign_settings("ann", "bob")
    life.stack.commit(HIGH.replace("INPUT", "changed"))
    life.stack.command("git", "branch", "trusted")
    life.stack.trusted, life.stack.trust_root = ("--trusted", "trusted"), trust_root
    life.stack.plan()
    assert approve(life, "dave", *named).returncode == 0
    done = life.stack.iacgate("apply", *named)
    assert done.returncode == 0, (done.stdout, done.stderr)
    told = (tmp_path / "told").read_text()
    assert "stack" in told
    assert "by one person alone" in told
    assert "It is down" in told
    assert b"  dave         invokes the emergency, and acts alone: fills the seat\n" in done.stdout
    intended = next(entry for entry in life.entries() if entry.event == "intended")
    assert intended.details["announced"] == "command"
    assert life.entries()[-1].state.emergencies[0].solo
    life.stack.commit(HIGH.replace("INPUT", "again"))
    life.stack.plan()
    again = recorded(life, iacgate, "fix-2", "--solo")
    code, decision = life.stack.decision(*again)
    assert code == 11
    assert any("it happened 1 times in 30 days" in reason["text"] for reason in decision["reasons"])
    assert life.verified().problems == ()
    assert independent(life) == (0, "")


def test_a_record_that_asks_for_one_signature_counts_as_alone_whoever_signs(life: Deployed, iacgate: Run) -> None:
    life.stack.settings(policy=EMERGENCY.replace("seats: {infra: 1}", "seats: {infra: 1, security: 2}", 1))
    life.stack.commit(HIGH.replace("INPUT", "changed"))
    life.stack.plan()
    named = recorded(life, iacgate, "fix-1", "--solo")
    assert reasons(life, *named) == (11, ["seat-missing"]), "one seat, and not three"
    assert approve(life, "ann", *named).returncode == 0
    done = life.stack.iacgate("apply", *named)
    assert (done.returncode, b"nobody could be told" in done.stderr) == (11, True), done.stderr
    assert "intended" not in life.events()


def test_what_the_same_person_did_alone_in_another_stack_counts_here(life: Deployed, iacgate: Run) -> None:
    named = recorded(life, iacgate, "fix-1", "--solo")
    assert reasons(life, *named) == (11, ["seat-missing"])
    for name, person in (("elsewhere", "ann"), ("other", "dave")):
        moment = now()
        there = Emergency(
            change="old", incident="INC-1", invoker=person, solo=True, time=moment, latest=moment, sequence=1
        )
        ledger = Ledger(FolderStore(life.place, clock=now), signer=SshGate(life.gate_key))
        state = State(emergencies=(there,))
        ledger.append(Draft(event="decided", stack=name, change="old", advance=lambda *_, state=state: state))
        assert ("solo" in reasons(life, *named)[1]) is (person == "dave")


def test_where_the_policy_lets_nobody_act_alone_nobody_does(life: Deployed, iacgate: Run) -> None:
    life.stack.settings(policy=POLICY.replace("tier: prod", "tier: prod, emergency: {seats: {infra: 1}}"))
    life.stack.commit(HIGH.replace("INPUT", "changed"))
    life.stack.plan()
    named = recorded(life, iacgate, "fix-1", "--solo")
    code, codes = reasons(life, *named)
    assert (code, "solo" in codes) == (11, True)
