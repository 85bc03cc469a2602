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

_READERS: Final = rb"\b(?:file\w*|templatefile|abspath|pathexpand|dirname)\s*\("
_SAFE_READ: Final = (
    rb"\b(?:file|filebase64|templatefile|fileexists|filemd5|file(?:base64)?sha(?:1|256|512))"
    rb'\(\s*"\$\{path\.module\}/[\w./-]*"'
)
_READS_ELSEWHERE: Final = re.compile(
    rb"(?<!\.)\.\.(?!\.)|\.\.\.[/\"]|\\[uU]|\bpath\.(?:cwd|root)\b|\bexternal\b|\bprovisioner\b|\babspath\b"
)
"""Paths that may leave a folder, however they are written, and programs that read what they like."""

_calls: Final = re.compile(_READERS)
_safe_calls: Final = re.compile(_SAFE_READ)


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
    modules = _modules(sources)
    if modules is None:
        return None
    folders = {module.key: module.folder for module in modules}
    local = [module.source for module in modules if _is_local(module.source)]
    files: dict[str, bytes] = {}
    for name, data in sources.items():
        key, slash, file = name.removeprefix("tfconfig/m-").partition("/")
        if name == MANIFEST:
            continue
        if not slash or key not in folders or file.endswith(".json") or _may_read_elsewhere(data, local):
            return None
        if not folders[key].startswith(_FETCHED):
            files[posixpath.normpath(posixpath.join(folders[key], file))] = data
    own = {folder for folder in folders.values() if not folder.startswith(_FETCHED)}
    return Extent(tuple(sorted(own)), files) if files else None


def _may_read_elsewhere(data: bytes, local: Collection[str]) -> bool:
    """Return whether a source may read outside of the modules; naming a module's own folder does not."""
    for source in local:
        data = re.sub(rb'\bsource\s*=\s*"' + re.escape(source.encode()) + rb'"', b"", data)
    return bool(_READS_ELSEWHERE.search(data)) or len(_calls.findall(data)) != len(_safe_calls.findall(data))


def local_files(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the sources of a plan that stand in a repository, by path as seen from the stack's folder.

    Those of fetched modules are left out. Where the manifest of modules is not to be believed, those of modules
    stand under a name that no file has.
    """
    modules = _modules(sources)
    folders = {"": "."} if modules is None else {module.key: module.folder for module in modules}
    found: dict[str, bytes] = {}
    for name, data in sources.items():
        key, slash, file = name.removeprefix("tfconfig/m-").partition("/")
        if name == MANIFEST or not slash:
            continue
        folder = folders.get(key, f"(module {key})")
        if not folder.startswith(_FETCHED):
            found[posixpath.normpath(posixpath.join(folder, file))] = data
    return found


def _local_calls(sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sources of the modules that are called from a folder of their own, by key."""
    found: dict[str, str] = {}
    for name, data in sources.items():
        key, slash, file = name.removeprefix("tfconfig/m-").partition("/")
        for block in parse(file, data).blocks if slash and name != MANIFEST and b"module" in data else ():
            source = block.literal("source") if block.kind == "module" and len(block.labels) == 1 else None
            if isinstance(source, str) and _is_local(source):
                found[f"{key}.{block.labels[0]}".lstrip(".")] = source
    return found


def _differs(recorded: str, called: str | None) -> bool:
    """Return whether a call of a local module has another source than the manifest; Terraform shortens its spelling."""
    return called is not None and not (
        _is_local(recorded) and posixpath.normpath(recorded) == posixpath.normpath(called)
    )


def _is_local(source: str) -> bool:
    return source.startswith(("./", "../"))


def _modules(sources: Mapping[str, bytes]) -> list[_Module] | None:
    """Return the modules; ``None`` where their folders are not where their sources say.

    The manifest is as whoever made the plan file wrote it: a local module stands where its source says, seen
    from the module that calls it, and whatever is fetched stands below Terraform's own folder. Which of both a
    module is, its call in the sources says, and not the manifest alone.
    """
    try:
        modules = _decode_manifest(sources.get(MANIFEST, b""))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    folders: dict[str, str] = {}
    for module in sorted(modules, key=lambda module: module.key.count(".") + bool(module.key)):
        parent = folders.get(module.key.rpartition(".")[0])
        folder = posixpath.normpath(module.folder)
        if module.key == "":
            holds = folder == "."
        elif _is_local(module.source):
            holds = parent is not None and folder == posixpath.normpath(posixpath.join(parent, module.source))
        else:
            holds = folder.startswith(_FETCHED) and not module.source.startswith(("/", "file:"))
        if not holds or module.key in folders or not folder.isprintable():
            return None
        folders[module.key] = folder
    called = _local_calls(sources)
    if "" not in folders or any(_differs(module.source, called.get(module.key)) for module in modules):
        return None
    return [msgspec.structs.replace(module, folder=folders[module.key]) for module in modules]
