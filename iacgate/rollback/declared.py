"""Whether a configuration has a resource, as far as its sources are there."""

from __future__ import annotations

from iacgate.plan.source.snapshot import Snapshot
from iacgate.rollback.overlay import Declares


def declared_in(snapshot: Snapshot | None) -> Declares:
    """Return what tells of a configuration address whether the sources have it; ``None`` where they do not tell.

    They do not where a file was not understood, and inside modules that are not in the repository.
    """

    def declares(address: str) -> bool | None:
        if snapshot is None:
            return None
        if snapshot.resource(address):
            return True
        return None if snapshot.unread or _is_elsewhere(snapshot, address) else False

    return declares


def _is_elsewhere(snapshot: Snapshot, address: str) -> bool:
    """Return whether an address is in a module that is called, and of which nothing is here."""
    prefix = ""
    parts = address.split(".")
    calls = {(item.module, item.block.labels[0]) for item in snapshot.of_kind("module") if item.block.labels}
    here = {item.module for _, item in snapshot.resources()}
    while parts[0] == "module" and len(parts) > 2:
        if (prefix, parts[1]) not in calls:
            return False
        prefix += f"module.{parts[1]}."
        parts = parts[2:]
        if not any(module.startswith(prefix) for module in here):
            return True
    return False
