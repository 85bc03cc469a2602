"""The events of one UID: one that may repeat, and others that each replace one of its dates.

Specification: RFC 5545, sections 3.6.1 and 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final

import msgspec

from iacgate.change import moments, repeats
from iacgate.change.icslines import Component, Property, Unfit, shown
from iacgate.change.moments import Find, Lasts, Moment
from iacgate.change.zones import Zone

MAX_DATES: Final = 5_000
"""Of RDATE and EXDATE, in one file."""

MAX_REPEATS: Final = 20_000
"""In a year, of all events of a file together."""

MAX_SUMMARY: Final = 120
_STATUSES: Final = ("", "CONFIRMED", "TENTATIVE", "CANCELLED")
_ESCAPES: Final = (("\\n", " "), ("\\N", " "), ("\\,", ","), ("\\;", ";"), ("\\\\", "\\"))


class Event(msgspec.Struct, frozen=True):
    """One event: when it begins and ends in the zone of its series, and when it repeats.

    ``rule`` is empty where there is none; ``replaces`` is the date of its series in whose place it is. ``lasts`` is
    its DURATION, ``None`` where it has an end. ``series`` is different for each UID.
    """

    series: int
    start: Moment
    end: Moment
    lasts: Lasts | None
    summary: str
    status: str
    rule: str = ""
    added: tuple[Moment, ...] = ()
    left_out: tuple[Moment, ...] = ()
    replaces: Moment | None = None

    @property
    def zone(self) -> Zone | None:
        """The zone of its series."""
        return self.start.zone


class Budget:
    """Counts what the events of one file ask for. Raises :class:`Unfit` where that is too much."""

    def __init__(self) -> None:
        self._dates = 0
        self._repeats = 0

    def dates(self, count: int) -> None:
        """Take so many dates."""
        self._dates += count
        if self._dates > MAX_DATES:
            raise Unfit(f"there are more than {MAX_DATES} of RDATE and EXDATE", "Leave out those that are past.")

    def repeats(self, yearly: int) -> None:
        """Take so many repetitions a year."""
        self._repeats += yearly
        if self._repeats > MAX_REPEATS:
            raise Unfit(f"events repeat more than {MAX_REPEATS} times a year", "Let fewer of them repeat.")


class Reader:
    """Reads the events of one file, a UID at a time."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._budget = Budget()

    def read(self, number: int, parts: list[Component]) -> list[Event]:
        """Return the events of one UID; the one that may repeat comes first, where it is there.

        Raises :class:`Unfit`, naming the event.
        """
        parts = sorted(parts, key=lambda part: bool(part.all("RECURRENCE-ID")))
        found: dict[object, Event] = {}
        whole: Event | None = None
        for part in parts:
            with _naming(part):
                event = self._event(number, part, whole)
                if found.setdefault(_place(event.replaces), event) is not event:
                    raise Unfit("there are two with its UID and RECURRENCE-ID", "Leave the one that holds.")
                whole = whole or (event if event.replaces is None else None)
        with _naming(parts[0]):
            if whole is not None:
                _refuse_unknown_dates(whole, found.values())
        return list(found.values())

    def _event(self, number: int, part: Component, whole: Event | None) -> Event:
        start = self._moment(part, "DTSTART")
        if start is None:
            raise Unfit("it has no DTSTART", "Say when it begins.")
        series = whole.start if whole else start
        end, lasts = self._end(part, start)
        event = Event(
            series=number,
            start=moments.into(start, series),
            end=moments.into(end, series),
            lasts=lasts,
            summary=summary(part),
            status=part.text("STATUS").upper(),
            rule=self._rule(part, series),
            added=self._listed(part, "RDATE", series),
            left_out=self._listed(part, "EXDATE", series),
            replaces=self._replaces(part, series),
        )
        if event.status not in _STATUSES:
            raise Unfit(f"STATUS is {shown(event.status)}", "Write CONFIRMED, TENTATIVE or CANCELLED.")
        if not moments.is_possible(event.start, event.end):
            raise Unfit(
                f"it ends when it begins, or before, or lasts more than {moments.MAX_DAYS} days",
                "Mend DTEND: it is the first moment, or day, that is not in it.",
            )
        if event.replaces and (event.rule or event.added or event.left_out):
            raise Unfit("it has RECURRENCE-ID, and repeats itself", "End the series, and begin another one.")
        return event

    def _moment(self, part: Component, name: str) -> Moment | None:
        item = part.one(name)
        return moments.read(item, self._find) if item else None

    def _end(self, part: Component, start: Moment) -> tuple[Moment, Lasts | None]:
        end, text = self._moment(part, "DTEND"), part.text("DURATION")
        if end is not None and text:
            raise Unfit("it has DTEND and DURATION", "Leave one of them.")
        if end is not None:
            return end, None
        if text:
            lasts = moments.read_duration(text, start)
            return start.later(lasts), lasts
        if not start.is_day:
            raise Unfit("it has no end", "Give it DTEND or DURATION.")
        return start.later(Lasts(1, 0)), None

    def _replaces(self, part: Component, series: Moment) -> Moment | None:
        found = self._moment(part, "RECURRENCE-ID")
        if any("RANGE" in item.parameters for item in part.all("RECURRENCE-ID")):
            raise Unfit("its RECURRENCE-ID has RANGE", "End the series, and begin another one.")
        return moments.into(found, series) if found else None

    def _listed(self, part: Component, name: str, series: Moment) -> tuple[Moment, ...]:
        texts = [(item, text) for item in part.all(name) for text in item.value.split(",")]
        self._budget.dates(len(texts))
        items = (Property(name, item.parameters, text) for item, text in texts)
        return tuple(moments.into(moments.read(item, self._find), series) for item in items)

    def _rule(self, part: Component, series: Moment) -> str:
        """Return a rule, with its end as a local time of its series."""
        rules = part.all("RRULE")
        if part.all("EXRULE") or len(rules) > 1:
            raise Unfit("it has EXRULE, or several RRULE", "Write EXDATE, or one event for each RRULE.")
        if not rules:
            return ""
        rule = repeats.read(rules[0].value)
        if series.is_day:
            repeats.refuse_times(rule)
        self._budget.repeats(rule.yearly)
        repeats.refuse_other_start(rule, series.clock)
        if not rule.until:
            return rule.with_until("")
        end = moments.read_end(rule.until, series)
        if end.clock < series.clock:
            raise Unfit("UNTIL of its RRULE is before DTSTART", "Mend UNTIL.")
        return rule.with_until(end.text)


def _place(replaces: Moment | None) -> object:
    """Return what is equal for two events that would be in the place of the same date."""
    if replaces is None or replaces.zone is None:
        return replaces
    return replaces.zone.seconds(replaces.clock)


def _refuse_unknown_dates(whole: Event, events: Iterable[Event]) -> None:
    """Raise :class:`Unfit` where a date is left out or replaced that the series does not have, or both at once.

    By the specification that is no error; but then what somebody wanted to change stays as it was.
    """
    left_out = {moment.clock for moment in whole.left_out}
    replaced = {event.replaces.clock for event in events if event.replaces}
    both = min(left_out & replaced, default=None)
    if both is not None:  # for some programs, the one that replaces it is left out as well
        raise Unfit(
            f"EXDATE leaves {both.isoformat()} out, and an event with this RECURRENCE-ID takes its place",
            "Leave one of them.",
        )
    named = left_out | replaced
    if not named:
        return
    dates = {whole.start.clock, *(moment.clock for moment in whole.added)}
    if whole.rule:
        dates.update(takewhile(lambda date: date <= max(named), repeats.repetitions(whole.rule, whole.start.clock)))
    unknown = min(named - dates, default=None)
    if unknown is not None:
        raise Unfit(
            f"EXDATE or RECURRENCE-ID names {unknown.isoformat()}, which is none of its dates",
            "Name a beginning of its series, as a time of the same zone, or take it out.",
        )


@contextmanager
def _naming(part: Component) -> Iterator[None]:
    """Let errors begin with the event that they are about."""
    try:
        yield
    except Unfit as error:
        names = [item.value for name in ("SUMMARY", "UID", "DTSTART") for item in part.all(name)]
        raise Unfit(f"the event {shown(names[0]) if names else 'without a name'}: {error.text}", error.hint) from error


def summary(part: Component) -> str:
    """Return the summary of an event on one line, cut to a length."""
    text = part.text("SUMMARY")
    for escape, stands_for in _ESCAPES:
        text = text.replace(escape, stands_for)
    return " ".join(text.split())[:MAX_SUMMARY]


def for_library(events: list[Event], mark: str) -> Any:
    """Return events as a calendar of icalendar, without zones; ``mark`` names the property with an event's number.

    What replaces a date of a series that is not in the file is an event of its own.
    """
    import icalendar  # noqa: PLC0415 - slow to load, and few runs read a calendar

    calendar = icalendar.Calendar()
    whole = {event.series for event in events if event.replaces is None}
    for number, event in enumerate(events):
        made = icalendar.Event()
        made.add("UID", f"series {event.series}" if event.series in whole else f"event {number}")
        made.add("DTSTART", event.start.local)
        made.add("DTEND", event.end.local)
        made.add(mark, str(number))
        if event.replaces and event.series in whole:
            made.add("RECURRENCE-ID", event.replaces.local)
        for name, dates in (("RDATE", event.added), ("EXDATE", event.left_out)):
            if dates:
                made.add(name, [moment.local for moment in dates])
        if event.rule:
            made["RRULE"] = icalendar.vRecur.from_ical(event.rule)
        calendar.add_component(made)
    return calendar
