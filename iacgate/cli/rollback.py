"""``iacgate rollback``: whether a plan can be undone, how, and a rehearsal of it."""

from __future__ import annotations

from typing import Final

import click

from iacgate.cli.lazy import LazyGroup

_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "rehearse": ("iacgate.cli.rehearse", "Plan the way back with the real terraform, before anything is applied."),
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
