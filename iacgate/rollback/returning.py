"""Whether the values come back: what an object was before a plan, against what it is after the way back.

Values are compared as they are and shown sealed: a secret that comes back as another one is a difference, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.conditions.values import Hidden, Value
from iacgate.plan import redaction, strict
from iacgate.plan.differences import show
from iacgate.plan.model import ChangeBody, Path
from iacgate.plan.redaction import Redactor

MAX_PATHS: Final = 10
"""Values of one object that are told."""

Found: TypeAlias = tuple[Path, Value, Value]


class Pair(msgspec.Struct, frozen=True):
    """A change and the one that takes it back, of one object; ``unknown`` is where placeholders stood between."""

    forward: ChangeBody
    back: ChangeBody
    where: str
    unknown: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"<Pair {ascii(self.where)}>"


def returning(pair: Pair, redactor: Redactor) -> Iterator[tuple[str, str, str]]:
    """Yield path, what was and what comes back, of a few values that come back as other ones; redacted.

    Raises :class:`iacgate.errors.PlanUnreadable` where one of the values cannot be read.
    """
    where = ascii(pair.where)
    before, after = _decode(pair.forward.before, where), _decode(pair.back.after, where)
    differing = _differing((), before, after, _decode(pair.back.after_unknown, where))
    between = _decode(pair.back.before, where) if pair.unknown else None
    told = (item for item in differing if not _stands_in(item, between, pair.unknown))
    found = list(itertools.islice(told, MAX_PATHS))
    if not found:
        return
    sealed_before = redaction.before_of(pair.forward, redactor, where)
    sealed_after = redaction.after_of(pair.back, redactor, where)
    for path, _, _ in found:
        old, new = show(_at(sealed_before, path), redactor), show(_at(sealed_after, path), redactor)
        yield redactor.clean(_spelled(path)), old, new


def _decode(raw: Raw | UnsetType, where: str) -> Value:
    return None if raw is UNSET else strict.decode_value(raw, where)


def _differing(path: Path, before: Value, after: Value, unknown: Any) -> Iterator[Found]:
    if unknown is True:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            mask = unknown.get(key) if isinstance(unknown, dict) else None
            yield from _differing((*path, key), before.get(key), after.get(key), mask)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            mask = unknown[index] if isinstance(unknown, list) and index < len(unknown) else None
            yield from _differing((*path, index), old, new, mask)
    elif before != after and not (_is_empty(before) and _is_empty(after)):
        yield path, before, after


def _stands_in(found: Found, between: Value, unknown: tuple[Path, ...]) -> bool:
    """Return whether what comes back is a placeholder that the way back leaves as it is: it is not known."""
    path, _, after = found
    placed = any(path[: len(place)] == place or place[: len(path)] == path for place in unknown)
    return placed and bool(_at(between, path) == after)


def _is_empty(value: Value) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _at(value: Value, path: Path) -> Value:
    """Return what is at a path; a marker on the way stands for all that is in it."""
    for step in path:
        if isinstance(value, Hidden):
            return value
        if isinstance(value, dict):
            value = value.get(str(step))
        else:
            value = value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None
    return value


def _spelled(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
