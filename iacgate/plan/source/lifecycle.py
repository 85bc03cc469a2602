"""Protection that the sources took away: ``prevent_destroy`` then and now.

The plan's JSON has no ``lifecycle``, and a plan file holds the new sources only, so that
this compares them with the sources of another commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from iacgate.plan.source.snapshot import Snapshot, SourceBlock

PREVENT_DESTROY: Final = "prevent_destroy"


class Lifted(msgspec.Struct, frozen=True):
    """A resource whose protection is gone: ``how`` is removed, off, or resource-removed."""

    address: str
    how: str


def lifted(before: Snapshot, after: Snapshot) -> Iterator[Lifted]:
    """Yield the resources that ``prevent_destroy`` protected before and does not protect now.

    What is neither true nor false in the sources (OpenTofu takes expressions) is no protection
    that anybody can rely on, and none that was taken away.
    """
    for address in sorted({address for address, found in before.resources() if _protects(found)}):
        if before.lifecycle(address, PREVENT_DESTROY) is not True:
            continue  # an override file had the last word
        now = after.lifecycle(address, PREVENT_DESTROY)
        if now is not True:
            how = "resource-removed" if not after.resource(address) else "removed" if now is None else "off"
            yield Lifted(address, how)


def _protects(found: SourceBlock) -> bool:
    return any(PREVENT_DESTROY in inner.attributes for inner in found.block.of_kind("lifecycle"))
