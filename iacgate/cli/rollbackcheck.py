"""``iacgate rollback check``: can this plan be undone?"""

from __future__ import annotations

import sys
from typing import Final

import click

from iacgate import canonical
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Loaded, Origin, load
from iacgate.cli.undoing import named_previous, undoing_of
from iacgate.errors import IacgateError, UsageInvalid
from iacgate.render.plain import harmless
from iacgate.render.undoing import UndoingDocument, as_json, as_text
from iacgate.rollback.checks import Previous
from iacgate.rollback.rehearsed import Rehearsed
from iacgate.rollback.verdict import RollbackReport
from iacgate.shell import console
from iacgate.vocabulary import Readiness

NOT_READY: Final = 12


@click.command()
@click.argument("plans", nargs=-1, required=True, metavar="PLAN...")
@click.option("--previous", metavar="REF", help="The commit that was applied last: to it, undoing goes back.")
@click.option("--source", type=click.Path(), metavar="DIR", help="The stack's folder.  [default: beside PLAN]")
@click.option("--plan-json", type=click.Path(), metavar="FILE", help="The plan file's JSON, held against it.")
@click.option("--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder, for `show -json`.")
@click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start.  [default: from PATH]")
@click.option("--config", type=click.Path(), metavar="DIR", help="The .iacgate folder.  [default: the nearest above]")
@click.option("--no-config", is_flag=True, help="Use no .iacgate folder.")
@click.option("--rehearsal", type=click.Path(), metavar="FILE", help="What `rollback rehearse --format json` printed.")
@click.option("--live", is_flag=True, help="Ask AWS, read only, whether what undoing needs is there.")
@click.option(
    "--max-age",
    "hours",
    default=24,
    show_default=True,
    type=click.IntRange(1),
    metavar="HOURS",
    help="How old a recovery point may be, with --live.",
)
@click.option("--all", "everything", is_flag=True, help="List every change, those that can simply be undone too.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    plans: tuple[str, ...],
    previous: str | None,
    source: str | None,
    plan_json: str | None,
    chdir: str | None,
    program: str,
    config: str | None,
    no_config: bool,  # noqa: FBT001 - click passes flags so
    rehearsal: str | None,
    live: bool,  # noqa: FBT001 - click passes flags so
    hours: int,
    everything: bool,  # noqa: FBT001 - click passes flags so
    output: str,
    color: str,
) -> int:
    """Say of each change of a plan whether it can be undone, why, and what must be seen to before.

    PLAN is a saved plan file, or its JSON, which tells less. Exits 12 where a plan is not ready: something cannot
    be undone, or nobody knows, or there is no way back to the previous configuration.

    \b
    Examples:
      iacgate rollback check tfplan --previous HEAD~1
      iacgate rollback check plan.json --format json
      iacgate rollback check tfplan --previous main --live --max-age 12
    """
    if plan_json and len(plans) != 1:
        raise UsageInvalid("--plan-json belongs to exactly one PLAN.", hint="Name the saved plan file, too.")
    if rehearsal and len(plans) != 1:
        raise UsageInvalid("--rehearsal belongs to exactly one PLAN.", hint="Check one plan at a time.")
    judge = Judge(Wanted(config or "", no_config, source=source or ""))
    worst, failed = 0, 0
    for name in plans:
        try:
            for loaded in load(name, Origin(plan_json, chdir, program)):
                known = named_previous(previous, source or loaded.folder)
                said = _rehearsed(rehearsal, loaded, known) if rehearsal else None
                report = undoing_of(judge, loaded, known, said, live=hours if live else None)
                _write(loaded, report, output=output, color=color, everything=everything)
                worst = max(worst, NOT_READY if report.readiness is Readiness.NOT_READY else 0)
        except IacgateError as error:
            if len(plans) == 1:
                raise
            click.echo(f"iacgate: {harmless(error.message)}\n  {harmless(error.hint)}", err=True)
            failed = min(failed or error.exit_code, error.exit_code)
    return failed or worst


def _rehearsed(name: str, loaded: Loaded, previous: Previous | None) -> Rehearsed:
    from iacgate.cli.rehearsals import read_rehearsal, said_of  # noqa: PLC0415 - few name one

    found = read_rehearsal(name, loaded)
    if previous is not None and found.previous != previous.commit:
        text = f"{name} goes back to another commit than --previous: to {found.previous[:12]}."
        raise UsageInvalid(text, hint="Rehearse the way back to the commit that was applied last.")
    return said_of(found, canonical.digest(loaded.text))


def _write(loaded: Loaded, report: RollbackReport, *, output: str, color: str, everything: bool) -> None:
    document = UndoingDocument(loaded.plan.name, loaded.sha256 or loaded.plan.sha256, report)
    if output == "json":
        sys.stdout.buffer.write(as_json(document))
        sys.stdout.flush()
        return
    colour = console.colour(sys.stdout, color)
    sys.stdout.write(as_text(document, colour=colour, columns=console.columns(sys.stdout), everything=everything))
    sys.stdout.flush()
