"""The files of an export: made from a ledger, and held against what the ledger inside an export gives again.

Nobody signed the files for people, nor the marker. They need not be believed: the same entries give the same bytes, in
the same version of iacgate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from iacgate import __version__
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.excerpt import LEDGER, MARKER, Export, as_stored, described, folders, marker, read_piece, readable
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import NoEntry
from iacgate.evidence.layout import chain_prefix
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import newest_first
from iacgate.evidence.report import Problem, Shown
from iacgate.render.exportpage import page
from iacgate.shell.stores import open_store

PAGE: Final = "index.html"


class Looked(msgspec.Struct, frozen=True):
    """What is wrong with an export beside its entries, and what was not looked at, in sentences."""

    problems: tuple[Problem, ...]
    unproven: tuple[str, ...] = ()


def files(ledger: Ledger, said: Export, found: Sequence[Opened]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an export of some entries by their paths, one at a time.

    Raises :class:`EvidenceInvalid` where something that belongs to it is not there, or is not what it was.
    """
    yield from _for_programs(ledger, said, found)
    shown: list[tuple[Opened, Shown]] = []
    for opened, folder in zip(found, folders(found), strict=True):
        one, contents = readable(ledger, opened, folder)
        shown.append((opened, one))
        yield from (
            (path, data if isinstance(data, bytes) else read_piece(ledger, data))
            for path, data in sorted(contents.items())
        )
    shown.sort(key=lambda item: item[0].entry.time)  # of one instant, by stack and number
    yield PAGE, page(said.name, ledger.genesis, said.change, shown)


def _for_programs(ledger: Ledger, said: Export, found: Sequence[Opened]) -> Iterator[tuple[str, bytes]]:
    yield MARKER, marker(described(ledger, said.name, said.change, found, said.tool))
    yield from as_stored(ledger, found)


def look_at(folder: Path, said: Export, ledger: Ledger, *, holds: bool) -> Looked:
    """Return what is wrong with an export beside its entries; ``holds`` says that these do.

    ``ledger`` is the one inside, which knows all gates by now. Raises :class:`EvidenceInvalid` where the folder holds
    what is no file.
    """
    found: list[Opened] = []
    problems = list(_named(ledger, said, found))
    if problems or not holds:
        return Looked(tuple(problems), ("The files for people were not looked at: the entries do not hold.",))
    found.sort(key=lambda item: (item.entry.stack, item.entry.sequence))
    try:
        problems = list(_differences(folder, said, ledger, found))
    except EvidenceInvalid as error:
        problems = [Problem("", 0, "", f"its files cannot be made again: {error.message}")]
    return Looked(tuple(problems), tuple(_not_compared(said)))


def _named(ledger: Ledger, said: Export, found: list[Opened]) -> Iterator[Problem]:
    """Yield where the marker does not say what is there; what it names and is there is added to ``found``."""
    if said.ledger != ledger.genesis:
        yield Problem("", 0, MARKER, "it is of another ledger")
    missing = set(said.entries)
    for slot, item in newest_first(ledger, None):
        if slot.key in missing and not isinstance(item, NoEntry):
            missing.remove(slot.key)
            found.append(item)
            if item.entry.change != said.change:
                yield Problem(
                    item.entry.stack, item.entry.sequence, slot.key, "it is about another change than the export"
                )
        elif not slot.key.startswith(chain_prefix("")):  # all of the ledger's own chain is there
            yield Problem("", 0, slot.key, "the export does not name it")
    yield from (Problem("", 0, key, "the export names it, and it is missing") for key in sorted(missing))


def _differences(folder: Path, said: Export, ledger: Ledger, found: Sequence[Opened]) -> Iterator[Problem]:
    """Yield which files are not those that the entries give."""
    store = open_store(str(folder))
    there = {item.key: item.size for item in store.listing("") if _is_compared(item.key, said)}
    wanted = files(ledger, said, found) if _is_ours(said) else _for_programs(ledger, said, found)
    for name, data in wanted:
        size = there.pop(name, None)
        if size is None:
            yield Problem("", 0, name, "it is missing")
        elif size != len(data) or store.read(name, size) != data:
            yield Problem("", 0, name, "it is not what the entries give")
    yield from (Problem("", 0, name, "no entry gives such a file") for name in there)


def _is_ours(said: Export) -> bool:
    """Return whether this version made it: another one may write a page otherwise."""
    return said.tool == __version__


def _is_compared(name: str, said: Export) -> bool:
    return _is_ours(said) or name == MARKER or name.startswith(f"{LEDGER}/")


def _not_compared(said: Export) -> Iterator[str]:
    if not _is_ours(said):
        yield (
            f"The files for people, which is all that is not below {LEDGER}/, were not looked at: {MARKER} says that "
            f"iacgate {said.tool} made them, and this is {__version__}."
        )
