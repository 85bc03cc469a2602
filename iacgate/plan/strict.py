"""Decoding that refuses duplicate keys, at the price of one comparison.

All JSON parsers keep the last of two equal keys in silence, so that two readers of the
same plan may see different plans. What is decoded here is encoded again: equal bytes
prove that nothing was dropped. Where the bytes differ for another reason (white space,
another spelling of a number or an escape), the slow path looks at every key.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from iacgate.errors import PlanUnreadable

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, duplicates included."""


def decode_value(raw: msgspec.Raw | bytes, where: str) -> Any:
    """Return the JSON value, refusing duplicate keys at any depth.

    Raises :class:`PlanUnreadable`, naming ``where``.
    """
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable(error, where) from error
    if _encode(value) != bytes(raw):
        _refuse_duplicates(_pairs(bytes(raw), where), where, deep=True)
    return value


def decode_struct(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, where: str, *inner: str) -> T:
    """Return a struct decoded from an object; duplicates are refused in it and in its ``inner`` members.

    Values that the struct keeps undecoded are not looked into: they are checked when they are read.
    """
    try:
        value = decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable(error, where) from error
    if _encode(value) != bytes(raw):
        pairs = _pairs(bytes(raw), where)
        _refuse_duplicates(pairs, where, deep=False)
        for key, member in pairs:
            if key in inner:
                _refuse_duplicates(member, where, deep=False)
    return value


def members(data: bytes, where: str) -> list[str]:
    """Return the keys of the outermost object, duplicates included, building nothing else."""
    last: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        last[:] = [key for key, _ in pairs]

    _load(data, where, keep)
    return last


def unreadable(error: Exception, where: str) -> PlanUnreadable:
    """Return the error for a part of a plan that does not decode."""
    if isinstance(error, RecursionError):
        return PlanUnreadable(f"{where}: nested too deeply to be read safely.", hint="Look at what produces it.")
    if isinstance(error, UnicodeDecodeError):
        return PlanUnreadable(f"{where}: not valid UTF-8.", hint="Make the plan JSON again.")
    return PlanUnreadable(
        f"{where}: not as Terraform writes it ({error}).",
        hint="Make the plan JSON again with `terraform show -json PLANFILE`; do not edit it.",
    )


def _pairs(data: bytes, where: str) -> Any:
    return _load(data, where, Pairs)


def _load(data: bytes, where: str, hook: Any) -> Any:
    try:
        return json.loads(data.decode(), object_pairs_hook=hook, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise unreadable(error, where) from error


def _refuse_duplicates(value: Any, where: str, *, deep: bool) -> None:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Pairs):
            keys = [key for key, _ in node]
            if len(set(keys)) != len(keys):
                raise duplicate(keys, where)
            if deep:
                stack.extend(member for _, member in node)
        elif deep and isinstance(node, list):
            stack.extend(node)


def duplicate(keys: list[str], where: str) -> PlanUnreadable:
    """Return the error for an object in which a key stands twice."""
    twice = next(key for index, key in enumerate(keys) if key in keys[:index])
    return PlanUnreadable(
        f"{where}: the key {ascii(twice[:80])} stands twice in one object, so that readers may disagree on it.",
        hint="Terraform never writes this. Find out who changed the plan JSON.",
    )
