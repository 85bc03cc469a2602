"""``iacgate rollback``: whether a plan can be undone, how, and a rehearsal of it."""

from __future__ import annotations

from typing import Final

import click

from iacgate.cli.lazy import LazyGroup

_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "check": ("iacgate.cli.rollbackcheck", "Say of each change whether it can be undone, and why."),
    "plan": ("iacgate.cli.rollbackplan", "Write what would be done to undo a plan: steps, overlay, runbook."),
    "rehearse": ("iacgate.cli.rehearse", "Plan the way back with the real terraform, before anything is applied."),
    "start": ("iacgate.cli.rollbackstart", "Open the change that takes an applied one back."),
}
"""Name of a command: its module, imported only when it is called, and its one line of help."""


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def command() -> None:
    """Say whether and how a plan can be undone, before it is applied.

    \b
    Examples:
      iacgate rollback check tfplan --previous main
      iacgate rollback plan tfplan --previous main -o rollback/
      iacgate rollback rehearse tfplan --previous main
    """
