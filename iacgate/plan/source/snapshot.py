"""The modules of a configuration: what a resource's block says, and where it stands.

They come from the ``tfconfig/`` members of a plan file, or from a folder. Addresses are
configuration addresses: ``module.net.aws_subnet.this``, without instance keys. What a
block says is the union over override files, so that nothing is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from iacgate.plan.source.hcl import Block, parse
from iacgate.plan.source.removed import removed_address

MANIFEST: Final = "tfconfig/modules.json"
_ENDINGS: Final = (".tf", ".tf.json", ".tofu", ".tofu.json")
_META: Final = frozenset("count depends_on for_each provider providers source version".split())
_NO_ATTRIBUTES: Final = frozenset("connection dynamic lifecycle provisioner".split())
_MEMBER: Final = re.compile(r"tfconfig/m-([^/]*)/(.+)", re.DOTALL)


class Place(msgspec.Struct, frozen=True):
    """A line of a file; both as a person would look for them."""

    file: str
    line: int


class SourceBlock(msgspec.Struct, frozen=True):
    """A block with the module that it stands in (the prefix of its addresses) and its file."""

    module: str
    file: str
    block: Block


class _Module(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key", default="")
    folder: str = msgspec.field(name="Dir", default=".")


_decode_manifest: Final = msgspec.json.Decoder(list[_Module]).decode


class Snapshot:
    """All blocks of a configuration.

    ``files`` has the content of every source by module prefix (``module.net.``) and path.
    ``functions`` has the names of the functions that each file calls, ``unread`` the files
    that were not understood.
    """

    def __init__(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        self._resources: dict[str, list[SourceBlock]] = {}
        self._others: dict[str, list[SourceBlock]] = {}
        self._removed: dict[str, SourceBlock] = {}
        self.unread: list[str] = []
        self.functions: dict[str, frozenset[str]] = {}
        for module, sources in files.items():
            for path, data in sorted(sources.items(), key=lambda item: _overrides(item[0])):
                if path.endswith(_ENDINGS):
                    self._add(module, path, data)

    def _add(self, module: str, path: str, data: bytes) -> None:
        parsed = parse(path, data)
        self.functions[path] = parsed.functions
        if not parsed.whole:
            self.unread.append(path)
        for block in parsed.blocks:
            found = SourceBlock(module, path, block)
            if block.kind in ("resource", "data", "ephemeral") and len(block.labels) == 2:
                prefix = "" if block.kind == "resource" else f"{block.kind}."
                self._resources.setdefault(f"{module}{prefix}{'.'.join(block.labels)}", []).append(found)
            else:
                self._others.setdefault(block.kind, []).append(found)
            if block.kind == "removed":
                self._removed.setdefault(removed_address(module, block), found)

    def resource(self, address: str) -> list[SourceBlock]:
        """Return the blocks of a resource: one, or more where an override file adds to it."""
        return self._resources.get(address, [])

    def resources(self) -> Iterator[tuple[str, SourceBlock]]:
        """Yield every resource block, with its configuration address."""
        for address, found in self._resources.items():
            yield from ((address, item) for item in found)

    def of_kind(self, kind: str) -> list[SourceBlock]:
        """Return the outermost blocks of another type: ``variable``, ``module``, ``terraform``."""
        return self._others.get(kind, [])

    def configured(self, address: str) -> frozenset[str]:
        """Return the names of the attributes and blocks that a resource's blocks set, dynamic ones too."""
        names: set[str] = set()
        for found in self.resource(address):
            block = found.block
            names.update(block.attributes)
            names.update(inner.kind for inner in block.blocks if inner.kind not in _NO_ATTRIBUTES)
            names.update(label for inner in block.of_kind("dynamic") for label in inner.labels)
        return frozenset(names - _META)

    def lifecycle(self, address: str, name: str) -> Any:
        """Return a literal of a resource's ``lifecycle`` block; the last one that is written counts."""
        values = [inner.literal(name) for found in self.resource(address) for inner in found.block.of_kind("lifecycle")]
        return next((value for value in reversed(values) if value is not None), None)

    def place(self, address: str, attribute: str = "") -> Place | None:
        """Return where a resource stands, or the attribute or block of it where that is written.

        Modules, variables, outputs and providers have places, too, and files have their first line.
        What a ``removed`` block names stands there.
        """
        for found in self.resource(address):
            lines = [
                *(item.line for name, item in found.block.attributes.items() if name == attribute),
                *(inner.line for inner in found.block.blocks if attribute in (inner.kind, *inner.labels)),
            ]
            if attribute and lines:
                return Place(found.file, lines[0])
        first = next(iter(self.resource(address)), None) or self._other(address) or self._removed.get(address)
        if first is not None:
            return Place(first.file, first.block.line)
        return Place(address, 1) if address in self.functions else None

    def _other(self, address: str) -> SourceBlock | None:
        """Return the block of ``module.net.var.x`` and the like."""
        module, _, name = address.rpartition(".")
        prefix, _, word = module.rpartition(".")
        kind = {"var": "variable"}.get(word, word)
        inside = f"{prefix}." if prefix else ""
        found = (item for item in self.of_kind(kind) if item.module == inside and item.block.labels == (name,))
        return next(found, None)


def _overrides(path: str) -> bool:
    """Return whether a file is merged over the others (Terraform Language, "Override Files")."""
    stem = path.rpartition("/")[2].partition(".")[0]
    return stem == "override" or stem.endswith("_override")


def module_prefix(key: str) -> str:
    """Return the prefix of the addresses in a module, from its key in Terraform's manifest (``net.subnets``)."""
    return "".join(f"module.{name}." for name in key.split(".")) if key else ""


def from_members(members: Mapping[str, bytes]) -> Snapshot:
    """Return the snapshot in the ``tfconfig/`` members of a plan file; paths are as in the stack's folder."""
    folders = {module.key: module.folder for module in _manifest(members.get(MANIFEST, b"[]"))}
    files: dict[str, dict[str, bytes]] = {}
    for name, data in members.items():
        if match := _MEMBER.fullmatch(name):
            key, path = match.groups()
            folder = folders.get(key, ".").removeprefix("./").rstrip("/")
            shown = path if folder in ("", ".") else f"{folder}/{path}"
            files.setdefault(module_prefix(key), {})[shown] = data
    return Snapshot(files)


def _manifest(data: bytes) -> list[_Module]:
    try:
        return _decode_manifest(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []  # paths are then shown relative to their module
