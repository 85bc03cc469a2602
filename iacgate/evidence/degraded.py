"""Records of an emergency whose ledger cannot be reached: kept in a second store, and marked in the chain later.

    degraded/stack-<name>=/<instant>-<nonce>.json      one record, sealed by the gate
    evidence/sha256/<digest>                           what records refer to

A record says what an entry would say, but for its place in a chain, which nobody knows then. It is sealed as a kind of
its own, so that no entry passes for one and it passes for no entry. Nothing is replaced: each record has a nonce that
nobody drew before, in its content and in its key. Of several versions of a key, the first counts.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.approval.envelope import Kind
from iacgate.errors import EvidenceInvalid, SignatureInvalid
from iacgate.evidence.entry import MAX_ENTRY, Actor, Event, Instant, Reference, Settings, Sha256, Text
from iacgate.evidence.gatekeys import GateKeys, Signer
from iacgate.evidence.layout import LOG, chain_prefix, evidence_key, stack_of
from iacgate.evidence.ledger import Draft
from iacgate.evidence.store import Store, read_named, together

DEGRADED: Final = Kind("application/vnd.iacgate.degraded+json", "iacgate-degraded-v1", 2 * MAX_ENTRY)
PREFIX: Final = "degraded/"
MAX_TEXT: Final = 1000
_HINT: Final = "Find out who wrote it."


class Lost(msgspec.Struct, frozen=True):
    """The ledger that cannot be reached: its genesis, which the settings pin, its store's name, and what went wrong."""

    ledger: str
    store: str
    why: str


class Degraded(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One record.

    ``lost`` is the name of the store that could not be reached, ``why`` what it answered. ``previous`` is the digest of
    the record, as it is stored, that this one goes on from: of the decision where something was begun, of the
    beginning where it ended; empty for none. ``time`` is by the second store's clock. All else is as in an entry.
    """

    format: Literal[1] = 1
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    ledger: Sha256
    lost: Text
    why: Text
    previous: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    stack: Text
    event: Event
    time: Instant
    actor: Actor
    change: Text
    commit: Text
    tree: Text
    settings: Settings
    tool: dict[Text, Text]
    references: dict[Text, Reference]
    details: dict[Text, str | int | bool]


class Written(msgspec.Struct, frozen=True):
    """A record that was stored: where, the digest of its bytes, and what it says."""

    key: str
    digest: str
    record: Degraded


def degraded_prefix(stack: str) -> str:
    """Return where the records of a stack are; raises :class:`EvidenceInvalid` for a name that is too long."""
    return PREFIX + chain_prefix(stack).removeprefix(LOG)


def stack_of_record(key: str) -> str | None:
    """Return whose records a key below ``degraded/`` is among; ``None`` for no stack's."""
    return stack_of(LOG + key.removeprefix(PREFIX)) or None


def degraded_key(record: Degraded) -> str:
    """Return the key of a record."""
    instant = record.time.replace("-", "").replace(":", "")
    return f"{degraded_prefix(record.stack)}{instant}-{record.nonce}.json"


def write_degraded(store: Store, draft: Draft, lost: Lost, signer: Signer, previous: str = "") -> Written:
    """Store what an entry would refer to, then the record, in a second store.

    What the draft makes of a chain's state is left out: it is made where the record is marked. Raises
    :class:`EvidenceInvalid` where anything of it cannot be stored, or the store is the one that was lost or is not fit
    for evidence: then there is no record, and nothing may be applied.
    """
    if store.name == lost.store:
        raise EvidenceInvalid(f"{store.name}: that is the store which cannot be reached.", hint="Name a second one.")
    problems = store.problems()
    if problems:
        raise EvidenceInvalid(f"{store.name}: {problems[0]}", hint="Mend it: `iacgate doctor` says how.")
    waiting = {canonical.digest(piece.data): piece.data for piece in draft.pieces.values()}
    together([partial(_put, store, evidence_key(digest), data) for digest, data in waiting.items()])
    record = _record(draft, lost, previous, store.now())
    data = signer.sign(encode(record), DEGRADED)
    try:
        GateKeys([signer.pinned]).verified(data, DEGRADED)
    except SignatureInvalid as error:
        raise EvidenceInvalid(f"What was signed: {error.message}", hint="Look at the gate's key.") from error
    key = degraded_key(record)
    _put(store, key, data)
    return Written(key, canonical.digest(data), record)


def _record(draft: Draft, lost: Lost, previous: str, now: str) -> Degraded:
    references = {
        name: Reference(canonical.digest(piece.data), piece.media_type, len(piece.data))
        for name, piece in draft.pieces.items()
    }
    return Degraded(
        nonce=secrets.token_hex(16),
        ledger=lost.ledger,
        lost=lost.store[:MAX_TEXT],
        why=lost.why[:MAX_TEXT],
        previous=previous,
        stack=draft.stack,
        event=draft.event,
        time=now,
        actor=draft.actor,
        change=draft.change,
        commit=draft.commit,
        tree=draft.tree,
        settings=draft.settings,
        tool=dict(draft.tool),
        references=references,
        details=dict(draft.details),
    )


def _put(store: Store, key: str, data: bytes) -> None:
    """Store an object, or find it there: an answer may be lost, and what it is about is not."""
    try:
        if store.create(key, data):
            return
    except EvidenceInvalid:
        if store.read(key, len(data)) == data:
            return
        raise
    if read_named(store, key, len(data), canonical.digest(data)) != data:
        raise EvidenceInvalid(f"{store.name}: {key} is something else.", hint="Find out who did it.")


def encode(record: Degraded) -> bytes:
    """Return the bytes of a record that are signed.

    Raises :class:`EvidenceInvalid` where they are too many, or nobody could read them.
    """
    try:
        data = canonical.canonical_json(record)
    except UnicodeEncodeError as error:
        raise EvidenceInvalid("The record holds what is no text.", hint="Report this.") from error
    decode(data, "The record")
    return data


def decode(data: bytes, where: str) -> Degraded:
    """Return a record.

    Raises :class:`EvidenceInvalid`, naming ``where``, where it is not one that this version understands.
    """
    try:
        if len(data) > MAX_ENTRY:
            raise ValueError("too long")
        record = msgspec.convert(strictjson.decode(data), Degraded)
        if not instants.is_instant(record.time) or canonical.canonical_json(record) != data:
            raise ValueError("no instant, or another spelling")
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"{where}: no record of an emergency.", hint=_HINT) from error
    return record
