"""What follows from the mark of a record of an emergency, and whether a chain's marks hold.

For each entry ``degraded``:

1. the record that it marks is a gate's, of its ledger, stack and change, and was not marked before
2. a decision, made once more from what the record refers to, gives the same bytes
3. what was begun goes on from a decision that let it pass, how it ended from what was begun; both are marked before
4. the state is what follows from the record: its emergency waits for a review, its approvals are used up
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from iacgate.change.emergency import marked as emergency_marked
from iacgate.errors import ApplyRefused
from iacgate.evidence.degraded import Degraded
from iacgate.evidence.degradedread import MARK, mark_problems, marked_by, record_in
from iacgate.evidence.entry import Entry, Seen, State
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import pruned
from iacgate.evidence.outage import BEGUN, ENDS, Begun, read_begun

_BELOW: Final = f"{MARK} "


def after_mark(state: State, record: Degraded, begun: Begun | None, sequence: int) -> State:
    """Return the state after a record was marked by the entry of a number.

    ``begun`` is what a record of a beginning refers to, ``None`` where that is missing. An emergency of the same name
    that was reviewed waits for a review again. A Terraform state is taken as seen where nobody saw a later one of its
    lineage. Raises :class:`iacgate.errors.ApplyRefused` where the chain can hold no further emergency.
    """
    if record.event == "intended" and begun is not None:
        emergencies = state.emergencies
        if begun.emergency is not None:
            new = msgspec.structs.replace(
                begun.emergency, time=record.time, latest=record.time, sequence=sequence, change=record.change
            )
            emergencies = emergency_marked(emergencies, new)
        used = {**begun.used, **{name: max(until, begun.used.get(name, "")) for name, until in state.used.items()}}
        return msgspec.structs.replace(state, emergencies=emergencies, used=used)
    if record.event in ENDS:
        return msgspec.structs.replace(state, seen=_seen(state.seen, record))
    return state


def _seen(before: Seen | None, record: Degraded) -> Seen | None:
    lineage, serial, digest = (record.details.get(f"after{name}") for name in ("Lineage", "Serial", "Digest"))
    if not isinstance(lineage, str) or not isinstance(serial, int) or not isinstance(digest, str):
        return before
    if before is not None and (before.lineage != lineage or before.serial >= serial):
        return before
    return Seen(lineage, serial, digest)


class Marks:
    """The marks of one chain, each held against those before it."""

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer
        self._marked: dict[str, Degraded | None] = {}

    @staticmethod
    def wants(name: str) -> bool:
        """Return whether it needs what an entry refers to by a name."""
        return name in (MARK, f"{_BELOW}{BEGUN}") or Replayer.decides(name.removeprefix(_BELOW))

    def note(self, entry: Entry) -> None:
        """Take a mark into account of which nothing is asked."""
        if entry.event == MARK:
            self._marked[marked_by(entry)] = None

    def problems(self, entry: Entry, pieces: Mapping[str, bytes], keys: GateKeys, before: State) -> Iterator[str]:
        """Yield what does not hold of a mark, and take it into account; of other entries nothing is asked.

        ``before`` is the state of the chain before the entry.
        """
        if entry.event != MARK:
            return
        yield from mark_problems(entry, pieces, keys, frozenset(self._marked))  # 1
        record = record_in(pieces.get(MARK, b""), keys)
        if record is not None:
            yield from self._record_problems(entry, record, pieces)
            if _after(entry, record, pieces, before) != entry.state:  # 4
                yield "its state is not what follows from the record that it marks"
        self._marked[marked_by(entry)] = record

    def _record_problems(self, entry: Entry, record: Degraded, pieces: Mapping[str, bytes]) -> Iterator[str]:
        if record.event == "decided":
            below = {name.removeprefix(_BELOW): data for name, data in pieces.items() if name.startswith(_BELOW)}
            yield from (f"the record that it marks: {what}" for what in self._replayer.decision(record, below))  # 2
        elif record.previous not in self._marked:  # 3
            yield "the record that it marks goes on from one that is not marked"
        elif (last := self._marked[record.previous]) is not None and not _goes_on(record, last):
            yield "the record that it marks goes on from one that does not let it"
        if entry.details.get("event") != record.event or entry.details.get("at") != record.time:
            yield "it says something else than the record that it marks"


def _goes_on(record: Degraded, last: Degraded) -> bool:
    same = record.change == last.change
    if record.event != "interrupted":  # which knows no commit
        same = same and (record.commit, record.tree) == (last.commit, last.tree)
    if record.event == "intended":
        return same and last.event == "decided" and last.details.get("exitCode") == 0
    run = record.details.get("run")
    return same and record.event in ENDS and last.event == "intended" and last.details.get("run") == run


def _after(entry: Entry, record: Degraded, pieces: Mapping[str, bytes], before: State) -> State | None:
    """Return the state that must follow; ``None`` where none can."""
    try:
        return after_mark(
            pruned(before, entry.time), record, read_begun(pieces.get(f"{_BELOW}{BEGUN}")), entry.sequence
        )
    except ApplyRefused:
        return None
