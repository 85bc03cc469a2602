"""What a plan holds besides resource changes: checks, action invocations, values of data sources."""

# Annotations of the structs name their own class: no `annotations` from __future__, which msgspec resolves slowly.
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from iacgate.plan import secrecy, strict
from iacgate.plan.model import ActionInvocation, Check


class _StateResource(msgspec.Struct, frozen=True):
    mode: str = ""
    values: Raw = Raw(b"null")
    sensitive_values: Raw = Raw(b"null")


class _StateModule(msgspec.Struct, frozen=True):
    resources: list[_StateResource] = []
    child_modules: list["_StateModule"] = []


class _StateValues(msgspec.Struct, frozen=True):
    root_module: _StateModule | None = None


class _State(msgspec.Struct, frozen=True):
    values: _StateValues | None = None


def data_secrets(prior_state: Raw, where: str) -> Iterator[str]:
    """Yield the sensitive values of the data sources in ``prior_state``.

    Raises :class:`iacgate.errors.PlanUnreadable`, naming ``where``.
    """
    try:
        state = msgspec.json.decode(prior_state, type=_State | None)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise strict.unreadable(error, where) from error
    modules = [state.values.root_module] if state and state.values and state.values.root_module else []
    while modules:
        module = modules.pop()
        modules.extend(module.child_modules)
        for resource in module.resources:
            if resource.mode == "data" and b"true" in bytes(resource.sensitive_values):
                yield from secrecy.masked_leaves(
                    strict.decode_value(resource.values, where), strict.decode_value(resource.sensitive_values, where)
                )


def check(item: Any) -> Check:
    """Return one entry of ``checks``."""
    item = object_of(item)
    address = object_of(item.get("address"))
    problems = [
        str(object_of(problem).get("message", ""))
        for instance in _list(item.get("instances"))
        for problem in _list(object_of(instance).get("problems"))
    ]
    return Check(
        address=str(address.get("to_display") or address.get("name") or ""),
        kind=str(address.get("kind") or ""),
        status=str(item.get("status") or "unknown"),
        problems=tuple(problems),
    )


def invocation(item: Any, deferred: str) -> ActionInvocation:
    """Return one entry of ``action_invocations``; ``deferred`` is the reason where it was put off."""
    item = object_of(item)
    trigger = object_of(item.get("lifecycle_action_trigger"))
    return ActionInvocation(
        address=str(item.get("address") or ""),
        type=str(item.get("type") or ""),
        provider=str(item.get("provider_name") or ""),
        trigger=str(trigger.get("triggering_resource_address") or ""),
        deferred=deferred,
        secrets=tuple(secrecy.masked_leaves(item.get("config_values"), item.get("config_sensitive"))),
    )


def object_of(value: Any) -> dict[str, Any]:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
