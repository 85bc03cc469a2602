"""What a plan was made from: the folders of a stack and of the local modules that it uses.

Whoever changed something there had a hand in the plan. Where it cannot be told what else was
read, the answer is ``None``: then everything counts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from iacgate.plan.source.hcl import parse
from iacgate.plan.source.snapshot import MANIFEST

_FETCHED: Final = ".terraform/"
"""Where Terraform puts the modules that it fetches; they are no files of the repository."""

_MODULE_SOURCE: Final = re.compile(rb'"?\bsource"?\s*[=:]\s*"[^"\n]*"')
_READS_ELSEWHERE: Final = re.compile(rb'\.\./|\.\."|\bdirname\s*\(|\bpath\.cwd\b|\(\s*"/|"external"|\bprovisioner\b')
"""Paths that leave a folder, and programs that read what they like."""


class _Module(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    folder: str = msgspec.field(name="Dir")
    source: str = msgspec.field(name="Source", default="")


_decode_manifest: Final = msgspec.json.Decoder(list[_Module]).decode


class Extent(msgspec.Struct, frozen=True):
    """Folders, and the content of the sources in them by path; all as seen from the stack's folder."""

    folders: tuple[str, ...]
    files: Mapping[str, bytes]


def extent(sources: Mapping[str, bytes]) -> Extent | None:
    """Return what a plan was made from, by the ``tfconfig/`` members of its file; ``None``: it cannot be told."""
    folders = _folders(sources.get(MANIFEST, b""))
    if "" not in folders:
        return None
    files: dict[str, bytes] = {}
    for name, data in sources.items():
        key, slash, file = name.removeprefix("tfconfig/m-").partition("/")
        if name == MANIFEST:
            continue
        if not slash or key not in folders or _READS_ELSEWHERE.search(_MODULE_SOURCE.sub(b"", data)):
            return None
        if not folders[key].startswith(_FETCHED):
            files[posixpath.normpath(posixpath.join(folders[key], file))] = data
    local = {folder for folder in folders.values() if not folder.startswith(_FETCHED)}
    return Extent(tuple(sorted(local)), files) if files else None


def local_files(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the sources of a plan that stand in a repository, by path as seen from the stack's folder.

    Those of fetched modules are left out. Where the manifest of modules cannot be read, these are the root's.
    """
    folders = _folders(sources.get(MANIFEST, b"")) or {"": "."}
    found: dict[str, bytes] = {}
    for name, data in sources.items():
        key, slash, file = name.removeprefix("tfconfig/m-").partition("/")
        if name != MANIFEST and slash and key in folders and not folders[key].startswith(_FETCHED):
            found[posixpath.normpath(posixpath.join(folders[key], file))] = data
    return found


def _folders(manifest: bytes) -> dict[str, str]:
    """Return the folder of each module by its key; nothing where one cannot be told."""
    try:
        modules = _decode_manifest(manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    if any(module.folder.startswith("/") or module.source.startswith(("/", "file:")) for module in modules):
        return {}
    return {module.key: posixpath.normpath(module.folder) for module in modules}


def assigned(files: Mapping[str, bytes]) -> frozenset[str]:
    """Return the variables that the files which Terraform loads by itself assign (``terraform.tfvars`` and others)."""
    names: set[str] = set()
    for path, data in files.items():
        if path in ("terraform.tfvars", "terraform.tfvars.json") or path.endswith(
            (".auto.tfvars", ".auto.tfvars.json")
        ):
            names.update(_names(path, data))
    return frozenset(names)


def _names(path: str, data: bytes) -> Collection[str]:
    if path.endswith(".json"):
        try:
            return msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ()
    block = next(iter(parse("x.tf", b"tfvars {\n" + data + b"\n}\n").blocks), None)
    return block.attributes if block is not None else ()
