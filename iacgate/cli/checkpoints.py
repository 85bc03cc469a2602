"""``iacgate evidence checkpoint`` and ``repair``: what whoever runs the gate does to its ledger."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from iacgate import __version__
from iacgate.cli.ledgers import ledger_options
from iacgate.cli.reading import gates_options, known, ledger_option, open_with_gates
from iacgate.errors import UsageInvalid
from iacgate.evidence import checkpoint as checkpoints
from iacgate.evidence.chain import Head
from iacgate.evidence.checkpointed import keep
from iacgate.evidence.entry import Actor, label_of
from iacgate.evidence.history import chains_in
from iacgate.evidence.layout import LOG
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import stack_named
from iacgate.evidence.repair import MAX_REASON, Damage, look_at, repair
from iacgate.render.plain import harmless
from iacgate.shell.ci import run_of
from iacgate.shell.files import replace
from iacgate.shell.gatekey import gate_signer

_AT_ONCE = 16


@click.command("checkpoint")
@ledger_option
@ledger_options
@click.option(
    "-o", "--output", default=None, type=click.Path(path_type=Path), metavar="FILE", help="Where to write it."
)
@gates_options
def command(*, name: str, gate_key: str, output: Path | None, config: str, trusted: str) -> None:
    """Sign where every chain of the ledger has arrived, in a few lines to be kept where its owner cannot reach.

    Paste it into a ticket, a tag or a second account. `iacgate evidence verify --checkpoint FILE` then shows
    whether anything up to there was cut off, replaced or removed since. The list of all heads that it signs
    is kept in the ledger.

    \b
    Examples:
      iacgate evidence checkpoint --ledger s3://acme-evidence/iacgate -o 2027-01-31.txt
      git tag -a evidence-2027-01-31 -m "$(iacgate evidence checkpoint --ledger /srv/ledger)"
    """
    signer = gate_signer(gate_key, os.environ)
    ledger = open_with_gates(name, known(config, trusted), signer)
    stacks = list(chains_in(ledger.store.listing(LOG)))
    heads: dict[str, Head] = {}
    for at in range(0, len(stacks), _AT_ONCE):
        batch = stacks[at : at + _AT_ONCE]
        heads.update(zip(batch, ledger.heads(batch), strict=True))
    text = checkpoints.make(ledger.genesis, keep(ledger, heads), ledger.store.now(), signer, ledger.keys)
    if output is not None:
        replace(output, text)
    else:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()


@click.command("repair")
@click.argument("stack", metavar="STACK")
@click.option("--reason", required=True, metavar="TEXT", help="What happened, as far as you know.")
@ledger_option
@ledger_options
@gates_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair_chain(*, stack: str, reason: str, name: str, yes: bool, **options: Any) -> None:
    """Record what somebody did to a chain, so that the gate works again: what was there first counts.

    For entries that were overwritten or deleted in a store that keeps versions, and for keys that hold none.
    Find out who did it before. What is recorded stays in sight of everybody who verifies. What was lost, no
    entry brings back: then nothing is recorded. STACK is @ledger for the ledger's own chain.

    \b
    Examples:
      iacgate evidence repair payments --ledger s3://acme-evidence/iacgate --reason "INC-7: a cleanup job"
      iacgate evidence repair @ledger --ledger s3://acme-evidence/iacgate --reason "a drill" --yes
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise UsageInvalid(f"--reason has 1 to {MAX_REASON} characters.", hint="Say what happened.")
    signer = gate_signer(options["gate_key"], os.environ)
    ledger = open_with_gates(name, known(options["config"], options["trusted"]), signer)
    damage = look_at(ledger, stack_named(stack))
    if not damage.harms:
        click.echo(f"{harmless(label_of(damage.stack))}: there is nothing to record.")
        return
    _show(ledger, damage)
    if not yes:
        click.confirm("Record this, so that what was there first counts?", abort=True, err=True)
    actor = Actor("", run_of(os.environ))
    receipt = repair(ledger, damage, reason, actor, {"iacgate": __version__})
    place = f"{label_of(damage.stack)}/{receipt.entry.sequence}"
    click.echo(f"Recorded in {harmless(name)} as {harmless(place)}: {receipt.digest}")


def _show(ledger: Ledger, damage: Damage) -> None:
    where = f"{ledger.store.name}, chain {label_of(damage.stack)}"
    click.echo(f"{harmless(where)}, is linked from its first entry to its last. Beside its entries there is:", err=True)
    for harm in damage.harms:
        held = f" (SHA-256 {harm.digest})" if harm.digest else ""
        click.echo(f"  {harmless(harm.name)} {harmless(harm.what)}{held}", err=True)
