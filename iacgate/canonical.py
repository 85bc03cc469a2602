"""Canonical JSON and digests: the only place that hashes.

Digests are SHA-256, in lower-case hexadecimal. Canonical JSON has sorted keys, no
white space and is UTF-8; it is used for what iacgate derives. What somebody else
wrote is hashed as the bytes that they wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of a value built of JSON types or structs."""
    return _encoder.encode(value)


def digest(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_parts(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of a sequence of byte strings.

    Each part is preceded by its length, so that moving bytes from one part to the
    next changes the digest.
    """
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(b"%d:" % len(part) + part)
    return hasher.hexdigest()


def digest_named(components: Mapping[str, str]) -> str:
    """Return the digest of named digests, independent of their order."""
    return digest(canonical_json(dict(components)))
