"""Which stack a plan belongs to, and the environment of that stack.

``stacks.yaml`` maps the backend and workspace that are embedded in a saved plan file to a
stack. The caller may name a stack, but cannot choose one: what is embedded decides, and a
backend that nobody mapped counts as production.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid, UsageInvalid

HINT = "See docs/settings.md for the form of stacks.yaml."

FilePath = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Account = Annotated[str, msgspec.Meta(max_length=200)]


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One root module with its backend and workspace, in one environment.

    ``backend`` holds ``type`` and those settings of the backend's configuration that
    identify the state, for example ``bucket`` and ``key``. ``account`` is where its objects
    are: an AWS account, a Google project, an Azure subscription. ``promotes_from`` is the stack
    to which the same change goes first. ``variables`` are the files that its plans are made with
    (``-var-file``), from the root of the repository and in that order.
    """

    name: str
    environment: str
    backend: dict[str, str | int | bool]
    workspace: str = "default"
    account: Account = ""
    promotes_from: str = ""
    variables: Annotated[tuple[FilePath, ...], msgspec.Meta(max_length=50)] = ()


class Stacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``stacks.yaml`` holds."""

    stacks: list[Stack]


class Placed(msgspec.Struct, frozen=True):
    """Where a plan belongs; what nobody says is empty, and ``how`` says who said it."""

    stack: str
    environment: str
    how: str
    account: str = ""
    variables: tuple[str, ...] = ()
    promotes_from: str = ""


def read_stacks(data: bytes, file: str) -> Stacks:
    """Return the stacks.

    Raises :class:`SettingsInvalid`, naming file and line, where the file is not valid, one plan could belong to
    two stacks, or a promotion begins nowhere.
    """
    stacks = strictyaml.convert(data, Stacks, file, SettingsInvalid, HINT)
    for index, stack in enumerate(stacks.stacks):
        wrong = _wrong(stack, stacks.stacks[:index]) or _wrong_promotion(stack, stacks.stacks)
        if wrong:
            text, hint = wrong
            raise SettingsInvalid(f"{strictyaml.place(data, file, 'stacks', index)}: {text}.", hint=hint)
    return stacks


def _wrong(stack: Stack, before: Sequence[Stack]) -> tuple[str, str] | None:
    """Return what is wrong with a stack, beside those that stand before it, and what to do."""
    if not stack.name or not stack.environment or not stack.backend.get("type") or len(stack.backend) < 2:
        return (
            f"the stack {stack.name!r} lacks a name, an environment, or a backend with a type and what identifies "
            "its state",
            HINT,
        )
    odd = next((path for path in stack.variables if not _is_path(path)), "")
    if odd:
        return f"{odd!r} is no path of a file", "Name it from the root of the repository, such as env/prod.tfvars."
    if _is_mistyped(stack):
        return (
            f"the account {stack.account!r} has {len(stack.account)} digits, and one of AWS has 12",
            "Mend it; name a Google project by its ID, not by its number.",
        )
    for other in before:
        if other.name == stack.name:
            return f"two stacks are called {stack.name!r}", HINT
        if other.workspace == stack.workspace and _overlap(other.backend, stack.backend):
            return (
                f"one state could belong to {other.name!r} and to {stack.name!r}",
                "Name a setting of the backend in which they differ, such as the key.",
            )
    return None


def _is_mistyped(stack: Stack) -> bool:
    """Return whether an account is that of AWS with a digit too many or too few.

    At apply, only what has 12 digits is held against the credentials: with a typing error, nobody would look. But
    digits alone are not AWS: numbers of Google projects have up to 13 of them (gcloud's own has 11), and other clouds
    have other lengths. So this looks only at stacks whose state is in S3, and only one digit beside 12. A Google
    project with its state there can still be named: by its ID, which begins with a letter.
    """
    digits = stack.account.isascii() and stack.account.isdigit()
    return digits and len(stack.account) in (11, 13) and stack.backend["type"] == "s3"


def _is_path(path: str) -> bool:
    return path.isprintable() and not {"", ".", ".."} & set(path.split("/"))


def _wrong_promotion(stack: Stack, stacks: Sequence[Stack]) -> tuple[str, str] | None:
    """Return what is wrong with the way to a stack, and what to do."""
    first = {item.name: item.promotes_from for item in stacks}
    way = [stack.name]
    while first[way[-1]]:
        way.append(first[way[-1]])
        if way[-1] not in first:
            return f"{way[-2]!r} promotes from {way[-1]!r}, and no stack is called so", "Add it, or mend the name."
        if way[-1] in way[:-1]:
            return f"{' promotes from '.join(map(repr, way))}, which has no beginning", "Break the circle."
    return None


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


def placed_by_hand(stacks: Stacks | None, named: str) -> Placed:
    """Return where a change by hand belongs, by the stack that its record names: one that nobody knows is nowhere."""
    said = next((stack for stack in stacks.stacks if stack.name == named), None) if stacks else None
    if said is None:
        return Placed("", "", "the stack that its record names is not in stacks.yaml")
    return Placed(said.name, said.environment, "named by its record", said.account)


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
        how = "named on the command line; the plan's JSON does not tell"
        return Placed(said.name, said.environment, how, said.account, said.variables, said.promotes_from)
    found = by_backend(stacks, *backend)
    if said is not None and found is not said:
        belongs = f"belongs to {found.name!r}" if found else "is not in stacks.yaml"
        raise UsageInvalid(
            f"The plan's backend and workspace {belongs}, not to {named!r}.",
            hint="Leave --stack away, or mend stacks.yaml.",
        )
    if found is None:
        return Placed("", "", "its backend and workspace are not in stacks.yaml")
    how = "by its backend and workspace"
    return Placed(found.name, found.environment, how, found.account, found.variables, found.promotes_from)
