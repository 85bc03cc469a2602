"""Which approvals count, and for every other one the reason why it does not.

The checks run in this order, each with a code of its own:

 1. envelope      it is one of ours, with one signature and our payload type
 2. statement     it is an approval (or rejection, or withdrawal) that this version understands
 3. signature     it verifies over exactly these bytes (with a KMS key: where people.yaml has that key)
 4. key           the key or identity is somebody's, was valid on arrival, is not revoked, and is valid now
 5. principal     the statement names the key's owner, and the owner is human
 6. change        it is about this change, in this ledger, under this trust bundle
 7. independence  the signer had no hand in the change
 8. binding       it is about this plan, at this target
 9. type          it approves a change of this type and severity
10. time          it did not come from the future, and has not expired
11. single use    it was not used up by an apply, and nobody counts twice
12. withdrawn     its signer did not take it back

A rejection needs the first six (not the bundle) and any role: whoever could fill a seat somewhere
can say no, also where this plan demands no seat of his. It stands until its signer withdraws it,
also when the key expires meanwhile.

A withdrawal names the statements that it takes back by their digests. Times would not do: whoever
can write the inbox can deliver an old envelope again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final, Literal

import msgspec

from iacgate import canonical, instants
from iacgate.approval import envelope as envelopes
from iacgate.approval import statement as statements
from iacgate.approval.envelope import Envelope
from iacgate.approval.statement import SUBJECTS, Plan, Statement, Target
from iacgate.errors import IacgateError
from iacgate.people.roster import Principal, Roster
from iacgate.vocabulary import ChangeType, Severity

MAX_SKEW: Final = 300
"""Seconds by which a signer's clock may be ahead of the store's."""

Code = Literal[
    "counts",
    "envelope",
    "statement",
    "signature",
    "key",
    "principal",
    "change",
    "independence",
    "binding",
    "type",
    "time",
    "single-use",
    "withdrawn",
]


class Received(msgspec.Struct, frozen=True):
    """An envelope as it arrived: its bytes, and when the store saw it."""

    data: bytes
    arrived: str


class Retry(msgspec.Struct, frozen=True):
    """A plan that failed half-way, and of which the wanted one is what is left: its fingerprint and state lineage."""

    fingerprint: str
    lineage: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval must be about: one plan of one change, at one target.

    ``subjects`` has the digests by name, empty where there is none; ``binding`` says whether they
    must all be equal, or only the fingerprint and the ``sources``. ``record``, ``tests`` and ``readiness`` are
    digests, empty where there are none. ``authors`` are the principals who had a hand in the change;
    ``used`` has the statements that were used up, by digest, with until when each could have counted. An approval of
    the plan that ``retry`` names counts as well, where not exactly one plan is demanded. ``sealed`` says that the
    fingerprint and the digests of plan file and JSON are keyed, see :mod:`iacgate.sealing`.
    """

    change: str
    change_type: ChangeType
    target: Target
    subjects: Mapping[str, str]
    fingerprint: str
    severity: Severity
    bundle: str
    ledger: str
    binding: Literal["exact", "fingerprint"]
    valid_hours: int
    authors: frozenset[str]
    sources: str = ""
    record: str = ""
    tests: str = ""
    readiness: str = ""
    used: Mapping[str, str] = {}
    retry: Retry | None = None
    sealed: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether this is no plan, but what the record of the change says is done by hand."""
        return bool(self.subjects.get("record"))


class Verdict(msgspec.Struct, frozen=True):
    """What became of one envelope: whose it is, whether it counts, and why not.

    ``digest`` names the envelope's bytes, ``statement`` the bytes that were signed, which stay the
    same when an envelope is written another way; empty where there are none. ``said`` is the signer's reason.
    """

    digest: str
    statement: str
    principal: str
    decision: str
    code: Code
    why: str
    said: str = ""

    @property
    def counts(self) -> bool:
        """Whether it does."""
        return self.code == "counts"


class _Refused(Exception):
    """An envelope that does not count; caught where it was thrown at."""

    def __init__(self, code: Code, why: str, principal: str = "", decision: str = "") -> None:
        super().__init__(why)
        self.verdict = Verdict("", "", principal, decision, code, why)


class Counted(msgspec.Struct, frozen=True):
    """All envelopes with their verdicts, and who rejects the change."""

    verdicts: tuple[Verdict, ...]

    @property
    def approving(self) -> tuple[str, ...]:
        """The principals whose approvals count, each once."""
        return tuple(sorted({item.principal for item in self.verdicts if item.counts and item.decision == "approve"}))

    @property
    def rejections(self) -> tuple[tuple[str, str], ...]:
        """Who rejects the change, with the reason that each gave."""
        found = {item.principal: item.said for item in self.verdicts if item.counts and item.decision == "reject"}
        return tuple(sorted(found.items()))

    @property
    def rejecting(self) -> tuple[str, ...]:
        """The principals whose rejections stand."""
        return tuple(sorted({item.principal for item in self.verdicts if item.counts and item.decision == "reject"}))

    def signed_by(self, principal: str) -> tuple[str, ...]:
        """The statements that somebody signed and has not withdrawn: the digests, each once."""
        return tuple(
            sorted(
                {
                    item.statement
                    for item in self.verdicts
                    if item.principal == principal
                    and item.decision != "withdraw"
                    and item.code not in (*_NOT_SIGNED, "withdrawn")
                }
            )
        )


_NOT_SIGNED: Final = ("envelope", "statement", "signature", "key", "principal")
"""The verdicts on envelopes whose signer is not who they say."""


def count(received: Iterable[Received], wanted: Wanted, roster: Roster, now: str) -> Counted:
    """Return what counts for a change, now.

    The order in which envelopes are given decides nothing: they are taken in the order of arrival.
    """
    verdicts = []
    withdrawn: set[tuple[str, str]] = set()
    for item in sorted(set(received), key=lambda item: (item.arrived, item.data)):
        verdict, withdraws = _judge(item, wanted, roster, now)
        verdicts.append(verdict)
        withdrawn.update((verdict.principal, digest) for digest in withdraws)
    seen: set[str] = set()
    return Counted(tuple(_once(verdict, withdrawn, wanted.used, seen) for verdict in verdicts))


def _once(verdict: Verdict, withdrawn: Set[tuple[str, str]], used: Mapping[str, str], seen: set[str]) -> Verdict:
    """Let each approver count once, each approval for one apply, and nothing that its signer withdrew."""
    if (verdict.principal, verdict.statement) in withdrawn and verdict.code not in _NOT_SIGNED:
        return _as(verdict, "withdrawn", f"{verdict.principal} withdrew it")
    if verdict.counts and verdict.decision == "approve":
        if verdict.statement in used:
            return _as(verdict, "single-use", "an earlier apply of the change used it up")
        if verdict.principal in seen:
            return _as(verdict, "single-use", f"{verdict.principal} counts once, and does already")
        seen.add(verdict.principal)
    return verdict


def _as(verdict: Verdict, code: Code, why: str) -> Verdict:
    return msgspec.structs.replace(verdict, code=code, why=why)


def _judge(item: Received, wanted: Wanted, roster: Roster, now: str) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on one envelope by itself, and the statements that it withdraws."""
    digest, signed = canonical.digest(item.data), ""
    try:
        envelope = _parsed(item)
        signed = canonical.digest(envelope.payload)
        statement, person = _verified(envelope, roster, item.arrived, now)
        _about_this_change(statement, wanted, person)
        decision = statement.predicate.decision
        if decision == "approve":
            _approves(statement, wanted, person, item.arrived, now)
        elif decision == "reject" and not person.roles:
            raise _Refused("principal", f"{person.id} could fill no seat", person.id, decision)
    except _Refused as refused:
        return msgspec.structs.replace(refused.verdict, digest=digest, statement=signed), ()
    said = statement.predicate.reason
    return Verdict(digest, signed, person.id, decision, "counts", "", said), statement.predicate.withdraws


def _parsed(item: Received) -> Envelope:
    """Check 1."""
    try:
        return envelopes.parse(item.data)
    except IacgateError as error:
        raise _Refused("envelope", error.message) from error


def _verified(envelope: Envelope, roster: Roster, arrived: str, now: str) -> tuple[Statement, Principal]:
    """Checks 2 to 5: a statement, and the human who signed it."""
    try:
        statement = statements.decode(envelope.payload)  # 2
    except IacgateError as error:
        raise _Refused("statement", error.message) from error
    claimed, decision = statement.predicate.principal, statement.predicate.decision
    try:
        found = envelopes.verify(envelope, roster)  # 3
    except IacgateError as error:
        raise _Refused("signature", error.message, claimed, decision) from error
    if found is None:  # 4
        raise _Refused("key", "the key is nobody's in people.yaml", claimed, decision)
    person, key = found
    if decision == "approve" and not key.valid_at(arrived):
        raise _Refused("key", f"the key of {person.id} was not valid when it arrived", person.id, decision)
    if key.revoked and key.revoked <= now:
        raise _Refused("key", f"the key of {person.id} is revoked", person.id, decision)
    if decision == "approve" and not key.valid_at(now):  # who said no has not agreed because a key expired
        raise _Refused("key", f"the key of {person.id} is not valid now", person.id, decision)
    if claimed != person.id:  # 5
        raise _Refused("principal", f"it says {claimed}, and the key is {person.id}'s", person.id, decision)
    if person.kind != "human":
        raise _Refused("principal", f"{person.id} is a machine", person.id, decision)
    return statement, person


def _about_this_change(statement: Statement, wanted: Wanted, person: Principal) -> None:
    """Check 6."""
    predicate = statement.predicate
    if predicate.change != wanted.change:
        raise _Refused("change", "it is about another change", person.id, predicate.decision)
    if predicate.decision == "approve" and predicate.ledger != wanted.ledger:  # a no stands whatever it names
        named = (
            "it is about a change in another ledger" if predicate.ledger else "it names no ledger, and must name one"
        )
        raise _Refused("change", f"{named}: sign again with --ledger", person.id, predicate.decision)


def _approves(statement: Statement, wanted: Wanted, person: Principal, arrived: str, now: str) -> None:
    """Checks 6 to 10 for an approval."""
    predicate = statement.predicate
    if predicate.bundle != wanted.bundle:  # 6
        raise _no("change", "it was given under another trust bundle", person)
    if person.id in wanted.authors:  # 7
        raise _no("independence", f"{person.id} had a hand in this change", person)
    plan, different = _nearest(statement, wanted)  # 8
    if different:
        raise _no("binding", f"it is for another {different}", person)
    if predicate.change_type != wanted.change_type:  # 9
        raise _no("type", f"it approves a change of type {predicate.change_type}", person)
    if plan.severity.rank < wanted.severity.rank:
        raise _no("type", f"it approves severity {plan.severity}, and this is {wanted.severity}", person)
    if instants.seconds(predicate.issued) > instants.seconds(arrived) + MAX_SKEW:  # 10
        raise _no("time", "it claims to be signed after it arrived", person)
    if arrived > now:
        raise _no("time", "it arrived after now", person)
    if predicate.expires <= now or instants.seconds(arrived) + wanted.valid_hours * 3600 <= instants.seconds(now):
        raise _no("time", "it has expired", person)


def _no(code: Code, why: str, person: Principal) -> _Refused:
    return _Refused(code, why, person.id, "approve")


def _nearest(statement: Statement, wanted: Wanted) -> tuple[Plan, str]:
    """Return the statement's plan that is the wanted one, or most like it, and the name of what is different."""
    compared = [
        (plan, _differences(statement, number, wanted)) for number, plan in enumerate(statement.predicate.plans)
    ]
    plan, different = min(compared, key=lambda item: len(item[1]))
    return plan, different[0] if different else ""


def _differences(statement: Statement, number: int, wanted: Wanted) -> list[str]:
    """Return the names of what one of the statement's plans, or the change around it, is about and this is not."""
    predicate, plan = statement.predicate, statement.predicate.plans[number]
    again = wanted.retry if wanted.retry and plan.fingerprint == wanted.retry.fingerprint else None
    target = msgspec.structs.replace(wanted.target, lineage=again.lineage) if again else wanted.target
    record, fields = statement.digest_of(number, "record"), Target.__struct_fields__
    found = ["kind of change: by a plan, or by hand"] if bool(record) is not wanted.by_hand else []
    found += [field for field in fields if getattr(plan.target, field) != getattr(target, field)]
    if plan.sources != wanted.sources:
        found.append("version of the sources")
    if plan.fingerprint != wanted.fingerprint and again is None:
        found.append("plan, or was signed without the seal of this inbox" if wanted.sealed else "plan")
    if plan.readiness != wanted.readiness:
        found.append("answer to whether it can be undone")
    if predicate.record != wanted.record:
        found.append("change record")
    if predicate.tests != wanted.tests:
        found.append("test report")
    if wanted.binding == "exact":
        found += [
            f"{name.replace('-', ' ')}, and the policy binds approvals to exactly one"
            for name in SUBJECTS
            if statement.digest_of(number, name) != wanted.subjects.get(name, "")
        ]
    return found
