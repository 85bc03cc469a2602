"""Chains as they are read whole: every key with the entry that it holds, or why it holds none.

The gate reads the newest keys only (:mod:`iacgate.evidence.chain`); whoever verifies, lists, exports or repairs
reads from one end to the other, some keys at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from iacgate import canonical
from iacgate.errors import EvidenceInvalid, IacgateError
from iacgate.evidence.chain import Slot, is_here, slots
from iacgate.evidence.entry import MAX_ENTRY
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.layout import LOG, chain_prefix, stack_of
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.recorded import MAX_RECORDED, SETTINGS, ReadRoster, read_settings_files
from iacgate.evidence.store import Stored, together

_AT_ONCE: Final = 32


class NoEntry(msgspec.Struct, frozen=True):
    """A key of a chain that holds no entry: its number (0: none), the digest of what it holds, and why."""

    key: str
    sequence: int
    digest: str
    why: str


Found: TypeAlias = tuple[Slot, Opened | NoEntry]
"""A key, and what it holds."""


def chains_in(listed: Iterable[Stored]) -> dict[str, list[Slot]]:
    """Return the chains of a listing by their stacks, in the order of names, each with its oldest key first."""
    by_stack: dict[str, list[Stored]] = {}
    for item in listed:
        stack = stack_of(item.key) if item.key.startswith(LOG) else None
        if stack is not None:
            by_stack.setdefault(stack, []).append(item)
    return {stack: slots(items, stack)[::-1] for stack, items in sorted(by_stack.items())}


def chain_of(ledger: Ledger, stack: str) -> list[Slot]:
    """Return the keys of one chain, the oldest first; none where there is no such chain."""
    return slots(ledger.store.listing(chain_prefix(stack)), stack)[::-1]


def read_chain(ledger: Ledger, stack: str, chain: Sequence[Slot]) -> Iterator[Found]:
    """Yield what some keys of a chain hold, in their order.

    Each is opened when it is asked for, so that a key which an entry brings counts for the next. Raises
    :class:`EvidenceInvalid` where the store does not answer.
    """
    for at in range(0, len(chain), _AT_ONCE):
        batch = chain[at : at + _AT_ONCE]
        for slot, data in zip(batch, together([partial(read_first, ledger, slot) for slot in batch]), strict=True):
            yield slot, _open(ledger, slot, data, stack)


def read_first(ledger: Ledger, slot: Slot) -> bytes | None:
    """Return the first version of a key: nothing of what is too large or has no number, ``None`` where it is gone."""
    if slot.first is None:
        return None
    if slot.first.size > 2 * MAX_ENTRY or slot.sequence is None:
        return b""
    return ledger.store.read(slot.key, 2 * MAX_ENTRY, slot.first.version)


def _open(ledger: Ledger, slot: Slot, data: bytes | None, stack: str) -> Opened | NoEntry:
    none = NoEntry(slot.key, slot.sequence or 0, canonical.digest(data or b""), f"{slot.key}: not to be read.")
    if data is None:
        return none
    try:
        found = ledger.keys.open(data, slot.key)
    except EvidenceInvalid as error:
        return msgspec.structs.replace(none, why=error.message)
    if is_here(found.entry, slot, stack, ledger.genesis):
        return found
    return msgspec.structs.replace(none, why=f"{slot.key}: an entry of another place.")


def meet_gates(ledger: Ledger, read_roster: ReadRoster) -> None:
    """Take the gates' keys of all recorded settings, each of which a gate that is known already vouches for.

    What cannot be read is passed over: its gates stay unknown, and `iacgate evidence verify` says why.
    """
    for _, found in read_chain(ledger, "", chain_of(ledger, "")):
        if isinstance(found, NoEntry) or found.entry.event != "settings":
            continue
        reference = found.entry.references.get(SETTINGS)
        if reference is None or reference.size > MAX_RECORDED:
            continue
        try:
            data = ledger.evidence(reference.digest, reference.size)
            ledger.keys.add(read_roster(read_settings_files(data, found.entry.settings.digest)))
        except IacgateError:
            continue
