"""Which tests and which promotion an environment demands: what ``policy.yaml`` says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec

from iacgate.policy.demands import Hours, Role
from iacgate.vocabulary import Severity

DEFAULT_AGE_HOURS: Final = 24

TestName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
"""What people and pipelines call a test."""
TestNames = Annotated[list[TestName], msgspec.Meta(max_length=50)]
CheckName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
AppSlug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,99}\Z")]
Days = Annotated[int, msgspec.Meta(ge=1, le=365)]


class CheckText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which check run at the forge may stand for a test: its name, and the slug of the app whose word counts."""

    name: CheckName
    app: AppSlug


class TestsText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tests an environment demands.

    ``required`` has the names of tests by severity: what a severity demands holds for all above it. A test counts for
    ``max_age_hours`` from its beginning. ``attesters`` are the principals, by id or role, who may attest a test; empty
    for any machine. With ``attached``, a human may as well, who is one of the attesters where these are named.
    ``checks`` are the check runs that may stand for a test, by the test's name.
    """

    required: dict[Severity, TestNames]
    max_age_hours: Hours = DEFAULT_AGE_HOURS
    attesters: Annotated[list[Role], msgspec.Meta(max_length=50)] = []
    attached: bool = False
    checks: Annotated[dict[TestName, CheckText], msgspec.Meta(max_length=100)] = {}


class PromotionText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That the same content was applied before in the stack that ``promotes_from`` names.

    It was so ``days`` ago at most; with ``root``, the root module is the same, too.
    """

    days: Days
    root: bool = False


class DemandedCheck(msgspec.Struct, frozen=True):
    """A check run that may stand for a test."""

    test: str
    name: str
    app: str


class DemandedTests(msgspec.Struct, frozen=True):
    """What a severity demands: tests by name, for how long each counts, and whose word counts.

    An attester is in each of ``attesters``, which is empty for any machine.
    """

    names: tuple[str, ...]
    max_age_hours: int
    attesters: tuple[tuple[str, ...], ...]
    attached: bool
    checks: tuple[DemandedCheck, ...]


class Problem(msgspec.Struct, frozen=True):
    """Something that makes no sense: where, below what is said of tests, what, and what to do."""

    path: tuple[str, ...]
    text: str
    hint: str


NO_TESTS: Final = DemandedTests((), DEFAULT_AGE_HOURS, (), attached=False, checks=())


def problems(text: TestsText) -> Iterator[Problem]:
    """Yield what makes no sense in what is said of tests."""
    if not text.required:
        yield Problem(("required",), "`tests` demands no test", "Name at least one, or leave `tests` out.")
    for severity, names in text.required.items():
        if not names:
            yield Problem(
                ("required", severity), f"{severity} demands no test", "Name at least one, or leave the severity out."
            )
    wanted = {name for names in text.required.values() for name in names}
    for name, check in text.checks.items():
        if name not in wanted:
            yield Problem(("checks", name), f"no severity demands the test {name!r}", "Demand it, or take it out.")
        elif not check.name.isprintable():
            yield Problem(("checks", name), "a check run has a name that cannot be shown", "Mend the name.")


def demanded_tests(texts: Sequence[TestsText], severity: Severity) -> DemandedTests:
    """Return what a severity demands in all of some environments: never less than any of them does.

    Where nobody says which production a plan is for, these are all of them. A check run stands for a test only
    where each environment that demands the test says so.
    """
    asking = [(text, names) for text in texts if (names := _cumulative(text, severity))]
    if not asking:
        return NO_TESTS
    wanted = sorted(set().union(*(names for _, names in asking)))
    checks = []
    for name in wanted:
        told = {text.checks.get(name) for text, names in asking if name in names}
        check = told.pop()
        if check is not None and not told:
            checks.append(DemandedCheck(name, check.name, check.app))
    return DemandedTests(
        names=tuple(wanted),
        max_age_hours=min(text.max_age_hours for text, _ in asking),
        attesters=tuple(sorted({tuple(sorted(set(text.attesters))) for text, _ in asking if text.attesters})),
        attached=all(text.attached for text, _ in asking),
        checks=tuple(checks),
    )


def demanded_promotion(texts: Sequence[PromotionText]) -> PromotionText | None:
    """Return the strictest of what some environments demand; ``None`` where none demands anything."""
    if not texts:
        return None
    return PromotionText(days=min(text.days for text in texts), root=any(text.root for text in texts))


def _cumulative(text: TestsText, severity: Severity) -> set[str]:
    """Return the tests that a severity demands, and those below it."""
    return {name for level, names in text.required.items() if level.rank <= severity.rank for name in names}
