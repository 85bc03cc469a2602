"""Days, times and durations of a calendar, and which instants they are.

A time is kept as its zone's clocks show it, without the zone: so it can be repeated by the clock, and only then becomes
an instant.

``datetime`` is imported to calculate with; its clocks are never asked.

Specification: RFC 5545, sections 3.3.4 to 3.3.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from iacgate.change.icslines import Property, Unfit, shown
from iacgate.change.zones import GREENWICH, LAST_YEAR, Zone

MAX_DAYS: Final = 366
"""How long one event may last."""

_FIRST_YEAR: Final = 1970
_MOMENT: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?", re.ASCII)
_DURATION: Final = re.compile(
    r"\+?P(?=[0-9T])(?:([0-9]{1,3})W|(?:([0-9]{1,4})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,5})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8})S)?)?)",
    re.ASCII,
)

Find = Callable[[str], Zone]
"""Returns the zone of a TZID."""


class Moment(msgspec.Struct, frozen=True):
    """A day, or a local time; ``zone`` is ``None`` where the file leaves open in which zone that is."""

    local: date
    zone: Zone | None

    @property
    def is_day(self) -> bool:
        """Whether it is a day."""
        return not isinstance(self.local, datetime)

    @property
    def clock(self) -> datetime:
        """The local time, of a day its beginning."""
        return _clock(self.local)

    @property
    def text(self) -> str:
        """As it is written in a file that says nothing of zones."""
        return "".join(filter(str.isalnum, self.local.isoformat()))

    def later(self, lasts: Lasts) -> Moment:
        """Return the moment that is so much later by the clock."""
        return Moment(self.local + timedelta(days=lasts.days, seconds=lasts.seconds), self.zone)


class Lasts(msgspec.Struct, frozen=True):
    """A DURATION: days go by the calendar, also where one has 23 or 25 hours; seconds are exact."""

    days: int
    seconds: int


def read(item: Property, find: Find) -> Moment:
    """Return the moment of a property. Raises :class:`Unfit` for what is none."""
    found = _MOMENT.fullmatch(item.value.strip())
    text = f"{item.name} is {shown(item.value)}"
    if found is None:
        raise Unfit(text, "Write a day (20270131), a local time (20270131T220000) or UTC (20270131T210000Z).")
    year, month, day = map(int, found.groups()[:3])
    if not _FIRST_YEAR <= year <= LAST_YEAR:
        raise Unfit(text, f"Events are of the years {_FIRST_YEAR} to {LAST_YEAR}.")
    kind, tzid = item.parameters.get("VALUE", "").upper(), item.parameters.get("TZID", "")
    if kind not in ("", "DATE" if found[4] is None else "DATE-TIME") or (tzid and (found[4] is None or found[7])):
        raise Unfit(f"{text}, and its VALUE or TZID says something else", "Leave out the one that is wrong.")
    try:
        if found[4] is None:
            return Moment(date(year, month, day), None)
        clock = datetime(year, month, day, int(found[4]), int(found[5]), int(found[6]))  # noqa: DTZ001 - a local time
    except ValueError as error:
        raise Unfit(f"{text}, which does not exist", "Mend it.") from error
    return Moment(clock, GREENWICH if found[7] else find(tzid) if tzid else None)


def read_end(text: str, series: Moment) -> Moment:
    """Return the UNTIL of a rule, in the words of its series; what never comes is the last day that is known.

    Raises :class:`Unfit` where it is of another kind than the beginning of the series.
    """
    if text[:4].isdigit() and int(text[:4]) > LAST_YEAR:
        text = f"{LAST_YEAR}1231{text[8:]}"
    end = read(Property("UNTIL", {}, text), lambda _: GREENWICH)
    if not end.is_day and end.zone is None:
        return Moment(end.local, series.zone)
    return into(end, series)


def into(moment: Moment, series: Moment) -> Moment:
    """Return a moment as the zone of a series has it.

    Raises :class:`Unfit` where that cannot be told: one is a day and the other a time, one has a zone and the other
    has none, or it falls into the hour that the clocks of that zone show twice.
    """
    if moment.is_day != series.is_day:
        raise Unfit("some of its dates are days, others times", "Make all of them days, or all of them times.")
    if moment.is_day or moment.zone is series.zone:
        return moment
    if moment.zone is None or series.zone is None:
        raise Unfit("some of its times have a zone, others have none", "Give all of them a zone, or none.")
    instant = moment.zone.seconds(moment.clock)
    found = series.zone.local(instant)
    if series.zone.seconds(found) != instant:
        raise Unfit("one of its times is in the hour that clocks show twice", "Write all of its times in one zone.")
    return Moment(found, series.zone)


def is_possible(start: Moment, end: Moment) -> bool:
    """Return whether an event may last from one moment to another of the same zone."""
    return timedelta(0) < end.clock - start.clock <= timedelta(days=MAX_DAYS)


def read_duration(text: str, start: Moment) -> Lasts:
    """Return a DURATION. Raises :class:`Unfit` for what is none, or has times where an event lasts whole days."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Unfit(f"DURATION is {shown(text)}", "Write it like PT8H, P2D or P1W.")
    weeks, days, hours, minutes, seconds = (int(digits or 0) for digits in found.groups())
    lasts = Lasts(7 * weeks + days, (hours * 60 + minutes) * 60 + seconds)
    if max(lasts.days, lasts.seconds // 86_400) > MAX_DAYS or (start.is_day and lasts.seconds):
        raise Unfit(f"DURATION is {shown(text)}", f"Days last whole days, and nothing more than {MAX_DAYS} of them.")
    return lasts


def instants(first: date, last: date, lasts: Lasts | None, zone: Zone) -> tuple[int, int]:
    """Return the instants at which an event begins and has ended, in seconds since 1970.

    It begins and ends by the clock; with ``lasts``, what that says decides when it has ended.
    """
    begin, end = _clock(first), _clock(last)
    start = zone.seconds(begin)
    ended = zone.seconds(end)
    if lasts is not None:
        ended = zone.seconds(begin + timedelta(days=lasts.days)) + lasts.seconds
    if ended <= start:  # it lies in the hour that clocks skip
        ended = start + (end - begin) // timedelta(seconds=1)
    return start, ended


def _clock(at: date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time())
