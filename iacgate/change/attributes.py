"""Which attributes of an object a change makes different, and whether a list of paths takes them in.

Values and masks are compared together, so that what is computed at apply and what is sensitive is
found at its own path. Lists are compared element by element where they are of one length, else as a
whole. The plan writes a set as a list: where that order shows that only some attributes of its elements
differ, this is so for the set as well; where an element has another place, more seems to differ than
does, never less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.conditions.refs import EVERY, parse_path
from iacgate.plan import strict
from iacgate.plan.likeness import decode
from iacgate.plan.model import ChangeBody, Path

How: TypeAlias = Literal["known", "unknown", "sensitive"]
"""Why a path counts as different: its value does, it is computed at apply, or it is sensitive and not the same."""

AttributePath: TypeAlias = tuple[str, ...]
"""Steps of a path that a person wrote; ``[*]`` is every element."""

MAX_SHOWN: Final = 200
"""Characters of a path in a sentence."""

_PLAIN: Final = re.compile(r"[^\W\d][\w-]*\Z")


class Differing(msgspec.Struct, frozen=True):
    """One path at which the object is another one after the change, or may be."""

    path: Path
    how: How


class _Missing:
    """What is not there at all: another thing than null."""


_MISSING: Final = _Missing()


class _Node(msgspec.Struct, frozen=True):
    """One place in both objects, with what the masks say of it."""

    before: Any
    after: Any
    unknown: Any
    was_secret: Any
    secret: Any

    def at(self, key: str | int) -> _Node:
        """Return the place below."""
        return _Node(
            _member(self.before, key),
            _member(self.after, key),
            _mask_at(self.unknown, key),
            _mask_at(self.was_secret, key),
            _mask_at(self.secret, key),
        )

    @property
    def masks(self) -> tuple[Any, Any, Any]:
        """All three masks."""
        return self.unknown, self.was_secret, self.secret


def attribute_path(text: str, where: str) -> AttributePath:
    """Return the steps of a path such as ``ingress[*].description``.

    Raises :class:`iacgate.errors.PackInvalid`, naming ``where``, for what is none, and for the whole object.
    """
    return parse_path(text or "?", where).steps  # to the parser, no path at all is the whole object


def attribute_paths(texts: Iterable[str], where: str) -> tuple[AttributePath, ...]:
    """Return the steps of several paths, as :func:`attribute_path` does."""
    return tuple(attribute_path(text, where) for text in texts)


def covered(path: Iterable[Any], by: Iterable[AttributePath]) -> bool:
    """Return whether one of some paths is this one, or one above it."""
    steps = tuple(path)
    return any(
        len(wanted) <= len(steps)
        and all(step in (EVERY, found) for step, found in zip(wanted, steps, strict=False))
        and bool(wanted)
        for wanted in by
    )


def differing(body: ChangeBody, where: str, *, new: bool = False) -> Iterator[Differing]:
    """Yield every path at which the object differs, or may.

    ``new`` says that there is no object before: what is null or empty in the new one is not set.
    Raises :class:`iacgate.errors.PlanUnreadable`, naming ``where``.
    """
    before, after = _value(body.before, where), _value(body.after, where)
    root = _Node(
        {} if new and before is None else before,
        after,
        _value(body.after_unknown, where),
        _value(body.before_sensitive, where),
        _value(body.after_sensitive, where),
    )
    yield from _walk(root, (), new=new)


def same_text(body: ChangeBody) -> bool:
    """Return whether both objects are the same text and nothing is computed at apply: a cheap way out."""
    return _text(body.before) == _text(body.after) and b"true" not in _text(body.after_unknown)


def hides(mask: Any) -> bool:
    """Return whether a mask covers anything; one that is neither a boolean nor a tree of them does."""
    return next(_true_paths(mask), None) is not None


def show_path(path: Iterable[Any]) -> str:
    """Return a path for people; it is one of the plan, and may be of any length and hold anything."""
    shown = ""
    for step in path:
        if isinstance(step, str) and _PLAIN.match(step):
            shown += f".{step}" if shown else step
        else:
            shown += f"[{json.dumps(step, default=repr)}]"
        if len(shown) > MAX_SHOWN:
            return f"{shown[: MAX_SHOWN - 1]}…"
    return shown or "the whole object"


def _value(raw: Raw | UnsetType, where: str) -> Any:
    """Return a value with exact numbers; a key that stands twice is refused."""
    if raw is UNSET:
        return None
    strict.decode_value(raw, where)
    try:
        return decode(raw)
    except (ValueError, ArithmeticError) as error:
        raise strict.unreadable(ValueError("a number cannot be read exactly"), where) from error


def _text(raw: Raw | UnsetType) -> bytes:
    return b"null" if raw is UNSET else bytes(raw)


def _walk(node: _Node, path: Path, *, new: bool) -> Iterator[Differing]:
    before, after = node.before, node.after
    if _is_nothing(node, new=new):
        return
    if node.unknown is True:
        yield Differing(path, "unknown")
    if node.was_secret is True or node.secret is True:
        yield from _secret(node, path)
    elif node.unknown is True:
        yield from _marks(node, path)
    elif isinstance(after, dict) and (isinstance(before, dict) or (new and before is _MISSING)):
        for key in sorted(_keys(before, after, *node.masks)):
            yield from _walk(node.at(key), (*path, key), new=new)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index in range(len(after)):
            yield from _walk(node.at(index), (*path, index), new=False)
        yield from _marks_beyond(node, len(after), path)
    else:
        if not _same(before, after):
            yield Differing(path, "known")
        yield from _marks(node, path)


def _is_nothing(node: _Node, *, new: bool) -> bool:
    """Return whether there is no value on both sides; a mark upon nothing hides nothing."""
    if hides(node.unknown):
        return False
    if node.before is None or node.before is _MISSING:
        return node.after is node.before or (new and _is_empty(node.after))
    return False


def _is_empty(value: Any) -> bool:
    return value is None or value is _MISSING or value in ([], {})


def _secret(node: _Node, path: Path) -> Iterator[Differing]:
    """A secret is the same only where it is one on both sides, and equal."""
    inside = node.unknown is not True and hides(node.unknown)
    if inside:
        yield Differing(path, "unknown")
    if inside or node.unknown is True or node.was_secret is not node.secret or not _same(node.before, node.after):
        yield Differing(path, "sensitive")


def _marks(node: _Node, path: Path) -> Iterator[Differing]:
    """Yield what the masks hide below a place that is not compared any deeper."""
    if node.unknown is not True:
        yield from (Differing((*path, *below), "unknown") for below in _true_paths(node.unknown))
    below_both = {*_true_paths(node.was_secret), *_true_paths(node.secret)}
    yield from (Differing((*path, *below), "sensitive") for below in sorted(below_both, key=repr))


def _marks_beyond(node: _Node, length: int, path: Path) -> Iterator[Differing]:
    """A mask that is longer than its list hides nobody knows what."""
    unknown, was_secret, secret = (mask[length:] if isinstance(mask, list) else None for mask in node.masks)
    if hides(unknown):
        yield Differing(path, "unknown")
    if hides(was_secret) or hides(secret):
        yield Differing(path, "sensitive")


def _true_paths(mask: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(mask, dict):
        for key, inner in mask.items():
            yield from _true_paths(inner, (*path, key))
    elif isinstance(mask, list):
        for index, inner in enumerate(mask):
            yield from _true_paths(inner, (*path, index))
    elif mask not in (None, False):
        yield path


def _keys(*parts: Any) -> set[str]:
    return {key for part in parts if isinstance(part, dict) for key in part}


def _member(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    return value[key] if isinstance(value, list) and isinstance(key, int) else _MISSING


def _mask_at(mask: Any, key: str | int) -> Any:
    """Return the mask of a member; one of another shape hides everything, where it hides anything."""
    if isinstance(mask, dict) and isinstance(key, str):
        inner = mask.get(key)
    elif isinstance(mask, list) and isinstance(key, int):
        inner = mask[key] if key < len(mask) else None
    else:
        return hides(mask)
    return inner if isinstance(inner, (dict, list)) else inner not in (None, False)


def _same(before: Any, after: Any) -> bool:
    """Return whether two values are the same, of the same types."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(item, after[key]) for key, item in before.items())
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after)
