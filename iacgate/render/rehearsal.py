"""The rehearsal of a way back, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from iacgate.render.plain import harmless, harmless_json
from iacgate.rollback.rehearsal import Actions, Difference, Rehearsal, Step

MAX_SHOWN: Final = 50
"""Objects of one kind that are listed; the rest is counted."""

_HEADLINES: Final = {
    "matches": "The way back matches: it is the reverse of this plan.",
    "differs": "The way back DIFFERS from the reverse of this plan.",
    "failed": "The way back FAILS.",
}
_DOES: Final = (
    ("destroyed", ("delete", "replace")),
    ("made", ("create", "replace", "forget-and-create")),
    ("changed", ("update",)),
    ("moved", ("move",)),
    ("imported", ("import",)),
    ("taken out of the state", ("forget", "forget-and-create")),
)
_encoder: Final = msgspec.json.Encoder()


def as_json(rehearsal: Rehearsal) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey."""
    return harmless_json(_encoder.encode(rehearsal)) + b"\n"


def as_text(rehearsal: Rehearsal) -> str:
    """Return what a person reads: how it ended, what the way back does, and what is not certain of it."""
    return "\n".join(_lines(rehearsal)) + "\n"


def _lines(rehearsal: Rehearsal) -> Iterator[str]:
    yield _HEADLINES[rehearsal.outcome]
    yield f"  Rehearsed with Terraform {harmless(rehearsal.terraform_version)}, back to {rehearsal.previous[:12]}."
    for index, line in enumerate(rehearsal.why.splitlines()):
        yield f"  {'' if index == 0 else '  '}{harmless(line)}"
    yield from _differences(rehearsal)
    if rehearsal.outcome != "failed":
        yield from _steps(rehearsal.steps)
    yield from _named("Approximate, since the plan leaves values open until apply:", rehearsal.approximate)
    yield from _named("Not rehearsed:", rehearsal.not_rehearsed)


def _differences(rehearsal: Rehearsal) -> Iterator[str]:
    if not rehearsal.differences:
        return
    yield "Different:"
    yield from (f"  {_difference(item)}" for item in rehearsal.differences[:MAX_SHOWN])
    more = len(rehearsal.differences) - MAX_SHOWN + rehearsal.more_differences
    if more > 0:
        yield f"  and {more:,} more"


def _difference(item: Difference) -> str:
    address = _address(item.address, item.deposed)
    if item.path:
        return f"{address}: {harmless(item.path)} was {harmless(item.before)} and will be {harmless(item.after)}"
    return f"{address}: expected {_words(item.expected)}, and the way back does {_words(item.rehearsed)}"


def _words(actions: Actions) -> str:
    return " and ".join(actions) or "nothing"


def _steps(steps: tuple[Step, ...]) -> Iterator[str]:
    if not steps:
        yield "Nothing would be done on the way back."
    for word, actions in _DOES:
        found = [step for step in steps if set(actions) & set(step.actions)]
        if found:
            yield f"Would be {word} on the way back: {len(found):,}"
            yield from (f"  {_address(step.address, step.deposed)}{_again(step)}" for step in found[:MAX_SHOWN])
            yield from _more(len(found))


def _again(step: Step) -> str:
    return " (destroyed and made anew)" if "replace" in step.actions else ""


def _address(address: str, deposed: str) -> str:
    return harmless(address) + (f" (deposed {harmless(deposed)})" if deposed else "")


def _named(title: str, addresses: tuple[str, ...]) -> Iterator[str]:
    if addresses:
        yield title
        yield from (f"  {harmless(address)}" for address in addresses[:MAX_SHOWN])
        yield from _more(len(addresses))


def _more(count: int) -> Iterator[str]:
    if count > MAX_SHOWN:
        yield f"  and {count - MAX_SHOWN:,} more"
