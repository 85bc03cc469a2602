"""Where changes stand, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.change.lifecycle import Stage
from iacgate.render.plain import encodable, harmless, harmless_json

SCHEMA: Final = "iacgate.status/1"


class Standing(msgspec.Struct, frozen=True):
    """Where one change stands at one stack.

    ``since`` is the time of its newest entry, empty for a draft; ``waits`` is what it waits for, in words; ``reviews``
    what its emergency waits for.
    """

    change: str
    stack: str
    stage: Stage
    change_type: str
    severity: str
    since: str
    waits: tuple[str, ...]
    reviews: tuple[str, ...]


class StatusDocument(msgspec.Struct, frozen=True):
    """What is printed for programs."""

    schema: str
    ledger: str
    genesis: str
    changes: tuple[Standing, ...]


def as_json(changes: Sequence[Standing], ledger: str, genesis: str) -> bytes:
    """Return one line of JSON."""
    document = StatusDocument(SCHEMA, encodable(ledger), genesis, tuple(changes))
    return harmless_json(canonical.canonical_json(document)) + b"\n"


def as_text(changes: Sequence[Standing]) -> str:
    """Return where changes stand, and below each what it waits for."""
    if not changes:
        return "Nothing is open.\n"
    return "\n".join(line for item in changes for line in _lines(item)) + "\n"


def _lines(item: Standing) -> Iterator[str]:
    kind = " ".join(part for part in (item.severity, item.change_type) if part)
    about = ", ".join(part for part in (f"stack {item.stack}" if item.stack else "", kind, item.since) if part)
    yield f"{item.stage.upper():11} {harmless(item.change)}{f'  ({harmless(about)})' if about else ''}"
    for text in item.waits:
        yield f"  waits for: {harmless(text)}"
    for text in item.reviews:
        yield f"  review: {harmless(text)}"
