"""The ``exposes`` condition: does this change let the world reach something it could not reach?

A rule says where a provider keeps the parts of a network rule; the comparison itself is
:mod:`iacgate.conditions.network`'s. What is unknown is tried both ways: if the change
exposes even when every unknown is harmless, the answer is true; if it exposes only when
the unknown is the worst, the answer is unknown.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from iacgate.conditions.network import (
    ANY_PORT,
    WIDE,
    WORLD,
    Opening,
    Span,
    admits,
    is_name,
    newly_open,
    port_spans,
    protocol_name,
    source_spans,
)
from iacgate.conditions.refs import Ref, Subject, all_reads, has_hidden, parse_path
from iacgate.conditions.values import Answer, Hidden, Value
from iacgate.errors import PackInvalid

_MEMORY: Final = "(openings)"  # no reference can start with a bracket
EVERYWHERE: Final[tuple[tuple[Span, ...], tuple[Span, ...]]] = (((0, (1 << 32) - 1),), ((0, (1 << 128) - 1),))
ANYTHING: Final = Opening(protocol="all", ports=(ANY_PORT,), v4=EVERYWHERE[0], v6=EVERYWHERE[1])


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a network rule keeps its parts; paths are below one element of ``rules``.

    ``rules`` is the path of the list of rules, empty where the resource itself is one rule.
    ``where`` keeps the rules whose attributes equal the given values (direction, access).
    ``each`` is a list in a rule whose elements hold protocol and ports, where one rule has several.
    ``least`` is how much must be let in: the world, or a range wider than any organisation's.
    """

    sources: list[str]
    rules: str = ""
    each: str = ""
    protocol: str = ""
    from_port: str = ""
    to_port: str = ""
    ports: list[str] = []
    where: dict[str, Any] = {}
    to_ports: list[int | str] = []
    protocols: list[str] = []
    least: Literal["world", "wide"] = "world"


class Exposes:
    """The compiled condition; see :class:`Fields` for what a rule may say."""

    def __init__(self, spec: Any, where: str) -> None:
        try:
            fields = msgspec.convert(spec, Fields)
        except msgspec.ValidationError as error:
            raise PackInvalid(f"{where}: `exposes` is not valid ({error}).", hint="See docs/rules.md.") from error
        if not all(fields.sources or [""]):
            raise PackInvalid(f"{where}: `exposes` names no `sources`.", hint="See docs/rules.md.")
        if any(isinstance(wanted, (dict, list)) for wanted in fields.where.values()):
            raise PackInvalid(f"{where}: `where` compares with single values.", hint="See docs/rules.md.")
        for name in (fields.protocol, fields.from_port, fields.to_port):
            if name and len(parse_path(name, where).steps) != 1:
                raise PackInvalid(f"{where}: {name!r} is not an attribute of the network rule.", hint="Use `ports`.")
        self._fields = fields
        self._shape = msgspec.json.encode(msgspec.structs.replace(fields, to_ports=[], protocols=[], least="world"))
        self._rules = parse_path(fields.rules, where)
        self._each = parse_path(fields.each, where)
        self._sources = [parse_path(path, where) for path in fields.sources]
        self._ports = [parse_path(path, where) for path in fields.ports]
        self._filters = [(parse_path(path, where), wanted) for path, wanted in fields.where.items()]
        wanted = port_spans(list(fields.to_ports)) if fields.to_ports else (ANY_PORT,)
        if wanted is None:
            raise PackInvalid(f'{where}: `to_ports` must hold ports such as 22 or "1000-2000".', hint="")
        self._wanted: tuple[Span, ...] = wanted
        self._protocols = frozenset(fields.protocols)
        self._least = WORLD if fields.least == "world" else WIDE
        own = [self._each] if fields.each else self._ports
        named = [self._rules] if fields.rules else [*self._sources, *own, *(ref for ref, _ in self._filters)]
        needed = [self._rules] if fields.rules else self._sources
        self._needed = [ref.steps[0] for ref in needed]
        parts = () if fields.rules or fields.each else (fields.protocol, fields.from_port, fields.to_port)
        self.reads = all_reads([*(ref.reads for ref in named), frozenset(part for part in parts if part)])

    def answer(self, subject: Subject) -> Answer:
        """Return whether the change exposes, as far as the known values tell; asked again, it remembers."""
        after = subject.get("after")
        if after.__class__ is dict and not any(map(after.get, self._needed)):  # neither rules nor sources
            return False
        memory: dict[Any, Any] = subject.setdefault(_MEMORY, {})
        if self not in memory:
            memory[self] = self._answer(subject)
        found: Answer = memory[self]
        return found

    def _answer(self, subject: Subject) -> Answer:
        known, hidden = self._remembered(subject, "after")
        enough = admits(known, self._least)
        if not enough and not hidden:  # what is not the world now cannot newly be; most rules let in a few ranges
            return False
        closed, unsure = self._remembered(subject, "before")
        if enough and self._newly(closed, known):
            worst_before = self._openings(subject.get("before"), worst=True)[0] if unsure else []
            return None if unsure and not self._newly(worst_before, known) else True
        if not hidden:
            return False
        return None if self._newly(closed, self._openings(subject.get("after"), worst=True)[0]) else False

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the sources that are wide or unknown, with their paths."""
        found = []
        for prefix, item in self._items(subject.get("after")):
            for ref in self._sources:
                for path, value in _leaves(ref, item):
                    if isinstance(value, Hidden) or _is_wide(value):
                        found.append((f"{prefix}.{path}" if prefix and path else prefix or path, value))
        return found

    def _remembered(self, subject: Subject, side: str) -> tuple[list[Opening], bool]:
        """Return the openings on one side of the change, and whether any may not be seen.

        Rules that differ in ports only read them once. What did not change opens nothing.
        """
        memory = subject.setdefault(_MEMORY, {})
        found: tuple[list[Opening], bool] | None = memory.get((self._shape, side))
        if found is None:
            found = ([], False) if self._unchanged(subject) else self._openings(subject.get(side), worst=False)
            memory[self._shape, side] = found
        return found

    def _unchanged(self, subject: Subject) -> bool:
        """Return whether the rules are the same and all known, which most changes of other attributes leave them."""
        before, after = subject.get("before"), subject.get("after")
        if not self._fields.rules or before is None:
            return False
        memory = subject[_MEMORY]
        if self._fields.rules not in memory:
            now = self._rules.below(after)
            memory[self._fields.rules] = now == self._rules.below(before) and not has_hidden(now)
        return memory[self._fields.rules] is True

    def _newly(self, before: list[Opening], after: list[Opening]) -> bool:
        if not newly_open(before, after, self._wanted, self._protocols, self._least):
            return False
        # The world is wide, too, and has rules of its own.
        return self._least is WORLD or not newly_open(before, after, self._wanted, self._protocols)

    def _items(self, value: Value) -> list[tuple[str, Value]]:
        found = self._rules.locate({"after": value})
        return [
            (f"{path}[{index}]", item) if isinstance(node, list) else (path, item)
            for path, node in found
            for index, item in enumerate(node if isinstance(node, list) else [node])
        ]

    def _openings(self, value: Value, *, worst: bool) -> tuple[list[Opening], bool]:
        """Return what is let in, and whether anything that decides it may not be seen."""
        openings: list[Opening] = []
        hidden = False
        for item in _flat(self._rules.below(value)):
            if isinstance(item, Hidden):
                hidden = True
                openings += [ANYTHING] if worst else []
            elif isinstance(item, dict):
                selected, unsure = self._selected(item, worst=worst)
                hidden = hidden or unsure
                if selected:
                    opening, unsure = self._opening(item, worst=worst)
                    hidden = hidden or unsure
                    openings += opening
        return openings, hidden

    def _selected(self, item: Value, *, worst: bool) -> tuple[bool, bool]:
        unsure = False
        for ref, wanted in self._filters:
            value = next(iter(ref.below(item)), None)
            if isinstance(value, Hidden):
                unsure = True
            elif str(value).lower() != str(wanted).lower():
                return False, False
        return worst or not unsure, unsure

    def _opening(self, item: Value, *, worst: bool) -> tuple[list[Opening], bool]:
        v4: list[Span] = []
        v6: list[Span] = []
        hidden = False
        for ref in self._sources:
            for source in _flat(ref.below(item)):
                spans = None if isinstance(source, Hidden) else source_spans(source)
                if (
                    spans is None and source not in (None, "") and not is_name(source)
                ):  # hidden, or no range as we know it
                    hidden = True
                    spans = EVERYWHERE if worst else None
                if spans:
                    v4 += spans[0]
                    v6 += spans[1]
        if not hidden and not v4 and not v6:
            return [], False
        openings = []
        for part in self._parts(item):
            services, unsure = self._services(part, worst=worst)
            hidden = hidden or unsure
            if services and (v4 or v6):
                openings.append(Opening(protocol=services[0], ports=services[1], v4=tuple(v4), v6=tuple(v6)))
        return openings, hidden

    def _parts(self, item: Value) -> list[Value]:
        """Return what holds protocol and ports: the network rule itself, or the elements of a list in it."""
        if not self._fields.each:
            return [item]
        return [entry for entry in _flat(self._each.below(item)) if isinstance(entry, (dict, Hidden))]

    def _services(self, part: Value, *, worst: bool) -> tuple[tuple[str, tuple[Span, ...]] | None, bool]:
        """Return protocol and ports, and whether anything of them may not be seen."""
        if isinstance(part, Hidden):
            return (("all", (ANY_PORT,)) if worst else None), True
        protocol = self._protocol(part, worst=worst)
        ports, unsure = self._port_spans(part, protocol, worst=worst)
        unsure = unsure or isinstance(part.get(self._fields.protocol), Hidden)
        return (None if ports is None or protocol is None else (protocol, ports)), unsure

    def _protocol(self, item: Value, *, worst: bool) -> str | None:
        value = item.get(self._fields.protocol) if self._fields.protocol else None
        if isinstance(value, Hidden):
            return "all" if worst else None
        return protocol_name(value)

    def _port_spans(self, item: Value, protocol: str | None, *, worst: bool) -> tuple[tuple[Span, ...] | None, bool]:
        """Return the ports of one rule, and whether they are hidden; then they are all, or none."""
        if self._ports:
            values = [value for ref in self._ports for value in _flat(ref.below(item))]
            if any(isinstance(value, Hidden) for value in values):
                return ((ANY_PORT,) if worst else None), True
            return _readable(port_spans([value for value in values if value not in (None, "", [])]), worst=worst)
        if not self._fields.from_port:
            return (ANY_PORT,), False
        low, high = item.get(self._fields.from_port), item.get(self._fields.to_port or self._fields.from_port)
        if isinstance(low, Hidden) or isinstance(high, Hidden):
            return ((ANY_PORT,) if worst else None), True
        if low is None or low == -1 or protocol == "all":
            return (ANY_PORT,), False
        if low.__class__ is int and high.__class__ is int and 0 <= low <= high:
            return ((low, high),), False
        spans = port_spans([low, high if high is not None else low])
        if spans is None or spans[0][0] > spans[-1][1]:
            return _readable(None, worst=worst)
        return ((spans[0][0], spans[-1][1]),), False


def _readable(spans: tuple[Span, ...] | None, *, worst: bool) -> tuple[tuple[Span, ...] | None, bool]:
    """Return ports as they are; what cannot be read as ports is as good as hidden."""
    return (spans, False) if spans is not None else ((ANY_PORT,) if worst else None, True)


def _flat(values: list[Value]) -> list[Value]:
    """Return the values, those inside lists one by one."""
    if list not in map(type, values):
        return values
    return [entry for value in values for entry in (value if isinstance(value, list) else [value])]


def _leaves(ref: Ref, item: Value) -> list[tuple[str, Value]]:
    """Return the values at a path, those inside lists one by one."""
    if ref.steps:
        return [
            (f"{path}[{index}]", entry) if isinstance(node, list) else (path, entry)
            for path, node in ref.locate({"after": item})
            for index, entry in enumerate(node if isinstance(node, list) else [node])
        ]
    return ref.locate({"after": item})


def _is_wide(source: Value) -> bool:
    spans = source_spans(source)
    return bool(spans) and any(high - low >= (1 << 24) for part in spans or () for low, high in part)
