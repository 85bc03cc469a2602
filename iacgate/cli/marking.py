"""Marking in a ledger that is back what was recorded in a second store while it was away."""

from __future__ import annotations

import os

import click

from iacgate import __version__
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.degraded import PREFIX, stack_of_record
from iacgate.evidence.degradedread import Kept, evidence, mark, read_degraded, unmarked
from iacgate.evidence.entry import Actor, Entry, State
from iacgate.evidence.history import NoEntry, chain_of, read_chain
from iacgate.evidence.ledger import Draft, Ledger, Receipt
from iacgate.evidence.marks import after_mark
from iacgate.evidence.outage import BEGUN, Begun, read_begun
from iacgate.evidence.store import Store
from iacgate.render.plain import harmless
from iacgate.shell.ci import run_of


def mark_all(ledger: Ledger, second: Store) -> int:
    """Mark every record that no entry marks yet, the oldest of a stack first; return how many that were.

    What is no record is said, and left out. Raises :class:`EvidenceInvalid` where a store does not answer, or others
    append at the same time, :class:`iacgate.errors.ApplyRefused` where a chain can hold no further emergency.
    """
    stacks = {stack_of_record(item.key) for item in second.listing(PREFIX)} - {None}
    count = 0
    for stack in sorted(filter(None, stacks)):
        found = read_degraded(second, stack, ledger.keys, ledger.genesis)
        for other in found.others:
            click.echo(f"Left out: {harmless(other.key)} ({other.what}): {harmless(other.why)}", err=True)
        number = ledger.look(stack).head.free  # before its entries are read, so that nobody marks one unseen
        for kept in unmarked(found.records, _entries(ledger, stack)):
            receipt = _mark(ledger, second, kept, number)
            number += 1
            for wrong in kept.wrong:
                click.echo(f"Look at {harmless(kept.key)}: {harmless(wrong)}", err=True)
            what = f"{harmless(kept.record.change)}, {kept.record.event} at {kept.record.time}"
            click.echo(f"{what}: marked as {harmless(stack)}/{receipt.entry.sequence}: {receipt.digest}")
            count += 1
    click.echo(f"{count} records of {harmless(second.name)} were marked.", err=True)
    return count


def _entries(ledger: Ledger, stack: str) -> list[Entry]:
    read = read_chain(ledger, stack, chain_of(ledger, stack))
    return [found.entry for _, found in read if not isinstance(found, NoEntry)]


def _mark(ledger: Ledger, second: Store, kept: Kept, number: int) -> Receipt:
    """Append the mark of a record as the entry of a number: if it has another one, somebody else marked, too."""
    said, record, begun = mark(kept, second), kept.record, _begun(second, kept)

    def advance(state: State, sequence: int, instant: str) -> State:  # noqa: ARG001 - the signature of a draft's
        if sequence != number:
            raise EvidenceInvalid("Something else was recorded for this stack meanwhile.", hint="Run it again.")
        if begun and set(begun.used) & set(state.used):
            spent.append(f"Look at {harmless(kept.key)}: it was begun by approvals that had been used up before.")
        return after_mark(state, record, begun, sequence)

    spent: list[str] = []
    draft = Draft(
        event="degraded",
        stack=record.stack,
        change=said.change,
        commit=said.commit,
        tree=said.tree,
        actor=Actor("", run_of(os.environ)),
        tool={"iacgate": __version__},
        details=said.details,
        pieces=said.pieces,
        advance=advance,
    )
    receipt = ledger.append(draft)
    for text in spent[-1:]:
        click.echo(text, err=True)
    return receipt


def _begun(second: Store, kept: Kept) -> Begun | None:
    reference = kept.record.references.get(BEGUN)
    return read_begun(evidence(second, reference)) if reference else None
