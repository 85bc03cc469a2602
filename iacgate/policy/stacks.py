"""Which stack a plan belongs to, and the environment of that stack.

``stacks.yaml`` maps the backend and workspace that are embedded in a saved plan file to a
stack. The caller may name a stack, but cannot choose one: what is embedded decides, and a
backend that nobody mapped counts as production.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid, UsageInvalid

HINT = "See docs/settings.md for the form of stacks.yaml."


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One root module with its backend and workspace, in one environment.

    ``backend`` holds ``type`` and those settings of the backend's configuration that
    identify the state, for example ``bucket`` and ``key``.
    """

    name: str
    environment: str
    backend: dict[str, str | int | bool]
    workspace: str = "default"


class Stacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``stacks.yaml`` holds."""

    stacks: list[Stack]


class Placed(msgspec.Struct, frozen=True):
    """Where a plan belongs; ``environment`` is empty where nobody says, and ``how`` says who said it."""

    stack: str
    environment: str
    how: str


def read_stacks(data: bytes, file: str) -> Stacks:
    """Return the stacks.

    Raises :class:`SettingsInvalid` where the file is not valid, or one plan could belong to two stacks.
    """
    stacks = strictyaml.convert(data, Stacks, file, SettingsInvalid, HINT)
    names = [stack.name for stack in stacks.stacks]
    for stack in stacks.stacks:
        if not stack.name or not stack.environment or not stack.backend.get("type") or len(stack.backend) < 2:
            raise SettingsInvalid(
                f"{file}: the stack {stack.name!r} lacks a name, an environment, or a backend with a type and what "
                "identifies its state.",
                hint=HINT,
            )
        if names.count(stack.name) > 1:
            raise SettingsInvalid(f"{file}: two stacks are called {stack.name!r}.", hint=HINT)
    for index, first in enumerate(stacks.stacks):
        for second in stacks.stacks[index + 1 :]:
            if first.workspace == second.workspace and _overlap(first.backend, second.backend):
                raise SettingsInvalid(
                    f"{file}: one state could belong to {first.name!r} and to {second.name!r}.",
                    hint="Name a setting of the backend in which they differ, such as the key.",
                )
    return stacks


def _overlap(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return all(str(first[name]) == str(second[name]) for name in first.keys() & second.keys())


def by_backend(stacks: Stacks, backend_type: str, config: Mapping[str, Any], workspace: str) -> Stack | None:
    """Return the stack of a backend and workspace, or ``None`` where nobody mapped them."""
    has = {**config, "type": backend_type}
    for stack in stacks.stacks:
        if stack.workspace == workspace and all(
            name in has and str(has[name]) == str(wanted) for name, wanted in stack.backend.items()
        ):
            return stack
    return None


def place(
    stacks: Stacks, named: str, backend: tuple[str, Mapping[str, Any], str] | None, file: str = "stacks.yaml"
) -> Placed:
    """Return the stack of a plan.

    ``named`` is what the caller says, ``backend`` what the plan file has (type, configuration,
    workspace), ``None`` for a plan JSON, which does not tell. Raises :class:`UsageInvalid` where
    they disagree, or where nobody knows the name.
    """
    said = next((stack for stack in stacks.stacks if stack.name == named), None)
    if named and said is None:
        known = ", ".join(stack.name for stack in stacks.stacks) or "none"
        raise UsageInvalid(f"{file} has no stack called {named!r}.", hint=f"It has: {known}.")
    if backend is None:
        if said is None:
            return Placed("", "", "the plan's JSON does not tell its backend")
        return Placed(said.name, said.environment, "named on the command line; the plan's JSON does not tell")
    found = by_backend(stacks, *backend)
    if said is not None and found is not said:
        belongs = f"belongs to {found.name!r}" if found else "is not in stacks.yaml"
        raise UsageInvalid(
            f"The plan's backend and workspace {belongs}, not to {named!r}.",
            hint="Leave --stack away, or mend stacks.yaml.",
        )
    if found is None:
        return Placed("", "", "its backend and workspace are not in stacks.yaml")
    return Placed(found.name, found.environment, "by its backend and workspace")
