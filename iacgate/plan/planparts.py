"""Make the values of :mod:`iacgate.plan.saved` of decoded messages.

What a change may hold follows ``internal/plans/planfile/tfplan.go`` of hashicorp/terraform
and opentofu/opentofu. Everything here raises :class:`iacgate.plan.wire.Malformed`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from iacgate.conditions.values import Value
from iacgate.plan.ctyvalue import decode_value
from iacgate.plan.saved import (
    FileChange,
    FileCheck,
    FileCheckObject,
    FileImporting,
    FileInvocation,
    FileOutput,
    PathSteps,
)
from iacgate.plan.wire import Malformed

_EPHEMERAL: Final = re.compile(r"\A(?:module\.[^\W\d][\w-]*(?:\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\])?\.)*ephemeral\.")

# How many values a change has, and which of them is "before" and "after".
_VALUES: Final[dict[tuple[str, ...], tuple[int | None, int | None]]] = {
    ("no-op",): (0, 0),
    ("create",): (None, 0),
    ("read",): (0, 1),
    ("update",): (0, 1),
    ("delete",): (0, None),
    ("delete", "create"): (0, 1),
    ("create", "delete"): (0, 1),
    ("forget",): (0, None),
    ("create", "forget"): (0, 1),
    ("forget", "create"): (0, 1),
    ("open",): (None, None),
}


def _value(raw: dict[str, Any] | None) -> Value:
    if raw is None:
        return None
    return decode_value(raw.get("msgpack", b""))


def read_backend(plan: dict[str, Any]) -> dict[str, Any]:
    """Return where the state is; a state store (Terraform 1.15) is a backend in a provider."""
    if ("backend" in plan) == ("state_store" in plan):
        raise Malformed("has not exactly one of a backend and a state store")
    raw = plan.get("backend") or plan.get("state_store") or {}
    provider = raw.get("provider", {})
    config = _value(raw.get("config", {}))
    if not isinstance(config, dict):
        raise Malformed("has a backend configuration that is not an object")
    if provider:
        config = {**config, "provider": _value(provider.get("config"))}
    source = f"{provider.get('source', '')} {provider.get('version', '')}".strip()
    return {
        "backend_type": raw.get("type", ""),
        "workspace": raw.get("workspace", ""),
        "backend_config": config,
        "state_store_provider": source,
    }


def read_variables(entries: list[dict[str, Any]]) -> dict[str, Value]:
    """Return the values of the root module variables that were set, by name."""
    variables: dict[str, Value] = {}
    for entry in entries:
        name = entry.get("key", "")
        if name in variables:
            raise Malformed(f"has the variable {ascii(name)} twice")
        variables[name] = _value(entry.get("value", {}))
    return variables


def read_apply_time(plan: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the ephemeral variables: ``apply`` may be given another value."""
    return tuple(plan.get("apply_time_variables", ())) + tuple(plan.get("ephemeral_variables", ()))


def read_path(raw: dict[str, Any]) -> PathSteps:
    """Return the steps of a path."""
    return tuple(_step(step) for step in raw.get("steps", []))


def _step(raw: dict[str, Any]) -> Value:
    if "attribute_name" in raw:
        return raw["attribute_name"]
    return _value(raw.get("element_key", {}))


def _paths(raw: list[dict[str, Any]]) -> tuple[PathSteps, ...]:
    return tuple(read_path(path) for path in raw)


def read_resource(raw: dict[str, Any], deferred: str = "") -> FileChange:
    """Return a change of a resource instance, with the reason where it is put off."""
    address = raw.get("addr", "")
    if not address:
        raise Malformed("has a resource change without an address")
    change = raw.get("change", {})
    actions = _actions(change, address)
    try:
        before, after = _before_and_after(change, actions)
        return FileChange(
            address=address,
            deposed=raw.get("deposed_key", ""),
            previous_address=raw.get("prev_run_addr", ""),
            provider=raw.get("provider", ""),
            actions=actions,
            before=before,
            after=after,
            before_sensitive=_paths(change.get("before_sensitive_paths", [])),
            after_sensitive=_paths(change.get("after_sensitive_paths", [])),
            importing=_importing(change.get("importing")),
            generated_config=change.get("generated_config", ""),
            replace_paths=_paths(raw.get("required_replace", [])),
            action_reason=raw.get("action_reason", ""),
            before_identity=_value(change.get("before_identity")),
            after_identity=_value(change.get("after_identity")),
            deferred=deferred,
        )
    except Malformed as error:
        raise Malformed(f"{error}, at {ascii(address)}") from None


def _actions(change: dict[str, Any], address: str = "") -> tuple[str, ...]:
    """Return the actions in the words of the JSON; 9 means "open" for ephemeral resources only."""
    actions = tuple(str(change.get("action", "no-op")).split(","))
    if actions == ("create", "forget") and _EPHEMERAL.match(address):
        return ("open",)
    return actions


def _before_and_after(change: dict[str, Any], actions: tuple[str, ...]) -> tuple[Value, Value]:
    values = change.get("values", [])
    first, second = _VALUES[actions]
    wanted = max(-1 if at is None else at for at in (first, second)) + 1
    if len(values) != wanted and wanted:
        raise Malformed(f"has {len(values)} values for the actions {','.join(actions)}, which need {wanted}")
    before = None if first is None else _value(values[first])
    if first == second:
        return before, before
    return before, None if second is None else _value(values[second])


def after_bytes(change: dict[str, Any]) -> bytes | None:
    """Return the undecoded value after a decoded message ``Change``; ``None`` where there is none."""
    at = _VALUES[_actions(change)][1]
    values = change.get("values", [])
    if at is None:
        return None
    if at >= len(values):
        raise Malformed("has a change without its value")
    return bytes(values[at].get("msgpack", b""))


def _importing(raw: dict[str, Any] | None) -> FileImporting | None:
    if raw is None:
        return None
    return FileImporting(raw.get("id", ""), raw.get("unknown", False), _value(raw.get("identity")))


def _deferred_reason(raw: dict[str, Any]) -> str:
    reason = raw.get("deferred", {}).get("reason", "")
    if not reason:
        raise Malformed("has something deferred without a reason")
    return str(reason)


def read_deferred(raw: dict[str, Any]) -> FileChange:
    """Return a change that is put off."""
    return read_resource(raw.get("change", {}), deferred=_deferred_reason(raw))


def keyed(what: str, changes: list[FileChange]) -> tuple[FileChange, ...]:
    """Return the changes, each address and deposed key at most once; ``what`` names the field."""
    seen: set[tuple[str, str]] = set()
    for change in changes:
        key = change.address, change.deposed
        if key in seen:
            raise Malformed(f"has {ascii(change.address)} twice in {what}")
        seen.add(key)
    return tuple(changes)


def read_outputs(entries: list[dict[str, Any]]) -> tuple[FileOutput, ...]:
    """Return the changes of root module outputs."""
    outputs: dict[str, FileOutput] = {}
    for raw in entries:
        name, change = raw.get("name", ""), raw.get("change", {})
        if name in outputs:
            raise Malformed(f"has the output {ascii(name)} twice")
        actions = _actions(change)
        before, after = _before_and_after(change, actions)
        outputs[name] = FileOutput(name, actions, before, after, raw.get("sensitive", False))
    return tuple(outputs.values())


def read_invocation(raw: dict[str, Any], deferred: str = "") -> FileInvocation:
    """Return a provider action, with the reason where it is put off."""
    return FileInvocation(
        address=raw.get("addr", ""),
        provider=raw.get("provider", ""),
        config=_value(raw.get("config_value")),
        sensitive=_paths(raw.get("sensitive_config_paths", [])),
        trigger=_trigger(raw),
        deferred=deferred,
    )


def _trigger(raw: dict[str, Any]) -> tuple[str | int, ...]:
    if "invoke_action_trigger" in raw:
        return ("invoke", raw["invoke_action_trigger"].get("calling_resource_addr", ""))
    trigger = raw.get("resource_action_trigger", {})
    if not trigger.get("trigger_event"):
        raise Malformed(f"has the action {ascii(raw.get('addr', ''))} without a trigger")
    return (
        trigger["trigger_event"],
        trigger.get("triggering_resource_addr", ""),
        trigger.get("action_trigger_block_index", 0),
        trigger.get("actions_list_index", 0),
        trigger.get("on_failure", "halt"),
    )


def read_deferred_invocation(raw: dict[str, Any]) -> FileInvocation:
    """Return a provider action that is put off."""
    return read_invocation(raw.get("action_invocation", {}), deferred=_deferred_reason(raw))


def read_check(raw: dict[str, Any]) -> FileCheck:
    """Return the result of one configuration object that has checks."""
    kind = raw.get("kind", "")
    if not kind:
        raise Malformed("has a check result of no kind")
    objects = tuple(
        FileCheckObject(
            found.get("object_addr", ""),
            found.get("status", "unknown"),
            tuple(found.get("failure_messages", ())),
        )
        for found in raw.get("objects", [])
    )
    return FileCheck(kind, raw.get("config_addr", ""), raw.get("status", "unknown"), objects)
