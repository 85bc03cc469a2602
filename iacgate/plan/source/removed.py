"""What a ``removed`` block takes out of the configuration, and the programs that it runs.

Terraform runs the destroy-time provisioners of such a block when the object is destroyed,
and prints nothing of them in the plan's JSON: only the sources tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate.plan.graph import without_keys

if TYPE_CHECKING:
    from iacgate.plan.source.hcl import Block
    from iacgate.plan.source.snapshot import Snapshot

_NAME: Final = r"[^\W\d][\w-]*"
_MODULES: Final = rf"module\.{_NAME}(?:\.module\.{_NAME})*"
_MODULE: Final = re.compile(rf"(?:.*\.)?module\.{_NAME}")
_TARGET: Final = re.compile(rf"{_MODULES}|(?:{_MODULES}\.)?(?!(?:module|resource|data|ephemeral)\.){_NAME}\.{_NAME}")


class RemovedProvisioner(msgspec.Struct, frozen=True):
    """A provisioner of a ``removed`` block: what is removed there, the file that says so, and its type.

    ``address`` is the configuration address of a resource or a module; empty where it was not understood.
    """

    address: str
    file: str
    type: str

    @property
    def place(self) -> str:
        """What to name it by: the address, or the file where that was not understood."""
        return self.address or self.file

    def runs(self, destroyed: Set[str]) -> bool:
        """Return whether it may run where these configuration addresses are destroyed.

        One that was not understood may belong to any of them.
        """
        if not self.address:
            return bool(destroyed)
        if _MODULE.fullmatch(self.address):
            return any(item.startswith(f"{self.address}.") for item in destroyed)
        return self.address in destroyed


def removed_address(module: str, block: Block) -> str:
    """Return the configuration address that a ``removed`` block names; empty where it was not understood.

    ``module`` is the prefix of the addresses in the module that it stands in.
    """
    found = block.attributes.get("from")
    if found is None:
        return ""
    written = found.literal if isinstance(found.literal, str) else found.reference
    target = without_keys(re.sub(r"\s+", "", written))
    return f"{module}{target}" if _TARGET.fullmatch(target) else ""


def removed_provisioners(snapshot: Snapshot) -> Iterator[RemovedProvisioner]:
    """Yield the provisioners of all ``removed`` blocks.

    Terraform 1.11 runs only those of the root module; other versions may run the others, so that all are told.
    """
    for found in snapshot.of_kind("removed"):
        address = removed_address(found.module, found.block)
        for inner in found.block.of_kind("provisioner"):
            yield RemovedProvisioner(address, found.file, ".".join(inner.labels) or "unknown")
