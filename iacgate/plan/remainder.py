"""Whether a plan is what is left of another one, of which an apply did a part and failed.

Nothing may be in it that was not in the other one: the same sources, variables, providers and options, and each
change that is left the same as it was, but for values that were known only after apply and are known by now. An object
that failed half-way is replaced, which nobody approved.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, Raw, UnsetType

from iacgate.plan import strict
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.model import ChangeBody, ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.saved import PlanFile

_MAY_DIFFER: Final = frozenset({"resource_changes", "output_changes", "lineage", "state"})
"""Components of the fingerprint that are compared more closely, or by whoever asks."""


def is_remainder(rest: tuple[Plan, PlanFile], whole: tuple[Plan, PlanFile]) -> bool:
    """Return whether a plan is what is left of another one.

    Raises :class:`iacgate.errors.PlanUnreadable` where one of them cannot be read.
    """
    ours, theirs = fingerprint(*rest).components, fingerprint(*whole).components
    names = (ours.keys() | theirs.keys()) - _MAY_DIFFER
    if any(ours.get(name) != theirs.get(name) for name in names):
        return False
    changes = {(change.address, change.deposed): change for change in whole[0].resource_changes() if change.matters}
    left = [change for change in rest[0].resource_changes() if change.matters]
    outputs = {output.name: output for output in whole[0].outputs()}
    return all(_same_change(change, changes.get((change.address, change.deposed))) for change in left) and all(
        output.name in outputs and _same_body(output.body, outputs[output.name].body, output.name)
        for output in rest[0].outputs()
        if output.action.mutates
    )


def _same_change(rest: ResourceChange, whole: ResourceChange | None) -> bool:
    if whole is None or (rest.actions, rest.previous_address) != (whole.actions, whole.previous_address):
        return False
    same = (rest.mode, rest.type, rest.provider, rest.deferred) == (
        whole.mode,
        whole.type,
        whole.provider,
        whole.deferred,
    )
    return same and _same_body(rest.body, whole.body, rest.address)


def _same_body(rest: ChangeBody, whole: ChangeBody, where: str) -> bool:
    exact = ("actions", "before", "importing", "replace_paths", "before_identity", "after_identity")
    if any(_text(getattr(rest, name)) != _text(getattr(whole, name)) for name in exact):
        return False
    return _covered(
        _value(whole.after, where),
        _value(whole.after_unknown, where),
        _value(rest.after, where),
        _value(rest.after_unknown, where),
    )


def _covered(whole: Any, unknown: Any, rest: Any, still: Any) -> bool:
    """Return whether a value is the one that was approved; what was not known then may be anything."""
    if unknown is True:
        return True
    if still is True:
        return False
    if isinstance(whole, dict) and isinstance(rest, dict):
        return _covered_object(_as_dict(whole), _as_dict(unknown), _as_dict(rest), _as_dict(still))
    if isinstance(whole, list) and isinstance(rest, list):
        more, left = _as_list(unknown), _as_list(still)
        return len(whole) == len(rest) and all(
            _covered(item, _at(more, index), rest[index], _at(left, index)) for index, item in enumerate(whole)
        )
    return type(whole) is type(rest) and bool(whole == rest)


def _covered_object(
    whole: dict[str, Any], unknown: dict[str, Any], rest: dict[str, Any], still: dict[str, Any]
) -> bool:
    known = {name for name in whole.keys() | rest.keys() if unknown.get(name) is not True}
    if any((name in whole) != (name in rest) for name in known):  # what is absent is not null
        return False
    names = known | unknown.keys() | still.keys()
    return all(_covered(whole.get(name), unknown.get(name), rest.get(name), still.get(name)) for name in names)


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _text(value: Any) -> Any:
    return bytes(value) if isinstance(value, Raw) else value


def _value(raw: Raw | UnsetType, where: str) -> Any:
    return None if raw is UNSET else strict.decode_value(raw, where)
