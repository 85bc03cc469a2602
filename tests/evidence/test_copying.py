"""A copy has what counts, nothing is ever overwritten in it, and running it again adds what is new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from iacgate.errors import EvidenceInvalid
from iacgate.evidence import copying
from iacgate.evidence.copying import copy
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.layout import GENESIS, entry_key, evidence_key
from tests.support.ledgerlife import STACK, Life, verified
from tests.support.ledgers import ledger_in
from tests.support.memorystore import MemoryStore


def key(sequence: int) -> str:
    return entry_key(STACK, sequence)


def contents(store: MemoryStore) -> dict[str, bytes]:
    return {key: versions[0][1] for key, versions in store.versions.items()}


def test_a_copy_is_the_same_ledger_and_grows_with_it() -> None:
    life, target = Life().live(), MemoryStore()
    seen: list[tuple[int, int]] = []
    done = copy(life.store, target, lambda *step: seen.append(step))
    assert contents(target) == contents(life.store)
    assert (done.there, done.left) == (0, ())
    assert done.objects == len(target.versions) - 1 == seen[-1][0] == seen[-1][1]
    assert verified(target).holds
    again = copy(life.store, target)
    assert (again.objects, again.size, again.there) == (0, 0, done.objects)
    life.decide(life.inputs("ann"))
    assert copy(life.store, target).objects > 0
    assert contents(target) == contents(life.store)
    assert all(len(versions) == 1 for versions in target.versions.values())


def test_from_a_folder_and_back(tmp_path: Path) -> None:
    life = Life().live()
    folder = FolderStore(tmp_path / "copy", clock=lambda: life.store.instant, create=True)
    copy(life.store, folder)
    back = MemoryStore()
    copy(folder, back)
    assert contents(back) == contents(life.store)


def test_only_first_versions_travel_and_what_stays_is_named() -> None:
    life, target, gone = Life().live(), MemoryStore(), evidence_key("b" * 64)
    first = life.store.read(key(5), 10**6)
    life.store.overwrite(key(5), b"x")
    life.store.delete(key(4))
    life.store.delete(key(7))
    life.store.delete(gone)
    for name in ("other.txt", "log/elsewhere/1.json", f"log/stack-{STACK}=/x.json", "evidence/sha256/x"):
        life.store.create(name, b"junk")
    life.store.create(key(8), b"x" * 600_000)
    done = copy(life.store, target)
    assert target.read(key(5), 10**6) == first
    assert verified(target).holds
    assert [item.key for item in done.left if item.wrong] == [gone, key(7)]
    assert sorted((item.key, item.why.partition(" of 2")[0]) for item in done.left) == sorted(
        [
            (key(5), "a later version"),
            (key(4), "a marker"),
            (key(7), "a marker"),
            (key(7), "nothing is left of it but that it was deleted"),
            (gone, "a marker"),
            (gone, "nothing is left of it but that it was deleted"),
            (key(8), "too large to be an entry"),
            ("evidence/sha256/x", "no evidence has such a name or size"),
            ("log/elsewhere/1.json", "no ledger has such a key"),
            (f"log/stack-{STACK}=/x.json", "no ledger has such a key"),
            ("other.txt", "no ledger has such a key"),
        ]
    )


def test_what_a_repair_names_is_copied_so_that_the_copy_holds() -> None:
    life, target = Life().live(), MemoryStore()
    life.store.create(key(6), b"junk")
    life.decide(life.inputs("ann"))
    copy(life.store, target)
    assert target.read(key(6), 10) == b"junk"
    assert verified(target).holds


WRONG: dict[str, tuple[Callable[[MemoryStore, MemoryStore], object], str]] = {
    "evidence that was changed": (lambda source, _: source.replace(a_piece(source), b"x"), "not what its name says"),
    "another entry in the target": (lambda _, target: target.create(key(2), b"x"), "something else"),
    "an entry of the same size": (
        lambda source, target: target.create(key(2), b"x" * len(source.read(key(2), 10**6) or b"")),
        "",
    ),
}


def a_piece(store: MemoryStore) -> str:
    return next(key for key in store.versions if key.startswith("evidence/"))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_the_same_is_neither_copied_nor_overwritten(name: str) -> None:
    life, target = Life().live(), MemoryStore()
    change, why = WRONG[name]
    target.create(GENESIS, life.store.read(GENESIS, 10**6) or b"")
    change(life.store, target)
    before = contents(target)
    wrong = [item.why for item in copy(life.store, target).left if item.wrong]
    assert [why in item for item in wrong] == ([True] if why else [])
    assert before.items() <= contents(target).items()
    assert not verified(target).holds  # which is why a copy is verified


def test_nothing_of_two_ledgers_mixes() -> None:
    life, target = Life().live(), MemoryStore()
    with pytest.raises(EvidenceInvalid, match="no ledger"):
        copy(MemoryStore(), target)
    ledger_in(target, make=lambda: "6" * 32)
    with pytest.raises(EvidenceInvalid, match="another ledger"):
        copy(life.store, target)
    assert list(target.versions) == [GENESIS]
    odd = MemoryStore()
    odd.create("holiday.jpg", b"")
    with pytest.raises(EvidenceInvalid, match="files, but no ledger"):
        copy(life.store, odd)
    assert list(odd.versions) == ["holiday.jpg"]


def test_a_copy_that_was_interrupted_lacks_only_what_is_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    life, target = Life().live(), MemoryStore()
    monkeypatch.setattr(copying, "_AT_ONCE", 1)
    entries = 0

    def step(done: int, total: int) -> None:
        nonlocal entries
        entries = sum(name.startswith("log/") for name in target.versions)
        if entries == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(life.store, target, step)
    assert verified(target).holds
    monkeypatch.undo()
    copy(life.store, target)
    assert contents(target) == contents(life.store)


def test_what_travels_together_is_bounded() -> None:
    life = Life().live()
    items = [item for item in life.store.listing("") if item.key != GENESIS]
    assert [len(batch) for batch in copying._batches(items * 4)][:-1] == [32] * (len(items) * 4 // 32)
    large = [msgspec.structs.replace(items[0], size=40 << 20)] * 3
    assert [len(batch) for batch in copying._batches(large)] == [1, 1, 1]
    assert copying._unwanted(msgspec.structs.replace(items[0], key=evidence_key("1" * 64), size=3 << 30))


class Forgetful(MemoryStore):
    """Writes, and then loses the answer."""

    def create(self, key: str, data: bytes) -> bool:
        super().create(key, data)
        return False


def test_an_answer_that_is_lost_loses_nothing() -> None:
    life, target = Life().live(), Forgetful()
    done = copy(life.store, target)
    assert (done.left, contents(target)) == ((), contents(life.store))
