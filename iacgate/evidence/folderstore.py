"""A store in a folder: local, and so not independent of whoever can write the folder.

Files are written whole, flushed to the disk and never replaced: of several processes that create the same
object at the same time, one does. Names that begin with a dot are files that are still being written.
"""

from __future__ import annotations

import heapq
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.store import MAX_LISTED, Stored, byte_order, check_key, check_prefix

_FILE: Final = 0o644
_FOLDER: Final = 0o755
_LOOK: Final = "Look at the folder and who can write it."

T = TypeVar("T")


class FolderStore:
    """A store in a folder, whose clock is the one that it is given. See :class:`iacgate.evidence.store.Store`.

    Raises :class:`EvidenceInvalid` where there is no folder; with ``create``, it is made.
    """

    def __init__(self, root: Path, *, clock: Callable[[], str], create: bool = False) -> None:
        self._root = root
        self._clock = clock
        if create and not root.exists():
            self._try(root, lambda: _make_folders(root, Path(root.anchor)))
        self._check_root()

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self._root)

    @property
    def independent(self) -> bool:
        """Never: whoever can write to a folder can change what is in it."""
        return False

    def now(self) -> str:
        """Return the time by the clock that it was given."""
        return self._clock()

    def create(self, key: str, data: bytes) -> bool:
        """Write a file that is not there, whole or not at all."""
        path = self._path(key)
        self._check_root()  # a folder that has gone is not made again
        self._try(path, lambda: _make_folders(path.parent, self._root))
        return self._try(path, lambda: _write(path, data, self._root))

    def read(self, key: str, limit: int, version: str = "") -> bytes | None:
        """Return a file's content; there are no versions."""
        path = self._path(key)
        data = None if version else self._try(path, lambda: _read(path, limit))
        if data is None:
            self._check_root()  # with the folder gone, everything would be absent
        return data

    def listing(self, prefix: str, limit: int = 0) -> list[Stored]:
        """Return the files whose keys begin with a prefix; with a limit, all of them are looked at nevertheless."""
        folder = check_prefix(prefix).rpartition("/")[0]
        self._check_root()
        path = self._path(folder) if folder else self._root
        found = self._try(path, lambda: self._first(path, folder, prefix, limit))
        return sorted(found, key=lambda one: byte_order(one.key))

    def unprotected(self, items: Sequence[Stored]) -> list[str]:  # noqa: ARG002 - nothing in a folder is protected
        """Return nothing: a folder is not one that prevents removal, and says so by :attr:`independent`."""
        return []

    def problems(self) -> list[str]:
        """Return that everybody can write to the folder, where everybody can."""
        mode = self._try(self._root, lambda: self._root.stat().st_mode)
        return [f"{self._root}: everybody on this machine can write to it."] if mode & stat.S_IWOTH else []

    def _check_root(self) -> None:
        if not self._root.is_dir():
            raise EvidenceInvalid(
                f"{self._root}: no folder.",
                hint="Name the one that the gate uses. The first `iacgate gate --ledger` makes it.",
            )

    def _path(self, key: str) -> Path:
        """Return where an object is; raises for a link on the way, which could lead elsewhere."""
        path = self._root
        for segment in check_key(key).split("/"):
            if segment.startswith("."):
                raise EvidenceInvalid(f"{key!r}: names with a dot are for what is being written.", hint="Report this.")
            path = path / segment
            if path.is_symlink():
                raise EvidenceInvalid(f"{path}: a link.", hint=_LOOK)
        return path

    def _first(self, folder: Path, key: str, prefix: str, limit: int) -> list[Stored]:
        """Return the first files below a folder whose keys begin with a prefix; only those are asked for their size."""
        found = self._below(folder, key, prefix)
        first = heapq.nsmallest(limit, found, key=lambda one: byte_order(one[0])) if limit else found
        return [_stored(entry, name) for name, entry in first]

    def _below(self, folder: Path, key: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield the files below a folder, of which there may be none, whose keys begin with a prefix."""
        waiting, count = [(folder, key)], 0
        while waiting:
            folder, key = waiting.pop()
            for entry in _entries(folder):
                count += 1
                name = f"{key}/{entry.name}" if key else entry.name
                if count > MAX_LISTED:
                    raise EvidenceInvalid(f"{folder}: too many files.", hint=_LOOK)
                if not f"{name}/".startswith(prefix):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), name))
                elif not entry.is_file(follow_symlinks=False):
                    raise EvidenceInvalid(f"{entry.path}: no file.", hint=_LOOK)
                elif name.startswith(prefix):
                    yield name, entry

    def _try(self, path: Path, do: Callable[[], T]) -> T:
        try:
            return do()
        except OSError as error:
            raise EvidenceInvalid(f"{path}: {type(error).__name__}.", hint=_LOOK) from error


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []


def _stored(entry: os.DirEntry[str], key: str) -> Stored:
    said = entry.stat(follow_symlinks=False)
    seconds, nanoseconds = divmod(said.st_mtime_ns, 10**9)
    modified = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    return Stored(key, "", said.st_size, modified, nanoseconds=nanoseconds)


def _make_folders(folder: Path, root: Path) -> None:
    """Make the folders between a root and a folder that are not there, and the folder itself."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    try:
        folder.mkdir()
        folder.chmod(_FOLDER)  # whatever the umask says: others read it
    except FileExistsError:
        if not folder.is_dir():
            raise
    _flush(folder.parent)


def _write(path: Path, data: bytes, root: Path) -> bool:
    """Write a file that is not there, and return whether it was not; folders are flushed up to the root."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, _FILE)  # others read it, and whoever may write it is said by the folder
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        os.link(name, path)  # unlike a rename, this replaces nothing
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    folder = path.parent
    while True:  # another process may have made them, and not flushed them yet
        _flush(folder)
        if folder == root:
            return True
        folder = folder.parent


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe is not waited for
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise EvidenceInvalid(f"{path}: no file.", hint=_LOOK)
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise EvidenceInvalid(f"{path}: more than {limit} bytes.", hint=_LOOK)
    return data
