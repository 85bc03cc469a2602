"""Recurrence rules: which ones are read, and that they say one thing only.

What all readers of calendars do not understand in the same way is refused: parts that are not known, that stand twice
or contradict each other, and a rule whose first date is not the event's own (RFC 5545, section 3.8.5.3, calls that
undefined). How often something repeats has a limit, because every repetition is looked at.

Specification: RFC 5545, section 3.3.10.
"""

from __future__ import annotations

import re
from typing import Any, Final

from iacgate.change.icslines import Unfit, shown

_NUMBER: Final = r"[1-9][0-9]{0,4}"
_DAY: Final = r"(?:[+-]?[1-9][0-9]?)?(?:MO|TU|WE|TH|FR|SA|SU)"
_FORMS: Final = {
    "FREQ": r"HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": _NUMBER,
    "COUNT": _NUMBER,
    "UNTIL": r"[0-9]{8}(?:T[0-9]{6}Z?)?",
    "WKST": r"MO|TU|WE|TH|FR|SA|SU",
    "BYMONTH": r"(?:0?[1-9]|1[0-2])",
    "BYMONTHDAY": r"[+-]?(?:0?[1-9]|[12][0-9]|3[01])",
    "BYDAY": _DAY,
    "BYHOUR": r"(?:[01]?[0-9]|2[0-3])",
    "BYMINUTE": r"[0-5]?[0-9]",
    "BYSECOND": r"[0-5]?[0-9]",
    "BYSETPOS": r"[+-]?[1-9][0-9]{0,2}",
}
_PATTERNS: Final = {
    name: re.compile(f"(?:{form})(?:,(?:{form}))*" if name.startswith("BY") else f"(?:{form})", re.ASCII)
    for name, form in _FORMS.items()
}
_LAST: Final = "20991231T235959"
"""Nobody looks any further: a rule that never comes true would be followed for thousands of years."""

_TURNS: Final = {"HOURLY": 366 * 24, "DAILY": 366, "WEEKLY": 53, "MONTHLY": 12, "YEARLY": 1}
"""In a year, at most."""

_HINT: Final = "Write it as RFC 5545, section 3.3.10, has it, with the parts that docs/schedule.md names."
_FINE: Final = "A window is an hour at least: write one event with a longer duration."
_EACH: Final = "Write one event for each of them."


class Rule:
    """A rule that was checked: its parts, by name."""

    def __init__(self, parts: dict[str, str]) -> None:
        self.parts = parts

    @property
    def until(self) -> str:
        """The last instant or day on which it repeats, as it is written; empty where there is none."""
        return self.parts.get("UNTIL", "")

    def with_until(self, until: str) -> str:
        """Return the rule's text, with an end in place of its own; without one where that is empty."""
        parts = {name: value for name, value in self.parts.items() if name != "UNTIL"}
        return ";".join(f"{name}={value}" for name, value in ({**parts, "UNTIL": until} if until else parts).items())

    def count(self, name: str) -> int:
        """Return how many values a part has."""
        return len(self.parts[name].split(",")) if name in self.parts else 0

    @property
    def yearly(self) -> int:
        """How often it repeats in any year of the calendar: never too few, and at least 1."""
        frequency, days, monthdays = self.parts["FREQ"], self.count("BYDAY"), self.count("BYMONTHDAY")
        turns = -(-_TURNS[frequency] // int(self.parts.get("INTERVAL", "1")))  # rounded up
        months = self.count("BYMONTH")
        a_month = min(filter(None, (monthdays, 5 * days)), default=1)
        if frequency == "WEEKLY":
            turns *= max(1, days)
        elif frequency == "MONTHLY":
            turns = min(turns, months or turns) * a_month
        elif frequency == "YEARLY":
            turns = (months or (12 if days or monthdays else 1)) * a_month
        return turns * max(1, self.count("BYHOUR") if frequency != "HOURLY" else 1)


def read(text: str) -> Rule:
    """Return a rule. Raises :class:`Unfit` for one that is not read here."""
    parts: dict[str, str] = {}
    for part in text.strip().upper().split(";"):
        name, equals, value = part.partition("=")
        if name in ("BYWEEKNO", "BYYEARDAY", "BYEASTER", "RSCALE", "SKIP"):
            raise Unfit(f"RRULE has {name}, which is not read here", "Write BYMONTH and BYMONTHDAY, or BYDAY.")
        if value in ("SECONDLY", "MINUTELY"):
            raise Unfit(f"RRULE is {value}", _FINE)
        if not equals or name in parts or name not in _PATTERNS or not _PATTERNS[name].fullmatch(value):
            raise Unfit(f"RRULE has {shown(part)}, which is not known, or stands twice", _HINT)
        parts[name] = value
    rule = Rule(parts)
    _refuse_contradictions(rule)
    return rule


def _refuse_contradictions(rule: Rule) -> None:
    parts = rule.parts
    frequency = parts.get("FREQ", "")
    if not frequency:
        raise Unfit("RRULE has no FREQ", _HINT)
    if "COUNT" in parts and "UNTIL" in parts:
        raise Unfit("RRULE has COUNT and UNTIL", "Leave one of them.")
    if rule.count("BYMINUTE") > 1 or rule.count("BYSECOND") > 1:
        raise Unfit("RRULE has several values of BYMINUTE or BYSECOND", _FINE)
    if re.search(r"[0-9]", parts.get("BYDAY", "")) and frequency not in ("MONTHLY", "YEARLY"):
        raise Unfit(f"RRULE is {frequency}, and counts days in BYDAY", _HINT)
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        raise Unfit("RRULE is WEEKLY, and has BYMONTHDAY", _HINT)
    if "BYSETPOS" in parts and not any(rule.count(name) for name in ("BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR")):
        raise Unfit("RRULE has BYSETPOS, and nothing that it chooses from", _HINT)


def refuse_times(rule: Rule) -> None:
    """Raise :class:`Unfit` for a rule of all-day events that has times."""
    if rule.parts["FREQ"] == "HOURLY" or any(rule.count(name) for name in ("BYHOUR", "BYMINUTE", "BYSECOND")):
        raise Unfit("it lasts whole days, and RRULE has times", "Give DTSTART a time, or leave them out of RRULE.")


def repetitions(text: str, start: Any) -> Any:
    """Return the repetitions, in order, of a rule that begins at a ``datetime`` without a zone."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - few runs read a calendar

    try:
        return iter(rrulestr(text, dtstart=start))
    except ValueError as error:
        raise Unfit("RRULE makes no sense", _HINT) from error


def refuse_other_start(rule: Rule, start: Any) -> None:
    """Raise :class:`Unfit` for a rule whose first repetition is not the start, or that has none in our time."""
    endless = Rule({name: value for name, value in rule.parts.items() if name != "COUNT"})
    if next(repetitions(endless.with_until(_LAST), start), None) != start:
        raise Unfit(
            "RRULE does not begin at DTSTART", "Let DTSTART be the first date that RRULE means; it counts as one."
        )
