"""Decisions about undoing that a gate lies about: what was answered, who signed it, and where back is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate.approval.counting import Received
from iacgate.change.record import Answer, Record
from iacgate.evidence.ledger import Piece
from iacgate.gate import Circumstances, Decision, Inputs
from iacgate.policy.environments import read_policy, weigh
from iacgate.render.decision import as_json
from iacgate.rollback.verdict import RollbackReport, Undo
from iacgate.vocabulary import Action, Readiness, Reversibility, Severity
from tests.support.approvals import WANTED, people, signed
from tests.support.attested import attested
from tests.support.ledgerlife import Life
from tests.support.verifiers import agreed
from tests.test_gate import inputs

POLICY = (
    "mode: enforce\nenvironments: {prod: {tier: prod, demands: {high: {seats: {infra: 1}, readiness: READINESS}}}}\n"
)
PLACE = "aws_db_instance.orders"
BACK = "a" * 40
ANSWERED = Record(
    id=WANTED.change,
    undo={PLACE: Answer(why="It moved to another account in March.", verdict=Reversibility.IRREVERSIBLE)},
)
SILENT = Record(id=WANTED.change)


def report(verdict: Reversibility) -> RollbackReport:
    undo = Undo(PLACE, "aws_db_instance", Action.DELETE, verdict, "create")
    return RollbackReport(Readiness.NOT_READY, verdict, (undo,), (), (), (), "0" * 64)


GONE, UNKNOWN, FINE = (
    report(verdict) for verdict in (Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN, Reversibility.NEW_IDENTITY)
)


def life_with(readiness: str) -> Life:
    """Return a ledger whose policy demands how ready a plan must be to be undone."""
    found = Life({"people.yaml": people(), "policy.yaml": POLICY.replace("READINESS", readiness).encode()})
    found.settings()
    return found


def given(
    life: Life, record: Record, found: RollbackReport | None, *more: Received, signs: Record, **known: Any
) -> Inputs:
    """Return what decides about a plan; ``signs`` is the record that was approved."""
    said: dict[str, Any] = {"bundle": life.named.digest, "ledger": life.ledger.genesis}
    demand = weigh(read_policy(life.files["policy.yaml"], "policy.yaml"), "prod").demand(Severity.HIGH, "normal")
    wanted = msgspec.structs.replace(WANTED, record=signs.digest, **said)
    circumstances = Circumstances(record=record, rollback=found, **{"previous": BACK, **known})
    received = (signed("ann", record=signs.digest, **said), *more)
    return inputs(*received, wanted=wanted, demand=demand, circumstances=circumstances)


def lied(life: Life, given_inputs: Inputs, **said: Any) -> None:
    """Record that a plan was allowed, whatever its inputs say."""
    _, real = life.decide(given_inputs)
    false: Decision = msgspec.structs.replace(real, allowed=True, blocks=False, reasons=(), **said)
    life.decide(given_inputs, pieces={"decision": Piece(as_json(false))}, details={"allowed": True, "exitCode": 0})


def rehearsed(life: Life, person: str = "robot", **more: Any) -> Received:
    body = {"fingerprint": WANTED.fingerprint, "previous": BACK, "outcome": "matches", **more}
    return attested("rehearsal", person, body, ledger=life.ledger.genesis)


def test_what_was_answered_for_holds(tmp_path: Path) -> None:
    life = life_with("answered")
    _, decision = life.decide(given(life, ANSWERED, GONE, signs=ANSWERED))
    assert decision.allowed
    assert agreed(life.store, tmp_path)


def test_what_was_rehearsed_holds(tmp_path: Path) -> None:
    life = life_with("rehearsed")
    _, decision = life.decide(given(life, SILENT, FINE, rehearsed(life), signs=SILENT))
    assert decision.allowed
    assert agreed(life.store, tmp_path)


def test_a_denial_holds(tmp_path: Path) -> None:
    life = life_with("rehearsed")
    _, decision = life.decide(given(life, SILENT, GONE, signs=SILENT))
    assert not decision.allowed
    assert agreed(life.store, tmp_path)


LIES: dict[str, tuple[str, Record, RollbackReport | None]] = {
    "nobody answered": ("answered", SILENT, GONE),
    "nobody knows, and nobody answered": ("answered", SILENT, UNKNOWN),
    "nobody asked": ("answered", ANSWERED, None),
    "answered, and that is not enough": ("ready-on-paper", ANSWERED, GONE),
    "answered as irreversible, and that is not enough": ("ready-on-paper", ANSWERED, UNKNOWN),
    "nobody rehearsed": ("rehearsed-approximately", SILENT, FINE),
}


@pytest.mark.parametrize("name", LIES)
def test_a_plan_that_cannot_be_undone_is_not_allowed(tmp_path: Path, name: str) -> None:
    readiness, record, found = LIES[name]
    life = life_with(readiness)
    lied(life, given(life, record, found, signs=record))
    assert not agreed(life.store, tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {"fingerprint": "0" * 64},
        {"previous": "b" * 40},
        {"outcome": "failed"},
        {"approximate": [PLACE]},
    ],
)
def test_a_rehearsal_of_something_else_allows_nothing(tmp_path: Path, more: dict[str, Any]) -> None:
    life = life_with("rehearsed")
    lied(life, given(life, SILENT, FINE, rehearsed(life, **more), signs=SILENT))
    assert not agreed(life.store, tmp_path)


def test_a_rehearsal_by_nobody_allows_nothing(tmp_path: Path) -> None:
    life = life_with("rehearsed")
    body = {"fingerprint": WANTED.fingerprint, "previous": BACK, "outcome": "matches"}
    stranger = attested("rehearsal", "robot", body, key="stranger", ledger=life.ledger.genesis)
    lied(life, given(life, SILENT, FINE, stranger, signs=SILENT))
    assert not agreed(life.store, tmp_path)


def test_an_answer_that_nobody_signed_does_not_count(tmp_path: Path) -> None:
    life = life_with("answered")
    _, decision = life.decide(given(life, ANSWERED, GONE, signs=SILENT))
    assert decision.allowed, "what decides says that the record is the one that was signed"
    assert not agreed(life.store, tmp_path)
    life = life_with("answered")
    changed = given(life, ANSWERED, GONE, signs=SILENT)
    wanted = msgspec.structs.replace(changed.wanted, record=ANSWERED.digest)
    lied(life, msgspec.structs.replace(changed, wanted=wanted))
    assert not agreed(life.store, tmp_path)


def test_another_report_than_what_decided(tmp_path: Path) -> None:
    life = life_with("answered")
    lied(life, given(life, SILENT, GONE, signs=SILENT), rollback=FINE)
    assert not agreed(life.store, tmp_path)
