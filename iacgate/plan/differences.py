"""Which attributes a change changes, for people to read; values are sealed before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from iacgate.conditions.values import Hidden, Value
from iacgate.plan.redaction import Redactor
from iacgate.plan.secrecy import HIDDEN_TEXT

MAX_VALUE: Final = 120
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def show(value: Value, redactor: Redactor, limit: int = MAX_VALUE) -> str:
    """Return a short text for a value: JSON, with markers for what may not be seen."""
    if isinstance(value, Hidden):
        return _marker(value)
    if value is None:
        return "null"
    text = redactor.clean(_encode(_plain(value, redactor)).decode())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def differences(before: Value, after: Value, limit: int) -> Iterator[tuple[str, Value, Value]]:
    """Return path, value before and value after of what differs, at most ``limit`` of them.

    Objects are compared attribute by attribute and lists of equal length element by element;
    a list that grew or shrank differs as a whole.
    """
    return itertools.islice(_differences(before, after, ""), limit)


def _differences(before: Value, after: Value, path: str) -> Iterator[tuple[str, Value, Value]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from _differences(before.get(key), after.get(key), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    elif before != after and not (before is None and after in ([], {}, "")):
        yield path, before, after


def _marker(value: Hidden) -> str:
    return HIDDEN_TEXT if value is Hidden.SENSITIVE else f"({Hidden.UNKNOWN.value})"


def _plain(value: Any, redactor: Redactor) -> Any:
    """Return the value without markers and secrets, which JSON may spell otherwise than they are known."""
    if isinstance(value, Hidden):
        return _marker(value)
    if isinstance(value, dict):
        return {redactor.clean(key): _plain(item, redactor) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, redactor) for item in value]
    return redactor.clean(value) if isinstance(value, str) else value
