"""The words that every room speaks: severities, certainties, verdicts on undoing, actions, types of change.

The closed set of actions follows Terraform's plan JSON documentation and, for
``forget`` in its three forms, the releases that introduced them (Terraform 1.7,
OpenTofu 1.7 and 1.12).
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias, get_args


class Severity(enum.StrEnum):
    """How bad it would be if this went wrong; ordered by :attr:`rank`."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position in the order, 0 for none to 4 for critical."""
        return _RANKS[self]


_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


ChangeType: TypeAlias = Literal["standard", "normal", "emergency"]
"""How a change comes about: by a pattern that was approved before, by itself, or in an emergency."""

CHANGE_TYPES: Final[tuple[ChangeType, ...]] = get_args(ChangeType)


RecordPart: TypeAlias = Literal[
    "description",
    "justification",
    "ticket",
    "impact",
    "security_impact",
    "testing_plan",
    "rollback_plan",
    "schedule",
    "requested_by",
]
"""What a policy may demand of the record of a change."""

RECORD_PARTS: Final[tuple[RecordPart, ...]] = get_args(RecordPart)


ReadinessDemand: TypeAlias = Literal["", "answered", "ready-on-paper", "rehearsed-approximately", "rehearsed"]
"""How ready a plan must be to be undone; empty for any.

``answered`` wants the record of the change to answer for everything that cannot be undone, or is not known to be; what
comes after it wants that nothing is irreversible, and a rehearsal.
"""

READINESS_DEMANDS: Final[tuple[ReadinessDemand, ...]] = get_args(ReadinessDemand)
"""From nothing to most."""


TicketSystem: TypeAlias = Literal["jira", "servicenow", "github"]
"""A system that knows tickets."""


class Reversibility(enum.StrEnum):
    """Whether, and how, one change can be undone; ordered by :attr:`rank`.

    ``UNKNOWN`` is a verdict: what decides is not known, or nobody knows what undoing does to the type.
    """

    REVERSIBLE = "reversible"
    NEW_IDENTITY = "re-creatable-with-new-identity"
    DATA_RESTORE = "reversible-with-data-restore"
    UNKNOWN = "unknown"
    IRREVERSIBLE = "irreversible"

    @property
    def rank(self) -> int:
        """Position in the order, 0 for reversible to 4 for irreversible."""
        return _REVERSIBILITY_RANKS[self]


_REVERSIBILITY_RANKS: Final = {verdict: rank for rank, verdict in enumerate(Reversibility)}


class Readiness(enum.StrEnum):
    """How far it is shown that a whole plan can be undone; ordered by :attr:`rank`.

    ``PAPER`` says that nothing known speaks against it; the other two that the way back was planned with the real
    program, ``APPROXIMATE`` where some values were not known and stood in for.
    """

    NOT_READY = "not-ready"
    PAPER = "ready-on-paper"
    APPROXIMATE = "rehearsed-approximately"
    REHEARSED = "rehearsed"

    @property
    def rank(self) -> int:
        """Position in the order, 0 for not ready to 3 for rehearsed."""
        return _READINESS_RANKS[self]


_READINESS_RANKS: Final = {readiness: rank for rank, readiness in enumerate(Readiness)}


class Certainty(enum.StrEnum):
    """Whether what a rule looks for is there, or may be there.

    ``POSSIBLE`` means that a value which decides is computed at apply or is
    sensitive. It weighs as much as ``CERTAIN``: unknown never passes silently.
    """

    CERTAIN = "certain"
    POSSIBLE = "possible"


class Action(enum.StrEnum):
    """What Terraform will do to one resource: a closed set, anything else is refused."""

    NO_OP = "no-op"
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    FORGET = "forget"
    FORGET_AND_CREATE = "forget-and-create"
    OPEN = "open"

    @property
    def destroys(self) -> bool:
        """Whether an existing object is destroyed."""
        return self in (Action.DELETE, Action.REPLACE)

    @property
    def mutates(self) -> bool:
        """Whether applying it changes an object or what Terraform manages."""
        return self not in (Action.NO_OP, Action.READ, Action.OPEN)


ACTIONS: Final[dict[tuple[str, ...], Action]] = {
    ("no-op",): Action.NO_OP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.FORGET_AND_CREATE,
    ("forget", "create"): Action.FORGET_AND_CREATE,
    ("open",): Action.OPEN,
}
"""Every list of actions that Terraform and OpenTofu write, and what it means."""
