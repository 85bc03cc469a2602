"""``iacgate request``: write the record of a change, asking for what its plan and the policy demand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from iacgate import canonical
from iacgate.change.manual import severity_of
from iacgate.change.record import (
    MAX_RECORD,
    QUESTIONS,
    Incident,
    Manual,
    Record,
    Span,
    missing_parts,
    read_record,
    scaffold,
)
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.ledgers import PRODUCTION
from iacgate.cli.loading import Origin, load
from iacgate.cli.records import folder_of, place_of
from iacgate.errors import RecordInvalid, UsageInvalid
from iacgate.policy.demands import Demand
from iacgate.policy.environments import Environment, weigh
from iacgate.policy.stacks import placed_by_hand
from iacgate.render.plain import harmless
from iacgate.shell.files import read_regular, replace
from iacgate.shell.folders import find_settings
from iacgate.shell.inputs import read_input
from iacgate.shell.settings import read_settings
from iacgate.vocabulary import CHANGE_TYPES, RECORD_PARTS, ChangeType, Severity

_MAX_PROCEDURE: Final = 80_000
"""Bytes of a procedure."""


@click.command()
@click.argument("change", metavar="CHANGE")
@click.option("--for", "plan", default="", type=click.Path(), metavar="PLAN", help="Ask for what this plan demands.")
@click.option("--plan-json", type=click.Path(), metavar="FILE", help="The plan file's JSON.")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
@click.option(
    "--severity",
    type=click.Choice([level.value for level in Severity]),
    default="high",
    help="Without --for: how bad it could be.",
)
@click.option("--type", "change_type", type=click.Choice(CHANGE_TYPES), help="The type of change.  [default: normal]")
@click.option("--set", "said", multiple=True, metavar="PART=TEXT", help="What a part of the record says.")
@click.option("--not-before", default="", metavar="INSTANT", help="When it may be applied at the earliest.")
@click.option("--not-after", default="", metavar="INSTANT", help="When it may be applied at the latest.")
@click.option("--pattern", default="", metavar="NAME", help="The pattern of a standard change.")
@click.option("--incident", default="", metavar="ID", help="The incident of an emergency.")
@click.option("--invoker", default="", metavar="WHO", help="Who invokes the emergency: the id in people.yaml.")
@click.option("--team", default="", metavar="NAME", help="Whose emergency it is.")
@click.option("--solo", is_flag=True, help="Nobody else can be reached: break glass.")
@click.option("--stack", default="", metavar="NAME", help="A change by hand: the stack that it touches.")
@click.option("--procedure", type=click.Path(), metavar="FILE", help="A change by hand: what exactly will be done.")
@click.option("--script", multiple=True, type=click.Path(), metavar="FILE", help="A change by hand: what will be run.")
@click.option("--output", default="", type=click.Path(), metavar="FILE", help="Where to; - prints front matter.")
@click.option("--no-input", is_flag=True, help="Ask nothing: what is missing is a TODO.")
def command(change: str, **options: Any) -> int:
    """Write the record of a change into .iacgate/changes, and ask for what is demanded of it.

    What is written already is kept. What iacgate knows by itself (risk, authors, plan, commit) is not asked for. Commit
    the file with the change, or put it into the pull request's text as front matter (--output -).

    \b
    Examples:
      iacgate request chg-17 --for tfplan
      iacgate request chg-17 --set ticket=OPS-17 --set "justification=Orders wait" --no-input
      iacgate request fix-1 --type emergency --incident INC-7 --invoker ann --team payments
      iacgate request db-3 --stack payments-prod --procedure steps.md --script fix.sql --severity high
      iacgate request chg-17 --for tfplan --output -

    Exit codes: 0 the record says all that is demanded, 14 something is missing.
    """
    demand, environment = _demanded(options)
    path = Path(options["output"]) if options["output"] not in ("", "-") else place_of(change, ".")
    record = _merged(_there(path, change), options, folder_of(path))
    if not options["no_input"] and sys.stdin.isatty():
        record = _asked(record, demand, environment.ticket)
    text = scaffold(record, demand.record)
    read_record(text.encode(), str(path))
    if options["output"] == "-":
        click.echo(f"---\n{text}---")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text.encode())
        click.echo(f"{harmless(str(path))}: the record of {record.id}, a {record.type} change")
    lacking = missing_parts(record, demand.record, environment.ticket)
    for part in lacking:
        click.echo(f"Missing: {part.part}: {harmless(part.how)}", err=True)
    return 14 if lacking else 0


def _demanded(options: dict[str, Any]) -> tuple[Demand, Environment]:
    """Return what is demanded of the change: by its plan, or by what is said of it."""
    change_type: ChangeType = options["change_type"] or "normal"
    config = options["config"] or find_settings(".")
    if not config:
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one: iacgate init.")
    if not options["plan"]:
        settings, severity = read_settings(Path(config)), Severity(options["severity"])
        placed = placed_by_hand(settings.stacks, options["stack"])
        environment = weigh(settings.policy, placed.environment)
        if options["stack"]:
            severity = severity_of(Manual(options["stack"], severity, "-"), production=environment.tier == PRODUCTION)
        return environment.demand(severity, change_type), environment
    judge = Judge(Wanted(config=config))
    for loaded in load(options["plan"], Origin(options["plan_json"], None, "")):
        severity = judge.judge(loaded).severity
        if judge.own:
            environment = judge.own.place(loaded)[1]
            click.echo(f"{harmless(loaded.plan.name)}: severity {severity}", err=True)
            return environment.demand(severity, change_type), environment
    raise UsageInvalid(f"{options['plan']}: no plan.", hint="Name a saved plan file or its JSON.")


def _there(path: Path, change: str) -> Record:
    """Return the record that is there, or an empty one."""
    data = read_regular(path, MAX_RECORD, RecordInvalid)
    if data is None:
        try:
            return msgspec.convert({"id": change}, Record)
        except msgspec.ValidationError as error:
            raise UsageInvalid(f"{change!r} names no change.", hint="Use letters, digits, dots and dashes.") from error
    record = read_record(data, str(path))
    if record.id != change:
        raise RecordInvalid(f"{path}: the record is about {record.id}, not about {change}.", hint="Mend its id.")
    return record


def _merged(record: Record, options: dict[str, Any], folder: Path) -> Record:
    """Return a record with what the command line says; ``folder`` is from where its scripts are named."""
    said: dict[str, Any] = {}
    for item in options["said"]:
        part, equals, text = item.partition("=")
        if not equals or part not in RECORD_PARTS or part == "schedule":
            known = ", ".join(name for name in RECORD_PARTS if name != "schedule")
            raise UsageInvalid(f"--set {item!r} names no part of a record.", hint=f"Known are {known}.")
        said[part] = text
    if options["not_before"] or options["not_after"]:
        said["schedule"] = Span(options["not_before"], options["not_after"])
    if options["pattern"]:
        said |= {"pattern": options["pattern"], "type": "standard"}
    if options["incident"] or options["invoker"]:
        said["emergency"] = Incident(options["incident"], options["invoker"], options["team"], options["solo"])
        said["type"] = "emergency"
    if options["stack"] or options["procedure"] or options["script"]:
        said["manual"] = _manual(options, folder)
    if options["change_type"]:
        said["type"] = options["change_type"]
    return msgspec.structs.replace(record, **said)


def _manual(options: dict[str, Any], folder: Path) -> Manual:
    if not options["stack"] or not options["procedure"]:
        raise UsageInvalid("A change by hand names its stack and its procedure.", hint="--stack and --procedure FILE.")
    data = read_regular(Path(options["procedure"]), _MAX_PROCEDURE, RecordInvalid) or b""
    files = {_named(name, folder): canonical.digest(read_input(name)) for name in options["script"]}
    return Manual(options["stack"], Severity(options["severity"]), data.decode("utf-8", "replace").strip(), files)


def _named(name: str, folder: Path) -> str:
    path = Path(name).resolve()
    if folder not in path.parents:
        raise UsageInvalid(f"{name} is not below {folder}.", hint="Put the script into the repository of its record.")
    return path.relative_to(folder).as_posix()


def _asked(record: Record, demand: Demand, ticket: str) -> Record:
    """Return a record with what somebody answers; an empty answer leaves a part as it is."""
    for part in missing_parts(record, demand.record, ticket):
        if part.part == "schedule":
            continue
        answer = click.prompt(f"{part.part.replace('_', ' ')} ({QUESTIONS[part.part]})", default="", show_default=False)
        if answer:
            record = msgspec.structs.replace(record, **{part.part: answer})
    return record
