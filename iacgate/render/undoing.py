"""Whether a plan can be undone, for people and for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from iacgate.render.plain import harmless, harmless_json
from iacgate.rollback.verdict import LEVELS, Because, Check, RollbackReport, Undo
from iacgate.vocabulary import Readiness, Reversibility

SCHEMA: Final = "iacgate.rollback/1"
MAX_REVERSIBLE: Final = 20
"""Changes that can simply be undone are listed up to this; the rest is counted."""

TOTALS: Final = {
    Readiness.NOT_READY: "NOT READY: not all of it can be undone, or nobody knows.",
    Readiness.PAPER: "READY ON PAPER: nothing that is known speaks against it; nobody rehearsed it.",
    Readiness.APPROXIMATE: "REHEARSED, APPROXIMATELY: the way back is as expected; some values were made up.",
    Readiness.REHEARSED: "REHEARSED: the real program plans exactly the way back that is expected.",
}
_COLOURS: Final = {
    Reversibility.IRREVERSIBLE: "1;31",
    Reversibility.UNKNOWN: "33",
    Reversibility.DATA_RESTORE: "33",
    Reversibility.NEW_IDENTITY: "36",
    Reversibility.REVERSIBLE: "2",
}
WORDS: Final = {
    "delete": "delete",
    "create": "create",
    "update": "update back",
    "delete-create": "destroy and create",
    "import": "import",
    "remove": "take out of the state",
    "move": "move back",
    "none": "nothing",
}
_INDENT: Final = " " * 4


class UndoingDocument(msgspec.Struct, frozen=True):
    """What ``rollback check --format json`` prints: the plan's name and digest, and the report."""

    plan: str
    sha256: str
    report: RollbackReport


def as_json(document: UndoingDocument) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey."""
    return harmless_json(b'{"schema":"%s",' % SCHEMA.encode() + msgspec.json.encode(document)[1:]) + b"\n"


def as_text(document: UndoingDocument, *, colour: bool, columns: int, everything: bool = False) -> str:
    """Return the whole report; every line begins with a text of ours, and none is cut off."""
    lines = _lines(document, colour=colour, everything=everything)
    folded = (part for line in lines for part in (_folded(line, columns) if columns and not colour else [line]))
    return "\n".join(folded) + "\n"


def _folded(line: str, columns: int) -> list[str]:
    """Return a line in as many as it takes; no other one passes for a line of ours, for it is deeper than the first."""
    indent = " " * (len(line) - len(line.lstrip())) + _INDENT
    return textwrap.wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _lines(document: UndoingDocument, *, colour: bool, everything: bool) -> Iterator[str]:
    report = document.report
    yield f"Can it be undone: {harmless(document.plan)}"
    yield TOTALS[report.readiness]
    yield f"Changes: {counted(undo.verdict for undo in report.undos)}."
    yield from _undos(report, colour=colour, everything=everything)
    yield from _checks(report)
    yield from _foot(document)


def _undos(report: RollbackReport, *, colour: bool, everything: bool) -> Iterator[str]:
    simple = [undo for undo in report.undos if undo.verdict is Reversibility.REVERSIBLE]
    for undo in report.undos:
        if undo.verdict is Reversibility.REVERSIBLE:
            continue
        yield ""
        yield f"{_painted(undo.verdict, colour=colour)}  {_address(undo)}"
        yield f"{_INDENT}{undo.action}; undone by: {WORDS[undo.inverse]}"
        told = ""
        for because in undo.reasons:
            yield f"{_INDENT}{_reason(because)}"
            yield from wrap(because.why if because.why != told else "", _INDENT * 2)
            told = because.why
    if simple:
        yield ""
        yield f"Can simply be undone ({len(simple)}):"
        for undo in simple if everything else simple[:MAX_REVERSIBLE]:
            yield f"{_INDENT}{_address(undo)}: {undo.action}; {WORDS[undo.inverse]}{_first(undo)}"
        if len(simple) > MAX_REVERSIBLE and not everything:
            yield f"{_INDENT}... and {len(simple) - MAX_REVERSIBLE} more; --all lists them"


def _checks(report: RollbackReport) -> Iterator[str]:
    for level in LEVELS:
        found = [check for check in report.checks if check.level == level]
        if found:
            yield ""
            yield {"block": "It is not ready because of:", "high": "To be answered for in the record:"}.get(
                level, "Also:"
            )
        for check in found:
            yield f"{_INDENT}{check.id}  {_place(check)}{harmless(check.text)}"
            yield f"{_INDENT}       {harmless(check.hint)}"
    if report.facts:
        yield ""
        yield "The cloud says:"
        yield from (f"{_INDENT}{harmless(fact)}" for fact in report.facts)
    if report.not_checked:
        yield ""
        yield "Not checked, which is no pass:"
        for why in dict.fromkeys(item.why for item in report.not_checked):
            names = ", ".join(item.id for item in report.not_checked if item.why == why)
            yield f"{_INDENT}{names}: {harmless(why)}"


def _foot(document: UndoingDocument) -> Iterator[str]:
    memory = [undo for undo in document.report.undos if any("memory" in because.confidence for because in undo.reasons)]
    if memory:
        yield ""
        yield f"{len(memory)} verdicts are from what nobody checked (memory): read them twice."
    yield ""
    yield f"sha256      {document.sha256}"
    yield f"knowledge   {document.report.knowledge}"


def wrap(text: str, indent: str, columns: int = 110) -> Iterator[str]:
    """Yield a text in lines of so many columns."""
    import textwrap  # noqa: PLC0415 - most outputs have one line for a change

    yield from textwrap.wrap(harmless(text), columns, initial_indent=indent, subsequent_indent=indent)


def one_line(undo: Undo) -> str:
    """Return what undoing one change means, in one line."""
    return f"undo: {undo.verdict}{_first(undo)}"


def total_line(report: RollbackReport) -> str:
    """Return the total in one line."""
    return f"Undo: {report.readiness} ({counted(undo.verdict for undo in report.undos)})."


def counted(verdicts: Iterable[Reversibility]) -> str:
    """Return how many there are of each verdict, the worst first."""
    tally = Counter(verdicts)
    return ", ".join(f"{tally[verdict]} {verdict}" for verdict in reversed(Reversibility) if tally[verdict]) or "none"


def _first(undo: Undo) -> str:
    return f": {_reason(undo.reasons[0])}" if undo.reasons else ""


def _reason(because: Because) -> str:
    values = f" ({', '.join(map(harmless, because.values))})" if because.values else ""
    source = f"  [{because.entry}{', from memory' if 'memory' in because.confidence else ''}]" if because.entry else ""
    return f"{harmless(because.text)}{values}{source}"


def _address(undo: Undo) -> str:
    deposed = f" (deposed {harmless(undo.deposed)})" if undo.deposed else ""
    moved = f" (moved from {harmless(undo.previous_address)})" if undo.previous_address else ""
    return f"{harmless(undo.address)}{deposed}{moved}"


def _place(check: Check) -> str:
    return f"{harmless(check.address)}: " if check.address else ""


def _painted(verdict: Reversibility, *, colour: bool) -> str:
    word = str(verdict).upper()
    return f"\x1b[{_COLOURS[verdict]}m{word}\x1b[0m" if colour else word
