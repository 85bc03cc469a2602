"""What identifies the state inside a plan, for the fingerprint: equal for an identical re-plan.

All of an object counts but ``private``, which is the provider's own. Of a data source, what is secret does not count
(tokens are new in every plan), nor when something was: that it is secret does, so that nothing leaves by being marked.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import UNSET, Raw

from iacgate import canonical
from iacgate.plan.likeness import decode
from iacgate.plan.secrecy import secret_name
from iacgate.plan.statefile import Entry, Key, is_managed, read_state

_WRAPPED: Final = {"value", "type"}
_TIME: Final = re.compile(
    r"\A\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d| \+0000 UTC)\Z", re.ASCII
)


def digest(data: bytes, where: str = "The state in the plan") -> str:
    """Return the SHA-256 of what decides in a state.

    Raises :class:`iacgate.errors.PlanUnreadable` where it cannot be read.
    """
    state = read_state(data, where)
    parts = [_part(key, state.instances[key]) for key in sorted(state.instances, key=_order)]
    outputs = sorted(state.outputs.items())
    return canonical.digest_joined(parts + [Raw(canonical.canonical_json(output)) for output in outputs])


def _order(key: Key) -> tuple[str, str, str, str, str, str, str]:
    return (*key[:4], type(key[4]).__name__, str(key[4]), key[5])


def _part(key: Key, entry: Entry) -> Raw:
    one = entry.instance
    attributes: Any = one.attributes
    if not is_managed(key) and attributes is not UNSET:
        attributes = _without_secrets(decode(attributes), one.sensitive_attributes or [])
    parts = [
        key,
        entry.provider,
        one.instance_provider,
        one.status,
        one.schema_version,
        attributes,
        one.attributes_flat,
        sorted(bytes(path) for path in one.sensitive_attributes or ()),
        one.identity_schema_version,
        one.identity,
        sorted(one.dependencies or ()),
        one.create_before_destroy,
    ]
    return Raw(canonical.canonical_json([None if part is UNSET else part for part in parts]))


def _without_secrets(attributes: Any, paths: list[Raw]) -> Any:
    for path in paths:
        _hide(attributes, decode(path))
    todo = [attributes]
    while todo:
        node = todo.pop()
        for step, item in _items(node):
            if isinstance(step, str) and secret_name(step):
                node[step] = "secret" if item is not None else None
            elif isinstance(item, str) and _TIME.match(item):
                node[step] = "time"
            else:
                todo.append(item)
    return attributes


def _hide(node: Any, path: Any) -> None:
    """Take out what is at a path; from the innermost place that it can be followed to."""
    for at, written in enumerate(path if isinstance(path, list) else ()):
        if isinstance(node, dict) and node.keys() == _WRAPPED:
            node = node["value"]
        step, places = _step(written), dict(_items(node))
        if step not in places:
            return _hide_all(node)  # an element of a set is named by its value
        if at == len(path) - 1:
            node[step] = "secret"
            return None
        node = node[step]
    return None


def _hide_all(node: Any) -> None:
    if isinstance(node, list):
        node[:] = ["secret"]


def _items(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _step(written: Any) -> Any:
    """Return an attribute's name, a map's key or a list's index: an index is wrapped twice."""
    for _ in range(2):
        written = written.get("value") if isinstance(written, dict) else written
    return written if isinstance(written, (str, int)) and not isinstance(written, bool) else None
