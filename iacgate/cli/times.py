"""Whether the calendars and time zones that a policy names are there, before a gate needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from iacgate.change.zones import named as zone_named
from iacgate.errors import SettingsInvalid
from iacgate.gate.schedule import schedule_at
from iacgate.policy.environments import Policy
from iacgate.policy.schedules import ScheduleText, calendar_names

_FOLDER: Final = "calendars/"


def calendar_problems(policy: Policy, files: Mapping[str, bytes], moment: str) -> Iterator[tuple[str, SettingsInvalid]]:
    """Yield each environment at whose schedule every gate would stop, with why; ``files`` are those of the settings."""
    for name, environment in policy.environments.items():
        try:
            if environment.schedule:
                _look(environment.schedule, files, moment)
        except SettingsInvalid as error:
            yield name, error


def calendar_warnings(policy: Policy, files: Mapping[str, bytes], moment: str) -> Iterator[str]:
    """Yield the environments that do not open in a year, and the calendars that decide nothing.

    Where :func:`calendar_problems` has none.
    """
    texts = {name: item.schedule for name, item in policy.environments.items() if item.schedule}
    for name, text in texts.items():
        found = schedule_at([text], files, moment)
        if found is not None and not found.next_open:
            yield f"Warning: {name} is closed, and its calendars do not open it within 400 days."
    wanted = {f"{_FOLDER}{name}.ics" for name in calendar_names(texts.values())}
    for path in sorted(path for path in files if path.startswith(_FOLDER) and path not in wanted):
        yield f"Warning: no environment names {path}: it opens and closes nothing."


def _look(text: ScheduleText, files: Mapping[str, bytes], moment: str) -> None:
    if zone_named(text.timezone) is None:  # where only AWS has calendars, nobody reads it, and it is wrong all the same
        raise SettingsInvalid(
            f"policy.yaml: there is no time zone {text.timezone!r}.", hint="Write a name such as UTC or Europe/Berlin."
        )
    schedule_at([text], files, moment)
