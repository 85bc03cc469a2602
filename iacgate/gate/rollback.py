"""Why a change may not be applied: what undoing it would take.

What cannot be undone, or is not known to be, is answered for in the record of the change, which approvals are bound
to: so whoever signs signs the answer as well. Above ``answered``, nothing irreversible passes, whoever answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from iacgate.change.record import Answer
from iacgate.errors import StatementInvalid
from iacgate.gate.inputs import Inputs
from iacgate.gate.reasons import Reason
from iacgate.people.attested import Attested
from iacgate.rollback.rehearsed import Rehearsed, read_rehearsed
from iacgate.rollback.verdict import Check, RollbackReport, Undo
from iacgate.vocabulary import ReadinessDemand, Reversibility

DENIED_BY_ROLLBACK: Final = 12
_CHECK: Final = re.compile(r"RB[0-9]{3}")
_RESTORES: Final = "RB002"
_REHEARSAL: Final = "RB021"
_REHEARSED: Final = ("rehearsed-approximately", "rehearsed")
_MAX_REASONS: Final = 50


def can_be_undone(inputs: Inputs, attested: Iterable[Attested]) -> Iterator[Reason]:
    """Yield why the plan is not as ready to be undone as its severity demands; nothing where that is nothing."""
    demanded, report = inputs.demand.readiness, inputs.circumstances.rollback
    if not demanded or inputs.wanted.by_hand:
        return
    if report is None:
        yield _reason("undoing-unknown", "It is not known whether it can be undone: gate it with this version.")
        return
    record = inputs.circumstances.record
    found = list(_unanswered(report, record.undo if record else {}, lax=demanded == "answered"))
    yield from found[:_MAX_REASONS]
    if len(found) > _MAX_REASONS:
        yield _reason("not-undoable", f"{len(found) - _MAX_REASONS} more are not answered for: iacgate rollback check.")
    yield from _rehearsal(inputs, list(attested))


def unanswered(report: RollbackReport | None, answers: Mapping[str, Answer], demanded: ReadinessDemand) -> list[str]:
    """Return what a record does not answer for yet, and what it answers for that is not there, a sentence each.

    Nothing where no readiness is demanded.
    """
    if report is None or not demanded:
        return []
    there = {undo.address for undo in report.undos} | {check.address for check in report.checks}
    others = [place for place in answers if place not in there and not _CHECK.fullmatch(place)]
    asked = [reason.text for reason in _unanswered(report, answers, lax=demanded == "answered")]
    return [*asked, *(f"{place} is answered for, and the plan changes nothing there." for place in others)]


def _unanswered(report: RollbackReport, answers: Mapping[str, Answer], *, lax: bool) -> Iterator[Reason]:
    for undo in report.undos:
        yield from _of_change(undo, answers.get(undo.address), lax=lax)
    for check in report.checks:
        answer = answers.get(check.address or check.id)
        if check.id != _REHEARSAL and check.level != "medium":
            yield from _of_check(check, answer, lax=lax)


def _of_change(undo: Undo, answer: Answer | None, *, lax: bool) -> Iterator[Reason]:
    """Yield where a change cannot be undone, or nobody knows, and nobody answers for it."""
    answer = answer or Answer(why="nobody answers")
    said = answer.verdict
    why = f": {undo.reasons[0].text}" if undo.reasons else ""
    if undo.verdict is Reversibility.IRREVERSIBLE and not (lax and said is Reversibility.IRREVERSIBLE):
        how = (
            "let the record say so under `undo`, with `verdict: irreversible` and why it may be done"
            if lax
            else "protect it first, in a change of its own"
        )
        yield _reason("irreversible", f"{undo.address} cannot be undone{why}. To apply it, {how}.")
    elif undo.verdict is Reversibility.UNKNOWN and (said is None or said is Reversibility.UNKNOWN):
        text = (
            f"{undo.address}: nobody knows whether it can be undone{why}. Let the record say its verdict under `undo`."
        )
        yield _reason("undoing-unknown", text)
    elif undo.verdict is Reversibility.UNKNOWN and said is Reversibility.IRREVERSIBLE and not lax:
        yield _reason("irreversible", f"{undo.address} cannot be undone, as its record says.")
    elif undo.verdict is Reversibility.UNKNOWN and said is Reversibility.DATA_RESTORE and not answer.recovery_point:
        text = f"{undo.address}: its data would be restored, as its record says, which names no recovery_point."
        yield _reason("recovery-point-missing", text)


def _of_check(check: Check, answer: Answer | None, *, lax: bool) -> Iterator[Reason]:
    place = f"{check.address}: " if check.address else ""
    if check.level == "block" and not (lax and answer):
        yield _reason("not-ready", f"{check.id}: {place}{check.text}. {check.hint}")
    elif answer is None:
        yield _reason("not-answered", f"{check.id}: {place}{check.text}. {check.hint}")
    elif check.id == _RESTORES and not answer.recovery_point:
        text = f"{check.id}: {place}{check.text}. Its `undo` in the record names no recovery_point."
        yield _reason("recovery-point-missing", text)


def _rehearsal(inputs: Inputs, attested: list[Attested]) -> Iterator[Reason]:
    """Yield where the newest rehearsal of this way back speaks against it, or is missing where it is demanded."""
    found = rehearsals_of(inputs, attested)
    newest = max(found, key=lambda item: (item[0].arrived, item[1].outcome != "matches", item[0].digest), default=None)
    if newest and newest[1].outcome != "matches":
        said = newest[1]
        yield _reason("rehearsal-failed", f"A rehearsal of the way back {said.outcome}: {said.why or 'see it'}.")
        return
    if inputs.demand.readiness not in _REHEARSED:
        return
    back, approximate = inputs.circumstances.previous, newest[1].approximate if newest else ()
    if newest is None or not back:
        where = f" to {back[:12]}, which was applied last" if back else ""
        text = f"Nobody whose word counts rehearsed the way back of this plan{where}: iacgate rollback rehearse"
        yield _reason("not-rehearsed", f"{text} --previous {back[:12] or 'REF'}, then iacgate attest rehearsal.")
    elif approximate and inputs.demand.readiness == "rehearsed":
        names = ", ".join(approximate[:5])
        yield _reason("not-rehearsed", f"The way back was rehearsed only approximately, at {names}.")


def rehearsals_of(inputs: Inputs, attested: Iterable[Attested]) -> list[tuple[Attested, Rehearsed]]:
    """Return the rehearsals of this way back by somebody whose word counts.

    That is whoever the policy names; else a machine, or a human with a role; and no human who had a hand in the change.
    Of another plan, or back to another commit than the one that was applied last, it is another way back. One that went
    well says so until its word ends; one that did not still says so afterwards.
    """
    found, back = [], inputs.circumstances.previous
    for item in attested:
        if item.kind != "rehearsal" or not _may_attest(item, inputs):
            continue
        try:
            rehearsed = read_rehearsed(item.body)
        except StatementInvalid as error:  # whoever signed meant to say something: it may have been a red one
            rehearsed = Rehearsed(inputs.wanted.fingerprint, back, "failed", why=f"{item.principal}: {error.message}")
        same = rehearsed.fingerprint == inputs.wanted.fingerprint and back in ("", rehearsed.previous)
        if same and not (item.lapsed and rehearsed.outcome == "matches"):
            found.append((item, rehearsed))
    return found


def _may_attest(item: Attested, inputs: Inputs) -> bool:
    named = all({item.principal, *item.roles} & names for names in inputs.rehearsers)
    own = item.human and item.principal in inputs.wanted.authors
    return named and not own and (not item.human or bool(item.roles))


def _reason(code: str, text: str) -> Reason:
    return Reason(code, DENIED_BY_ROLLBACK, text)
