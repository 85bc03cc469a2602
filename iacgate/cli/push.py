"""``iacgate evidence push``: store what could not be stored when an apply had ended."""

from __future__ import annotations

import os
from typing import Final

import click

from iacgate.apply.spool import Spooled, forget, spool_folder, waiting
from iacgate.cli.ledgers import ledger_options
from iacgate.cli.reading import Known, open_with_gates
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.ledger import Receipt
from iacgate.render.plain import harmless
from iacgate.shell.gatekey import gate_signer

NOT_STORED: Final = 21


@click.command("push")
@ledger_options
def command(gate_key: str) -> int:
    """Store the results of applies that could not be stored when they ended.

    They wait on the machine that applied, redacted. What was stored is removed there.

    \b
    Example:
      iacgate evidence push
    """
    code = 0
    for spooled in waiting(spool_folder(os.environ)):
        named = f"{harmless(spooled.result.change)}, run {spooled.result.run}"
        try:
            receipt = _push(spooled, gate_key)
        except EvidenceInvalid as error:
            click.echo(f"{named}: not stored. {harmless(error.message)}", err=True)
            code = NOT_STORED
            continue
        forget(spooled)
        click.echo(f"{named}: recorded in {harmless(spooled.where.name)}: {receipt.digest}")
    return code


def _push(spooled: Spooled, gate_key: str) -> Receipt:
    known = Known(genesis=spooled.where.genesis)
    ledger = open_with_gates(spooled.where.name, known, gate_signer(gate_key, os.environ))
    intent = ledger.look(spooled.result.stack).state.intent
    if intent is None or intent.run != spooled.result.run:
        raise EvidenceInvalid(
            "The ledger waits for no result of this run: it was stored, or called dead.",
            hint=f"Look at the chain, and then remove {spooled.folder}.",
        )
    return ledger.append(spooled.result.draft(spooled.log))
