"""What judging one part of a change finds: verdicts with their reasons, and checks that do not hold."""

from __future__ import annotations

import msgspec

from iacgate.conditions.compile import Condition
from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Hidden
from iacgate.plan.differences import show
from iacgate.plan.redaction import Redactor
from iacgate.rollback.verdict import Because, Check, Level
from iacgate.vocabulary import Verdict


class Found(msgspec.Struct):
    """What is found of one change, part by part; the worst verdict counts."""

    reasons: list[tuple[Verdict, Because]] = []
    checks: list[Check] = []
    point: str = ""
    steps: tuple[str, ...] = ()

    def say(self, verdict: Verdict, because: Because) -> None:
        """Add a verdict with its reason."""
        self.reasons.append((verdict, because))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; what nothing is said of can be undone."""
        return max((verdict for verdict, _ in self.reasons), key=lambda item: item.rank, default=Verdict.REVERSIBLE)

    def by_weight(self) -> tuple[Because, ...]:
        """Return the reasons, those of the worst verdict first."""
        return tuple(because for _, because in sorted(self.reasons, key=lambda item: -item[0].rank))

    def check(self, name: str, level: Level, text: str, hint: str) -> None:
        """Add a check that does not hold; its address is added with the change's."""
        self.checks.append(Check(name, level, text, hint))


def because(
    text: str, condition: Condition | None, subject: Subject, redactor: Redactor, entry: str, confidence: list[str]
) -> Because:
    """Return a reason with the first value that decided; a value that may not be seen is named before others."""
    located = condition.locate(subject) if condition else []
    found = [(path, value) for path, value in located if path]
    found = [(path, value) for path, value in found if isinstance(value, Hidden)] or found
    path, value = found[0] if found else ("", None)
    return Because(
        text=text,
        path=redactor.clean(path),
        value=show(value, redactor) if path else "",
        entry=entry,
        confidence=tuple(confidence),
    )
