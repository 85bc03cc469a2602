"""``iacgate settle``: record what people said of changes: how they ended, and what became of emergencies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import click

from iacgate import __version__, canonical
from iacgate.approval import attestation, envelope
from iacgate.approval.attestation import NotCounted
from iacgate.approval.counting import Received
from iacgate.approval.quorum import fill
from iacgate.change.lifecycle import DONE, Transition, refused, stage, transitions
from iacgate.change.review import reviewed
from iacgate.cli.begun import begun_by_hand
from iacgate.cli.ledgers import Recorder, ledger_options
from iacgate.cli.ledgers import Wanted as LedgerWanted
from iacgate.cli.own import Own
from iacgate.cli.status import step_of
from iacgate.errors import UsageInvalid
from iacgate.evidence import attested
from iacgate.evidence.advance import after_review
from iacgate.evidence.entry import Actor, Entry, Event, State, label_of
from iacgate.evidence.ledger import Draft, Piece
from iacgate.evidence.lookup import of_change
from iacgate.evidence.recorded import SETTINGS
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster
from iacgate.policy.environments import emergency_of, weigh
from iacgate.render.entries import outcome
from iacgate.render.plain import harmless
from iacgate.shell.ci import run_of
from iacgate.shell.folders import find_settings
from iacgate.shell.inbox import open_inbox
from iacgate.shell.submissions import is_change

Details: TypeAlias = Mapping[str, str | int | bool]

_SETTLED: Final = ("transition", "review")
"""What is put on record here; other kinds decide at the gate, which names those that do not count."""


@click.command()
@click.argument("changes", nargs=-1, required=True, metavar="CHANGE...")
@click.option("--inbox", required=True, metavar="DIR|s3://...", help="Where it arrived.")
@click.option("--ledger", "name", required=True, metavar="DIR|s3://...", help="The ledger: a folder or a bucket.")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
@click.option("--trusted", default="", metavar="REF", help="The branch whose signed settings count.")
@ledger_options
def command(*, changes: tuple[str, ...], inbox: str, name: str, config: str, trusted: str, gate_key: str) -> int:
    """Record what people attested of changes.

    That is how they ended (withdrawn, verified, rolled back, closed), how what was done by hand did (applied, failed),
    and reviews of emergencies, once their seats are filled. Run it where the gate runs, with the gate's key. What
    cannot be is said, and left out; what is on record already is passed over.

    \b
    Example:
      iacgate settle chg-17 --inbox /srv/approvals --ledger /srv/ledger
    """
    own = Own(config or ("" if trusted else find_settings(".")), (), "", trusted)
    if own.settings.roster is None:
        raise UsageInvalid(
            f"{own.settings.folder} has no people.yaml.", hint="Without people nobody can sign anything."
        )
    for change in changes:
        if not is_change(change):
            raise UsageInvalid(f"{change!r} names no change.", hint="Use letters, digits, dots and dashes.")
    wanted = LedgerWanted(name, gate_key, record=True)
    count = 0
    for change in changes:
        received = open_inbox(inbox).received(change)
        reader = Recorder(LedgerWanted(name, gate_key), own, "", "")  # it begins none where the name is mistyped
        chains: dict[str, list[Entry]] = {}
        for opened in of_change(reader.ledger, change):
            chains.setdefault(opened.entry.stack, []).append(opened.entry)
        for chain, entries in chains.items():
            recorder = Recorder(wanted, own, chain, weigh(own.settings.policy, environment_of(own, chain)).tier)
            count += _settle(recorder, own, own.settings.roster, entries, received)
    if not count:
        click.echo("Nothing new was attested.")
    return 0


def environment_of(own: Own, chain: str) -> str:
    """Return the environment of a chain's stack; empty where nobody mapped it."""
    stacks = own.settings.stacks.stacks if own.settings.stacks else []
    return next((stack.environment for stack in stacks if stack.name == chain), "")


def _settle(recorder: Recorder, own: Own, roster: Roster, entries: list[Entry], received: Iterable[Received]) -> int:
    """Record what was attested of one change at one stack; return how much."""
    change, now = entries[0].change, recorder.ledger.store.now()
    envelopes: dict[str, bytes] = {}
    said: list[Attested] = []
    others: list[NotCounted] = []
    for arrived in received:
        found = attestation.verify(arrived, roster, recorder.ledger.genesis, now)
        if isinstance(found, Attested):
            said.append(found)
            envelopes[found.digest] = arrived.data
        elif found is not None and found.kind in _SETTLED:
            others.append(found)
    settling = _Settling(recorder, own, roster, change, said, envelopes)
    for other in others:
        text = f"a {other.kind} by {other.principal}: {other.why}"
        click.echo(f"Left out: {settling.label}: {harmless(text)}", err=True)
    return settling.transitions(entries) + settling.review()


class _Settling:
    """What was attested of one change at one stack, on its way onto the record."""

    def __init__(
        self,
        recorder: Recorder,
        own: Own,
        roster: Roster,
        change: str,
        said: list[Attested],
        envelopes: dict[str, bytes],
    ) -> None:
        self.roster = roster
        self.recorder, self.own, self.change, self.said, self.envelopes = recorder, own, change, said, envelopes
        self.label = f"{harmless(change)} at {harmless(label_of(recorder.chain))}"

    def transitions(self, entries: list[Entry]) -> int:
        """Record how it ended; return how much that is."""
        on_record = {name for entry in entries for name in entry.references}
        count, entries = 0, list(entries)
        for item, transition in transitions(self.said, self.change):
            if f"{attested.PREFIX}{item.digest}" in on_record:
                continue
            if item.lapsed:  # it still denies, and nobody can verify that it was good when it was recorded
                self._left_out(transition, item, item.lapsed)
                continue
            try:
                entries.append(self._move(item, transition, entries))
            except UsageInvalid as error:
                self._left_out(transition, item, error.message)
                continue
            count += 1
        return count

    def _left_out(self, transition: Transition, item: Attested, why: str) -> None:
        what = f"{transition.to}, says {item.principal}"
        click.echo(f"Left out: {self.label}: {what}: {harmless(why)}", err=True)

    def _move(self, item: Attested, transition: Transition, entries: list[Entry]) -> Entry:
        """Record that a change went from the stage in which it is to another one.

        Raises :class:`UsageInvalid`, saying only why, where it cannot.
        """
        steps = [step_of(entry) for entry in entries]
        why = refused(transition, item.arrived, steps)
        if why:
            raise UsageInvalid(why)
        details: Details = {
            "to": transition.to,
            "by": transition.by,
            "principal": item.principal,
            "from": stage(steps),
        }
        if transition.to not in DONE:
            return self._append("transition", details, [item.digest], lambda state, *_: state)
        by_hand = begun_by_hand(self.recorder.ledger, entries)
        if item.principal in by_hand.approving:
            text = "whose own approval counted: another pair of eyes was wanted"
            click.echo(f"Note: {self.label}: {transition.to}, says {item.principal}, {text}.", err=True)
        return self._append(
            "transition", {**details, "decision": by_hand.decided.sequence}, [item.digest], by_hand.advance(self.roster)
        )

    def review(self) -> int:
        """Record that its emergency was reviewed, where all seats are filled; return how much that is."""
        waiting = [
            item for item in self.recorder.look.state.emergencies if item.change == self.change and not item.reviewed
        ]
        if not waiting:
            return 0
        environment = environment_of(self.own, self.recorder.chain)
        reviewing = reviewed(waiting[0], self.said)
        for other in reviewing.others:
            click.echo(f"Left out: {self.label}: a review by {other.principal}: {harmless(other.why)}", err=True)
        quorum = fill(emergency_of(self.own.settings.policy, environment).review_seats, reviewing.roles)
        if not quorum.complete:
            click.echo(f"{self.label}: the review still lacks {', '.join(quorum.missing)}.", err=True)
            return 0
        justified = bool(reviewing.justified)
        details: Details = {
            "justified": justified,
            "review": reviewing.digest,
            "environment": environment,
        }
        statements = [item.statement for item in reviewing.reviewers]
        self._append("reviewed", details, statements, lambda state, *_: after_review(state, reviewing))
        return 1

    def _append(
        self,
        event: Event,
        details: Mapping[str, str | int | bool],
        statements: list[str],
        advance: Callable[..., State],
    ) -> Entry:
        arrived = {item.digest: item.arrived for item in self.said}
        found = attested.pieces({name: envelope.respelled(self.envelopes[name]) for name in statements})
        draft = Draft(
            event=event,
            stack=self.recorder.chain,
            change=self.change,
            actor=Actor("", run_of(os.environ)),
            settings=self.recorder.settings,
            tool={"iacgate": __version__},
            details={**details, **attested.arrivals({name: arrived[name] for name in statements})},
            pieces={**found, SETTINGS: Piece(canonical.canonical_json(dict(self.own.files)))},
            advance=advance,
        )
        receipt = self.recorder.append(draft)
        click.echo(f"{self.label}: {outcome(receipt.entry)}: {receipt.digest}")
        return receipt.entry
