"""Calendars for tests: the text of iCalendar files, and an independent idea of when weekly events are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from iacgate import instants
from iacgate.change.calendars import Calendar, read_calendar

DAYS = "MO TU WE TH FR SA SU".split()

BERLIN = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19960331T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""
"""What Europe/Berlin has done since 1996, and will do."""


def ics(*parts: str, head: str = "") -> bytes:
    """Return a calendar of some components, and further lines at its head."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", *head.split("\n"), *parts, "END:VCALENDAR", ""]
    return "\r\n".join(line for part in lines for line in part.split("\n") if line or part == "").encode()


def event(*lines: str, summary: str = "Night") -> str:
    """Return an event."""
    return "\n".join(["BEGIN:VEVENT", f"SUMMARY:{summary}", *lines, "END:VEVENT"])


def calendar(*parts: str, name: str = "nights") -> Calendar:
    """Return a calendar of some components."""
    return read_calendar(ics(*parts), f".iacgate/calendars/{name}.ics")


def weekly(days: set[int], begin: time, hours: int, zone: str, since: date) -> str:
    """Return an event on some days of every week, by the clock of a zone."""
    first = next(
        since + timedelta(days=ahead) for ahead in range(7) if (since + timedelta(days=ahead)).weekday() in days
    )
    start = datetime.combine(first, begin)
    names = ",".join(DAYS[day] for day in sorted(days))
    return event(
        f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone}:{start + timedelta(hours=hours):%Y%m%dT%H%M%S}",
        f"RRULE:FREQ=WEEKLY;BYDAY={names}",
    )


def weekly_times(
    days: set[int], begin: time, hours: int, zone: str, around: int, *, ahead: int = 30
) -> Iterator[tuple[int, int]]:
    """Yield when such an event is, in seconds, from two weeks before an instant on: one day after the other."""
    today = datetime.fromtimestamp(around, UTC).date()
    for offset in range(-14, ahead):
        day = today + timedelta(days=offset)
        if day.weekday() in days:
            start = datetime.combine(day, begin)
            began, ended = seconds(start, zone), seconds(start + timedelta(hours=hours), zone)
            yield began, ended if ended > began else began + hours * 3600  # all of it is skipped by clocks


def seconds(local: datetime, zone: str) -> int:
    """Return the instant of a local time; one that is skipped is read with the offset from before."""
    return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp())


def instant(text: str) -> int:
    """Return an instant in seconds."""
    return instants.seconds(text)
