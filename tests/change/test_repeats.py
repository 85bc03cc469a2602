"""What repeats, held against a count of days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iacgate.change import repeats
from iacgate.change.zones import GREENWICH
from tests.support.calendars import DAYS, calendar, event, instant, seconds


class Counted:
    """A rule as a question about days: those that match are counted one by one."""

    def __init__(
        self,
        *,
        frequency: str,
        interval: int,
        limit: int,
        days: set[int],
        nth: int,
        monthdays: set[int],
        months: set[int],
        since: date,
    ) -> None:
        self.frequency, self.interval, self.limit = frequency, interval, limit
        self.days, self.months = days, months
        self.nth = nth if frequency == "MONTHLY" and days else 0
        self.monthdays = monthdays if frequency in ("MONTHLY", "YEARLY") and not self.nth else set()
        first = next((day for day in _from(since) if self._fits(day, since)), None)
        assume(first is not None)
        self.start = first or since

    def text(self) -> str:
        lists = {
            "COUNT": str(self.limit or ""),
            "BYDAY": ",".join(f"{self.nth or ''}{DAYS[day]}" for day in sorted(self.days)),
            "BYMONTHDAY": ",".join(map(str, sorted(self.monthdays))),
            "BYMONTH": ",".join(map(str, sorted(self.months))),
        }
        parts = (f"{name}={value}" for name, value in lists.items() if value)
        return ";".join([f"FREQ={self.frequency}", f"INTERVAL={self.interval}", *parts])

    def until(self, last: date) -> list[date]:
        found = [day for day in _from(self.start) if day <= last and self._turn(day) and self._fits(day, self.start)]
        return found[: self.limit] if self.limit else found

    def _turn(self, day: date) -> bool:
        """Whether it is the turn of a day's day, week, month or year."""
        start = self.start
        weeks = (day - timedelta(days=day.weekday())) - (start - timedelta(days=start.weekday()))
        passed = {
            "DAILY": (day - start).days,
            "WEEKLY": weeks.days // 7,
            "MONTHLY": (day.year - start.year) * 12 + day.month - start.month,
            "YEARLY": day.year - start.year,
        }[self.frequency]
        return passed % self.interval == 0

    def _fits(self, day: date, start: date) -> bool:
        left = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days  # to the end of the month
        if self.months and day.month not in self.months:
            return False
        if self.monthdays and not self.monthdays & {day.day, -left}:
            return False
        if self.days and (
            day.weekday() not in self.days or self.nth not in (0, (day.day + 6) // 7, -((left + 6) // 7))
        ):
            return False
        if self.days or self.monthdays or self.frequency == "DAILY":
            return True
        if self.frequency == "WEEKLY":
            return day.weekday() == start.weekday()
        return day.day == start.day and (self.frequency == "MONTHLY" or bool(self.months) or day.month == start.month)


def _from(start: date) -> Iterator[date]:
    return (start + timedelta(days=ahead) for ahead in range(10 * 366))


COUNTED = st.builds(
    Counted,
    frequency=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    interval=st.integers(1, 4),
    limit=st.sampled_from([0, 0, 1, 7, 30]),
    days=st.sets(st.integers(0, 6), max_size=3),
    nth=st.sampled_from([0, -1, 1, 2, 5]),
    monthdays=st.sets(st.sampled_from([1, 13, 28, 29, 31, -1, -2]), max_size=2),
    months=st.sets(st.integers(1, 12), max_size=3),
    since=st.dates(date(2020, 1, 1), date(2026, 12, 31)),
)


@given(COUNTED, st.sampled_from(["Europe/Berlin", "America/New_York"]))
@settings(deadline=None, max_examples=80)
def test_what_repeats_is_when_a_count_of_days_says(counted: Counted, zone: str) -> None:
    at = datetime.combine(counted.start, time(22, 30))
    found = calendar(
        event(
            f"DTSTART;TZID={zone}:{at:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={zone}:{at + timedelta(hours=6):%Y%m%dT%H%M%S}",
            f"RRULE:{counted.text()}",
        )
    )
    begin, end = instant("2026-06-01T00:00:00Z"), instant("2028-06-01T00:00:00Z")
    nights = [datetime.combine(day, time(22, 30)) for day in counted.until(date(2028, 6, 2))]
    expected = [(seconds(night, zone), seconds(night + timedelta(hours=6), zone)) for night in nights]
    spans = sorted(found.spans(begin, end, GREENWICH, tentative=False))
    assert [(span.start, span.end) for span in spans] == [
        (start, ended) for start, ended in expected if start < end and ended > begin
    ]


@given(COUNTED)
@settings(deadline=None, max_examples=80)
def test_nothing_repeats_more_often_than_is_counted_for_it(counted: Counted) -> None:
    years = Counter(day.year for day in counted.until(date(counted.start.year + 4, 12, 31)))
    assert max(years.values()) <= repeats.read(counted.text()).yearly


@pytest.mark.parametrize(
    ("rule", "start", "count"),
    [
        ("FREQ=HOURLY", "20270101", 8760),
        ("FREQ=HOURLY;INTERVAL=6", "20270101", 1460),
        ("FREQ=DAILY;BYHOUR=0,6,22", "20270101", 1095),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "20270101", 12),
        ("FREQ=YEARLY;BYDAY=MO", "20270104", 52),
    ],
)
def test_rules_with_hours_and_positions(rule: str, start: str, count: int) -> None:
    found = calendar(event(f"DTSTART:{start}T000000Z", "DURATION:PT1H", f"RRULE:{rule}"))
    year = instant("2027-01-01T00:00:00Z"), instant("2028-01-01T00:00:00Z")
    assert len(list(found.spans(*year, GREENWICH, tentative=False))) == count <= repeats.read(rule).yearly
