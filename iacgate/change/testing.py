"""Required tests: which of them count for a tree, and why the others do not.

A result is a signed attestation about the tree, or a check run of a forge at a commit that has this tree. Of the
results of one test that somebody gave who may, the newest decides, never the best: a red run outweighs an earlier
green one, and where two ended in the same second, the one that does not count does. That what was signed has expired
makes no red run green.

A result is too old when it *began* too long ago, by what it says itself: so a report that lay about since yesterday
does not become new by being attested today. When the commit was made plays no part: git has only its author's word for
that, and a merge makes a newer commit of a tree that was tested before. The tree is enough: whoever tested it had
what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from iacgate import canonical, instants
from iacgate.change.testrun import TestRun, named, read_run
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested

MAX_SKEW: Final = 300
"""Seconds by which the clock of whoever tested may be ahead of the store's."""

Code: TypeAlias = Literal[
    "counts",
    "failed",
    "empty",
    "stale",
    "running",
    "time",
    "unreadable",
    "other-tree",
    "unattested",
    "attached",
    "missing",
]

_IDLE: Final = ("stale", "attached", "unattested", "other-tree")
"""Results that decide nothing, those first that explain most; ``stale`` are green ones of which the word has lapsed."""


class CheckRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a forge tells of one check at a commit: which app says it, and how it ended.

    ``started``, ``completed`` and ``conclusion`` are empty where there is none yet.
    """

    name: str
    app: str
    commit: str
    started: str
    completed: str
    conclusion: str


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which check run may stand for a test: its name, and the app whose word counts, by its slug."""

    test: str
    name: str
    app: str


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which tests are asked for, of which tree, and whose word counts.

    ``attesters`` are principals, by id or role, who may attest: somebody in each of these, any machine where there is
    none. What a human attests was attached by hand, and counts only with ``attached``. ``commits`` are those that
    have this tree, empty ``tree`` for a plan of which nobody knows what it was made from.
    """

    names: tuple[str, ...]
    tree: str
    commits: tuple[str, ...] = ()
    max_age_hours: int
    attesters: tuple[tuple[str, ...], ...] = ()
    attached: bool = False
    checks: tuple[Check, ...] = ()


class TestVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of one required test: whether it counts, and why not.

    ``by`` is the principal or the forge's app whose word it is, ``by_hand`` whether that is a human who attached it;
    ``statement`` is the digest of what was signed, ``report`` that of the report, or of what the forge told. What is
    not known is empty. ``tests`` is how many ran or were skipped, 0 for a check run, which does not tell.
    """

    test: str
    tree: str
    code: Code
    why: str
    by: str = ""
    by_hand: bool = False
    source: Literal["", "junit", "check-run"] = ""
    statement: str = ""
    report: str = ""
    started: str = ""
    finished: str = ""
    tests: int = 0

    @property
    def counts(self) -> bool:
        """Whether it does."""
        return self.code == "counts"


class _Result(msgspec.Struct, frozen=True):
    """A verdict on one result by itself, and when the result came about."""

    at: str
    verdict: TestVerdict


def checked(asked: Asked, attested: Iterable[Attested], runs: Iterable[CheckRun], now: str) -> tuple[TestVerdict, ...]:
    """Return one verdict for each test that is asked for, by name; nothing where none is.

    ``attested`` is what was verified of what principals signed about this change; other kinds are passed over, and so
    is what names none of these tests. The order in which anything is given decides nothing.
    """
    given = tuple(attested)
    told = tuple(runs)
    return tuple(
        _decided(name, asked, [*_signed(name, asked, given), *_told(name, asked, told, now)], now)
        for name in sorted(set(asked.names))
    )


def digest(verdicts: Iterable[TestVerdict]) -> str:
    """Return what an approval is bound to; empty where no test is required.

    It is over what was known when somebody approved: which tests are required, of which tree, and of each whether it
    counts and whether somebody attached it by hand. Neither times nor reports are in it: running the same tests of
    the same tree again tells an approver nothing new, and an approval that this ended would teach people not to run
    tests. Where a test comes to count, counts no more, or counts by somebody's hand now, it is another digest.
    """
    known = sorted((item.test, item.tree, item.counts, item.counts and item.by_hand) for item in verdicts)
    return canonical.digest(canonical.canonical_json(known)) if known else ""


def _decided(name: str, asked: Asked, results: Sequence[_Result], now: str) -> TestVerdict:
    """Return the newest verdict that decides; where there is none, the one that explains most."""
    if not asked.tree:
        why = "it is not known which tree the plan was made from: gate it in its git repository"
        return TestVerdict(test=name, tree="", code="missing", why=why)
    deciding = [item for item in results if item.verdict.code not in _IDLE]
    if deciding:
        newest = max(deciding, key=lambda item: (item.at, not item.verdict.counts, canonical.canonical_json(item)))
        return _in_time(newest.verdict, asked, now)
    for code in _IDLE:
        idle = [item for item in results if item.verdict.code == code]
        if idle:
            return max(idle, key=lambda item: (item.at, canonical.canonical_json(item))).verdict
    why = "it has no result: run it, and have CI attest it"
    return TestVerdict(test=name, tree=asked.tree, code="missing", why=why)


def _in_time(verdict: TestVerdict, asked: Asked, now: str) -> TestVerdict:
    """Return a verdict that counts no more once it is too old."""
    if not verdict.counts:
        return verdict
    began = verdict.started or verdict.finished
    if instants.seconds(now) - instants.seconds(began) > asked.max_age_hours * 3600:
        why = f"it began at {began}, more than {asked.max_age_hours} hours ago: run it again"
        return msgspec.structs.replace(verdict, code="stale", why=why)
    return verdict


def _signed(name: str, asked: Asked, attested: Sequence[Attested]) -> Iterator[_Result]:
    """Yield what principals attest of one test."""
    for item in attested:
        if item.kind != "tests":
            continue
        verdict = TestVerdict(
            test=name,
            tree=asked.tree,
            code="unreadable",
            why=f"what {item.principal} attests of it cannot be read: attest it again with this version",
            by=item.principal,
            by_hand=item.human,
            source="junit",
            statement=item.digest,
        )
        try:
            run = read_run(item.body)
        except StatementInvalid:
            if name == named(item.body):
                yield _Result(item.arrived, _if_allowed(verdict, asked, item))
            continue
        if run.name == name:
            yield _Result(min(run.finished, item.arrived), _of_run(verdict, run, asked, item))


def _of_run(verdict: TestVerdict, run: TestRun, asked: Asked, item: Attested) -> TestVerdict:
    known = msgspec.structs.replace(
        verdict, report=run.report, started=run.started, finished=run.finished, tests=run.tests
    )
    if run.tree != asked.tree:
        return _as(known, "other-tree", "its result is of another tree: run it on this one")
    if instants.seconds(run.finished) - instants.seconds(item.arrived) > MAX_SKEW:
        return _if_allowed(_as(known, "time", f"{item.principal} says that it ended after that arrived"), asked, item)
    bad = run.failures + run.errors
    if bad:
        return _if_allowed(_as(known, "failed", f"it has {bad} failures in {run.tests} tests"), asked, item)
    if run.tests == run.skipped:
        return _if_allowed(_as(known, "empty", f"no test ran: {run.skipped} were skipped"), asked, item)
    if item.lapsed:
        return _if_allowed(_as(known, "stale", f"{item.lapsed}: run it again, and have it attested"), asked, item)
    why = f"{item.principal} attached it by hand" if item.human else ""
    return _if_allowed(_as(known, "counts", why), asked, item)


def _if_allowed(verdict: TestVerdict, asked: Asked, item: Attested) -> TestVerdict:
    """Return the verdict, or why its principal's word decides nothing."""
    if item.human and not asked.attached:
        why = f"{item.principal} attached it by hand, which does not count here: have CI attest it"
        return _as(verdict, "attached", why)
    outside = [names for names in asked.attesters if not {item.principal, *item.roles} & set(names)]
    if outside:
        why = f"{item.principal} attests it, and may not: who may is {', '.join(sorted(outside[0]))}"
        return _as(verdict, "unattested", why)
    return verdict


def _told(name: str, asked: Asked, runs: Sequence[CheckRun], now: str) -> Iterator[_Result]:
    """Yield what a forge tells of one test."""
    wanted = {(check.name, check.app) for check in asked.checks if check.test == name}
    for run in runs:
        if (run.name, run.app) not in wanted:
            continue
        verdict = TestVerdict(
            test=name,
            tree=asked.tree,
            code="running",
            why="its check run has not ended: wait for it",
            by=run.app,
            source="check-run",
            report=canonical.digest(canonical.canonical_json(run)),
            started=run.started,
            finished=run.completed,
        )
        yield _Result(run.completed or run.started or now, _of_check(verdict, run, asked, now))


def _of_check(verdict: TestVerdict, run: CheckRun, asked: Asked, now: str) -> TestVerdict:
    if not asked.tree or run.commit not in asked.commits:
        return _as(verdict, "other-tree", "its check run is of another commit: run it on this one")
    if not run.completed or not run.conclusion:
        return verdict
    if instants.seconds(run.completed) - instants.seconds(now) > MAX_SKEW:
        return _as(verdict, "time", "its check run says that it ended in the future")
    if run.conclusion == "success":
        return _as(verdict, "counts", "")
    if run.conclusion in ("neutral", "skipped"):
        return _as(verdict, "empty", f"its check run ended as {run.conclusion}: nothing says that a test ran")
    return _as(verdict, "failed", f"its check run ended as {run.conclusion}")


def _as(verdict: TestVerdict, code: Code, why: str) -> TestVerdict:
    return msgspec.structs.replace(verdict, code=code, why=why)
