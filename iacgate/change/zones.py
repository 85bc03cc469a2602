"""Time zones of calendars: which instant a local time is.

What a file says of a zone (VTIMEZONE) holds in that file, and nowhere else. Any other name is one of the IANA time zone
database, which is always read from the package ``tzdata``, never from the machine: the machine's own database, its zone
and its settings decide nothing. So equal files and an equal release of ``tzdata`` (:func:`release`) give equal answers
everywhere.

A local time that there is twice, because clocks go back, is the first of the two; one that there is not, because they
go forward, is read with the offset from before.

``datetime`` is imported to calculate with; its clocks are never asked.

Specification: RFC 5545, sections 3.3.5 and 3.6.5.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from importlib import resources
from itertools import pairwise, takewhile
from typing import Final, Protocol

from iacgate.change import repeats
from iacgate.change.icslines import Component, Property, Unfit, shown

LAST_YEAR: Final = 2099
"""Of everything in a calendar."""

MAX_CHANGES: Final = 12
"""Of one kind in a year."""

_FIRST_YEAR: Final = 1500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_OFFSET: Final = re.compile(r"([+-])([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])?", re.ASCII)
_LOCAL: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)


class Zone(Protocol):
    """Says which instant a local time is, and what time it is there at an instant; instants are seconds since 1970."""

    def seconds(self, local: datetime) -> int:
        """Return the instant of a local time, which is a ``datetime`` without a zone."""
        ...

    def local(self, seconds: int) -> datetime:
        """Return the local time of an instant."""
        ...


class _Named:
    """A zone that Python knows how to calculate with."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def seconds(self, local: datetime) -> int:
        return (local.replace(tzinfo=self._zone, fold=0) - _EPOCH) // _SECOND

    def local(self, seconds: int) -> datetime:
        return (_EPOCH + seconds * _SECOND).astimezone(self._zone).replace(tzinfo=None, fold=0)


GREENWICH: Final[Zone] = _Named(UTC)
"""UTC."""


def release() -> str:
    """Return which release of the IANA time zone database is used, such as 2026f."""
    import tzdata  # noqa: PLC0415 - few runs read a calendar

    return str(tzdata.IANA_VERSION)


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def named(name: str) -> Zone | None:
    """Return a zone of the IANA time zone database, ``None`` where it has none of that name."""
    return _named(name) if name in _names() else None


@functools.cache
def _named(name: str) -> Zone:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few runs read a calendar

    if name in ("UTC", "Etc/UTC"):
        return GREENWICH
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return _Named(ZoneInfo.from_file(file, key=name))


class _Change:
    """A change of the offset: when, in UTC without saying so, and the offsets before and after."""

    def __init__(self, local: datetime, before: timedelta, after: timedelta) -> None:
        self.at = local - before
        self.before = before
        self.after = after


class _Told:
    """A zone as a file tells it."""

    def __init__(self, changes: list[_Change]) -> None:
        changes.sort(key=lambda change: (change.at, change.after))
        self._offsets = [changes[0].before, *(change.after for change in changes)]
        self._instants = [change.at for change in changes]
        # Until then, a local time is read with the offset from before: it is the first of two, or there is none.
        self._locals = [
            change.at + max(offsets) for change, offsets in zip(changes, pairwise(self._offsets), strict=True)
        ]

    def seconds(self, local: datetime) -> int:
        offset = self._offsets[bisect_right(self._locals, local)]
        return GREENWICH.seconds(local - offset)

    def local(self, seconds: int) -> datetime:
        instant = GREENWICH.local(seconds)
        return instant + self._offsets[bisect_right(self._instants, instant)]


def told(component: Component) -> Zone:
    """Return the zone that a VTIMEZONE tells.

    Raises :class:`Unfit` where it is incomplete or says what is not read here.
    """
    changes: list[_Change] = []
    for part in component.parts:
        if part.name not in ("STANDARD", "DAYLIGHT"):
            raise Unfit(f"VTIMEZONE has {shown(part.name)} in it", "Take it out.")
        before, after = _offset(part, "TZOFFSETFROM"), _offset(part, "TZOFFSETTO")
        changes += (_Change(local, before, after) for local in _onsets(part, before))
    if not changes:
        raise Unfit("VTIMEZONE has neither STANDARD nor DAYLIGHT", "Export the calendar again.")
    return _Told(changes)


def _onsets(part: Component, before: timedelta) -> list[datetime]:
    """Return the local times at which an offset begins to hold."""
    start = _local_time(part.one("DTSTART"))
    dates = [_local_time(Property("RDATE", {}, text)) for item in part.all("RDATE") for text in item.value.split(",")]
    text = part.text("RRULE")
    if not text:
        return [start, *dates]
    rule = repeats.read(text)
    if rule.yearly > MAX_CHANGES:
        raise Unfit(f"VTIMEZONE changes its offset more than {MAX_CHANGES} times a year", "Export the calendar again.")
    until = rule.until
    if until.endswith("Z"):
        until = f"{_local_time(Property('UNTIL', {}, until[:-1])) + before:%Y%m%dT%H%M%S}"
    found = takewhile(lambda onset: onset.year <= LAST_YEAR, repeats.repetitions(rule.with_until(until), start))
    onsets = [*found, *dates]
    if not onsets:
        raise Unfit("VTIMEZONE has an RRULE that never comes true", "Export the calendar again.")
    return onsets


def _offset(part: Component, name: str) -> timedelta:
    found = _OFFSET.fullmatch(part.text(name))
    if found is None:
        raise Unfit(f"VTIMEZONE has {name} {shown(part.text(name))}", "Write it like +0100.")
    hours, minutes, seconds = (int(digits or 0) for digits in found.groups()[1:])
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if found[1] == "-" else offset


def _local_time(item: Property | None) -> datetime:
    """Return a local time of a VTIMEZONE."""
    found = _LOCAL.fullmatch(item.value.strip()) if item else None
    try:
        if found is None:
            raise ValueError("no local time")
        year, *rest = map(int, found.groups())
        if not _FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError("too far away")
        month, day, hour, minute, second = rest
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a local time, by definition
    except ValueError as error:
        text = shown(item.value) if item else "missing"
        raise Unfit(
            f"VTIMEZONE has a time that is {text}", f"Write a local time of the years {_FIRST_YEAR} to {LAST_YEAR}."
        ) from error
