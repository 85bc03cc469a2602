"""Add what the sources say to what the plan JSON says of the configuration.

The plan file holds the sources that apply follows, the JSON only an account of them. An
edited JSON could leave out a provisioner or a sensitive variable, and Terraform itself
leaves out the expressions of dynamic blocks. So what either of the two says, counts.
"""

from __future__ import annotations

import re
from typing import Any

from iacgate.plan.source.hcl import Block
from iacgate.plan.source.snapshot import Snapshot, SourceBlock

_CALL = re.compile(r"module\.([^.]+)\.")


def add_sources(configuration: dict[str, Any], snapshot: Snapshot) -> None:
    """Add to the ``configuration`` member of a plan, in place, what only the sources say."""
    known: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for address, found in snapshot.resources():
        if found.module not in known:
            known[found.module] = _resources(_module(configuration, found.module))
        resource = _resource(configuration, found, known[found.module])
        expressions = _object(resource, "expressions")
        for name in snapshot.configured(address):
            expressions.setdefault(name, {})
        _add_provisioners(resource, found.block)
    for found in snapshot.of_kind("variable"):
        for name in found.block.labels[:1]:
            variable = _object(_object(_module(configuration, found.module), "variables"), name)
            for flag in ("sensitive", "ephemeral"):
                if flag in found.block.attributes and found.block.literal(flag) is not False:
                    variable[flag] = True
    for found in snapshot.of_kind("module"):
        _add_call(configuration, found)


def _module(configuration: dict[str, Any], prefix: str) -> dict[str, Any]:
    module = _object(configuration, "root_module")
    for name in _CALL.findall(prefix):
        module = _object(_object(_object(module, "module_calls"), name), "module")
    return module


def _resources(module: dict[str, Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
    if not isinstance(module.get("resources"), list):
        module["resources"] = []
    return {
        (item.get("mode", "managed"), item.get("type"), item.get("name")): item
        for item in module["resources"]
        if isinstance(item, dict)
    }


def _resource(
    configuration: dict[str, Any], found: SourceBlock, known: dict[tuple[Any, ...], dict[str, Any]]
) -> dict[str, Any]:
    mode = "managed" if found.block.kind == "resource" else found.block.kind
    resource_type, name = found.block.labels
    key = (mode, resource_type, name)
    if key not in known:
        known[key] = {"mode": mode, "type": resource_type, "name": name}
        _module(configuration, found.module)["resources"].append(known[key])
    return known[key]


def _add_provisioners(resource: dict[str, Any], block: Block) -> None:
    written = [label for inner in block.of_kind("provisioner") for label in inner.labels[:1]]
    shown = resource.get("provisioners")
    known = [item.get("type") for item in shown if isinstance(item, dict)] if isinstance(shown, list) else []
    missing = [{"type": name} for name in written if name not in known]
    if missing:
        resource["provisioners"] = [*(shown if isinstance(shown, list) else []), *missing]


def _add_call(configuration: dict[str, Any], found: SourceBlock) -> None:
    for name in found.block.labels[:1]:
        call = _object(_object(_module(configuration, found.module), "module_calls"), name)
        source = found.block.literal("source")
        if isinstance(source, str):
            call["source"] = source
            call.pop("version_constraint", None)
            version = found.block.literal("version")
            if isinstance(version, str):
                call["version_constraint"] = version


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member that is an object, made where it is not there."""
    value = parent.get(name)
    if not isinstance(value, dict):
        value = parent[name] = {}
    return value
