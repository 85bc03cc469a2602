"""Changes whose way back is another one: forward in place, back by destroying; accepted, but without effect; refused.

What every other tool misses are updates of which the provider makes a destroy and create on the way back. Where the
type holds data, that destruction is judged on what this plan writes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.rollback.destruction import of_destruction
from iacgate.rollback.findings import Case, Found
from iacgate.rollback.knowledge import OneWay, Outcome
from iacgate.rollback.verdict import Level
from iacgate.vocabulary import Action, Reversibility

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


_TEXTS: Final = {name: text for name, (_, _, text) in _CHECKS.items()}


def of_way(cases: tuple[Case, ...], action: Action, found: Found) -> None:
    """Add what is known of the way back of a change, from all that is known of its type."""
    for case in cases:
        for item, condition in case.entry.one_way:
            answer = case.ask(condition) if condition else True
            if answer is False or not any(action in _WIRE[name] for name in item.actions):
                continue
            text = (
                _TEXTS[item.outcome] if answer else f"what decides is not known; it may be that {_TEXTS[item.outcome]}"
            )
            reason = case.because(text, condition, item)
            found.say(item.verdict if answer else Reversibility.UNKNOWN, reason)
            lost = _destruction(cases) if item.outcome == "reverse-replaces" else None
            if lost is not None:
                found.replaces = True
                found.reasons += [said for said in lost.reasons if answer and said[0].rank > item.verdict.rank]
            _check(item, text, found, lost, certain=answer is True)


def _check(item: OneWay, text: str, found: Found, lost: Found | None, *, certain: bool) -> None:
    name, level, _ = _CHECKS[item.outcome]
    if lost is not None and lost.verdict.rank <= Reversibility.NEW_IDENTITY.rank:
        name, level = "RB019", "medium"
    found.check(name, "high" if level == "block" and not certain else level, text, _HINT)


def _destruction(cases: tuple[Case, ...]) -> Found:
    """Return what destroying the object as the plan leaves it would cost, as a deletion reads it."""
    lost = Found()
    for case in cases:
        later = {**case.subject, "before": case.subject.get("after"), "after": None}
        of_destruction(msgspec.structs.replace(case, subject=later), lost, protected={})
    return lost
