"""The gate's rule on undoing: what denies, and what the record can answer for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from iacgate import canonical
from iacgate.change.record import Answer, Record
from iacgate.gate import Circumstances, decide
from iacgate.people.attested import Attested
from iacgate.policy.demands import DEFAULTS, demanded
from iacgate.rollback.rehearsed import Rehearsed
from iacgate.rollback.verdict import Because, Check, RollbackReport, Undo
from iacgate.vocabulary import Action, Readiness, ReadinessDemand, Reversibility, Severity
from tests.support.approvals import WANTED, signed
from tests.test_gate import ROSTER, codes, inputs

DATABASE = "aws_db_instance.orders"
GONE = Undo(
    DATABASE, "aws_db_instance", Action.DELETE, Reversibility.IRREVERSIBLE, "create", (Because("its data is gone"),)
)
BLOCK = Check("RB001", "block", "its data is gone for good", "Protect it first.", DATABASE)
RESTORE = Check("RB002", "high", "its data comes back only from a snapshot", "Name it.", DATABASE)
NO_LOCK = Check("RB011", "high", "the plan has no lock file", "Commit it.")


def report(*parts: Undo | Check) -> RollbackReport:
    undos = tuple(item for item in parts if isinstance(item, Undo))
    checks = tuple(item for item in parts if isinstance(item, Check))
    return RollbackReport(Readiness.NOT_READY, Reversibility.UNKNOWN, undos, checks, (), (), "0" * 64)


def reasons(
    readiness: ReadinessDemand, found: RollbackReport | None, undo: dict[str, Answer] | None = None, **more: Any
) -> list[str]:
    """Return why a plan is denied that two people approved, as far as undoing it is concerned."""
    demand = msgspec.structs.replace(demanded(DEFAULTS, Severity.HIGH), readiness=readiness)
    record = Record(id="chg-1", undo=undo or {})
    given = inputs(
        signed("ann"), signed("bob"), demand=demand, circumstances=Circumstances(record=record, rollback=found), **more
    )
    return [reason.code for reason in decide(given, ROSTER).reasons if reason.exit_code == 12]


def test_nothing_is_asked_where_nothing_is_demanded() -> None:
    assert reasons("", report(GONE, BLOCK)) == []


def test_a_report_that_is_missing_does_not_pass() -> None:
    assert reasons("answered", None) == ["undoing-unknown"]


def test_what_is_irreversible_can_be_answered_for_or_not() -> None:
    said = {DATABASE: Answer(why="It was moved to another account in March.", verdict=Reversibility.IRREVERSIBLE)}
    assert reasons("answered", report(GONE, BLOCK)) == ["irreversible", "not-ready"]
    assert reasons("answered", report(GONE, BLOCK), said) == []
    assert reasons("ready-on-paper", report(GONE, BLOCK), said) == ["irreversible", "not-ready"]


@pytest.mark.parametrize("verdict", [None, Reversibility.REVERSIBLE, Reversibility.UNKNOWN])
def test_what_is_known_to_be_irreversible_is_not_talked_away(verdict: Reversibility | None) -> None:
    assert reasons("answered", report(GONE), {DATABASE: Answer(why="It is fine.", verdict=verdict)}) == ["irreversible"]


def test_what_is_unknown_is_stated_by_whoever_knows_better() -> None:
    unknown = msgspec.structs.replace(GONE, verdict=Reversibility.UNKNOWN)
    assert reasons("ready-on-paper", report(unknown)) == ["undoing-unknown"]
    said = Answer(why="It is a cache.", verdict=Reversibility.NEW_IDENTITY)
    assert reasons("ready-on-paper", report(unknown), {DATABASE: said}) == []
    gone = msgspec.structs.replace(said, verdict=Reversibility.IRREVERSIBLE)
    assert reasons("ready-on-paper", report(unknown), {DATABASE: gone}) == ["irreversible"]
    assert reasons("answered", report(unknown), {DATABASE: gone}) == []


def test_who_says_that_data_would_be_restored_says_from_what() -> None:
    unknown = msgspec.structs.replace(GONE, verdict=Reversibility.UNKNOWN)
    said = Answer(why="It is backed up every night.", verdict=Reversibility.DATA_RESTORE)
    assert reasons("ready-on-paper", report(unknown), {DATABASE: said}) == ["recovery-point-missing"]
    named = msgspec.structs.replace(said, recovery_point="vault/orders-2026-11-24")
    assert reasons("ready-on-paper", report(unknown), {DATABASE: named}) == []


def test_where_data_is_restored_the_record_names_from_what() -> None:
    assert reasons("ready-on-paper", report(RESTORE)) == ["not-answered"]
    said = Answer(why="The nightly snapshot will do.")
    assert reasons("ready-on-paper", report(RESTORE), {DATABASE: said}) == ["recovery-point-missing"]
    named = msgspec.structs.replace(said, recovery_point="rds:orders-2026-11-24")
    assert reasons("ready-on-paper", report(RESTORE), {DATABASE: named}) == []


def test_a_check_without_an_address_is_answered_by_its_id() -> None:
    assert reasons("answered", report(NO_LOCK)) == ["not-answered"]
    assert reasons("answered", report(NO_LOCK), {"RB011": Answer(why="Only the built-in provider downloads.")}) == []


def test_what_weighs_little_is_not_asked_for() -> None:
    little = Check("RB019", "medium", "it has another identity", "See who uses it.", DATABASE)
    assert reasons("ready-on-paper", report(little)) == []


def rehearsed(
    outcome: Any = "matches", *, at: str = "2026-11-23T12:00:00Z", human: bool = False, **more: Any
) -> Attested:
    said = Rehearsed(fingerprint=WANTED.fingerprint, previous="a" * 40, outcome=outcome)
    body = canonical.canonical_json(msgspec.structs.replace(said, **more))
    roles = frozenset({"infra"}) if human else frozenset()
    who = "ann" if human else "ci"
    return Attested("rehearsal", WANTED.change, body, "", who, human, roles, at, "2027-01-01T00:00:00Z", "d" * 64)


def rehearsal(readiness: ReadinessDemand, *attested: Attested, previous: str = "a" * 40, **more: Any) -> list[str]:
    from iacgate.gate.rollback import can_be_undone

    demand = msgspec.structs.replace(demanded(DEFAULTS, Severity.HIGH), readiness=readiness)
    given = inputs(demand=demand, circumstances=Circumstances(rollback=report(), previous=previous), **more)
    return [reason.code for reason in can_be_undone(given, attested)]


def test_a_rehearsal_is_demanded() -> None:
    assert rehearsal("rehearsed") == ["not-rehearsed"]
    assert rehearsal("rehearsed", rehearsed()) == []
    assert rehearsal("rehearsed", rehearsed(approximate=(DATABASE,))) == ["not-rehearsed"]
    assert rehearsal("rehearsed-approximately", rehearsed(approximate=(DATABASE,))) == []
    assert rehearsal("rehearsed", rehearsed(fingerprint="0" * 64)) == ["not-rehearsed"], "of another plan"


def test_the_newest_rehearsal_decides_also_where_none_is_demanded() -> None:
    later = "2026-11-23T13:00:00Z"
    assert rehearsal("answered", rehearsed(), rehearsed("failed", at=later)) == ["rehearsal-failed"]
    assert rehearsal("answered", rehearsed("failed"), rehearsed(at=later)) == []
    assert rehearsal("answered", rehearsed(), rehearsed("differs")) == ["rehearsal-failed"], "of one second, the worse"


def test_the_word_of_a_rehearsal_ends_and_what_it_found_does_not() -> None:
    later = "2026-11-23T13:00:00Z"
    lapsed = msgspec.structs.replace(rehearsed(), lapsed="it has expired")
    assert rehearsal("rehearsed", lapsed) == ["not-rehearsed"]
    failed = msgspec.structs.replace(rehearsed("failed", at=later), lapsed="it has expired")
    assert rehearsal("rehearsed", rehearsed(), failed) == ["rehearsal-failed"], "expiring makes nothing green"
    assert rehearsal("rehearsed", rehearsed("failed"), msgspec.structs.replace(lapsed, arrived=later)) == [
        "rehearsal-failed"
    ], "what has expired takes nothing back"


def test_a_rehearsal_counts_for_the_commit_that_was_applied_last() -> None:
    assert rehearsal("rehearsed", rehearsed(previous="b" * 40)) == ["not-rehearsed"]
    assert rehearsal("rehearsed", rehearsed(), previous="b" * 40) == ["not-rehearsed"]
    assert rehearsal("answered", rehearsed("failed", previous="b" * 40)) == [], "of another way back"
    assert rehearsal("rehearsed", rehearsed(), previous="") == ["not-rehearsed"], "nobody knows where back is"
    assert rehearsal("answered", rehearsed("failed"), previous="") == ["rehearsal-failed"]


def test_a_rehearsal_that_cannot_be_read_is_no_good_news() -> None:
    later = "2026-11-23T13:00:00Z"
    unreadable = msgspec.structs.replace(rehearsed("failed", at=later), body=b"{}")
    assert rehearsal("answered", rehearsed(), unreadable) == ["rehearsal-failed"]
    assert rehearsal("answered", unreadable, rehearsed(at="2026-11-23T14:00:00Z")) == []


def test_whoever_had_a_hand_in_it_does_not_attest_its_rehearsal() -> None:
    assert rehearsal("rehearsed", rehearsed(human=True)) == []
    said = msgspec.structs.replace(rehearsed(human=True), principal=next(iter(WANTED.authors)))
    assert rehearsal("rehearsed", said) == ["not-rehearsed"]


def test_the_policy_says_whose_rehearsals_count() -> None:
    named = (frozenset({"robot", "infra"}),)
    assert rehearsal("rehearsed", rehearsed(), rehearsers=named) == ["not-rehearsed"]
    assert rehearsal("rehearsed", rehearsed(), rehearsers=(frozenset({"ci"}),)) == []
    assert rehearsal("rehearsed", rehearsed(human=True), rehearsers=named) == []
    assert rehearsal("rehearsed", rehearsed(human=True), rehearsers=(*named, frozenset({"ci"}))) == ["not-rehearsed"]
    assert rehearsal("answered", rehearsed("failed"), rehearsers=named) == [], "whoever may not, denies nothing"
    said = msgspec.structs.replace(rehearsed(human=True), principal=next(iter(WANTED.authors)))
    assert rehearsal("rehearsed", said, rehearsers=named) == ["not-rehearsed"], "not for one's own change"


def test_the_decision_has_the_report() -> None:
    demand = msgspec.structs.replace(demanded(DEFAULTS, Severity.HIGH), readiness="answered")
    decision = decide(inputs(demand=demand, circumstances=Circumstances(rollback=report(GONE))), ROSTER)
    assert decision.rollback == report(GONE)
    assert "irreversible" in codes(decision)
    assert decision.exit_code == 11, "the lowest of its reasons"
