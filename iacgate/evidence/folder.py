"""A ledger in a folder: local, and so not independent of whoever can write the folder.

    genesis.json                         made once, with the ledger
    log/<stack>/<sequence>.json          the chains
    evidence/sha256/<digest>             what entries refer to

Files are written whole, flushed to the disk and never replaced: two processes that append at the same
time get different numbers, or one of them starts over.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from iacgate import canonical, instants
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.ledger import FORMAT, MAX_ENTRY, Entry, Settings, encode, successor, verify

_GENESIS: Final = "genesis.json"
_TRIES: Final = 10
"""How often an entry is numbered again where others append at the same time."""

MAX_SKEW: Final = 300
"""Seconds by which the clocks of machines that append may differ; entry times never go back."""

MAX_CHAIN: Final = 100_000
_WHERE_TO: Final = "Look at the folder and who can write it."


class FolderLedger:
    """A ledger in a folder. See :class:`iacgate.evidence.ledger.Ledger`.

    Raises :class:`EvidenceInvalid` where there is none; with ``create``, an empty or missing folder becomes one.
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        self._root = root
        path = root / _GENESIS
        if not path.exists():
            if not create:
                raise EvidenceInvalid(f"{root}: no ledger.", hint="The gate makes it; name the one that it uses.")
            if root.is_dir() and any(not item.name.startswith(".") for item in root.iterdir()) and not path.exists():
                raise EvidenceInvalid(f"{root}: files, but no ledger.", hint="Name an empty folder, or a ledger.")
            _make(path, canonical.canonical_json({"format": FORMAT, "nonce": secrets.token_hex(16)}))
        self.genesis = canonical.digest(_read(path))

    def entries(self, stack: str) -> list[Entry]:
        """Return a stack's chain from its first entry, verified."""
        folder = self._root / "log" / _name(stack)
        if not folder.is_dir():
            return []
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if len(names) > MAX_CHAIN or names != [_file(sequence) for sequence in range(1, len(names) + 1)]:
            raise EvidenceInvalid(
                f"{folder}: the numbers of the entries have a gap, or something else is there.", hint=_WHERE_TO
            )
        return verify([_read(folder / name) for name in names], self.genesis, stack, str(folder))

    def newest_settings(self) -> Settings | None:
        """Return the newest version of signed settings that any stack's chain has seen."""
        folder = self._root / "log"
        stacks = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        seen = [entry.settings for stack in stacks for entry in self.entries(_stack(stack)) if entry.settings.version]
        return max(seen, key=lambda settings: settings.version, default=None)

    def append(self, entry: Entry, evidence: Mapping[str, bytes]) -> str:
        """Store what an entry refers to, then the entry itself as the next of its chain; return its digest.

        Sequence and ``previous`` are set here.
        """
        digests = {name: self._keep(data) for name, data in evidence.items()}
        for _ in range(_TRIES):
            entries = self.entries(entry.stack)
            newest = entries[-1].time if entries else entry.time
            if instants.seconds(newest) - instants.seconds(entry.time) > MAX_SKEW:
                raise EvidenceInvalid(
                    f"The clock says {entry.time}, and the newest entry was made at {newest}.",
                    hint="Set the clock of this machine.",
                )
            sequence, previous = successor(entries, self.genesis)
            numbered = msgspec.structs.replace(
                entry,
                time=max(entry.time, newest),
                sequence=sequence,
                previous=previous,
                ledger=self.genesis,
                evidence=digests,
            )
            data = encode(numbered)
            if len(data) > MAX_ENTRY:
                raise EvidenceInvalid("The entry is too large.", hint="Report this.")
            if _make(self._root / "log" / _name(entry.stack) / _file(sequence), data):
                return canonical.digest(data)
        raise EvidenceInvalid(f"{self._root}: too many append at the same time.", hint="Run it again.")

    def _keep(self, data: bytes) -> str:
        """Store bytes under their digest, and return it."""
        digest = canonical.digest(data)
        path = self._root / "evidence" / "sha256" / digest
        if not _make(path, data) and _read(path, len(data)) != data:
            raise EvidenceInvalid(f"{path}: not what its name says.", hint=_WHERE_TO)
        return digest


def _name(stack: str) -> str:
    """Return a stack's name as the name of one folder: nothing of it can lead elsewhere."""
    return "stack-" + quote(stack, safe="").replace(".", "%2E").replace("~", "%7E")


def _stack(name: str) -> str:
    return unquote(name.removeprefix("stack-"))


def _file(sequence: int) -> str:
    return f"{sequence:010d}.json"


def _make(path: Path, data: bytes) -> bool:
    """Write a file that is not there, whole or not at all; return whether it was written, and not there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            os.fchmod(handle, 0o644)  # others read it, and whoever may write it is said by the folder
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(name, path)  # unlike a rename, this replaces nothing
            _flush_folder(path.parent)
        finally:
            Path(name).unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise EvidenceInvalid(f"{path}: not written ({type(error).__name__}).", hint=_WHERE_TO) from error
    return True


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path, most: int = MAX_ENTRY) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise EvidenceInvalid(f"{path}: no file.", hint=_WHERE_TO)
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise EvidenceInvalid(f"{path}: not readable ({type(error).__name__}).", hint=_WHERE_TO) from error
    if len(data) > most:
        raise EvidenceInvalid(f"{path}: larger than what was written.", hint=_WHERE_TO)
    return data
