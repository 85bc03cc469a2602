"""The decision for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.duties import Author
from iacgate.approval.statement import Target
from iacgate.gate import Decision
from iacgate.render.plain import harmless, harmless_json
from iacgate.render.record import as_lines
from iacgate.render.undoing import total_line

SCHEMA: Final = "iacgate.decision/1"


class Document(msgspec.Struct):
    """What is printed for programs: the decision, and the exit code that follows from it."""

    schema: str
    decision: Decision
    exit_code: int


def as_json(decision: Decision) -> bytes:
    """Return one line of JSON: the same decision gives the same bytes."""
    return harmless_json(canonical.canonical_json(Document(SCHEMA, decision, decision.exit_code))) + b"\n"


def as_text(decision: Decision, plan: str, command: str, *, colour: bool) -> str:
    """Return the decision for people: what it is, every reason, and what became of each approval.

    ``command`` is what somebody who fills a seat types; empty where it is too late for that.
    """
    return "\n".join(_lines(decision, plan, command, colour=colour)) + "\n"


def _lines(decision: Decision, plan: str, command: str, *, colour: bool) -> Iterator[str]:
    word = "ALLOWED" if decision.allowed else "DENIED" if decision.blocks else "WOULD BE DENIED"
    painted = f"\x1b[{'1;32' if decision.allowed else '1;31'}m{word}\x1b[0m" if colour else word
    kind = "" if decision.change_type == "normal" else f"{decision.change_type} "
    yield f"{painted}  {harmless(plan)}  (severity {decision.severity}, {kind}change {harmless(decision.change)})"
    yield f"Judged for {_where(decision.target)}, by the settings {harmless(decision.bundle[:12])}."
    yield from _what_it_is_worth(decision)
    for reason in decision.reasons:
        yield f"  - {harmless(reason.text)}"
    yield from (f"  Warning: {harmless(warning)}" for warning in decision.warnings)
    yield from (f"  ! {harmless(exception)}" for exception in decision.exceptions)
    yield from (["", *as_lines(decision.record)] if decision.record else [])
    yield from _authors(decision.authors, {seat.principal for seat in decision.filled})
    if decision.seats:
        yield ""
        yield "Seats:"
    for seat in decision.filled:
        yield f"  {seat.role:12} {harmless(seat.principal)}"
    for empty in decision.missing:
        could = ", ".join(empty.could) or "nobody"
        yield f"  {empty.role:12} empty; could be filled by {harmless(could)}"
    yield from _undoing(decision)
    yield from _before(decision)
    yield from _arrived(decision)
    if decision.missing and command:
        yield ""
        yield f"To fill a seat: {harmless(command)}"


def _before(decision: Decision) -> Iterator[str]:
    """Yield what came before the change: its ticket, its tests, and where it was applied first."""
    if decision.tickets or decision.tests or decision.promotion:
        yield ""
        yield "Before it:"
    for ticket in decision.tickets:
        said = ticket.state or ticket.answer
        yield f"  ticket {harmless(ticket.name):14} {harmless(said)} ({ticket.provider}, {harmless(ticket.place)})"
    for test in decision.tests:
        said = f" ({harmless(test.by)}, {test.tests} tests)" if test.by else ""
        word = "counts" if test.counts else f"does not count ({test.code})"
        yield f"  test {harmless(test.test):16} {word}{said}{', by hand' if test.by_hand else ''}"
    if decision.promotion:
        yield f"  promotion: {harmless(decision.promotion.why)}"


def _undoing(decision: Decision) -> Iterator[str]:
    """Yield whether it can be undone, where that is demanded."""
    report = decision.rollback
    if report:
        yield ""
        # On record there is only what cannot simply be undone.
        yield total_line(report) if report.undos else f"Undo: {report.readiness} (each change can simply be undone)."


def _arrived(decision: Decision) -> Iterator[str]:
    if decision.approvals or decision.attestations:
        yield ""
        yield "What arrived:"
    for item in decision.approvals:
        verdict = "counts" if item.counts else f"does not count ({item.code}): {harmless(item.why)}"
        because = f': "{harmless(item.said)}"' if item.said and item.counts else ""
        yield f"  {item.decision or 'unknown':9} {harmless(item.principal) or 'unknown':12} {verdict}{because}"
    for stated in decision.attestations:
        verdict = f"does not count: {harmless(stated.why)}" if stated.why else "counts"
        yield f"  {harmless(stated.kind):9} {harmless(stated.principal) or 'unknown':12} {verdict}"


def _where(target: Target) -> str:
    stack = f"the stack {target.stack}" if target.stack else "a stack that stacks.yaml does not have"
    environment = target.environment or "production, since nobody says"
    workspace = f", workspace {target.workspace}" if target.workspace else ""
    return harmless(f"{stack}, environment {environment}{workspace}")


def _authors(authors: Sequence[Author], seated: Set[str]) -> Iterator[str]:
    """Yield who had a hand in a change; whoever acts alone is ``seated`` all the same, and that is said."""
    if authors:
        yield ""
        yield "Who had a hand in it, and fills no seat:"
    for author in authors:
        known = f" ({author.how}: {author.said})" if author.principal and author.said != author.principal else ""
        where = f", commit {author.commit}" if author.commit else ""
        alone = ", and acts alone: fills the seat" if author.principal in seated else ""
        yield f"  {harmless(author.principal) or 'unknown':12} {harmless(author.why + known)}{where}{alone}"


def _what_it_is_worth(decision: Decision) -> Iterator[str]:
    if not decision.allowed and not decision.blocks:
        yield "Observing only: the policy's mode is not `enforce`, so that nothing is blocked."
    if not decision.trusted:
        yield "The settings are those of the working tree, which the change itself may have changed: not trusted."
    if decision.not_bound:
        yield f"Only the plan's JSON was read, so that nothing binds this to its {_listed(decision.not_bound)}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
