"""What verifying a ledger found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.evidence.entry import label_of
from iacgate.evidence.report import Problem, Report
from iacgate.render.plain import encodable, harmless, harmless_json

SCHEMA: Final = "iacgate.verification/1"
DOES_NOT_HOLD: Final = 4
"""The exit code where anything does not hold."""


class ChainHead(msgspec.Struct, frozen=True):
    """The newest entry of a chain: its number and the digest of its bytes."""

    sequence: int
    digest: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed for programs: what was looked at, what does not hold, and what nobody has proven."""

    schema: str
    ledger: str
    genesis: str
    holds: bool
    excerpt: bool
    chains: int
    entries: int
    decisions: int
    objects: int
    heads: dict[str, ChainHead]
    problems: tuple[Problem, ...]
    recorded: tuple[Problem, ...]
    unproven: tuple[str, ...]
    exit_code: int


def verification(
    ledger: str, report: Report, more: Sequence[Problem], unproven: Sequence[str], *, excerpt: bool
) -> Verification:
    """Return what was found in a ledger; ``more`` does not hold either, ``unproven`` are sentences."""
    holds = report.holds and not more
    return Verification(
        schema=SCHEMA,
        ledger=encodable(ledger),
        genesis=report.genesis,
        holds=holds,
        excerpt=excerpt,
        chains=report.chains,
        entries=report.entries,
        decisions=report.decisions,
        objects=report.objects,
        heads={stack: ChainHead(*head) for stack, head in sorted(report.heads.items())},
        problems=tuple(map(_in_text, (*report.problems, *more))),
        recorded=tuple(map(_in_text, report.recorded)),
        unproven=tuple(unproven),
        exit_code=0 if holds else DOES_NOT_HOLD,
    )


def _in_text(item: Problem) -> Problem:
    """Return a finding whose names can be printed: a store's keys may be no text."""
    return Problem(item.stack, item.sequence, encodable(item.key), encodable(item.what))


def as_json(found: Verification) -> bytes:
    """Return one line of JSON: the same findings give the same bytes."""
    return harmless_json(canonical.canonical_json(found)) + b"\n"


def as_text(found: Verification, *, colour: bool) -> str:
    """Return the findings for people: whether everything holds, everything that does not, and what is not proven."""
    return "\n".join(_lines(found, colour=colour)) + "\n"


def _lines(found: Verification, *, colour: bool) -> Iterator[str]:
    word = "HOLDS" if found.holds else "DOES NOT HOLD"
    painted = f"\x1b[{'1;32' if found.holds else '1;31'}m{word}\x1b[0m" if colour else word
    yield f"{painted}  {harmless(found.ledger)}"
    counts = f"{_many(found.chains, 'chain')}, {_many(found.entries, 'entry')}, {_many(found.objects, 'object')}"
    yield f"{counts}; {_many(found.decisions, 'decision')} made again. Genesis {found.genesis}."
    if not found.entries:
        yield "There is no entry in it, and nothing proves nothing."
    yield from _findings("Does not hold:", found.problems)
    yield from _findings("Done to it, recorded by a repair, and so no longer counted against it:", found.recorded)
    if found.unproven:
        yield ""
        yield "Not proven:"
    for sentence in found.unproven:
        yield f"  - {harmless(sentence)}"


def _findings(title: str, findings: Sequence[Problem]) -> Iterator[str]:
    if findings:
        yield ""
        yield title
    for item in findings:
        yield f"  - {_where(item)}{harmless(item.what)}"


def _where(item: Problem) -> str:
    """Return where it is: the entry, and its key."""
    named = bool(item.sequence or item.stack)
    entry = f"{label_of(item.stack)}/{item.sequence}" if item.sequence else item.stack
    places = [harmless(place) for place in (entry if named else "", item.key) if place]
    return f"{', '.join(places)}: " if places else ""


def _many(count: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"
