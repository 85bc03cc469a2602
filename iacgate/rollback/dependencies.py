"""What depends on what among the changes of a plan, and where nothing tells.

What is there before the plan stands in its state (``prior_state``) with what it depended on when it was applied last,
and that is where undoing goes back to. What new objects depend on, and what depends on them, the configuration says.
Terraform prints no expressions of locals: where a new object refers to one, nothing tells what it depends on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

import msgspec
from msgspec import UNSET

from iacgate.plan import strict
from iacgate.plan.graph import Graph, without_keys
from iacgate.plan.reader import Plan

_BY_LOCAL: Final = "it refers to a local, and no plan prints what locals refer to"
_NOWHERE: Final = "neither the configuration nor the state before the plan says what it depends on"
_TOO_MUCH: Final = "the configuration has too many references to follow them all"


class Dependencies(msgspec.Struct, frozen=True):
    """What each configuration address depends on, and why that of some is not wholly known."""

    needs: Mapping[str, Set[str]]
    unknown: Mapping[str, str]


def dependencies_of(plan: Plan, places: Set[str], moved: Set[tuple[str, str]]) -> Dependencies:
    """Return what some configuration addresses depend on, among themselves.

    ``moved`` has pairs of addresses: where something is now, and where it was before.

    Raises :class:`iacgate.errors.PlanUnreadable` where the state in the plan cannot be read.
    """
    graph = Graph(plan.configuration, Counter(), providers=True)
    state = _at_new_addresses(_state(plan), moved)
    needs = {place: state.get(place, set()) & places for place in places}
    for place in sorted(places):
        for dependent in graph.nearest_dependents(place, places):
            if dependent not in state or place not in state:
                needs[dependent].add(place)
    unknown = dict.fromkeys(graph.by_locals(places) - state.keys(), _BY_LOCAL)
    unknown |= {place: _NOWHERE for place in places - state.keys() if place not in graph}
    if graph.exhausted:
        unknown |= dict.fromkeys(places, _TOO_MUCH)
    return Dependencies(needs, unknown)


def _at_new_addresses(state: Mapping[str, set[str]], moved: Set[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the same where what was moved has its new address, too: instances of one resource can part."""
    names: dict[str, set[str]] = {}
    for new, old in moved:
        names.setdefault(old, {old}).add(new)
    found: dict[str, set[str]] = {}
    for place, depends_on in state.items():
        needed = {name for other in depends_on for name in names.get(other, {other})}
        for name in names.get(place, {place}):
            found.setdefault(name, set()).update(needed)
    return found


def _state(plan: Plan) -> dict[str, set[str]]:
    """Return what the objects in the state before the plan depend on, by configuration address."""
    raw = plan.document.prior_state
    state: Any = {} if raw is UNSET else strict.decode_value(raw, f"{plan.name}: prior_state")
    found: dict[str, set[str]] = {}
    for resource in _resources(_member(_member(state, "values"), "root_module")):
        names = resource.get("depends_on") or ()
        place = found.setdefault(without_keys(str(resource.get("address", ""))), set())
        place |= {without_keys(name) for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    return found


def _resources(root: Any) -> Iterator[dict[str, Any]]:
    stack = [root]
    while stack:
        module = stack.pop()
        found = _member(module, "resources")
        yield from (item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
        inner = _member(module, "child_modules")
        stack += inner if isinstance(inner, list) else ()


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
