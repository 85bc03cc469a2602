"""A ledger copied from one store to another, object by object, in the same layout.

First versions only: they are the ones that count. The genesis comes first, so that nothing of two ledgers mixes; then
what entries refer to; then the entries, each chain's oldest first. So a copy that was interrupted lacks only what is
newest, and running it again adds that. Nothing in the target is ever replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.chain import slots
from iacgate.evidence.entry import MAX_ENTRY
from iacgate.evidence.layout import EVIDENCE, GENESIS, LOG, sequence_of, stack_of
from iacgate.evidence.ledger import MAX_GENESIS
from iacgate.evidence.store import MAX_OBJECT, Store, Stored, together

_AT_ONCE: Final = 32
_BYTES_AT_ONCE: Final = 64 << 20
"""Bytes in memory at the same time; one object that is larger travels by itself."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Left(msgspec.Struct, frozen=True):
    """Something that was not copied, and why. What is ``wrong`` is missing in the copy, or is something else there."""

    key: str
    why: str
    wrong: bool = False


class Copied(msgspec.Struct, frozen=True):
    """How many objects were copied, how many were there before, how many bytes, and what was left."""

    objects: int
    there: int
    size: int
    left: tuple[Left, ...]


def copy(source: Store, target: Store, step: Callable[[int, int], None] = lambda *_: None) -> Copied:
    """Copy a ledger; ``step`` is told how many objects are done, and how many there are.

    Raises :class:`EvidenceInvalid` where the source is no ledger, the target is another one or holds something else,
    or one of them does not answer.
    """
    listed = {item.key: item.size for item in target.listing("") if not item.marker}
    _copy_genesis(source, target, listed)
    waiting, left = _sorted_out(source.listing(""))
    missing = [item for item in waiting if item.key not in listed]
    left += [
        Left(item.key, "the target has something else", wrong=True)
        for item in waiting
        if listed.get(item.key, item.size) != item.size
    ]
    done, size = len(waiting) - len(missing), 0
    copied = 0
    for batch in _batches(missing):
        found = together([partial(_copy_one, source, target, item) for item in batch])
        left += [item for item in found if item]
        copied += found.count(None)
        size += sum(item.size for item, why in zip(batch, found, strict=True) if why is None)
        done += len(batch)
        step(done, len(waiting))
    return Copied(copied, len(waiting) - len(missing), size, tuple(left))


def _copy_genesis(source: Store, target: Store, listed: dict[str, int]) -> None:
    """Copy how the ledger begins, or find it there."""
    data = source.read(GENESIS, MAX_GENESIS)
    if data is None:
        raise EvidenceInvalid(f"{source.name}: no ledger.", hint="Name the ledger that the gate uses.")
    if GENESIS not in listed and listed:
        raise EvidenceInvalid(f"{target.name}: files, but no ledger.", hint="Name an empty place, or an earlier copy.")
    if not target.create(GENESIS, data) and target.read(GENESIS, MAX_GENESIS) != data:
        raise EvidenceInvalid(f"{target.name}: another ledger.", hint="Name an empty place, or an earlier copy.")


def _sorted_out(listed: Sequence[Stored]) -> tuple[list[Stored], list[Left]]:
    """Return what is copied, in that order, and what is not."""
    evidence: list[Stored] = []
    entries: list[Stored] = []
    left: list[Left] = []
    for slot in slots(listed, ""):
        left += [Left(slot.key, _what(item)) for item in slot.later]
        why = _unwanted(slot.first or slot.later[0])
        if why:
            left.append(Left(slot.key, why))
        elif slot.first is None:
            left.append(Left(slot.key, "nothing is left of it but that it was deleted", wrong=True))
        elif slot.key != GENESIS:
            (entries if slot.key.startswith(LOG) else evidence).append(slot.first)
    return [*evidence, *sorted(entries, key=_place)], left


def _place(item: Stored) -> tuple[str, int]:
    """Return what orders entries: the ledger's own chain first, the oldest of each first."""
    stack = stack_of(item.key) or ""
    return stack, sequence_of(item.key, stack) or 0


def _what(item: Stored) -> str:
    return f"{'a marker' if item.marker else 'a later version'} of {item.modified}"


def _unwanted(item: Stored) -> str:
    """Return why an object is none of a ledger; empty where it is one."""
    if item.key == GENESIS:
        return ""
    if item.key.startswith(EVIDENCE):
        named = _DIGEST.fullmatch(item.key.removeprefix(EVIDENCE))
        return "" if named and item.size <= MAX_OBJECT else "no evidence has such a name or size"
    stack = stack_of(item.key) if item.key.startswith(LOG) else None
    if stack is None or sequence_of(item.key, stack) is None:
        return "no ledger has such a key"
    return "" if item.size <= 2 * MAX_ENTRY else "too large to be an entry"


def _batches(items: Sequence[Stored]) -> Iterator[list[Stored]]:
    batch: list[Stored] = []
    size = 0
    for item in items:
        if batch and (len(batch) == _AT_ONCE or size + item.size > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


def _copy_one(source: Store, target: Store, item: Stored) -> Left | None:
    """Copy one object; return why not."""
    data = source.read(item.key, item.size, item.version)
    if data is None or len(data) != item.size:
        return Left(item.key, "it changed while it was read", wrong=True)
    if item.key.startswith(EVIDENCE) and canonical.digest(data) != item.key.removeprefix(EVIDENCE):
        return Left(item.key, "it is not what its name says", wrong=True)
    if not target.create(item.key, data) and target.read(item.key, item.size) != data:
        return Left(item.key, "the target has something else", wrong=True)
    return None
