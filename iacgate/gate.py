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

Every reason against is reported, not only the first. In observe mode the decision is the same,
and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from iacgate.approval.counting import Received, Verdict, Wanted, count
from iacgate.approval.duties import Author, Unsigned
from iacgate.approval.quorum import Seated, fill
from iacgate.approval.statement import Target
from iacgate.people.roster import Principal, Roster
from iacgate.policy.demands import Demand
from iacgate.risk.assessment import Assessment
from iacgate.vocabulary import ChangeType, Severity

DENIED_BY_RISK: Final = 10
DENIED_BY_APPROVALS: Final = 11
_SHOWN: Final = 5
"""So many names stand in one sentence."""

NOT_IN_JSON: Final = ("backend", "workspace", "state lineage", "sources", "lock file", "variables")
"""What a plan's JSON alone cannot bind a decision to."""


class Reason(msgspec.Struct, frozen=True):
    """One reason against: a code, the exit code that it means, and a sentence that says what to do."""

    code: str
    exit_code: int
    text: str


class Missing(msgspec.Struct, frozen=True):
    """A seat that nobody fills, and who could."""

    role: str
    could: tuple[str, ...]


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides.

    ``deny`` is the severity from which the policy denies whoever signs; ``plan_file`` says whether the
    saved plan file was read, or only its JSON; ``json_only_allowed`` whether that will do where somebody
    must sign; ``trusted`` whether the settings are. ``unsigned`` are the commits that nobody known signed;
    ``None`` where it is not known which commits made the change. ``uncommitted`` are the sources of the plan
    that the commit does not have so. ``deployer`` is what is known of whoever deploys, empty where nobody says;
    ``deployers`` are the principals, by id or role, who may: somebody in each of these.
    """

    assessment: Assessment
    wanted: Wanted
    demand: Demand
    deny: Severity | None
    authors: tuple[Author, ...]
    received: tuple[Received, ...]
    mode: Literal["observe", "enforce"]
    now: str
    plan_file: bool = True
    json_only_allowed: bool = False
    deployer: str = ""
    deployers: tuple[frozenset[str], ...] = ()
    trusted: bool = False
    unsigned: tuple[Unsigned, ...] | None = None
    uncommitted: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Allow, or deny with every reason; what was demanded, who fills it, and what became of each envelope.

    ``authors`` are those who had a hand in the change, and why that is known.

    ``trusted`` is false where nobody's signature over the settings was checked: then whoever can
    change them can change the decision. ``not_bound`` names what the decision is not bound to, because
    only the plan's JSON was there. ``deployer`` is the principal who deploys, empty where that is not known.
    ``subjects``, ``fingerprint``, ``sources`` and ``target`` say which plan was judged, ``bundle`` by which settings.
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

    @property
    def exit_code(self) -> int:
        """0 where it is allowed or only observed; else the lowest of its reasons."""
        return min((reason.exit_code for reason in self.reasons), default=0) if self.blocks else 0


def decide(inputs: Inputs, roster: Roster) -> Decision:
    """Return the decision."""
    demand, wanted = inputs.demand, inputs.wanted
    counted = count(inputs.received, wanted, roster, inputs.now)
    roles = {person: frozenset(roster.principals[person].roles) for person in counted.approving}
    quorum = fill(demand.seats, roles)
    missing = tuple(
        Missing(role, _could(role, wanted, roster, {seated.principal for seated in quorum.filled}, inputs.now))
        for role in quorum.missing
    )
    deployer = roster.find(inputs.deployer)
    reasons = (
        *_plan_is_whole(inputs),  # 1
        *_not_denied_by_risk(inputs),  # 2
        *_authors_are_known(inputs),  # 3
        *_commits_are_signed(inputs),  # 4
        *_nobody_rejects(counted.rejections),  # 5
        *_seats_are_filled(missing),  # 6
        *_deployer_may(inputs, deployer),  # 7
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
        not_bound=() if inputs.plan_file else NOT_IN_JSON,
        now=inputs.now,
        trusted=inputs.trusted,
    )


def _plan_is_whole(inputs: Inputs) -> Iterator[Reason]:
    plan = inputs.assessment.plan
    if plan.errored:
        yield Reason("plan-errored", DENIED_BY_RISK, "The plan stopped with an error: mend it and plan again.")
    if not inputs.plan_file and inputs.demand.seats and not inputs.json_only_allowed:
        text = "Only the plan's JSON is there, which binds no backend, state or sources: gate the saved plan file."
        yield Reason("json-only", DENIED_BY_RISK, text)


def _not_denied_by_risk(inputs: Inputs) -> Iterator[Reason]:
    severity = inputs.assessment.severity
    if inputs.deny is not None and severity.rank >= inputs.deny.rank:
        text = f"The plan's severity is {severity}, and the policy denies {inputs.deny} and above, whoever signs."
        yield Reason("risk", DENIED_BY_RISK, text)


def _authors_are_known(inputs: Inputs) -> Iterator[Reason]:
    if not inputs.demand.seats:
        return
    if not inputs.authors and inputs.unsigned is None:
        text = "It is not known who wrote the change: gate it in its git repository, or name people with --author."
        yield Reason("authors-unknown", DENIED_BY_APPROVALS, text)
    elif not inputs.authors:
        text = "No commit since the base touches what the plan was made from: name whoever asked for it with --author."
        yield Reason("authors-unknown", DENIED_BY_APPROVALS, text)
    if inputs.uncommitted:
        text = (
            f"Nobody committed these sources of the plan so: {_some(inputs.uncommitted)}. Commit them and plan again."
        )
        yield Reason("sources-uncommitted", DENIED_BY_APPROVALS, text)
    for author in inputs.authors:
        if not author.principal:
            where = f"commit {author.commit}" if author.commit else "the change"
            why = author.why or f"nobody in people.yaml is {author.said}: add the person"
            text = f"It is not known who had a hand in {where}: {why}."
            yield Reason("author-unknown", DENIED_BY_APPROVALS, text)


def _some(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _commits_are_signed(inputs: Inputs) -> Iterator[Reason]:
    if not inputs.demand.signed_commits:
        return
    if inputs.unsigned is None:
        text = "Signed commits are demanded, and it is not known which commits made the change: name --base."
        yield Reason("commit-unsigned", DENIED_BY_APPROVALS, text)
    for item in inputs.unsigned or ():
        text = f"Commit {item.commit} is not signed by anybody known: {item.why}. Its author signs it again."
        yield Reason("commit-unsigned", DENIED_BY_APPROVALS, text)


def _nobody_rejects(rejections: tuple[tuple[str, str], ...]) -> Iterator[Reason]:
    for person, said in rejections:
        because = f" ({said})" if said else ""
        yield Reason(
            "rejected", DENIED_BY_APPROVALS, f"{person} rejects the change, and has not withdrawn that{because}."
        )


def _seats_are_filled(missing: tuple[Missing, ...]) -> Iterator[Reason]:
    for seat in missing:
        who = f"could be {', '.join(seat.could)}" if seat.could else "nobody who could is left in people.yaml"
        yield Reason("seat-missing", DENIED_BY_APPROVALS, f"The seat {seat.role} is empty: {who}.")


def _deployer_may(inputs: Inputs, deployer: Principal | None) -> Iterator[Reason]:
    who = " and ".join(", ".join(sorted(names)) for names in inputs.deployers)
    if not inputs.deployers:
        return
    if not inputs.deployer:
        text = f"It is not known who deploys: say it with --deployer; who may is {who}."
        yield Reason("deployer-unknown", DENIED_BY_APPROVALS, text)
    elif deployer is None:
        text = f"{inputs.deployer} deploys, who is nobody in people.yaml, or several: add the person; who may is {who}."
        yield Reason("deployer-unknown", DENIED_BY_APPROVALS, text)
    elif not all(names & {deployer.id, *deployer.roles} for names in inputs.deployers):
        text = f"{deployer.id} deploys, and may not: who may is {who}. Have one of them deploy."
        yield Reason("deployer-not-allowed", DENIED_BY_APPROVALS, text)


def _could(role: str, wanted: Wanted, roster: Roster, seated: set[str], now: str) -> tuple[str, ...]:
    """Return who could fill a seat: holds the role and a valid key, had no hand in the change, sits nowhere yet."""
    able = (
        person
        for person in roster.holding(role)
        if person.id not in wanted.authors | seated
        and any(key.valid_at(now) and not (key.revoked and key.revoked <= now) for key in person.keys)
    )
    return tuple(sorted(person.id for person in able))
