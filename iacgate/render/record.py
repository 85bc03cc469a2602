"""The record of a change for people."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from iacgate.change.record import Answer, Manual, Record
from iacgate.render.plain import harmless
from iacgate.vocabulary import RECORD_PARTS


def as_lines(record: Record | None) -> Iterator[str]:
    """Yield what a record says, one line a part; all of it is somebody's words, and none of it was checked."""
    if record is None:
        return
    yield f"record      {harmless(record.id)}, {record.type}"
    for part in RECORD_PARTS:
        value = getattr(record, part)
        if isinstance(value, msgspec.Struct):
            value = ", ".join(f"{name} {item}" for name, item in msgspec.to_builtins(value).items())
        if value:
            yield f"  {part.replace('_', ' '):16}{harmless(value)}"
    if record.pattern:
        yield f"  pattern         {harmless(record.pattern)}"
    if record.emergency:
        who = f"{record.emergency.incident}, invoked by {record.emergency.invoker}"
        alone = ", who says that nobody else can be reached" if record.emergency.solo else ""
        yield f"  emergency       {harmless(who + alone)}"
    if record.manual:
        yield f"  by hand         at the stack {harmless(record.manual.stack)}, severity {record.manual.severity}"
        yield from procedure_lines(record.manual)
    if record.undoes:
        yield f"  takes back      {harmless(record.undoes)}"
    for place, answer in record.undo.items():
        yield from _answer_lines(place, answer)


def procedure_lines(manual: Manual) -> Iterator[str]:
    """Yield what is done by hand, line by line, each marked as somebody's words, and the scripts that are run."""
    yield from (f"    | {harmless(line)}" for line in manual.procedure.splitlines())
    for name, digest in manual.files.items():
        yield f"    runs {harmless(name)}  sha256 {digest}"


def _answer_lines(place: str, answer: Answer) -> Iterator[str]:
    """Yield what is answered for undoing one change, its words marked as somebody's."""
    said = [str(answer.verdict)] if answer.verdict else []
    said += [f"recovery point {answer.recovery_point}"] if answer.recovery_point else []
    yield f"  undo            {harmless(place)}{': ' if said else ''}{harmless(', '.join(said))}"
    yield from (f"    | {harmless(line)}" for line in answer.why.splitlines())
