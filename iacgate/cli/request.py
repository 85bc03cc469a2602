"""``iacgate request``: write the record of a change, asking for what its plan and the policy demand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
    answered,
    missing_parts,
    read_record,
    scaffold,
)
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.ledgers import PRODUCTION
from iacgate.cli.loading import Origin, load
from iacgate.cli.records import folder_of, place_of
from iacgate.cli.undoing import watching
from iacgate.errors import RecordInvalid, UsageInvalid
from iacgate.gate.rollback import unanswered
from iacgate.policy.environments import Environment, weigh
from iacgate.policy.stacks import placed_by_hand
from iacgate.render.plain import harmless
from iacgate.rollback.checks import Ground
from iacgate.rollback.verdict import RollbackReport
from iacgate.shell.files import read_regular, replace
from iacgate.shell.folders import find_settings
from iacgate.shell.inputs import read_input
from iacgate.shell.settings import Settings, read_settings
from iacgate.vocabulary import CHANGE_TYPES, RECORD_PARTS, ChangeType, ReadinessDemand, RecordPart, Severity

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
    help="Without --for: how bad it could be.  [default: high]",
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
    path = Path(options["output"]) if options["output"] not in ("", "-") else place_of(change, ".")
    record = _merged(answered(_there(path, change)), options, folder_of(path))
    demanded = _demanded(options, record.type)
    if not options["no_input"] and sys.stdin.isatty():
        record = _asked(record, demanded)
    _write(record, scaffold(record, demanded.parts), path, to_output=options["output"] == "-")
    lacking = [f"{part.part}: {part.how}" for part in missing_parts(record, demanded.parts, demanded.ticket)]
    lacking += _nobodys(record, demanded.settings)
    lacking += [f"undo: {text}" for text in unanswered(demanded.report, record.undo, demanded.readiness)]
    missing = [f"Missing: {harmless(what)}" for what in lacking]
    for line in (*missing, *_next(options, demanded, lacking=bool(lacking))):
        click.echo(line, err=True)
    return 14 if lacking else 0


class _Demanded(msgspec.Struct, frozen=True):
    """What a record must say, and why: ``report`` says whether the plan can be undone, as ``readiness`` demands."""

    parts: tuple[RecordPart, ...]
    ticket: str
    severity: Severity
    settings: Settings
    readiness: ReadinessDemand
    report: RollbackReport | None = None


def _demanded(options: dict[str, Any], change_type: ChangeType) -> _Demanded:
    """Return what is demanded of the change: by its plan, or by what is said of it."""
    config = options["config"] or find_settings(".")
    if not config:
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one: iacgate init.")
    if not options["plan"]:
        settings, severity = read_settings(Path(config)), Severity(options["severity"])
        placed = placed_by_hand(settings.stacks, options["stack"])
        environment = weigh(settings.policy, placed.environment)
        if options["stack"]:
            severity = severity_of(Manual(options["stack"], severity, "-"), production=environment.tier == PRODUCTION)
        return _parts(environment, severity, change_type, settings)
    judge = Judge(Wanted(config=config))
    for loaded in load(options["plan"], Origin(options["plan_json"], None, "")):
        watch = watching(judge, loaded)
        severity = judge.judge(loaded, watch=watch.look).severity
        if judge.own:
            click.echo(f"{harmless(loaded.plan.name)}: severity {severity}", err=True)
            found = _parts(judge.own.place(loaded)[1], severity, change_type, judge.own.settings)
            return msgspec.structs.replace(found, report=watch.report(Ground(loaded.plan_file)))
    raise UsageInvalid(f"{options['plan']}: no plan.", hint="Name a saved plan file or its JSON.")


def _parts(environment: Environment, severity: Severity, change_type: ChangeType, settings: Settings) -> _Demanded:
    """Return what the gate will demand; an emergency says why it is one, whatever the policy demands."""
    demand = environment.demand(severity, change_type)
    why: tuple[RecordPart, ...] = ("justification",) if change_type == "emergency" else ()
    return _Demanded((*demand.record, *why), environment.ticket, severity, settings, demand.readiness)


def _write(record: Record, text: str, path: Path, *, to_output: bool) -> None:
    """Write a record, or print it as front matter.

    Raises :class:`RecordInvalid` where it contradicts itself: nothing is written then.
    """
    try:
        read_record(text.encode(), str(path))
    except RecordInvalid as error:
        raise RecordInvalid(f"Nothing was written. {error.message}", hint="Mend what the options say.") from error
    if to_output:
        click.echo(f"---\n{text}---")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text.encode())
    article = "an" if record.type == "emergency" else "a"
    click.echo(f"{harmless(str(path))}: the record of {record.id}, {article} {record.type} change")


def _nobodys(record: Record, settings: Settings) -> list[str]:
    """Return the names in a record that the gate will not know."""
    found = []
    if record.pattern and record.pattern not in settings.patterns:
        found.append(f"pattern: there is none called {record.pattern} in {settings.folder}/patterns")
    people = {"invoker": record.emergency.invoker if record.emergency else "", "requested_by": record.requested_by}
    for part, name in people.items():
        if name and settings.roster is not None and settings.roster.find(name) is None:
            found.append(f"{part}: {name} is nobody in people.yaml")
    return found


def _next(options: dict[str, Any], demanded: _Demanded, *, lacking: bool) -> Iterator[str]:
    """Yield what to do next."""
    stacks = demanded.settings.stacks.stacks if demanded.settings.stacks else []
    if options["stack"] and options["stack"] not in {stack.name for stack in stacks}:
        yield f"Note: stacks.yaml has no {harmless(options['stack'])}, so that it counts as production."
    if lacking and not options["plan"] and not options["stack"]:
        yield f"Demanded of severity {demanded.severity}: name the plan with --for, or another --severity."
    if lacking:
        yield "Fill it in there, or with --set PART=TEXT."
    elif options["output"] != "-":
        done_by_hand = bool(options["stack"])
        yield f"Commit it with the change, then {'gate it' if done_by_hand else 'hand the plan over: iacgate submit'}."


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
        said["schedule"] = _span(record.schedule, options)
    if options["pattern"]:
        said |= {"pattern": options["pattern"], "type": "standard"}
    if options["incident"] or options["invoker"] or (record.emergency and (options["team"] or options["solo"])):
        said |= {"emergency": _incident(record.emergency, options), "type": "emergency"}
    if options["stack"] or options["procedure"] or options["script"]:
        said["manual"] = _manual(options, folder)
    if options["change_type"]:
        said |= _other_type(record, said, options["change_type"])
    return msgspec.structs.replace(record, **said)


def _span(there: Span | None, options: dict[str, Any]) -> Span:
    """Return when the change may be applied; what no option says is as it is there."""
    before = options["not_before"] or (there.not_before if there else "")
    after = options["not_after"] or (there.not_after if there else "")
    if not before or not after:
        raise UsageInvalid(
            "A schedule has a beginning and an end.", hint="Name both: --not-before INSTANT --not-after INSTANT."
        )
    return Span(before, after)


def _incident(there: Incident | None, options: dict[str, Any]) -> Incident:
    """Return what an emergency is about; what no option says is as it is there."""
    there = there or Incident("", "")
    found = Incident(
        options["incident"] or there.incident,
        options["invoker"] or there.invoker,
        options["team"] or there.team,
        options["solo"] or there.solo,
    )
    if not found.incident or not found.invoker:
        raise UsageInvalid(
            "An emergency names its incident and who invokes it.", hint="Name both: --incident ID --invoker WHO."
        )
    return found


def _other_type(record: Record, said: dict[str, Any], change_type: ChangeType) -> dict[str, Any]:
    """Return what a record says as one of a type, without what only another type has and no option names.

    Raises :class:`UsageInvalid` where it lacks what its type is about.
    """
    found: dict[str, Any] = {"type": change_type}
    if change_type == "emergency" and not (record.emergency or said.get("emergency")):
        raise UsageInvalid("An emergency names its incident and who invokes it.", hint="--incident ID --invoker WHO")
    if change_type == "standard" and not (record.pattern or said.get("pattern")):
        raise UsageInvalid("A standard change names its pattern.", hint="--pattern NAME")
    if change_type != "standard" and record.pattern and "pattern" not in said:
        click.echo(f"Taken out: its pattern {harmless(record.pattern)}", err=True)
        found["pattern"] = ""
    if change_type != "emergency" and record.emergency and "emergency" not in said:
        click.echo(f"Taken out: its emergency {harmless(record.emergency.incident)}", err=True)
        found["emergency"] = None
    return found


def _manual(options: dict[str, Any], folder: Path) -> Manual:
    if not options["stack"] or not options["procedure"]:
        raise UsageInvalid("A change by hand names its stack and its procedure.", hint="--stack and --procedure FILE.")
    data = read_regular(Path(options["procedure"]), _MAX_PROCEDURE, RecordInvalid)
    text = (data or b"").decode("utf-8", "replace").strip()
    if not text:
        why = "there is no such file" if data is None else "it is empty"
        raise UsageInvalid(f"{options['procedure']}: {why}.", hint="Write down there what exactly will be done.")
    files = {_named(name, folder): canonical.digest(read_input(name)) for name in options["script"]}
    return Manual(options["stack"], Severity(options["severity"]), text, files)


def _named(name: str, folder: Path) -> str:
    path = Path(name).resolve()
    if folder not in path.parents:
        raise UsageInvalid(f"{name} is not below {folder}.", hint="Put the script into the repository of its record.")
    return path.relative_to(folder).as_posix()


def _asked(record: Record, demanded: _Demanded) -> Record:
    """Return a record with what somebody answers; an empty answer leaves a part as it is."""
    for part in missing_parts(record, demanded.parts, demanded.ticket):
        if part.part == "schedule":
            continue
        answer = click.prompt(f"{part.part.replace('_', ' ')} ({QUESTIONS[part.part]})", default="", show_default=False)
        if answer:
            record = msgspec.structs.replace(record, **{part.part: answer})
    return record
