"""Canonical JSON and digests: the only place that hashes.

Digests are SHA-256, in lower-case hexadecimal. Canonical JSON has sorted keys, no
white space and is UTF-8; it is used for what iacgate derives. What somebody else
wrote is hashed as the bytes that they wrote.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of a value built of JSON types or structs."""
    return _encoder.encode(value)


def digest(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def keyed_digest(data: bytes, key: bytes) -> str:
    """Return the HMAC-SHA256 of some bytes, in hexadecimal: without the key, nobody can try what they were."""
    return hmac.new(key, data, hashlib.sha256).hexdigest()


def digest_joined(parts: Sequence[msgspec.Raw], size: int = 256) -> str:
    """Return the SHA-256 of JSON values joined by commas, as they stand in an array.

    JSON values delimit themselves, so that nothing can move from one part to the next.
    They are joined ``size`` at a time, which spares the memory of a copy of all of them.
    """
    hasher = hashlib.sha256()
    for start in range(0, len(parts), size):
        hasher.update(b",".join(map(memoryview, parts[start : start + size])))
        hasher.update(b",")
    return hasher.hexdigest()


def digest_named(components: Mapping[str, str]) -> str:
    """Return the digest of named digests, independent of their order."""
    return digest(canonical_json(dict(components)))
