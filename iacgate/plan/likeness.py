"""Whether plan JSON shows a value of the plan file: values, unknown masks, sensitive masks.

Terraform makes the JSON from the file. What it does on the way is repeated here: an
unknown is left out of an object and is null in a list, and stands as ``true`` in the
mask ``after_unknown``; a number is written in decimal, as short as its precision
allows. Source: ``internal/command/jsonplan/plan.go`` (``omitUnknowns``,
``unknownAsBool``) of hashicorp/terraform, and cty's ``json/marshal.go``.

Nothing here is recursive: values nest as deep as an attacker likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw, UnsetType

from iacgate.conditions.values import UNKNOWN, Value
from iacgate.plan.saved import PathSteps

Trail: TypeAlias = "tuple[Trail, str | int] | None"
"""The way to a node, innermost step first: cheap to extend, shown by :func:`show_trail`."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_INT64: Final = range(-(2**63), 2**63)
_PLAIN: Final = re.compile(r"\A[^\W\d][\w-]*\Z", re.ASCII)


def decode(raw: Raw | bytes) -> Any:
    """Return JSON with exact numbers: ``int``, and :class:`decimal.Decimal` for the rest.

    Raises:
        ValueError, ArithmeticError, RecursionError: it cannot be decoded.
    """
    return _decoder.decode(raw)


def show_trail(root: str, trail: Trail) -> str:
    """Return a path as one reads it, all but ASCII escaped."""
    steps: list[str] = []
    while trail is not None:
        trail, step = trail
        plain = isinstance(step, str) and _PLAIN.match(step)
        steps.append(f".{step}" if plain else f"[{json.dumps(step)}]")
    return root + "".join(reversed(steps))


class Compared:
    """The outcome of a comparison: the first difference, and whether the file has unknowns."""

    def __init__(self) -> None:
        self.same = True
        self.trail: Trail = None
        self.unknowns = False

    def differs(self, trail: Trail) -> Compared:
        """Return the outcome with a difference at a path."""
        self.same, self.trail = False, trail
        return self


def compare_values(ours: Value, shown: Any) -> Compared:
    """Compare a value of the file with the decoded one of the JSON."""
    outcome = Compared()
    if ours is UNKNOWN:
        outcome.unknowns = True
        return outcome if shown is None else outcome.differs(None)
    todo: list[tuple[Value, Any, Trail]] = [(ours, shown, None)]
    while todo:
        mine, theirs, trail = todo.pop()
        if isinstance(mine, dict) and isinstance(theirs, dict):
            unknown = {key for key, value in mine.items() if value is UNKNOWN}
            outcome.unknowns = outcome.unknowns or bool(unknown)
            if odd := (mine.keys() - unknown) ^ theirs.keys():
                return outcome.differs((trail, min(odd)))
            todo.extend((mine[key], theirs[key], (trail, key)) for key in theirs)
        elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
            todo.extend((a, b, (trail, at)) for at, (a, b) in enumerate(zip(mine, theirs, strict=True)))
        elif mine is UNKNOWN:
            outcome.unknowns = True
            if theirs is not None:
                return outcome.differs(trail)
        elif not _same_scalar(mine, theirs):
            return outcome.differs(trail)
    return outcome


def _same_scalar(mine: Value, theirs: Any) -> bool:
    if mine is None or isinstance(mine, bool) or isinstance(theirs, bool):
        return mine is theirs
    if isinstance(mine, str):
        return mine == theirs if isinstance(theirs, str) else _same_big_number(mine, theirs)
    if not isinstance(theirs, int | Decimal):
        return False
    # A float64 is printed as the shortest decimal that names it, not as its exact value.
    return (Decimal(repr(mine)) if isinstance(mine, float) else mine) == theirs


def _same_big_number(mine: str, theirs: Any) -> bool:
    """Whether a string of the file is a number of the JSON that only a string can hold."""
    if not isinstance(theirs, int | Decimal) or (isinstance(theirs, int) and theirs in _INT64):
        return False
    try:
        return Decimal(mine) == theirs
    except InvalidOperation:
        return False


def compare_mask(ours: Value, mask: Any) -> Compared:
    """Compare the unknowns of a file's value with a decoded ``after_unknown``."""
    outcome = Compared()
    todo: list[tuple[Value, Any, Trail]] = [(ours, mask, None)]
    while todo:
        mine, shown, trail = todo.pop()
        if isinstance(mine, dict):
            if not isinstance(shown, dict) or shown.keys() - mine.keys():
                return outcome.differs(trail)
            # Known scalars are left out of the mask of an object; containers are not.
            todo.extend((value, shown.get(key, False), (trail, key)) for key, value in mine.items())
        elif isinstance(mine, list):
            if not isinstance(shown, list) or len(shown) != len(mine):
                return outcome.differs(trail)
            todo.extend((a, b, (trail, at)) for at, (a, b) in enumerate(zip(mine, shown, strict=True)))
        elif shown is not (mine is UNKNOWN):
            return outcome.differs(trail)
    return outcome


def unmasked(value: Value, mask: Any, paths: Iterable[PathSteps]) -> Trail | UnsetType:
    """Return the first path that the file marks sensitive and the mask does not, else UNSET.

    A mark within something unknown or absent has no place in the mask. A mark within a
    set names its element by value; then the whole set must have some mark.
    """
    for path in paths:
        node, shown = value, mask
        trail: Trail = None
        for step in path:
            if shown is True or not isinstance(node, dict | list):
                break
            if not _is_step_of(node, step):
                if not isinstance(step, str | int) and not _any_true(shown):
                    return trail
                shown = True
                break
            node = node[step]
            shown = _child(shown, step)
            trail = (trail, step)
        else:
            if shown is not True:
                return trail
    return msgspec.UNSET


def _is_step_of(node: dict[str, Value] | list[Value], step: Value) -> bool:
    if isinstance(node, dict):
        return isinstance(step, str) and step in node
    return isinstance(step, int) and not isinstance(step, bool) and 0 <= step < len(node)


def _child(mask: Any, step: Any) -> Any:
    if isinstance(mask, dict):
        return mask.get(step, False)
    return mask[step] if isinstance(mask, list) and isinstance(step, int) and step < len(mask) else False


def _any_true(mask: Any) -> bool:
    todo = [mask]
    while todo:
        node = todo.pop()
        if node is True:
            return True
        if isinstance(node, dict | list):
            todo.extend(node.values() if isinstance(node, dict) else node)
    return False
