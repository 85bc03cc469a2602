"""References: how a condition names the values that it looks at.

``after.ingress[*].cidr_blocks`` names a root, then attributes; ``[*]`` stands for every
element of a list, and ``["a.b/c"]`` for a key that is no plain word. A reference yields all
values that it names; what is missing is null, and what lies inside an unknown or sensitive
value is unknown or sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from iacgate.conditions.values import Hidden, Value
from iacgate.errors import PackInvalid

Subject: TypeAlias = "dict[str, Value]"
"""What a condition looks at: the values of its roots."""

Reads: TypeAlias = "frozenset[str] | None"
"""Names of the attributes of ``before`` and ``after`` that are read; ``None`` means all."""

OBJECT_ROOTS: Final = frozenset({"before", "after", "added", "removed"})
EVERY: Final = "[*]"
_REF: Final = re.compile(r'[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\*\]|\["[^"*]+"\])*')
_STEP: Final = re.compile(r'\["([^"]+)"\]|(\[\*\]|[\w-]+)')
_SIDE: Final = {"added": "after", "removed": "before"}
"""Where what stands on one side of the change only is looked for."""

_encode: Final = msgspec.json.Encoder(order="deterministic", enc_hook=lambda hidden: {"": hidden.value}).encode


class Ref(msgspec.Struct, frozen=True):
    """A parsed reference: the root and the steps below it."""

    text: str
    root: str
    steps: tuple[str, ...]

    def values(self, subject: Subject) -> list[Value]:
        """Return every value that the reference names, in order."""
        if self.root in _SIDE:
            return [] if self._same_text(subject) else [value for _, value in self._difference(subject)]
        return self.below(subject.get(self.root))

    def below(self, value: Value) -> list[Value]:
        """Return every value that the steps name below one: as :meth:`locate`, but without the paths."""
        if len(self.steps) == 1 and self.steps[0] != EVERY:
            return [_member(value, self.steps[0])]
        found = [value]
        for step in self.steps:
            found = _elements(found) if step == EVERY else [_member(item, step) for item in found]
        return found

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return every value with the path at which it stands, below the root."""
        if self.root in _SIDE:
            return list(self._difference(subject))
        return list(_walk(subject.get(self.root), self.steps, ""))

    @property
    def reads(self) -> Reads:
        """Which attributes of the object the reference reads; ``None`` for all of them."""
        if self.root not in OBJECT_ROOTS:
            return frozenset()
        return frozenset(self.steps[:1]) if self.steps and self.steps[0] != EVERY else None

    @property
    def single(self) -> bool:
        """Whether the reference names exactly one value."""
        return EVERY not in self.steps and self.root not in _SIDE

    @property
    def paired(self) -> bool:
        """Whether it names what stands on one side of the change only."""
        return self.root in _SIDE

    def absent(self, subject: Subject) -> bool:
        """Return whether the object does not have the reference's first attribute at all, a cheap way out."""
        value = subject.get(_SIDE.get(self.root, self.root))
        if value is None or not self.steps or self.steps[0] == EVERY:
            return value is None
        return value.__class__ is dict and value.get(self.steps[0]) is None

    def one(self, subject: Subject) -> Value:
        """Return the value of a reference that names exactly one."""
        value = subject.get(self.root)
        for step in self.steps:
            if value.__class__ is dict:
                value = value.get(step)
            else:
                return value if value.__class__ is Hidden else None
        return value

    def _same_text(self, subject: Subject) -> bool:
        """Return whether the object's attribute is the same string on both sides, as most are."""
        before, after = subject.get("before"), subject.get("after")
        if len(self.steps) != 1 or before.__class__ is not dict or after.__class__ is not dict:
            return False
        value = after.get(self.steps[0])
        return value.__class__ is str and before.get(self.steps[0]) == value

    def _difference(self, subject: Subject) -> Iterator[tuple[str, Value]]:
        """Yield what stands on one side only: the elements of lists, or a scalar that differs."""
        here, there = ("after", "before") if self.root == "added" else ("before", "after")
        known = {_encode(value) for _, value in _walk(subject.get(there), self.steps, "", spread=True)}
        for path, value in _walk(subject.get(here), self.steps, "", spread=True):
            if value is not None and (_encode(value) not in known or has_hidden(value)):
                yield path, value

    def doubt(self, subject: Subject) -> Callable[[Value], bool]:
        """Return what tells whether a value may stand on both sides, so that it is not surely added (or removed)."""
        if self.root not in _SIDE:
            return lambda _: False
        there = subject.get("before" if self.root == "added" else "after")
        unseen = any(has_hidden(value) for _, value in _walk(there, self.steps, "", spread=True))
        return lambda value: unseen or has_hidden(value)


def parse_ref(text: Any, roots: frozenset[str], where: str) -> Ref:
    """Return a parsed reference.

    Raises :class:`PackInvalid` where it is malformed or starts at a root that the subject lacks.
    """
    if not isinstance(text, str) or not _REF.fullmatch(text):
        raise PackInvalid(
            f"{where}: {text!r} is not a reference.", hint="Write it like `after.ingress[*].cidr_blocks`."
        )
    root, *steps = (quoted or plain for quoted, plain in _STEP.findall(text))
    if root not in roots:
        raise PackInvalid(
            f"{where}: {text!r} starts at {root!r}, which is not there.",
            hint=f"A reference here starts at one of: {', '.join(sorted(roots))}.",
        )
    return Ref(text=text, root=root, steps=tuple(steps))


def parse_path(text: Any, where: str) -> Ref:
    """Return a path that is looked up below ``before`` and ``after`` alike; empty for the whole object.

    Raises :class:`PackInvalid` where it is malformed.
    """
    if not isinstance(text, str):
        raise PackInvalid(f"{where}: {text!r} is not a path.", hint="Write it like `ingress[*].cidr_blocks`.")
    return parse_ref(f"after.{text}" if text else "after", frozenset({"after"}), where)


def _walk(value: Value, steps: tuple[str, ...], path: str, *, spread: bool = False) -> Iterator[tuple[str, Value]]:
    for index, step in enumerate(steps):
        if isinstance(value, Hidden):
            yield path, value
            return
        if step == EVERY:
            yield from _each(value, steps[index + 1 :], path, spread=spread)
            return
        value = value.get(step) if isinstance(value, dict) else None
        path = _below(path, step)
    if spread and isinstance(value, list):
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(value))
    else:
        yield path, value


def _member(value: Value, step: str) -> Value:
    kind = value.__class__
    return value.get(step) if kind is dict else value if kind is Hidden else None


def _elements(values: list[Value]) -> list[Value]:
    found: list[Value] = []
    for value in values:
        kind = value.__class__
        if kind is list:
            found += value
        elif kind is dict:
            found += value.values()
        elif value is not None:
            found.append(value)
    return found


def _below(path: str, step: str) -> str:
    if "." in step or "/" in step:
        return f'{path}["{step}"]'
    return f"{path}.{step}" if path else step


def _each(value: Value, steps: tuple[str, ...], path: str, *, spread: bool) -> Iterator[tuple[str, Value]]:
    if isinstance(value, list):
        items: Iterator[tuple[Any, Value]] = iter(enumerate(value))
    elif isinstance(value, dict):
        items = ((f'"{key}"', item) for key, item in value.items())
    elif value is None:
        return
    else:
        items = iter([(0, value)])
    for index, item in items:
        yield from _walk(item, steps, f"{path}[{index}]", spread=spread)


def sides(ref: Ref) -> tuple[Callable[[Subject], Value], Callable[[Subject], Value]]:
    """Return how to read the same path before and after the change; with ``[*]`` in it, the list of its values."""
    before = Ref(text=ref.text, root="before", steps=ref.steps)
    after = Ref(text=ref.text, root="after", steps=ref.steps)
    return (before.values, after.values) if EVERY in ref.steps else (before.one, after.one)


def all_reads(parts: Iterable[Reads]) -> Reads:
    """Return what several readers read together."""
    names: frozenset[str] = frozenset()
    for part in parts:
        if part is None:
            return None
        names |= part
    return names


def has_hidden(value: Value) -> bool:
    """Return whether an unknown or sensitive value stands anywhere inside."""
    kind = value.__class__
    if kind is dict:
        return any(map(has_hidden, value.values()))
    if kind is list:
        return any(map(has_hidden, value))
    return kind is Hidden
