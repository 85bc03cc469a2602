"""``iacgate submit``: hand a plan over to those who approve and gate it."""

from __future__ import annotations

from typing import Any

import click

from iacgate import canonical
from iacgate.cli.gate import plan_options, read_changes
from iacgate.errors import UsageInvalid
from iacgate.render.plain import harmless
from iacgate.shell.inputs import read_input
from iacgate.shell.submissions import FORMAT, Said, put


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PLAN...")
@click.option("--inbox", required=True, type=click.Path(), metavar="DIR", help="Where plans and approvals arrive.")
@plan_options
def command(names: tuple[str, ...], **options: Any) -> None:
    """Put a saved plan into the inbox with its JSON and with who wrote it, so that approvers need nothing else.

    What it says of the sources and their authors is shown to approvers; the gate looks for itself.

    \b
    Examples:
      iacgate submit tfplan --inbox /srv/approvals --change chg-17 --base origin/main
      iacgate approve chg-17 --inbox /srv/approvals --as ann --key ~/.ssh/id_ed25519
    """
    for change in read_changes(names, options, signing=False):
        if change.loaded.plan_file is None or change.loaded.said is not None:
            raise UsageInvalid(
                f"{change.loaded.plan.name} is no saved plan file.", hint="Hand over what `terraform plan -out` wrote."
            )
        said = Said(
            format=FORMAT,
            change=change.wanted.change,
            tree=change.around.tree,
            place=change.around.place,
            authors=tuple(author.said for author in change.authors),
            ledger=change.wanted.ledger,
        )
        plan_file = read_input(change.loaded.plan.name)
        if canonical.digest(plan_file) != change.loaded.sha256:
            raise UsageInvalid(f"{change.loaded.plan.name} changed while it was read.", hint="Run it again.")
        folder = put(change.inbox.root, said, plan_file, change.loaded.text)
        click.echo(f"{change.wanted.change}: {harmless(str(folder))}")
