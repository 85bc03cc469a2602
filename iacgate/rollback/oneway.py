"""Changes whose way back is another one: forward in place, back by destroying; accepted, but without effect; refused.

What every other tool misses are updates of which the provider makes a destroy and create on the way back. Where the
type holds data, that destruction is judged on what this plan writes.
"""

from __future__ import annotations

from typing import Final

from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Answer
from iacgate.plan.redaction import Redactor
from iacgate.rollback.destruction import of_destruction
from iacgate.rollback.findings import Found, because
from iacgate.rollback.knowledge import Entry, OneWay, Outcome
from iacgate.rollback.verdict import Level
from iacgate.vocabulary import Action, Verdict

_CHECKS: Final[dict[Outcome, tuple[str, Level, str]]] = {
    "reverse-replaces": ("RB003", "block", "undoing it destroys the object and makes a new one"),
    "reverse-plan-fails": ("RB004", "high", "undoing it fails when it is planned"),
    "reverse-apply-fails": ("RB004", "high", "undoing it fails when it is applied"),
    "reverse-does-nothing": ("RB005", "high", "undoing it is accepted and changes nothing"),
    "effect-stays": ("RB005", "high", "the setting goes back, what it did does not"),
    "identity-lost": ("RB019", "medium", "undone, it has another identity"),
    "waits": ("RB004", "medium", "it can be undone only after a wait"),
    "restores": ("RB002", "high", "undoing it takes a value that is no longer anywhere in the configuration"),
}
_WIRE: Final = {
    "create": (Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE),
    "update": (Action.UPDATE,),
    "delete": (Action.DELETE, Action.REPLACE),
}
_HINT: Final = "Say in the record of the change, under `undo`, what is done if it must be taken back."


def of_way(entries: tuple[Entry, ...], action: Action, subject: Subject, redactor: Redactor, found: Found) -> None:
    """Add what is known of the way back of a change, from all that is known of its type."""
    for entry in entries:
        for item, condition in entry.one_way:
            if not any(action in _WIRE[name] for name in item.actions):
                continue
            answer: Answer = True if condition is None else condition.answer(subject)
            if answer is False:
                continue
            reason = because(item.why, condition, subject, redactor, f"{entry.id}/{item.id}", list(item.confidence))
            found.say(item.verdict if answer else Verdict.UNKNOWN, reason)
            _check(entries, item, subject, redactor, found, certain=answer is True)


def _check(
    entries: tuple[Entry, ...], item: OneWay, subject: Subject, redactor: Redactor, found: Found, *, certain: bool
) -> None:
    name, level, text = _CHECKS[item.outcome]
    if item.outcome == "reverse-replaces" and not _loses_data(entries, subject, redactor):
        name, level = "RB019", "medium"
    text = text if certain else f"what decides is not known; it may be that {text}"
    found.check(name, "high" if level == "block" and not certain else level, text, _HINT)


def _loses_data(entries: tuple[Entry, ...], subject: Subject, redactor: Redactor) -> bool:
    """Return whether destroying the object as the plan leaves it loses anything."""
    later, lost = {**subject, "before": subject.get("after"), "after": None}, Found()
    for entry in entries:
        of_destruction(entry, later, redactor, lost, protected={})
    return lost.verdict.rank > Verdict.NEW_IDENTITY.rank
