"""``iacgate preview``: what a plan will do, how risky each change is, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from iacgate import canonical
from iacgate.cli.progress import Progress
from iacgate.errors import IacgateError, UsageInvalid
from iacgate.plan.reader import Plan, read_plan
from iacgate.render.plain import harmless
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.packs import RuleSet
from iacgate.shell import console
from iacgate.shell.inputs import STDIN, read_input
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile

DENIED = 10
_MAGIC = b"PK\x03\x04"


class Loaded:
    """One plan, with its saved plan file where there is one."""

    def __init__(self, plan: Plan, plan_file: PlanFile | None = None, sha256: str | None = None) -> None:
        self.plan = plan
        self.plan_file = plan_file
        self.sha256 = sha256


class Options:
    """What the command line said about where plans and their JSON come from."""

    def __init__(self, plan_json: str | None, chdir: str | None, program: str) -> None:
        self.plan_json = plan_json
        self.chdir = chdir
        self.program = program


@click.command()
@click.argument("plans", nargs=-1, metavar="[PLAN]...")
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people, or for programs."
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
@click.option("--all", "everything", is_flag=True, help="List every change, those without findings too.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour; auto obeys NO_COLOR."
)
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    plans: tuple[str, ...],
    output: str,
    fail_on: str | None,
    plan_json: str | None,
    chdir: str | None,
    program: str,
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
    """
    options = Options(plan_json, chdir, program)
    if plan_json and len(plans) != 1:
        raise UsageInvalid("--plan-json belongs to exactly one PLAN.", hint="Name the saved plan file, too.")
    rules = RuleSet(shipped_packs())
    worst, failed = Severity.NONE, 0
    for index, name in enumerate(plans or ("",)):
        try:
            for loaded in _load(name, options):
                assessment = _assess(loaded, rules, text=output == "text")
                _write(assessment, output=output, everything=everything, color=color, first=index == 0)
                worst = max(worst, assessment.severity, key=lambda severity: severity.rank)
        except IacgateError as error:
            if len(plans) < 2:
                raise
            click.echo(f"iacgate: {harmless(error.message)}\n  {harmless(error.hint)}", err=True)
            failed = min(failed or error.exit_code, error.exit_code)
    if failed:
        return failed
    return DENIED if fail_on and worst.rank >= Severity(fail_on).rank else 0


def _assess(loaded: Loaded, rules: RuleSet, *, text: bool) -> Assessment:
    with Progress(sys.stderr, loaded.plan.name) as progress:
        return assess(
            loaded.plan,
            rules,
            plan_file=loaded.plan_file,
            plan_file_sha256=loaded.sha256,
            with_differences=text,
            progress=progress.step,
        )


def _load(name: str, options: Options) -> Iterator[Loaded]:
    if not name:
        yield from _plan_here(options)
        return
    label = "standard input" if name == STDIN else name
    data = read_input(name)
    if data.startswith(_MAGIC):
        yield _from_plan_file(data, label, name, options)
    elif options.plan_json:
        raise UsageInvalid(
            f"{label} is not a saved plan file, so --plan-json has nothing to be held against.",
            hint="Name the plan file that `terraform plan -out` wrote.",
        )
    else:
        yield Loaded(read_plan(data, label))


def _from_plan_file(data: bytes, label: str, name: str, options: Options) -> Loaded:
    from iacgate.plan.agreement import check_agreement  # noqa: PLC0415 - only plan files need it
    from iacgate.plan.encoding import to_json_bytes  # noqa: PLC0415 - only plan files need it
    from iacgate.plan.planfile import read_plan_file  # noqa: PLC0415 - only plan files need it

    plan_file = read_plan_file(data, label)
    if options.plan_json:
        json_label, text = options.plan_json, read_input(options.plan_json)
    elif name == STDIN:
        raise UsageInvalid("A plan file from standard input needs --plan-json.", hint="Or name the plan file.")
    else:
        json_label, text = label, _show(name, options, str(plan_file.product))
    text = to_json_bytes(text, json_label)
    plan = read_plan(text, json_label)
    check_agreement(plan_file, text, json_label)
    plan.name = label
    return Loaded(plan, plan_file, canonical.digest(data))


def _show(path: str, options: Options, product: str) -> bytes:
    from iacgate.shell import terraform  # noqa: PLC0415 - starting programs is rare, and its imports are slow

    environment = terraform.process_environment()
    program = terraform.find_program(options.program, environment, product=product)
    return terraform.show_json(program, path, options.chdir or ".", environment)


def _plan_here(options: Options) -> Iterator[Loaded]:
    from iacgate.shell import terraform  # noqa: PLC0415 - starting programs is rare, and its imports are slow

    folder = options.chdir or "."
    if not terraform.holds_configuration(folder):
        raise UsageInvalid(
            f"No plan was named, and {folder} holds no Terraform configuration.",
            hint="Name a plan (`iacgate preview tfplan`), or go to the stack's folder.",
        )
    environment = terraform.process_environment()
    program = terraform.find_program(options.program, environment)
    click.echo("Planning this folder's stack (no state lock is taken) ...", err=True)
    with terraform.scratch_plan(program, folder, environment) as path:
        yield _from_plan_file(read_input(path), "plan of this folder", path, options)


def _write(assessment: Assessment, *, output: str, everything: bool, color: str, first: bool) -> None:
    if output == "json":
        from iacgate.render import json  # noqa: PLC0415 - one format is rendered in a run

        sys.stdout.buffer.write(json.render(assessment))
    else:
        from iacgate.render import terminal  # noqa: PLC0415 - one format is rendered in a run

        style = terminal.Style(
            colour=console.colour(sys.stdout, color), columns=console.columns(sys.stdout), everything=everything
        )
        sys.stdout.write(("" if first else "\n") + terminal.render(assessment, style))
