"""What conditions about undoing can see besides the object: the provider's configuration, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iacgate.conditions.refs import Subject
from iacgate.conditions.values import UNKNOWN, Value
from iacgate.plan.model import ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor, before_of

_MAX_DEPTH: Final = 30
_SHORTEST: Final = 3
"""Characters of the shortest name by which one object refers to another."""

_IDS: Final = ("id", "arn", "self_link", "resource_id")
"""Attributes by which an object is referred to and no other is meant."""

_NO_REFERENCES: Final = frozenset({"name", *_IDS, "tags", "tags_all", "labels", "annotations"})
"""Attributes that say of an object what it is itself: a secret is not in the vault that has the same name."""


class ProviderConstants:
    """The constants of provider configurations, as the plan's configuration has them.

    Providers such as azurerm decide in their configuration what a deletion does. What is not a constant there is
    unknown, and so is each argument of which two configurations of one provider say different things.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        found = configuration.get("provider_config")
        self._configs: dict[str, list[dict[str, Value]]] = {}
        for item in found.values() if isinstance(found, dict) else ():
            if isinstance(item, dict):
                constants = _constants(item.get("expressions") or {})
                name = str(item.get("full_name") or item.get("name") or "")
                self._configs.setdefault(_short(name), []).append(constants if isinstance(constants, dict) else {})

    def of(self, provider: str) -> Value:
        """Return the constants of a provider's configuration; an empty object where it has none."""
        found = self._configs.get(_short(provider), [])
        names = {name for item in found for name in item}
        return {name: _agreed([item.get(name) for item in found]) for name in names}


def _agreed(values: list[Value]) -> Value:
    return values[0] if all(value == values[0] for value in values) else UNKNOWN


def _short(provider: str) -> str:
    """Return a provider's name without registry and namespace."""
    return provider.rpartition("/")[2]


def _constants(node: Any, depth: int = 0) -> Value:
    """Return what an expression of the plan's configuration says, without its wrappers."""
    if depth > _MAX_DEPTH:
        return UNKNOWN
    if isinstance(node, list):
        return [_constants(item, depth + 1) for item in node]
    if not isinstance(node, dict):
        return UNKNOWN
    if "constant_value" in node:
        return node["constant_value"]
    if "references" in node:
        return UNKNOWN
    return {name: _constants(item, depth + 1) for name, item in node.items()}


class Related:
    """The objects that an object refers to by an id or a name, by type; as they are before the change."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._by_type: dict[str, list[Value]] | None = None

    def of(self, change: ResourceChange, wanted: frozenset[str], redactor: Redactor) -> Subject:
        """Return the object of each wanted type that a change refers to, in a list; unknown where it is not found.

        Where several could be meant, which one is unknown, too: one that keeps what is deleted proves nothing then.
        """
        own = frozenset(_references(before_of(change.body, redactor, self._plan.name)))
        found: Subject = {}
        for name in wanted:
            others = _meant(self._objects(wanted, redactor).get(name, []), own)
            found[name] = others if len(others) == 1 else UNKNOWN
        return found

    def _objects(self, wanted: frozenset[str], redactor: Redactor) -> dict[str, list[Value]]:
        if self._by_type is None:
            self._by_type = {}
        missing = wanted - self._by_type.keys()
        if missing:
            self._by_type |= {name: [] for name in missing}
            for change in self._plan.resource_changes():
                if change.type in missing and change.mode == "managed":
                    self._by_type[change.type].append(before_of(change.body, redactor, self._plan.name))
        return self._by_type


def _meant(objects: list[Value], own: frozenset[str]) -> list[Value]:
    """Return the objects whose id is among some texts; where there is none, those whose name is."""
    known = [item for item in objects if isinstance(item, dict)]
    by_id = [item for item in known if any(_is_among(item.get(name), own) for name in _IDS)]
    return by_id or [item for item in known if _is_among(item.get("name"), own)]


def _is_among(value: Value, own: frozenset[str]) -> bool:
    return isinstance(value, str) and value in own


def _references(value: Value) -> Iterator[str]:
    """Yield the texts anywhere in an object that can name another one: they may stand in a nested block."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [inner for name, inner in item.items() if name not in _NO_REFERENCES]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and len(item) >= _SHORTEST:
            yield item
