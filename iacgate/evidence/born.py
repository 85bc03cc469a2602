"""The secrets of a state: those that apply made are known from nowhere else.

Read is the state as Terraform and OpenTofu keep it (format version 4, since Terraform 0.12), and what
``terraform show -json`` prints of it. Older versions do not write down which attributes the provider calls
sensitive: of those, only the latter tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from iacgate import strictjson
from iacgate.errors import EvidenceInvalid
from iacgate.plan.others import object_of
from iacgate.plan.secrecy import leaves, masked_leaves, secret_name

_VERSION: Final = 4
_HINT: Final = "Without its secrets no log can be kept. Give what `terraform state pull` prints."
_WRAPPED: Final = frozenset({"value", "type"})
"""The members of a value whose type the schema leaves open (cty's JSON for a dynamic value)."""


def secrets_of_state(data: bytes) -> frozenset[str]:
    """Return the sensitive values of a state that are worth looking for, and their lines.

    They are sensitive by their paths, as outputs, or by the names of their attributes.
    Raises :class:`EvidenceInvalid` where it cannot be read: then nobody knows what is secret.
    """
    try:
        state = strictjson.decode(data)
        if not isinstance(state, dict):
            raise _unreadable("is no JSON object")
        return frozenset(_secrets(state))
    except (ValueError, RecursionError) as error:  # its text may hold what it is about
        raise _unreadable(f"cannot be read ({type(error).__name__})") from None


def _secrets(state: dict[str, Any]) -> Iterator[str]:
    if isinstance(state.get("format_version"), str) and "version" not in state:
        yield from shown_secrets(state.get("values"))
        yield from _named(state.get("values"))
        return
    if "encrypted_data" in state:
        raise _unreadable("is encrypted")
    if state.get("version") != _VERSION or isinstance(state.get("version"), bool):
        raise _unreadable("is not of format version 4")
    for name, output in _members(state, "outputs"):
        if output.get("sensitive") not in (None, False) or secret_name(name):
            yield from leaves(output.get("value"))
    for resource in _objects(state, "resources"):
        for instance in _objects(resource, "instances"):
            yield from _instance(instance)


def shown_secrets(values: Any) -> Iterator[str]:
    """Yield the sensitive values of what ``terraform show -json`` calls ``values`` (a plan: ``planned_values``)."""
    values = object_of(values)
    for _, output in _members(values, "outputs"):
        if output.get("sensitive") not in (None, False):
            yield from leaves(output.get("value"))
    modules = [object_of(values.get("root_module"))]
    while modules:
        module = modules.pop()
        modules += _objects(module, "child_modules")
        for resource in _objects(module, "resources"):
            yield from masked_leaves(resource.get("values"), resource.get("sensitive_values"))


def _instance(instance: dict[str, Any]) -> Iterator[str]:
    attributes = instance.get("attributes")
    yield from _named(attributes)
    for name, value in object_of(instance.get("attributes_flat")).items():
        if any(map(secret_name, name.split("."))):
            yield from leaves(value)
    paths = instance.get("sensitive_attributes")
    if paths is not None and not isinstance(paths, list):
        raise _unreadable("has paths of sensitive attributes that are no list")
    for path in paths or ():
        yield from _at(attributes, _path(path))


def _path(written: Any) -> list[Any]:
    """Return the steps of a path: a list of them, or one text such as ``tags.a[0]``."""
    if isinstance(written, str):
        return [int(part) if part.isdecimal() else part for part in re.split(r"[\[\].\"]+", written) if part]
    return written if isinstance(written, list) else [written]


def _at(value: Any, path: list[Any]) -> Iterator[str]:
    """Yield what is at a path; where a step is not understood, all that it may lead to."""
    if not path or not isinstance(value, (dict, list)):
        yield from leaves(value)
        return
    step = _step(path[0])
    inside = dict(enumerate(value)) if isinstance(value, list) else value
    if step in inside:
        yield from _at(inside[step], path[1:])
    elif isinstance(value, list) or not isinstance(step, str):
        yield from leaves(value)
    if isinstance(value, dict) and value.keys() == _WRAPPED:
        yield from _at(value["value"], path)


def _step(step: Any) -> str | int | None:
    """Return an attribute's name, a map's key or a list's index; ``None`` for what is none of them."""
    for _ in range(2):  # an index is wrapped twice: {"type": "index", "value": {"type": "number", "value": 0}}
        step = step.get("value") if isinstance(step, dict) else step
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    return step if isinstance(step, (str, int)) and not isinstance(step, bool) else None


def _named(value: Any) -> Iterator[str]:
    """Yield the values of attributes whose names say that they are secrets, at any depth."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            for name, item in node.items():
                if secret_name(name):
                    yield from leaves(item)
                else:
                    stack.append(item)


def _members(value: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    found = value.get(name)
    if found is not None and not (isinstance(found, dict) and all(isinstance(item, dict) for item in found.values())):
        raise _unreadable(f"has {name} of another form")
    return list((found or {}).items())


def _objects(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    if found is not None and not (isinstance(found, list) and all(isinstance(item, dict) for item in found)):
        raise _unreadable(f"has {name} of another form")
    return found or []


def _unreadable(what: str) -> EvidenceInvalid:
    return EvidenceInvalid(f"The new state {what}.", hint=_HINT)
