"""The code of fetched modules: held against what the plan was made with.

A plan file brings the code of all modules along, and apply takes it from there, fetched or not. Where a module is in
the repository, its code there is known. Where it is fetched, only who fetches it again knows whether the plan was made
with it: else whoever makes a plan file writes into it whatever code they like.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from iacgate.apply.surroundings import DATA
from iacgate.errors import ApplyRefused
from iacgate.plan.source.snapshot import MANIFEST
from iacgate.shell.files import read_regular

_FETCHED: Final = f"{DATA}/modules/modules.json"
_MAX_FILE: Final = 64 << 20
_TERRAFORM: Final = (".tf", ".tf.json")
_TOFU: Final = (".tofu", ".tofu.json")


class _Module(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    folder: str = msgspec.field(name="Dir")


class _Manifest(msgspec.Struct, frozen=True):
    modules: list[_Module] = msgspec.field(name="Modules")


_decode_planned: Final = msgspec.json.Decoder(list[_Module]).decode
_decode_fetched: Final = msgspec.json.Decoder(_Manifest).decode


def check_modules(folder: Path, sources: Mapping[str, bytes], *, tofu: bool) -> None:
    """Hold what `init` fetched against what a plan was made with: every configuration file, byte for byte.

    A module has to be in the same folder, too: files beside it are read where the plan says that it is.

    Args:
        folder: the stack's, in which `init` ran.
        sources: the ``tfconfig/`` members of the plan file.
        tofu: whether OpenTofu reads it, which knows further endings.

    Raises:
        ApplyRefused: a module is another one than the plan was made with; it is named.
    """
    planned, fetched = _planned(sources), _fetched(folder)
    for key in sorted(planned.keys() | fetched.keys()):
        if planned.get(key) != fetched.get(key):
            raise _refused(key, f"`init` has it in {_shown(fetched.get(key))}, the plan in {_shown(planned.get(key))}")
        if fetched[key].startswith(f"{DATA}/"):
            prefix = f"tfconfig/m-{key}/"
            wanted = {name.removeprefix(prefix): data for name, data in sources.items() if name.startswith(prefix)}
            _compare(key, folder / fetched[key], wanted, tofu=tofu)


def _planned(sources: Mapping[str, bytes]) -> dict[str, str]:
    try:
        return _folders(_decode_planned(sources.get(MANIFEST, b"")))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ApplyRefused("The plan has no list of its modules that can be read.", hint="Plan again.") from error


def _fetched(folder: Path) -> dict[str, str]:
    """Return the folders of the modules that `init` knows of; it notes none where none is called."""
    data = read_regular(folder / _FETCHED, _MAX_FILE, ApplyRefused)
    if data is None:
        return {"": "."}
    try:
        return _folders(_decode_fetched(data).modules)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ApplyRefused(
            f"What `init` noted of the modules in {_FETCHED} was not understood.", hint="Look at its version."
        ) from error


def _folders(modules: Iterable[_Module]) -> dict[str, str]:
    """Return folders by key. Raises :class:`ValueError` for a key that is there twice."""
    folders: dict[str, str] = {}
    for module in modules:
        if module.key in folders:
            raise ValueError(module.key)
        folders[module.key] = posixpath.normpath(module.folder)
    return folders


def _compare(key: str, folder: Path, wanted: Mapping[str, bytes], *, tofu: bool) -> None:
    there = set(_configuration(folder, tofu=tofu))
    for name in sorted(there ^ wanted.keys()):
        raise _refused(key, f"{ascii(name)} is {'fetched' if name in there else 'in the plan'} alone")
    for name in sorted(there):
        if read_regular(folder / name, _MAX_FILE, ApplyRefused) != wanted[name]:
            raise _refused(key, f"{ascii(name)} is another")


def _configuration(folder: Path, *, tofu: bool) -> Iterator[str]:
    """Yield the names of the files that are loaded: no hidden ones, and no folders (Terraform, ``configs.Parser``).

    OpenTofu takes `a.tofu` in place of `a.tf` where both are there (OpenTofu 1.8, "Files and Directories").
    """
    names = {path.name for path in _files(folder)}
    for name in names:
        replaced = tofu and name.endswith(_TERRAFORM) and _as_tofu(name) in names
        if name.endswith((*_TERRAFORM, *_TOFU) if tofu else _TERRAFORM) and not replaced:
            yield name


def _as_tofu(name: str) -> str:
    stem = name.removesuffix(".json")
    return f"{stem.removesuffix('.tf')}.tofu{name[len(stem) :]}"


def _files(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
        return [path for path in found if path.is_symlink() or not path.is_dir()]
    except OSError as error:
        raise ApplyRefused(f"{folder}: {error.strerror}.", hint="Look at what `init` printed.") from error


def _shown(folder: str | None) -> str:
    return "no folder" if folder is None else ascii(folder)


def _refused(key: str, what: str) -> ApplyRefused:
    return ApplyRefused(
        f"What was fetched of the module {ascii(key)} is not what the plan was made with: {what}.",
        hint="Plan again, without TF_DATA_DIR, and name a tag or a commit that does not move in the module's source.",
    )
