"""The overlay as it is rehearsed: blocks beside the previous configuration that mend what it alone would do.

There are three kinds (Terraform Language, "Refactor modules", "Removed blocks", "Import"), and nothing else may be in
it: an overlay that configures anything would rehearse another way back than the previous configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate import canonical
from iacgate.errors import UsageInvalid
from iacgate.plan.source.hcl import Block, parse, syntax

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_FILES: Final = 100
_ADDRESSES: Final = {"moved": "from", "removed": "from", "import": "to"}
_KEYS: Final = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
_BLANKS: Final = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')


class Overlay(msgspec.Struct, frozen=True):
    """The addresses in an overlay, and its files as they are rehearsed.

    ``imports`` are rehearsed where reading is allowed; else their blocks are left out of ``files``, and they are in
    ``left_out``.
    """

    files: dict[str, bytes] = {}
    moves: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sha256: str = ""

    def moves_back(self, address: str, previous: str) -> bool:
        """Return whether an object is moved from an address to its previous one."""
        return any(_moved(address, begin, to) == previous for begin, to in self.moves)

    def forgets(self, address: str) -> bool:
        """Return whether an object leaves the state and stays."""
        bare = _KEYS.sub("", address)
        return any(f"{bare}.".startswith(f"{place}.") for place in self.removed)

    def takes_in(self, address: str) -> bool:
        """Return whether an object is imported."""
        return address in self.imports


def read_overlay(files: Mapping[str, bytes], *, allow_reads: bool) -> Overlay:
    """Return what the files of an overlay say.

    ``allow_reads`` says that blocks are kept for which a provider reads an object: imports.

    Raises :class:`UsageInvalid` where there are none or too many, or where one has anything but ``moved``,
    ``removed`` and ``import`` blocks with plain addresses.
    """
    if not files:
        raise UsageInvalid(
            "The overlay has no file that ends in .tf.",
            hint="Name the folder that `iacgate rollback plan` wrote; where it has no overlay.tf, none is needed.",
        )
    if len(files) > MAX_FILES:
        raise UsageInvalid(
            f"The overlay has {len(files)} files that end in .tf.", hint="Name what `iacgate rollback plan` wrote."
        )
    found: dict[str, list[Block]] = {kind: [] for kind in _ADDRESSES}
    kept: dict[str, bytes] = {}
    for name, data in sorted(files.items()):
        parsed = parse(name, data)
        if not parsed.whole or not name.endswith(".tf") or any(block.kind not in _ADDRESSES for block in parsed.blocks):
            raise _odd(name)
        for block in parsed.blocks:
            found[block.kind].append(block)
        kept[name] = data if allow_reads else _without_imports(data)
    imports = tuple(_address(block, "to") for block in found["import"])
    return Overlay(
        files=kept,
        moves=tuple((_address(block, "from"), _address(block, "to")) for block in found["moved"]),
        removed=tuple(_KEYS.sub("", _address(block, "from")) for block in found["removed"]),
        imports=imports if allow_reads else (),
        left_out=() if allow_reads else imports,
        sha256=digest_of(files),
    )


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of the names and digests of the files."""
    return canonical.digest_named({name: canonical.digest(data) for name, data in files.items()})


def _address(block: Block, name: str) -> str:
    found = block.attributes.get(name)
    if found is None or not found.reference:
        raise _odd(f"line {block.line}")
    return _BLANKS.sub(lambda match: match[1] or "", found.reference)


def _moved(address: str, begin: str, to: str) -> str:
    """Return where ``moved`` brings an address; it can name an instance, a resource or a module."""
    rest = address.removeprefix(begin)
    return to + rest if address.startswith(begin) and (not rest or rest[0] in "[.") else ""


def _without_imports(data: bytes) -> bytes:
    kept, at = [], 0
    for node in _import_blocks(syntax(data)):
        kept.append(data[at : node.start_byte])
        at = node.end_byte
    return b"".join([*kept, data[at:]])


def _import_blocks(root: Node) -> Iterator[Node]:
    for body in root.children:
        for node in body.children if body.type == "body" else ():
            if node.type == "block" and node.children and node.children[0].text == b"import":
                yield node


def _odd(where: str) -> UsageInvalid:
    return UsageInvalid(
        f"The overlay ({ascii(where)}) has something else than moved, removed and import blocks with plain addresses.",
        hint="Name the folder that `iacgate rollback plan` wrote, unchanged.",
    )
