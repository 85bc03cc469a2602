"""Parts of a plan, decoded strictly: duplicate keys and damage are one clear sentence."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from iacgate import strictjson
from iacgate.errors import PlanUnreadable
from iacgate.strictjson import DuplicateKeyError

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def decode_value(raw: msgspec.Raw | bytes, where: str) -> Any:
    """Return the JSON value, refusing duplicate keys at any depth.

    Raises :class:`PlanUnreadable`, naming ``where``.
    """
    try:
        return strictjson.decode(raw)
    except (ValueError, RecursionError) as error:
        raise unreadable(error, where) from error


def decode_object(raw: msgspec.Raw, where: str) -> dict[str, Any] | None:
    """Return the JSON object, as :func:`decode_value` does; ``None`` for null.

    Raises :class:`PlanUnreadable`, naming ``where``, also for what is neither.
    """
    value = decode_value(raw, where)
    if value is not None and not isinstance(value, dict):
        raise unreadable(ValueError("an object was expected"), where)
    return value


def decode_struct(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, where: str, *inner: str) -> T:
    """Return a struct decoded from an object; duplicates are refused in it and in its ``inner`` members.

    Values that the struct keeps undecoded are not looked into: they are checked when they are read.
    """
    try:
        value = decoder.decode(raw)
        if not strictjson.same_text(_encode(value), bytes(raw)):
            _refuse_duplicates(raw, inner)
    except (ValueError, RecursionError) as error:
        raise unreadable(error, where) from error
    return value


def decode_members(raw: msgspec.Raw, where: str) -> dict[str, msgspec.Raw] | None:
    """Return an object's members undecoded, refusing duplicate names; ``None`` for null.

    The members are checked when they are read, as in :func:`decode_struct`.
    """
    try:
        members: dict[str, msgspec.Raw] | None = _members.decode(raw)
        if members is None:
            return None
        text = bytes(raw)
        if not strictjson.same_text(_encode(members), text):
            strictjson.refuse_duplicate_names(strictjson.member_names(text))
    except (ValueError, RecursionError) as error:
        raise unreadable(error, where) from error
    return members


def check_member_names(data: bytes, where: str) -> None:
    """Raise :class:`PlanUnreadable` where a key stands twice in the outermost object."""
    try:
        strictjson.refuse_duplicate_names(strictjson.member_names(data))
    except (ValueError, RecursionError) as error:
        raise unreadable(error, where) from error


def unreadable(error: Exception, where: str) -> PlanUnreadable:
    """Return the error for a part of a plan that does not decode."""
    if isinstance(error, DuplicateKeyError):
        return PlanUnreadable(
            f"{where}: the key {ascii(error.key[:80])} stands twice in one object, so that readers may disagree on it.",
            hint="Terraform never writes this. Find out who changed the plan JSON.",
        )
    if isinstance(error, RecursionError):
        return PlanUnreadable(f"{where}: nested too deeply to be read safely.", hint="Look at what produces it.")
    if isinstance(error, UnicodeDecodeError):
        return PlanUnreadable(f"{where}: not valid UTF-8.", hint="Make the plan JSON again.")
    if "out of range" in str(error):
        return PlanUnreadable(
            f"{where}: holds a number that is too large to be read exactly.",
            hint="No cloud takes a number of thousands of digits; look at what produces it.",
        )
    return PlanUnreadable(
        f"{where}: not as Terraform writes it ({error}).",
        hint="Make the plan JSON again with `terraform show -json PLANFILE`; do not edit it.",
    )


def _refuse_duplicates(raw: msgspec.Raw, inner: tuple[str, ...]) -> None:
    """Look at the names themselves: the members' order is another one, or some are not in the struct."""
    members = _members.decode(raw) or {}
    parts = [
        (members, raw),
        *((_members.decode(members[name]) or {}, members[name]) for name in inner if name in members),
    ]
    if all(strictjson.same_text(_encode(part), bytes(text)) for part, text in parts):
        return
    found = strictjson.pairs(bytes(raw))
    strictjson.refuse_duplicates(found, deep=False)
    for key, member in found:
        if key in inner:
            strictjson.refuse_duplicates(member, deep=False)
