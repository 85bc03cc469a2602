"""One change: what a plan, its repository and the team's settings say of it, ready for the decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Received, Retry, Wanted
from iacgate.approval.duties import Author, Hands
from iacgate.approval.envelope import MAX_BYTES
from iacgate.approval.statement import Target
from iacgate.change.record import Record
from iacgate.cli.handed import approved_plan
from iacgate.cli.judging import Judge
from iacgate.cli.ledgers import Recorder, chain_of
from iacgate.cli.ledgers import Wanted as LedgerWanted
from iacgate.cli.loading import Loaded
from iacgate.cli.own import Own
from iacgate.cli.records import record_of
from iacgate.cli.sealed import Found, Sought, look_into, subjects_of, under
from iacgate.cli.spare import Spare, open_evidence
from iacgate.cli.surroundings import Around, Named, hands_of, look_around
from iacgate.errors import UsageInvalid
from iacgate.evidence.entry import Attempt, State
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.store import together
from iacgate.gate import Circumstances, Inputs
from iacgate.gate.emergency import demand_of, is_recorded, is_solo
from iacgate.people.roster import Principal, Roster
from iacgate.plan.remainder import is_remainder
from iacgate.policy.backends import identity
from iacgate.policy.environments import deployers
from iacgate.policy.stacks import Placed
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.inbox import open_inbox
from iacgate.shell.submissions import Said, is_change
from iacgate.vocabulary import ChangeType, Severity


class Asked(msgspec.Struct, frozen=True):
    """What is said of a change; empty where nothing is.

    ``record`` is the file of the change's record, ``text`` what its pull request says.
    ``hand_over`` is for who submits, which makes an inbox where there is none. ``believe`` is for who signs: what the
    planner says of sources and authors is taken as it is, shown and signed. The gate looks for itself.
    """

    inbox: str
    change: str = ""
    record: str = ""
    text: str = ""
    named: Named = Named()
    change_type: ChangeType | None = None
    deployer: str = ""
    ledger: LedgerWanted = LedgerWanted()
    hand_over: bool = False
    believe: bool = False


class Change:
    """One plan of one change, judged, with everything that decides about it.

    ``judged`` is the assessment for whoever has the plan; ``assessment``, ``wanted`` and what is made of them have the
    digests of the plan under the ``seal`` of its stack: they reach statements and the ledger.
    """

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, differences_from: Severity | None) -> None:
        if judge.own is None:
            raise UsageInvalid("A gate needs settings, and there is no .iacgate folder.", hint="See docs/settings.md.")
        if asked.change and not is_change(asked.change):
            raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
        own, self._own, self.loaded, self._policy = judge.own, judge.own, loaded, judge.own.settings.policy
        said = loaded.said if asked.believe else None
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = open_inbox(asked.inbox, create=asked.hand_over and bool(asked.inbox))
        self.judged = judge.judge(loaded, differences_from=differences_from)
        placed, self._environment = own.place(loaded)
        self._placed, self._decides = placed, asked.ledger.record
        if loaded.plan_file is None and judge.stack and not self._environment.json_only:
            raise UsageInvalid(
                "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
                hint="Gate the saved plan file, leave --stack away (then it counts as production), or see `json_only`.",
            )
        record = record_of(
            loaded, asked.change or (loaded.said.change if loaded.said else ""), asked.record, asked.text
        )
        self.circumstances = Circumstances(record=record, ticket=self._environment.ticket)
        self._type: ChangeType = asked.change_type or _recorded_type(record) or (said.change_type if said else "normal")
        severities = (self.judged.severity, *((said.severity,) if said else ()), *_rewrites_state(loaded))
        self.severity = max(severities, key=lambda severity: severity.rank)
        self.demand = self._environment.demand(self.severity, self._type)
        self.around, self.repository = look_around(loaded, said, self._environment.generated, placed.variables)
        target = _target(loaded, placed, self.around)
        self.chain = chain_of(target)
        self.recorder, found = self._ask_stores(asked, own, target)
        if isinstance(self.recorder, Spare):
            self.circumstances = msgspec.structs.replace(self.circumstances, lost=self.recorder.lost.why)
        self.seal, self.assessment = found.seal, under(found.seal, self.judged)
        self.wanted = self._wanted(asked, target, own, found.change)
        self._received = [*found.received, *_dropped(self.ledger, self._state, found.change, found.received)]
        state = self._state
        named = _named(asked.named, said, state.base)
        must_be_signed = self.demand.signed_commits
        self.hands = hands_of(named, self.repository, self.around.places, self.roster, must_be_signed=must_be_signed)
        self.hands = _with_deployer(self.hands, self.roster.find(asked.deployer))
        self.invoker = _invoker(self.circumstances.record, self.roster)
        self.hands = _with_invoker(self.hands, self.invoker)
        self.wanted = self._known(self.wanted, state)
        self.pinned = bool(own.settings.policy.ledger)
        self._mode, self._trusted = own.settings.policy.mode, own.trusted is not None
        self._deployer = asked.deployer
        self._deployers = deployers(own.settings.policy, placed.environment)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger; ``None`` where none is named, or it cannot be reached."""
        return self.recorder.ledger if isinstance(self.recorder, Recorder) else None

    @property
    def _state(self) -> State:
        return self.recorder.state if self.recorder else State()

    def _ask_stores(self, asked: Asked, own: Own, target: Target) -> tuple[Recorder | Spare | None, Found]:
        """Return the ledger, and what the inbox has, asked at the same time."""
        said, record = self.loaded.said, self.circumstances.record
        sought = Sought(
            chain=self.chain,
            target=target,
            fingerprint=self.judged.plan.fingerprint,
            change=asked.change or (said.change if said else "") or (record.id if record else ""),
            carried=said.seal if said else "",
            inbox=bool(asked.inbox),
            make=asked.hand_over or asked.believe,
        )
        emergency = is_recorded(self._type, self.circumstances)
        calls: list[Callable[[], Any]] = [
            lambda: open_evidence(asked.ledger, own, self.chain, self._environment.tier, emergency=emergency),
            lambda: look_into(self.inbox, sought),
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

    def _retry(self, wanted: Wanted, attempt: Attempt | None) -> Retry | None:
        """Return the plan that was approved and failed half-way, where this one is what is left of it."""
        file = self.loaded.plan_file
        if attempt is None or file is None or attempt.change != wanted.change or attempt.lineage != file.lineage:
            return None
        if wanted.binding == "exact" or attempt.fingerprint == wanted.fingerprint:
            return None
        found = approved_plan(self.inbox, wanted.change, attempt.fingerprint, self.seal)
        if found is None or not is_remainder((self.loaded.plan, file), found):
            return None
        return Retry(attempt.fingerprint, found[1].lineage)

    def _wanted(self, asked: Asked, target: Target, own: Own, change: str) -> Wanted:
        """Return what an approval must be about, as far as only the plan and the settings tell."""
        said, record = self.loaded.said, self.circumstances.record
        ledger = said.ledger if said and asked.believe else ""
        return Wanted(
            change=change,
            change_type=self._type,
            target=target,
            subjects=subjects_of(self.loaded, self.assessment, self.around),
            fingerprint=self.assessment.plan.fingerprint,
            sealed=bool(self.seal.name),
            sources=self.around.sources,
            severity=self.severity,
            bundle=own.settings.digest,
            ledger=own.settings.policy.ledger or ledger,
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
            plan_file=self.loaded.plan_file is not None,
            json_only_allowed=self._environment.json_only,
            deployer=self._deployer,
            deployers=self._deployers,
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
            plan_file=self.loaded.plan_file,
            ledger=self.ledger,
            state=self._state,
            changes=len(self.assessment.changes),
            again=self._again(),
            plan=self.loaded.plan,
            patterns=self._own.settings.patterns,
            change_type=self._type,
            trusted=self._trusted,
            decides=self._decides,
        )
        return circumstances(self.circumstances, asking, self._own.files, moment)


def _recorded_type(record: Record | None) -> ChangeType | None:
    return record.type if record else None


def _rewrites_state(loaded: Loaded) -> tuple[Severity, ...]:
    """Return the severity of a plan that only writes into the state what its planner says that it saw.

    Nothing can be held against that but somebody's eyes, and what comes next is planned from it.
    """
    file = loaded.plan_file
    return (Severity.MEDIUM,) if file and file.mode == "refresh-only" and file.drift else ()


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


def _named(named: Named, said: Said | None, applied: str) -> Named:
    """Return who is named, with what the planner says, or from what was applied last on: whatever the base is."""
    if said:
        return msgspec.structs.replace(named, authors=(*named.authors, *said.authors), base="")
    return msgspec.structs.replace(named, base=applied, applied=True) if applied else named


def _target(loaded: Loaded, placed: Placed, around: Around) -> Target:
    file = loaded.plan_file
    return Target(
        stack=placed.stack,
        environment=placed.environment,
        backend={} if file is None else identity(file.backend_type, file.backend_config, around.place),
        workspace=file.workspace if file else "",
        account=placed.account,
        lineage=file.lineage if file else "",
    )
