"""Who depends on whom, from the references in the plan's configuration.

Nodes are configuration addresses: ``module.net.aws_subnet.this`` without instance keys,
and the variables, outputs and module calls between them. Terraform does not print the
expressions of locals, so what depends through a local is not seen: counts are "at least".
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Set
from functools import cache
from typing import Any, Final

import msgspec

from iacgate.plan.model import ResourceChange

_KEY: Final = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]["]*)\]')
_MAX_DEPTH: Final = 200
_ALL: Final = "(all)"
"""The node of a module as a whole: all of its resources lead to it."""

_PROVIDER: Final = "(provider) "
"""How the node of a provider's configuration begins."""

MAX_STEPS: Final = 1_000_000
"""Steps from dependent to dependent, for all changes of a plan together."""


class BlastRadius(msgspec.Struct, frozen=True):
    """How many resources depend on one, directly and in all."""

    direct: int
    total: int


@cache
def without_keys(address: str) -> str:
    """Return an address without its instance keys."""
    return _KEY.sub("", address)


def configuration_address(change: ResourceChange) -> str:
    """Return where the resource stands in the configuration: its address without instance keys."""
    return _address(change.module_address, change.mode, change.type, change.name)


@cache
def _address(module: str, mode: str, resource_type: str, name: str) -> str:
    prefix = "" if mode == "managed" else f"{mode}."
    return f"{without_keys(module)}{module and '.'}{prefix}{resource_type}.{name}"


class Graph:
    """Dependents of every resource of a configuration.

    With ``providers``, resources also depend on what the configuration of their provider refers to, as they do in
    Terraform's order.
    """

    def __init__(self, configuration: Mapping[str, Any], instances: Counter[str], *, providers: bool = False) -> None:
        self._providers = providers
        self._instances = instances
        self._resources: set[str] = set()
        self._dependents: dict[str, set[str]] = {}
        self._by_local: set[str] = set()
        self._known: dict[str, BlastRadius] = {}
        self._steps = 0
        root = configuration.get("root_module")
        if isinstance(root, dict):
            self._module(root, "", 0)
        for key, provider in _items(configuration.get("provider_config")) if providers else ():
            if isinstance(provider, dict):
                module = provider.get("module_address")
                prefix = f"{without_keys(module)}." if isinstance(module, str) and module else ""
                self._link(prefix, _references(provider.get("expressions")), f"{_PROVIDER}{key}")

    def blast_radius(self, address: str) -> BlastRadius:
        """Return how many resource instances depend on a configuration address."""
        found = self._known.get(address)
        if found is None:
            direct, reached = self._reach(address)
            found = BlastRadius(direct=self._count(direct), total=self._count(reached))
            self._known[address] = found
        return found

    def __contains__(self, address: object) -> bool:
        """Return whether the configuration has a resource."""
        return address in self._resources

    @property
    def exhausted(self) -> bool:
        """Whether the budget of steps is used up, so that not all dependents are found."""
        return self._steps > MAX_STEPS

    def nearest_dependents(self, start: str, among: Set[str]) -> frozenset[str]:
        """Return those among some resources that depend on a node, by ways that lead through no other of them."""
        found: set[str] = set()
        seen = {start}
        queue = deque([start])
        while queue and not self.exhausted:
            dependents = self._dependents.get(queue.popleft(), ())
            self._steps += len(dependents)
            for dependent in dependents:
                if dependent in seen:
                    continue
                seen.add(dependent)
                if dependent in among:
                    found.add(dependent)
                else:
                    queue.append(dependent)
        return frozenset(found)

    def by_locals(self, among: Set[str]) -> frozenset[str]:
        """Return those among some resources that depend on locals, of which no plan prints what they refer to."""
        found = self._by_local & among
        for node in sorted(self._by_local - among):
            found |= self.nearest_dependents(node, among)
        return frozenset(found)

    def _count(self, addresses: set[str]) -> int:
        return sum(self._instances.get(address, 0) or 1 for address in addresses)

    def _reach(self, start: str) -> tuple[set[str], set[str]]:
        """Return the resources that refer to the start, through variables and outputs only, and all that follow.

        All walks of one plan share a budget of steps, so that a configuration made to be slow is not: when it
        is used up, what was found until then stands, and counts are at least that.
        """
        direct: set[str] = set()
        seen = {start}
        queue = deque([(start, True)])
        while queue:
            node, is_direct = queue.popleft()
            if self._steps > (10 if is_direct else 1) * MAX_STEPS:
                continue
            dependents = self._dependents.get(node, ())
            self._steps += len(dependents)
            for dependent in dependents:
                if dependent in self._resources and is_direct and dependent != start:
                    direct.add(dependent)
                if dependent not in seen:
                    seen.add(dependent)
                    queue.append((dependent, is_direct and dependent not in self._resources))
        return direct, (seen & self._resources) - {start}

    def _link(self, module: str, references: Iterator[str], dependent: str) -> None:
        for reference in references:
            if target := _target(reference):
                self._dependents.setdefault(module + target, set()).add(dependent)
            elif reference.startswith("local."):
                self._by_local.add(dependent)

    def _link_modules(self, module: str, depends_on: Any, dependent: str) -> None:
        """Link what depends on a module as a whole, which only ``depends_on`` can say."""
        for reference in _strings(depends_on):
            name = without_keys(reference).split(".")
            if len(name) == 2 and name[0] == "module":
                self._dependents.setdefault(f"{module}module.{name[1]}.{_ALL}", set()).add(dependent)

    def _module(self, module: dict[str, Any], prefix: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        for resource in _dicts(module.get("resources")):
            self._resource(resource, prefix)
        for name, output in _items(module.get("outputs")):
            self._link(prefix, _references(output), f"{prefix}output.{name}")
            self._link_modules(
                prefix, output.get("depends_on") if isinstance(output, dict) else None, f"{prefix}output.{name}"
            )
        for name, call in _items(module.get("module_calls")):
            self._call(name, call, prefix, depth)

    def _resource(self, resource: dict[str, Any], prefix: str) -> None:
        mode = resource.get("mode", "managed")
        data = "" if mode == "managed" else f"{mode}."
        node = f"{prefix}{data}{resource.get('type', '')}.{resource.get('name', '')}"
        self._resources.add(node)
        self._link(prefix, _references(resource), node)
        self._link_modules(prefix, resource.get("depends_on"), node)
        if self._providers:
            key = resource.get("provider_config_key")
            self._dependents.setdefault(f"{_PROVIDER}{key}", set()).add(node)
        if prefix:
            self._dependents.setdefault(prefix + "call", set()).add(node)
            self._dependents.setdefault(node, set()).add(prefix + _ALL)

    def _call(self, name: str, call: Any, prefix: str, depth: int) -> None:
        if not isinstance(call, dict):
            return
        inner = f"{prefix}module.{name}."
        for variable, expression in _items(call.get("expressions")):
            self._link(prefix, _references(expression), f"{inner}var.{variable}")
        for key in ("count_expression", "for_each_expression", "depends_on"):
            self._link(prefix, _references(call.get(key)), f"{inner}call")
        self._link_modules(prefix, call.get("depends_on"), f"{inner}call")
        if prefix:
            self._dependents.setdefault(prefix + "call", set()).add(inner + "call")
            self._dependents.setdefault(inner + _ALL, set()).add(prefix + _ALL)
        child = call.get("module")
        if isinstance(child, dict):
            for output, _ in _items(child.get("outputs")):
                node = f"{inner}output.{output}"
                self._dependents.setdefault(node, set()).add(f"{prefix}module.{name}.{output}")
            self._module(child, inner, depth + 1)


def _references(expression: Any) -> Iterator[str]:
    """Yield the references of an expression, a block of expressions, or a list of addresses (``depends_on``)."""
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for key, item in node.items():
                if key in ("references", "depends_on"):
                    yield from (reference for reference in _strings(item))
                elif key not in ("constant_value", "module"):
                    stack.append(item)
        elif isinstance(node, list):
            yield from _strings(node)
            stack.extend(item for item in node if not isinstance(item, str))


@cache
def _target(reference: str) -> str:
    """Return the node that a reference names, relative to its module; empty for what has no node."""
    parts = without_keys(reference).split(".")
    if parts[0] == "var":
        return ".".join(parts[:2])
    if parts[0] == "module":
        return ".".join(parts[:3]) if len(parts) > 2 else ""
    if parts[0] in ("each", "count", "path", "self", "terraform", "local"):
        return ""
    if parts[0] in ("data", "ephemeral"):
        return ".".join(parts[:3])
    return ".".join(parts[:2]) if len(parts) > 1 else ""


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
