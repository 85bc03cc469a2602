"""``iacgate evidence push``: store what could not be stored when an apply had ended, or while a ledger was away."""

from __future__ import annotations

import os
from typing import Final

import click

from iacgate.apply.spool import Behind, Spooled, forget, spool_folder, waiting
from iacgate.cli.ledgers import ledger_options
from iacgate.cli.marking import mark_all
from iacgate.cli.reading import Known, gates_options, known, open_with_gates
from iacgate.cli.spare import second_store_option
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.degraded import Lost, write_degraded
from iacgate.render.plain import harmless
from iacgate.shell.gatekey import gate_signer
from iacgate.shell.stores import open_store

NOT_STORED: Final = 21


@click.command("push")
@ledger_options
@second_store_option
@click.option("--ledger", "name", default="", metavar="DIR|s3://...", help="The ledger that is back.")
@gates_options
def command(*, gate_key: str, second_store: str, name: str, config: str, trusted: str) -> int:
    """Store the results of applies that could not be stored when they ended.

    They wait on the machine that applied, redacted. What was stored is removed there. With --second-store and
    --ledger, what was recorded in the second store while the ledger could not be reached is then marked in the ledger,
    once. Run it again as often as you like.

    \b
    Examples:
      iacgate evidence push
      iacgate evidence push --second-store s3://evidence-2/shop --ledger s3://evidence/shop --trusted origin/main
    """
    if bool(second_store) is not bool(name):
        raise UsageInvalid("--second-store and --ledger go together.", hint="Name both, or none.")
    code = 0
    for spooled in waiting(spool_folder(os.environ)):
        named = f"{harmless(spooled.result.change)}, run {spooled.result.run}"
        try:
            digest = _push(spooled, gate_key)
        except EvidenceInvalid as error:
            click.echo(f"{named}: not stored. {harmless(error.message)}", err=True)
            code = NOT_STORED
            continue
        forget(spooled)
        click.echo(f"{named}: recorded in {harmless(spooled.where.name)}: {digest}")
    if second_store:
        signer = gate_signer(gate_key, os.environ)
        mark_all(open_with_gates(name, known(config, trusted), signer), open_store(second_store))
    return code


def _push(spooled: Spooled, gate_key: str) -> str:
    """Store a result; return the digest of what was stored."""
    if spooled.where.behind is not None:
        return _push_behind(spooled, spooled.where.behind, gate_key)
    known_by = Known(genesis=spooled.where.genesis)
    ledger = open_with_gates(spooled.where.name, known_by, gate_signer(gate_key, os.environ))
    intent = ledger.look(spooled.result.stack).state.intent
    if intent is None or intent.run != spooled.result.run:
        raise EvidenceInvalid(
            "The ledger waits for no result of this run: it was stored, or called dead.",
            hint=f"Look at the chain, and then remove {spooled.folder}.",
        )
    return ledger.append(spooled.result.draft(spooled.log)).digest


def _push_behind(spooled: Spooled, behind: Behind, gate_key: str) -> str:
    """Store the result of an apply whose beginning is in a second store, in the same one."""
    lost = Lost(spooled.where.genesis, behind.lost, behind.why)
    signer = gate_signer(gate_key, os.environ)
    draft = spooled.result.draft(spooled.log)
    return write_degraded(open_store(spooled.where.name), draft, lost, signer, behind.previous).digest
