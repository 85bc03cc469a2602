"""Check runs of commits, read from GitHub: how the tests of its apps ended.

REST API 2022-11-28, "List check runs for a Git reference". All runs are asked for, not only the latest that GitHub
would choose: which one decides is decided where it can be replayed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec

from iacgate import instants
from iacgate.change.testing import CheckRun
from iacgate.errors import ForgeFailed, UsageInvalid
from iacgate.shell.github import GitHub, checked_repository

MAX_NAMES: Final = 100
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_NOT_GITHUB: Final = "Look at what answers there: it is not GitHub's API."

_Word = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]
_Short = Annotated[str, msgspec.Meta(max_length=1_000)]


class _App(msgspec.Struct):
    """An app; GitHub writes ``null`` where it is gone."""

    slug: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,99}\Z")] | None = None


class _CheckRun(msgspec.Struct):
    id: int
    name: _Short
    head_sha: _Short
    status: _Word
    conclusion: _Word | None
    started_at: _Short | None
    completed_at: _Short | None
    app: _App | None


class _Page(msgspec.Struct):
    total_count: int
    check_runs: list[_CheckRun]


def check_runs(forge: GitHub, repository: str, commit: str, names: Iterable[str]) -> tuple[CheckRun, ...]:
    """Return all check runs of some names at a commit, by whichever app, in no order that means anything.

    Raises :class:`UsageInvalid` where the commit or a name is none, :class:`ForgeFailed` where the forge does not
    tell all that was asked.
    """
    if not _SHA.fullmatch(commit):
        raise UsageInvalid(f"{commit[:80]!r} is not the id of a commit.", hint="Name all of it: 40 or 64 characters.")
    wanted = sorted(set(names))
    if len(wanted) > MAX_NAMES or not all(name and name.isprintable() for name in wanted):
        raise UsageInvalid(
            f"More than {MAX_NAMES} check runs are named, or one without a name.", hint="Mend `checks` in policy.yaml."
        )
    path = f"/repos/{checked_repository(repository)}/commits/{commit}/check-runs"
    return tuple(run for name in wanted for run in _named(forge, path, commit, name))


def _named(forge: GitHub, path: str, commit: str, name: str) -> Iterator[CheckRun]:
    total, found = 0, dict[int, _CheckRun]()
    for page in forge.pages(path, _Page, check_name=name, filter="all"):
        total = page.total_count
        found.update({run.id: run for run in page.check_runs})
    if len(found) != total:
        raise ForgeFailed(
            f"{forge.host}: {path}: it tells of {len(found)} check runs, and says that there are {total}.",
            hint="One began in this moment: run it again.",
        )
    for run in found.values():
        if run.head_sha != commit or run.name != name:
            raise ForgeFailed(
                f"{forge.host}: {path}: a check run is of another commit or name than was asked for.", hint=_NOT_GITHUB
            )
        yield _check_run(run, f"{forge.host}: {path}")


def _check_run(run: _CheckRun, where: str) -> CheckRun:
    ended = run.status == "completed"
    completed = _instant(run.completed_at, where) if ended else ""
    if ended and not (run.conclusion and completed):
        raise ForgeFailed(f"{where}: a check run has ended, and does not say how or when.", hint=_NOT_GITHUB)
    return CheckRun(
        name=run.name,
        app=(run.app.slug if run.app else None) or "",
        commit=run.head_sha,
        started=_instant(run.started_at, where),
        completed=completed,
        conclusion=(run.conclusion or "") if ended else "",
    )


def _instant(timestamp: str | None, where: str) -> str:
    """Return a timestamp as an instant, empty where there is none."""
    instant = re.sub(r"\.\d{1,9}Z\Z", "Z", timestamp or "")
    if instant and not instants.is_instant(instant):
        raise ForgeFailed(f"{where}: a check run has a time that is none.", hint=_NOT_GITHUB)
    return instant
