"""The commits that made a change, with the real ``git``: in few processes, with nothing of the repository obeyed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from iacgate.approval.gitcommit import Commit, History, read_commit
from iacgate.errors import UsageInvalid
from iacgate.shell.git import Repository

MAX_COMMITS: Final = 5_000
MAX_COMMIT: Final = 1 << 20
"""Bytes of one commit object; a message of some pages has a hundredth of it."""

MAX_MERGES: Final = 200
MAX_PATHS: Final = 200
"""So many merges, and so many paths of one, are looked at closely; further ones count."""

MAX_PICKS: Final = 8
"""How often a commit may have been picked on; an older source counts as one that is not there."""

_DIFFERENCES: Final = ("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")


class _Step(msgspec.Struct):
    """A commit of the range: its parents, and how often each path differs from one of them."""

    parents: int
    differs: Counter[bytes]

    @property
    def own(self) -> set[bytes]:
        """The paths whose content is that of none of its parents: a merge that only merges has none."""
        return {path for path, times in self.differs.items() if times >= max(self.parents, 1)}


def history(repository: Repository, base: str, places: Sequence[str]) -> History:
    """Return the commits since another one that changed something in some folders (none: anywhere).

    A merge counts where it holds what none of its parents holds, or where a path differs from the base and
    no commit but the merge explains it. Raises :class:`UsageInvalid` where the range is not whole or too large.
    """
    since = repository.ask("rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}").decode().strip()
    pathspecs = [f":(top,literal){place}" for place in places]
    steps = _steps(repository, since, pathspecs)
    _check(repository, base, steps)
    counting = [name for name, step in steps.items() if step.own]
    explained = {path for name in counting for path in steps[name].own}
    merges = [name for name, step in steps.items() if step.parents > 1 and not step.own]
    if merges:
        unexplained = _changed(repository, since, pathspecs) - explained
        counting += [
            name
            for number, name in enumerate(merges)
            if not unexplained.isdisjoint(steps[name].differs)
            or (steps[name].differs and (number >= MAX_MERGES or _takes_back(repository, name, steps[name])))
        ]
    found = _commits(repository, counting)
    if len(found) != len(counting):
        raise UsageInvalid(f"git does not have all commits since {base!r}.", hint="Fetch more of the history.")
    return History(tuple(found.values()), _picked(repository, found.values()))


def _takes_back(repository: Repository, name: str, step: _Step) -> bool:
    """Return whether a merge dropped what one side had changed: for a path, it has the other's unchanged content.

    No merge that git makes by itself does. Where that cannot be told (several bases, more than two parents, very
    many paths), it counts as if.
    """
    if step.parents != 2 or len(step.differs) > MAX_PATHS:
        return True
    sides = [f"{name}^1", f"{name}^2"]
    bases = repository.ask("rev-parse", *sides).decode().split()
    try:
        found = repository.ask("merge-base", "--all", *bases).decode().split()
    except UsageInvalid:
        return True
    if len(found) != 1:
        return True
    paths = [*step.differs]
    base, first, second, merged = (_ids(repository, commit, paths) for commit in (*found, *bases, name))
    for path in paths:
        left, right, origin, kept = (side.get(path) for side in (first, second, base, merged))
        if left != right and kept == origin:
            return True
    return False


def _ids(repository: Repository, commit: str, paths: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return mode and id of some files of a commit, by path."""
    found = repository.entries([os.fsdecode(path) for path in paths], commit)
    return {entry.name: (entry.mode, entry.id) for entry in found}


def _steps(repository: Repository, since: str, pathspecs: Sequence[str]) -> dict[str, _Step]:
    """Return every commit since another one, newest first."""
    output = repository.ask(
        "log",
        *("--full-history", "--sparse", "-m", "--root", "--raw", "-z", "--no-abbrev", *_DIFFERENCES),
        *(f"--max-count={MAX_COMMITS + 1}", "--format=%H %P"),
        *("--end-of-options", f"{since}..{repository.commit}", "--", *pathspecs),
    )
    steps: dict[str, _Step] = {}
    step = _Step(0, Counter())
    tokens = iter(token.lstrip(b"\n") for token in output.split(b"\0"))
    for token in tokens:
        if token.startswith(b":"):
            step.differs[next(tokens)] += 1
        elif token:
            name, *parents = token.decode().split()
            step = steps.setdefault(name, _Step(len(parents), Counter()))
    return steps


def _check(repository: Repository, base: str, steps: dict[str, _Step]) -> None:
    if len(steps) > MAX_COMMITS:
        raise UsageInvalid(
            f"There are more than {MAX_COMMITS:,} commits since {base!r}.", hint="Name a base that is nearer."
        )
    shallow = repository.ask("rev-parse", "--is-shallow-repository").strip() != b"false"
    if shallow and any(step.parents == 0 for step in steps.values()):
        raise UsageInvalid(
            f"The history since {base!r} is cut off: this is a shallow clone.",
            hint="Fetch more of it: `git fetch --unshallow`, or `fetch-depth: 0` in the pipeline.",
        )


def _changed(repository: Repository, since: str, pathspecs: Sequence[str]) -> set[bytes]:
    """Return the paths that differ between the base and the commit."""
    options = ("-r", "-z", "--name-only", *_DIFFERENCES, "--end-of-options")
    names = repository.ask("diff-tree", *options, since, repository.commit, "--", *pathspecs)
    return set(names.split(b"\0")) - {b""}


def _picked(repository: Repository, commits: Iterable[Commit]) -> dict[str, Commit]:
    """Return the commits from which others were picked, by their ids; those that are there."""
    found: dict[str, Commit] = {}
    fresh = list(commits)
    for _ in range(MAX_PICKS):
        named = {name for commit in fresh for name in commit.picked_from if len(name) == len(repository.commit)}
        wanted = sorted(named - found.keys())
        if not wanted or len(found) + len(wanted) > MAX_COMMITS:
            break
        found |= (more := _commits(repository, wanted))
        fresh = list(more.values())
    return found


def _commits(repository: Repository, names: Sequence[str]) -> dict[str, Commit]:
    """Return those of some objects that are there and commits, by their ids."""
    sizes = repository.sizes(names, "commit")
    if max(sizes.values(), default=0) > MAX_COMMIT:
        raise UsageInvalid(f"A commit has more than {MAX_COMMIT >> 10} KiB.", hint="Shorten its message.")
    return {name: read_commit(name, data) for name, data in repository.contents(sizes).items()}
