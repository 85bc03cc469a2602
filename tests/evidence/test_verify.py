"""Everything that somebody does to a ledger is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.entry import State
from iacgate.evidence.gatekeys import ENTRY
from iacgate.evidence.layout import GENESIS, entry_key, evidence_key
from iacgate.evidence.ledger import Draft, Ledger, Piece
from iacgate.evidence.store import Stored
from iacgate.render.decision import as_json
from tests.support.approvals import withdrawal
from tests.support.ledgerlife import SETTINGS, STACK, Life, verified
from tests.support.ledgers import SoftGate
from tests.support.memorystore import MemoryStore


@cache
def lived() -> dict[str, Any]:
    return Life().live().store.versions


@pytest.fixture
def store() -> MemoryStore:
    """The store of a ledger that has lived."""
    found = MemoryStore()
    found.versions = {key: list(versions) for key, versions in lived().items()}
    return found


def whats(store: MemoryStore, **wanted: Any) -> list[str]:
    return [problem.what for problem in verified(store, **wanted).problems]


def test_a_ledger_that_nobody_touched_holds(store: MemoryStore) -> None:
    report = verified(store)
    assert report.problems == ()
    assert report.holds
    assert (report.chains, report.entries, report.decisions) == (2, 6, 3)
    assert report.heads[STACK][0] == 5


def test_an_empty_ledger_proves_nothing() -> None:
    life = Life()
    assert not verified(life.store).holds


def key(sequence: int) -> str:
    return entry_key(STACK, sequence)


def reference(store: MemoryStore, sequence: int, name: str) -> str:
    opened = Ledger(store).keys.open(store.read(key(sequence), 10**6) or b"", "x")
    return evidence_key(opened.entry.references[name].digest)


@pytest.mark.parametrize("which", sorted(lived()))
@pytest.mark.parametrize("how", ["destroyed", "deleted", "overwritten", "changed", "cut", "longer", "empty"])
def test_whatever_is_done_to_whatever_object_is_found(store: MemoryStore, which: str, how: str) -> None:
    data = store.read(which, 10**7) or b""
    ways: dict[str, Callable[[], None]] = {
        "destroyed": lambda: store.destroy(which),
        "deleted": lambda: store.delete(which),
        "overwritten": lambda: store.overwrite(which, data),
        "changed": lambda: store.replace(which, data[:-3] + b"~" + data[-2:]),
        "cut": lambda: store.replace(which, data[: len(data) // 2]),
        "longer": lambda: store.replace(which, data + b" "),
        "empty": lambda: store.replace(which, b""),
    }
    ways[how]()
    if which == GENESIS:
        with pytest.raises(EvidenceInvalid):
            verified(store)
        return
    if how == "destroyed" and which == key(5):
        return  # the end of a chain that is cut off: only a checkpoint shows that, see test_checkpoint
    if how == "destroyed" and which == entry_key("", 1):
        assert any("has not seen version 1" in what for what in whats(store))
        return
    assert not verified(store).holds


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_bit_of_any_object_verifies(data: st.DataObject) -> None:
    store = MemoryStore()
    store.versions = {name: list(versions) for name, versions in lived().items()}
    which = data.draw(st.sampled_from(sorted(name for name in store.versions if name != GENESIS)))
    text = bytearray(store.read(which, 10**7) or b"")
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    text[bit // 8] ^= 1 << bit % 8
    store.replace(which, bytes(text))
    assert not verified(store).holds


def test_entries_that_change_places_are_found(store: MemoryStore) -> None:
    first, second = store.versions[key(1)], store.versions[key(2)]
    store.versions[key(1)], store.versions[key(2)] = second, first
    assert "entry 1, which came before it, is not there" in whats(store)


STRANGE = (
    "other.txt",
    "log/elsewhere/1.json",
    "log/stack-payments=/x.json",
    "log/stack-\udcff=/0000000001.json",
    "evidence/sha256/notadigest",
    "evidence/sha256/a/b",
    "evidence/sha256/" + "A" * 64,
    "evidence/sha256/" + "a" * 64 + "/b",
)


def test_a_key_that_no_ledger_has_is_found(store: MemoryStore) -> None:
    objects = verified(store).objects
    for name in STRANGE:
        store.versions[name] = [(Stored(name, "1", 0, store.instant), b"")]
    report = verified(store)
    assert {problem.key for problem in report.problems} == set(STRANGE)
    assert report.objects == objects


def test_what_no_entry_refers_to_is_counted_and_fails_nothing(store: MemoryStore) -> None:
    assert verified(store).loose == 0
    assert verified(store, since="2099-01-01T00:00:00Z").loose == 0
    store.create(evidence_key("a" * 64), b"whatever")
    report = verified(store)
    assert (report.loose, report.holds) == (1, True)


def test_what_nothing_keeps_is_found(store: MemoryStore) -> None:
    store.bare = {key(2)}
    assert whats(store) == ["nothing keeps it from being removed"]


def test_junk_that_a_repair_names_is_no_finding() -> None:
    life = Life().live()
    life.store.create(key(6), b"junk")
    assert any("No repair says so" in what for what in whats(life.store))
    life.decide(life.inputs("ann"))
    assert verified(life.store).holds
    life.store.replace(key(6), b"other")  # the repair says what stood there
    assert not verified(life.store).holds


def test_one_stack_is_verified_by_itself(store: MemoryStore) -> None:
    assert verified(store, stack=STACK).entries == 6
    assert whats(store, stack="nobody") == ["there is no chain of this stack"]
    assert not verified(store, stack="nobody").holds


def test_what_came_before_an_instant_is_only_linked(store: MemoryStore) -> None:
    store.destroy(reference(store, 1, "decision"))
    assert not verified(store).holds
    assert verified(store, since="2026-12-01T00:00:00Z").holds
    assert verified(store, since="2026-12-01T00:00:00Z").decisions == 0


def forged(life: Life, **more: Any) -> None:
    """Append an entry as a gate that was taken over would: sealed with its key, and not what follows."""
    head = life.ledger.look(STACK).head.newest
    assert head is not None
    said = {"sequence": head.entry.sequence + 1, "previous": head.digest, "event": "decided", "references": {}, **more}
    entry = msgspec.structs.replace(head.entry, **said)
    life.store.create(key(entry.sequence), SoftGate().sign(canonical.canonical_json(entry), ENTRY))


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "it forgets everything": ({"state": State()}, "it forgets which approvals were used up"),
    "an apply that nobody allowed": ({"event": "intended", "details": {"decision": 2}}, "no decision before it"),
    "an apply that nobody began": ({"event": "applied"}, "it ends an apply that nobody began"),
    "a decision without inputs": ({}, "cannot be made again"),
    "a settings version that was never seen": (
        {"settings": msgspec.structs.replace(SETTINGS, version=2)},
        "has not seen version 2",
    ),
    "an earlier time": ({"time": "2026-11-22T12:00:00Z"}, "claims to be older"),
    "another predecessor": ({"previous": "0" * 64}, "does not follow"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_gate_that_lies_is_found(name: str) -> None:
    life, (more, why) = Life().live(), FORGED[name]
    forged(life, **more)
    assert any(why in what for what in whats(life.store)), whats(life.store)


def test_a_decision_that_was_not_the_decision_is_found() -> None:
    life = Life()
    life.settings()
    given_inputs = life.inputs("ann")
    _, denied = life.decide(given_inputs)
    allowed = msgspec.structs.replace(denied, allowed=True, blocks=False, reasons=())
    life.decide(given_inputs, pieces={"decision": Piece(as_json(allowed))})
    assert whats(life.store) == ["its decision, made again, is another one"]


def test_an_outcome_that_is_not_the_decisions_is_found() -> None:
    life = Life()
    life.settings()
    denied, _ = life.decide(life.inputs("ann"), details={"allowed": True, "exitCode": 0})
    life.intend(denied)
    assert whats(life.store) == ["it says another outcome than its decision"]


def test_a_decision_that_did_not_see_a_rejection_does_not_end_it() -> None:
    life = Life().live()
    stood = life.ledger.look(STACK).state.rejections
    life.decide(life.inputs("ann"))  # as where two gates decide at the same time
    assert life.ledger.look(STACK).state.rejections == stood
    assert verified(life.store).holds
    life.decide(life.inputs("ann"), advance=lambda state, *_: msgspec.structs.replace(state, rejections=()))
    assert whats(life.store) == ["it forgets a rejection that its decision does not answer"]


def test_a_rejection_ends_by_its_signers_withdrawal() -> None:
    life = Life().live()
    said = {"bundle": SETTINGS.digest, "ledger": life.ledger.genesis}
    (rejection,) = life.inputs(rejecting="bob").received
    back = withdrawal("bob", rejection, **said)
    life.decide(msgspec.structs.replace(life.inputs(), received=(rejection, back)))
    assert life.ledger.look(STACK).state.rejections == ()
    assert verified(life.store).holds


def test_a_decision_that_was_made_at_another_time_is_found() -> None:
    life = Life()
    life.settings()
    life.decide(msgspec.structs.replace(life.inputs("ann"), now="2026-11-23T11:40:00Z"))
    assert whats(life.store) == ["its decision was made at 2026-11-23T11:40:00Z, and it is of 2026-11-23T12:00:00Z"]


def test_a_rejection_cannot_be_forgotten() -> None:
    life = Life().live()
    assert [item.change for item in life.ledger.look(STACK).state.rejections] == ["chg-1"]
    life.ledger.append(
        Draft(event="bypassed", stack=STACK, advance=lambda state, *_: msgspec.structs.replace(state, rejections=()))
    )
    assert "it forgets that somebody rejects a change" in whats(life.store)
