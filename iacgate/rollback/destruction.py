"""What destroying an object costs: now, or when the creation of one is undone.

A deletion reads what the state says: protections that stand in the configuration and were never applied have no
effect. So what is destroyed by the plan is judged on ``before``, and what the plan makes, which undoing would destroy,
on ``after``.
"""

from __future__ import annotations

from typing import Final

from iacgate.conditions.compile import Condition
from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Answer
from iacgate.plan.redaction import Redactor
from iacgate.rollback.findings import Found, because
from iacgate.rollback.knowledge import Destroyed, Entry
from iacgate.rollback.verdict import Because
from iacgate.vocabulary import Verdict

_KEPT_A_WHILE: Final = frozenset({"key", "secret", "hsm", "pki", "credential"})
"""Categories of what is deleted after a term, in which it can be had back: the term is the protection."""

RECOVERY_HINT: Final = "Name the recovery point in the record of the change, under `undo`."
_PROTECT_HINT: Final = (
    "Apply the protection first, in a change of its own: a deletion reads the state, not what this plan writes."
)


def of_destruction(entry: Entry, subject: Subject, redactor: Redactor, found: Found, *, protected: Subject) -> None:
    """Add what destroying the object in ``before`` means.

    ``protected`` is the same object as the plan writes it (of a replacement), to tell protections that come too late.
    """
    text = entry.text.destroyed
    if text is None:
        return
    _refusals(entry, text, subject, redactor, found)
    answer: Answer = entry.recoverable.answer(subject) if entry.recoverable else False
    spared = _spared(entry, subject)
    if spared is True:
        reason = _because("the deletion is refused unless it is empty, so that no data goes with it", entry, text)
        found.say(Verdict.NEW_IDENTITY if text.identity or text.tombstone else Verdict.REVERSIBLE, reason)
    elif answer is True:
        _recoverable(entry, text, subject, redactor, found)
    elif answer is None or spared is None:
        condition = entry.recoverable if answer is None else entry.refused_unless_empty
        reason = because(
            "what decides whether it can be had back is not known", condition, subject, redactor, entry.id,
            list(text.confidence),
        )  # fmt: skip
        found.say(Verdict.UNKNOWN, reason)
        found.check("RB001", "high", "whether its data can be had back is not known", _PROTECT_HINT)
    else:
        _lost(entry, text, subject, redactor, found)
    _too_late(entry, subject, protected, found)
    if text.tombstone:
        found.check("RB020", "high", f"its name stays taken: {text.tombstone}", "Undo it with another name, or wait.")


def of_creation(entry: Entry, subject: Subject, redactor: Redactor, found: Found) -> None:
    """Add what undoing the creation of the object in ``before`` means; the caller puts there what the plan writes."""
    text = entry.text.destroyed
    if text is None:
        return
    answer: Answer = entry.refused.answer(subject) if entry.refused else False
    if answer is not False:
        says = "is" if answer else "may be"
        reason = because(
            f"the deletion that undoes it {says} refused while it is protected", entry.refused, subject, redactor,
            entry.id, list(text.confidence),
        )  # fmt: skip
        found.say(Verdict.REVERSIBLE if answer else Verdict.UNKNOWN, reason)
        found.check(
            "RB025", "medium", f"what is created {says} protected against the deletion that undoes it",
            "To undo it, apply it without the protection first.",
        )  # fmt: skip
    if text.effect == "abandons":
        found.say(
            Verdict.NEW_IDENTITY, _because("it cannot be deleted: it stays when its creation is undone", entry, text)
        )
        found.check("RB025", "medium", "what is created cannot be deleted", "Create it only if it may stay for good.")


def _refusals(entry: Entry, text: Destroyed, subject: Subject, redactor: Redactor, found: Found) -> None:
    answer: Answer = entry.refused.answer(subject) if entry.refused else False
    if answer is not False:
        says = "will be" if answer else "may be"
        reason = because(
            f"the deletion {says} refused", entry.refused, subject, redactor, entry.id, list(text.confidence)
        )
        found.say(Verdict.REVERSIBLE if answer else Verdict.UNKNOWN, reason)
        what = f": {reason.path} = {reason.value}" if reason.path else ""
        found.check(
            "RB007", "high", f"the deletion {says} refused, and the apply stops half-way{what}",
            "Take the protection away in a change of its own, or leave the object out of this one.",
        )  # fmt: skip


def _spared(entry: Entry, subject: Subject) -> Answer:
    """Return whether only an empty object is deleted."""
    return entry.refused_unless_empty.answer(subject) if entry.refused_unless_empty else False


def _recoverable(entry: Entry, text: Destroyed, subject: Subject, redactor: Redactor, found: Found) -> None:
    if text.recoverable is None:
        return
    reason = because(
        f"its data can be restored from {text.recoverable.point}", entry.recoverable, subject, redactor, entry.id,
        list(text.confidence),
    )  # fmt: skip
    found.say(Verdict.DATA_RESTORE, reason)
    found.point, found.steps = text.recoverable.point, tuple(text.recoverable.steps)
    found.check("RB002", "high", f"its data comes back only from {text.recoverable.point}", RECOVERY_HINT)


def _lost(entry: Entry, text: Destroyed, subject: Subject, redactor: Redactor, found: Found) -> None:
    reason = because(text.why, _decider(entry), subject, redactor, entry.id, list(text.confidence))
    found.say(text.verdict, reason)
    if text.verdict is Verdict.IRREVERSIBLE:
        kept = entry.text.category in _KEPT_A_WHILE
        what = "it is gone at once, or too soon to have it back" if kept else "its data is gone for good"
        found.check("RB008" if kept else "RB001", "block", what, _PROTECT_HINT)
    elif text.verdict is Verdict.NEW_IDENTITY:
        lost = ", ".join(text.identity) or "its identity"
        found.check("RB019", "medium", f"made anew, it is another one: it loses {lost}", "See what refers to it.")


def _decider(entry: Entry) -> Condition | None:
    return entry.recoverable or entry.refused_unless_empty


def _too_late(entry: Entry, subject: Subject, protected: Subject, found: Found) -> None:
    """Add where the plan itself writes what would have protected the object: the deletion does not see it."""
    for condition in (entry.recoverable, entry.refused):
        if condition and condition.answer(subject) is False and protected and condition.answer(protected) is True:
            found.check(
                "RB006", "high", "this plan changes its protection and destroys it: the change comes too late",
                _PROTECT_HINT,
            )  # fmt: skip
            return


def _because(text: str, entry: Entry, known: Destroyed) -> Because:
    return Because(text=text, entry=entry.id, confidence=tuple(known.confidence))
