"""What a second store says of an outage of the ledger: what was begun in it, and with which approvals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from iacgate import strictjson
from iacgate.change.emergency import Emergency
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.degradedread import Kept, evidence
from iacgate.evidence.entry import Instant, Intent, Sha256, State
from iacgate.evidence.store import Store

BEGUN: Final = "begun"
"""What a record of a beginning refers to as what follows from it for its chain."""

ENDS: Final = ("applied", "failed", "interrupted")


class Begun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was begun while the ledger could not be reached: the emergency, and the approvals that it uses up."""

    emergency: Emergency | None
    used: dict[Sha256, Instant]


class Outage(msgspec.Struct, frozen=True):
    """What is known without the ledger: a state with approvals that were used up and an apply that has not ended.

    ``begun`` is the digest of the record of that apply, empty for none.
    """

    state: State
    begun: str


def outage_of(records: Sequence[Kept], store: Store) -> Outage:
    """Return what a second store says of a stack; in it, approvals count for one beginning, however that ended.

    Raises :class:`EvidenceInvalid` where what was begun is not there any more.
    """
    begun = [item for item in records if item.record.event == "intended"]
    used: dict[str, str] = {}
    for item in begun:
        used |= _begun(item, store).used
    ended = {item.record.previous for item in records if item.record.event in ENDS}
    left = [item for item in begun if item.digest not in ended]
    return Outage(State(used=used, intent=_intent(left[-1])), left[-1].digest) if left else Outage(State(used=used), "")


def _begun(item: Kept, store: Store) -> Begun:
    reference = item.record.references.get(BEGUN)
    found = read_begun(evidence(store, reference)) if reference else None
    if found is None:
        raise EvidenceInvalid(
            f"{store.name}: {item.key} began to apply, and nobody knows any more by which approvals.",
            hint="Find out who took that away; until the ledger is back, nothing is applied here.",
        )
    return found


def _intent(item: Kept) -> Intent:
    record = item.record
    return Intent(record.change, str(record.details.get("run", "")), "", {}, record.time, 1)


def read_begun(data: bytes | None) -> Begun | None:
    """Return what was begun; ``None`` where that is not there, or of another form."""
    try:
        return None if data is None else msgspec.convert(strictjson.decode(data), Begun)
    except (ValueError, RecursionError):
        return None
