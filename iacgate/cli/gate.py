"""``iacgate gate``: may this plan be applied, and if not, what is missing and who could give it?"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from iacgate.cli.changes import Asked, Change
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Origin, load
from iacgate.errors import TrustInvalid
from iacgate.gate import decide
from iacgate.render import decision as rendered
from iacgate.shell import console
from iacgate.shell.bundles import ROOT
from iacgate.vocabulary import CHANGE_TYPES


def plan_options(command: Any) -> Any:
    """Add the options that say which plan, which settings and which change."""
    for option in reversed(
        (
            click.argument("plan"),
            click.option("--inbox", required=True, type=click.Path(), metavar="DIR", help="Where approvals arrive."),
            click.option("--plan-json", type=click.Path(), metavar="FILE", help="The plan file's JSON."),
            click.option("--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder."),
            click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start."),
            click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder."),
            click.option(
                "--trusted", default="", metavar="REF", help="The protected branch whose signed settings decide."
            ),
            click.option("--stack", default="", metavar="NAME", help="The plan's stack in stacks.yaml."),
            click.option("--change", default="", metavar="ID", help="The change.  [default: named after the plan]"),
            click.option(
                "--type", "change_type", type=click.Choice(CHANGE_TYPES), default="normal", help="The type of change."
            ),
            click.option("--author", multiple=True, metavar="WHO", help="Who had a hand in it: id, account or e-mail."),
            click.option("--base", metavar="REF", help="Everybody with a commit since then had a hand in it."),
        )
    ):
        command = option(command)
    return command


def read_change(options: dict[str, Any], *, with_differences: bool) -> Change:
    """Return the change that the options name, judged.

    Raises :class:`TrustInvalid` where the pipeline pins signed settings, and those of the working tree,
    which the change may have written itself, would decide.
    """
    if not options["trusted"] and os.environ.get(ROOT):
        raise TrustInvalid(
            f"{ROOT} is set, and --trusted names no branch: the settings of the working tree decide nothing here.",
            hint="Name the protected branch, for example --trusted origin/main; or unset it to look at a draft.",
        )
    judge = Judge(
        Wanted(config=options["config"], stack=options["stack"], base=options["base"], trusted=options["trusted"])
    )
    origin = Origin(options["plan_json"], options["chdir"], options["program"])
    (loaded,) = load(options["plan"], origin)
    asked = Asked(
        inbox=options["inbox"],
        change=options["change"],
        authors=tuple(options["author"]),
        base=options["base"] or "",
        change_type=options["change_type"],
        deployer=options.get("deployer", ""),
    )
    return Change(judge, loaded, asked, with_differences=with_differences)


@click.command()
@plan_options
@click.option("--deployer", default="", metavar="WHO", help="Who deploys: id, account, cloud identity or e-mail.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(output: str, color: str, **options: Any) -> int:
    """Decide whether a plan may be applied, by the settings in .iacgate and the approvals that arrived.

    In observe mode (the default of policy.yaml) it decides and blocks nothing. Without --trusted, the
    settings are those of the working tree, which the change itself may have changed.

    \b
    Examples:
      iacgate gate tfplan --inbox /srv/approvals --base origin/main --trusted origin/main
      iacgate gate tfplan --inbox ./inbox --author ann@example.com --format json
      iacgate gate tfplan --inbox ./inbox --base origin/main --type emergency --deployer ann-example
    """
    change = read_change(options, with_differences=False)
    decision = decide(change.inputs(), change.roster)
    if output == "json":
        sys.stdout.buffer.write(rendered.as_json(decision))
    else:
        sys.stdout.write(rendered.as_text(decision, options["plan"], colour=console.colour(sys.stdout, color)))
    return decision.exit_code
