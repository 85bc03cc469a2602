"""Why a change may not be applied: what its record and its type say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from iacgate.change.lifecycle import ended
from iacgate.change.record import MissingPart
from iacgate.change.testing import TestVerdict
from iacgate.gate.inputs import Inputs
from iacgate.gate.reasons import Reason
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster
from iacgate.vocabulary import RecordPart

DENIED_BY_RECORD: Final = 14


def demanded_of(inputs: Inputs) -> tuple[RecordPart, ...]:
    """Return what the record must say: what the policy demands, and of an emergency why it is one."""
    emergency = inputs.wanted.change_type == "emergency" and inputs.circumstances.record is not None
    return (*inputs.demand.record, *(("justification",) if emergency else ()))


def record_is_complete(inputs: Inputs, missing: tuple[MissingPart, ...]) -> Iterator[Reason]:
    """Yield what the record lacks, and how it is filled in."""
    record = inputs.circumstances.record
    if missing and record is None:
        names = ", ".join(part.part for part in missing)
        text = f"The change has no record, which must say: {names}. Write it: iacgate request {inputs.wanted.change}"
        yield Reason("record-missing", DENIED_BY_RECORD, text)
        return
    for part in missing:
        yield Reason("record-part-missing", DENIED_BY_RECORD, f"The record does not say its {part.part}: {part.how}.")


def ticket_is_known(inputs: Inputs) -> Iterator[Reason]:
    """Yield where a system that must know the ticket does not, or the ticket is closed, or nobody knows.

    An emergency does not wait for a system that does not answer: see :func:`ticket_warnings`.
    """
    for item in inputs.circumstances.ticket_checks:
        where = f"The ticket {item.name} ({item.provider}, {item.place})"
        if item.problem == "unknown":
            text = f"{where} is not there: {item.why}. Mend its name in the record, or what may be read there."
            yield Reason("ticket-unknown", DENIED_BY_RECORD, text)
        elif item.problem == "closed":
            text = (
                f"{where} is closed ({item.state}): name the one in which this change is asked for, or open it again."
            )
            yield Reason("ticket-closed", DENIED_BY_RECORD, text)
        elif item.problem == "unreachable" and inputs.wanted.change_type != "emergency":
            yield Reason("ticket-unreachable", DENIED_BY_RECORD, f"{where} could not be looked up: {item.why}.")


def ticket_warnings(inputs: Inputs) -> Iterator[str]:
    """Yield the tickets of an emergency that could not be looked up: look at them when it is over."""
    for item in inputs.circumstances.ticket_checks:
        if item.problem == "unreachable" and inputs.wanted.change_type == "emergency":
            where = f"The ticket {item.name} ({item.provider}, {item.place})"
            yield f"{where} could not be looked up, and an emergency does not wait for that: {item.why}."


def type_is_recorded(inputs: Inputs, roster: Roster) -> Iterator[Reason]:
    """Yield where the record is about another change or type, or an emergency nobody's."""
    record, wanted = inputs.circumstances.record, inputs.wanted
    if record is None:
        if wanted.change_type == "emergency":
            text = (
                f"An emergency names its incident and who invokes it: iacgate request {wanted.change} --incident NAME"
            )
            yield Reason("emergency-unrecorded", DENIED_BY_RECORD, text)
        return
    if record.id != wanted.change:
        text = f"The record is about {record.id}, and the change is {wanted.change}: mend its id, or --change."
        yield Reason("record-of-another", DENIED_BY_RECORD, text)
    if record.type != wanted.change_type:
        text = f"The record says {record.type}, and the change is gated as {wanted.change_type}: mend one of them."
        yield Reason("record-of-another-type", DENIED_BY_RECORD, text)
    if record.emergency and roster.find(record.emergency.invoker) is None:
        text = f"{record.emergency.invoker} invokes the emergency, and is nobody in people.yaml."
        yield Reason("invoker-unknown", DENIED_BY_RECORD, text)
    if record.requested_by and roster.find(record.requested_by) is None:
        text = f"{record.requested_by} asks for the change, and is nobody in people.yaml."
        yield Reason("requester-unknown", DENIED_BY_RECORD, text)


def nobody_ended_it(attested: Iterable[Attested], change: str) -> Iterator[Reason]:
    """Yield who says that the change is withdrawn, closed or rolled back."""
    why = ended(attested, change)
    if why:
        yield Reason("ended", DENIED_BY_RECORD, f"{why}: what is still to be done is another change.")


def tests_count(verdicts: Iterable[TestVerdict]) -> Iterator[Reason]:
    """Yield the required tests that do not count, and why."""
    for item in verdicts:
        if not item.counts:
            yield Reason(f"test-{item.code}", DENIED_BY_RECORD, f"The test {item.test} does not count: {item.why}.")


def content_was_promoted(inputs: Inputs) -> Iterator[Reason]:
    """Yield where the plan's content was not applied and verified where it comes from."""
    promotion = inputs.circumstances.promotion
    if promotion is not None and not promotion.ok:
        yield Reason("not-promoted", DENIED_BY_RECORD, f"The change was not promoted: {promotion.why}.")
