"""``iacgate rollback start``: open the change that takes an applied one back."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Final

import click

from iacgate.apply.entries import WAY_BACK
from iacgate.change.record import Incident, Record, read_record, scaffold
from iacgate.cli.reading import gates_options, known, ledger_option, open_with_gates
from iacgate.cli.records import place_of
from iacgate.errors import UsageInvalid
from iacgate.evidence.entry import Entry
from iacgate.evidence.excerpt import read_piece
from iacgate.evidence.history import NoEntry
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import newest_first, of_change, stack_named
from iacgate.policy.environments import weigh
from iacgate.policy.stacks import placed_by_hand
from iacgate.render.plain import harmless
from iacgate.rollback.wayback import MAX_WAY_BACK, WayBack, read_way_back
from iacgate.shell.folders import find_settings
from iacgate.shell.settings import Settings, read_settings
from iacgate.shell.submissions import is_change
from iacgate.vocabulary import ChangeType, Severity

RUNBOOK: Final = "runbook.md"
OVERLAY: Final = "iacgate-overlay.tf"
_NAME: Final = re.compile(r"\bundo-[0-9a-f]{12}\b")
"""What a runbook calls the change, as long as nobody opened it."""

_SUBMIT: Final = "\niacgate submit tfplan "
_ENDS: Final = ("applied", "failed", "interrupted")


@click.command()
@click.argument("change", metavar="CHANGE")
@ledger_option
@click.option("--stack", default=None, metavar="NAME", help="Where the change was applied to several stacks.")
@click.option("-o", "--output", "folder", required=True, type=click.Path(), metavar="DIR", help="A new folder.")
@click.option(
    "--change", "new", default="", metavar="ID", help="What the new change is called.  [default: undo-CHANGE]"
)
@click.option("--incident", default="", metavar="ID", help="The incident, where it is an emergency.")
@click.option("--invoker", default="", metavar="WHO", help="Who invokes that emergency: the id in people.yaml.")
@gates_options
def command(change: str, name: str, stack: str | None, folder: str, new: str, **options: Any) -> None:
    """Open the change that takes CHANGE back, from what was recorded when it was applied.

    Into the folder go its runbook and the overlay for the previous configuration; into .iacgate/changes the record of
    the new change, which names the one that it takes back. Its type is what the policy says (`rollback_type`), or an
    emergency where an incident is named. Nothing is applied: the new change is planned, signed and gated as any other.

    \b
    Examples:
      iacgate rollback start chg-17 --ledger s3://acme-evidence/iacgate -o undo-chg-17/
      iacgate rollback start chg-17 --ledger /srv/ledger -o undo/ --incident INC-7 --invoker ann
    """
    new = new or f"undo-{change}"
    if not is_change(new):
        raise UsageInvalid(f"{new!r} names no change.", hint="Use letters, digits, dots and dashes: --change ID.")
    ledger = open_with_gates(name, known(options["config"], options["trusted"]))
    entry = _begun(ledger, change, stack)
    way = _way_back(ledger, entry)
    place = _place(new)
    text = _record(new, entry, options)
    _write(Path(folder), way, _runbook(way, new, place))
    _write_new(place, text.encode())
    for line in _next(change, new, place, Path(folder), entry, way):
        click.echo(line)
    for later in _later(ledger, entry):
        said = f"{harmless(later)} was applied to {harmless(entry.stack)} after it"
        click.echo(f"Note: {said}: the runbook is about the state before that.", err=True)


def _place(new: str) -> Path:
    """Return where the record of the new change is written.

    Raises :class:`UsageInvalid` where that is in no repository with settings, or there already: nothing is written.
    """
    if not find_settings("."):
        raise UsageInvalid(
            "There is no .iacgate folder: the record of the new change would stand nowhere.",
            hint="Start it in the repository of the stack.",
        )
    place = place_of(new, ".")
    if place.exists():
        raise _taken(place)
    return place


def _begun(ledger: Ledger, change: str, stack: str | None) -> Entry:
    """Return the entry that began the last apply of a change that ended.

    Raises :class:`UsageInvalid` where it was never applied, or to several stacks and none is named.
    """
    entries = [item.entry for item in of_change(ledger, change, None if stack is None else stack_named(stack))]
    begun = [item for item in entries if item.event == "intended"]
    stacks = sorted({item.stack for item in begun})
    if not begun:
        raise UsageInvalid(f"{change} was never applied: there is nothing to take back.", hint="Withdraw it instead.")
    if len(stacks) > 1:
        raise UsageInvalid(f"{change} was applied to {', '.join(stacks)}.", hint="Name one of them: --stack NAME.")
    last = begun[-1]
    if not any(item.event in _ENDS and item.sequence > last.sequence for item in entries):
        raise UsageInvalid(f"Nothing says how the apply of {change} ended.", hint="Wait for it: iacgate status.")
    return last


def _later(ledger: Ledger, entry: Entry) -> list[str]:
    """Return the changes that were applied to the stack after an apply began, each once."""
    found = [item.entry for _, item in newest_first(ledger, entry.stack, entry.time) if not isinstance(item, NoEntry)]
    after = [item for item in found if item.event == "intended" and item.sequence > entry.sequence]
    return sorted({item.change for item in after})


def _way_back(ledger: Ledger, entry: Entry) -> WayBack:
    reference = entry.references.get(WAY_BACK)
    if reference is None or reference.size > MAX_WAY_BACK:
        raise UsageInvalid(
            f"No way back of {entry.change} is on record: an older version applied it.",
            hint="Make one from its plan file, where that is still there: iacgate rollback plan.",
        )
    return read_way_back(read_piece(ledger, reference))


def _record(new: str, entry: Entry, options: dict[str, Any]) -> str:
    """Return the record of the new change, for people to go on with."""
    settings = _settings(options["config"])
    environment = None
    if settings:
        environment = weigh(settings.policy, placed_by_hand(settings.stacks, entry.stack).environment)
    emergency = Incident(options["incident"], options["invoker"]) if options["incident"] or options["invoker"] else None
    kind: ChangeType = "emergency" if emergency else environment.rollback_type if environment else "normal"
    if kind == "emergency" and not (emergency and emergency.incident and emergency.invoker):
        raise UsageInvalid(
            "The policy makes it an emergency, which names its incident and who invokes it.",
            hint="--incident ID --invoker WHO.",
        )
    demand = environment.demand(Severity.HIGH, kind) if environment else None
    record = Record(
        id=new,
        type=kind,
        description=f"Take {entry.change} back, applied to {entry.stack} at {entry.time}",
        rollback_plan=f"Apply {entry.change} again (commit {entry.commit[:12]})" if entry.commit else "",
        emergency=emergency,
        undoes=entry.change,
    )
    text = scaffold(record, demand.record if demand else ())
    read_record(text.encode(), new)
    return text


def _settings(config: str) -> Settings | None:
    found = config or find_settings(".")
    return read_settings(Path(found)) if found else None


def _runbook(way: WayBack, new: str, place: Path) -> str:
    """Return the runbook with the new change's name and record in its commands."""
    text = _NAME.sub(lambda _: new, way.runbook)
    return text.replace(_SUBMIT, f"{_SUBMIT}--record {shlex.quote(str(place.absolute()))} ", 1)


def _write(folder: Path, way: WayBack, runbook: str) -> None:
    if folder.exists():
        raise UsageInvalid(f"{folder} is there already: nothing is overwritten.", hint="Name a new folder: -o DIR.")
    folder.mkdir(parents=True)
    (folder / RUNBOOK).write_text(runbook, encoding="utf-8")
    if way.overlay:
        (folder / OVERLAY).write_text(way.overlay, encoding="utf-8")


def _write_new(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            stream.write(data)
    except FileExistsError as error:
        raise _taken(path) from error


def _taken(path: Path) -> UsageInvalid:
    return UsageInvalid(f"{path} is there already.", hint="Name the new change: --change ID.")


def _next(change: str, new: str, place: Path, folder: Path, entry: Entry, way: WayBack) -> list[str]:
    """Return what was written, and what comes next."""
    files = [RUNBOOK, *([OVERLAY] if way.overlay else [])]
    version = entry.details.get("beforeVersion") or "not known"
    return [
        f"{harmless(str(place))}: the record of {harmless(new)}, which takes {harmless(change)} back",
        f"{harmless(str(folder))}: {', '.join(files)} ({way.readiness} when it was applied)",
        f"State before it: serial {entry.details.get('beforeSerial', '?')}, version {harmless(str(version))}",
        f"Configuration before it: commit {way.previous or 'not known'}",
        "Next: say in the record what the policy demands, then follow the runbook: its commands name both. Where a",
        "pipeline plans, commit the record on the runbook's branch.",
        f"When it is applied: iacgate attest rolled-back {shlex.quote(change)} --by {shlex.quote(new)} ...",
    ]
