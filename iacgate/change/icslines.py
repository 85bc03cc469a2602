"""An iCalendar file as what stands in it: components and properties, nothing of it understood yet.

icalendar splits the lines. Its own parser is not used, because it passes over what it does not understand, and keeps
the time zones of one file for the next.

Specification: RFC 5545, section 3.1.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_DEPTH: Final = 4
MAX_SHOWN: Final = 60
"""Characters of a file's text that stand in an error."""


class Unfit(Exception):
    """What makes a calendar unfit to decide anything, and what to do; caught where the file's name is known."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class Property(msgspec.Struct, frozen=True):
    """One line: its name and the names of its parameters in capitals, the value as it is written."""

    name: str
    parameters: dict[str, str]
    value: str


class Component(msgspec.Struct):
    """What stands between BEGIN and END."""

    name: str
    properties: list[Property] = []
    parts: list[Component] = []

    def all(self, name: str) -> list[Property]:
        """Return all properties of a name."""
        return [item for item in self.properties if item.name == name]

    def one(self, name: str) -> Property | None:
        """Return the property of a name, ``None`` where it is not there. Raises :class:`Unfit` for several."""
        found = self.all(name)
        if len(found) > 1:
            raise Unfit(f"{name} stands {len(found)} times in it", "Leave one of them.")
        return found[0] if found else None

    def text(self, name: str) -> str:
        """Return the value of a property, empty where there is none. Raises :class:`Unfit` where there are several."""
        found = self.one(name)
        return found.value.strip() if found else ""


def shown(text: str) -> str:
    """Return a file's text as it stands in an error: cut to a length, quoted, and with nothing hidden in it."""
    return ascii(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def read(data: bytes) -> Component:
    """Return the one VCALENDAR of a file.

    Raises :class:`Unfit` where it is not UTF-8, or not exactly one well-formed VCALENDAR.
    """
    from icalendar.parser import Contentlines  # noqa: PLC0415 - slow to load, and few runs read a calendar

    try:
        text = data.decode("utf-8-sig")
        lines = Contentlines.from_ical(text)  # type: ignore[no-untyped-call] # icalendar does not say
    except ValueError as error:
        raise Unfit("it is no text in UTF-8", "Export it again.") from error
    root = Component("")
    stack = [root]
    for line in lines:
        if not line.strip():
            continue
        try:
            name, parameters, value = line.raw_parts()
        except ValueError as error:
            raise Unfit(f"{shown(line)} is no line of a calendar", "Export it again.") from error
        _take(stack, _property(name, parameters, value))
    if len(stack) > 1:
        raise Unfit(f"END:{stack[-1].name} is missing", "It was cut off: export it again.")
    if root.properties or [part.name for part in root.parts] != ["VCALENDAR"]:
        raise Unfit("it is not exactly one VCALENDAR", "Name a file that holds one calendar, and nothing else.")
    return root.parts[0]


def _property(name: str, parameters: dict[str, object], value: str) -> Property:
    """Return a property; a parameter with several values has them joined by commas."""
    said = {
        key.upper(): ",".join(map(str, values)) if isinstance(values, list) else str(values)
        for key, values in parameters.items()
    }
    return Property(name.upper(), said, value)


def _take(stack: list[Component], item: Property) -> None:
    name = item.value.strip().upper()
    if item.name == "BEGIN":
        if len(stack) > MAX_DEPTH:
            raise Unfit(f"components are nested more than {MAX_DEPTH} deep", "Export it again.")
        stack[-1].parts.append(Component(name))
        stack.append(stack[-1].parts[-1])
    elif item.name != "END":
        stack[-1].properties.append(item)
    elif len(stack) == 1 or stack[-1].name != name:
        raise Unfit(f"END:{shown(name)[1:-1]} ends what did not begin", "Mend it, or export it again.")
    else:
        stack.pop()
