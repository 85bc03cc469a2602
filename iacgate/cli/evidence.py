"""``iacgate evidence``: look at a ledger, verify it, and take it elsewhere."""

from __future__ import annotations

import importlib
from typing import Final

import click

_COMMANDS: Final = {
    "verify": "iacgate.cli.verifying:command",
    "list": "iacgate.cli.showing:list_entries",
    "show": "iacgate.cli.showing:show",
    "export": "iacgate.cli.exporting:command",
    "copy": "iacgate.cli.copying:command",
    "checkpoint": "iacgate.cli.checkpoints:command",
    "repair": "iacgate.cli.checkpoints:repair_chain",
    "push": "iacgate.cli.push:command",
}
"""Name of a command: its module and its name there, imported only when it is called."""


class Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands in the order of a user's way."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return a command, importing its module."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=Commands)
def command() -> None:
    """Look at a ledger, verify it by nobody's word, and take it elsewhere.

    \b
    Examples:
      iacgate evidence verify --ledger s3://acme-evidence/iacgate --trusted origin/main
      iacgate evidence list --ledger /srv/ledger --stack payments
      iacgate evidence export chg-17 --ledger /srv/ledger -o chg-17.zip
    """
