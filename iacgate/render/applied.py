"""How an apply ended, for programs."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from iacgate import canonical
from iacgate.gate import Decision
from iacgate.render.plain import harmless_json

SCHEMA: Final = "iacgate.apply/1"


Event: TypeAlias = Literal["denied", "applied", "failed"]


class AppliedDocument(msgspec.Struct, kw_only=True):
    """What ``iacgate apply --format json`` prints for one plan.

    ``event`` is ``denied`` where nothing was applied. ``entry`` is the digest of the ledger's entry about it, empty
    where it could not be stored; ``fresh_plan`` is what a new plan afterwards says: ``empty``, ``not_empty``,
    ``failed``, or ``not asked``.
    """

    schema: str = SCHEMA
    event: Event
    run: str
    change: str
    stack: str
    outcome: str
    fresh_plan: str
    entry: str
    exit_code: int
    decision: Decision


def as_json(document: AppliedDocument) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey."""
    return harmless_json(canonical.canonical_json(document)) + b"\n"
