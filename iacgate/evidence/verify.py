"""Verifying a ledger: everything in it, by nobody's word but the genesis' keys and the people of the settings.

For the whole store:

1. every key is one of a ledger's, has exactly one version and no marker, and is kept for as long as it should be
2. each chain: sealed by a gate's key, its numbers without a gap, each linked to the one before, times that never go
   back, and a state that follows
3. everything that an entry refers to is there, and is what it was
4. every decision is made once more from its inputs, approvals verified again at their time, and gives the same bytes
5. nothing was applied that was not allowed before
6. what a checkpoint says is still there
7. where all chains are read: what was promoted was applied and verified before in the stack that it comes from

A finding names the entry, and why. Memory does not grow with the number of entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from iacgate.errors import EvidenceInvalid, IacgateError
from iacgate.evidence.byhand import passed_of
from iacgate.evidence.chain import Slot, backdated, slots
from iacgate.evidence.entry import Entry, State
from iacgate.evidence.follows import broken
from iacgate.evidence.history import NoEntry, chains_in, read_chain
from iacgate.evidence.judged import Judged, Replayer
from iacgate.evidence.layout import EVIDENCE, GENESIS, LOG, chain_prefix, entry_key, stack_of
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.marks import Marks
from iacgate.evidence.promotions import Promotions
from iacgate.evidence.recorded import SETTINGS, read_settings_files
from iacgate.evidence.report import Problem, Report
from iacgate.evidence.store import MAX_OBJECT, Stored

_MOST_MISSING: Final = 100
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Wanted(msgspec.Struct, frozen=True):
    """What is to be verified: one stack (``None``: all), and what was recorded since an instant, in depth.

    ``marks`` has the digests that entries must have, by stack and number, because a checkpoint says so. An ``excerpt``
    lacks entries, so that only those that follow each other directly are held against each other; the ledger's own
    chain is whole in it.
    """

    stack: str | None = None
    since: str = ""
    marks: Mapping[tuple[str, int], str] = {}
    excerpt: bool = False


class Verifier:
    """Verifies one ledger. ``step`` is told about progress: entries done, and how many there are."""

    def __init__(
        self, ledger: Ledger, replayer: Replayer, wanted: Wanted, step: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        self._ledger, self._replayer, self._wanted, self._step = ledger, replayer, wanted, step
        self._problems: list[Problem] = []
        self._recorded: list[Problem] = []
        self._touched: list[tuple[str, Problem]] = []
        self._named: dict[str, tuple[str, int]] = {}
        self._marks = dict(wanted.marks)
        self._objects: set[str] = set()
        self._loose: set[str] = set()
        self._entries = self._decisions = self._total = 0
        self._settings: dict[int, str] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        self._promotions = Promotions()

    def run(self) -> Report:
        """Return what was found.

        Raises :class:`EvidenceInvalid` where the store does not answer.
        """
        listed = self._ledger.store.listing("")
        self._check_keys(listed)
        self._loose = set(self._objects)
        chains = self._chains(listed)
        self._total = sum(map(len, chains.values()))
        for stack in sorted(chains):  # the ledger's own first: it says which settings there were, and who gates
            self._verify_chain(stack, chains[stack])
        for name, problem in self._touched:
            self._unless_named(name, problem)
        self._check_marks()
        if self._wanted.stack is None and not self._wanted.excerpt:
            self._promotions.check()  # 7
        return Report(
            genesis=self._ledger.genesis,
            chains=len(chains),
            entries=self._entries,
            decisions=self._decisions,
            objects=len(self._objects),
            heads=self._heads,
            problems=tuple(self._problems),
            recorded=tuple(self._recorded),
            loose=len(self._loose),
        )

    def _found(self, what: str, *, stack: str = "", sequence: int = 0, key: str = "") -> None:
        self._problems.append(Problem(stack, sequence, key, what))

    def _check_keys(self, listed: Sequence[Stored]) -> None:
        """1."""
        for what in self._ledger.store.problems():
            self._found(f"the store is not fit for evidence: {what}")
        unprotected = set(self._ledger.store.unprotected(listed))
        for slot in slots(listed, ""):
            self._check_versions(slot)
            if slot.key in unprotected:
                self._found("nothing keeps it from being removed", key=slot.key)
            if slot.key.startswith(EVIDENCE) and _DIGEST.fullmatch(slot.key.removeprefix(EVIDENCE)):
                self._objects.add(slot.key.removeprefix(EVIDENCE))
            elif slot.key != GENESIS and (not slot.key.startswith(LOG) or stack_of(slot.key) is None):
                self._found("no ledger has such a key", key=slot.key)

    def _check_versions(self, slot: Slot) -> None:
        """Note what was done to a key after it was written; whether a repair names it is known in the end."""
        stack = (stack_of(slot.key) if slot.key.startswith(LOG) else None) or ""
        if stack and self._wanted.stack not in (None, stack):
            return
        for item, name in zip(slot.later, slot.later_names, strict=True):
            what = f"it was {'deleted' if item.marker else 'written again'} after it was written, at {item.modified}"
            self._touched.append((name, Problem(stack, 0, slot.key, what)))
        if slot.first is None:
            what = "nothing is left of it but that it was deleted"
            self._touched.append((slot.key, Problem(stack, 0, slot.key, what)))

    def _unless_named(self, name: str, problem: Problem) -> None:
        """Report what was done to a key, unless its chain has a repair that names it: then it is recorded.

        What was done to evidence is named in the ledger's own chain.
        """
        stack, sequence = self._named.get(name, ("", 0))
        places = (chain_prefix(stack),) if stack else (chain_prefix(stack), EVIDENCE)
        if name.startswith(places) and sequence:
            self._recorded.append(msgspec.structs.replace(problem, stack=stack, sequence=sequence))
        else:
            self._problems.append(problem)

    def _chains(self, listed: Sequence[Stored]) -> dict[str, list[Slot]]:
        chains = chains_in(listed)
        if self._wanted.stack is not None and self._wanted.stack not in chains:
            self._found("there is no chain of this stack", stack=self._wanted.stack)
        return {stack: chain for stack, chain in chains.items() if self._is_wanted(stack)}

    def _is_wanted(self, stack: str) -> bool:
        return not stack or self._wanted.stack in (None, stack)

    def _verify_chain(self, stack: str, chain: Sequence[Slot]) -> None:
        """2."""
        state, previous, sequence, instant = State(), self._ledger.genesis, 0, ""
        pending: list[NoEntry] = []
        judged, marks = Judged(), Marks(self._replayer)
        for slot, opened in read_chain(self._ledger, stack, chain):
            if isinstance(opened, NoEntry):
                pending.append(opened)
                continue
            entry = opened.entry
            report = partial(self._found, stack=stack, sequence=entry.sequence, key=slot.key)
            if self._ledger.store.independent and backdated(opened, slot, self._ledger.keys):
                report("it came after its key was revoked, by the store's clock")
            if not self._wanted.excerpt or not stack or entry.sequence == sequence + 1:
                for what in (*_place(entry, previous, sequence, instant), *broken(state, entry)):
                    report(what)
            self._named.update(dict.fromkeys(entry.state.skipped.keys() - self._named, (stack, entry.sequence)))
            if self._marks.pop((stack, entry.sequence), opened.digest) != opened.digest:  # 6
                report("it is another entry than a checkpoint says")
            pieces = self._look_into(entry, state, judged, marks, report)
            self._promotions.note(opened, pieces, report)
            state, previous, sequence, instant = entry.state, opened.digest, entry.sequence, entry.time
            self._heads[stack] = (sequence, previous)
            self._entries += 1
            self._step(self._entries, self._total)
        self._verify_pending(stack, pending, state)

    def _verify_pending(self, stack: str, pending: Sequence[NoEntry], state: State) -> None:
        """Report keys that hold no entry and that no repair names with what they hold."""
        for item in pending:
            if state.skipped.get(item.key) != item.digest:
                self._found(f"{item.why} No repair says so.", stack=stack, sequence=item.sequence, key=item.key)
            else:
                at = self._named.get(item.key, (stack, 0))[1]
                self._recorded.append(Problem(stack, at, item.key, "it holds no entry"))

    def _check_marks(self) -> None:
        """6."""
        for stack, sequence in sorted(self._marks):
            if self._is_wanted(stack):
                self._found("a checkpoint says that it was there", stack=stack, sequence=sequence)

    def _look_into(
        self, entry: Entry, before: State, judged: Judged, marks: Marks, report: Callable[[str], None]
    ) -> dict[str, bytes]:
        """3 to 5. Return what an entry refers to, as far as somebody looked."""
        self._note_settings(entry, report)
        self._loose.difference_update(item.digest for item in entry.references.values())
        if entry.time < self._wanted.since and entry.event != "settings":  # these say who gates, now too
            judged.note(entry)
            marks.note(entry)
            return {}
        pieces = self._pieces(entry, report)
        if entry.event == "settings" and SETTINGS in pieces:
            self._meet_gates(pieces[SETTINGS], entry.settings.digest, report)
        self._decisions += entry.event == "decided"
        for what in (
            *self._replayer.problems(entry, pieces, before),
            *judged.problems(entry, before, passed_of(pieces)),
            *marks.problems(entry, pieces, self._ledger.keys, before),
        ):
            report(what)
        return pieces

    def _pieces(self, entry: Entry, report: Callable[[str], None]) -> dict[str, bytes]:
        """Return what an entry refers to and a decision is made from; all of it is looked at."""
        pieces: dict[str, bytes] = {}
        for name, reference in entry.references.items():
            try:
                data = self._ledger.evidence(reference.digest, min(reference.size, MAX_OBJECT))
            except EvidenceInvalid as error:
                report(f"what it refers to as {name}: {error.message}")
                continue
            if len(data) != reference.size:
                report(f"what it refers to as {name} has another size")
            if self._replayer.wants(name) or Marks.wants(name):
                pieces[name] = data
        return pieces

    def _meet_gates(self, data: bytes, digest: str, report: Callable[[str], None]) -> None:
        """Take the gates' keys of recorded settings, which a gate that is known already vouches for."""
        try:
            self._ledger.keys.add(self._replayer.read_roster(read_settings_files(data, digest)))
        except IacgateError as error:
            report(error.message)

    def _note_settings(self, entry: Entry, report: Callable[[str], None]) -> None:
        version, digest = entry.settings.version, entry.settings.digest
        if entry.event == "settings":
            if self._settings.setdefault(version, digest) != digest:
                report(f"version {version} of the settings was another one before")
        elif version and self._settings.get(version) != digest:
            report(f"the ledger has not seen version {version} of the settings so")


def _place(entry: Entry, previous: str, sequence: int, instant: str) -> Iterator[str]:
    """Yield why an entry does not follow the one before it. Numbers that it passes over hold no entry."""
    if entry.sequence <= sequence:
        yield "its number does not follow the one before it"
    for number in range(sequence + 1, min(entry.sequence, sequence + 1 + _MOST_MISSING)):
        if entry_key(entry.stack, number) not in entry.state.skipped:
            yield f"entry {number}, which came before it, is not there"
    if entry.previous != previous:
        yield "it does not follow the one before it"
    if entry.time < instant:
        yield "it claims to be older than the one before it"
