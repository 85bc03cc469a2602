"""Whether one entry of the plan JSON is one entry of the plan file.

Each function yields the name or path of every field that differs; where the entry
stands is the caller's to say. No value is ever in what they yield.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Raw, UnsetType

from iacgate.canonical import canonical_json
from iacgate.conditions.values import UNKNOWN, Value
from iacgate.plan.addressing import action_parts, provider_name, wrong_parts
from iacgate.plan.likeness import compare_mask, compare_values, decode, show_trail, unmasked
from iacgate.plan.model import ChangeBody, ResourceEntry
from iacgate.plan.saved import FileChange, FileInvocation, FileOutput, PathSteps
from iacgate.plan.shown import NULL, ShownInvocation

_NO_UNKNOWNS_IN_OBJECT: Final[dict[str, Any]] = {}
"""``after_unknown`` of a resource that is wholly known; that of an output is ``false``."""


def entry_differences(mine: FileChange, entry: ResourceEntry) -> Iterator[str]:
    """Yield what differs in an entry of ``resource_changes``, or of drift or deferred ones."""
    yield from wrong_parts(mine.address, entry)
    for field, ours, theirs in (
        ("previous_address", mine.previous_address, entry.previous_address),
        ("provider_name", provider_name(mine.provider), entry.provider_name),
        ("action_reason", mine.action_reason, entry.action_reason),
    ):
        if (theirs or "") != ours:
            yield field
    if isinstance(entry.change, UnsetType):
        yield "change"
        return
    yield from _body_differences(mine, entry.change)
    yield from _value_differences(mine, entry.change)


def _body_differences(mine: FileChange, body: ChangeBody) -> Iterator[str]:
    if tuple(body.actions) != mine.actions:
        yield "actions"
    if (body.generated_config or "") != mine.generated_config:
        yield "generated_config"
    if not _same_importing(mine, body):
        yield "importing"
    if _as_set(mine.replace_paths) != _as_set(_decoded(body.replace_paths) or ()):
        yield "replace_paths"
    for field, ours, theirs in (
        ("before_identity", mine.before_identity, body.before_identity),
        ("after_identity", mine.after_identity, body.after_identity),
    ):
        # The file has identities from Terraform 1.12, the JSON shows them from 1.13, if at all.
        if not isinstance(theirs, UnsetType) and not compare_values(ours, decode(theirs)).same:
            yield field


def _value_differences(mine: FileChange, body: ChangeBody) -> Iterator[str]:
    yield from _before_differences(mine.before, body.before)
    if mine.after is mine.before and body.after == body.before:  # a no-op: compared once
        if not _is_wholly_known(body.after_unknown, _NO_UNKNOWNS_IN_OBJECT):
            yield "after_unknown"
    else:
        yield from _after_differences(mine.after, body, _NO_UNKNOWNS_IN_OBJECT)
    yield from _mark_differences("before_sensitive", mine.before, body.before_sensitive, mine.before_sensitive)
    yield from _mark_differences("after_sensitive", mine.after, body.after_sensitive, mine.after_sensitive)


def output_differences(mine: FileOutput, body: ChangeBody) -> Iterator[str]:
    """Yield what differs in an entry of ``output_changes``."""
    if tuple(body.actions) != mine.actions:
        yield "actions"
    yield from _before_differences(mine.before, body.before)
    yield from _after_differences(mine.after, body, wholly_known=False)
    # The file has one mark for both sides, and the JSON shows it twice.
    for field, mask in (("before_sensitive", body.before_sensitive), ("after_sensitive", body.after_sensitive)):
        if _decoded(mask) is not mine.sensitive:
            yield field


def invocation_differences(mine: FileInvocation, shown: ShownInvocation) -> Iterator[str]:
    """Yield what differs in an entry of ``action_invocations`` with the same trigger."""
    if (shown.type, shown.name) != action_parts(mine.address):
        yield "type or name"
    if shown.provider_name != provider_name(mine.provider):
        yield "provider_name"
    trigger = shown.lifecycle_action_trigger
    on_failure = getattr(trigger, "on_failure", None)  # "ActionOnFailureHalt"; not shown by 1.14
    if isinstance(on_failure, str) and not on_failure.lower().endswith(str(mine.trigger[4])):
        yield "on_failure"
    values = decode(shown.config_values)
    if values is None and isinstance(mine.config, dict):
        values = {}  # no configuration, or nothing known in it
    outcome = compare_values(mine.config, values)
    if not outcome.same and mine.config is not UNKNOWN:
        yield show_trail("config_values", outcome.trail)
    if not isinstance(shown.config_unknown, UnsetType) and mine.config is not None:  # not shown by 1.14
        masked = compare_mask(mine.config, decode(shown.config_unknown))
        if not masked.same:
            yield show_trail("config_unknown", masked.trail)
    yield from _mark_differences("config_sensitive", mine.config, shown.config_sensitive, mine.sensitive)


def _before_differences(mine: Value, shown: Raw | UnsetType) -> Iterator[str]:
    outcome = compare_values(mine, _decoded(shown))
    if not outcome.same or outcome.unknowns:  # what was is known
        yield show_trail("before", outcome.trail)


def _after_differences(mine: Value, body: ChangeBody, wholly_known: Any) -> Iterator[str]:
    outcome = compare_values(mine, _decoded(body.after))
    if not outcome.same:
        yield show_trail("after", outcome.trail)
    elif not outcome.unknowns:
        if not _is_wholly_known(body.after_unknown, wholly_known):
            yield "after_unknown"
    else:
        masked = compare_mask(mine, _decoded(body.after_unknown))
        if not masked.same:
            yield show_trail("after_unknown", masked.trail)


def _mark_differences(field: str, value: Value, mask: Raw | UnsetType, paths: tuple[PathSteps, ...]) -> Iterator[str]:
    if not paths:
        return
    trail = unmasked(value, _decoded(mask), paths)
    if not isinstance(trail, UnsetType):
        yield show_trail(field, trail)


def _same_importing(mine: FileChange, body: ChangeBody) -> bool:
    shown, ours = _decoded(body.importing), mine.importing
    if ours is None or not isinstance(shown, dict):
        return ours is None and shown is None
    if ours.unknown:
        return bool(shown == {"unknown": True})
    if ours.id or ours.identity is None:
        return bool(shown == ({"id": ours.id} if ours.id else {}))
    return shown.keys() == {"identity"} and compare_values(ours.identity, shown["identity"]).same


def _is_wholly_known(mask: Raw | UnsetType, wholly_known: Any) -> bool:
    shown = _decoded(mask)
    return type(shown) is type(wholly_known) and shown == wholly_known


def _as_set(paths: Iterable[Any]) -> set[bytes]:
    return {canonical_json(list(path)) for path in paths}


def _decoded(raw: Raw | UnsetType) -> Any:
    return decode(NULL if isinstance(raw, UnsetType) else raw)
