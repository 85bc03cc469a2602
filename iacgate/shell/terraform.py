"""Starting ``terraform`` or ``tofu``: no shell, bounded, standard output only.

``show -json`` runs the provider programs of the folder it stands in, so it is only for
folders whose content is trusted: never for the plan of a fork.
"""

from __future__ import annotations

import contextlib
import os
import os.path
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import Final

from iacgate.errors import TerraformFailed

PROGRAMS: Final = ("terraform", "tofu")
SHOW_TIMEOUT: Final = 900
"""Seconds; printing a plan takes seconds, and a hung provider must not hang the pipeline."""

_NEVER_PASSED: Final = ("TF_CLI_ARGS", "TF_REATTACH_PROVIDERS", "TF_LOG", "TF_APPEND_USER_AGENT")


def find_program(wanted: str, environment: Mapping[str, str], *, product: str = "") -> str:
    """Return the absolute path of the program: the wanted one, else the first of terraform and tofu on PATH.

    A relative one is seen from the folder that we are in; terraform is started in others, of which a commit
    decides what is in them.

    ``product`` is which of the two wrote the plan, where that is known; it then comes first.

    Raises :class:`TerraformFailed` where there is none.
    """
    programs = PROGRAMS[::-1] if product == "opentofu" else PROGRAMS
    for name in (wanted,) if wanted else programs:
        found = shutil.which(name, path=environment.get("PATH"))
        if found:
            return os.path.abspath(found)
    raise TerraformFailed(
        f"{wanted or 'terraform (or tofu)'} is not on PATH.",
        hint="Install it, or make the JSON elsewhere and pass it: `iacgate preview PLANFILE --plan-json plan.json`.",
    )


def show_json(program: str, plan_file: str, folder: str, environment: Mapping[str, str]) -> bytes:
    """Return the JSON of a saved plan file, as ``show -json`` prints it.

    ``folder`` is the initialised folder of the stack. Raises :class:`TerraformFailed`.
    """
    command = [program, f"-chdir={folder}", "show", "-json", "-no-color", os.path.abspath(plan_file)]
    return _run(command, environment, f"{plan_file}: `show -json` failed").stdout


@contextlib.contextmanager
def scratch_plan(program: str, folder: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Plan the folder's stack into a private file, which is removed again; takes no state lock.

    Raises :class:`TerraformFailed` where planning fails.
    """
    with tempfile.TemporaryDirectory(prefix="iacgate-") as scratch:
        path = os.path.join(scratch, "tfplan")
        command = [program, f"-chdir={folder}", "plan", "-input=false", "-lock=false", "-no-color", f"-out={path}"]
        _run(command, environment, f"{folder}: `plan` failed", timeout=None)
        yield path


def _run(
    command: list[str], environment: Mapping[str, str], what: str, timeout: int | None = SHOW_TIMEOUT
) -> subprocess.CompletedProcess[bytes]:
    try:
        own = clean_environment(environment)
        done = subprocess.run(command, capture_output=True, check=False, env=own, timeout=timeout)  # noqa: S603 - a list of arguments, no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TerraformFailed(f"{what} ({type(error).__name__}).", hint="Run the same command by hand.") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise TerraformFailed(f"{what}: {_first_error(said)}", hint=_advice(said))
    return done


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what leads terraform elsewhere, and in which it asks nobody."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_NEVER_PASSED)}
    return {**kept, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


def _first_error(said: str) -> str:
    lines = [line.strip(" │╷╵|") for line in said.splitlines()]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return errors[0] if errors else next((line for line in lines if line), "it said nothing")


def _advice(said: str) -> str:
    if "terraform init" in said or "tofu init" in said:
        return "Run `terraform init` in the stack's folder, and name that folder with --chdir."
    return "Run the same command by hand to see all that it says."


def process_environment() -> dict[str, str]:
    """Return a copy of the environment; the only place that reads it."""
    return dict(os.environ)
