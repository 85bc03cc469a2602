"""Plans as they are named to the gate and to approvers: a file, something that was handed over, a link, or a change."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from iacgate.change.record import MAX_RECORD
from iacgate.cli.loading import Loaded, Origin, load
from iacgate.errors import RecordInvalid, UsageInvalid
from iacgate.plan.reader import Plan
from iacgate.plan.saved import PlanFile
from iacgate.render.plain import harmless
from iacgate.sealing import Seal
from iacgate.shell.download import download, is_link
from iacgate.shell.files import read_regular
from iacgate.shell.git import root_of
from iacgate.shell.inbox import Inbox, open_inbox
from iacgate.shell.inputs import STDIN, read_input
from iacgate.shell.submissions import (
    PLAN_FILE,
    PLAN_JSON,
    RECORD,
    Said,
    arrived,
    is_change,
    is_zipped,
    read_said,
    submissions,
    unzip,
)


def plans(name: str, inbox: str, origin: Origin, change: str = "") -> Iterator[Loaded]:
    """Yield the plans that a name stands for, one at a time.

    A folder, a zip or a link is what `iacgate submit` made; what is nothing of it is a change in the inbox, or
    CHANGE/PLAN, one of its plans. Raises :class:`UsageInvalid` where nothing is called so, or where it is about another
    change.
    """
    path = Path(name)
    if is_link(name):
        yield from _unzipped(download(name), name.partition("?")[0], origin, change)
    elif path.is_dir():
        yield from _handed_over(path, origin, change, str(path))
    elif name == STDIN or path.exists() or not inbox:
        yield from _from_file(name, origin, change)
    else:
        yield from _of_change(name, inbox, origin, change)


def _of_change(name: str, inbox: str, origin: Origin, change: str) -> Iterator[Loaded]:
    known, _, plan = name.partition("/")
    with tempfile.TemporaryDirectory(prefix="iacgate-plans-") as scratch:
        if not is_change(known) or not open_inbox(inbox).fetch_plans(known, Path(scratch), plan):
            raise UsageInvalid(
                f"{name}: neither a plan, nor a change of which the inbox has plans.",
                hint="Name a plan file, what `iacgate submit` made, or such a change.",
            )
        yield from _handed_over(Path(scratch), origin, change or known, known)


def approved_plan(inbox: Inbox, change: str, wanted: str, seal: Seal) -> tuple[Plan, PlanFile] | None:
    """Return the plan of a change that was handed over and has a fingerprint, as it is under a seal.

    ``None`` where it is not there, or was approved under another seal.
    """
    from iacgate.plan.fingerprint import fingerprint  # noqa: PLC0415 - only where an apply failed

    with tempfile.TemporaryDirectory(prefix="iacgate-plans-") as scratch:
        if not inbox.fetch_plans(change, Path(scratch)):
            return None
        for folder in submissions(Path(scratch)):
            for loaded in load(str(folder / PLAN_FILE), Origin(str(folder / PLAN_JSON), None, "")):
                file = loaded.plan_file
                if file is not None and seal.of(fingerprint(loaded.plan, file).digest) == wanted:
                    return loaded.plan, file
    return None


def _from_file(name: str, origin: Origin, change: str) -> Iterator[Loaded]:
    if name != STDIN and Path(name).suffix == ".zip" and is_zipped(data := read_input(name)):
        yield from _unzipped(data, name, origin, change)
    else:
        yield from load(name, origin)


def _unzipped(data: bytes, name: str, origin: Origin, change: str) -> Iterator[Loaded]:
    with tempfile.TemporaryDirectory(prefix="iacgate-plans-") as scratch:
        unzip(data, Path(scratch), name)
        yield from _handed_over(Path(scratch), origin, change, "")


def _handed_over(path: Path, origin: Origin, change: str, place: str) -> Iterator[Loaded]:
    """Yield the newest plan of each state; what was planned before for the same one is left aside, and named.

    ``place`` is what its plans are named below on the command line, empty where they cannot be.
    """
    seen: dict[tuple[str | None, str, str], Path] = {}
    for folder in submissions(path):
        said = read_said(folder)
        if change and said.change != change:
            raise UsageInvalid(f"{folder} is about {said.change}, not about {change}.", hint="Mend --change.")
        beside = Origin(str(folder / PLAN_JSON), None, origin.program)
        for loaded in load(str(folder / PLAN_FILE), beside):
            file = loaded.plan_file
            if file is None:
                raise UsageInvalid(f"{folder} holds no saved plan file.", hint="Make it with `iacgate submit`.")
            state = (said.place, repr(sorted(file.backend_config.items())), file.workspace)
            if state in seen:
                click.echo(harmless(_left_aside(folder, seen[state], place)), err=True)
                continue
            seen[state] = folder
            loaded.said = said
            loaded.record = read_regular(folder / RECORD, MAX_RECORD, RecordInvalid)
            loaded.plan.name = f"{said.change}/{folder.name}"  # where it was laid out is nobody's business
            loaded.folder = origin.chdir or _folder_of(said)
            yield loaded


def _left_aside(folder: Path, taken: Path, place: str) -> str:
    """Say that a plan is not the one that is looked at, and, where nobody knows which came later, what to do."""
    here, there = (f"{place}/{path.name}" if place else path.name for path in (folder, taken))
    if arrived(folder) != arrived(taken):
        return f"Left aside: {here}, an older plan of the same state."
    help_ = f"name it: {here}" if place else "hand it over by itself"
    return f"Left aside: {here}, a plan of the same state as {there}, which came at the same time. To take it, {help_}."


def _folder_of(said: Said) -> str:
    """Return the stack's folder in the repository of the current folder, where it has that."""
    root = root_of(Path())
    folder = root / said.place if root and said.place is not None else None
    inside = folder is not None and root is not None and root in (folder.resolve(), *folder.resolve().parents)
    return str(folder) if folder and inside and folder.is_dir() else "."
