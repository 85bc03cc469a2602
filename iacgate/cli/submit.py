"""``iacgate submit``: hand a plan over to those who approve and gate it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from iacgate import canonical
from iacgate.change.record import scaffold
from iacgate.cli.gate import plan_options, read_plans
from iacgate.cli.planned import PlanChange
from iacgate.errors import UsageInvalid
from iacgate.render.plain import harmless
from iacgate.shell.inputs import read_input
from iacgate.shell.submissions import FORMAT, Said, contents, zipped


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PLAN...")
@click.option("--inbox", default="", metavar="DIR|s3://...", help="Where plans and approvals arrive.")
@click.option(
    "--output", default="", type=click.Path(path_type=Path), metavar="FILE.zip", help="Write all of it as one file."
)
@plan_options
def command(names: tuple[str, ...], output: Path, **options: Any) -> None:
    """Hand a saved plan over with its JSON and with who wrote it, so that approvers need nothing else.

    It goes into the inbox, or into one file for an artifact or a link. What it says of the sources and
    their authors is shown to approvers; the gate looks for itself.

    \b
    Examples:
      iacgate submit tfplan --inbox /srv/approvals --change chg-17 --base origin/main
      iacgate approve chg-17 --inbox /srv/approvals --as ann --key ~/.ssh/id_ed25519
      iacgate submit a/tfplan b/tfplan --output chg-17.zip --change chg-17 --base origin/main
      iacgate approve chg-17.zip --output - --as ann --key ~/.ssh/id_ed25519
    """
    if not options["inbox"] and not output.name:
        raise UsageInvalid("Nobody would get it.", hint="Name --inbox, or --output to send it yourself.")
    if output.name and output.suffix != ".zip":
        raise UsageInvalid(f"{output}: its name has to end in .zip.", hint="So that `approve` knows what it is.")
    plans = []
    for change in read_plans(names, options, "submit"):
        plan = _contents(change)
        plans.append(plan)
        if options["inbox"]:
            place = change.inbox.put_plan(change.wanted.change, _name(change), plan)
            click.echo(f"{change.wanted.change}: {harmless(place)}")
    if output.name:
        output.write_bytes(zipped(plans))
        click.echo(f"{harmless(str(output))}: {len(plans)} {'plan' if len(plans) == 1 else 'plans'}")


def _name(change: PlanChange) -> str:
    """Return a name of its own for a plan in the inbox, also where the same plan file was handed over before.

    What is said of it may be something else by now: its record, its ledger, who wrote it, and at which commit.
    """
    return f"{change.wanted.subjects['plan-file'][:12]}-{secrets.token_hex(4)}"


def _contents(change: PlanChange) -> dict[str, bytes]:
    """Return a plan with what is said of it."""
    if change.loaded.plan_file is None or change.loaded.said is not None:
        raise UsageInvalid(
            f"{change.loaded.plan.name} is no saved plan file.", hint="Hand over what `terraform plan -out` wrote."
        )
    said = Said(
        format=FORMAT,
        change_type=change.wanted.change_type,
        severity=change.assessment.severity,
        change=change.wanted.change,
        tree=change.around.tree,
        sources=change.around.sources,
        place=change.around.place,
        authors=tuple(author.principal or author.said for author in change.hands.authors),
        ledger=change.wanted.ledger,
        seal=change.seal.text,
    )
    plan_file = read_input(change.loaded.path)
    if canonical.digest(plan_file) != change.loaded.sha256:
        raise UsageInvalid(f"{change.loaded.plan.name} changed while it was read.", hint="Run it again.")
    record = change.circumstances.record
    return contents(said, plan_file, change.loaded.text, scaffold(record, ()).encode() if record else b"")
