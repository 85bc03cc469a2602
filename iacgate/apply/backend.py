"""The state that a plan will be applied to, read from the backend that is embedded in the plan.

A saved plan names its backend and workspace, and the folder that it stands in may have others. Nothing of the
stack's folder is read here, but for a local state, which is a path seen from that folder.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from iacgate.apply import process
from iacgate.apply.stateversion import Version, version_of
from iacgate.canonical import digest
from iacgate.errors import ApplyRefused, TerraformFailed
from iacgate.plan.saved import PlanFile
from iacgate.policy import backends
from iacgate.shell.files import read_regular

DEFAULT: Final = "default"
"""The workspace that is always there."""

_WORKSPACE: Final = re.compile(r"[\w.@~+-]{1,200}", re.ASCII)
"""A path of one part, as it stands in file names and keys; Terraform takes what an URL need not escape."""

_TYPE: Final = re.compile(r"[a-z0-9]{1,40}")


class LiveState(msgspec.Struct, frozen=True):
    """The state as it is now; without one, ``exists`` is false and the rest empty.

    ``digest`` is the SHA-256 of ``size`` bytes: of the file itself for a local state, else of what
    ``terraform state pull`` prints, which is what this version of terraform would store. ``version_id`` is that of
    the object in a versioned bucket of S3; where there is none, ``no_version`` says why.
    """

    exists: bool
    serial: int = 0
    lineage: str = ""
    digest: str = ""
    size: int = 0
    version_id: str = ""
    no_version: str = ""


class PulledState(msgspec.Struct, frozen=True):
    """The state as it is now, and its bytes, which hold secrets: nothing shows them, and no file gets them."""

    state: LiveState
    data: bytes

    def __repr__(self) -> str:
        return f"<PulledState {self.state.serial}>"


class _State(msgspec.Struct):
    version: int
    serial: int
    lineage: str


def live_state(
    plan_file: PlanFile, program: str, environment: Mapping[str, str], private: Path, folder: Path
) -> LiveState:
    """Return the state that a plan will be applied to, as it is now; see :func:`pull`."""
    return pull(plan_file, program, environment, private, folder).state


def pull(plan_file: PlanFile, program: str, environment: Mapping[str, str], private: Path, folder: Path) -> PulledState:
    """Return the state that a plan will be applied to, with its bytes.

    Args:
        plan_file: the plan, which says where its state is.
        program: terraform or tofu.
        environment: all that it sees (:func:`iacgate.apply.surroundings.child_environment`).
        private: a folder of ours alone, in which scratch folders are made and removed.
        folder: the stack's folder as the operator has it; a local state is a path seen from there.

    Raises:
        ApplyRefused: the plan does not say where its state is, or in a way that is not known.
        TerraformFailed: the state could not be read; that it could not does not mean that there is none.
    """
    check_backend(plan_file)
    if plan_file.backend_type == "local":
        return _pulled(read_local(local_state(plan_file, folder)), Version(why="a local state has no versions"))
    before = version_of(plan_file.backend_type, plan_file.backend_config, plan_file.workspace, environment)
    data = _pull(plan_file, program, environment, private)
    after = version_of(plan_file.backend_type, plan_file.backend_config, plan_file.workspace, environment)
    return _pulled(data, after if before == after else Version(why="the state changed while it was read"))


def check_backend(plan_file: PlanFile) -> None:
    """Raise :class:`ApplyRefused` for a backend or a workspace that a plan cannot be bound to."""
    if plan_file.backend_type not in backends.KNOWN or plan_file.state_store_provider:
        raise ApplyRefused(
            f"The state is in a backend of the type {ascii(plan_file.backend_type)}, which is not known.",
            hint=f"Known are: {', '.join(backends.KNOWN)}.",
        )
    name = plan_file.workspace
    if not _WORKSPACE.fullmatch(name) or name in (".", ".."):
        raise ApplyRefused(f"The workspace {ascii(name)} has a name that is not accepted.", hint="Rename it.")


def local_state(plan_file: PlanFile, folder: Path) -> Path:
    """Return where the state of a local backend is: seen from the stack's folder as the operator has it.

    As Terraform's local backend finds it: ``path`` is for the default workspace, ``workspace_dir`` for others.
    """
    config = plan_file.backend_config
    if plan_file.workspace == DEFAULT:
        return _below(folder, config.get("path"), "terraform.tfstate")
    return (
        _below(folder, config.get("workspace_dir"), "terraform.tfstate.d") / plan_file.workspace / "terraform.tfstate"
    )


def _below(folder: Path, name: Any, otherwise: str) -> Path:
    if name is not None and not isinstance(name, str):
        raise ApplyRefused("The plan's local backend has a path that is no text.", hint="Make the plan again.")
    return Path(os.path.normpath(folder.absolute() / (name or otherwise)))


def read_local(path: Path) -> bytes:
    """Return the bytes of a local state; none where there is no state, or an empty file.

    An empty file is what terraform makes before it locks, and leaves when it is killed before it stored anything.
    """
    return read_regular(path, process.MAX_PRINTED, TerraformFailed) or b""


def backend_file(plan_file: PlanFile, private: Path) -> Path:
    """Write the settings of the plan's backend into a new file that only we can read; return where."""
    handle, name = tempfile.mkstemp(dir=private, prefix="backend-", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(_without_nulls(plan_file.backend_config), stream)
    return Path(name)


def _without_nulls(value: Any) -> Any:
    """Return a configuration without what was not configured; an object in which nothing was is not there."""
    if isinstance(value, dict):
        kept = {name: _without_nulls(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, {}, [])}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _pull(plan_file: PlanFile, program: str, environment: Mapping[str, str], private: Path) -> bytes:
    """Return what terraform prints of the state, asked in a folder that has the embedded backend and nothing else."""
    kind = plan_file.backend_type
    if not _TYPE.fullmatch(kind):
        raise ApplyRefused("The plan's backend has no name.", hint="Make the plan again.")
    with tempfile.TemporaryDirectory(dir=private, prefix="state-") as name:
        scratch = Path(name)
        (scratch / "main.tf").write_text(f'terraform {{\n  backend "{kind}" {{}}\n}}\n', encoding="utf-8")
        settings = backend_file(plan_file, scratch)
        tf = _Asking(program, scratch, environment)
        tf.ask("init", "-input=false", "-no-color", f"-backend-config={settings}")
        if plan_file.workspace != DEFAULT:
            if plan_file.workspace not in _workspaces(tf.ask("workspace", "list", "-no-color")):
                return b""
            tf.ask("workspace", "select", "-no-color", plan_file.workspace)
        return tf.ask("state", "pull", "-no-color").removesuffix(b"\n")


def _workspaces(listed: bytes) -> set[str]:
    return {line.removeprefix("*").strip() for line in listed.decode(errors="replace").splitlines()}


class _Asking(msgspec.Struct, frozen=True):
    program: str
    folder: Path
    environment: Mapping[str, str]

    def ask(self, *arguments: str) -> bytes:
        """Return what terraform prints; raises where it has something to complain of."""
        code, output, said = process.ask([self.program, *arguments], self.folder, self.environment)
        if code != 0:
            raise TerraformFailed(
                f"The state could not be read: `{' '.join(arguments[:2])}` failed ({first_error(said)}).",
                hint="Look at the backend that is embedded in the plan, and at the credentials for it.",
            )
        return output


def first_error(said: str) -> str:
    """Return the title of the first error that terraform complained of; never its details, which quote settings."""
    lines = [line.strip(" │╷╵|") for line in said.splitlines()]
    return next((line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")), "it said nothing")


def _pulled(data: bytes, version: Version) -> PulledState:
    if not data.strip():
        return PulledState(LiveState(exists=False, no_version=version.why or "there is no state"), b"")
    try:
        found = msgspec.json.decode(data, type=_State)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise TerraformFailed("The state is not one that was understood.", hint="Run `terraform state pull`.") from None
    if found.version != 4:
        raise TerraformFailed(f"The state has the version {found.version}; only 4 is known.", hint="Look at it.")
    if not found.lineage:  # what terraform prints where there is none
        return PulledState(LiveState(exists=False, no_version=version.why or "there is no state"), b"")
    state = LiveState(
        exists=True,
        serial=found.serial,
        lineage=found.lineage,
        digest=digest(data),
        size=len(data),
        version_id=version.id,
        no_version=version.why,
    )
    return PulledState(state, data)
