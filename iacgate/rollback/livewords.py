"""The questions that are asked of a cloud about undoing, and its answers, as values."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from iacgate.vocabulary import Reversibility

Kind: TypeAlias = Literal[
    "state-bucket-versioned",
    "state-version",
    "rds-snapshots",
    "dynamodb-pitr",
    "ebs-snapshots",
    "backup-recovery-points",
    "bucket-versioning",
    "kms-key-state",
    "secret",
]
"""What is asked: one kind is one way to ask, of one service."""

RECOVERY: Final[frozenset[Kind]] = frozenset(
    {"rds-snapshots", "dynamodb-pitr", "ebs-snapshots", "backup-recovery-points"}
)
"""The kinds that look for recovery points; those about one object are judged together."""

PointKind: TypeAlias = Literal["snapshot", "backup", "automated-snapshot", "point-in-time"]
"""What data is restored from; AWS makes the last two by itself, and deletes those of RDS with the database unless it
is told to keep them (Amazon RDS user guide, "Retaining automated backups")."""

AUTOMATIC: Final[frozenset[PointKind]] = frozenset({"automated-snapshot", "point-in-time"})

MORE: Final = "more"
"""The fact that there are more recovery points than are looked at."""


class Stake(msgspec.Struct, frozen=True):
    """What hangs on an answer about an object: what is done to it, and what outlives that.

    ``promised`` says that the plan alone lets its data be had back, ``automatic`` that what AWS makes by itself
    stays when the object goes, ``final`` that the deletion makes a last recovery point, ``complete`` that the
    questions about its type look at every place where one can be. ``doomed`` names recovery points that the same plan
    destroys.
    """

    verdict: Reversibility
    destroyed: bool
    promised: bool = False
    automatic: bool = False
    final: bool = False
    complete: bool = False
    doomed: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """One read-only question to a cloud.

    ``subject`` is what is asked about: an ARN, or the name of a bucket. ``region`` and ``account`` are empty where the
    plan does not tell them. ``unasked`` says why nobody can ask; such a question is never a pass.
    """

    kind: Kind
    address: str
    subject: str = ""
    region: str = ""
    account: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    stake: Stake | None = None
    unasked: str = ""

    def argument(self, name: str) -> str:
        """Return one of the arguments; empty where there is none of that name."""
        return dict(self.arguments).get(name, "")


class Point(msgspec.Struct, frozen=True):
    """A recovery point that was found: its kind, its name or ARN, and the instant of the data that it holds."""

    kind: PointKind
    name: str
    created: str


class Answer(msgspec.Struct, frozen=True):
    """What became of a question: ``why`` says why there is no answer, else the rest is the answer.

    ``exists`` says whether the object that was asked about is there, ``facts`` what is told of it by name.
    """

    question: Question
    why: str = ""
    exists: bool = True
    facts: tuple[tuple[str, str], ...] = ()
    points: tuple[Point, ...] = ()

    def fact(self, name: str) -> str:
        """Return one of the facts; empty where there is none of that name."""
        return dict(self.facts).get(name, "")
