"""Decisions made once more, and whether what was applied had been allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iacgate import instants, strictjson
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.entry import Entry, State
from iacgate.evidence.recorded import (
    DECISION,
    INPUTS,
    SETTINGS,
    AsJson,
    ReadRoster,
    read_inputs,
    read_settings_files,
    replayed,
)
from iacgate.people.roster import Roster

MAX_LATE: Final = 900
"""Seconds between a decision and its entry: a store that is slow is no reason to doubt it."""


class Replayer:
    """Makes decisions again; ``read_roster`` and ``as_json`` are how people are read and decisions are printed."""

    wanted: Final = (DECISION, INPUTS, SETTINGS)
    """What it needs of what an entry refers to."""

    def __init__(self, read_roster: ReadRoster, as_json: AsJson) -> None:
        self.read_roster, self._as_json = read_roster, as_json
        self._last: tuple[str, Roster] | None = None

    def problems(self, entry: Entry, pieces: Mapping[str, bytes], before: State) -> Iterator[str]:
        """Yield what does not hold of an entry's decision; of other entries nothing is asked.

        ``before`` is the state of the chain before the entry.
        """
        if entry.event != "decided":
            return
        if not all(name in pieces for name in self.wanted):
            yield "its decision cannot be made again: something that it was made from is missing"
            return
        try:
            inputs = read_inputs(pieces[INPUTS])
            files = read_settings_files(pieces[SETTINGS], entry.settings.digest)
            again = replayed(inputs, files, self._roster(entry.settings.digest), self._as_json)
        except EvidenceInvalid as error:
            yield error.message
            return
        if again != pieces[DECISION]:
            yield "its decision, made again, is another one"
        else:
            yield from _told(entry, strictjson.decode(again), before)
        if inputs.wanted.change != entry.change or inputs.wanted.subjects.get("tree", "") != entry.tree:
            yield "its decision is about another change, or another tree"
        if inputs.wanted.bundle != entry.settings.digest or inputs.wanted.ledger != entry.ledger:
            yield "its decision was made by other settings, or in another ledger"
        if abs(instants.seconds(inputs.now) - instants.seconds(entry.time)) > MAX_LATE:
            yield f"its decision was made at {inputs.now}, and it is of {entry.time}"

    def _roster(self, digest: str) -> ReadRoster:
        """Return what reads people, once for as long as the settings stay the same."""

        def read(files: Mapping[str, bytes]) -> Roster:
            if self._last is None or self._last[0] != digest:
                self._last = (digest, self.read_roster(files))
            return self._last[1]

        return read


def _told(entry: Entry, document: Any, before: State) -> Iterator[str]:
    """Yield where an entry does not say what its decision says, or drops a rejection that the decision did not see."""
    decision = document["decision"]
    if (
        entry.details.get("allowed") is not decision["allowed"]
        or entry.details.get("exitCode") != document["exit_code"]
    ):
        yield "it says another outcome than its decision"
    verdicts = {item["digest"]: item["code"] == "counts" for item in decision["approvals"]}
    rejecting = {
        item["digest"] for item in decision["approvals"] if item["code"] == "counts" and item["decision"] == "reject"
    }
    standing = {item.envelope for item in entry.state.rejections if item.change == entry.change}
    stood = {item.envelope for item in before.rejections if item.change == entry.change}
    if rejecting - standing or any(verdicts.get(digest, True) for digest in stood - standing):
        yield "it forgets a rejection that its decision does not answer"


class Judged:
    """What the decisions of a chain let pass so far: an apply needs the newest decision about its change."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, bool]] = {}

    def note(self, entry: Entry) -> None:
        """Take an entry into account."""
        if entry.event == "decided":
            self._newest[entry.change] = entry.sequence, entry.details.get("exitCode") == 0
        elif entry.event == "intended":
            self._newest.pop(entry.change, None)

    def problems(self, entry: Entry) -> Iterator[str]:
        """Yield what does not hold of an apply, and take the entry into account."""
        if entry.event == "intended" and self._newest.get(entry.change) != (entry.details.get("decision"), True):
            yield "it begins to apply what no decision before it let pass"
        self.note(entry)
