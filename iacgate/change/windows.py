"""Whether an environment is open now, by its windows and freezes, and when it will be.

1. An environment with windows is open only inside one of their events. A window that never comes never opens.
2. Inside an event of a freeze it is closed, whatever its windows say.
3. An event begins with its first instant, and its end is not in it.
4. Without windows and without freezes it is always open.

Everything that decides is in the files, the name of a zone and an instant; see :mod:`iacgate.change.zones` for what
makes that true of time zones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, TypeAlias

import msgspec

from iacgate import instants
from iacgate.change import zones
from iacgate.change.calendars import Calendar, Span
from iacgate.change.opening import Closed, Schedule
from iacgate.change.zones import GREENWICH, Zone
from iacgate.errors import SettingsInvalid

HORIZON: Final = 400
"""Days in which the next open instant is looked for."""

MAX_CLOSED: Final = 5
"""Events of one calendar that are named: those that last longest."""

_DAY: Final = 86_400
_STEPS: Final = (8, 64, HORIZON)
"""Days that are looked at, one after the other: what comes soon is found soon."""

_Times: TypeAlias = list[tuple[int, int]]
"""Times that do not touch each other, in order: from an instant until before another."""


class Asked(msgspec.Struct, frozen=True):
    """What one environment asks for: its calendars, and the zone in which their open times are read."""

    windows: tuple[Calendar, ...]
    freezes: tuple[Calendar, ...]
    timezone: str


def schedule(windows: Sequence[Calendar], freezes: Sequence[Calendar], timezone: str, now: str) -> Schedule:
    """Return whether an environment with these calendars is open at an instant.

    ``timezone`` is the IANA name of the zone in which days, and times without a zone, are read.

    Raises :class:`SettingsInvalid` where there is no such zone.
    """
    return schedule_of_all([Asked(tuple(windows), tuple(freezes), timezone)], now)


def schedule_of_all(asked: Sequence[Asked], now: str) -> Schedule:
    """Return whether all of some environments are open at an instant, and when all of them will be.

    That is for a change of which nobody says to which of them it belongs. Raises as :func:`schedule` does.
    """
    at = instants.seconds(now)
    rules = [_Rule(one, _zone(one.timezone)) for one in asked]
    next_open = _next_open(rules, at)
    every = {(calendar.name, calendar.sha256): calendar for rule in rules for calendar in rule.calendars}
    named = any(rule.zone is not GREENWICH for rule in rules) or any(calendar.named for calendar in every.values())
    closed = dict.fromkeys(reason for rule in rules for reason in rule.reasons(at))
    return Schedule(
        open=not closed,
        closed=tuple(closed),
        next_open="" if next_open is None else instants.at(next_open),
        calendars=tuple(sorted(every)),
        zones=zones.release() if named else "",
        at=now,
    )


def _zone(name: str) -> Zone:
    found = zones.named(name)
    if found is None:
        raise SettingsInvalid(
            f"policy.yaml: there is no time zone {name!r}.", hint="Write a name such as UTC or Europe/Berlin."
        )
    return found


class _Rule:
    """One environment's calendars."""

    def __init__(self, asked: Asked, zone: Zone) -> None:
        self.zone = zone
        self.windows = sorted(asked.windows, key=lambda calendar: calendar.name)
        self.freezes = sorted(asked.freezes, key=lambda calendar: calendar.name)

    @property
    def calendars(self) -> Iterable[Calendar]:
        """All calendars."""
        return chain(self.windows, self.freezes)

    def opening(self, start: int, end: int) -> Iterable[Span]:
        """Yield the windows that are open at some time between two instants."""
        found = (calendar.spans(start, end, self.zone, tentative=False) for calendar in self.windows)
        return chain.from_iterable(found)

    def closing(self, start: int, end: int) -> Iterable[Span]:
        """Yield the freezes that hold at some time between two instants."""
        found = (calendar.spans(start, end, self.zone, tentative=True) for calendar in self.freezes)
        return chain.from_iterable(found)

    def reasons(self, now: int) -> Iterable[Closed]:
        """Yield why it is closed at an instant; nothing where it is open."""
        for calendar in self.freezes:
            held = calendar.spans(now, now + 1, self.zone, tentative=True)
            for span in sorted(held, key=lambda span: (-span.end, span.summary))[:MAX_CLOSED]:
                until = instants.at(span.end)
                yield Closed(calendar.name, span.summary, until, f"a freeze holds until {until}")
        if self.windows and not any(self.opening(now, now + 1)):
            for calendar in self.windows:
                begins = min((span.start for span in _soon(calendar, self.zone, now)), default=None)
                until = "" if begins is None else instants.at(begins)
                when = f"the next one begins at {until}" if until else f"none begins within {HORIZON} days"
                yield Closed(calendar.name, "", until, f"it is outside of the windows, and {when}")


def _soon(calendar: Calendar, zone: Zone, now: int) -> list[Span]:
    """Return the next windows of a calendar, and perhaps some after them."""
    for days in _STEPS:
        found = list(calendar.spans(now, now + days * _DAY + 1, zone, tentative=False))
        if found:
            return found
    return []


def _next_open(rules: Sequence[_Rule], now: int) -> int | None:
    """Return the first instant, from now on, at which every rule is open."""
    for days in (0, *_STEPS):
        end = now + days * _DAY
        windows = [_joined(rule.opening(now, end + 1)) for rule in rules if rule.windows]
        freezes = _joined(chain.from_iterable(rule.closing(now, end + 1) for rule in rules))
        found = _first_open(windows, freezes, now)
        if found is not None and found <= end:
            return found
    return None


def _joined(spans: Iterable[Span]) -> _Times:
    """Return the same times in order, with what overlaps or touches as one."""
    found: _Times = []
    for span in sorted(spans):
        if found and span.start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], span.end))
        else:
            found.append((span.start, span.end))
    return found


def _first_open(
    windows: Sequence[Sequence[tuple[int, int]]], freezes: Sequence[tuple[int, int]], now: int
) -> int | None:
    """Return the first instant, from now on, that is inside of each of the windows and of no freeze.

    It only ever moves to the first instant at which what closes it no longer does, so that none is missed.
    """
    at, before = now, -1
    while at != before:
        before = at
        frozen = bisect_right(freezes, at, key=_end)
        if frozen < len(freezes) and freezes[frozen][0] <= at:
            at = freezes[frozen][1]
        for spans in windows:
            opening = bisect_right(spans, at, key=_end)
            if opening == len(spans):
                return None
            at = max(at, spans[opening][0])
    return at


def _end(span: tuple[int, int]) -> int:
    return span[1]
