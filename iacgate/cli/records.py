"""The record of a change: from a file that is named, from what was handed over, the repository, or the pull request."""

from __future__ import annotations

from pathlib import Path

from iacgate.change.record import MAX_RECORD, Record, front_matter, read_record
from iacgate.cli.loading import Loaded
from iacgate.errors import RecordInvalid
from iacgate.shell.files import read_regular
from iacgate.shell.folders import SETTINGS, find_settings
from iacgate.trust import RECORDS


def place_of(change: str, folder: str) -> Path:
    """Return where the record of a change stands, seen from a folder of its repository."""
    settings = find_settings(folder)
    return (Path(folder) / settings if settings else Path(folder) / SETTINGS) / RECORDS / f"{change}.yaml"


def folder_of(record: Path) -> Path:
    """Return from where a record names the scripts of what is done by hand.

    It is the folder that holds ``.iacgate`` for a record in ``.iacgate/changes``, else the record's own.
    """
    folder = record.absolute().parent
    own = folder.parts[-2:] == (SETTINGS, RECORDS.rstrip("/"))
    return (folder.parent.parent if own else folder).resolve()


def read_record_file(name: str) -> tuple[Record, bytes]:
    """Return the record in a file that is named, and the file's bytes.

    Raises :class:`RecordInvalid` where it is not there, or not valid.
    """
    data = read_regular(Path(name), MAX_RECORD, RecordInvalid)
    if data is None:
        raise RecordInvalid(f"{name}: there is no such file.", hint="Name the record, or let `request` write it.")
    return read_record(data, name), data


def record_of(loaded: Loaded, change: str, named: str, text: str) -> Record | None:
    """Return the record of a change; ``None`` where nobody wrote one.

    The first of these counts: the file that is ``named``, what was handed over with the plan, the repository's
    ``.iacgate/changes``, and the front matter of the pull request's ``text``. ``change`` is empty where only the
    record says which it is. Raises :class:`RecordInvalid` where the first that is there is not valid.
    """
    if named:
        return read_record_file(named)[0]
    if loaded.record is not None:
        return read_record(loaded.record, f"the record that came with {loaded.plan.name}")
    if change:
        path = place_of(change, loaded.folder)
        found = read_regular(path, MAX_RECORD, RecordInvalid)
        if found is not None:
            return read_record(found, str(path))
    matter = front_matter(text)
    return read_record(matter, "the front matter of the pull request") if matter is not None else None


def mended_since(loaded: Loaded, change: str) -> bool:
    """Return whether the repository's record says something else than the one that was handed over.

    It does not where there is none, or where none was handed over.
    """
    if loaded.record is None:
        return False
    path = place_of(change, loaded.folder)
    try:
        there = read_regular(path, MAX_RECORD, RecordInvalid)
        return there is not None and read_record(there, str(path)) != read_record(loaded.record, loaded.plan.name)
    except RecordInvalid:
        return True
