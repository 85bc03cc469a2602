"""What becomes of undoing: the answer for one change, the checks, and the whole."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from iacgate.vocabulary import Action, Readiness, Reversibility

Level: TypeAlias = Literal["block", "high", "medium"]
"""How much a check weighs: with ``block`` the plan is not ready; ``high`` wants an answer in the change's record."""

LEVELS: Final[tuple[Level, ...]] = ("block", "high", "medium")

Inverse: TypeAlias = Literal["delete", "create", "update", "delete-create", "import", "remove", "move", "none"]
"""What undoing does to the object; ``remove`` takes it out of the state and leaves it be."""


class Because(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason for a verdict: a sentence, and the values that decided.

    ``values`` are a few of them, each ``path = value``. ``entry`` names what is known of the type, ``why`` is what it
    says, ``confidence`` where that is from; with ``memory`` nobody checked it.
    """

    text: str
    values: tuple[str, ...] = ()
    entry: str = ""
    why: str = ""
    confidence: tuple[str, ...] = ()


class Undo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether and how one change can be undone.

    ``overlay`` says that the previous configuration alone would do harm, and that a block beside it mends that.
    ``point`` is from what the data is restored, ``steps`` how, with the values of the object where they are known and
    plain words; both empty where no data is lost. ``import_id`` is the id with which what is forgotten is imported
    again; empty where it is not known or not shown.
    """

    address: str
    type: str
    action: Action
    verdict: Reversibility
    inverse: Inverse
    reasons: tuple[Because, ...] = ()
    deposed: str = ""
    previous_address: str = ""
    overlay: bool = False
    point: str = ""
    steps: tuple[str, ...] = ()
    import_id: str = ""


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One readiness check that does not hold: which, how much it weighs, where, why, and what to do."""

    id: str
    level: Level
    text: str
    hint: str
    address: str = ""


class NotChecked(msgspec.Struct, frozen=True):
    """A check that could not be made, and why; that is no pass."""

    id: str
    why: str


class RollbackReport(msgspec.Struct, frozen=True):
    """Whether a plan can be undone: the total, each change that does something, the checks that do not hold.

    ``approximate`` are the addresses at which a rehearsal had to make values up; ``knowledge`` is the digest of what
    is known of the types; ``facts`` is what a cloud said of what undoing needs, a sentence each.
    """

    readiness: Readiness
    verdict: Reversibility
    undos: tuple[Undo, ...]
    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]
    approximate: tuple[str, ...]
    knowledge: str
    facts: tuple[str, ...] = ()


def worst(verdicts: tuple[Reversibility, ...]) -> Reversibility:
    """Return the worst verdict; what changes nothing is reversible."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Reversibility.REVERSIBLE)
