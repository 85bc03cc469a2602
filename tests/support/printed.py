"""Whether some bytes still hold a secret, by other means than those that take it out."""

from __future__ import annotations

import base64
import binascii
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")


def holds(data: bytes, secrets: Iterable[str]) -> set[str]:
    """Return those secrets that can still be read: as they are, escaped, percent-encoded, in base64 or hexadecimal."""
    texts = set(_texts(data))
    return {secret for secret in secrets if any(secret in text for text in texts)}


def _texts(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    yield text
    yield urllib.parse.unquote_plus(text)
    yield "\0".join(_strings(text, 3))
    for run in _RUN.findall(data):
        yield from _decoded(run)


def _decoded(run: bytes) -> Iterator[str]:
    for start in range(4):
        part = run[start:].translate(bytes.maketrans(b"-_", b"+/"))
        yield base64.b64decode(part[: len(part) // 4 * 4]).decode("utf-8", "replace")
        try:
            yield binascii.unhexlify(run[start : len(run) - (len(run) - start) % 2]).decode("utf-8", "replace")
        except binascii.Error:
            continue


def _strings(text: str, depth: int) -> Iterator[str]:
    """Yield the strings of JSON, and of the JSON in them."""
    try:
        stack: list[Any] = [json.loads(text)]
    except ValueError:
        return
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += [*node, *node.values()]
        elif isinstance(node, list):
            stack += node
        elif isinstance(node, str):
            yield node
            if depth and node[:1] in ("{", "[", '"'):
                yield from _strings(node, depth - 1)
        elif not isinstance(node, bool):
            yield str(node)
