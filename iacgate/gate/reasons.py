"""Why a plan may not be applied: what its risk, its approvals, its authors and its deployer say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from iacgate.approval.counting import Wanted
from iacgate.gate.inputs import Inputs
from iacgate.people.roster import Principal, Roster

DENIED_BY_RISK: Final = 10
DENIED_BY_APPROVALS: Final = 11
_SHOWN: Final = 5
"""So many names stand in one sentence."""


class Reason(msgspec.Struct, frozen=True):
    """One reason against: a code, the exit code that it means, and a sentence that says what to do."""

    code: str
    exit_code: int
    text: str


class Missing(msgspec.Struct, frozen=True):
    """A seat that nobody fills, and who could."""

    role: str
    could: tuple[str, ...]


def plan_is_whole(inputs: Inputs) -> Iterator[Reason]:
    """Yield where the plan is not one that anybody can decide about."""
    if inputs.wanted.by_hand:  # there is none, and what there is instead is bound by its record
        return
    plan = inputs.assessment.plan
    if plan.errored:
        yield Reason("plan-errored", DENIED_BY_RISK, "The plan stopped with an error: mend it and plan again.")
    if not inputs.plan_file and inputs.demand.seats and not inputs.json_only_allowed:
        text = "Only the plan's JSON is there, which binds no backend, state or sources: gate the saved plan file."
        yield Reason("json-only", DENIED_BY_RISK, text)


def not_denied_by_risk(inputs: Inputs) -> Iterator[Reason]:
    """Yield where the plan is so severe that nobody's signature helps."""
    severity = inputs.assessment.severity
    if inputs.deny is not None and severity.rank >= inputs.deny.rank:
        text = f"The plan's severity is {severity}, and the policy denies {inputs.deny} and above, whoever signs."
        yield Reason("risk", DENIED_BY_RISK, text)


def authors_are_known(inputs: Inputs) -> Iterator[Reason]:
    """Yield where somebody must sign, and it is not known who had a hand in the change."""
    if not inputs.demand.seats and inputs.wanted.change_type != "standard":  # whoever signed a pattern may not use it
        return
    if not inputs.authors and inputs.unsigned is None:
        text = "It is not known who wrote the change: gate it in its git repository, or name people with --author."
        yield Reason("authors-unknown", DENIED_BY_APPROVALS, text)
    elif not inputs.authors:
        text = "No commit since the base touches what the plan was made from: name whoever asked for it with --author."
        yield Reason("authors-unknown", DENIED_BY_APPROVALS, text)
    if inputs.uncommitted:
        of_what, again = ("of the change", "gate") if inputs.wanted.by_hand else ("of the plan", "plan")
        some = _some(inputs.uncommitted)
        text = f"Nobody committed these sources {of_what} so: {some}. Commit them and {again} again."
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


def commits_are_signed(inputs: Inputs) -> Iterator[Reason]:
    """Yield the commits that nobody known signed, where that is demanded."""
    if not inputs.demand.signed_commits:
        return
    if inputs.unsigned is None:
        text = "Signed commits are demanded, and it is not known which commits made the change: name --base."
        yield Reason("commit-unsigned", DENIED_BY_APPROVALS, text)
    for item in inputs.unsigned or ():
        text = f"Commit {item.commit} is not signed by anybody known: {item.why}. Its author signs it again."
        yield Reason("commit-unsigned", DENIED_BY_APPROVALS, text)


def nobody_rejects(rejections: tuple[tuple[str, str], ...]) -> Iterator[Reason]:
    """Yield who rejects the change, with the reason that each gave."""
    for person, said in rejections:
        because = f" ({said})" if said else ""
        yield Reason(
            "rejected", DENIED_BY_APPROVALS, f"{person} rejects the change, and has not withdrawn that{because}."
        )


def seats_are_filled(missing: tuple[Missing, ...]) -> Iterator[Reason]:
    """Yield the seats that nobody fills."""
    for seat in missing:
        who = f"could be {', '.join(seat.could)}" if seat.could else "nobody who could is left in people.yaml"
        yield Reason("seat-missing", DENIED_BY_APPROVALS, f"The seat {seat.role} is empty: {who}.")


def deployer_may(inputs: Inputs, deployer: Principal | None) -> Iterator[Reason]:
    """Yield where whoever deploys may not, or is not known."""
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


def could(role: str, wanted: Wanted, roster: Roster, seated: set[str], now: str) -> tuple[str, ...]:
    """Return who could fill a seat: holds the role and a valid key, had no hand in the change, sits nowhere yet."""
    able = (
        person
        for person in roster.holding(role)
        if person.id not in wanted.authors | seated
        and any(key.valid_at(now) and not (key.revoked and key.revoked <= now) for key in person.keys)
    )
    return tuple(sorted(person.id for person in able))
