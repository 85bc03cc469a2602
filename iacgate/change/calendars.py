"""Calendars: iCalendar files whose events are windows or freezes.

What a file says is read strictly, because a line that is passed over may be the one that closes a window. Every event
is repeated by ``recurring_ical_events`` in the local time of its zone, without the zone; only then its times become
instants (:mod:`iacgate.change.zones`). So nothing hangs on what the library makes of zones.

- An event lasts until its end by the clock on the wall: one from 22:00 to 06:00 ends at 06:00, also in the night in
  which clocks change. (RFC 5545, section 3.8.5.3, lets it last as long as the first one did, which nobody means who
  writes 06:00.) Of a DURATION, weeks and days go by the calendar, and hours, minutes and seconds are exact.
- ``STATUS:CANCELLED`` takes an event away, or one date of its series. ``STATUS:TENTATIVE`` closes and does not open.
- ``TRANSP`` is not looked at: it says whether somebody counts as busy, and programs make every event of a whole day
  TRANSPARENT. A freeze must not vanish by that.
- Properties whose names begin with ``X-`` are not looked at, X-WR-TIMEZONE included: policy.yaml has the zone.

Specification: RFC 5545.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from iacgate import canonical
from iacgate.change import icslines, moments, series, zones
from iacgate.change.icslines import Component, Unfit, shown
from iacgate.change.series import Event
from iacgate.change.zones import GREENWICH, Zone
from iacgate.errors import SettingsInvalid

MAX_BYTES: Final = 1 << 20
MAX_EVENTS: Final = 2_000
MAX_ZONES: Final = 256
"""Parts of all VTIMEZONE of one file together: each tells a change of the offset."""

_MARK: Final = "X-IACGATE-EVENT"
_MARGIN: Final = 4 * 86_400
"""Seconds by which more is looked for: offsets differ by less than two days, at the beginning and at the end."""

_METHODS: Final = ("", "PUBLISH", "REQUEST")


class Span(msgspec.Struct, frozen=True, order=True):
    """One date of an event: from an instant until before another, in seconds since 1970."""

    start: int
    end: int
    summary: str


class Calendar(msgspec.Struct, frozen=True):
    """A calendar that was read: its name, the digest of its file, and its events.

    ``named`` says whether zones of the IANA database decide, because the file names them and does not tell them.
    """

    name: str
    sha256: str
    named: bool
    events: tuple[Event, ...]
    query: Any

    def spans(self, start: int, end: int, open_zone: Zone, *, tentative: bool) -> Iterator[Span]:
        """Yield what holds at some time from an instant until before another, in no order.

        ``open_zone`` is where days, and times without a zone, are read; ``tentative`` says whether events count that
        may not take place. Cancelled ones never do.
        """
        for found in self.query.between(GREENWICH.local(start - _MARGIN), GREENWICH.local(end + _MARGIN)):
            event = self.events[int(found[_MARK])]
            if event.status == "CANCELLED" or (event.status == "TENTATIVE" and not tentative):
                continue
            first, last = found["DTSTART"].dt, found["DTEND"].dt
            begins, ended = moments.instants(first, last, event.lasts, event.zone or open_zone)
            if begins < end and start < ended:
                yield Span(begins, ended, event.summary)


def read_calendar(data: bytes, file: str) -> Calendar:
    """Return a calendar; its name is the file's, without folder and ending.

    Raises :class:`SettingsInvalid`, naming the file, the event and what to mend, for what is not read here.
    """
    if len(data) > MAX_BYTES:
        raise SettingsInvalid(f"{file}: it has more than {MAX_BYTES} bytes.", hint="Leave out events that are past.")
    try:
        return _read(data, file.rpartition("/")[2].removesuffix(".ics"))
    except Unfit as error:
        raise SettingsInvalid(f"{file}: {error.text}.", hint=error.hint) from error
    except (ValueError, ArithmeticError) as error:  # what the libraries raise for dates that are too far away
        text = f"{file}: it cannot be read ({type(error).__name__})."
        raise SettingsInvalid(text, hint="Leave out what is not of our time.") from error


def _read(data: bytes, name: str) -> Calendar:
    import recurring_ical_events  # noqa: PLC0415 - slow to load, and few runs read a calendar

    root = icslines.read(data)
    _refuse_other_kinds(root)
    found = [part for part in root.parts if part.name == "VEVENT"]
    if not 1 <= len(found) <= MAX_EVENTS:
        raise Unfit(f"it has {len(found)} events", f"Have one at least, and {MAX_EVENTS} at most.")
    by_uid: dict[str, list[Component]] = {}
    for number, part in enumerate(found):
        by_uid.setdefault(part.text("UID") or f"\n{number}", []).append(part)
    told = _Zones(root)
    reader = series.Reader(told.find)
    events = [event for number, parts in enumerate(by_uid.values()) for event in reader.read(number, parts)]
    query = recurring_ical_events.of(series.for_library(events, _MARK))
    return Calendar(name, canonical.digest(data), told.named, tuple(events), query)


def _refuse_other_kinds(root: Component) -> None:
    """Raise :class:`Unfit` for a calendar that is no list of events, or is in another language."""
    if root.text("VERSION") not in ("", "2.0"):
        raise Unfit(f"VERSION is {shown(root.text('VERSION'))}", "Export it as iCalendar 2.0.")
    if root.text("CALSCALE").upper() not in ("", "GREGORIAN"):
        raise Unfit(f"CALSCALE is {shown(root.text('CALSCALE'))}", "Export it as GREGORIAN.")
    if root.text("METHOD").upper() not in _METHODS:
        raise Unfit(f"METHOD is {shown(root.text('METHOD'))}: it is a message about events", "Export the calendar.")
    for part in root.parts:
        if part.name not in ("VEVENT", "VTIMEZONE"):
            raise Unfit(f"it has {shown(part.name)} in it, which opens and closes nothing", "Take it out.")


class _Zones:
    """The zones of one file; ``named`` says whether one was asked for that the file does not tell."""

    def __init__(self, root: Component) -> None:
        self.named = False
        self._told: dict[str, Zone] = {}
        parts = [part for part in root.parts if part.name == "VTIMEZONE"]
        if sum(max(1, len(part.parts)) for part in parts) > MAX_ZONES:
            text = f"its VTIMEZONE tell of more than {MAX_ZONES} kinds of changes"
            raise Unfit(text, "Leave out zones that no event names.")
        for part in parts:
            name = part.text("TZID")
            if not name or name in self._told:
                raise Unfit(f"VTIMEZONE {shown(name)} stands there twice, or has no TZID", "Leave one of them.")
            self._told[name] = zones.told(part)

    def find(self, name: str) -> Zone:
        """Return the zone of a TZID. Raises :class:`Unfit` where nobody knows it."""
        if name in self._told:
            return self._told[name]
        found = zones.named(name)
        if found is None:
            raise Unfit(
                f"no VTIMEZONE tells the time zone {shown(name)}, and the IANA database has none of that name",
                "Export it with its time zones, or write a name such as Europe/Berlin.",
            )
        self.named = self.named or found is not GREENWICH
        return found
