"""A ledger held against checkpoints that were kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence import checkpoint as checkpoints
from iacgate.evidence.chain import Head
from iacgate.evidence.checkpoint import MAX_HEADS, Arrived, Checkpoint
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.layout import evidence_key
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.report import Problem


def keep(ledger: Ledger, heads: Mapping[str, Head]) -> bytes:
    """Store the list of the heads of a ledger as evidence, and return it.

    Raises :class:`EvidenceInvalid` where it cannot be stored.
    """
    data = checkpoints.heads_of(heads)
    key = evidence_key(canonical.digest(data))
    if not ledger.store.create(key, data) and ledger.store.read(key, len(data)) != data:
        raise EvidenceInvalid(f"{ledger.store.name}: {key} is not what its name says.", hint="Find out who did it.")
    return data


class Given(msgspec.Struct, frozen=True):
    """One checkpoint that was given: its name, what it says, and its list of heads where the ledger has that."""

    name: str
    said: Checkpoint
    arrived: tuple[Arrived, ...] | None
    why: str = ""


class LookedAt(msgspec.Struct, frozen=True):
    """Checkpoints, the oldest first. ``marks`` are the entries that must be there, by stack and number."""

    ledger: str
    given: tuple[Given, ...]

    @property
    def marks(self) -> dict[tuple[str, int], str]:
        """The digests of the entries that the checkpoints name; of two for one entry, the older's."""
        found: dict[tuple[str, int], str] = {}
        for one in self.given:
            for item in one.arrived or ():
                found.setdefault((item.stack, item.sequence), item.digest)
        return found

    def problems(self, keys: GateKeys) -> list[Problem]:
        """Return what does not hold of the checkpoints; to be asked once all gates' keys are known."""
        return [Problem("", 0, "", what) for what in (*self._each(keys), *self._in_order())]

    def _each(self, keys: GateKeys) -> Iterator[str]:
        for one in self.given:
            if one.arrived is None:
                yield f"{one.name}: its list of heads is not in the ledger: {one.why}"
            for what in checkpoints.problems(one.said, one.arrived, self.ledger, keys):
                yield f"{one.name}: {what}"

    def _in_order(self) -> Iterator[str]:
        for older, newer in zip(self.given, self.given[1:], strict=False):
            if older.arrived is None or newer.arrived is None:
                continue
            for what in checkpoints.not_before(older.arrived, newer.arrived):
                yield f"{newer.name}, which is newer than {older.name}: {what}"


def looked_at(ledger: Ledger, texts: Sequence[tuple[str, bytes]]) -> LookedAt:
    """Return checkpoints by their names, with the lists of heads that they sign.

    Raises :class:`EvidenceInvalid` for what is no checkpoint.
    """
    found = [_given(ledger, name, checkpoints.parse(data, name)) for name, data in texts]
    return LookedAt(ledger.genesis, tuple(sorted(found, key=lambda one: (one.said.time, one.said.size))))


def _given(ledger: Ledger, name: str, said: Checkpoint) -> Given:
    try:
        data = ledger.evidence(said.heads, MAX_HEADS)
        return Given(name, said, tuple(checkpoints.read_heads(data)))
    except EvidenceInvalid as error:
        return Given(name, said, None, error.message)
