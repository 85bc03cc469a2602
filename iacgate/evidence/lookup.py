"""Finding entries: all of them, the newest first, or those that a name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.entry import OWN_LABEL
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import Found, NoEntry, chain_of, chains_in, read_chain
from iacgate.evidence.layout import LOG
from iacgate.evidence.ledger import Ledger

_DIGITS: Final = 10
"""So many has the largest number of an entry."""

_HINT: Final = "`iacgate evidence list` shows what there is: STACK/NUMBER, an entry's digest, or a change."


def stack_named(name: str) -> str:
    """Return the stack that people mean: ``@ledger`` is the ledger's own chain."""
    return "" if name == OWN_LABEL else name


def newest_first(ledger: Ledger, stack: str | None, since: str = "") -> Iterator[Found]:
    """Yield what the keys of one chain (``None``: of each) hold, each chain's newest first.

    A chain ends at the first entry that is older than ``since``. Raises :class:`EvidenceInvalid` where the store does
    not answer.
    """
    chains = chains_in(ledger.store.listing(LOG)) if stack is None else {stack: chain_of(ledger, stack)}
    for name, chain in chains.items():
        for slot, found in read_chain(ledger, name, chain[::-1]):
            if not isinstance(found, NoEntry) and found.entry.time < since:
                break
            yield slot, found


def of_change(ledger: Ledger, change: str, stack: str | None = None) -> list[Opened]:
    """Return the entries about a change, by stack, the oldest first.

    Raises :class:`UsageInvalid` where there is none.
    """
    return _some(ledger, stack, lambda item: item.entry.change == change, change)


def named(ledger: Ledger, name: str) -> list[Opened]:
    """Return the entries that ``STACK/NUMBER``, a digest or a change stands for, by stack, the oldest first.

    Raises :class:`UsageInvalid` where nothing is called so, :class:`EvidenceInvalid` where what is there is no entry.
    """
    stack, _, number = name.rpartition("/")
    if stack and number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        return [_numbered(ledger, stack_named(stack), int(number), name)]
    return _some(ledger, None, lambda item: name in (item.digest, item.entry.change), name)


def _numbered(ledger: Ledger, stack: str, number: int, name: str) -> Opened:
    chain = [slot for slot in chain_of(ledger, stack) if slot.sequence == number]
    for _, found in read_chain(ledger, stack, chain):
        if isinstance(found, NoEntry):
            raise EvidenceInvalid(found.why, hint="`iacgate evidence verify` looks at everything.")
        return found
    raise UsageInvalid(f"{name}: there is no such entry.", hint=_HINT)


def _some(ledger: Ledger, stack: str | None, wanted: Callable[[Opened], bool], name: str) -> list[Opened]:
    """Return the entries that are wanted; an empty name is nobody's."""
    read = newest_first(ledger, stack) if name else ()
    found = [item for _, item in read if not isinstance(item, NoEntry) and wanted(item)]
    if not found:
        raise UsageInvalid(f"{name}: no entry is about that.", hint=_HINT)
    return sorted(found, key=lambda item: (item.entry.stack, item.entry.sequence))
