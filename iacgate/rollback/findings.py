"""What judging one part of a change finds: verdicts with their reasons, and checks that do not hold."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.conditions.compile import Condition
from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Answer, Hidden
from iacgate.plan.differences import show
from iacgate.plan.redaction import Redactor
from iacgate.rollback.knowledge import Entry, OneWay
from iacgate.rollback.verdict import Because, Check, Level
from iacgate.vocabulary import Reversibility

MAX_VALUES: Final = 4
"""Values that one reason shows."""

MAX_VALUE: Final = 60
"""Characters of one of them."""


class Found(msgspec.Struct):
    """What is found of one change, part by part; the worst verdict counts."""

    reasons: list[tuple[Reversibility, Because]] = []
    checks: list[Check] = []
    point: str = ""
    steps: tuple[str, ...] = ()
    replaces: bool = False
    """Whether undoing an update destroys the object."""

    def say(self, verdict: Reversibility, because: Because) -> None:
        """Add a verdict with its reason."""
        self.reasons.append((verdict, because))

    @property
    def verdict(self) -> Reversibility:
        """The worst verdict; what nothing is said of can be undone."""
        return max(
            (verdict for verdict, _ in self.reasons), key=lambda item: item.rank, default=Reversibility.REVERSIBLE
        )

    def by_weight(self) -> tuple[Because, ...]:
        """Return the reasons, those of the worst verdict first."""
        return tuple(because for _, because in sorted(self.reasons, key=lambda item: -item[0].rank))

    def check(self, name: str, level: Level, text: str, hint: str) -> None:
        """Add a check that does not hold; its address is added with the change's."""
        self.checks.append(Check(name, level, text, hint))


class Case(msgspec.Struct, frozen=True):
    """What is known of a type, and the change that it is asked about."""

    entry: Entry
    subject: Subject
    redactor: Redactor

    def ask(self, condition: Condition | None) -> Answer:
        """Return the answer of a condition; of none, false."""
        return condition.answer(self.subject) if condition else False

    def because(self, text: str, condition: Condition | None = None, one_way: OneWay | None = None) -> Because:
        """Return a reason with the values that decided; its source is the entry, or one of its one-way changes."""
        known = one_way or self.entry.text.destroyed
        return Because(
            text=text,
            values=self._values(condition) if condition else (),
            entry=f"{self.entry.id}/{one_way.id}" if one_way else self.entry.id,
            why=known.why if known else "",
            confidence=tuple(known.confidence) if known else (),
        )

    def _values(self, condition: Condition) -> tuple[str, ...]:
        """Return what the condition found; where it found nothing, what it looked at."""
        found = [(path, value) for path, value in condition.locate(self.subject) if path]
        if not found:
            before = self.subject.get("before")
            names = sorted(condition.reads or ())
            found = [(name, before.get(name) if isinstance(before, dict) else before) for name in names]
        hidden = [item for item in found if isinstance(item[1], Hidden)]
        chosen = dict([*hidden, *found][:MAX_VALUES])
        clean = self.redactor.clean
        return tuple(f"{clean(path)} = {show(value, self.redactor, MAX_VALUE)}" for path, value in chosen.items())
