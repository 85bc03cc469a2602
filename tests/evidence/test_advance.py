"""What follows from an entry for the next one: who may begin and end an apply, and which approvals are used up."""

from __future__ import annotations

import msgspec
import pytest

from iacgate.approval.counting import Verdict
from iacgate.errors import ApplyRefused, EvidenceInvalid
from iacgate.evidence.advance import (
    MAX_RETRIES,
    after_apply,
    after_decision,
    after_failure,
    after_intent,
    after_settings,
    ends,
)
from iacgate.evidence.entry import Applied, Attempt, Intent, Seen, Settings, Standing, State

NOW = "2026-11-23T12:00:00Z"
LATER = "2026-11-30T12:00:00Z"
USED = {"1" * 64: LATER, "2" * 64: LATER}
SEEN = Seen("lineage", 4, "")


def intent(change: str = "chg-1", run: str = "run-1") -> Intent:
    return Intent(change, run, "f" * 64, USED, NOW, 7)


def applied(change: str = "chg-1") -> Applied:
    return Applied(change, "a" * 40, "b" * 40, NOW, 8)


def test_one_apply_at_a_time() -> None:
    begun = after_intent(State(), intent(), allowed=True)
    with pytest.raises(ApplyRefused, match="has not said how that ended"):
        after_intent(begun, intent("chg-2", "run-2"), allowed=True)


def test_nothing_begins_that_somebody_rejected_meanwhile() -> None:
    rejected = State(rejections=(Standing("chg-1", "3" * 64, NOW),))
    with pytest.raises(ApplyRefused, match="rejected chg-1 meanwhile"):
        after_intent(rejected, intent(), allowed=True)
    assert after_intent(rejected, intent("chg-2"), allowed=True).intent
    assert after_intent(rejected, intent(), allowed=False).intent, "where the policy only observes, it is recorded"


def test_nothing_begins_by_approvals_that_were_used_up() -> None:
    with pytest.raises(ApplyRefused, match="used up by another apply"):
        after_intent(State(used=USED), intent(), allowed=True)


def test_a_run_ends_its_own_apply_only() -> None:
    state = State(intent=intent())
    ends(state, "run-1")
    for other in (State(), State(intent=intent(run="run-2"))):
        with pytest.raises(EvidenceInvalid, match="waits for no result"):
            ends(other, "run-1")


def test_an_apply_uses_up_its_approvals_and_those_of_its_failed_attempts() -> None:
    failed = after_failure(State(intent=intent()), "chg-1", "f" * 64, SEEN, {"3" * 64: LATER})
    assert failed.used == {}
    state = after_apply(failed, applied(), SEEN, USED, whole=True)
    assert state.used.keys() == {"1" * 64, "2" * 64, "3" * 64}
    assert (state.attempt, state.intent, state.seen) == (None, None, SEEN)


def test_an_apply_that_left_something_is_no_base() -> None:
    state = after_apply(State(base="c" * 40), applied(), SEEN, {}, whole=False)
    assert (state.base, state.applied) == ("c" * 40, applied())
    assert after_apply(state, applied(), SEEN, {}, whole=True).base == "a" * 40


def test_the_apply_of_one_change_leaves_the_attempts_of_another() -> None:
    failed = after_failure(State(), "chg-1", "f" * 64, SEEN, USED)
    assert after_apply(failed, applied("chg-2"), SEEN, {}, whole=True).attempt == failed.attempt


def test_approvals_that_were_of_no_use_too_often_are_used_up() -> None:
    state = State()
    for count in range(1, MAX_RETRIES + 1):
        state = after_failure(state, "chg-1", f"{count}" * 64, SEEN, USED)
        assert state.attempt == Attempt("chg-1", count, "1" * 64, "lineage", USED)
        assert state.used == {}
    state = after_failure(state, "chg-1", "f" * 64, SEEN, {})
    assert (state.attempt, state.used) == (None, USED)


def test_changes_that_fail_in_turn_are_not_tried_for_ever() -> None:
    """One change at a time is tried again: another one's failure ends that."""
    state = after_failure(State(), "chg-1", "f" * 64, SEEN, USED)
    state = after_failure(state, "chg-2", "e" * 64, SEEN, {"3" * 64: LATER})
    assert state.used == USED
    assert state.attempt == Attempt("chg-2", 1, "e" * 64, "lineage", {"3" * 64: LATER})


def rejection(digest: str, statement: str = "9" * 64) -> Verdict:
    return Verdict(digest * 64, statement, "bob", "reject", "counts", "")


def test_a_rejection_stands_once_however_often_it_is_delivered() -> None:
    verdicts = [rejection(digest) for digest in "abc"]
    state = after_decision(State(), "chg-1", verdicts, {item.digest: NOW for item in verdicts})
    assert state.rejections == (Standing("chg-1", "a" * 64, NOW),)


def test_a_rejection_that_the_decision_did_not_see_stands_on() -> None:
    before = State(rejections=(Standing("chg-1", "f" * 64, NOW),))
    assert after_decision(before, "chg-1", [], {}).rejections == before.rejections
    withdrawn = msgspec.structs.replace(rejection("f"), code="withdrawn")
    assert after_decision(before, "chg-1", [withdrawn], {}).rejections == ()


def test_settings_never_go_back_nor_change_their_digest() -> None:
    state = after_settings(State(), Settings("a" * 64, 2))
    assert after_settings(state, Settings("a" * 64, 2)) == state
    for other in (Settings("a" * 64, 1), Settings("b" * 64, 2)):
        with pytest.raises(EvidenceInvalid, match="version 2"):
            after_settings(state, other)
