"""Ledgers in memory, with a gate whose key is soft."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from iacgate.approval import envelope
from iacgate.approval.envelope import Kind
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.gatekeys import PinnedKey
from iacgate.evidence.ledger import Draft, Ledger
from tests.support.memorystore import MemoryStore
from tests.support.sshkeys import SoftKey

NONCE = "5" * 32


class SoftGate:
    """Signs as a gate, with a key in this process."""

    def __init__(self, seed: str = "gate") -> None:
        self.key = SoftKey(seed)

    @property
    def pinned(self) -> PinnedKey:
        return PinnedKey(key=self.key.line)

    def secret(self, purpose: str) -> bytes:
        return hashlib.sha256(purpose.encode()).digest()

    def sign(self, payload: bytes, kind: Kind) -> bytes:
        armored = self.key.sign(envelope.pre_authentication(payload, kind), kind.namespace)
        return envelope.seal(payload, armored, kind)


def ledger_in(store: MemoryStore, **more: Any) -> Ledger:
    """Return the ledger of a store, begun where there is none."""
    return Ledger(store, **{"signer": SoftGate(), "make": lambda: NONCE, **more})


def draft(**more: Any) -> Draft:
    """Return an entry to append."""
    return Draft(**{"event": "decided", "stack": "payments", "change": "chg-1", "commit": "a" * 40, **more})


def laid_out(store: MemoryStore, folder: Path) -> Path:
    """Write the first versions of a ledger in memory into a folder, and return it."""
    target = FolderStore(folder, clock=lambda: store.instant, create=True)
    for key, versions in sorted(store.versions.items()):
        target.create(key, versions[0][1])
    return folder
