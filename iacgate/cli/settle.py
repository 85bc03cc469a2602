"""``iacgate settle``: record what people said of changes that no plan shows: how they ended."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from iacgate import __version__, canonical
from iacgate.approval import attestation, envelope
from iacgate.approval.counting import Received
from iacgate.change.lifecycle import Stage, Transition, refused, stage, transitions
from iacgate.cli.ledgers import Recorder, ledger_options
from iacgate.cli.ledgers import Wanted as LedgerWanted
from iacgate.cli.own import Own
from iacgate.cli.status import step_of
from iacgate.errors import UsageInvalid
from iacgate.evidence import attested
from iacgate.evidence.entry import Actor, Entry, label_of
from iacgate.evidence.ledger import Draft, Piece
from iacgate.evidence.lookup import of_change
from iacgate.evidence.recorded import SETTINGS
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster
from iacgate.policy.environments import weigh
from iacgate.render.plain import harmless
from iacgate.shell.ci import run_of
from iacgate.shell.folders import find_settings
from iacgate.shell.inbox import open_inbox


@click.command()
@click.argument("changes", nargs=-1, required=True, metavar="CHANGE...")
@click.option("--inbox", required=True, metavar="DIR|s3://...", help="Where it arrived.")
@click.option("--ledger", "name", required=True, metavar="DIR|s3://...", help="The ledger: a folder or a bucket.")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
@click.option("--trusted", default="", metavar="REF", help="The branch whose signed settings count.")
@ledger_options
def command(*, changes: tuple[str, ...], inbox: str, name: str, config: str, trusted: str, gate_key: str) -> int:
    """Record what people attested of changes: withdrawn, verified, rolled back, closed.

    Run it where the gate runs, with the gate's key. What cannot be is said, and left out; what is on record already is
    passed over.

    \b
    Example:
      iacgate settle chg-17 --inbox /srv/approvals --ledger /srv/ledger
    """
    own = Own(config or ("" if trusted else find_settings(".")), (), "", trusted)
    if own.settings.roster is None:
        raise UsageInvalid(
            f"{own.settings.folder} has no people.yaml.", hint="Without people nobody can sign anything."
        )
    wanted = LedgerWanted(name, gate_key, record=True)
    count = 0
    for change in changes:
        received = open_inbox(inbox).received(change)
        reader = Recorder(wanted, own, "", "")
        chains: dict[str, list[Entry]] = {}
        for opened in of_change(reader.ledger, change):
            chains.setdefault(opened.entry.stack, []).append(opened.entry)
        for chain, entries in chains.items():
            recorder = Recorder(wanted, own, chain, _tier(own, chain))
            count += _settle(recorder, own, own.settings.roster, entries, received)
    if not count:
        click.echo("Nothing new was attested.")
    return 0


def _tier(own: Own, chain: str) -> str:
    stacks = own.settings.stacks.stacks if own.settings.stacks else []
    environment = next((stack.environment for stack in stacks if stack.name == chain), "")
    return weigh(own.settings.policy, environment).tier


def _settle(recorder: Recorder, own: Own, roster: Roster, entries: list[Entry], received: Iterable[Received]) -> int:
    """Record what was attested of one change at one stack; return how much."""
    change, now = entries[0].change, recorder.ledger.store.now()
    envelopes: dict[str, bytes] = {}
    said: list[Attested] = []
    for arrived in received:
        found = attestation.verify(arrived, roster, recorder.ledger.genesis, now)
        if isinstance(found, Attested):
            said.append(found)
            envelopes[found.digest] = arrived.data
    on_record = {name for entry in entries for name in entry.references}
    count, here = 0, stage([step_of(entry) for entry in entries])
    for item, transition in transitions(said, change):
        if f"{attested.PREFIX}{item.digest}" in on_record:
            continue
        why = refused(transition.to, here, transition.by)
        label = f"{harmless(change)} at {harmless(label_of(recorder.chain))}: {transition.to}, says {item.principal}"
        if why:
            click.echo(f"Left out: {label}: {harmless(why)}", err=True)
            continue
        receipt = recorder.append(_draft(recorder, own, item, transition, envelopes[item.digest], here))
        click.echo(f"{label}: {receipt.digest}")
        here, count = transition.to, count + 1
    return count


def _draft(recorder: Recorder, own: Own, item: Attested, transition: Transition, data: bytes, before: Stage) -> Draft:
    found = attested.pieces({item.digest: envelope.respelled(data)})
    return Draft(
        event="transition",
        stack=recorder.chain,
        change=item.about,
        actor=Actor("", run_of(os.environ)),
        settings=recorder.settings,
        tool={"iacgate": __version__},
        details={
            "to": transition.to,
            "by": transition.by,
            "principal": item.principal,
            "from": before,
            **attested.arrivals({item.digest: item.arrived}),
        },
        pieces={**found, SETTINGS: Piece(canonical.canonical_json(dict(own.files)))},
    )
