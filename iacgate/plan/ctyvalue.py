"""Values as Terraform stores them: cty values in msgpack.

A type is not stored with a value, except where the schema says "any type": there the
value is a pair of the type (JSON in a msgpack *binary*, which nothing else uses) and
the value. A number that neither an int64 nor a float64 holds exactly is a decimal
string; an unknown is an extension: 0 for a plain one, 12 for one with refinements.

Source: github.com/zclconf/go-cty, ``cty/msgpack/{marshal,unmarshal,dynamic,unknown}.go``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgpack
import msgspec

from iacgate.conditions.values import UNKNOWN, Value
from iacgate.plan.wire import Malformed

MAX_DEPTH: Final = 1000
"""Levels of nesting that are read; the msgpack library itself stops at 1,024."""

_UNKNOWN_EXTENSIONS: Final = frozenset({0, 12})
_NO_CONTAINERS: Final = bytes(byte for byte in range(256) if not (0x80 <= byte <= 0x9F or 0xDC <= byte <= 0xDF))
"""Bytes that open no map or array; without more than :data:`MAX_DEPTH` others nothing nests deeper."""

_COLLECTIONS: Final = frozenset({"list", "set", "map"})


def decode_value(data: bytes) -> Value:
    """Return the value in some msgpack bytes.

    Numbers are ``int`` or ``float``, and :class:`decimal.Decimal` where they do not fit
    *and* the type is stored with the value. Without a stored type such a number is left
    as the string that it is: nothing but the provider's schema could tell it from one.

    Raises:
        Malformed: the bytes are not a cty value, or nest deeper than :data:`MAX_DEPTH`.
    """
    return _decode(data, _list)


def decode_stored(data: bytes) -> Value:
    """Return the value in some msgpack bytes as a state stores it in JSON.

    Where the schema says "any type", that is an object of ``value`` and ``type``
    (``internal/states/statefile/version4.go``). Big numbers are strings, which Terraform takes in a state, too.

    Raises:
        Malformed: as :func:`decode_value`.
    """
    return _decode(data, _stored_list)


def _decode(data: bytes, list_hook: Callable[[list[Any]], Value]) -> Value:
    if not data:
        raise Malformed("has a value without bytes")
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            list_hook=list_hook,
            object_pairs_hook=_mapping,
            ext_hook=_extension,
        )
    except Malformed:
        raise
    except (msgpack.exceptions.StackError, RecursionError):
        raise Malformed(f"has a value nested deeper than {MAX_DEPTH} levels") from None
    except Exception as error:  # the library raises a dozen kinds; none of them may leave a traceback
        raise Malformed(f"has a value that is not msgpack ({type(error).__name__})") from None
    if isinstance(value, bytes):
        raise Malformed("has a binary value, which cty does not have")
    if len(data.translate(None, _NO_CONTAINERS)) > MAX_DEPTH:
        _check_depth(value)
    return value


def _extension(code: int, _data: bytes) -> Value:
    if code not in _UNKNOWN_EXTENSIONS:
        raise Malformed(f"has a value with msgpack extension {code}")
    return UNKNOWN


def _mapping(pairs: list[tuple[Any, Any]]) -> dict[str, Value]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise Malformed("has an object with the same key twice")
    for key, value in pairs:
        if not isinstance(key, str) or isinstance(value, bytes):
            raise Malformed("has an object whose keys or values are binary")
    return mapping


def _list(items: list[Any]) -> Value:
    if len(items) == 2 and isinstance(items[0], bytes) and not isinstance(items[1], bytes):
        return _typed(items[0], items[1])
    if any(isinstance(item, bytes) for item in items):
        raise Malformed("has a list with a binary value")
    return items


def _stored_list(items: list[Any]) -> Value:
    if len(items) == 2 and isinstance(items[0], bytes) and not isinstance(items[1], bytes):
        return {"value": items[1], "type": _type(items[0])}
    return _list(items)


def _type(type_json: bytes) -> Any:
    try:
        return msgspec.json.decode(type_json)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Malformed("has a value with an unreadable type") from None


def _typed(type_json: bytes, value: Value) -> Value:
    """Return a value whose type is stored with it, big numbers as numbers."""
    cty_type = _type(type_json)
    if b"number" not in type_json:  # most types: nothing to convert
        return value
    root = [value]
    todo: list[tuple[Any, Any, Any]] = [(root, 0, cty_type)]
    while todo:  # not recursive: types nest as deep as values do
        holder, key, wanted = todo.pop()
        item = holder[key]
        if wanted == "number" and isinstance(item, str):
            holder[key] = _big_number(item)
        elif isinstance(wanted, list) and len(wanted) in (2, 3) and isinstance(item, dict | list):
            todo.extend((item, inner, of) for inner, of in _element_types(item, wanted))
    return root[0]


def _element_types(item: dict[str, Any] | list[Any], wanted: list[Any]) -> list[tuple[Any, Any]]:
    """Return the key or index and the type of each element of a value of a compound type."""
    kind, inner = wanted[0], wanted[1]
    keys = list(item) if isinstance(item, dict) else list(range(len(item)))
    if kind in _COLLECTIONS:
        return [(key, inner) for key in keys]
    if kind == "tuple" and isinstance(inner, list) and isinstance(item, list) and len(inner) == len(item):
        return list(zip(keys, inner, strict=True))
    if kind == "object" and isinstance(inner, dict) and isinstance(item, dict) and set(item) <= set(inner):
        return [(key, inner[key]) for key in keys]
    raise Malformed("has a value that does not fit the type stored with it")


def _big_number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Malformed("has text where its type says number") from None
    if not number.is_finite():
        raise Malformed("has a number that is not finite")
    return number


def _check_depth(value: Value) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Malformed(f"has a value nested deeper than {MAX_DEPTH} levels")
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
