"""Both verifiers of ledgers, ours and the one that shares no code, on the same store."""

from __future__ import annotations

from pathlib import Path

from iacgate.errors import EvidenceInvalid
from tests.support.ledgerlife import verified
from tests.support.memorystore import MemoryStore
from tests.verifier import verify_ledger


def copied(store: MemoryStore, folder: Path) -> dict[str, list[str]]:
    """Copy a store into a folder, the first version of each key; return which versions there are."""
    for key, versions in store.versions.items():
        contents = [data for item, data in versions if not item.marker]
        if contents:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[0])
    return {
        key: ["marker" if item.marker else item.version for item, _ in found] for key, found in store.versions.items()
    }


def theirs(store: MemoryStore, folder: Path, pinned: str = "") -> list[str]:
    """Return what the other verifier finds."""
    place = folder / "copy" / str(len(list(folder.glob("copy/*"))))
    place.mkdir(parents=True)
    found = verify_ledger.Verifier(place, copied(store, place))
    found.run(pinned)
    return found.findings


def ours_holds(store: MemoryStore) -> bool:
    try:
        return verified(store).holds
    except EvidenceInvalid:
        return False


def agreed(store: MemoryStore, folder: Path) -> bool:
    """Return whether the ledger holds, by both."""
    holds, found = ours_holds(store), theirs(store, folder)
    assert holds == (not found), (holds, found)
    return holds
