"""``iacgate evidence``: look at a ledger, verify it, and take it elsewhere."""

from __future__ import annotations

from typing import Final

import click

from iacgate.cli.lazy import LazyGroup

_COMMANDS: Final = {
    "verify": ("iacgate.cli.verifying", "Verify everything in a ledger, and say what does not hold."),
    "list": ("iacgate.cli.showing:list_entries", "List entries, the newest first."),
    "show": ("iacgate.cli.showing:show", "Show an entry, or all of a change, in words."),
    "export": ("iacgate.cli.exporting", "Write all about a change for an auditor, with a page."),
    "copy": ("iacgate.cli.copying", "Copy a ledger to another folder or bucket."),
    "checkpoint": ("iacgate.cli.checkpoints", "Sign where every chain has arrived, in a few lines."),
    "repair": ("iacgate.cli.checkpoints:repair_chain", "Record what somebody did to a chain; the gate works again."),
    "push": ("iacgate.cli.push", "Store the results of applies that could not be stored."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def command() -> None:
    """Look at a ledger, verify it by nobody's word, and take it elsewhere.

    \b
    Examples:
      iacgate evidence verify --ledger s3://acme-evidence/iacgate --trusted origin/main
      iacgate evidence list --ledger /srv/ledger --stack payments
      iacgate evidence export chg-17 --ledger /srv/ledger -o chg-17.zip
    """
