"""One person alone may do little, rarely, and not in silence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.change.emergency import Emergency, open_reviews
from iacgate.change.solo import Alone, Limits, announcement, solo_problems
from iacgate.vocabulary import Severity
from tests.change.emergencies import BEGUN, emergencies, emergency, later, times

LIMITS = Limits("on-call", Severity.HIGH, 10, 1, 30)
ANN = Alone(change="chg-9", invoker="ann", human=True, roles=frozenset({"on-call"}), severity=Severity.HIGH, changes=10)


def problems(*before: Emergency, now: str = BEGUN, elsewhere: tuple[Emergency, ...] = (), **more: Any) -> list[str]:
    alone = msgspec.structs.replace(ANN, **more)
    return list(solo_problems(LIMITS, alone, before, open_reviews(before, 48, now), now, elsewhere))


def test_within_all_limits_one_person_may() -> None:
    assert problems() == []
    assert problems(emergency(solo=False)) == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"invoker": ""}, "not known who"),
        ({"human": False}, "is a machine"),
        ({"roles": frozenset({"infra"})}, "does not hold the role on-call"),
        ({"severity": Severity.CRITICAL}, "severity is critical"),
        ({"changes": 11}, "it has 11 changes"),
    ],
)
def test_beyond_a_limit_nobody_may(more: dict[str, Any], why: str) -> None:
    (found,) = problems(**more)
    assert why in found


def test_where_the_policy_says_nothing_nobody_may() -> None:
    assert solo_problems(None, ANN, (), (), BEGUN) == ("the policy lets nobody act alone here",)


def test_where_nobody_knows_how_often_nobody_may() -> None:
    (found,) = solo_problems(LIMITS, ANN, None, (), BEGUN)
    assert "cannot be asked" in found


def test_it_happens_so_often_in_a_stack_whoever_invokes_it() -> None:
    before = emergency(solo=True, invoker="cleo", reviewed="a" * 64)
    (found,) = problems(before)
    assert "1 times in 30 days" in found
    assert problems(before, now=later(BEGUN, days=30, seconds=1)) == []
    assert problems(before, now=later(BEGUN, days=30)) != []


def test_elsewhere_counts_what_the_same_person_invoked() -> None:
    assert problems(elsewhere=(emergency(solo=True),)) != []
    assert problems(elsewhere=(emergency(solo=True, invoker="cleo"),)) == []


def test_what_is_left_of_one_that_failed_is_no_other_one() -> None:
    before = emergency("chg-9", solo=True)
    assert problems(before, again=True) == []
    assert problems(before) != []
    assert problems(before, emergency("chg-8", solo=True), again=True) != []


def test_while_a_review_is_overdue_nobody_acts_alone() -> None:
    (found,) = problems(emergency(), now=later(BEGUN, days=3))
    assert "chg-1 is overdue since 2026-11-25T12:00:00Z" in found


def test_every_reason_is_said() -> None:
    assert len(problems(emergency(solo=True), changes=11, severity=Severity.CRITICAL, roles=frozenset())) == 4


def test_it_is_told_in_lines_of_which_nobody_makes_more() -> None:
    text = announcement(
        emergency(approvers=(), solo=True), "payments", "down\nReview due: never", Severity.HIGH, 3, BEGUN
    )
    assert text.splitlines() == [
        "Emergency: stack payments, by one person alone",
        "Incident: INC-7",
        "Change: chg-1, severity high, 3 changes",
        "Invoked by: ann (payments), approved by nobody",
        "Why: down Review due: never",
        f"Review due: {BEGUN}",
    ]


def test_it_is_told_where_nobody_could_ask_the_ledger() -> None:
    text = announcement(emergency(), "payments", "down", Severity.HIGH, 3, BEGUN, "s3://first:\nno answer")
    assert text.splitlines()[-1] == "Decided without the ledger: s3://first: no answer"


@given(emergencies(), emergencies(), times, st.integers(0, 20), st.sampled_from(list(Severity)))
def test_more_emergencies_never_let_one_person_do_more(
    some: tuple[Emergency, ...], more: tuple[Emergency, ...], now: str, changes: int, severity: Severity
) -> None:
    others = tuple(msgspec.structs.replace(item, change=f"more-{item.change}") for item in more)
    alone: dict[str, Any] = {"changes": changes, "severity": severity}
    fewer = problems(*some, now=now, **alone)
    assert len(problems(*some, *others, now=now, **alone)) >= len(fewer)
    assert len(problems(*some, now=now, elsewhere=others, **alone)) >= len(fewer)
