"""The decision: may this plan be applied?

A pure function of recorded inputs, so that anybody can make it again and compare the bytes.
It reads like the policy:

1. The plan is whole, and where somebody must sign, it is the saved plan file and not only its JSON,
   unless the policy does with that.
2. Its severity is not one that the policy denies whoever signs.
3. Where somebody must sign, it is known who had a hand in the change, and the plan was made from commits.
4. Where its severity demands signed commits, somebody known signed every one that made the change.
5. Nobody who could sign it rejects it.
6. Every seat that its severity and its type demand here is filled, by people who had no hand in it.
7. Where the policy says who may deploy, whoever deploys is one of them; that makes nobody an author.
8. The change has a record that says what its severity demands, of this change and this type; the systems that the
   policy names know its ticket.
9. Nobody withdrew it, closed it, or rolled it back.
10. It is the time for it, by its own record and by the calendars of its environment, unless people override these.
11. The tests that its severity demands ran on exactly its tree, and were green.
12. Where that is demanded, the same content was applied and verified in the stack that it is promoted from.
13. No emergency of the stack waits too long for its review; an emergency has a name of its own, and whoever acts
    alone in one may.
14. A standard change follows a pattern that its board signed, within its limits, and none of these had a hand in it.
15. It can be undone as far as its severity demands, and its record answers for the rest.
16. What is done by hand, where there is no plan, is what its record says, and no plan has such a record.

Every reason against is reported, not only the first. In observe mode the decision is the same,
and blocks nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.approval import attestation
from iacgate.approval.attestation import NotCounted
from iacgate.approval.counting import Received, Verdict, count
from iacgate.approval.duties import Author
from iacgate.approval.quorum import Seated, fill
from iacgate.approval.statement import Target
from iacgate.change.promotion import Promotion
from iacgate.change.record import MissingPart, Record, missing_parts
from iacgate.change.testing import TestVerdict, checked
from iacgate.change.tickets import Ticket
from iacgate.gate.byhand import by_hand_reasons
from iacgate.gate.emergency import emergency_reasons, warnings_of
from iacgate.gate.inputs import Inputs
from iacgate.gate.reasons import (
    Missing,
    Reason,
    authors_are_known,
    commits_are_signed,
    could,
    deployer_may,
    nobody_rejects,
    not_denied_by_risk,
    plan_is_whole,
    seats_are_filled,
)
from iacgate.gate.record import (
    content_was_promoted,
    demanded_of,
    nobody_ended_it,
    record_is_complete,
    tests_count,
    ticket_is_known,
    ticket_warnings,
    type_is_recorded,
)
from iacgate.gate.rollback import can_be_undone
from iacgate.gate.schedule import timing
from iacgate.gate.standard import standard_reasons
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster
from iacgate.rollback.verdict import RollbackReport
from iacgate.vocabulary import ChangeType, Severity

NOT_IN_JSON: Final = ("backend", "workspace", "state lineage", "sources", "lock file", "variables")
"""What a plan's JSON alone cannot bind a decision to."""


class Stated(msgspec.Struct, frozen=True):
    """What somebody signed besides approvals: of which kind, who, and why it does not count; empty where it does."""

    kind: str
    principal: str
    digest: str
    why: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Allow, or deny with every reason; what was demanded, who fills it, and what became of each envelope.

    ``authors`` are those who had a hand in the change, and why that is known.

    ``trusted`` is false where nobody's signature over the settings was checked: then whoever can
    change them can change the decision. ``not_bound`` names what the decision is not bound to, because
    only the plan's JSON was there. ``deployer`` is the principal who deploys, empty where that is not known.
    ``subjects``, ``fingerprint``, ``sources`` and ``target`` say which plan was judged, ``bundle`` by which settings.
    ``record`` is what is written of the change, ``lacking`` what that does not say; ``attestations`` are what else
    people and machines signed about it, ``exceptions`` what would have denied it if nobody had overridden that.
    ``tickets`` is what the systems say that must know its ticket. ``tests`` are the tests that are required, and what
    became of each; ``warnings`` deny nothing. ``rollback`` says whether the plan can be undone, where that is demanded.
    """

    allowed: bool
    blocks: bool
    change: str
    subjects: dict[str, str]
    fingerprint: str
    sources: str
    target: Target
    bundle: str
    change_type: ChangeType
    severity: Severity
    reasons: tuple[Reason, ...]
    authors: tuple[Author, ...]
    seats: dict[str, int]
    filled: tuple[Seated, ...]
    missing: tuple[Missing, ...]
    approvals: tuple[Verdict, ...]
    deployer: str
    not_bound: tuple[str, ...]
    now: str
    trusted: bool
    record: Record | None
    lacking: tuple[MissingPart, ...]
    tickets: tuple[Ticket, ...]
    attestations: tuple[Stated, ...]
    exceptions: tuple[str, ...]
    tests: tuple[TestVerdict, ...]
    promotion: Promotion | None
    warnings: tuple[str, ...]
    pattern: str
    rollback: RollbackReport | None

    @property
    def exit_code(self) -> int:
        """0 where it is allowed or only observed; else the lowest of its reasons."""
        return min((reason.exit_code for reason in self.reasons), default=0) if self.blocks else 0


def decide(inputs: Inputs, roster: Roster) -> Decision:
    """Return the decision."""
    demand, wanted = inputs.demand, inputs.wanted
    said, others = _split(inputs, roster)
    attested = [item for item in said if isinstance(item, Attested) and item.about == wanted.change]
    counted = count(others, wanted, roster, inputs.now)
    roles = {person: frozenset(roster.principals[person].roles) for person in counted.approving}
    quorum = fill(demand.seats, roles)
    missing = tuple(
        Missing(role, could(role, wanted, roster, {seated.principal for seated in quorum.filled}, inputs.now))
        for role in quorum.missing
    )
    deployer = roster.find(inputs.deployer)
    circumstances, when = inputs.circumstances, timing(inputs, attested)
    tests = checked(circumstances.tests, attested, circumstances.check_runs, inputs.now)
    lacking = missing_parts(circumstances.record, demanded_of(inputs), circumstances.ticket)
    reasons = (
        *plan_is_whole(inputs),  # 1
        *not_denied_by_risk(inputs),  # 2
        *authors_are_known(inputs),  # 3
        *commits_are_signed(inputs),  # 4
        *nobody_rejects(counted.rejections),  # 5
        *seats_are_filled(missing),  # 6
        *deployer_may(inputs, deployer),  # 7
        *record_is_complete(inputs, lacking),  # 8
        *type_is_recorded(inputs, roster),  # 8
        *ticket_is_known(inputs),  # 8
        *nobody_ended_it(attested, wanted.change),  # 9
        *when.reasons,  # 10
        *tests_count(tests),  # 11
        *content_was_promoted(inputs),  # 12
        *emergency_reasons(inputs, roster),  # 13
        *standard_reasons(inputs, roster),  # 14
        *can_be_undone(inputs, attested),  # 15
        *by_hand_reasons(inputs),  # 16
    )
    return Decision(
        allowed=not reasons,
        blocks=bool(reasons) and inputs.mode == "enforce",
        change=wanted.change,
        subjects=dict(sorted(wanted.subjects.items())),
        fingerprint=wanted.fingerprint,
        sources=wanted.sources,
        target=wanted.target,
        bundle=wanted.bundle,
        change_type=wanted.change_type,
        severity=inputs.assessment.severity,
        reasons=reasons,
        authors=inputs.authors,
        seats=dict(sorted(demand.seats.items())),
        filled=quorum.filled,
        missing=missing,
        approvals=counted.verdicts,
        deployer=deployer.id if deployer else "",
        not_bound=() if inputs.plan_file or wanted.by_hand else NOT_IN_JSON,
        now=inputs.now,
        trusted=inputs.trusted,
        record=circumstances.record,
        lacking=lacking,
        tickets=circumstances.ticket_checks,
        attestations=tuple(_stated(item) for item in said),
        exceptions=when.exceptions,
        tests=tests,
        promotion=circumstances.promotion,
        warnings=(*warnings_of(inputs), *ticket_warnings(inputs)),
        pattern=circumstances.standard.pattern.name if circumstances.standard else "",
        rollback=circumstances.rollback,
    )


def _split(inputs: Inputs, roster: Roster) -> tuple[list[Attested | NotCounted], list[Received]]:
    """Return what is attested, and all other envelopes."""
    said, others = [], []
    for item in sorted(set(inputs.received), key=lambda item: (item.arrived, item.data)):
        found = attestation.verify(item, roster, inputs.wanted.ledger, inputs.now)
        if found is None:
            others.append(item)
        else:
            said.append(found)
    return said, others


def _stated(item: Attested | NotCounted) -> Stated:
    why = item.why if isinstance(item, NotCounted) else item.lapsed
    return Stated(item.kind, item.principal, item.digest, why)
