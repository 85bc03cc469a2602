"""What could not be stored when an apply had ended, kept until it is: nothing that happened may be lost.

One folder for each run, readable by its owner alone; what is in it is redacted, as evidence is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from iacgate.apply.result import Result
from iacgate.errors import EvidenceInvalid
from iacgate.shell.files import read_regular

RESULT: Final = "result.json"
LOG: Final = "log.txt"
WHERE: Final = "ledger.json"
MAX_FILE: Final = 512 << 20


class Behind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a result of an outage: the ledger's store that was lost, why, and the record that the result goes on from."""

    lost: str
    why: str
    previous: str


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ledger that it belongs to: its name, and its genesis; with ``behind``, the name is that of a second store."""

    name: str
    genesis: str
    behind: Behind | None = None


class Spooled(msgspec.Struct, frozen=True):
    """A result that waits: its folder, and what is to be stored where."""

    folder: Path
    where: Where
    result: Result
    log: bytes


def spool_folder(environment: Mapping[str, str]) -> Path:
    """Return where results wait: the user's own folder for what programs keep (XDG Base Directory Specification)."""
    home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home(), ".local", "state")
    return Path(home) / "iacgate" / "spool"


def keep(folder: Path, where: Where, result: Result, log: bytes) -> Path:
    """Keep a result until it can be stored; return its folder.

    Raises :class:`EvidenceInvalid` where not even that can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix="."))
        for name, data in (
            (LOG, log),
            (WHERE, msgspec.json.encode(where)),
            (RESULT, msgspec.json.encode(result)),
        ):
            with (scratch / name).open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        target = folder / result.run
        scratch.rename(target)
    except OSError as error:
        raise EvidenceInvalid(
            f"{folder}: the result of the apply could not be kept ({error.strerror}).",
            hint="It was applied. Keep this output: it is all that there is.",
        ) from error
    return target


def waiting(folder: Path) -> Iterator[Spooled]:
    """Yield the results that wait, the oldest first.

    Raises :class:`EvidenceInvalid` where one of them cannot be read.
    """
    found = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    spooled = [_read(path) for path in found]
    yield from sorted(spooled, key=lambda item: (item.result.ended, item.folder.name))


def _read(folder: Path) -> Spooled:
    try:
        where = msgspec.json.decode(_content(folder / WHERE), type=Where)
        result = msgspec.json.decode(_content(folder / RESULT), type=Result)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"{folder}: not a result that waits.", hint="Look at the folder.") from error
    return Spooled(folder, where, result, _content(folder / LOG))


def _content(path: Path) -> bytes:
    data = read_regular(path, MAX_FILE, EvidenceInvalid)
    if data is None:
        raise EvidenceInvalid(f"{path} is missing.", hint="Look at the folder.")
    return data


def forget(spooled: Spooled) -> None:
    """Remove a result that was stored."""
    shutil.rmtree(spooled.folder, ignore_errors=True)
