"""When changes may happen: what ``policy.yaml`` says of an environment's windows and freezes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec

from iacgate.policy.demands import Role, Seats

OVERRIDES: Final = {"infra": 1, "security": 1}
"""Whose seats must be filled for an override, where the policy does not say otherwise."""

MAX_CALENDARS: Final = 20
"""Of each kind, in one environment."""

CalendarName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
"""The name of a file ``calendars/NAME.ics``."""

ChangeCalendar = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(arn:aws[a-z-]{0,20}:ssm:[a-z0-9-]{1,40}:[0-9]{12}:document/)?[A-Za-z0-9_][A-Za-z0-9_.-]{2,127}\Z"
    ),
]
"""The name, or ARN, of a document of AWS Systems Manager that is a change calendar."""

TimeZone = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}\Z")]

_Many = msgspec.Meta(max_length=MAX_CALENDARS)


class ScheduleText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of when changes may happen in one environment.

    With ``windows``, only inside an event of one of these calendars; never inside one of ``freezes``; and only while
    every one of ``ssm``, change calendars of AWS Systems Manager, is open. ``timezone`` is the IANA name of the zone
    in which whole days, and times without a zone, are read. ``overrides`` is whose seats must be filled, by role,
    before a change may happen all the same.
    """

    windows: Annotated[list[CalendarName], _Many] = []
    freezes: Annotated[list[CalendarName], _Many] = []
    ssm: Annotated[list[ChangeCalendar], _Many] = []
    timezone: TimeZone = "UTC"
    overrides: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(OVERRIDES))


class Wrong(msgspec.Struct, frozen=True):
    """Something in a schedule that makes no sense: at which of its keys, what, and what to do."""

    key: str
    text: str
    hint: str


def wrongs(schedule: ScheduleText) -> Iterator[Wrong]:
    """Yield what makes no sense in a schedule."""
    if not (schedule.windows or schedule.freezes or schedule.ssm):
        yield Wrong("", "its schedule names no calendar", "Name windows, freezes or ssm, or leave the schedule out.")
    for key, names in (("windows", schedule.windows), ("freezes", schedule.freezes), ("ssm", schedule.ssm)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield Wrong(key, f"it names {twice[0]!r} twice", "Name it once.")
    both = sorted({*schedule.windows} & {*schedule.freezes})
    if both:
        yield Wrong("freezes", f"{both[0]!r} is a window and a freeze, so that it never opens", "Leave one of them.")
    if not schedule.overrides:
        yield Wrong("overrides", "an override asks for nobody", "Name at least one seat, or leave it out.")


def calendar_names(schedules: Iterable[ScheduleText]) -> tuple[str, ...]:
    """Return the names of all files of calendars that some schedules need, in order."""
    return tuple(sorted({name for schedule in schedules for name in (*schedule.windows, *schedule.freezes)}))


def override_seats(schedules: Iterable[ScheduleText]) -> dict[str, int]:
    """Return whose seats must be filled to override all of some schedules: at least what each of them asks for."""
    seats: dict[str, int] = {}
    for schedule in schedules:
        for role, count in schedule.overrides.items():
            seats[role] = max(seats.get(role, 0), count)
    return seats
