"""``iacgate preview``: what a plan will do, how risky each change is, why, and whether it can be undone."""

from __future__ import annotations

import sys

import click

from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Origin, load
from iacgate.cli.outputs import FOR_PEOPLE, FORMATS, Documents, read_outputs, tell
from iacgate.cli.undoing import judge_with_undoing
from iacgate.errors import IacgateError, UsageInvalid
from iacgate.risk.assessment import Assessment
from iacgate.rollback.verdict import RollbackReport
from iacgate.shell import console
from iacgate.vocabulary import Severity

DENIED = 10
HERE = "the plan of this folder"


@click.command()
@click.argument("plans", nargs=-1, metavar="[PLAN]...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="For people, or for programs.")
@click.option(
    "--output",
    "wanted",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write a file in one of these formats, too; may be given several times.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(severity) for severity in Severity if severity is not Severity.NONE]),
    help="Exit 10 where a finding is at least this severe, possible findings included.",
)
@click.option(
    "--plan-json",
    type=click.Path(),
    metavar="FILE",
    help="The JSON of the plan file, held against it; then terraform is not started.",
)
@click.option("--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder, for `show -json`.")
@click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start.  [default: from PATH]")
@click.option(
    "--rules", multiple=True, type=click.Path(), metavar="DIR", help="Judge with these rules, too: a pack, or Rego."
)
@click.option("--config", type=click.Path(), metavar="DIR", help="The .iacgate folder.  [default: the nearest above]")
@click.option("--no-config", is_flag=True, help="Use no .iacgate folder.")
@click.option("--stack", default="", metavar="NAME", help="The plan's stack in stacks.yaml; a plan file must agree.")
@click.option(
    "--source", type=click.Path(), metavar="DIR", help="The stack's sources, for lines.  [default: beside PLAN]"
)
@click.option("--base", metavar="REF", help="The commit to compare the sources with: is prevent_destroy gone?")
@click.option(
    "--ledger", default="", metavar="DIR|s3://...", help="Say which emergencies of the stack wait for review."
)
@click.option("--all", "everything", is_flag=True, help="List every change, those without findings too.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour; auto obeys NO_COLOR."
)
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    plans: tuple[str, ...],
    form: str,
    wanted: tuple[str, ...],
    fail_on: str | None,
    plan_json: str | None,
    chdir: str | None,
    program: str,
    rules: tuple[str, ...],
    config: str | None,
    no_config: bool,  # noqa: FBT001 - click passes flags so
    stack: str,
    source: str | None,
    base: str | None,
    ledger: str,
    everything: bool,  # noqa: FBT001 - click passes flags so
    color: str,
) -> int:
    """Say what a plan will do, how risky each change is, and why.

    PLAN is a plan JSON (plain or gzip, - for standard input) or a saved plan file. Without
    one, the stack in this folder is planned into a private file that is removed again.

    For a plan file, terraform is asked for its JSON, which starts the providers' programs:
    for the plan of a fork, pass the JSON yourself with --plan-json.

    \b
    Examples:
      iacgate preview tfplan
      terraform show -json tfplan | iacgate preview -
      iacgate preview tfplan --plan-json plan.json --fail-on high
      iacgate preview */plan.json --format json
      iacgate preview tfplan --output sarif=iacgate.sarif --output markdown=comment.md
    """
    origin = Origin(plan_json, chdir, program)
    if plan_json and len(plans) != 1:
        raise UsageInvalid("--plan-json belongs to exactly one PLAN.", hint="Name the saved plan file, too.")
    inputs = (*plans, plan_json) if plan_json else plans
    least = Severity(fail_on) if fail_on else None
    documents = Documents(form, read_outputs(wanted, inputs), least, everything=everything)
    try:
        judge = Judge(Wanted(config or "", no_config, stack, rules, source or "", base))
        documents.rules = judge.texts
    except IacgateError as error:
        documents.cannot(", ".join(plans) or HERE, error)
        documents.write()
        raise
    worst, failed = Severity.NONE, 0
    differences_from = Severity.MEDIUM if documents.forms & FOR_PEOPLE else None
    for index, name in enumerate(plans or ("",)):
        try:
            for loaded in load(name, origin):
                assessment, report = judge_with_undoing(judge, loaded, differences_from=differences_from)
                _show(assessment, report, form=form, everything=everything, color=color, first=index == 0)
                if ledger:
                    from iacgate.cli.reviews import show_reviews  # noqa: PLC0415 - few ask for it

                    show_reviews(ledger, judge.own, loaded)
                worst = max(worst, assessment.severity, key=lambda severity: severity.rank)
                documents.judged(assessment, report, judge.sources(loaded))
        except IacgateError as error:
            documents.cannot(name or HERE, error)
            if len(plans) < 2:
                documents.write()
                raise
            tell(error)
            failed = min(failed or error.exit_code, error.exit_code)
    documents.show()
    denied = DENIED if least and worst.rank >= least.rank else 0
    return min(filter(None, (failed, documents.write(), denied)), default=0)


def _show(
    assessment: Assessment, report: RollbackReport, *, form: str, everything: bool, color: str, first: bool
) -> None:
    """Print one plan, in the formats that do not wait for all of them."""
    if form == "json":
        from iacgate.render import json  # noqa: PLC0415 - one format is rendered in a run

        sys.stdout.buffer.write(json.render(assessment, report))
    elif form == "text":
        from iacgate.render import terminal  # noqa: PLC0415 - one format is rendered in a run

        style = terminal.Style(
            colour=console.colour(sys.stdout, color), columns=console.columns(sys.stdout), everything=everything
        )
        sys.stdout.write(("" if first else "\n") + terminal.render(assessment, style, report))
