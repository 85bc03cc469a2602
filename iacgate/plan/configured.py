"""Which attributes the configuration sets, by configuration address.

An attribute that is unknown and that no expression sets is left to the provider. Terraform
does not print the expressions of dynamic blocks, so that a block can be set without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iacgate.conditions.values import PROVIDER, UNKNOWN, Value
from iacgate.plan.binding import modules


def configured_attributes(configuration: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the names of the attributes and blocks that each resource's expressions set."""
    found: dict[str, frozenset[str]] = {}
    for prefix, module in modules(configuration):
        resources = module.get("resources")
        for resource in resources if isinstance(resources, list) else ():
            if isinstance(resource, dict) and resource.get("mode", "managed") == "managed":
                expressions = resource.get("expressions")
                names = expressions if isinstance(expressions, dict) else {}
                found[f"{prefix}{resource.get('type', '')}.{resource.get('name', '')}"] = frozenset(names)
    return found


def mark_left_to_provider(after: Value, configured: frozenset[str] | None) -> None:
    """Mark the unknown attributes that the configuration does not set, in place.

    ``configured`` is ``None`` where the configuration does not have the resource; then
    nothing is marked.
    """
    if configured is None or not isinstance(after, dict):
        return
    for name, value in after.items():
        if value is UNKNOWN and name not in configured:
            after[name] = PROVIDER
