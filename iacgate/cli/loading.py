"""From what is named on the command line to plans: JSON, saved plan files, the stack in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from iacgate import canonical
from iacgate.errors import UsageInvalid
from iacgate.plan.reader import Plan, read_plan
from iacgate.shell.folders import holds_configuration
from iacgate.shell.inputs import STDIN, read_input

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
    from iacgate.shell.submissions import Said

MAGIC: Final = b"PK\x03\x04"
"""How a saved plan file begins: it is a zip."""


class Loaded:
    """One plan: its JSON as bytes and read, its folder, and its saved plan file where there is one.

    ``said`` is what its planner says of it, where it was handed over by one, and ``record`` the record of the change
    that came with it; ``path`` is where a saved plan file is.
    """

    said: Said | None = None
    record: bytes | None = None
    path = ""

    def __init__(
        self, plan: Plan, text: bytes, folder: str, plan_file: PlanFile | None = None, sha256: str | None = None
    ) -> None:
        self.plan = plan
        self.text = text
        self.folder = folder
        self.plan_file = plan_file
        self.sha256 = sha256


class Origin:
    """What the command line said about where plans and their JSON come from."""

    def __init__(self, plan_json: str | None, chdir: str | None, program: str) -> None:
        self.plan_json = plan_json
        self.chdir = chdir
        self.program = program


def load(name: str, origin: Origin) -> Iterator[Loaded]:
    """Yield the plan that is named: a file, ``-`` for standard input, or nothing for this folder's stack.

    An iterator, because a scratch plan lives only as long as it is used. Raises the errors of
    reading, of starting terraform, and :class:`UsageInvalid` for what cannot be asked together.
    """
    if not name:
        yield from _plan_here(origin)
        return
    label = "standard input" if name == STDIN else name
    data = read_input(name)
    if data.startswith(MAGIC):
        yield _from_plan_file(data, label, name, origin)
    elif origin.plan_json:
        raise UsageInvalid(
            f"{label} is not a saved plan file, so --plan-json has nothing to be held against.",
            hint="Name the plan file that `terraform plan -out` wrote.",
        )
    else:
        yield Loaded(read_plan(data, label), data, _folder(name, origin))


def _folder(name: str, origin: Origin) -> str:
    """Return the folder beside which the sources may stand."""
    return origin.chdir or (name.rpartition("/")[0] or ("/" if name.startswith("/") else ".") if name != STDIN else ".")


def _from_plan_file(data: bytes, label: str, name: str, origin: Origin) -> Loaded:
    from iacgate.plan.agreement import check_agreement  # noqa: PLC0415 - only plan files need it
    from iacgate.plan.encoding import to_json_bytes  # noqa: PLC0415 - only plan files need it
    from iacgate.plan.planfile import read_plan_file  # noqa: PLC0415 - only plan files need it

    plan_file = read_plan_file(data, label)
    if origin.plan_json:
        json_label, text = origin.plan_json, read_input(origin.plan_json)
    elif name == STDIN:
        raise UsageInvalid("A plan file from standard input needs --plan-json.", hint="Or name the plan file.")
    else:
        json_label, text = label, _show(name, origin, str(plan_file.product))
    text = to_json_bytes(text, json_label)
    plan = read_plan(text, json_label)
    check_agreement(plan_file, text, json_label)
    plan.name = label
    loaded = Loaded(plan, text, _folder(name, origin), plan_file, canonical.digest(data))
    loaded.path = name
    return loaded


def _show(path: str, origin: Origin, product: str) -> bytes:
    from iacgate.shell import terraform  # noqa: PLC0415 - starting programs is rare, and its imports are slow

    environment = terraform.process_environment()
    program = terraform.find_program(origin.program, environment, product=product)
    return terraform.show_json(program, path, origin.chdir or ".", environment)


def _plan_here(origin: Origin) -> Iterator[Loaded]:
    from iacgate.shell import terraform  # noqa: PLC0415 - starting programs is rare, and its imports are slow

    folder = origin.chdir or "."
    if not holds_configuration(folder):
        raise UsageInvalid(
            f"No plan was named, and {folder} holds no Terraform configuration.",
            hint="Name a plan (`iacgate preview tfplan`), or go to the stack's folder.",
        )
    environment = terraform.process_environment()
    program = terraform.find_program(origin.program, environment)
    click.echo("Planning this folder's stack (no state lock is taken) ...", err=True)
    with terraform.scratch_plan(program, folder, environment) as path:
        loaded = _from_plan_file(read_input(path), "plan of this folder", path, origin)
        loaded.folder = folder
        yield loaded
