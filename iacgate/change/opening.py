"""Whether it is open: what calendars say at one instant, as it is recorded."""

from __future__ import annotations

import msgspec


class Closed(msgspec.Struct, frozen=True):
    """Why an environment is closed: the calendar, and the event of it, which is empty where it has none now.

    ``until`` is when this reason ends, empty where that is not known; ``why`` says it in our own words.
    """

    calendar: str
    event: str
    until: str
    why: str


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an environment is open at an instant, and else why not.

    ``next_open`` is the first instant from then on at which it is open, empty where none is within 400 days.
    ``calendars`` are the names and digests of all that were asked; ``zones`` is the release of the IANA time zone
    database, empty where the files and UTC did without it.
    """

    open: bool
    closed: tuple[Closed, ...]
    next_open: str
    calendars: tuple[tuple[str, str], ...]
    zones: str
    at: str


class ChangeCalendar(msgspec.Struct, frozen=True):
    """What AWS Systems Manager says of one of its change calendars, by its name or ARN.

    ``next_change`` is when it opens or closes next, empty where that is not known. ``at`` is the instant that was
    asked about.
    """

    name: str
    open: bool
    next_change: str
    at: str
