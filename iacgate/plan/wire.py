"""The protobuf wire format, read strictly.

Only what plan files need: varints and length-delimited fields. The encoder of
Terraform and OpenTofu is deterministic enough that anything else (groups, fixed-width
numbers, varints longer than they must be) is damage or disguise, and is refused.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
LENGTH_DELIMITED: Final = 2

_MAX_VARINT_BYTES: Final = 10
_MAX_UINT64: Final = 2**64 - 1
_WIRE_TYPES: Final = {1: "fixed64", 3: "group", 4: "end of group", 5: "fixed32"}


class Malformed(Exception):
    """Some bytes are not what a plan file may hold; the message is one clause without a value.

    It never leaves the reader of plan files, which makes a
    :class:`iacgate.errors.PlanUnreadable` of it.
    """


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned number at an offset, and the offset after it.

    Raises:
        Malformed: it is truncated, too long for 64 bits, or not in its shortest form.
    """
    number = 0
    for count in range(_MAX_VARINT_BYTES):
        if at + count >= len(data):
            raise Malformed("ends in the middle of a number")
        byte = data[at + count]
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if (count and not byte) or number > _MAX_UINT64:
                break
            return number, at + count + 1
    raise Malformed("has a number that is not in its shortest 64-bit form")


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the field number and the raw value of each field, in the order of the bytes.

    The value is an ``int`` for a varint and ``bytes`` for what is length-delimited.

    Raises:
        Malformed: a field is truncated, or has another wire type.
    """
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, at = read_varint(data, at)
            yield number, value
        elif wire_type == LENGTH_DELIMITED:
            length, at = read_varint(data, at)
            if length > len(data) - at:
                raise Malformed(f"ends in the middle of field {number}")
            yield number, data[at : at + length]
            at += length
        else:
            kind = _WIRE_TYPES.get(wire_type, str(wire_type))
            raise Malformed(f"has field {number} with wire type {kind}, which plan files do not use")
