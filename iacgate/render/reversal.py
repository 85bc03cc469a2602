"""The reverse plan for programs, and what is said once it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from iacgate.render.plain import harmless, harmless_json
from iacgate.render.undoing import TOTALS, counted
from iacgate.rollback.reverse import ReversePlan

SCHEMA: Final = "iacgate.reverse-plan/1"

_ABOUT: Final = {
    "runbook.md": "for the person who does it",
    "reverse-plan.json": "the same for programs",
    "overlay.tf": "what the previous configuration needs beside it",
}


def as_json(reverse: ReversePlan) -> bytes:
    """Return the document, in which a terminal or a CI log finds nothing to obey."""
    encoded = b'{"schema":"%s",' % SCHEMA.encode() + msgspec.json.encode(reverse)[1:]
    return harmless_json(msgspec.json.format(encoded, indent=2)) + b"\n"


def as_written(reverse: ReversePlan, folder: str, files: list[str], following: str) -> str:
    """Return what was written where, what it means, and the one next command."""
    return "\n".join(_lines(reverse, folder, files, following)) + "\n"


def _lines(reverse: ReversePlan, folder: str, files: list[str], following: str) -> Iterator[str]:
    yield f"How to undo {harmless(reverse.plan)} is in {harmless(folder)}:"
    for name in files:
        yield f"    {name:<17} {_ABOUT[name]}"
    yield TOTALS[reverse.readiness]
    yield f"Steps: {len(reverse.steps)} ({counted(step.verdict for step in reverse.steps)})."
    by_hand = sum(1 for step in reverse.steps if step.how == "by-hand")
    if by_hand:
        yield f"By hand: {by_hand}; see runbook.md."
    unknown = sum(1 for step in reverse.steps if step.order_unknown)
    if unknown:
        yield f"Their place in the order is not wholly known: {unknown}."
    yield f"Next: {harmless(following)}"
