"""What follows from a decision once somebody begins: which approvals it uses up, and which emergency it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from iacgate import canonical
from iacgate.approval import envelope, statement
from iacgate.change.emergency import Emergency
from iacgate.errors import UsageInvalid
from iacgate.evidence.advance import after_done
from iacgate.evidence.entry import Entry, State
from iacgate.evidence.excerpt import decision_of, read_piece
from iacgate.evidence.follows import done_by_hand
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.recorded import DECISION, INPUTS, read_inputs
from iacgate.gate import Decision, Inputs
from iacgate.people.roster import Roster


def emergency_begun(decision: Decision, roster: Roster) -> Emergency | None:
    """Return what an emergency's change is; its time and number are the ledger's."""
    record = decision.record
    invoker = roster.find(record.emergency.invoker) if record and record.emergency else None
    if decision.change_type != "emergency" or record is None or record.emergency is None or invoker is None:
        return None
    approvers = {item.principal for item in decision.approvals if item.counts and item.decision == "approve"}
    return Emergency(
        change=decision.change,
        incident=record.emergency.incident,
        invoker=invoker.id,
        approvers=tuple(sorted(approvers - {invoker.id})),
        solo=record.emergency.solo,  # whoever signed: one signature was enough, because the record says so
        team=record.emergency.team,
        time=decision.now,
        latest=decision.now,
        sequence=1,
    )


def statements_of(inputs: Inputs, decision: Decision) -> dict[str, str]:
    """Return the approvals of this plan, by the digest of their statement, with until when each can count.

    Whoever signed twice counts once, and neither signature counts for a second apply. What was used up before is not
    among them: else the same thing could not be done again with new approvals.
    """
    codes = ("counts", "single-use")
    counted = {item.digest for item in decision.approvals if item.code in codes and item.decision == "approve"}
    found = {}
    for item in inputs.received:
        if canonical.digest(item.data) in counted:
            payload = envelope.parse(item.data).payload
            if canonical.digest(payload) in inputs.wanted.used:
                continue
            found[canonical.digest(payload)] = statement.decode(payload).predicate.expires
    return found


class ByHand(msgspec.Struct, frozen=True):
    """The decision that let something be done by hand, and the approvals that are used up by that."""

    decided: Entry
    decision: Decision
    statements: Mapping[str, str]

    @property
    def approving(self) -> frozenset[str]:
        """Whose approvals counted."""
        return frozenset(
            item.principal for item in self.decision.approvals if item.counts and item.decision == "approve"
        )

    def advance(self, roster: Roster) -> Callable[[State, int, str], State]:
        """Return what becomes of a chain's state: the approvals are used up, and an emergency waits for its review."""
        emergency = emergency_begun(self.decision, roster)

        def after(state: State, sequence: int, instant: str) -> State:
            if emergency is None:
                return after_done(state, self.statements)
            now = msgspec.structs.replace(emergency, time=instant, latest=instant, sequence=sequence)
            return after_done(state, self.statements, now)

        return after


def begun_by_hand(ledger: Ledger, entries: Sequence[Entry]) -> ByHand:
    """Return the newest decision about a change, the entries about which are given, the oldest first.

    Raises :class:`UsageInvalid`, saying only why, where that let nothing be done by hand, and
    :class:`iacgate.errors.EvidenceInvalid` where what it was made from cannot be read.
    """
    newest = next((entry for entry in reversed(entries) if entry.event == "decided" or done_by_hand(entry)), None)
    if newest is None or newest.event != "decided" or newest.details.get("exitCode") != 0:
        raise UsageInvalid("its newest decision does not let it be done, or was used up: gate it again")
    pieces = {name: read_piece(ledger, newest.references[name]) for name in (DECISION, INPUTS)}
    decision = decision_of(pieces[DECISION])
    if decision is None:
        raise UsageInvalid("its decision cannot be read: iacgate evidence verify")
    if not decision.subjects.get("record"):
        raise UsageInvalid("it has a plan, which `iacgate apply` applies")
    inputs = read_inputs(pieces[INPUTS])
    return ByHand(newest, decision, statements_of(inputs, decision))
