"""What verifying a ledger finds, and an entry as it is shown: values, and nothing that reads."""

from __future__ import annotations

import msgspec

from iacgate.evidence.entry import Entry
from iacgate.gate import Decision


class Problem(msgspec.Struct, frozen=True):
    """Something that does not hold: in which chain and entry (0: none), at which key, and what."""

    stack: str
    sequence: int
    key: str
    what: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying found. ``heads`` has the newest entry of each chain: its number and digest.

    ``recorded`` is what somebody did to a chain, and what a repair in it names: it stays in sight, and fails nothing.
    ``loose`` is how many of the objects no entry that was read refers to.
    """

    genesis: str
    chains: int
    entries: int
    decisions: int
    objects: int
    heads: dict[str, tuple[int, str]]
    problems: tuple[Problem, ...]
    recorded: tuple[Problem, ...] = ()
    loose: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything does; a ledger without any entry proves nothing."""
        return not self.problems and self.entries > 0


class Shown(msgspec.Struct, frozen=True):
    """An entry of an export: its digest, its folder, its decision where it is one, and its files by what they are."""

    entry: Entry
    digest: str
    folder: str
    decision: Decision | None
    files: dict[str, str]
