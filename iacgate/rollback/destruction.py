"""What destroying an object costs: now, or when the creation of one is undone.

A deletion reads what the state says: protections that stand in the configuration and were never applied have no
effect. So what is destroyed by the plan is judged on ``before``, and what the plan makes, which undoing would destroy,
on ``after``.
"""

from __future__ import annotations

from typing import Final

from iacgate.conditions.refs import Subject
from iacgate.rollback.findings import Case, Found
from iacgate.rollback.knowledge import Destroyed, Recovery
from iacgate.vocabulary import Reversibility

_KEPT_A_WHILE: Final = frozenset({"key", "secret", "hsm", "pki", "credential"})
"""Categories of what is deleted after a term, in which it can be had back: the term is the protection."""

RECOVERY_HINT: Final = "Name the recovery point in the record of the change, under `undo`."
_PROTECT_HINT: Final = (
    "Apply the protection first, in a change of its own: a deletion reads the state, not what this plan writes."
)


def of_destruction(case: Case, found: Found, *, protected: Subject) -> None:
    """Add what destroying the object in ``before`` means.

    ``protected`` is the same object as the plan writes it (of a replacement), to tell protections that come too late.
    """
    entry, text = case.entry, case.entry.text.destroyed
    if text is None:
        return
    _refusals(case, found)
    answer, spared = case.ask(entry.recoverable), case.ask(entry.refused_unless_empty)
    if spared is True:
        reason = case.because("the deletion is refused unless it is empty", entry.refused_unless_empty)
        lost = text.identity or text.tombstone
        found.say(Reversibility.NEW_IDENTITY if lost else Reversibility.REVERSIBLE, reason)
    elif answer is True and text.recoverable:
        _recoverable(case, text.recoverable, found)
    elif answer is None or spared is None:
        condition = entry.recoverable if answer is None else entry.refused_unless_empty
        found.say(Reversibility.UNKNOWN, case.because("whether its data can be had back is not known", condition))
        found.check("RB001", "high", "whether its data can be had back is not known", _PROTECT_HINT)
    else:
        _lost(case, text, found)
    _too_late(case, protected, found)
    if text.tombstone:
        found.check("RB020", "high", f"its name stays taken: {text.tombstone}", "Undo it with another name, or wait.")


def of_creation(case: Case, found: Found) -> None:
    """Add what undoing the creation of the object in ``before`` means; the caller puts there what the plan writes."""
    text, answer = case.entry.text.destroyed, case.ask(case.entry.refused)
    if text is None:
        return
    if answer is not False:
        says = "is" if answer else "may be"
        reason = case.because(f"the deletion that undoes it {says} refused while it is protected", case.entry.refused)
        found.say(Reversibility.REVERSIBLE if answer else Reversibility.UNKNOWN, reason)
        what = f"what is created {says} protected against the deletion that undoes it"
        found.check("RB025", "medium", what, "To undo it, apply it without the protection first.")
    if text.effect == "abandons":
        found.say(
            Reversibility.NEW_IDENTITY, case.because("it cannot be deleted: it stays when its creation is undone")
        )
        found.check("RB025", "medium", "what is created cannot be deleted", "Create it only if it may stay for good.")


def _refusals(case: Case, found: Found) -> None:
    answer = case.ask(case.entry.refused)
    if answer is False:
        return
    says = "will be" if answer else "may be"
    reason = case.because(f"the deletion {says} refused", case.entry.refused)
    found.say(Reversibility.REVERSIBLE if answer else Reversibility.UNKNOWN, reason)
    what = f"the deletion {says} refused, and the apply stops half-way: {', '.join(reason.values)}".rstrip(": ")
    hint = "Take the protection away in a change of its own, or leave the object out of this one."
    found.check("RB007", "high", what, hint)


def _recoverable(case: Case, recovery: Recovery, found: Found) -> None:
    reason = case.because(f"its data can be restored from {recovery.point}", case.entry.recoverable)
    found.say(Reversibility.DATA_RESTORE, reason)
    found.point, found.steps = recovery.point, tuple(recovery.steps)
    found.check("RB002", "high", f"its data comes back only from {recovery.point}", RECOVERY_HINT)


def _lost(case: Case, text: Destroyed, found: Found) -> None:
    identity = ", ".join(text.identity) or "its identity"
    condition = case.entry.recoverable or case.entry.refused_unless_empty
    if text.verdict is Reversibility.IRREVERSIBLE:
        kept = case.entry.text.category in _KEPT_A_WHILE
        what = "it is gone at once, or too soon to have it back" if kept else "its data is gone for good"
        found.say(text.verdict, case.because(what, condition))
        found.check("RB008" if kept else "RB001", "block", what, _PROTECT_HINT)
    elif text.verdict is Reversibility.NEW_IDENTITY:
        what = f"made anew, it is another one: it loses {identity}"
        found.say(text.verdict, case.because(what, condition))
        found.check("RB019", "medium", what, "See what refers to it.")
    elif text.verdict is Reversibility.DATA_RESTORE:
        what = "its data comes back only by a restore"
        found.say(text.verdict, case.because(what, condition))
        found.check("RB002", "high", what, RECOVERY_HINT)
    else:
        lost = "nobody knows what is lost" if text.verdict is Reversibility.UNKNOWN else "nothing of it is lost"
        found.say(text.verdict, case.because(lost, condition))


def _too_late(case: Case, protected: Subject, found: Found) -> None:
    """Add where the plan itself writes what would have protected the object: the deletion does not see it."""
    for condition in (case.entry.recoverable, case.entry.refused):
        if condition and protected and case.ask(condition) is False and condition.answer(protected) is True:
            what = "this plan changes its protection and destroys it: the change comes too late"
            found.check("RB006", "high", what, _PROTECT_HINT)
            return
