"""The configuration that a plan is taken back to, as git has it: its variables, and the files that give them values."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw

from iacgate.errors import UsageInvalid
from iacgate.plan import secrecy
from iacgate.plan.container import LOCK
from iacgate.plan.source.hcl import MAX_FILE, Block, parse
from iacgate.plan.source.tfvars import assigned, auto_loaded
from iacgate.shell.files import read_regular
from iacgate.shell.git import FILES, Repository
from iacgate.shell.sources import sources_at

_BUILT_IN: Final = "terraform.io/builtin/"
_ENDINGS: Final = (".tfvars", ".tfvars.json")


class Previous:
    """The stack's folder at a commit, and the files of variables that are given to it besides its own.

    Raises :class:`UsageInvalid` where git does not know the commit, or one of the files is not understood.
    """

    def __init__(self, folder: Path, ref: str, var_files: Sequence[str] = ()) -> None:
        self.repository = Repository(folder, ref)
        blocks = sources_at(str(folder), self.repository.commit).of_kind("variable")
        self._declared = {item.block.labels[0]: item.block for item in blocks if not item.module and item.block.labels}
        self.files = given_files(self.repository, var_files)
        own = dict(self.repository.files(".", (*_ENDINGS, LOCK), MAX_FILE))
        self._lock = own.pop(LOCK, b"")
        self._own = _assigned((name, own[name]) for name in auto_loaded(own))
        self._given = _assigned(self.files)

    def values(self, planned: Mapping[str, bytes], environment: Mapping[str, str]) -> dict[str, Raw]:
        """Return the variables that have the values of the plan: those that no file of the commit gives one.

        Raises :class:`UsageInvalid`, naming it, where one that the configuration needs has no value at all.
        """
        values = {
            name: Raw(value) for name, value in planned.items() if name in self._declared and name not in self._own
        }
        given = {*values, *self._own, *self._given}
        given |= {name for name in self._declared if f"TF_VAR_{name}" in environment}
        for name, block in self._declared.items():
            if name not in given and "default" not in block.attributes:
                raise UsageInvalid(
                    f"The previous configuration needs the variable {ascii(name)}, of which the plan has no value.",
                    hint="Give it one: --var-file FILE.",
                )
        return values

    def not_locked(self, providers: Iterable[str]) -> list[str]:
        """Return those of some providers that the commit's lock file does not have."""
        locked = {label for block in parse(LOCK, self._lock).blocks for label in block.labels}
        return [name for name in providers if name not in locked and not name.startswith(_BUILT_IN)]

    def secrets(self, values: Mapping[str, Raw], environment: Mapping[str, str]) -> Iterator[str]:
        """Yield the values of the variables that the configuration calls sensitive or ephemeral, wherever from."""
        decoded = ((name, msgspec.json.decode(value)) for name, value in values.items())
        passed = ((name, environment.get(f"TF_VAR_{name}")) for name in self._declared)
        for name, value in (*decoded, *self._own.items(), *self._given.items(), *passed):
            block = self._declared.get(name)
            if block is not None and any(_may_be_true(block, word) for word in ("sensitive", "ephemeral")):
                yield from secrecy.leaves(value)


def _may_be_true(block: Block, name: str) -> bool:
    return name in block.attributes and block.literal(name) is not False


def given_files(repository: Repository, names: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    """Return name and content of files of variables, as a checkout of the commit has them.

    Raises :class:`UsageInvalid` where one is nowhere, or cannot be read.
    """
    return tuple((name, _at_commit(repository, name) or _on_disk(name)) for name in names)


def _at_commit(repository: Repository, name: str) -> bytes | None:
    """Return the content of a file as a commit has it; ``None`` where it has none of that name."""
    root = repository.ask("rev-parse", "--show-toplevel").decode().rstrip("\n")
    path = os.path.relpath(os.path.realpath(name), os.path.realpath(root))
    if path.startswith(".."):
        return None
    for entry in repository.entries([path], deep=False):
        if entry.mode in FILES:
            sizes = repository.sizes([entry.id], "blob")
            if sum(sizes.values()) <= MAX_FILE:
                return repository.contents(sizes).get(entry.id)
    return None


def _on_disk(name: str) -> bytes:
    found = read_regular(Path(name), MAX_FILE, UsageInvalid)
    if found is None:
        raise UsageInvalid(f"{name} is not there.", hint="Name a file of variables.")
    return found


def _assigned(files: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    """Return what files assign; a later one wins."""
    found: dict[str, Any] = {}
    for name, data in files:
        values = assigned(name, data)
        if values is None:
            raise UsageInvalid(f"{name}: not understood as a file of variables.", hint="Mend it, or name another one.")
        found |= values
    return found
