"""``iacgate rollback rehearse``: plan the way back with the real terraform, before anything is applied."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from iacgate import canonical
from iacgate.apply.checkout import checkout
from iacgate.cli.loading import Loaded, Origin, load
from iacgate.cli.previous import Previous
from iacgate.cli.telling import telling
from iacgate.errors import ApplyRefused, PlanUnreadable, UsageInvalid
from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.redaction import Redactor
from iacgate.render import rehearsal as shown
from iacgate.risk.survey import survey
from iacgate.rollback.overlayread import MAX_FILES, Overlay, read_overlay
from iacgate.rollback.planned import SavedPlan
from iacgate.rollback.rehearsal import Plans, Rehearsal, compare, why_failed
from iacgate.shell import terraform
from iacgate.shell.files import read_regular
from iacgate.shell.inputs import STDIN, read_input
from iacgate.shell.rehearse import INIT, Rehearsed, Wanted, rehearse

NOT_READY: Final = 12
"""The exit code where the way back differs, or fails."""

_MAX_OVERLAY: Final = 1 << 20


@click.command("rehearse")
@click.argument("plan", metavar="PLAN")
@click.option("--previous", required=True, metavar="REF", help="The commit to go back to: what is applied now.")
@click.option(
    "--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder.  [default: beside PLAN]"
)
@click.option(
    "--overlay", type=click.Path(), metavar="DIR", help="The blocks of `iacgate rollback plan`, rehearsed along."
)
@click.option("--allow-reads", is_flag=True, help="Rehearse imports, too: the provider reads those objects.")
@click.option(
    "--var-file",
    "var_files",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Values of variables, as REF has the file; as it is where REF has none.",
)
@click.option(
    "--plan-json", type=click.Path(), metavar="FILE", help="The JSON of the plan file, which is held against it."
)
@click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start.  [default: from PATH]")
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people, or for programs."
)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    plan: str,
    previous: str,
    chdir: str | None,
    overlay: str | None,
    allow_reads: bool,
    var_files: tuple[str, ...],
    plan_json: str | None,
    program: str,
    output: str,
) -> int:
    """Plan the way back from a plan, before it is applied, and hold it against the plan's reverse.

    PLAN is a saved plan file. Its state, with all that it plans laid over it, is planned against the
    configuration of the commit REF, with the real terraform in a private folder that is removed again. Values
    that only apply will tell have placeholders: what has some is approximate, and named.

    Nothing is written to a backend or a cloud, and nothing is refreshed. Providers are installed as your
    CLI configuration says and started, and the data sources and import blocks of the previous configuration are
    read, as `terraform plan` does: for the plan of a fork, do not.

    Variables have the values of the files that REF's folder loads by itself, else those of the plan, and over
    both those of --var-file.

    Exit code 12 where the way back differs or fails: it is not ready.

    \b
    Examples:
      iacgate rollback rehearse tfplan --previous origin/main
      iacgate rollback rehearse tfplan --previous HEAD~1 --overlay rollback/
      iacgate rollback rehearse tfplan --previous main --var-file prod.tfvars --format json
    """
    if plan == STDIN:
        raise UsageInvalid("A rehearsal reads its plan file more than once.", hint="Name the plan file.")
    folder = chdir or str(Path(plan).parent)
    (loaded,) = load(plan, Origin(plan_json, folder, program))
    saved = _saved(plan, loaded)
    before = Previous(Path(folder), previous, var_files)
    blocks = _overlay(Path(overlay), allow_reads=allow_reads) if overlay else Overlay()
    environment = terraform.process_environment()
    wanted = Wanted(
        saved=saved,
        previous=lambda target: _checkout(before, target),
        overlay=blocks,
        values=before.values(saved.variables(), environment),
        variable_files=before.files,
        program=terraform.find_program(program, environment, product=str(saved.file.product)),
        environment=environment,
        telling=telling,
    )
    rehearsal = _judged(loaded.plan, rehearse(wanted), wanted, loaded.sha256 or "", before)
    if output == "json":
        sys.stdout.buffer.write(shown.as_json(rehearsal))
    else:
        sys.stdout.write(shown.as_text(rehearsal))
    return 0 if rehearsal.outcome == "matches" else NOT_READY


def _saved(name: str, loaded: Loaded) -> SavedPlan:
    """Return the plan file that was loaded.

    Raises :class:`UsageInvalid` where it is none, and :class:`PlanUnreadable` where it cannot be applied, or is
    another one by now.
    """
    if loaded.plan_file is None:
        raise UsageInvalid(
            f"{name} is the JSON of a plan, in which there is no state.", hint="Name what `terraform plan -out` wrote."
        )
    if loaded.plan_file.errored:
        raise PlanUnreadable(f"{name}: planning failed, so that it cannot be applied.", hint="Make the plan again.")
    data = read_input(name)
    if canonical.digest(data) != loaded.sha256:
        raise PlanUnreadable(f"{name} changed while it was read.", hint="Rehearse it when nobody writes it.")
    return SavedPlan(data, name)


def _overlay(folder: Path, *, allow_reads: bool) -> Overlay:
    paths = sorted(folder.glob("*.tf"))[: MAX_FILES + 1]
    files = {path.name: read_regular(path, _MAX_OVERLAY, UsageInvalid) or b"" for path in paths}
    return read_overlay(files, allow_reads=allow_reads)


def _checkout(before: Previous, target: Path) -> Path:
    repository = before.repository
    try:
        return checkout(repository, target, needs=(repository.folder,))
    except ApplyRefused as error:
        raise UsageInvalid(
            error.message.replace("The commit", f"The commit {repository.commit[:12]}", 1),
            hint="Name the commit that is applied now; a stack that is new in this plan has none to go back to.",
        ) from error


def _judged(forward: Plan, done: Rehearsed, wanted: Wanted, sha256: str, before: Previous) -> Rehearsal:
    secrets = {*survey(forward).secrets, *before.secrets(wanted.values, wanted.environment)}
    back = read_plan(done.plan, "the rehearsed plan") if done.plan else None
    redactor = Redactor(secrets | survey(back).secrets if back else secrets)
    rehearsal = Rehearsal(
        outcome="failed",
        plan_sha256=sha256,
        previous=before.repository.commit,
        overlay_sha256=wanted.overlay.sha256,
        terraform_version=back.terraform_version if back else wanted.saved.file.terraform_version,
        approximate=tuple(sorted(redactor.clean(address) for address in done.unknown)),
    )
    if back is None:
        said = done.said + _not_locked(before, wanted.saved) if done.failed == INIT else done.said
        return msgspec.structs.replace(rehearsal, why=why_failed(done.failed, said, redactor))
    found = compare(Plans(forward, back, done.unknown), wanted.overlay, redactor)
    return msgspec.structs.replace(
        rehearsal,
        outcome="differs" if found.differences else "matches",
        not_rehearsed=found.not_rehearsed,
        steps=found.steps,
        differences=found.differences,
        more_differences=found.more_differences,
    )


def _not_locked(before: Previous, saved: SavedPlan) -> str:
    """Return what to do about providers of which the previous lock file knows nothing."""
    names = ", ".join(ascii(name) for name in before.not_locked(saved.providers()))
    text = f"The plan's objects need {names}, which the previous lock file does not have: going back needs it there."
    return f"\n{text}" if names else ""
