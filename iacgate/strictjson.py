"""JSON decoding that refuses duplicate keys, at the price of one comparison.

All JSON parsers keep the last of two equal keys in silence, so that two readers of the
same text may see different things. What is decoded here is encoded again: equal bytes
prove that nothing was dropped. Where the bytes differ for another reason (white space,
another spelling of a number or an escape), the slow path looks at every key.
"""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_GO_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


class DuplicateKeyError(ValueError):
    """A key stands twice in one object; :attr:`key` is the key."""

    def __init__(self, key: str) -> None:
        super().__init__("a key stands twice in one object")
        self.key = key


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, duplicates included."""


def decode(data: msgspec.Raw | bytes) -> Any:
    """Return a JSON value.

    Raises :class:`DuplicateKeyError`, or what msgspec raises for text that is not JSON:
    ``MsgspecError``, ``UnicodeDecodeError`` (both are ``ValueError``) or ``RecursionError``.
    """
    value = _decode(data)
    text = bytes(data)
    if not same_text(_encode(value), text):
        refuse_duplicates(pairs(text), deep=True)
    return value


def same_text(encoded: bytes, text: bytes) -> bool:
    """Return whether msgspec's encoding is the text, also where Go wrote ``<``, ``>`` and ``&`` as escapes.

    Go's ``encoding/json`` escapes these by default, and Terraform is written in Go.
    """
    if encoded == text:
        return True
    if b"\\u" not in text:
        return False
    for character, escape in _GO_ESCAPES:
        encoded = encoded.replace(character, escape)
    return encoded == text


def pairs(data: bytes) -> Any:
    """Return a JSON value with its objects as :class:`Pairs`, numbers as text."""
    return _load(data, Pairs)


def member_names(data: bytes) -> list[str]:
    """Return the keys of the outermost object, duplicates included, building nothing else."""
    last: list[str] = []

    def keep(found: list[tuple[str, Any]]) -> None:
        last[:] = [key for key, _ in found]

    _load(data, keep)
    return last


def refuse_duplicates(value: Any, *, deep: bool) -> None:
    """Raise :class:`DuplicateKeyError` where a key stands twice in the value, or anywhere in it."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Pairs):
            refuse_duplicate_names([key for key, _ in node])
            if deep:
                stack.extend(member for _, member in node)
        elif deep and isinstance(node, list):
            stack.extend(node)


def refuse_duplicate_names(names: list[str]) -> None:
    """Raise :class:`DuplicateKeyError` where a name stands twice."""
    if len(set(names)) != len(names):
        seen: set[str] = set()
        raise DuplicateKeyError(next(name for name in names if name in seen or seen.add(name)))  # type: ignore[func-returns-value] # the set remembers


def _load(data: bytes, hook: Any) -> Any:
    import json  # noqa: PLC0415 - Terraform's own output never comes here, and a start should not pay for it

    return json.loads(data.decode(), object_pairs_hook=hook, parse_int=str, parse_float=str)
