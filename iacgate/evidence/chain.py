"""Finding the head of a chain in a listing of its newest keys, whatever else somebody put there.

1. A key that holds an entry and has a further version, or a marker, was overwritten or deleted: nothing is decided
   until somebody has looked at it (``iacgate evidence repair``).
2. What holds no entry is skipped, and a repair entry says so. What would be one, were it sealed by a gate, is looked
   at by somebody first, as in 1: a gate's key may be missing in people.yaml.
3. The first that holds one is the head. The entries below it, as far as they were read, are linked.

A store with versions keeps the first version of a key, which is the one that was written where nothing was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.errors import EvidenceInvalid, SignatureInvalid
from iacgate.evidence.entry import MAX_SEQUENCE, Entry, State, decode
from iacgate.evidence.gatekeys import ENTRY, GateKeys, Opened
from iacgate.evidence.layout import sequence_of
from iacgate.evidence.store import Stored

LOOK_AT: Final = 64
"""So many versions of the newest keys are listed."""

READ_AT_ONCE: Final = 8
MAX_JUNK: Final = 40
"""So many keys that hold no entry are skipped; whoever puts more there has to be found first."""

_TAMPERED: Final = "Find out who did it; then `iacgate evidence repair` records that, and what was there first counts."


class Slot(msgspec.Struct, frozen=True):
    """One key of a chain: its number (``None``: it has none), its first version, and the later ones."""

    key: str
    sequence: int | None
    first: Stored | None
    later: tuple[Stored, ...]

    @property
    def later_names(self) -> tuple[str, ...]:
        """How the later versions are named where they are skipped."""
        return tuple(f"{self.key}@{item.version}" for item in self.later)


class Head(msgspec.Struct, frozen=True):
    """The newest entry of a chain (``None``: there is none yet), and what the next one follows from.

    ``free`` is the number that the next one takes; ``junk`` are keys and versions that hold no entry and that no
    repair entry has named yet, with the digests of what they hold.
    """

    newest: Opened | None
    free: int
    junk: Mapping[str, str] = {}

    @property
    def state(self) -> State:
        """What follows from the chain so far."""
        return self.newest.entry.state if self.newest else State()

    @property
    def time(self) -> str:
        """When the newest entry was made; empty where there is none."""
        return self.newest.entry.time if self.newest else ""


def slots(listed: Iterable[Stored], stack: str) -> list[Slot]:
    """Return the keys of a listing, the newest entry's first, each with its versions.

    The first version of a key that has only markers is not there any more, or was not listed.
    """
    by_key: dict[str, list[Stored]] = {}
    for item in listed:
        by_key.setdefault(item.key, []).append(item)
    found = []
    for key, versions in sorted(by_key.items()):
        oldest_first = versions[::-1]  # a listing has the newest version of a key first
        first = next((item for item in oldest_first if not item.marker), None)
        found.append(
            Slot(key, sequence_of(key, stack), first, tuple(item for item in oldest_first if item is not first))
        )
    return found


class Reading:
    """What has been read of a chain's newest keys, until its head is found.

    ``timed`` says that the store's times are nobody's to set.
    """

    def __init__(
        self, stack: str, genesis: str, listed: Sequence[Stored], keys: GateKeys, where: str, *, timed: bool = False
    ) -> None:
        self.stack, self._genesis, self._keys, self._where, self._timed = stack, genesis, keys, where, timed
        whole = len(listed) < LOOK_AT
        self._slots = slots(listed, stack)
        if not whole and self._slots:
            self._slots.pop()  # its versions may not all have been listed
        self._slots.sort(key=lambda slot: slot.sequence is not None)  # what has no number is junk, wherever it stands
        self._contents: dict[str, bytes | None] = {}
        self._whole = whole

    def wanted(self) -> list[Stored]:
        """Return what has to be read next: nothing where the head is found, or there is none."""
        if self._head() is not None:
            return []
        waiting = [slot.first for slot in self._slots if slot.first and slot.key not in self._contents]
        return waiting[:READ_AT_ONCE]

    def read(self, contents: Mapping[str, bytes | None]) -> None:
        """Take what was read, by key."""
        self._contents.update(contents)

    def head(self) -> Head:
        """Return the head.

        Raises :class:`EvidenceInvalid` where an entry was overwritten or deleted, is not linked to the one below
        it, or where more than can be skipped holds no entry.
        """
        found = self._head()
        newest, at = found if found else (None, len(self._slots))
        if newest is None and not self._whole:
            raise EvidenceInvalid(
                f"{self._where}: none of the newest {LOOK_AT} keys holds an entry.", hint="Find out who wrote them."
            )
        self._check_above(newest, at)
        self._check_links(newest, at)
        if newest and self._timed and backdated(newest, self._slots[at], self._keys):
            raise EvidenceInvalid(
                f"{self._where}: entry {newest.entry.sequence} came after its key was revoked, whatever it says.",
                hint="Find out who has the key; nothing is decided in this chain until then.",
            )
        known = newest.entry.state.skipped if newest else {}
        junk = self._junk(at, known)
        taken = {slot.sequence for slot in self._slots}
        free = (newest.entry.sequence if newest else 0) + 1
        while free in taken:
            free += 1
        if len(junk) + len(known) > MAX_JUNK or free > MAX_SEQUENCE:
            raise EvidenceInvalid(
                f"{self._where}: {len(junk) + len(known)} keys hold no entry.", hint="Find out who wrote them."
            )
        return Head(newest, free, junk)

    def _head(self) -> tuple[Opened, int] | None:
        for at, slot in enumerate(self._slots):
            opened = self._opened(slot)
            if opened is not None:
                return opened, at
        return None

    def _opened(self, slot: Slot) -> Opened | None:
        """Return the entry that a key holds, ``None`` where it holds none of this chain, or was not read."""
        data = self._contents.get(slot.key)
        return opened(data, slot, self.stack, self._genesis, self._keys) if data is not None else None

    def _is_strangers(self, slot: Slot) -> bool:
        """Return whether a key holds an entry of this chain, by its own word, that no gate sealed."""
        data = self._contents.get(slot.key)
        if data is None:
            return False
        try:
            entry = decode(envelope.parse(data, ENTRY).payload, slot.key)
        except (SignatureInvalid, EvidenceInvalid):
            return False
        return is_here(entry, slot, self.stack, self._genesis)

    def _check_links(self, newest: Opened | None, at: int) -> None:
        """Check what was read from the head down."""
        known = newest.entry.state.skipped if newest else {}
        above = newest
        for slot in self._slots[at:]:
            entry, was_read = self._opened(slot), slot.key in self._contents
            if (entry is not None or not was_read) and any(name not in known for name in slot.later_names):
                raise EvidenceInvalid(
                    f"{self._where}: {slot.key} was overwritten, or deleted, after it was written.", hint=_TAMPERED
                )
            if not was_read and slot.first is not None:
                return
            if entry is None:
                if slot.key not in known:
                    raise self._broken(above)
            elif above is not None and above.digest != entry.digest:
                if above.entry.previous != entry.digest or above.entry.time < entry.entry.time:
                    raise self._broken(above)
                above = entry
        if self._whole and above is not None and above.entry.previous != self._genesis:
            raise self._broken(above)

    def _broken(self, above: Opened | None) -> EvidenceInvalid:
        number = above.entry.sequence if above else 0
        return EvidenceInvalid(
            f"{self._where}: entry {number} does not follow the one before it.",
            hint="Somebody changed, removed or added entries. Nothing is decided until it is known who.",
        )

    def _check_above(self, newest: Opened | None, at: int) -> None:
        """Check what stands above the head, or at all where there is none, and holds no entry."""
        known = newest.entry.state.skipped if newest else {}
        for slot in self._slots[:at]:
            if slot.first is None and any(name not in known for name in slot.later_names):
                raise EvidenceInvalid(f"{self._where}: {slot.key} was deleted.", hint=_TAMPERED)
            if slot.key not in known and self._is_strangers(slot):
                raise EvidenceInvalid(
                    f"{self._where}: {slot.key} is an entry that was sealed with a key which is no gate's.",
                    hint="Is a gate's key missing in people.yaml? Keep it there, with its end. " + _TAMPERED,
                )

    def _junk(self, at: int, known: Mapping[str, str]) -> dict[str, str]:
        """Return what holds no entry above the head, and was not named yet."""
        found = {}
        for slot in self._slots[:at]:
            data = self._contents.get(slot.key)
            if slot.key not in known and data is not None:
                found[slot.key] = canonical.digest(data)
            found.update({name: "" for name in slot.later_names if name not in known})
        return found


def backdated(found: Opened, slot: Slot, keys: GateKeys) -> bool:
    """Return whether an entry came after its key was revoked, by the time at which the store saw it."""
    return slot.first is not None and keys.revoked_before(found.key, slot.first.modified)


def opened(data: bytes, slot: Slot, stack: str, genesis: str, keys: GateKeys) -> Opened | None:
    """Return the entry that some bytes are at a key of a chain; ``None`` where they are none."""
    try:
        found = keys.open(data, slot.key)
    except EvidenceInvalid:
        return None
    return found if is_here(found.entry, slot, stack, genesis) else None


def is_here(entry: Entry, slot: Slot, stack: str, genesis: str) -> bool:
    """Return whether an entry belongs to the chain and the key at which it stands."""
    return entry.ledger == genesis and entry.stack == stack and entry.sequence == slot.sequence
