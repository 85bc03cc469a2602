"""A chain that somebody tampered with: what is found, and the entry that records it so that the gate works again.

1. The whole chain is read, the first version of every key: that is the one which was written where nothing was.
2. Its entries must be linked from the first to the last. Where they are not, something was lost that no entry brings
   back, and nothing is repaired.
3. Every later version, marker and key without an entry that no repair names yet is named, with what it holds; in the
   ledger's own chain, also the later versions and markers of what entries refer to.

From then on the first versions count, and what is named stays in sight of everybody who verifies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.chain import MAX_JUNK, Head, Slot, slots
from iacgate.evidence.entry import MAX_ENTRY, Actor, label_of
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import Found, NoEntry, chain_of, read_chain
from iacgate.evidence.layout import EVIDENCE, evidence_key
from iacgate.evidence.ledger import Draft, Ledger, Look, Receipt
from iacgate.evidence.store import Store, Stored, together

MAX_REASON: Final = 500
"""Characters of why."""

_ELSEWHERE: Final = "Restore it from a copy (`iacgate evidence copy`), or begin another ledger and keep this one."


class Harm(msgspec.Struct, frozen=True):
    """Something in a chain that is no entry of it: ``name`` is a key, or a version of one (``key@version``).

    ``digest`` is of what it holds; empty for a marker, and for a version that is too large to be looked at.
    """

    name: str
    digest: str
    what: str


class Damage(msgspec.Struct, frozen=True):
    """What was found in a chain: its head by the first versions, and what no repair names yet."""

    stack: str
    head: Head
    harms: tuple[Harm, ...]


def look_at(ledger: Ledger, stack: str) -> Damage:
    """Return what is wrong with a chain.

    Raises :class:`EvidenceInvalid` where there is no such chain, where its entries are not linked, or where what a
    repair named before is something else now: no entry mends that.
    """
    chain = chain_of(ledger, stack)
    where = f"{ledger.store.name}, chain {label_of(stack)}"
    if not chain:
        raise EvidenceInvalid(f"{where}: there is none.", hint="`iacgate evidence list` shows what there is.")
    newest: Opened | None = None
    harms: list[Harm] = []
    for slot, found in read_chain(ledger, stack, chain):
        newest = _linked((slot, found), newest, ledger.genesis, where)
        harms += [*_without_entry(found), *_later(ledger.store, slot)]
    harms += [] if stack else _to_evidence(ledger)
    known = newest.entry.state.skipped if newest else {}
    _check_known(known, harms, where)
    waiting = tuple(harm for harm in harms if harm.name not in known)
    taken = {slot.sequence for slot in chain}
    free = (newest.entry.sequence if newest else 0) + 1
    while free in taken:
        free += 1
    return Damage(stack, Head(newest, free), waiting)


def _linked(found: Found, newest: Opened | None, genesis: str, where: str) -> Opened | None:
    """2."""
    opened = found[1]
    if isinstance(opened, NoEntry):
        return newest
    if opened.entry.previous != (newest.digest if newest else genesis):
        raise EvidenceInvalid(
            f"{where}: entry {opened.entry.sequence} does not follow the one before it; no repair mends that.",
            hint=_ELSEWHERE,
        )
    return opened


def _without_entry(found: Opened | NoEntry) -> Iterator[Harm]:
    if isinstance(found, NoEntry):
        yield Harm(found.key, found.digest, f"holds no entry: {found.why.removeprefix(f'{found.key}: ')}")


def _later(store: Store, slot: Slot) -> list[Harm]:
    """Return the versions and markers that came after a key's first."""
    digests = together([partial(_digest_of, store, item) for item in slot.later])
    return [
        Harm(name, digest, f"was {'deleted' if item.marker else 'written again'} at {item.modified}")
        for item, name, digest in zip(slot.later, slot.later_names, digests, strict=True)
    ]


def _to_evidence(ledger: Ledger) -> list[Harm]:
    """Return the versions and markers that came after evidence of which the first version is still what it was.

    Of other evidence nothing is named: it is lost, and stays a finding.
    """
    touched = [slot for slot in slots(ledger.store.listing(EVIDENCE), "") if slot.later and slot.first]
    return [harm for slot in touched if _is_whole(ledger.store, slot) for harm in _later(ledger.store, slot)]


def _is_whole(store: Store, slot: Slot) -> bool:
    if slot.first is None:
        return False
    data = store.read(slot.key, slot.first.size, slot.first.version)
    return data is not None and evidence_key(canonical.digest(data)) == slot.key


def _digest_of(store: Store, item: Stored) -> str:
    if item.marker or item.size > 2 * MAX_ENTRY:
        return ""
    data = store.read(item.key, 2 * MAX_ENTRY, item.version)
    return "" if data is None else canonical.digest(data)


def _check_known(known: Mapping[str, str], harms: list[Harm], where: str) -> None:
    for harm in harms:
        if "@" not in harm.name and known.get(harm.name, harm.digest) != harm.digest:
            raise EvidenceInvalid(
                f"{where}: {harm.name} is not what an earlier repair found there; no repair mends that.",
                hint=_ELSEWHERE,
            )


def repair(ledger: Ledger, damage: Damage, reason: str, actor: Actor, tool: Mapping[str, str]) -> Receipt:
    """Append the entry that names what was found.

    Raises :class:`EvidenceInvalid` where there is more than a chain can carry, or nothing is stored.
    """
    names = {harm.name: harm.digest for harm in damage.harms}
    known = damage.head.state.skipped
    if len(names) + len(known) > MAX_JUNK:
        raise EvidenceInvalid(
            f"{len(names) + len(known)} keys and versions are no entries, {MAX_JUNK} at most can be named.",
            hint="Find who writes them first. Then begin another ledger, and keep this one as it is.",
        )
    draft = Draft(
        event="repaired",
        stack=damage.stack,
        actor=actor,
        tool=tool,
        details={"keys": len(names), "reason": reason},
        advance=lambda state, *_: msgspec.structs.replace(state, skipped={**state.skipped, **names}),
    )
    return ledger.append(draft, Look(damage.head, damage.head))
