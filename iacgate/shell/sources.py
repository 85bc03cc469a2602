"""The configuration beside a plan: the files of a folder, now or as a commit has them."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Final

from iacgate.errors import UsageInvalid
from iacgate.plan.source.hcl import MAX_FILE
from iacgate.plan.source.snapshot import MANIFEST, Snapshot, from_members
from iacgate.shell.folders import CONFIGURATION

MAX_FILES: Final = 5_000
_MODULES: Final = Path(".terraform/modules/modules.json")


def sources_in(name: str) -> Snapshot:
    """Return the sources of the stack in a folder, with the modules that ``terraform init`` noted.

    Raises :class:`UsageInvalid` where there are far too many files.
    """
    folder = Path(name)
    modules = _modules(folder)
    members = {MANIFEST: _manifest(modules)}
    for key, path in modules:
        for file in sorted((folder / path).glob("*")):
            if file.name.endswith(CONFIGURATION) and file.is_file():
                members[f"tfconfig/m-{key}/{file.name}"] = _read(file)
                _bound(len(members), folder)
    return from_members(members)


def sources_at(name: str, ref: str) -> Snapshot:
    """Return the same sources as a commit has them; modules that are not in the repository are left out.

    Raises :class:`UsageInvalid` where git does not know the commit.
    """
    folder = Path(name)
    modules = _modules(folder)
    members = {MANIFEST: _manifest(modules)}
    from iacgate.shell.git import Repository  # noqa: PLC0415 - starting programs is rare

    repository = Repository(folder, ref)
    for key, path in modules:
        for file, data in repository.files(path, CONFIGURATION, MAX_FILE):
            members[f"tfconfig/m-{key}/{file}"] = data
            _bound(len(members), folder)
    return from_members(members)


def _modules(folder: Path) -> list[tuple[str, PurePosixPath]]:
    """Return key and folder of every module that ``terraform init`` noted, the root module first."""
    found = {"": PurePosixPath()}
    try:
        entries = json.loads(_read(folder / _MODULES) or b"{}").get("Modules", [])
        found |= {str(entry["Key"]): PurePosixPath(str(entry["Dir"])) for entry in entries}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return [("", PurePosixPath())]  # what is not understood shows no lines
    return list(found.items())


def _manifest(modules: list[tuple[str, PurePosixPath]]) -> bytes:
    """Return the same as a plan file's snapshot has it."""
    return json.dumps([{"Key": key, "Dir": str(path)} for key, path in modules]).encode()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE + 1)
    except OSError:
        return b""


def _bound(count: int, folder: Path) -> None:
    if count > MAX_FILES:
        raise UsageInvalid(
            f"{folder}: more than {MAX_FILES} configuration files.", hint="Name the stack's folder with --source."
        )
