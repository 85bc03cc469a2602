"""What no digest of the plan can bind: effects that are decided again at apply.

A provisioner runs whatever program its command names, an ephemeral value is never
stored, a mutable module reference may name other code tomorrow, and functions such as
``templatefile`` read their file again. Approvals cannot cover any of this, so that it is
said, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate.plan.reader import Plan

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
    from iacgate.plan.source.snapshot import Snapshot

_FULL_COMMIT: Final = r"[?&]ref=[0-9a-f]{40}(?:$|&)"
_REGISTRY: Final = r"(?:[\w-]+(?:\.[\w-]+)+/)?[\w-]+/[\w-]+/[\w-]+(?://.*)?"
_EXACT: Final = r"=?\s*v?\d+\.\d+\.\d+(?:[-+][\w.+-]*)?"
READERS: Final = frozenset(
    "file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 filesha512 "
    "templatefile".split()
)
"""Functions that read files (Terraform Language, "Filesystem Functions")."""

_MAX_DEPTH: Final = 200
_REMOVED_RUN_FROM: Final = (1, 9)
"""Since this version of Terraform, `removed` blocks have provisioners."""


class Unbound(msgspec.Struct, frozen=True):
    """One thing that apply decides again: where, which kind, and why no digest binds it."""

    address: str
    kind: str
    why: str


def unbound(plan: Plan, plan_file: PlanFile | None, beside: Snapshot | None = None) -> tuple[Unbound, ...]:
    """Return everything about the plan that its fingerprint cannot bind; empty where there is nothing.

    ``beside`` has the sources beside a plan JSON: only they tell of the programs that ``removed`` blocks run.
    """
    configuration = plan.configuration
    found = [
        Unbound(address, "provisioner", f"the {kind} provisioner runs programs and reads files at apply")
        for address, kind in provisioners(configuration)
    ]
    found += _modules(configuration)
    found += _ephemeral(configuration, plan_file)
    if plan.snapshot is not None:
        found += _from_sources(plan.snapshot)
    found += _removed(plan.snapshot or beside)
    return tuple(sorted(set(found), key=lambda item: (item.kind, item.address, item.why)))


def provisioners(configuration: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the configuration address and type of every provisioner."""
    for prefix, module in modules(configuration):
        for resource in _dicts(module.get("resources")):
            address = f"{prefix}{resource.get('type', '')}.{resource.get('name', '')}"
            for provisioner in _dicts(resource.get("provisioners")):
                yield address, str(provisioner.get("type") or "unknown")


def unseen(plan: Plan, destroyed: Set[str], sources: Snapshot | None) -> bool:
    """Return whether a destroyed object may have a ``removed`` block that runs programs, and nobody can tell.

    ``destroyed`` are the configuration addresses of what the plan destroys, ``sources`` all that is known of
    the plan's sources. What is still in the configuration has no such block; Terraform knows them with
    provisioners from 1.9 on.
    """
    if sources is not None and sources.functions and not sources.unread:
        return False
    version = re.match(r"(\d{1,9})\.(\d{1,9})", plan.terraform_version)
    if version and (int(version[1]), int(version[2])) < _REMOVED_RUN_FROM:
        return False
    return not destroyed <= _configured(plan.configuration)


def _configured(configuration: dict[str, Any]) -> set[str]:
    return {
        f"{prefix}{resource.get('type', '')}.{resource.get('name', '')}"
        for prefix, module in modules(configuration)
        for resource in _dicts(module.get("resources"))
        if resource.get("mode", "managed") == "managed"
    }


def _removed(sources: Snapshot | None) -> Iterator[Unbound]:
    if sources is None:
        return
    from iacgate.plan.source.removed import removed_provisioners  # noqa: PLC0415 - most plans come without their sources

    for item in removed_provisioners(sources):
        why = f"the {item.type} provisioner of a removed block runs programs and reads files at apply"
        yield Unbound(item.place, "provisioner", why)


def _modules(configuration: dict[str, Any]) -> Iterator[Unbound]:
    for prefix, module in modules(configuration):
        calls = module.get("module_calls")
        for name, call in calls.items() if isinstance(calls, dict) else ():
            source = call.get("source") if isinstance(call, dict) else None
            if isinstance(source, str) and _is_mutable(source, call.get("version_constraint")):
                why = "its source names a branch, a tag or a range of versions, which may name other code at apply"
                yield Unbound(f"{prefix}module.{name}", "module", why)


def _is_mutable(source: str, constraint: Any) -> bool:
    if source.startswith(("./", "../", ".\\", "..\\")):
        return False
    if re.fullmatch(_REGISTRY, source):
        return not (isinstance(constraint, str) and re.fullmatch(_EXACT, constraint.strip()))
    return re.search(_FULL_COMMIT, source) is None


def _ephemeral(configuration: dict[str, Any], plan_file: PlanFile | None) -> Iterator[Unbound]:
    why = "its value is never stored in a plan and is given again at apply"
    for name in plan_file.apply_time_variables if plan_file else ():
        yield Unbound(f"var.{name}", "ephemeral", why)
    for prefix, module in modules(configuration):
        variables = module.get("variables")
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            if isinstance(variable, dict) and variable.get("ephemeral"):
                yield Unbound(f"{prefix}var.{name}", "ephemeral", why)
        for resource in _dicts(module.get("resources")):
            if resource.get("mode") == "ephemeral":
                address = f"{prefix}ephemeral.{resource.get('type', '')}.{resource.get('name', '')}"
                yield Unbound(address, "ephemeral", "it is opened again at apply and may answer otherwise")


def _from_sources(snapshot: Snapshot) -> Iterator[Unbound]:
    for path, functions in snapshot.functions.items():
        if readers := sorted(functions & READERS):
            yield Unbound(path, "file", f"{', '.join(readers)} read files again at apply")
    for path in snapshot.unread:
        yield Unbound(path, "source", "this configuration file was not understood: only the plan's JSON tells of it")


def modules(configuration: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every module of a configuration, with the prefix of the addresses in it."""
    stack: list[tuple[str, Any, int]] = [("", configuration.get("root_module"), 0)]
    while stack:
        prefix, module, depth = stack.pop()
        if not isinstance(module, dict) or depth > _MAX_DEPTH:
            continue
        yield prefix, module
        calls = module.get("module_calls")
        for name, call in calls.items() if isinstance(calls, dict) else ():
            if isinstance(call, dict):
                stack.append((f"{prefix}module.{name}.", call.get("module"), depth + 1))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
