"""Planning the way back with the real terraform, in a private folder that is removed in every case.

Nothing is written to a backend or a cloud, and nothing is refreshed: the state is the one that the plan will leave, in
a local file, and the configuration is the previous one as git has it. What its data sources read is read, as with
``terraform plan``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from iacgate.errors import TerraformFailed, UsageInvalid
from iacgate.plan.model import Path as FieldPath
from iacgate.rollback.overlayread import Overlay
from iacgate.rollback.placeholders import Schemas
from iacgate.rollback.planned import SavedPlan, planned_state
from iacgate.shell.folders import CONFIGURATION
from iacgate.shell.scratch import Runner, StepFailed, private_folder, write_new
from iacgate.shell.terraform import clean_environment

INIT: Final = "terraform init"
"""The step that fails where the previous lock file does not have what is needed."""

_OVERRIDE: Final = "zzzz_iacgate_override.tf"
_DEFAULT: Final = "default"
_WORKSPACE: Final = re.compile(r"[\w.~$&+=:@-]{1,200}", re.ASCII)
"""As terraform allows (``validWorkspaceName``); it becomes the name of a folder."""


class Wanted(msgspec.Struct, frozen=True):
    """What is rehearsed.

    ``previous`` writes the previous configuration into a new folder and returns the stack's folder in it. ``values``
    are values of root variables in JSON, ``variable_files`` name and content of files that are given besides, a later
    one wins. ``program`` is terraform or tofu, ``telling`` tells of a step while it lasts.
    """

    saved: SavedPlan
    previous: Callable[[Path], Path]
    overlay: Overlay
    values: dict[str, msgspec.Raw]
    variable_files: tuple[tuple[str, bytes], ...]
    program: str
    environment: Mapping[str, str]
    telling: Callable[[str], AbstractContextManager[None]]

    def __repr__(self) -> str:
        return "<Wanted>"


class Rehearsed(msgspec.Struct, frozen=True):
    """What came of it: the JSON of the plan, or the step that failed and what terraform said.

    ``unknown`` is that of :class:`iacgate.rollback.planned.Planned`.
    """

    unknown: dict[str, tuple[FieldPath, ...]]
    plan: bytes = b""
    failed: str = ""
    said: str = ""

    def __repr__(self) -> str:
        return f"<Rehearsed {self.failed or 'whole'}>"


def rehearse(wanted: Wanted) -> Rehearsed:
    """Return how planning the way back ends.

    Raises:
        TerraformFailed: the providers of the plan cannot be had, terraform could not be started, or the scratch
            folder would not have been used alone.
        UsageInvalid: the previous configuration cannot be rehearsed as it is.
        PlanUnreadable: the plan file cannot be read.
    """
    with private_folder() as scratch:
        environment = _environment(wanted)
        try:
            with wanted.telling("Reading the providers' schemas"):
                schemas = _schemas(wanted, scratch, environment)
        except StepFailed as error:
            raise TerraformFailed(
                f"The schemas of the plan's providers cannot be had: {_first(error.said)}",
                hint="Rehearse where `terraform init` of this plan's configuration works.",
            ) from None
        planned = planned_state(wanted.saved, schemas)
        try:
            return Rehearsed(planned.unknown, _way_back(wanted, scratch, environment, planned.state))
        except StepFailed as error:
            said = error.said.replace(str(scratch), ".")
            return Rehearsed(planned.unknown, failed=error.step, said=said)


def _environment(wanted: Wanted) -> dict[str, str]:
    workspace = wanted.saved.file.workspace or _DEFAULT
    if not _WORKSPACE.fullmatch(workspace) or workspace in (".", ".."):
        raise UsageInvalid(f"{ascii(workspace)} is no name of a workspace.", hint="Make the plan again.")
    own = {"TF_DATA_DIR": ".terraform", "TF_WORKSPACE": workspace}
    return {**clean_environment(wanted.environment), **own}


def _schemas(wanted: Wanted, scratch: Path, environment: Mapping[str, str]) -> Schemas:
    """Return the schemas of the very providers that made the plan: those in its lock file."""
    providers = wanted.saved.providers()
    if not providers:
        return Schemas()
    folder = scratch / "schemas"
    folder.mkdir(mode=0o700)
    required = {f"p{index}": {"source": source} for index, source in enumerate(providers)}
    write_new(folder / "main.tf.json", json.dumps({"terraform": {"required_providers": required}}).encode())
    if wanted.saved.file.lock_file is not None:
        write_new(folder / ".terraform.lock.hcl", wanted.saved.file.lock_file)
    plain = {**environment, "TF_WORKSPACE": _DEFAULT}
    run = Runner(wanted.program, folder, scratch, plain)
    run("init", "-backend=false", "-input=false", "-no-color")
    return Schemas(run("providers", "schema", "-json"))


def _way_back(wanted: Wanted, scratch: Path, environment: Mapping[str, str], state: bytes) -> bytes:
    with wanted.telling("Writing the previous configuration"):
        folder = wanted.previous(scratch / "previous")
        _clear(folder)
        override = _use_local_state(folder, scratch, environment["TF_WORKSPACE"], state)
        for index, data in enumerate(wanted.overlay.files.values()):
            write_new(folder / f"iacgate_overlay_{index}.tf", data)
        variables = list(_variables(wanted, scratch))
        _take_providers(scratch / "schemas", folder)
    run = Runner(wanted.program, folder, scratch, environment)
    with wanted.telling("Initialising the previous configuration"):
        locked = (folder / ".terraform.lock.hcl").is_file()
        run("init", "-input=false", "-no-color", *(["-lockfile=readonly"] if locked else []))
        _refuse_other_backend(folder, scratch)
    with wanted.telling("Planning the way back"):
        plan = scratch / "tfplan"
        options = ("-input=false", "-lock=false", "-no-color", "-refresh=false", f"-out={plan}")
        run("plan", *options, *variables)
        _refuse_changed(override)
        return run("show", "-json", str(plan))


def _clear(folder: Path) -> None:
    """Take away what somebody committed in place of what terraform keeps there: it would move that state over ours."""
    for name in (".terraform", "terraform.tfstate", "terraform.tfstate.d"):
        place = folder / name
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)


def _use_local_state(folder: Path, scratch: Path, workspace: str, state: bytes) -> Path:
    """Put the state into a local file, and an override file in place of the backend that is configured.

    Override files are merged in the order of their names, so that ours must be the last (Terraform Language,
    "Override Files").
    """
    names = [item.name for item in folder.iterdir() if item.name.endswith(CONFIGURATION)]
    overrides = [name for name in names if _is_override(name)]
    if any(name.encode() >= _OVERRIDE.encode() or not name.isascii() for name in overrides):
        raise UsageInvalid(
            f"The previous configuration has an override file that comes after {_OVERRIDE}.",
            hint="What it says of a backend would count; rename it.",
        )
    place = scratch / "state"
    path = place / "terraform.tfstate" if workspace == _DEFAULT else place / "all" / workspace / "terraform.tfstate"
    path.parent.mkdir(mode=0o700, parents=True)
    write_new(path, state)
    settings = {"path": str(place / "terraform.tfstate"), "workspace_dir": str(place / "all")}
    lines = "".join(f"    {name} = {json.dumps(value)}\n" for name, value in settings.items())
    override = folder / _OVERRIDE
    write_new(override, f'terraform {{\n  backend "local" {{\n{lines}  }}\n}}\n'.encode())
    return override


def _is_override(name: str) -> bool:
    """Return whether a configuration file is an override file; what comes before its ending may have dots in it."""
    stem = next(name.removesuffix(ending) for ending in CONFIGURATION if name.endswith(ending))
    return stem == "override" or stem.endswith("_override")


def _refuse_other_backend(folder: Path, scratch: Path) -> None:
    """Raise where terraform understood the backend otherwise than we wrote it."""
    noted = folder / ".terraform" / "terraform.tfstate"
    try:
        backend = json.loads(noted.read_bytes())["backend"]
        ours = backend["type"] == "local" and backend["config"]["path"] == str(scratch / "state" / "terraform.tfstate")
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise TerraformFailed(
            "The previous configuration would not be planned with the state of the rehearsal.",
            hint="Nothing was planned. Look for what it says of a backend.",
        )


def _refuse_changed(override: Path) -> None:
    if not override.is_file():
        raise TerraformFailed("The scratch folder changed under the rehearsal.", hint="Look at its data sources.")


def _variables(wanted: Wanted, scratch: Path) -> Iterator[str]:
    """Yield the options that give the variables; a file that is given counts more than what the plan had."""
    files = [("plan.tfvars.json", msgspec.json.encode(wanted.values)), *wanted.variable_files]
    for index, (name, data) in enumerate(files):
        path = scratch / f"{index}.tfvars{'.json' if name.endswith('.json') else ''}"
        write_new(path, data)
        yield f"-var-file={path}"


def _take_providers(schemas: Path, folder: Path) -> None:
    """Let what was installed for the schemas be there already; what the lock file does not want is not used."""
    installed = schemas / ".terraform" / "providers"
    if installed.is_dir():
        (folder / ".terraform").mkdir(mode=0o700)
        installed.rename(folder / ".terraform" / "providers")


def _first(said: str) -> str:
    lines = [line.strip(" │╷╵|") for line in said.splitlines()]
    return next((line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")), "it said nothing")
