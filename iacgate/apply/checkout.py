"""Exactly the tree of a commit, in a folder that nobody else has.

Nothing of git's own checkout takes part: no filters, hooks, attributes or line endings, and nothing is registered in
the repository. Ids are computed again from the bytes: what an object store answers is not what it was asked for
until that is shown.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from iacgate.errors import ApplyRefused, UsageInvalid
from iacgate.shell.git import Repository

MAX_FILES: Final = 100_000
MAX_TOTAL: Final = 1 << 30
MAX_FILE: Final = 128 << 20
"""Bytes, of all files and of one."""

_MAX_DEPTH: Final = 64
_BATCH: Final = 64 << 20
"""Bytes that are read from git at once."""

_TREE, _FILE, _PROGRAM, _LINK, _MODULE = "40000", "100644", "100755", "120000", "160000"
_OLD_FILE: Final = "100664"
"""How git wrote a file's mode in its first year; it takes it as 100644."""

_MAX_TARGET: Final = 4096
"""Bytes of a link's target, with the NUL at its end (Linux, ``PATH_MAX``)."""

_LFS: Final = b"version https://git-lfs.github.com/spec/"


class _Entry(msgspec.Struct, frozen=True):
    path: bytes
    mode: str
    id: str


def checkout(repository: Repository, target: Path, *, needs: Sequence[str] = ("",)) -> Path:
    """Write the files of a repository's commit into a new folder; return where its stack's folder is in it.

    Args:
        repository: the repository, at the commit.
        target: the folder, which must not exist; only we may read it.
        needs: folders, as seen from the root, that the plan was made from; the empty one stands for all. In them
            there may be no submodule and no pointer of Git LFS, in place of which the plan saw something else.
            Elsewhere a submodule is left out, and a link that leads out of the repository or in a circle, too.

    Raises:
        ApplyRefused: something of the commit cannot be had as it is: an object that is not what its id says or is
            not there, a name that leads elsewhere, a link out of it that is needed, too much of it.
    """
    _make(target)
    entries = list(_entries(repository))
    _refuse_modules(entries, needs)
    files = [entry for entry in entries if entry.mode in (_FILE, _OLD_FILE, _PROGRAM)]
    links = [entry for entry in entries if entry.mode == _LINK]
    try:
        for entry in entries:
            if entry.mode == _TREE:
                _place(target, entry).mkdir(mode=0o755)
        for entry, data in _contents(repository, files):
            _refuse_pointer(entry, data, needs)
            _write(_place(target, entry), data, 0o755 if entry.mode == _PROGRAM else 0o644)
        for entry, data in _contents(repository, links):
            _link(target, entry, data, needs)
        _settle_links(target, links, needs)
    except OSError as error:
        raise _refused(f"cannot be written ({error.strerror}): {ascii(error.filename)}") from error
    folder = target / repository.folder
    if not folder.is_dir() or folder.resolve() != target.resolve() / repository.folder:
        raise _refused(f"has no folder {repository.folder!r}")
    return folder


def _make(target: Path) -> None:
    try:
        target.mkdir(mode=0o700)
    except OSError as error:
        raise ApplyRefused(f"{target}: {error.strerror}.", hint="Name a new folder in a private one.") from error


def _entries(repository: Repository) -> Iterator[_Entry]:
    """Yield everything in the commit, folders before what is in them."""
    level = {b"": _root(repository)}
    count = 0
    for _ in range(_MAX_DEPTH):
        trees = _objects(repository, level.values(), "tree")
        found = [entry for path, name in level.items() for entry in _parsed(path, trees[name], len(name) // 2)]
        count += len(found)
        if count > MAX_FILES:
            raise _refused(f"has more than {MAX_FILES} files")
        yield from found
        level = {entry.path: entry.id for entry in found if entry.mode == _TREE}
        if not level:
            return
    raise _refused(f"has folders {_MAX_DEPTH} deep")


def _root(repository: Repository) -> str:
    """Return the tree of the commit, as the commit itself says."""
    commit = _objects(repository, [repository.commit], "commit")[repository.commit]
    first = commit.split(b"\n", 1)[0]
    if not first.startswith(b"tree "):
        raise _refused("names no tree")
    tree = first.removeprefix(b"tree ").decode("ascii", "replace")
    if tree != repository.tree:
        raise _refused("is damaged: git names another tree than the commit does")
    return tree


def _parsed(folder: bytes, data: bytes, id_length: int) -> Iterator[_Entry]:
    """Yield the entries of one tree object (Git, ``gitformat-tree``: mode, blank, name, NUL, id in binary)."""
    at, seen = 0, set()
    while at < len(data):
        end = data.find(b"\0", at)
        mode, blank, name = data[at:end].partition(b" ")
        at = end + 1 + id_length
        known = mode.decode("ascii", "replace")
        if end < 0 or not blank or at > len(data) or known not in (_TREE, _FILE, _OLD_FILE, _PROGRAM, _LINK, _MODULE):
            raise _refused("has a folder that is damaged")
        if _leads_elsewhere(name) or name in seen:
            raise _refused(f"has a file named {ascii(os.fsdecode(name))}")
        seen.add(name)
        yield _Entry(folder + b"/" + name if folder else name, known, data[end + 1 : at].hex())


def _leads_elsewhere(name: bytes) -> bool:
    """Return whether a name is none of a file, or one that git keeps for itself (git's ``verify_path``)."""
    return name in (b"", b".", b"..") or name.lower() == b".git" or b"/" in name or len(name) > 255


def _objects(repository: Repository, names: Iterable[str], kind: str) -> dict[str, bytes]:
    """Return objects by id, each with the id that its bytes have."""
    sizes = _sizes(repository, list(dict.fromkeys(names)), kind)
    found: dict[str, bytes] = {}
    for batch in _batches(sizes):
        found |= _verified(repository, batch, kind)
    return found


def _sizes(repository: Repository, wanted: Sequence[str], kind: str) -> dict[str, int]:
    try:
        sizes = repository.sizes(wanted, kind) if wanted else {}
    except (UsageInvalid, ValueError) as error:
        raise _refused("could not be read from git") from error
    absent = next((name for name in wanted if name not in sizes), None)
    if absent is not None:
        raise _refused(f"is not all there: git has no {kind} {absent}")
    if any(size > MAX_FILE for size in sizes.values()) or sum(sizes.values()) > MAX_TOTAL:
        raise _refused("is too large")
    return sizes


def _batches(sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    batch: dict[str, int] = {}
    for name, size in sizes.items():
        if batch and sum(batch.values()) + size > _BATCH:
            yield batch
            batch = {}
        batch[name] = size
    if batch:
        yield batch


def _verified(repository: Repository, sizes: Mapping[str, int], kind: str) -> dict[str, bytes]:
    try:
        found = repository.contents(sizes)
    except (UsageInvalid, ValueError) as error:
        raise _refused(f"could not be read from git: a {kind} is damaged") from error
    for name, data in found.items():
        algorithm = hashlib.sha256 if len(name) == 64 else hashlib.sha1
        if algorithm(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest() != name:
            raise _refused(f"is damaged: the {kind} {name} is not what its id says")
    return found


def _contents(repository: Repository, entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, bytes]]:
    """Yield files with what is in them, some megabytes at a time."""
    sizes = _sizes(repository, list(dict.fromkeys(entry.id for entry in entries)), "blob")
    if sum(sizes[entry.id] for entry in entries) > MAX_TOTAL:
        raise _refused("is too large")
    for batch in _batches(sizes):
        found = _verified(repository, batch, "blob")
        for entry in entries:
            if entry.id in found:
                yield entry, found[entry.id]


def _place(target: Path, entry: _Entry) -> Path:
    return target / os.fsdecode(entry.path)


def _write(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(handle, mode)  # as git checks out: what packs files packs their modes, too
        stream.write(data)


def _link(target: Path, entry: _Entry, data: bytes, needs: Sequence[str]) -> None:
    if data and len(data) < _MAX_TARGET and b"\0" not in data:
        _place(target, entry).symlink_to(os.fsdecode(data))
    elif _is_needed(entry.path, needs):
        raise _leading_out(entry)


def _settle_links(target: Path, links: Sequence[_Entry], needs: Sequence[str]) -> None:
    """Raise for a link that is needed and leads out; take away the others that do.

    Only now that all are there it can be seen where each leads, and over which others.
    """
    root = target.resolve()
    out = [entry for entry in links if _leads_out(_place(target, entry), root)]
    for entry in out:
        if _is_needed(entry.path, needs):
            raise _leading_out(entry)
    for entry in out:
        _place(target, entry).unlink()


def _leads_out(link: Path, root: Path) -> bool:
    """Return whether there is a link that leads out of a folder, or in a circle."""
    if not link.is_symlink():
        return False
    try:
        return link.readlink().is_absolute() or not link.resolve().is_relative_to(root) or _is_circle(link)
    except (OSError, RuntimeError):  # RuntimeError: a circle of links, up to Python 3.12
        return True


def _is_circle(link: Path) -> bool:
    try:
        link.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _leading_out(entry: _Entry) -> ApplyRefused:
    return _refused(f"has a link that leads out of it: {ascii(os.fsdecode(entry.path))}")


def _is_needed(path: bytes, needs: Sequence[str]) -> bool:
    """Return whether a path is in, or above, one of the folders that are needed."""
    shown = os.fsdecode(path)
    return any(
        not place or f"{shown}/".startswith(f"{place.rstrip('/')}/") or f"{place}/".startswith(f"{shown}/")
        for place in needs
    )


def _refuse_modules(entries: Sequence[_Entry], needs: Sequence[str]) -> None:
    for entry in entries:
        if entry.mode == _MODULE and _is_needed(entry.path, needs):
            raise _refused(f"has a submodule, whose files are in another repository: {ascii(os.fsdecode(entry.path))}")


def _refuse_pointer(entry: _Entry, data: bytes, needs: Sequence[str]) -> None:
    if data.startswith(_LFS) and _is_needed(entry.path, needs):
        raise _refused(f"has only a pointer of Git LFS, and not the file: {ascii(os.fsdecode(entry.path))}")


def _refused(what: str) -> ApplyRefused:
    return ApplyRefused(
        f"The commit {what}.", hint="Apply runs in a fresh checkout of exactly the commit that was approved: mend it."
    )
