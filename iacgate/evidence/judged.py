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
    """What the decisions of a chain let pass so far: an apply needs the newest decision about its change.

    What counted for that decision is used up when it was applied.
    """

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, bool, tuple[str, ...]]] = {}
        self._begun: tuple[str, ...] = ()

    def note(self, entry: Entry, counted: tuple[str, ...] = ()) -> None:
        """Take an entry into account; ``counted`` are the statements that counted for a decision."""
        if entry.event == "decided":
            self._newest[entry.change] = entry.sequence, entry.details.get("exitCode") == 0, counted
        elif entry.event == "intended":
            self._begun = self._newest.pop(entry.change, (0, False, ()))[2]

    def problems(self, entry: Entry, before: State, counted: tuple[str, ...]) -> Iterator[str]:
        """Yield what does not hold of an apply, and take the entry into account."""
        if entry.event == "intended":
            sequence, passed, statements = self._newest.get(entry.change, (0, False, ()))
            if not passed or entry.details.get("decision") != sequence:
                yield "it begins to apply what no decision before it let pass"
            if set(statements) & set(before.used):
                yield "it begins to apply by approvals that were used up"
        if entry.event == "applied" and not set(self._begun) <= set(entry.state.used):
            yield "it was applied, and its approvals are not used up"
        self.note(entry, counted)


def counted_of(pieces: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the statements of the approvals that counted for a recorded decision."""
    try:
        approvals = strictjson.decode(pieces[DECISION])["decision"]["approvals"]
        return tuple(
            str(item["statement"]) for item in approvals if item["code"] == "counts" and item["decision"] == "approve"
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()  # what is no decision is reported where it is made again
