"""Changes of addresses and of what is managed: the previous configuration alone would do harm.

Applied as it was, it would destroy what was moved and make it anew, delete what was imported, and make a second of
what was forgotten (tried with Terraform 1.11). A block beside it mends each of them: see
:mod:`iacgate.rollback.overlay`.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from iacgate.plan import redaction, strict
from iacgate.plan.model import ResourceChange
from iacgate.plan.redaction import Redactor
from iacgate.rollback.findings import Found
from iacgate.rollback.verdict import Because
from iacgate.vocabulary import Action, Reversibility

_HINT: Final = "`iacgate rollback plan` writes the block that the previous configuration needs."
_FORGOTTEN: Final = (Action.FORGET, Action.FORGET_AND_CREATE)
_FIRST: Final = "Import it in a change of its own, or say in the record, under `undo`, how it is changed back."
_BY_HAND: Final = "Find the id that it is imported with, and write it into the record, under `undo`."


def add_overlay(change: ResourceChange, found: Found) -> bool:
    """Add why undoing a change needs a block beside the previous configuration, and return whether it does."""
    said = len(found.reasons)
    if change.moved:
        found.say(Reversibility.REVERSIBLE, Because("its address changes: undoing moves it back"))
    if change.imported:
        found.say(
            Reversibility.REVERSIBLE,
            Because("it is imported: undoing takes it out of the state and does not delete it"),
        )
    if change.imported and change.action is Action.UPDATE:
        found.check(
            "RB005", "high", "taking it out of the state does not undo what changes on the imported object", _FIRST
        )
    forgotten = change.action in _FORGOTTEN
    if forgotten and not import_id(change):
        found.say(Reversibility.UNKNOWN, Because("it is forgotten, and nothing tells the id that it is imported with"))
        found.check("RB009", "high", "undoing it needs an import, and its id is not known", _BY_HAND)
        return True
    if forgotten:
        found.say(Reversibility.REVERSIBLE, Because("it is forgotten and stays: undoing imports it again"))
    if len(found.reasons) == said:
        return False
    found.check("RB009", "medium", "the previous configuration alone would do harm", _HINT)
    return True


def import_id(change: ResourceChange) -> str:
    """Return the id with which an object is imported again; empty where the plan does not tell.

    It is the attribute ``id``; providers that want something else say so when they are asked.
    """
    if change.body.before is UNSET:
        return ""
    value: Any = strict.decode_value(change.body.before, "import")
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def shown_import_id(change: ResourceChange, redactor: Redactor, where: str) -> str:
    """Return the id with which what is forgotten is imported again; empty where it is not known, or not to be shown.

    Raises :class:`iacgate.errors.PlanUnreadable` where the object cannot be read.
    """
    if change.action not in _FORGOTTEN:
        return ""
    before = redaction.before_of(redaction.narrowed(change.body, frozenset({"id"}), where), redactor, where)
    found = before.get("id") if isinstance(before, dict) else None
    return found if isinstance(found, str) and redactor.clean(found) == found else ""
