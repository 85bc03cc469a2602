"""Records of emergencies in a second store: found, told from what is none, and marked in the chain.

Whoever reads them knows the gate's keys and the ledger, and takes the store's word for nothing but when an object
arrived. For each key:

1. it is named as records are, and its first version is there, no longer than a record can be
2. it is an envelope of ours (else it is junk)
3. a gate's key sealed it, which was valid then (else it is unsigned, whatever it says)
4. what is in it is a record (else it is junk)
5. it is of this ledger and stack, and stands where its content says (else it is misplaced)

What then is wrong with a record beside that, it says itself: it counts, and is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Literal

import msgspec

from iacgate import canonical, instants
from iacgate.approval import envelope
from iacgate.errors import EvidenceInvalid, SignatureInvalid
from iacgate.evidence.chain import Slot, slots
from iacgate.evidence.degraded import DEGRADED, Degraded, decode, degraded_key, degraded_prefix
from iacgate.evidence.entry import Entry, Reference
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.layout import evidence_key
from iacgate.evidence.ledger import Piece
from iacgate.evidence.store import Store, Stored, together

MAX_RECORDS: Final = 2_000
"""Versions of records of one stack; whoever puts more there has to be found first."""

MAX_LATE: Final = 900
"""Seconds between what a record says of its time and when an independent store saw it."""

_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{32}\.json", re.ASCII)

MARK: Final = "degraded"
"""The detail of an entry that has the digest of the record which it marks, and the name of that record among its
references."""


_FIRST: Final = {"decided": 0, "intended": 1}
_CARRIED: Final = ("exitCode", "freshPlan")
"""Details of a record that its mark has as well: they say where the change stands."""


class Kept(msgspec.Struct, frozen=True):
    """A record that a gate sealed: its key, its bytes and their digest, and what is wrong with it beside that.

    ``arrived`` is when the store saw it. ``missing`` are the names of what it refers to and is not there.
    """

    key: str
    data: bytes
    digest: str
    record: Degraded
    arrived: str
    missing: tuple[str, ...]
    wrong: tuple[str, ...]


class NoRecord(msgspec.Struct, frozen=True):
    """A key that holds no record, what it holds instead, and why that is so."""

    key: str
    what: Literal["deleted", "junk", "unsigned", "misplaced"]
    why: str


class Found(msgspec.Struct, frozen=True):
    """What a second store has of a stack: the records, in the order of their times, and what is none."""

    records: tuple[Kept, ...]
    others: tuple[NoRecord, ...]


class Marking(msgspec.Struct, frozen=True):
    """What an entry that marks a record says: to whom it belongs, its details, and all that the record refers to."""

    change: str
    commit: str
    tree: str
    details: dict[str, str | int | bool]
    pieces: dict[str, Piece]


class _Refused(Exception):
    """Why a key holds no record; caught where it was thrown at."""

    def __init__(self, what: Literal["deleted", "junk", "unsigned", "misplaced"], why: str) -> None:
        super().__init__(why)
        self.what: Literal["deleted", "junk", "unsigned", "misplaced"] = what
        self.why = why


def read_degraded(store: Store, stack: str, keys: GateKeys, ledger: str) -> Found:
    """Return what a store has of a stack's emergencies.

    Raises :class:`EvidenceInvalid` where it does not answer, or holds more than can be looked at.
    """
    listed = store.listing(degraded_prefix(stack))
    if len(listed) > MAX_RECORDS:
        raise EvidenceInvalid(
            f"{store.name}: more than {MAX_RECORDS} records of {stack}.", hint="Find out who writes them."
        )
    judge = partial(_judged, store, stack, keys, ledger)
    judged = together([partial(judge, slot) for slot in slots(listed, stack)])
    records = sorted((item for item in judged if isinstance(item, Kept)), key=_place_in_time)
    there = {item.digest for item in records}
    return Found(
        records=tuple(_linked(item, there) for item in records),
        others=tuple(item for item in judged if isinstance(item, NoRecord)),
    )


def _place_in_time(item: Kept) -> tuple[str, int, str]:
    """Return what orders records: of one second, a decision comes before a beginning, and that before an end."""
    return item.record.time, _FIRST.get(item.record.event, len(_FIRST)), item.key


def _judged(store: Store, stack: str, keys: GateKeys, ledger: str, slot: Slot) -> Kept | NoRecord:
    try:
        data, first = _first(store, slot)  # 1
        record = _opened(data, slot.key, keys, first.modified if store.independent else "")  # 2 to 4
        _check_place(record, slot.key, stack, ledger)  # 5
    except _Refused as refused:
        return NoRecord(slot.key, refused.what, refused.why)
    missing = tuple(name for name, reference in sorted(record.references.items()) if evidence(store, reference) is None)
    wrong = (*_touched(slot), *_late(store, record, first), *(f"{name} is not there" for name in missing))
    return Kept(slot.key, data, canonical.digest(data), record, first.modified, missing, wrong)


def _first(store: Store, slot: Slot) -> tuple[bytes, Stored]:
    """Return the first version of a key; one with another name is not even asked for, as it could be no key at all."""
    if not _NAME.fullmatch(slot.key.rpartition("/")[2]) or slot.key.count("/") != 2:
        raise _Refused("junk", "no record has such a name")
    if slot.first is None:
        raise _Refused("deleted", "nothing is left of it but that it was deleted")
    if slot.first.size > DEGRADED.max_bytes:
        raise _Refused("junk", "it is too long for a record")
    data = store.read(slot.key, DEGRADED.max_bytes, slot.first.version)
    if data is None:
        raise _Refused("deleted", "it was there when it was listed, and is not there now")
    return data, slot.first


def _opened(data: bytes, where: str, keys: GateKeys, arrived: str) -> Degraded:
    """Return the record in an envelope; ``arrived`` is when that was for certain, empty where nobody can say."""
    try:
        envelope.parse(data, DEGRADED)
    except SignatureInvalid as error:
        raise _Refused("junk", error.message) from error
    try:
        found, name = keys.verified(data, DEGRADED)
    except SignatureInvalid as error:
        raise _Refused("unsigned", error.message) from error
    try:
        record = decode(found.payload, where)
    except EvidenceInvalid as error:
        raise _Refused("junk", error.message) from error
    if not keys.accepts(name, record.time) or (arrived and keys.revoked_before(name, arrived)):
        raise _Refused("unsigned", f"the key was not valid at {record.time}, or was revoked when it arrived")
    return record


def _check_place(record: Degraded, key: str, stack: str, ledger: str) -> None:
    if record.ledger != ledger:
        raise _Refused("misplaced", "it is a record of another ledger")
    if record.stack != stack or degraded_key(record) != key:
        raise _Refused("misplaced", f"its place is {degraded_key(record)}")


def _touched(slot: Slot) -> Iterator[str]:
    for item in slot.later:
        yield f"it was {'deleted' if item.marker else 'written again'} after it was written, at {item.modified}"


def _late(store: Store, record: Degraded, first: Stored) -> Iterator[str]:
    if store.independent and abs(instants.seconds(first.modified) - instants.seconds(record.time)) > MAX_LATE:
        yield f"it says {record.time}, and came at {first.modified}"


def _linked(item: Kept, there: set[str]) -> Kept:
    """Return a record that says where the one that it goes on from is missing."""
    if not item.record.previous or item.record.previous in there:
        return item
    why = f"the record before it is not there: {item.record.previous}"
    return msgspec.structs.replace(item, wrong=(*item.wrong, why))


def evidence(store: Store, reference: Reference) -> bytes | None:
    """Return what a record refers to; ``None`` where no version of it is there as it was.

    Raises as the store does: what cannot be read is not taken for missing.
    """
    key = evidence_key(reference.digest)
    for item in store.listing(key):
        if item.key == key and not item.marker and item.size == reference.size:
            data = store.read(key, reference.size, item.version)
            if data is not None and canonical.digest(data) == reference.digest:
                return data
    return None


def mark(kept: Kept, store: Store) -> Marking:
    """Return what the entry says that marks a record: then everything that it refers to is in the ledger as well.

    What is missing is counted, so that a record which lost something is marked nevertheless.
    """
    record = kept.record
    pieces = {MARK: Piece(kept.data)}
    missing = 0
    for name, reference in sorted(record.references.items()):
        data = evidence(store, reference)
        if data is None:
            missing += 1
        else:
            pieces[_name_of(name)] = Piece(data, reference.media_type)
    details: dict[str, str | int | bool] = {
        MARK: kept.digest,
        "event": record.event,
        "at": record.time,
        "from": store.name,
        "lost": record.lost,
        "why": record.why,
        "missing": missing,
        "wrong": len(kept.wrong),
        **{name: record.details[name] for name in _CARRIED if name in record.details},
    }
    return Marking(record.change, record.commit, record.tree, details, pieces)


def _name_of(name: str) -> str:
    """Return how the entry that marks a record calls what the record refers to: nothing takes the record's own name."""
    return f"{MARK} {name}"


def marked_by(entry: Entry) -> str:
    """Return the digest of the record that an entry marks; empty where it marks none."""
    found = entry.details.get(MARK)
    return found if isinstance(found, str) and MARK in entry.references else ""


def unmarked(records: Sequence[Kept], entries: Iterable[Entry]) -> tuple[Kept, ...]:
    """Return the records that no entry of their chain marks yet, the oldest first."""
    known = {marked_by(entry) for entry in entries}
    return tuple(item for item in records if item.digest not in known)


def record_in(data: bytes, keys: GateKeys) -> Degraded | None:
    """Return the record in an envelope that a gate sealed; ``None`` where there is none."""
    try:
        return _opened(data, MARK, keys, "")
    except _Refused:
        return None


def mark_problems(
    entry: Entry, pieces: Mapping[str, bytes], keys: GateKeys, before: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield what does not hold of an entry that marks a record, by what it refers to.

    ``before`` are the digests that earlier entries of the chain mark.
    """
    digest, data = marked_by(entry), pieces.get(MARK)
    if not digest or data is None:
        yield "it marks no record of an emergency, or the record is missing"
        return
    if canonical.digest(data) != digest:
        yield "the record that it marks is another one than it names"
        return
    try:
        record = _opened(data, MARK, keys, "")
        _check_place(record, degraded_key(record), entry.stack, entry.ledger)
    except _Refused as refused:
        yield f"the record that it marks does not count: {refused.why}"
        return
    if digest in before:
        yield "the record that it marks was marked before"
    if (record.change, record.commit, record.tree) != (entry.change, entry.commit, entry.tree):
        yield "it is about another change than the record that it marks"
    if instants.seconds(record.time) - instants.seconds(entry.time) > MAX_LATE:
        yield "the record that it marks is later than it"
    absent = [
        name
        for name, item in record.references.items()
        if entry.references.get(_name_of(name)) != item  # the same bytes, under another name
    ]
    if len(absent) != entry.details.get("missing"):
        yield "it does not bring everything that the record refers to, and does not say so"
