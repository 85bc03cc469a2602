"""Read the saved plan file itself: what ``terraform plan -out`` wrote.

No program is started: ``terraform show`` would run the providers of the folder that it
stands in. What this reader does not know it refuses, by name. How the fields are read
follows ``internal/plans/planfile/tfplan.go`` of hashicorp/terraform and
opentofu/opentofu.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from iacgate.canonical import digest
from iacgate.conditions.values import Value
from iacgate.errors import PlanUnreadable
from iacgate.plan import container
from iacgate.plan.ctyvalue import decode_value
from iacgate.plan.planproto import Product, decode_message, field_numbers
from iacgate.plan.saved import (
    FileChange,
    FileCheck,
    FileCheckObject,
    FileImporting,
    FileInvocation,
    FileOutput,
    PathSteps,
    PlanFile,
)
from iacgate.plan.wire import Malformed, read_fields

FORMAT_VERSION: Final = 3
"""The only version of the plan format since Terraform 0.12."""

OLDEST: Final = (1, 1)
"""Before Terraform 1.1 addresses were split into fields and 15 held provider hashes."""

_RELEASE: Final = re.compile(r"\A(\d{1,4})\.(\d{1,4})\.\d[\w.+-]*\Z", re.ASCII)
_IDENTIFIER: Final = re.compile(rb"\A[^\W\d][\w-]*\Z")
_EPHEMERAL: Final = re.compile(r"\A(?:module\.[^\W\d][\w-]*(?:\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\])?\.)*ephemeral\.")
_LOCK_WRITERS: Final = ((b'"terraform init"', Product.TERRAFORM), (b'"tofu init"', Product.OPENTOFU))
_TERRAFORM_FIELDS: Final = frozenset(range(25, 33))
_OPENTOFU_FIELDS: Final = frozenset({6})
_AMBIGUOUS_FIELD: Final = 22

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


class _State(msgspec.Struct):
    """What we need of the state in the plan: which state the plan was made from."""

    version: int
    serial: int
    lineage: str


def is_plan_file(data: bytes) -> bool:
    """Return whether some bytes begin as a zip does; they may still be no plan."""
    return data.startswith(container.MAGIC)


def read_plan_file(data: bytes, name: str) -> PlanFile:
    """Return what a saved plan file says.

    Args:
        data: the bytes of the file.
        name: what the file is called in messages.

    Raises:
        PlanUnreadable: it is not a saved plan, damaged, encrypted, a bookmark of a plan
            elsewhere, or holds anything that this reader does not know. No value of the
            plan is in the message.
    """
    shown = ascii(name)
    if not is_plan_file(data):
        raise _not_a_zip(data, shown)
    try:
        return _read(container.read_members(data))
    except Malformed as error:
        raise PlanUnreadable(
            f"{shown} {error}",
            hint="Make the plan again with `terraform plan -out=FILE` and pass that file, unchanged.",
        ) from None


def _not_a_zip(data: bytes, shown: str) -> PlanUnreadable:
    """Return the error that names what the file is instead."""
    if data.startswith(b"tfplan"):
        return PlanUnreadable(f"{shown} is a plan of Terraform before 0.12", hint="Use Terraform 1.1 or later.")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        found = None
    keys = set(found) if isinstance(found, dict) else set()
    if "encryption_version" in keys or {"encrypted_data", "meta"} <= keys:
        return PlanUnreadable(
            f"{shown} is an encrypted OpenTofu plan (encryption_version), which cannot be read without its key",
            hint="Plan without `plan` encryption in the job that runs iacgate, and keep the file off shared storage.",
        )
    if "remote_plan_format" in keys:
        return PlanUnreadable(
            f"{shown} is a bookmark of a plan in HCP Terraform (remote_plan_format), not the plan",
            hint="Only a plan that is made and applied locally can be bound to its approval.",
        )
    if {"format_version", "planned_values"} & keys:
        return PlanUnreadable(f"{shown} is plan JSON, not a saved plan file", hint="Pass what `plan -out` wrote.")
    return PlanUnreadable(f"{shown} is not a saved plan file (not a zip)", hint="Pass what `plan -out` wrote.")


def _read(members: dict[str, bytes]) -> PlanFile:
    data, lock = members[container.PLAN], members.get(container.LOCK)
    product = _product(data, lock)
    plan = decode_message("Plan", _check_version(data), product)
    release = _check_release(plan.get("terraform_version", ""))
    state = _read_state(members[container.STATE])
    flagged = product is Product.TERRAFORM and release >= (1, 8)
    digests = {name: digest(content) for name, content in members.items()}
    sources = {name: content for name, content in members.items() if name.startswith(container.SOURCES)}
    return PlanFile(
        version=FORMAT_VERSION,
        terraform_version=plan["terraform_version"],
        product=product,
        mode=plan.get("ui_mode", "normal"),
        **_backend(plan),
        variables=_variables(plan.get("variables", [])),
        apply_time_variables=_apply_time(plan),
        targets=tuple(plan.get("target_addrs", ())),
        excludes=tuple(plan.get("exclude_addrs", ())),
        action_targets=tuple(plan.get("action_target_addrs", ())),
        force_replace=tuple(plan.get("force_replace_addrs", ())),
        errored=plan.get("errored", False),
        complete=plan.get("complete", False) if flagged else None,
        applyable=plan.get("applyable", False) if flagged else None,
        timestamp=plan.get("timestamp", ""),
        serial=state.serial,
        lineage=state.lineage,
        members=digests,
        configuration={name: digests[name] for name in sources},
        sources=sources,
        lock_file=lock,
        changes=_keyed("resource_changes", [_resource(raw) for raw in plan.get("resource_changes", [])]),
        drift=_keyed("resource_drift", [_resource(raw) for raw in plan.get("resource_drift", [])]),
        deferred=tuple(_deferred(raw) for raw in plan.get("deferred_changes", [])),
        outputs=_outputs(plan.get("output_changes", [])),
        action_invocations=tuple(_invocation(raw) for raw in plan.get("action_invocations", [])),
        deferred_action_invocations=tuple(
            _deferred_invocation(raw) for raw in plan.get("deferred_action_invocations", [])
        ),
        checks=tuple(_check(raw) for raw in plan.get("check_results", [])),
        relevant_attributes=tuple(
            (raw.get("resource", ""), _path(raw.get("attr", {}))) for raw in plan.get("relevant_attributes", [])
        ),
    )


def _product(data: bytes, lock: bytes | None) -> Product:
    """Return who wrote the plan: who wrote its lock file, else who has its fields."""
    header = (lock or b"").split(b"\n", 1)[0]
    for words, product in _LOCK_WRITERS:
        if words in header:
            return product
    numbers = field_numbers(data)
    if numbers & _TERRAFORM_FIELDS:
        return Product.TERRAFORM
    if numbers & _OPENTOFU_FIELDS:
        return Product.OPENTOFU
    if _AMBIGUOUS_FIELD in numbers:  # a variable's name, or a message that begins with a line feed
        names = [value for number, value in read_fields(data) if number == _AMBIGUOUS_FIELD]
        is_name = all(isinstance(value, bytes) and _IDENTIFIER.match(value) for value in names)
        return Product.OPENTOFU if is_name else Product.TERRAFORM
    return Product.EITHER


def _check_version(data: bytes) -> bytes:
    """Refuse other formats before their fields are read as ours."""
    try:
        versions = [value for number, value in read_fields(data) if number == 1]
    except Malformed as error:
        raise Malformed(f"is damaged: Plan {error}") from None
    if versions != [FORMAT_VERSION]:
        found = versions[0] if versions and isinstance(versions[0], int) else "none"
        raise Malformed(f"has the plan format version {found}; only {FORMAT_VERSION} is known")
    for number, value in read_fields(data):
        if number == 14 and isinstance(value, bytes):
            _check_release(value.decode("utf-8", "replace"))
    return data


def _check_release(version: str) -> tuple[int, int]:
    match = _RELEASE.match(version)
    if match is None:
        raise Malformed("does not say which version of Terraform or OpenTofu made it")
    release = int(match[1]), int(match[2])
    if release < OLDEST:
        raise Malformed(f"was made by Terraform {version}; 1.1 or later is needed")
    return release


def _read_state(data: bytes) -> _State:
    try:
        state = msgspec.json.decode(data, type=_State)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        raise Malformed("has a member tfstate that is not a state") from None
    if state.version != 4:
        raise Malformed(f"has a state of version {state.version}; only 4 is known")
    return state


def _value(raw: dict[str, Any] | None) -> Value:
    if raw is None:
        return None
    return decode_value(raw.get("msgpack", b""))


def _backend(plan: dict[str, Any]) -> dict[str, Any]:
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


def _variables(entries: list[dict[str, Any]]) -> dict[str, Value]:
    variables: dict[str, Value] = {}
    for entry in entries:
        name = entry.get("key", "")
        if name in variables:
            raise Malformed(f"has the variable {ascii(name)} twice")
        variables[name] = _value(entry.get("value", {}))
    return variables


def _apply_time(plan: dict[str, Any]) -> tuple[str, ...]:
    return tuple(plan.get("apply_time_variables", ())) + tuple(plan.get("ephemeral_variables", ()))


def _path(raw: dict[str, Any]) -> PathSteps:
    return tuple(_step(step) for step in raw.get("steps", []))


def _step(raw: dict[str, Any]) -> Value:
    if "attribute_name" in raw:
        return raw["attribute_name"]
    return _value(raw.get("element_key", {}))


def _paths(raw: list[dict[str, Any]]) -> tuple[PathSteps, ...]:
    return tuple(_path(path) for path in raw)


def _resource(raw: dict[str, Any], deferred: str = "") -> FileChange:
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


def _importing(raw: dict[str, Any] | None) -> FileImporting | None:
    if raw is None:
        return None
    return FileImporting(raw.get("id", ""), raw.get("unknown", False), _value(raw.get("identity")))


def _deferred_reason(raw: dict[str, Any]) -> str:
    reason = raw.get("deferred", {}).get("reason", "")
    if not reason:
        raise Malformed("has something deferred without a reason")
    return str(reason)


def _deferred(raw: dict[str, Any]) -> FileChange:
    return _resource(raw.get("change", {}), deferred=_deferred_reason(raw))


def _keyed(what: str, changes: list[FileChange]) -> tuple[FileChange, ...]:
    seen: set[tuple[str, str]] = set()
    for change in changes:
        key = change.address, change.deposed
        if key in seen:
            raise Malformed(f"has {ascii(change.address)} twice in {what}")
        seen.add(key)
    return tuple(changes)


def _outputs(entries: list[dict[str, Any]]) -> tuple[FileOutput, ...]:
    outputs: dict[str, FileOutput] = {}
    for raw in entries:
        name, change = raw.get("name", ""), raw.get("change", {})
        if name in outputs:
            raise Malformed(f"has the output {ascii(name)} twice")
        actions = _actions(change)
        before, after = _before_and_after(change, actions)
        outputs[name] = FileOutput(name, actions, before, after, raw.get("sensitive", False))
    return tuple(outputs.values())


def _invocation(raw: dict[str, Any], deferred: str = "") -> FileInvocation:
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


def _deferred_invocation(raw: dict[str, Any]) -> FileInvocation:
    return _invocation(raw.get("action_invocation", {}), deferred=_deferred_reason(raw))


def _check(raw: dict[str, Any]) -> FileCheck:
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
