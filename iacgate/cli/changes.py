"""One change: what is proposed, its repository and the team's settings say of it, ready for the decision.

A change is a plan (:mod:`iacgate.cli.planned`), or what somebody does by hand (:mod:`iacgate.cli.byhand`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Received, Retry, Wanted
from iacgate.approval.duties import Author, Hands
from iacgate.approval.envelope import MAX_BYTES
from iacgate.change.record import Record
from iacgate.cli.ledgers import Recorder, chain_of
from iacgate.cli.own import Own
from iacgate.cli.proposed import Asked, Proposed
from iacgate.cli.sealed import Found, under
from iacgate.cli.spare import Spare, open_evidence
from iacgate.cli.surroundings import Named, hands_of
from iacgate.errors import UsageInvalid
from iacgate.evidence.entry import Attempt, State
from iacgate.evidence.ledger import Ledger, Piece
from iacgate.evidence.store import together
from iacgate.gate import Circumstances, Inputs
from iacgate.gate.emergency import demand_of, is_recorded, is_solo
from iacgate.people.roster import Principal, Roster
from iacgate.plan.reader import Plan
from iacgate.plan.saved import PlanFile
from iacgate.policy.environments import deployers, rehearsers
from iacgate.render.terminal import Style
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.inbox import open_inbox
from iacgate.shell.submissions import Said


class Change(ABC):
    """One plan of one change, or what is done by hand, judged, with everything that decides about it.

    ``judged`` is the assessment for whoever has the plan; ``assessment``, ``wanted`` and what is made of them have the
    digests of the plan under the ``seal`` of its stack: they reach statements and the ledger. ``handed`` is what a
    planner says of it, where it was handed over by one.
    """

    by_hand: ClassVar[bool] = False
    plan: Plan | None = None
    plan_file: PlanFile | None = None
    handed: Said | None = None

    def __init__(self, own: Own, proposed: Proposed, asked: Asked) -> None:
        self._own, self._policy, self._environment = own, own.settings.policy, proposed.environment
        self.name, self.judged, self.severity = proposed.name, proposed.judged, proposed.severity
        self.around, self.repository = proposed.around, proposed.repository
        self._placed, self._type, self._decides = proposed.placed, proposed.change_type, asked.ledger.record
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = open_inbox(asked.inbox, create=asked.hand_over and bool(asked.inbox))
        self.circumstances = Circumstances(record=proposed.record, ticket=self._environment.ticket)
        self.demand = self._environment.demand(self.severity, self._type)
        self.chain = chain_of(proposed.target)
        self.recorder, found = self._ask_stores(asked, own, proposed)
        if isinstance(self.recorder, Spare):
            self.circumstances = msgspec.structs.replace(self.circumstances, lost=self.recorder.lost.why)
        self.seal, self.assessment = found.seal, under(found.seal, self.judged)
        self.wanted = self._wanted(proposed, own, found.change)
        self._received = [*found.received, *_dropped(self.ledger, self._state, found.change, found.received)]
        state = self._state
        self.hands = self._hands(asked.named, proposed.said, state.base)
        self.hands = _with_deployer(self.hands, self.roster.find(asked.deployer))
        self.invoker = _invoker(self.circumstances.record, self.roster)
        self.hands = _with_invoker(self.hands, self.invoker)
        self.wanted = self._known(self.wanted, state)
        self.pinned = bool(own.settings.policy.ledger)
        self._mode, self._trusted = own.settings.policy.mode, own.trusted is not None
        self._deployer = asked.deployer
        self._deployers = deployers(own.settings.policy, proposed.placed.environment)
        self._rehearsers = rehearsers(own.settings.policy, proposed.placed.environment)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger; ``None`` where none is named, or it cannot be reached."""
        return self.recorder.ledger if isinstance(self.recorder, Recorder) else None

    @property
    def _state(self) -> State:
        return self.recorder.state if self.recorder else State()

    @abstractmethod
    def shown(self, style: Style) -> str:
        """Return all of it for whoever signs."""

    @abstractmethod
    def pieces(self, recorder: Recorder | Spare) -> dict[str, Piece]:
        """Return what an entry about a decision that lets it pass refers to besides what decided."""

    @abstractmethod
    def _look_into(self, asked: Asked, proposed: Proposed) -> Found:
        """Return the seal, the name of the change, and what arrived for it."""

    @abstractmethod
    def _subjects(self) -> dict[str, str]:
        """Return the digests that an approval is about, by name."""

    def _hands(self, named: Named, said: Said | None, applied: str) -> Hands:  # noqa: ARG002 - plans need them
        """Return who had a hand in it; ``applied`` is the commit that was applied last, empty where nobody knows."""
        must_be_signed = self.demand.signed_commits
        return hands_of(named, self.repository, self.around.places, self.roster, must_be_signed=must_be_signed)

    def _retry(self, wanted: Wanted, attempt: Attempt | None) -> Retry | None:  # noqa: ARG002 - plans need them
        """Return the plan that was approved and failed half-way, where this one is what is left of it."""
        return None

    def _ask_stores(self, asked: Asked, own: Own, proposed: Proposed) -> tuple[Recorder | Spare | None, Found]:
        """Return the ledger, and what the inbox has, asked at the same time."""
        emergency = not self.by_hand and is_recorded(self._type, self.circumstances)
        calls: list[Callable[[], Any]] = [
            lambda: open_evidence(asked.ledger, own, self.chain, self._environment.tier, emergency=emergency),
            lambda: self._look_into(asked, proposed),
        ]
        recorder, found = together(calls)
        return recorder, found

    def look_into_inbox(self) -> None:
        """Look once more at what arrived."""
        received = self.inbox.received(self.wanted.change)
        self._received = [*received, *_dropped(self.ledger, self._state, self.wanted.change, received)]

    def _known(self, wanted: Wanted, state: State) -> Wanted:
        """Return what an approval must be about, with what is known by now."""
        ledger = self.ledger.genesis if self.ledger else wanted.ledger
        return msgspec.structs.replace(
            wanted,
            ledger=wanted.ledger if self._policy.ledger else ledger,
            authors=self._independent(),
            used=state.used,
            retry=self._retry(wanted, state.attempt),
        )

    def _independent(self) -> frozenset[str]:
        """Return whose approval does not count: who had a hand in it; whoever acts alone signs for himself."""
        authors = frozenset(author.principal for author in self.hands.authors if author.principal)
        solo = self._type == "emergency" and is_solo(self.circumstances)
        alone = self.invoker if solo else None
        return authors - {alone.id} if alone else authors

    def _again(self) -> bool:
        """Return whether this is what is left of an apply of the same change that failed."""
        attempt = self._state.attempt
        if attempt is None or attempt.change != self.wanted.change:
            return False
        return self.wanted.retry is not None or attempt.fingerprint == self.wanted.fingerprint

    def _wanted(self, proposed: Proposed, own: Own, change: str) -> Wanted:
        """Return what an approval must be about, as far as only what is proposed and the settings tell."""
        said, record = proposed.said, proposed.record
        return Wanted(
            change=change,
            change_type=self._type,
            target=proposed.target,
            subjects=self._subjects(),
            fingerprint=self.assessment.plan.fingerprint,
            sealed=bool(self.seal.name),
            sources=self.around.sources,
            severity=self.severity,
            bundle=own.settings.digest,
            ledger=own.settings.policy.ledger or (said.ledger if said else ""),
            binding=self.demand.binding,
            valid_hours=self.demand.valid_hours,
            authors=frozenset(),
            record=record.digest if record else "",
        )

    @property
    def settings_files(self) -> dict[str, bytes]:
        """The files of the settings that decide, by name."""
        return self._own.files

    @property
    def json_only(self) -> bool:
        """Whether the policy lets a plan be gated here of which only the JSON is there."""
        return self._environment.json_only

    def inputs(self) -> Inputs:
        """Return everything that decides, now."""
        moment = self.recorder.now() if self.recorder else now()
        found = self._circumstances(moment)
        return Inputs(
            assessment=self.assessment,
            wanted=self.wanted,
            demand=demand_of(self.demand, self._type, found, moment),
            deny=self._environment.deny,
            authors=self.hands.authors,
            unsigned=self.hands.unsigned,
            uncommitted=self.around.uncommitted,
            received=tuple(self._received),
            mode=self._mode,
            now=moment,
            plan_file=self.plan_file is not None,
            json_only_allowed=self._environment.json_only,
            deployer=self._deployer,
            deployers=self._deployers,
            rehearsers=self._rehearsers,
            trusted=self._trusted,
            circumstances=found,
        )

    def _circumstances(self, moment: str) -> Circumstances:
        """Return what is known of the change besides its plan; who only signs asks neither AWS, forge nor ledger."""
        from iacgate.cli.circumstances import Asking, circumstances  # noqa: PLC0415 - it imports what few need

        asking = Asking(
            policy=self._policy,
            placed=self._placed,
            severity=self.severity,
            tree=self.around.tree,
            commit=self.around.commit,
            plan_file=self.plan_file,
            ledger=self.ledger,
            chain=self.chain,
            state=self._state,
            changes=len(self.assessment.changes),
            again=self._again(),
            plan=self.plan,
            patterns=self._own.settings.patterns,
            change_type=self._type,
            trusted=self._trusted,
            decides=self._decides,
        )
        return circumstances(self.circumstances, asking, self._own.files, moment)


def _dropped(ledger: Ledger | None, state: State, change: str, received: list[Received]) -> list[Received]:
    """Return the rejections that stand by the ledger, and that somebody took out of the inbox."""
    if ledger is None:
        return []
    there = {canonical.digest(item.data) for item in received}
    standing = [item for item in state.rejections if item.change == change]
    return [
        Received(ledger.evidence(item.envelope, MAX_BYTES), item.arrived)
        for item in standing
        if item.envelope not in there
    ]


def assessment_digest(assessment: Assessment) -> str:
    """Return the digest of what the approver was shown, differences for display left out."""
    changes = tuple(
        msgspec.structs.replace(change, differences=(), more_differences=0) for change in assessment.changes
    )
    return canonical.digest(canonical.canonical_json(msgspec.structs.replace(assessment, changes=changes)))


def _roster(roster: Roster | None, folder: str) -> Roster:
    if roster is None:
        raise UsageInvalid(f"{folder} has no people.yaml.", hint="Without people nobody can approve anything.")
    return roster


def _with_deployer(hands: Hands, deployer: Principal | None) -> Hands:
    """Return who had a hand in a change, with the human who deploys it: who approves does not deploy as well."""
    if deployer is None or deployer.kind != "human":
        return hands
    author = Author(deployer.id, deployer.id, why="deploys it")
    return msgspec.structs.replace(hands, authors=(*hands.authors, author))


def _invoker(record: Record | None, roster: Roster) -> Principal | None:
    return roster.find(record.emergency.invoker) if record and record.emergency else None


def _with_invoker(hands: Hands, invoker: Principal | None) -> Hands:
    """Return who had a hand in a change, with whoever invokes the emergency: who invokes one does not approve it."""
    if invoker is None:
        return hands
    author = Author(invoker.id, invoker.id, why="invokes the emergency")
    return msgspec.structs.replace(hands, authors=(*hands.authors, author))
