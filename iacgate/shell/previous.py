"""The configuration to which undoing goes back, as a commit has it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iacgate.plan.container import LOCK
from iacgate.rollback.checks import Previous
from iacgate.shell.git import Repository
from iacgate.shell.sources import sources_at

MAX_LOCK: Final = 1 << 20
"""Bytes of a lock file; a larger one is none."""


def previous_at(folder: str, ref: str, planned: str = "HEAD") -> Previous:
    """Return the configuration of the stack in a folder as a commit has it.

    ``planned`` is the commit from which the plan was made; a previous one is among its ancestors, and
    is not that commit itself: going back to it would undo nothing.
    Raises :class:`iacgate.errors.UsageInvalid` where git does not know one of them.
    """
    repository = Repository(Path(folder), ref)
    now = Repository(Path(folder), planned)
    missing = now.ask("rev-list", "--count", "--end-of-options", repository.commit, f"^{now.commit}", "--")
    lock = dict(repository.files(".", (LOCK,), MAX_LOCK)).get(LOCK)
    return Previous(
        commit=repository.commit,
        ancestor=int(missing) == 0 and repository.commit != now.commit,
        snapshot=sources_at(folder, ref),
        lock=lock if lock is None or len(lock) <= MAX_LOCK else None,
    )
