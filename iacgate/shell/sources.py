"""The configuration beside a plan: the files of a folder, now or as a commit has them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from iacgate.errors import UsageInvalid
from iacgate.plan.source.hcl import MAX_FILE, parse
from iacgate.plan.source.snapshot import MANIFEST, Snapshot, from_members
from iacgate.shell.files import read_regular
from iacgate.shell.folders import CONFIGURATION

MAX_FILES: Final = 2_000
MAX_MODULES: Final = 1_000
_MODULES: Final = ".terraform/modules/modules.json"

Reader = Callable[[str], Iterator[tuple[str, bytes]]]
"""Yields name and content of the configuration files in a folder; paths are as seen from the stack."""


def sources_in(name: str) -> Snapshot:
    """Return the sources of the stack in a folder, with its modules.

    Raises :class:`UsageInvalid` where there are far too many files.
    """
    folder = Path(name)

    def read(path: str) -> Iterator[tuple[str, bytes]]:
        place = folder / path
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            if file.name.endswith(CONFIGURATION) and file.is_file():
                yield file.name, _content(file)

    return _snapshot(read, _noted(folder), name)


def sources_at(name: str, ref: str) -> Snapshot:
    """Return the same sources as a commit has them: none for a stack that is new.

    Modules that are not in the repository are left out. Raises :class:`UsageInvalid` where git does
    not know the commit.
    """
    from iacgate.shell.git import Repository  # noqa: PLC0415 - starting programs is rare

    folder = Path(name)
    repository = Repository(folder, ref)

    def read(path: str) -> Iterator[tuple[str, bytes]]:
        return repository.files(path, CONFIGURATION, MAX_FILE)

    return _snapshot(read, _noted(folder), name)


def _snapshot(read: Reader, noted: dict[str, str], name: str) -> Snapshot:
    """Return the sources of the root module and of every module that is called with a local path, or was noted.

    What ``terraform init`` noted is of today; what a commit called by a local path, it says itself.
    """
    members: dict[str, bytes] = {}
    folders: dict[str, str] = {}
    waiting = [("", "."), *noted.items()]
    while waiting:
        key, path = waiting.pop(0)
        if key in folders:
            continue
        folders[key] = path
        for file, data in read(path):
            members[f"tfconfig/m-{key}/{file}"] = data
            waiting += [(f"{key}.{call}".lstrip("."), _join(path, source)) for call, source in _local_calls(file, data)]
        if len(members) > MAX_FILES or len(folders) > MAX_MODULES:
            raise UsageInvalid(f"{name}: far too many configuration files.", hint="Name the stack's folder: --source.")
    manifest = json.dumps([{"Key": key, "Dir": path} for key, path in folders.items()]).encode()
    return from_members({MANIFEST: manifest, **members})


def _local_calls(file: str, data: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and path of the modules that a file calls with a local path."""
    if b"module" not in data:
        return
    for block in parse(file, data).blocks:
        source = block.literal("source") if block.kind == "module" else None
        if block.labels and isinstance(source, str) and source.startswith(("./", "../")):
            yield block.labels[0], source


def _join(path: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(path, source))


def _noted(folder: Path) -> dict[str, str]:
    """Return key and folder of every module that ``terraform init`` noted."""
    try:
        entries = json.loads(_content(folder / _MODULES) or b"{}").get("Modules", [])
        found = {str(entry["Key"]): str(entry["Dir"]) for entry in entries if entry["Key"]}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return {}  # what is not understood shows no lines
    return {key: path for key, path in list(found.items())[:MAX_MODULES] if len(path) < 1000}


def _content(path: Path) -> bytes:
    """Return the content of a file; one that cannot be read, or is too large, is one that is not understood."""
    try:
        return read_regular(path, MAX_FILE, UsageInvalid) or b""
    except UsageInvalid:
        return b" " * (MAX_FILE + 1)
