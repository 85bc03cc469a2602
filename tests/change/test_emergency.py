"""Emergencies add up, and only a review settles one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.change.emergency import (
    KEPT_DAYS,
    MAX_HELD,
    Emergency,
    begun,
    block_normal,
    due,
    extra_seat,
    open_reviews,
    overdue,
    pruned,
    rate,
    taken,
    team_name,
)
from iacgate.errors import ApplyRefused
from tests.change.emergencies import BEGUN, emergencies, emergency, later, times

REVIEWED = "a" * 64


def test_a_review_is_due_after_the_hours_of_the_policy() -> None:
    one = emergency()
    assert due(one, 48) == "2026-11-25T12:00:00Z"
    (review,) = open_reviews([one], 48, "2026-11-25T12:00:00Z")
    assert (review.change, review.incident, review.due, review.overdue) == ("chg-1", "INC-7", due(one, 48), False)
    assert overdue([one], 48, "2026-11-25T12:00:00Z") == ()
    assert [item.change for item in overdue([one], 48, "2026-11-25T12:00:01Z")] == ["chg-1"]


def test_what_was_reviewed_is_due_no_more() -> None:
    assert open_reviews([emergency(reviewed=REVIEWED, justified=False)], 48, later(BEGUN, days=9)) == ()


def test_the_review_that_is_due_first_comes_first() -> None:
    found = open_reviews([emergency("b", time=later(BEGUN, hours=1)), emergency("a")], 48, BEGUN)
    assert [item.change for item in found] == ["a", "b"]


def test_an_overdue_review_stops_normal_changes_and_says_which() -> None:
    now = later(BEGUN, days=3)
    assert block_normal(open_reviews([emergency()], 48, BEGUN)) == ""
    text = block_normal(open_reviews([emergency(), emergency("chg-2", time=now)], 48, now))
    assert "chg-1 (INC-7, due 2026-11-25T12:00:00Z)" in text
    assert "chg-2" not in text
    many = open_reviews([emergency(f"chg-{number}") for number in range(9)], 48, now)
    assert "and 4 more" in block_normal(many)


def test_an_overdue_review_asks_for_one_more_seat() -> None:
    late = overdue([emergency(), emergency("chg-2")], 48, later(BEGUN, days=3))
    assert extra_seat({"on-call": 1}, "security", late) == {"on-call": 1, "security": 1}
    assert extra_seat({"security": 1}, "security", late) == {"security": 2}
    assert extra_seat({"on-call": 1}, "security", open_reviews([emergency()], 48, BEGUN)) == {"on-call": 1}


def test_an_emergency_is_added_to_those_before() -> None:
    before = begun((), emergency("chg-1"), retry=False)
    assert [item.change for item in begun(before, emergency("chg-2"), retry=False)] == ["chg-1", "chg-2"]
    assert begun((), emergency("chg-1"), retry=True) == (emergency("chg-1"),)


def test_one_that_failed_and_is_begun_again_stays_one_with_everybody_who_signed() -> None:
    again = emergency(invoker="cleo", approvers=("dave",), solo=True, time=later(BEGUN, hours=30), sequence=9)
    (found,) = begun([emergency()], again, retry=True)
    assert (found.invoker, found.approvers, found.solo) == ("ann", ("bob", "cleo", "dave"), True)
    assert (found.time, found.latest, found.sequence) == (BEGUN, later(BEGUN, hours=30), 3)
    assert found.involved == {"ann", "bob", "cleo", "dave"}
    assert due(found, 48) == due(emergency(), 48)


def test_what_one_person_began_alone_stays_so_however_it_goes_on() -> None:
    (found,) = begun([emergency(solo=True)], emergency(solo=False), retry=True)
    assert found.solo


@pytest.mark.parametrize(
    ("before", "retry", "says"),
    [
        (emergency(), False, "was applied as an emergency"),
        (emergency(reviewed=REVIEWED), False, "was reviewed"),
        (emergency(reviewed=REVIEWED), True, "was reviewed"),
    ],
)
def test_one_change_is_one_emergency(before: Emergency, retry: bool, says: str) -> None:
    assert says in taken([before], "chg-1", retry=retry)
    with pytest.raises(ApplyRefused, match=says) as caught:
        begun([before], emergency(), retry=retry)
    assert "--change" in caught.value.hint
    assert taken([before], "chg-2", retry=retry) == ""


def test_a_chain_holds_so_many_and_says_so() -> None:
    full = [emergency(f"chg-{number}") for number in range(MAX_HELD)]
    with pytest.raises(ApplyRefused, match="as many as its chain can hold"):
        begun(full, emergency("chg-new"), retry=False)


def test_the_full_state_of_a_chain_fits_into_an_entry() -> None:
    full = [emergency(f"chg-{number}", reviewed=REVIEWED, justified=True) for number in range(MAX_HELD)]
    assert len(msgspec.json.encode(full)) < 128 << 10


def test_what_was_reviewed_leaves_after_a_while() -> None:
    old, open_one = emergency("chg-1", reviewed=REVIEWED), emergency("chg-2")
    assert pruned([old, open_one], later(BEGUN, days=KEPT_DAYS)) == (old, open_one)
    assert pruned([old, open_one], later(BEGUN, days=KEPT_DAYS, seconds=1)) == (open_one,)


def test_the_rate_counts_a_stack_and_its_teams() -> None:
    some = [emergency("a"), emergency("b", team="web"), emergency("c", team=" Payments", time=later(BEGUN, days=-31))]
    found = rate(some, 2, 30, BEGUN)
    assert (found.stack.uses, found.stack.warns, found.warns) == (2, True, True)
    assert [(item.team, item.uses, item.warns) for item in found.teams] == [("payments", 1, False), ("web", 1, False)]
    assert not rate(some, 3, 30, BEGUN).warns
    assert rate(some, 3, 40, BEGUN).stack.warns


def test_other_stacks_count_for_their_teams_only() -> None:
    found = rate([emergency("a")], 2, 30, BEGUN, elsewhere=[emergency("b", team="PAYMENTS"), emergency("c", team="")])
    assert (found.stack.uses, found.stack.warns) == (1, False)
    assert [(item.team, item.uses) for item in found.teams] == [("", 1), ("payments", 2)]
    assert found.warns


def test_a_clock_that_is_behind_hides_nothing() -> None:
    assert rate([emergency(time=later(BEGUN, days=2))], 1, 30, BEGUN).warns


def test_a_team_in_another_spelling_is_the_same() -> None:
    assert team_name("  Pay  MENTS ") == team_name("pay ments")


@given(emergencies(), st.lists(emergencies(), max_size=2), times)
def test_more_emergencies_never_loosen_anything(
    some: tuple[Emergency, ...], more: list[tuple[Emergency, ...]], now: str
) -> None:
    others = [
        msgspec.structs.replace(item, change=f"more-{number}-{item.change}")
        for number, group in enumerate(more)
        for item in group
    ]
    every = (*some, *others)
    before, after = overdue(some, 48, now), overdue(every, 48, now)
    assert set(before) <= set(after)
    assert bool(block_normal(after)) >= bool(block_normal(before))
    one, other = extra_seat({"on-call": 1}, "security", before), extra_seat({"on-call": 1}, "security", after)
    assert all(other[role] >= count for role, count in one.items())
    fewer, all_of_them = rate(some, 3, 30, now), rate(every, 3, 30, now)
    assert all_of_them.stack.uses >= fewer.stack.uses
    assert all_of_them.warns >= fewer.warns
    assert set(pruned(some, now)) <= set(pruned(every, now))


@given(emergencies(), times, st.integers(0, 3000))
def test_time_alone_never_settles_a_review(some: tuple[Emergency, ...], now: str, days: int) -> None:
    then = later(now, days=days)
    late, later_on = overdue(some, 48, now), overdue(pruned(some, then), 48, then)
    assert {item.change for item in late} <= {item.change for item in later_on}
    assert {item.change for item in some if not item.reviewed} <= {item.change for item in pruned(some, then)}


@given(emergencies(), st.integers(0, 1000), st.integers(1, 365))
def test_what_left_the_state_would_not_have_counted(some: tuple[Emergency, ...], days: int, window: int) -> None:
    now = later(max((item.latest for item in some), default=BEGUN), days=days)
    assert rate(pruned(some, now), 3, window, now) == rate(some, 3, window, now)
