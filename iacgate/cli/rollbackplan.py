"""``iacgate rollback plan``: write what would be done to undo a plan."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Loaded, Origin, load
from iacgate.cli.rollbackcheck import NOT_READY
from iacgate.cli.undoing import named_previous, undoing_of
from iacgate.errors import UsageInvalid
from iacgate.render.reversal import as_json, as_written
from iacgate.render.runbook import runbook
from iacgate.rollback.checks import Ground
from iacgate.rollback.overlay import FILE, overlay_text
from iacgate.rollback.reverse import ReversePlan, reverse_of
from iacgate.shell.inputs import STDIN
from iacgate.vocabulary import Readiness


@click.command()
@click.argument("plan", metavar="PLAN")
@click.option(
    "-o", "--output", "folder", required=True, type=click.Path(), metavar="DIR", help="A new or empty folder."
)
@click.option("--previous", metavar="REF", help="The commit that was applied last: to it, undoing goes back.")
@click.option("--source", type=click.Path(), metavar="DIR", help="The stack's folder.  [default: beside PLAN]")
@click.option("--plan-json", type=click.Path(), metavar="FILE", help="The plan file's JSON, held against it.")
@click.option("--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder, for `show -json`.")
@click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start.  [default: from PATH]")
@click.option("--config", type=click.Path(), metavar="DIR", help="The .iacgate folder.  [default: the nearest above]")
@click.option("--no-config", is_flag=True, help="Use no .iacgate folder.")
@click.option("--fail-if-not-ready", is_flag=True, help="Exit 12 where not all of it can be undone, or nobody knows.")
def command(  # noqa: PLR0913, PLR0917 - one argument for each option
    plan: str,
    folder: str,
    previous: str | None,
    source: str | None,
    plan_json: str | None,
    chdir: str | None,
    program: str,
    config: str | None,
    no_config: bool,  # noqa: FBT001 - click passes flags so
    fail_if_not_ready: bool,  # noqa: FBT001 - click passes flags so
) -> int:
    """Write what would be done to undo a plan, before it is applied.

    Into the folder go runbook.md, for the person who does it; reverse-plan.json, the same for programs; and, where
    the previous configuration alone would destroy what it must not, overlay.tf, which belongs beside it. Nothing is
    overwritten. It exits 0 also where not everything can be undone: the files say so.

    \b
    Examples:
      iacgate rollback plan tfplan --previous HEAD~1 -o rollback/
      iacgate rollback plan plan.json -o rollback/ --fail-if-not-ready
    """
    _refuse_full(Path(folder))
    (loaded,) = load(plan, Origin(plan_json, chdir, program))
    judge = Judge(Wanted(config or "", no_config, source=source or ""))
    place = source or loaded.folder
    known = named_previous(previous, place)
    report = undoing_of(judge, loaded, known, None, None)
    ground = Ground(loaded.plan_file, known)
    within = _within(place, previous) if previous else ""
    reverse = reverse_of(loaded.plan, report, ground, sha256=loaded.sha256 or "", folder=within)
    files = _files(reverse)
    _write(Path(folder), files)
    sys.stdout.write(as_written(reverse, folder, list(files), _next(loaded, plan, previous, folder)))
    return NOT_READY if fail_if_not_ready and reverse.readiness is Readiness.NOT_READY else 0


def _within(folder: str, ref: str) -> str:
    """Return the stack's folder as seen from the root of its repository."""
    from iacgate.shell.git import Repository  # noqa: PLC0415 - starting programs is rare

    return Repository(Path(folder), ref).folder


def _files(reverse: ReversePlan) -> dict[str, bytes]:
    """Return what is written, by name; no overlay where none is needed."""
    overlay = overlay_text(reverse.blocks)
    files = {"runbook.md": runbook(reverse).encode(), "reverse-plan.json": as_json(reverse)}
    return files | ({FILE: overlay.encode()} if overlay else {})


def _refuse_full(folder: Path) -> None:
    """Raise where a folder has anything in it, or is none: before anything is read."""
    try:
        full = folder.is_symlink() or (folder.exists() and next(folder.iterdir(), None) is not None)
    except OSError as error:
        raise UsageInvalid(
            f"{folder}: cannot be used ({error.strerror}).", hint="Name a new folder: -o DIR."
        ) from error
    if full:
        raise UsageInvalid(
            f"{folder} is not empty, or a link: nothing is overwritten.", hint="Name a new or an empty folder: -o DIR."
        )


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with (folder / name).open("xb") as stream:
                stream.write(data)
    except OSError as error:
        raise UsageInvalid(f"{folder}: cannot be written ({error.strerror}).", hint="Look at the folder.") from error


def _next(loaded: Loaded, plan: str, previous: str | None, folder: str) -> str:
    """Return the one command that makes more of it known."""
    name = "PLAN" if plan == STDIN else shlex.quote(plan)
    if previous is None:
        return f"iacgate rollback plan {name} --previous REF -o DIR, for the way back leads to a commit"
    if loaded.plan_file is None:
        return f"iacgate rollback plan TFPLAN --previous {shlex.quote(previous)} -o DIR, with the saved plan file"
    overlay = f" --overlay {shlex.quote(folder)}" if (Path(folder) / FILE).exists() else ""
    return f"iacgate rollback rehearse {name} --previous {shlex.quote(previous)}{overlay}"
