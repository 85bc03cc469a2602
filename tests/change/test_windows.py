from __future__ import annotations

from datetime import date, time
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.change.calendars import Calendar
from iacgate.change.opening import Closed, Schedule
from iacgate.change.windows import HORIZON, MAX_CLOSED, Asked, schedule, schedule_of_all
from iacgate.errors import SettingsInvalid
from tests.support.calendars import BERLIN, calendar, event, instant, weekly, weekly_times

NIGHTS = calendar(
    event("DTSTART:20260105T220000Z", "DTEND:20260106T040000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", summary="Nights")
)
HOLIDAYS = calendar(
    event("DTSTART;VALUE=DATE:20261221", "DTEND;VALUE=DATE:20270104", summary="Holidays"), name="holidays"
)


def opens(windows: list[Calendar], freezes: list[Calendar], now: str, timezone: str = "UTC") -> str:
    """Return when it opens, and hold what a schedule says against itself."""
    found = schedule(windows, freezes, timezone, now)
    assert found.open == (found.next_open == now) == (not found.closed)
    if found.next_open:
        assert schedule(windows, freezes, timezone, found.next_open).open
    return found.next_open


def test_an_environment_is_open_only_inside_of_its_windows() -> None:
    assert opens([NIGHTS], [], "2026-11-02T21:59:59Z") == "2026-11-02T22:00:00Z"
    assert opens([NIGHTS], [], "2026-11-02T22:00:00Z") == "2026-11-02T22:00:00Z"
    assert opens([NIGHTS], [], "2026-11-03T03:59:59Z") == "2026-11-03T03:59:59Z"


def test_the_end_of_a_window_is_not_in_it() -> None:
    assert opens([NIGHTS], [], "2026-11-03T04:00:00Z") == "2026-11-03T22:00:00Z"
    assert opens([NIGHTS], [], "2026-11-06T04:00:00Z") == "2026-11-09T22:00:00Z"


def test_a_freeze_closes_and_its_end_is_not_in_it() -> None:
    assert opens([], [HOLIDAYS], "2026-12-20T23:59:59Z") == "2026-12-20T23:59:59Z"
    assert opens([], [HOLIDAYS], "2026-12-21T00:00:00Z") == "2027-01-04T00:00:00Z"
    assert opens([], [HOLIDAYS], "2027-01-04T00:00:00Z") == "2027-01-04T00:00:00Z"


def test_a_freeze_wins_over_a_window() -> None:
    assert opens([NIGHTS], [HOLIDAYS], "2026-12-21T23:00:00Z") == "2027-01-04T22:00:00Z"


def test_whole_days_are_those_of_the_zone_that_the_policy_names() -> None:
    assert opens([], [HOLIDAYS], "2026-12-21T00:00:00Z", "America/New_York") == "2026-12-21T00:00:00Z"
    assert opens([], [HOLIDAYS], "2026-12-21T05:00:00Z", "America/New_York") == "2027-01-04T05:00:00Z"
    floating = calendar(event("DTSTART:20260701T100000", "DURATION:PT1H"))
    assert opens([floating], [], "2026-07-01T00:00:00Z", "Asia/Kolkata") == "2026-07-01T04:30:00Z"


def test_without_calendars_it_is_open() -> None:
    found = schedule([], [], "UTC", "2026-11-03T04:00:00Z")
    assert found == Schedule(
        open=True,
        closed=(),
        next_open="2026-11-03T04:00:00Z",
        calendars=(),
        zones="",
        at="2026-11-03T04:00:00Z",
    )


def test_windows_that_are_past_or_cancelled_never_open() -> None:
    past = calendar(event("DTSTART:20200101T220000Z", "DURATION:PT1H"))
    cancelled = calendar(event("DTSTART:20270101T220000Z", "DURATION:PT1H", "STATUS:CANCELLED"))
    for windows in ([past], [cancelled], [past, cancelled]):
        assert opens(windows, [], "2026-11-03T04:00:00Z") == ""
        assert schedule(windows, [], "UTC", "2026-11-03T04:00:00Z").closed[0].why == (
            "it is outside of the windows, and none begins within 400 days"
        )


def test_what_is_closed_says_why_and_until_when() -> None:
    found = schedule([NIGHTS], [HOLIDAYS], "UTC", "2026-12-22T12:00:00Z")
    assert found.closed == (
        Closed("holidays", "Holidays", "2027-01-04T00:00:00Z", "a freeze holds until 2027-01-04T00:00:00Z"),
        Closed(
            "nights",
            "",
            "2026-12-22T22:00:00Z",
            "it is outside of the windows, and the next one begins at 2026-12-22T22:00:00Z",
        ),
    )
    assert found.next_open == "2027-01-04T22:00:00Z"


def test_of_many_freezes_those_that_last_longest_are_named() -> None:
    many = calendar(
        *(event("DTSTART:20270101T000000Z", f"DURATION:PT{hours}H", summary=f"{hours}") for hours in range(1, 20))
    )
    found = schedule([], [many], "UTC", "2027-01-01T00:30:00Z")
    assert [closed.event for closed in found.closed] == ["19", "18", "17", "16", "15"][:MAX_CLOSED]
    assert found.next_open == "2027-01-01T19:00:00Z"


def test_tentative_events_close_and_do_not_open() -> None:
    perhaps = calendar(event("DTSTART:20270101T000000Z", "DURATION:PT1H", "STATUS:TENTATIVE"))
    assert opens([perhaps], [], "2027-01-01T00:30:00Z") == ""
    assert opens([], [perhaps], "2027-01-01T00:30:00Z") == "2027-01-01T01:00:00Z"


def test_an_event_counts_also_where_its_owner_is_not_busy() -> None:
    free = calendar(event("DTSTART;VALUE=DATE:20270101", "TRANSP:TRANSPARENT"))
    assert opens([], [free], "2027-01-01T00:30:00Z") == "2027-01-02T00:00:00Z"


def test_the_first_open_instant_lies_between_freezes_that_touch_and_overlap() -> None:
    freezes = calendar(
        event("DTSTART:20270101T000000Z", "DURATION:PT2H"),
        event("DTSTART:20270101T013000Z", "DURATION:PT1H"),
        event("DTSTART:20270101T023000Z", "DURATION:PT1H"),
        event("DTSTART:20270101T033001Z", "DURATION:PT1H"),
    )
    assert opens([], [freezes], "2027-01-01T00:30:00Z") == "2027-01-01T03:30:00Z"


def test_a_window_that_opens_after_the_horizon_is_not_found() -> None:
    now = instant("2026-11-03T00:00:00Z")
    for days, found in ((HORIZON, True), (HORIZON + 1, False)):
        start = instants.at(now + days * 86_400)
        window = calendar(event(f"DTSTART:{start.replace('-', '').replace(':', '')}", "DURATION:PT1H"))
        assert opens([window], [], "2026-11-03T00:00:00Z") == (start if found else "")


def test_all_of_some_environments_are_open_where_each_of_them_is() -> None:
    early = calendar(event("DTSTART:20270104T080000Z", "DURATION:PT4H", "RRULE:FREQ=DAILY"), name="early")
    late = calendar(event("DTSTART:20270104T100000Z", "DURATION:PT4H", "RRULE:FREQ=DAILY"), name="late")
    asked = [Asked((early,), (), "UTC"), Asked((late,), (), "UTC")]
    found = schedule_of_all(asked, "2027-01-04T09:00:00Z")
    assert (found.open, found.next_open) == (False, "2027-01-04T10:00:00Z")
    assert [closed.calendar for closed in found.closed] == ["late"]
    assert schedule([early, late], [], "UTC", "2027-01-04T09:00:00Z").open
    assert schedule_of_all(asked, "2027-01-04T12:00:00Z").next_open == "2027-01-05T10:00:00Z"


def test_a_schedule_names_what_it_was_made_from_and_can_be_recorded() -> None:
    found = schedule([NIGHTS], [HOLIDAYS], "UTC", "2026-12-22T12:00:00Z")
    assert found.calendars == (("holidays", HOLIDAYS.sha256), ("nights", NIGHTS.sha256))
    assert found.zones == ""
    assert msgspec.json.decode(canonical.canonical_json(found), type=Schedule) == found


def test_the_release_of_the_zones_is_named_where_it_decides() -> None:
    assert schedule([NIGHTS], [], "Europe/Berlin", "2026-12-22T12:00:00Z").zones.startswith("20")
    named = event("DTSTART;TZID=Europe/Berlin:20270101T220000", "DURATION:PT1H")
    assert schedule([calendar(named)], [], "UTC", "2026-12-22T12:00:00Z").zones
    assert schedule([calendar(BERLIN, named)], [], "UTC", "2026-12-22T12:00:00Z").zones == ""


@pytest.mark.parametrize("name", ["Europe/Berln", "", "../UTC", "/etc/localtime", "europe/berlin", "zones"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsInvalid, match="no time zone"):
        schedule([NIGHTS], [], name, "2026-12-22T12:00:00Z")


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"]
)
WEEKLIES = st.tuples(
    st.sets(st.integers(0, 6), min_size=1),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
    st.integers(1, 40),
    ZONES,
)
SINCE = date(2026, 1, 1)
CHANGES = [instant(f"{day}T00:00:00Z") for day in ("2026-10-25", "2027-03-28", "2027-04-04", "2027-11-07")]
INSTANTS = st.one_of(
    st.integers(instant("2026-03-01T00:00:00Z"), instant("2027-12-31T00:00:00Z")),
    # near to the changes of clocks
    st.builds(
        int.__add__,
        st.sampled_from(
            [instant(f"{day}T00:00:00Z") for day in ("2026-10-25", "2027-03-28", "2027-04-04", "2027-11-07")]
        ),
        st.integers(-100_000, 100_000),
    ),
)
Weekly = tuple[set[int], time, int, str]


def times(weeklies: list[Weekly], around: int) -> list[tuple[int, int]]:
    return [found for one in weeklies for found in weekly_times(*one, around)]


@given(st.lists(WEEKLIES, min_size=1, max_size=2), st.lists(WEEKLIES, max_size=2), INSTANTS, st.data())
@settings(deadline=None, max_examples=60)
def test_it_opens_at_the_first_instant_that_is_in_a_window_and_in_no_freeze(
    windows: list[Weekly], freezes: list[Weekly], now: int, data: st.DataObject
) -> None:
    found = schedule(
        [calendar(weekly(*one, SINCE)) for one in windows],
        [calendar(weekly(*one, SINCE)) for one in freezes],
        "UTC",
        instants.at(now),
    )
    opening, closing = times(windows, now), times(freezes, now)

    def is_open(at: int) -> bool:
        return any(start <= at < end for start, end in opening) and not any(start <= at < end for start, end in closing)

    assert found.open is is_open(now)
    known = now + 14 * 86_400
    opens_at = min(instant(found.next_open) if found.next_open else known, known)
    assert opens_at == known or is_open(opens_at)
    drawn = data.draw(st.lists(st.integers(now, opens_at), max_size=20))
    edges = [edge for span in (*opening, *closing) for edge in span]
    assert not any(is_open(at) for at in {*edges, *drawn, opens_at - 1} if now <= at < opens_at)


@given(st.lists(WEEKLIES, max_size=2), st.lists(WEEKLIES, max_size=2), WEEKLIES, INSTANTS)
@settings(deadline=None, max_examples=40)
def test_a_freeze_more_never_opens_and_a_window_more_never_closes(
    windows: list[Weekly], freezes: list[Weekly], more: Weekly, now: int
) -> None:
    opening, closing = ([calendar(weekly(*one, SINCE)) for one in weeklies] for weeklies in (windows, freezes))
    added, at = calendar(weekly(*more, SINCE)), instants.at(now)
    before = schedule(opening, closing, "UTC", at)
    frozen = schedule(opening, [*closing, added], "UTC", at)
    assert before.open or not frozen.open
    assert not frozen.next_open or before.next_open <= frozen.next_open
    if windows:
        wider = schedule([*opening, added], closing, "UTC", at)
        assert wider.open or not before.open
        assert not before.next_open or wider.next_open <= before.next_open


@given(st.lists(WEEKLIES, min_size=2, max_size=4), INSTANTS, st.randoms(), st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_order_of_events_never_matters(weeklies: list[Weekly], now: int, random: Random, freeze: bool) -> None:
    events = [weekly(*one, SINCE) for one in weeklies]
    shuffled = list(events)
    random.shuffle(shuffled)
    answers = set()
    for one in (calendar(*events), calendar(*shuffled)):
        found = schedule([] if freeze else [one], [one] if freeze else [], "Europe/Berlin", instants.at(now))
        answers.add(msgspec.structs.replace(found, calendars=()))
    assert len(answers) == 1
