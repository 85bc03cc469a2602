"""Whether it is the time for a change: its own schedule, the calendars of its environment, and overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from iacgate.approval.quorum import Quorum, fill
from iacgate.change.opening import ChangeCalendar, Schedule
from iacgate.change.overrides import Overriding, overridden
from iacgate.change.record import outside
from iacgate.errors import SettingsInvalid
from iacgate.gate.inputs import Inputs
from iacgate.gate.reasons import Reason
from iacgate.people.attested import Attested
from iacgate.policy.schedules import ScheduleText

DENIED_BY_SCHEDULE: Final = 13


class Timing(msgspec.Struct, frozen=True):
    """Why it is not the time for a change, and what overrides that."""

    reasons: tuple[Reason, ...]
    exceptions: tuple[str, ...]


def schedule_at(texts: Sequence[ScheduleText], files: Mapping[str, bytes], now: str) -> Schedule | None:
    """Return whether the calendars of some schedules are open; ``None`` where none is named.

    ``files`` are those of the settings. Raises :class:`SettingsInvalid` where a calendar is not there or not valid.
    """
    if not any(text.windows or text.freezes for text in texts):
        return None
    from iacgate.change.calendars import read_calendar  # noqa: PLC0415 - most settings have no calendars
    from iacgate.change.windows import Asked, schedule_of_all  # noqa: PLC0415 - as above

    def named(name: str) -> bytes:
        path = f"calendars/{name}.ics"
        if path not in files:
            raise SettingsInvalid(f".iacgate/{path} is not there, and policy.yaml names it.", hint="Add the calendar.")
        return files[path]

    asked = [
        Asked(
            tuple(read_calendar(named(name), f".iacgate/calendars/{name}.ics") for name in text.windows),
            tuple(read_calendar(named(name), f".iacgate/calendars/{name}.ics") for name in text.freezes),
            text.timezone,
        )
        for text in texts
    ]
    return schedule_of_all(asked, now)


def timing(inputs: Inputs, attested: Sequence[Attested]) -> Timing:
    """Return why it is not the time for a change.

    People who had no hand in it and fill the seats of an override open what calendars close; nobody opens the
    schedule of the change's own record, which is changed instead.
    """
    found, wanted = inputs.circumstances, inputs.wanted
    own = outside(found.record, inputs.now)
    reasons = [Reason("outside-its-schedule", DENIED_BY_SCHEDULE, f"The record has a schedule: {own}.")] if own else []
    closed = [*_closed(found.schedule), *_states(found.change_calendars)]
    if not closed:
        return Timing(tuple(reasons), ())
    said = [item for item in overridden(attested, wanted.change, inputs.now) if item.principal not in wanted.authors]
    roles = {item.principal: item.roles for item in attested}
    quorum = fill(found.override_seats, {item.principal: roles[item.principal] for item in said})
    if found.override_seats and quorum.complete:
        return Timing(tuple(reasons), tuple(_exceptions(closed, said, quorum)))
    return Timing((*reasons, *closed, *_begun(said, quorum)), ())


def _closed(schedule: Schedule | None) -> Iterator[Reason]:
    if schedule is None or schedule.open:
        return
    after = f"It is open next at {schedule.next_open}" if schedule.next_open else "It does not open within 400 days"
    for item in schedule.closed:
        which = f" ({item.calendar}: {item.event})" if item.event else f" ({item.calendar})"
        yield Reason("closed", DENIED_BY_SCHEDULE, f"{item.why.rstrip('.')}{which}. {after}.")


def _states(calendars: Sequence[ChangeCalendar]) -> Iterator[Reason]:
    for item in calendars:
        if not item.open:
            after = f" It changes next at {item.next_change}." if item.next_change else ""
            yield Reason("closed", DENIED_BY_SCHEDULE, f"The change calendar {item.name} is closed.{after}")


def _exceptions(closed: Sequence[Reason], said: Sequence[Overriding], quorum: Quorum) -> Iterator[str]:
    seated = {seat.principal for seat in quorum.filled}
    who = ", ".join(f"{item.principal} ({item.why})" for item in said if item.principal in seated)
    yield from (f"{reason.text} Overridden by {who}." for reason in closed)


def _begun(said: Sequence[Overriding], quorum: Quorum) -> Iterator[Reason]:
    if said:
        text = f"An override lacks {', '.join(quorum.missing)}; it is signed by {', '.join(i.principal for i in said)}."
        yield Reason("override-incomplete", DENIED_BY_SCHEDULE, text)
