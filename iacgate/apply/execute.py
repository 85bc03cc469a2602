"""The three runs of terraform: init, apply of exactly the approved file, and a plan that shows whether it is done.

Tried with Terraform 1.11.4: ``apply`` of a saved plan after ``init -backend=false`` uses the backend that is embedded
in the plan (local, http, s3), but the *workspace* of the folder. A plan that only creates, made for one workspace, is
then applied to another, empty one (hashicorp/terraform#37954). So the embedded workspace is named in the
environment. A local backend's path is seen from the working folder: in a fresh checkout terraform takes it that there
is no state, and creates everything once more. So the state of the operator's folder is named on the command line,
where terraform locks it, too.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from iacgate.apply import backend, cliconfig, process
from iacgate.apply.fetched import check_modules
from iacgate.apply.process import Ended
from iacgate.apply.surroundings import DATA
from iacgate.canonical import digest
from iacgate.conditions.values import Value
from iacgate.errors import ApplyRefused, TerraformFailed
from iacgate.plan.planproto import Product
from iacgate.plan.saved import PlanFile
from iacgate.shell.files import read_regular

LOCK: Final = ".terraform.lock.hcl"
ERRORED: Final = "errored.tfstate"
"""What terraform writes into its working folder when it could not store the state: then it is the only one."""

_MAX_LOCK: Final = 1 << 20
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_MODES: Final[dict[str, tuple[str, ...]]] = {
    "normal": (),
    "destroy": ("-destroy",),
    "refresh-only": ("-refresh-only",),
}


class Run(msgspec.Struct, frozen=True):
    """Where and with what terraform runs.

    Attributes:
        program: terraform or tofu.
        folder: the stack's folder in the fresh checkout.
        operators: the stack's folder as the operator has it, from which a local state is seen.
        private: a folder of ours alone, for the plan, settings and logs.
        environment: all that terraform sees.
        on_line: gets what it prints, line by line, with secrets in it.
    """

    program: str
    folder: Path
    operators: Path
    private: Path
    environment: dict[str, str]
    on_line: Callable[[bytes], None]

    def __repr__(self) -> str:
        return f"<Run {self.folder}>"


class Prepared(msgspec.Struct, frozen=True):
    """An apply that has only to be started: ``plan`` is the file, ``options`` name a local state."""

    run: Run
    plan: Path
    options: tuple[str, ...]


class Applied(msgspec.Struct, frozen=True):
    """How apply ended. ``errored_state`` is the file of a state that could not be stored: never remove it."""

    ended: Ended
    errored_state: Path | None = None


class Freshness(msgspec.Struct, frozen=True):
    """Whether a new plan after the apply has anything left to do; ``why`` it failed, or what it printed last."""

    outcome: Literal["empty", "not_empty", "failed"]
    why: str = ""


def initialise(run: Run, plan_file: PlanFile, *, providers: Sequence[str] | None = None) -> Ended:
    """Install the providers and modules that the lock file names, without any backend.

    A commit without a lock file gets the one that is in the plan file, which is part of what was approved.
    ``providers`` are those that are allowed, as :func:`iacgate.apply.cliconfig.check_providers` takes them.

    Raises:
        ApplyRefused: the commit's lock file is not the one that the plan was made with, a provider is not allowed,
            the commit has what terraform would take for its own, or a module that was fetched is not the one that
            the plan was made with.
        TerraformFailed: `init` failed, for example because the lock file does not have all providers.
    """
    _refuse_committed(run.folder, DATA, "what is there could be run as a provider")
    _refuse_committed(run.folder, ERRORED, "it would be taken for a state that could not be stored")
    cliconfig.check_providers(plan_file.lock_file, providers)
    _settle_lock(run.folder / LOCK, plan_file.lock_file)
    ended = _terraform(run, "init", "-input=false", "-no-color", "-backend=false", "-lockfile=readonly", timed=True)
    if ended.exit_code != 0:
        raise TerraformFailed("`terraform init` failed in the fresh checkout.", hint="Look at what it printed.")
    tofu = plan_file.product == Product.OPENTOFU or "tofu" in Path(run.program).name
    check_modules(run.folder, plan_file.sources, tofu=tofu)
    return ended


def _refuse_committed(folder: Path, name: str, why: str) -> None:
    if os.path.lexists(folder / name):
        raise ApplyRefused(
            f"The commit has {name} in the stack's folder: {why}.",
            hint=f"Take it out of git: `git rm -r --cached {name}`, and name it in .gitignore.",
        )


def prepare_apply(run: Run, plan: bytes, sha256: str, plan_file: PlanFile) -> Prepared:
    """Do all that can fail before a saved plan is applied; nothing is started, and nothing changes but our folder.

    ``plan_file`` is what was read from the bytes, ``sha256`` the digest that was approved.

    Raises :class:`ApplyRefused` where the bytes are others, a backend is none that is known, or a file cannot be
    written.
    """
    backend.check_backend(plan_file)
    try:
        state = _local_state(run, plan_file, create=True)
        path = _written(run.private / "tfplan", plan)
        there = digest(path.read_bytes())
        if there != sha256:
            path.unlink()
    except OSError as error:
        raise ApplyRefused(f"{error.filename}: {error.strerror}.", hint="Look at the folder.") from error
    if there != sha256:
        raise ApplyRefused("The plan file is not the one that was approved.", hint="Hand over the plan unchanged.")
    return Prepared(_in_workspace(run, plan_file), path, tuple(state))


def apply_prepared(prepared: Prepared) -> Applied:
    """Apply a saved plan: exactly these bytes, to the backend and workspace that are embedded in them.

    How terraform ended is the answer, failure or not: something may have been applied in any case.

    Raises :class:`TerraformFailed` where it could not be started at all, so that nothing was applied.
    """
    run, path = prepared.run, prepared.plan
    try:
        ended = _terraform(run, "apply", "-input=false", "-no-color", *prepared.options, str(path))
    finally:
        with contextlib.suppress(OSError):  # it is in a folder that is removed, too
            path.unlink()
    return Applied(ended, _errored_state(run.folder))


def apply_plan(run: Run, plan: bytes, sha256: str, plan_file: PlanFile) -> Applied:
    """Do :func:`prepare_apply` and :func:`apply_prepared`, with nothing between them; raises what they do."""
    return apply_prepared(prepare_apply(run, plan, sha256, plan_file))


def _errored_state(folder: Path) -> Path | None:
    """Return the file of a state that could not be stored; terraform writes no link, and no other folder."""
    try:
        mode = (folder / ERRORED).lstat().st_mode
    except OSError:
        return None
    return folder / ERRORED if stat.S_ISREG(mode) else None


def fresh_plan(run: Run, plan_file: PlanFile) -> Freshness:
    """Plan again after an apply, with the same variables, mode and targets, and say whether it is empty.

    It takes no lock and stores nothing. Variables that a plan does not store come from the environment. Nothing
    that goes wrong here is raised: what was applied is applied.
    """
    try:
        return _fresh_plan(_in_workspace(run, plan_file), plan_file)
    except (ApplyRefused, TerraformFailed) as error:
        return Freshness("failed", error.message)
    except OSError as error:
        return Freshness("failed", f"a file could not be written ({error.strerror})")


def _fresh_plan(run: Run, plan_file: PlanFile) -> Freshness:
    with tempfile.TemporaryDirectory(dir=run.private, prefix="fresh-") as name:
        given = Path(name)
        variables = _written(given / "variables.tfvars.json", _as_json(plan_file.variables))
        settings = backend.backend_file(plan_file, given)
        embedded = () if plan_file.backend_type == "local" else (f"-backend-config={settings}",)
        init = _terraform(
            run, "init", "-input=false", "-no-color", "-reconfigure", "-lockfile=readonly", *embedded, timed=True
        )
        if init.exit_code != 0:
            return Freshness("failed", "`init` with the plan's backend failed")
        options = ("-input=false", "-no-color", "-lock=false", "-detailed-exitcode", f"-var-file={variables}")
        state = _local_state(run, plan_file)
        return _as_freshness(_terraform(run, "plan", *options, *state, *_same(plan_file), timed=True))


def _as_freshness(ended: Ended) -> Freshness:
    if ended.exit_code == 0:
        return Freshness("empty")
    if ended.exit_code == 2:
        return Freshness("not_empty", "a new plan would change something")
    return Freshness("failed", f"`plan` ended with {ended.signal or ended.exit_code}")


def _same(plan_file: PlanFile) -> list[str]:
    """Return the options with which the plan was made, as far as they decide what it covers."""
    mode = _MODES.get(plan_file.mode)
    if mode is None:
        raise ApplyRefused(f"The plan has the mode {ascii(plan_file.mode)}, which is not known.", hint="Plan again.")
    targets = [f"-target={address}" for address in plan_file.targets]
    return [*mode, *targets, *(f"-exclude={address}" for address in plan_file.excludes)]


def _terraform(run: Run, command: str, *options: str, timed: bool = False) -> Ended:
    number = len(list(run.private.glob("*.log"))) + 1
    return process.run(
        [run.program, command, *options],
        run.folder,
        run.environment,
        run.on_line,
        log=run.private / f"{number}-{command}.log",
        timeout=process.SHORT if timed else None,
    )


def _in_workspace(run: Run, plan_file: PlanFile) -> Run:
    return msgspec.structs.replace(run, environment={**run.environment, "TF_WORKSPACE": plan_file.workspace})


def _local_state(run: Run, plan_file: PlanFile, *, create: bool = False) -> list[str]:
    """Return the options that name the operator's state where the backend is local; none otherwise."""
    if plan_file.backend_type != "local":
        return []
    state = backend.local_state(plan_file, run.operators)
    if create:
        state.parent.mkdir(parents=True, exist_ok=True)
    return [f"-state={state}", *([f"-state-out={state}", f"-backup={state}.backup"] if create else [])]


def _settle_lock(path: Path, planned: bytes | None) -> None:
    """Raise where the commit has another lock file than the plan; write the plan's where it has none."""
    committed = read_regular(path, _MAX_LOCK, ApplyRefused)
    if committed is None and planned:
        path.write_bytes(planned)
    elif committed is not None and _statements(committed) != _statements(planned or b""):
        raise ApplyRefused(
            "The commit's lock file is not the one that the plan was made with.",
            hint="Run `terraform init`, commit .terraform.lock.hcl, and plan again.",
        )


def _statements(lock_file: bytes) -> list[bytes]:
    """Return the lines of a lock file without comments, which a plan does not keep, and blank ones."""
    lines = (line.strip() for line in lock_file.splitlines())
    return [b" ".join(line.split()) for line in lines if line and not line.startswith((b"#", b"//"))]


def _written(path: Path, data: bytes) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
    return path


def _as_json(variables: Mapping[str, Value]) -> bytes:
    try:
        return _encode(dict(variables))
    except (TypeError, ValueError, RecursionError) as error:
        raise ApplyRefused("A variable of the plan cannot be given again.", hint="Plan by hand.") from error
