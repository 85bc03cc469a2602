"""``iacgate completion``: the script that a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      source <(iacgate completion bash)
      iacgate completion zsh > "${fpath[1]}/_iacgate"
      iacgate completion fish > ~/.config/fish/completions/iacgate.fish
    """
    found = get_completion_class(shell)
    root = ctx.find_root().command
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(root, {}, "iacgate", "_IACGATE_COMPLETE").source())
