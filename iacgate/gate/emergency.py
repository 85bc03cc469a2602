"""Emergencies: what they demand instead, who may act alone, and what waits for its review."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from iacgate.change.emergency import OpenReview, block_normal, extra_seat, open_reviews, rate, taken
from iacgate.change.solo import Alone, Limits, solo_problems
from iacgate.gate.inputs import Circumstances, Inputs
from iacgate.gate.reasons import DENIED_BY_APPROVALS, Reason
from iacgate.people.roster import Roster
from iacgate.policy.demands import Demand
from iacgate.policy.emergencies import EmergencyText, SoloText
from iacgate.vocabulary import ChangeType

_DENIED: Final = 14


def is_solo(found: Circumstances) -> bool:
    """Return whether the record says that nobody else can be reached."""
    record = found.record
    return record is not None and record.emergency is not None and record.emergency.solo


def is_recorded(change_type: ChangeType, found: Circumstances) -> bool:
    """Return whether a change is an emergency whose record says so, and not one person's alone.

    Only such a change may do without the ledger, where that cannot be reached.
    """
    record = found.record
    named = record is not None and record.type == "emergency" and record.emergency is not None
    return change_type == "emergency" and named and not is_solo(found)


def demand_of(base: Demand, change_type: ChangeType, found: Circumstances, now: str) -> Demand:
    """Return what is demanded of a change: of an emergency, one more seat while a review is overdue.

    Of one person who acts alone, one signature.
    """
    if change_type != "emergency" or not base.seats:
        return base
    text = found.emergency
    if is_solo(found):
        role = text.solo.role if text.solo else SoloText().role
        return msgspec.structs.replace(base, seats={role: 1})
    return msgspec.structs.replace(base, seats=extra_seat(base.seats, text.overdue_seat, reviews_of(found, now)))


def reviews_of(found: Circumstances, now: str) -> tuple[OpenReview, ...]:
    """Return the reviews that the stack's emergencies wait for."""
    return open_reviews(found.emergencies or (), found.emergency.review_hours, now)


def emergency_reasons(inputs: Inputs, roster: Roster) -> Iterator[Reason]:
    """Yield why a change may not be applied because of emergencies: those before it, or because it is one."""
    found, wanted = inputs.circumstances, inputs.wanted
    reviews = reviews_of(found, inputs.now)
    if found.lost and not is_recorded(wanted.change_type, found):
        text = "The ledger could not be reached. Without it, only an emergency with a record goes on, and nobody alone."
        yield Reason("ledger-unreachable", _DENIED, text)
    if wanted.change_type != "emergency":
        blocked = block_normal(reviews)
        if blocked:
            yield Reason("review-overdue", _DENIED, f"{blocked} See `iacgate attest review`.")
        return
    why = taken(found.emergencies or (), wanted.change, retry=found.again)
    if why:
        yield Reason("emergency-taken", _DENIED, f"{why[:1].upper()}{why[1:]}. Give it a name of its own.")
    if is_solo(found) and inputs.demand.seats:
        for problem in _alone(inputs, roster, reviews):
            yield Reason("solo", DENIED_BY_APPROVALS, f"Nobody may act alone here: {problem}.")


def _alone(inputs: Inputs, roster: Roster, reviews: tuple[OpenReview, ...]) -> tuple[str, ...]:
    found = inputs.circumstances
    if inputs.wanted.by_hand:
        return ("what is done by hand begins without us, so that nobody would be told first",)
    record = found.record
    person = roster.find(record.emergency.invoker) if record and record.emergency else None
    alone = Alone(
        change=inputs.wanted.change,
        invoker=person.id if person else "",
        human=person is not None and person.kind == "human",
        roles=frozenset(person.roles) if person else frozenset(),
        severity=inputs.wanted.severity,
        changes=found.changes,
        again=found.again,
    )
    limits, elsewhere = _limits(found.emergency), found.alone_elsewhere
    return solo_problems(limits, alone, found.emergencies, reviews, inputs.now, elsewhere)


def _limits(text: EmergencyText) -> Limits | None:
    solo = text.solo
    return Limits(solo.role, solo.severity, solo.resources, solo.uses, solo.days) if solo else None


def warnings_of(inputs: Inputs) -> Iterator[str]:
    """Yield what denies nothing, and should be known: reviews that are due, and emergencies that become a habit."""
    found = inputs.circumstances
    if found.lost:
        yield (
            f"Decided without the ledger, which could not be reached: {found.lost} Not known: approvals that were used "
            "up, rejections that somebody took away, newer settings, overdue reviews, applies that have not ended."
        )
    for item in reviews_of(found, inputs.now):
        late = "is overdue since" if item.overdue else "is due at"
        alone = ", by one person alone" if item.solo else ""
        yield f"The review of the emergency {item.change} ({item.incident}, {item.invoker}{alone}) {late} {item.due}."
    often = rate(found.emergencies or (), found.emergency.rate.uses, found.emergency.rate.days, inputs.now)
    if often.stack.warns:
        yield f"This stack had {often.stack.uses} emergencies in {often.days} days: {often.threshold} is what warns."
    for team in often.teams:
        if team.warns:
            name = team.team or "no team"
            yield f"{name} had {team.uses} emergencies here in {often.days} days: {often.threshold} is what warns."
