"""The ledger: for each stack one chain of entries, each naming the digest of the one before.

An entry refers to what decided by its digest; the bytes stand beside, under their digest. What the
gate learns from it: which settings were the newest that it saw, what was applied last, and which
approvals were used up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Protocol

import msgspec

from iacgate import canonical, strictjson
from iacgate.errors import EvidenceInvalid

FORMAT: Final = 1
MAX_ENTRY: Final = 64 << 10
"""Bytes of one entry; what is larger stands beside it."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which settings decided: their digest, and their version; 0 where nobody's signature was checked."""

    digest: str
    version: int


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of a stack's chain.

    ``previous`` is the digest of the entry before, of the ledger's genesis for the first. ``commit`` is
    what was gated or applied; ``statements`` are the digests of the approvals that counted;
    ``evidence`` has digests by what they are of.
    """

    format: Literal[1]
    sequence: Annotated[int, msgspec.Meta(ge=1)]
    previous: Sha256
    ledger: Sha256
    event: Literal["decided", "applied", "failed"]
    stack: str
    change: str
    time: str
    commit: str
    settings: Settings
    statements: tuple[Sha256, ...]
    evidence: dict[str, Sha256]


class Ledger(Protocol):
    """Where entries are kept.

    Every method raises :class:`iacgate.errors.EvidenceInvalid` where the ledger cannot be used, or a
    chain does not hold: then nothing is known, and nothing is decided.
    """

    @property
    def genesis(self) -> str:
        """The digest that names this ledger."""

    def entries(self, stack: str) -> list[Entry]:
        """Return a stack's chain from its first entry, verified."""

    def newest_settings(self) -> Settings | None:
        """Return the newest version of signed settings that any stack's chain has seen."""

    def append(self, entry: Entry, evidence: Mapping[str, bytes]) -> str:
        """Store what an entry refers to, then the entry itself as the next of its chain; return its digest."""


def encode(entry: Entry) -> bytes:
    """Return an entry's bytes, of which the digest is its name."""
    return canonical.canonical_json(entry)


def decode(data: bytes, where: str) -> Entry:
    """Return an entry.

    Raises :class:`EvidenceInvalid`, naming ``where``, where it is not one that this version understands.
    """
    try:
        return msgspec.convert(strictjson.decode(data), Entry)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"{where}: no entry of a ledger.", hint="Find out who wrote it.") from error


def verify(found: Sequence[bytes], genesis: str, stack: str, where: str) -> list[Entry]:
    """Return the entries of a chain, given in order.

    Raises :class:`EvidenceInvalid` where one of them is not the successor of the one before, is of another
    ledger or stack, or claims an earlier time.
    """
    entries: list[Entry] = []
    previous, time = genesis, ""
    for sequence, data in enumerate(found, start=1):
        entry = decode(data, f"{where}, entry {sequence}")
        holds = (
            entry.sequence == sequence
            and entry.previous == previous
            and entry.ledger == genesis
            and entry.stack == stack
            and entry.time >= time
        )
        if not holds:
            raise EvidenceInvalid(
                f"{where}: entry {sequence} does not follow the one before it.",
                hint="Somebody changed, removed or added entries. Nothing is decided until it is known who.",
            )
        entries.append(entry)
        previous, time = canonical.digest(data), entry.time
    return entries


def successor(entries: Sequence[Entry], genesis: str) -> tuple[int, str]:
    """Return sequence and ``previous`` of the next entry of a chain."""
    return len(entries) + 1, canonical.digest(encode(entries[-1])) if entries else genesis


def last_applied(entries: Sequence[Entry]) -> str:
    """Return the commit that was applied last, empty where nothing was: who wrote since then had a hand."""
    return next((entry.commit for entry in reversed(entries) if entry.event == "applied"), "")


def used_up(entries: Sequence[Entry]) -> dict[str, str]:
    """Return when approvals were used up, by the digests of their statements.

    A failed apply uses nothing up: it may be tried again while its approvals hold.
    """
    return {statement: entry.time for entry in entries if entry.event == "applied" for statement in entry.statements}
