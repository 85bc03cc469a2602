"""Where the state inside a saved plan is not the one that it is applied to.

Terraform compares lineage and serial, and takes everything else from the plan. What may differ is what planning
itself changes, and it must be in the plan as such: drift (and then be what the drift says), what was moved, imported or
brought to a newer schema, and outputs that change. Terraform also merges ``dependencies`` and
``create_before_destroy`` from the configuration, reads data sources anew and lets providers rewrite ``private``: none
of that is compared here.

What terraform does was tried with 1.11; see ``internal/terraform/context_plan.go`` of hashicorp/terraform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate import strictjson
from iacgate.conditions.values import Value
from iacgate.errors import PlanUnreadable
from iacgate.plan.addressing import instance_keys
from iacgate.plan.likeness import compare_values, decode
from iacgate.plan.saved import FileChange, FileOutput, PlanFile
from iacgate.plan.statefile import Entry, Instance, Key, Output, State, is_managed, read_state, show_key

_DESTROY: Final = "destroy"
"""The mode of plans that show no drift: it is in what they say that they delete."""

_WRAPPED: Final = {"value", "type"}
Claims = dict[Key, FileChange]
"""What the plan says of an instance, by its key."""


def differing(plan_file: PlanFile, live: bytes) -> tuple[str, ...]:
    """Return addresses and names of outputs in which the state in a plan differs from the live one, without reason.

    Args:
        plan_file: the plan, whose drift and changes say what may differ.
        live: the state as it is now; no bytes where there is none.

    Raises :class:`PlanUnreadable`: one of the states cannot be read.
    """
    planned, now = read_state(plan_file.prior_state, "The state in the plan"), read_state(live, "The live state")
    try:
        return tuple(sorted({*_objects(plan_file, planned, now), *_outputs(plan_file, planned, now)}))
    except (ValueError, ArithmeticError, RecursionError) as error:  # its text may hold what it is about
        raise PlanUnreadable(
            f"The state in the plan cannot be compared ({type(error).__name__}).", hint="Plan again."
        ) from None


def _objects(plan_file: PlanFile, planned: State, now: State) -> Iterator[str]:
    drift, changes = _claims(plan_file.drift), _claims((*plan_file.changes, *plan_file.deferred))
    seen: set[Key] = set()
    for key, entry in planned.instances.items():
        if not is_managed(key):
            continue
        origin = _origin(key, drift.get(key) or changes.get(key), now)
        was = now.instances.get(origin)
        anew = origin[2] != key[2] or plan_file.mode == _DESTROY
        if origin in seen or not _explained(entry, was, drift.get(key), changes.get(key), anew=anew):
            yield show_key(key)
        seen.add(origin)
    gone = set(_gone(plan_file.drift))
    for key in now.instances.keys() - seen - gone:
        if is_managed(key) and not key[5]:  # Terraform does not show drift of deposed objects
            yield show_key(key)


def _claims(changes: Iterable[FileChange]) -> Claims:
    return {key: change for change in changes for key in instance_keys(change.address, change.deposed)}


def _gone(drift: Iterable[FileChange]) -> Iterator[Key]:
    for change in drift:
        if change.actions == ("delete",):
            yield from instance_keys(change.address, change.deposed)
            yield from instance_keys(change.previous_address, change.deposed)


def _origin(key: Key, change: FileChange | None, now: State) -> Key:
    """Return the key under which an object was, where the plan says that it moved."""
    if change is not None and change.previous_address:
        for before in instance_keys(change.previous_address, change.deposed):
            if before in now.instances:
                return before
    return key


def _explained(
    entry: Entry, was: Entry | None, drift: FileChange | None, change: FileChange | None, *, anew: bool
) -> bool:
    if was is None:
        return change is not None and change.importing is not None and _is(change.before, entry)
    ours, theirs = entry.instance, was.instance
    if ours.status != theirs.status or not _same_provider(entry, was, drift, change):
        return False
    if drift is not None and drift.actions not in {("no-op",), ("delete",)} and _is(drift.after, entry):
        return True
    newer = _version(ours.schema_version) > _version(theirs.schema_version)
    if not newer and not _marks(theirs) <= _marks(ours):
        return False
    if (anew or newer) and change is not None and _is(change.before, entry):
        return True
    return (
        ours.schema_version == theirs.schema_version
        and ours.attributes_flat == theirs.attributes_flat
        and _same_raw(ours.identity, theirs.identity)
        and _same_attributes(ours.attributes, theirs.attributes)
    )


def _same_provider(entry: Entry, was: Entry, *changes: FileChange | None) -> bool:
    names = {was.provider, *(change.provider for change in changes if change is not None)}
    return entry.provider in names and entry.instance.instance_provider in {was.instance.instance_provider, *names}


def _marks(instance: Instance) -> set[bytes]:
    return {bytes(path) for path in instance.sensitive_attributes or ()}


def _version(found: int | UnsetType) -> int:
    return 0 if isinstance(found, UnsetType) else found


def _same_raw(ours: Raw | UnsetType, theirs: Raw | UnsetType) -> bool:
    """Return whether something is the same; what was not there before may have come."""
    return theirs is UNSET or (ours is not UNSET and bytes(ours) == bytes(theirs))


def _same_attributes(ours: Raw | UnsetType, theirs: Raw | UnsetType) -> bool:
    """Return whether attributes are the same, but for nulls, which come and go with a provider's version."""
    if isinstance(ours, UnsetType) or isinstance(theirs, UnsetType):
        return ours is theirs
    return bytes(ours) == bytes(theirs) or bool(_without_nulls(_strict(ours)) == _without_nulls(_strict(theirs)))


def _strict(raw: Raw) -> Any:
    strictjson.decode(raw)  # refuses a key that stands twice, of which Terraform takes the last
    return decode(raw)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _is(value: Value, entry: Entry) -> bool:
    """Return whether the attributes of an instance are a value of the plan file."""
    raw = entry.instance.attributes
    return not isinstance(raw, UnsetType) and entry.instance.attributes_flat is UNSET and _same(value, _strict(raw))


def _same(ours: Value, stored: Any) -> bool:
    """Compare a value with a stored one, which has its type beside it where the schema has none."""
    todo = [(ours, stored)]
    while todo:
        mine, theirs = todo.pop()
        if _is_wrapped(mine, theirs):
            theirs = theirs["value"]
        if isinstance(mine, dict) and isinstance(theirs, dict):
            if mine.keys() != theirs.keys():
                return False
            todo += [(inner, theirs[name]) for name, inner in mine.items()]
        elif isinstance(mine, list) and isinstance(theirs, list):
            if len(mine) != len(theirs):
                return False
            todo += zip(mine, theirs, strict=True)
        else:
            outcome = compare_values(mine, theirs)
            if not outcome.same or outcome.unknowns:
                return False
    return True


def _is_wrapped(mine: Value, theirs: Any) -> bool:
    if not isinstance(theirs, dict) or theirs.keys() != _WRAPPED:
        return False
    return not (isinstance(mine, dict) and mine.keys() == _WRAPPED and _same_type(mine["type"], theirs["type"]))


def _same_type(mine: Any, theirs: Any) -> bool:
    """Return whether an object that has ``value`` and ``type`` is itself what was stored."""
    return type(mine) is type(theirs) and bool(mine == theirs)


def _outputs(plan_file: PlanFile, planned: State, now: State) -> Iterator[str]:
    changes = {output.name: output for output in plan_file.outputs}
    for name in planned.outputs.keys() | now.outputs.keys():
        ours, theirs = planned.outputs.get(name), now.outputs.get(name)
        if not _same_output(ours, theirs) and not _changes(ours, changes.get(name)):
            yield f"output.{name}"


def _same_output(ours: Output | None, theirs: Output | None) -> bool:
    return ours is not None and theirs is not None and msgspec.json.encode(ours) == msgspec.json.encode(theirs)


def _changes(ours: Output | None, change: FileOutput | None) -> bool:
    """Return whether the plan shows that an output changes to what is in its state."""
    if change is None or change.actions == ("no-op",):
        return False
    if ours is None or isinstance(ours.value, UnsetType):
        return change.after is None  # Terraform takes an output away that is null
    same = compare_values(change.after, _strict(ours.value))
    return same.same and not same.unknowns and (ours.sensitive or not change.sensitive)
