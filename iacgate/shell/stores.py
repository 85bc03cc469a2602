"""Stores by their names: a folder, or ``s3://bucket/prefix``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iacgate.evidence.store import Store
from iacgate.shell.clock import now

S3: Final = "s3://"


def is_s3(name: str) -> bool:
    """Return whether a name is that of a bucket."""
    return name.startswith(S3)


def open_store(name: str, *, create: bool = False, locked: bool = True) -> Store:
    """Return the store of a name; with ``create``, a folder that is not there is made.

    What is ``locked`` is kept for a time in which nobody removes it: evidence, but no inbox.
    Raises :class:`iacgate.errors.EvidenceInvalid` where there is none.
    """
    if is_s3(name):
        from iacgate.evidence.s3 import S3Store  # noqa: PLC0415 - slow to load, and only teams with a bucket need it

        return S3Store(name, locked=locked)
    from iacgate.evidence.folderstore import FolderStore  # noqa: PLC0415 - most runs have no ledger

    return FolderStore(Path(name), clock=now, create=create)
