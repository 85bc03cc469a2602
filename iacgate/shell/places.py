"""What of a repository a plan was made from: folders and files of one commit."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from iacgate.plan.saved import PlanFile
from iacgate.plan.source.extent import Extent, extent
from iacgate.plan.source.hcl import MAX_FILE
from iacgate.plan.source.tfvars import auto_loaded, declared, explain
from iacgate.shell.git import FILES, Entry, Repository, inside


class Places(msgspec.Struct, frozen=True):
    """What a plan was made from, as seen from the root: folders, and files that gave its variables their values.

    Without any folder it cannot be told, and everything counts.
    """

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def places_of(repository: Repository, file: PlanFile, named: Sequence[str]) -> Places:
    """Return what a plan was made from; ``named`` are its files of variables, as the settings have them.

    It can be told where the commit has exactly the sources that the plan has, without links that lead elsewhere,
    and where its files of variables explain every variable that was set, and set nothing else.
    """
    folders = folders_of(repository, extent(file.sources))
    return Places(folders, tuple(sorted(set(named)))) if folders and _explained(repository, file, named) else Places()


def folders_of(repository: Repository, found: Extent | None) -> tuple[str, ...]:
    """Return the folders of a plan's sources, as seen from the root; none where that cannot be told."""
    if found is None:
        return ()
    folder = PurePosixPath(repository.folder)
    places = {inside(folder / name) or "" for name in found.folders}
    if "" in places:  # the root itself, or outside of the repository
        return ()
    files = {inside(folder / name) or "": _blob_id(data, repository) for name, data in found.files.items()}
    there = _entries(repository, sorted(places))
    links = any(entry.mode not in FILES for entry in there.values())
    if links or any(path not in there or there[path].id != blob for path, blob in files.items()):
        return ()
    return tuple(sorted(places))


def _explained(repository: Repository, file: PlanFile, named: Sequence[str]) -> bool:
    """Return whether the values of all variables are those that Terraform finds in the commit's files.

    They are loaded by themselves from the stack's folder, then as they are named. The value of an ephemeral
    variable is in no plan, so that nothing explains it.
    """
    begin = f"{repository.folder}/"
    there = {path: entry for path, entry in _entries(repository, [begin, *named]).items() if entry.mode in FILES}
    own = auto_loaded(path.removeprefix(begin) for path in there if "/" not in path.removeprefix(begin))
    paths = [*(f"{begin}{name}" for name in own), *named]
    if not paths or file.apply_time_variables:
        return not file.variables and not file.apply_time_variables
    names = declared(file.sources)
    if names is None or any(path not in there for path in paths):
        return False
    sizes = repository.sizes((there[path].id for path in paths), "blob")
    if any(sizes.get(there[path].id, MAX_FILE + 1) > MAX_FILE for path in paths):
        return False
    contents = repository.contents(sizes)
    return explain(((path, contents[there[path].id]) for path in paths), file.variables, names)


def uncommitted(repository: Repository, files: Mapping[str, bytes], generated: Sequence[str]) -> tuple[str, ...]:
    """Return the sources of a plan that the commit does not have so, as seen from the root.

    ``files`` are those that stand in the repository, by path from the stack's folder; ``generated`` are names of
    files (``*`` for any text) that a tool writes, so that no commit has them. Line ends do not count.
    """
    folder = PurePosixPath(repository.folder)
    wanted = {path: data for path, data in files.items() if not _matches(path, generated)}
    places = {path: inside(folder / path) for path in wanted}
    there = _entries(repository, sorted({place.rpartition("/")[0] for place in places.values() if place}))
    found = []
    for path, data in wanted.items():
        place = places[path]
        ids = {_blob_id(text, repository) for text in (data, data.replace(b"\r\n", b"\n"))}
        if place is None or place not in there or there[place].id not in ids:
            found.append(place or path)
    return tuple(sorted(found))


def _matches(path: str, generated: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(PurePosixPath(path).name, pattern) for pattern in generated)


def _entries(repository: Repository, places: Sequence[str]) -> dict[str, Entry]:
    """Return everything at some places, and below them, by path."""
    found = repository.entries([] if "" in places else places)
    return {entry.name.decode(errors="replace"): entry for entry in found}


def _blob_id(data: bytes, repository: Repository) -> str:
    """Return the id that git gives some content (gitformat-blob: a header, then the bytes)."""
    algorithm = hashlib.sha1 if len(repository.commit) == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
