"""After somebody tampered with a chain, a repair records it: the gate works again, and it stays in sight."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.chain import MAX_JUNK
from iacgate.evidence.entry import Actor, State
from iacgate.evidence.gatekeys import ENTRY
from iacgate.evidence.layout import entry_key, evidence_key
from iacgate.evidence.ledger import Receipt
from iacgate.evidence.repair import look_at, repair
from tests.support.ledgerlife import STACK, Life, verified
from tests.support.ledgers import SoftGate, draft
from tests.support.memorystore import MemoryStore


def key(sequence: int) -> str:
    return entry_key(STACK, sequence)


def sealed_by_a_stranger(life: Life) -> None:
    newest = life.ledger.look(STACK).head.newest
    assert newest is not None
    forged = msgspec.structs.replace(newest.entry, sequence=6, previous=newest.digest, state=State())
    life.store.create(key(6), SoftGate("stranger").sign(canonical.canonical_json(forged), ENTRY))


def junk_at_the_end(life: Life) -> None:
    for number in range(1, 4):  # below all numbers, so that no gate skips it
        life.store.create(f"log/stack-{STACK}=/{'z' * number}.json", b"junk")


TAMPERING: dict[str, tuple[Callable[[Life], None], list[str]]] = {
    "the newest is deleted": (lambda life: life.store.delete(key(5)), [f"{key(5)}@"]),
    "an old one is deleted": (lambda life: life.store.delete(key(1)), [f"{key(1)}@"]),
    "the newest is written again": (lambda life: life.store.overwrite(key(5), b"x"), [f"{key(5)}@"]),
    "the same is written again": (
        lambda life: life.store.overwrite(key(3), life.store.read(key(3), 10**6) or b""),
        [f"{key(3)}@"],
    ),
    "deleted and written again": (
        lambda life: [life.store.delete(key(2)), life.store.overwrite(key(2), b"x")].clear(),  # type: ignore[func-returns-value] # both are called
        [f"{key(2)}@", f"{key(2)}@"],
    ),
    "a marker where nothing was": (lambda life: life.store.delete(key(6)), [key(6), f"{key(6)}@"]),
    "a stranger's entry": (sealed_by_a_stranger, [key(6)]),
    "keys without numbers": (junk_at_the_end, [f"log/stack-{STACK}=/{'z' * number}.json" for number in (1, 2, 3)]),
}


def repaired(life: Life) -> Receipt:
    damage = look_at(life.ledger, STACK)
    return repair(life.ledger, damage, "a drill", Actor("ann"), {"iacgate": "1"})


@pytest.mark.parametrize("name", TAMPERING)
def test_after_a_repair_the_gate_works_again_and_what_happened_stays_in_sight(name: str) -> None:
    life, (tamper, names) = Life().live(), TAMPERING[name]
    tamper(life)
    assert not verified(life.store).holds
    receipt = repaired(life)
    assert receipt.entry.event == "repaired"
    assert receipt.entry.details == {"keys": len(names), "reason": "a drill"}
    skipped = receipt.entry.state.skipped
    assert sorted(item.partition("@")[0] + "@" * ("@" in item) for item in skipped) == sorted(names)
    life.decide(life.inputs("ann"))
    report = verified(life.store)
    assert report.problems == ()
    assert report.holds
    assert {problem.key for problem in report.recorded} == {item.partition("@")[0] for item in names}
    assert {problem.sequence for problem in report.recorded} == {receipt.entry.sequence}
    assert look_at(life.ledger, STACK).harms == ()


def test_a_repair_says_what_each_of_them_holds() -> None:
    life = Life().live()
    life.store.overwrite(key(5), b"x")
    life.store.delete(key(5))
    life.store.delete(key(6))
    digests = repaired(life).entry.state.skipped
    assert sorted(digests.values()) == sorted(["", "", canonical.digest(b"x"), canonical.digest(b"")])
    assert digests[key(6)] == canonical.digest(b"")


def test_what_happens_after_a_repair_is_found_again() -> None:
    life = Life().live()
    life.store.delete(key(5))
    repaired(life)
    life.store.delete(key(5))
    with pytest.raises(EvidenceInvalid, match="overwritten, or deleted"):
        life.ledger.look(STACK)
    assert not verified(life.store).holds
    repaired(life)
    assert verified(life.store).holds
    assert len(verified(life.store).recorded) == 2


def test_below_a_marker_that_is_recorded_the_gate_still_looks() -> None:
    life = Life().live()
    life.store.delete(key(6))
    repaired(life)
    life.store.delete(key(5))
    with pytest.raises(EvidenceInvalid, match="overwritten, or deleted"):
        life.ledger.look(STACK)


def test_a_chain_that_is_whole_needs_no_repair() -> None:
    assert look_at(Life().live().ledger, STACK).harms == ()


@pytest.mark.parametrize(
    "tamper",
    [
        lambda store: store.destroy(key(2)),
        lambda store: store.replace(key(2), b"x"),
        lambda store: store.replace(key(2), store.read(key(1), 10**6) or b""),
    ],
)
def test_what_was_lost_no_repair_brings_back(tamper: Callable[[MemoryStore], None]) -> None:
    life = Life().live()
    tamper(life.store)
    with pytest.raises(EvidenceInvalid, match="no repair mends that"):
        look_at(life.ledger, STACK)


def test_what_a_repair_named_cannot_become_something_else() -> None:
    life = Life().live()
    life.store.create(key(6), b"junk")
    life.decide(life.inputs("ann"))
    life.store.replace(key(6), b"other")
    with pytest.raises(EvidenceInvalid, match="earlier repair"):
        look_at(life.ledger, STACK)


def test_there_is_a_chain_or_there_is_nothing_to_repair() -> None:
    with pytest.raises(EvidenceInvalid, match="there is none"):
        look_at(Life().live().ledger, "nobody")


def test_more_than_a_chain_can_carry_is_not_named() -> None:
    life = Life().live()
    for _ in range(MAX_JUNK + 1):
        life.store.delete(key(5))
    with pytest.raises(EvidenceInvalid, match="at most can be named"):
        repaired(life)
    assert life.store.read(key(6), 10**6) is None


def test_a_repair_of_the_ledgers_own_chain() -> None:
    life = Life().live()
    life.store.delete(entry_key("", 1))
    repair(life.ledger, look_at(life.ledger, ""), "a drill", Actor(), {})
    life.ledger.append(draft(stack="", event="bypassed"))
    report = verified(life.store)
    assert report.holds
    assert [problem.what[:14] for problem in report.recorded] == ["it was deleted"]
    assert look_at(life.ledger, "").harms == ()


def test_a_repair_of_one_chain_excuses_nothing_in_another() -> None:
    life = Life().live()
    life.store.delete(entry_key("", 1))
    damage = look_at(life.ledger, "")
    head = look_at(life.ledger, STACK).head
    repair(life.ledger, msgspec.structs.replace(damage, stack=STACK, head=head), "a trick", Actor(), {})
    assert not verified(life.store).holds


def touched(life: Life) -> str:
    """Return the key of a decision that was written over, and then deleted."""
    opened = life.ledger.look(STACK).head.newest
    assert opened is not None
    found = evidence_key(opened.entry.references["decision"].digest)
    life.store.overwrite(found, b"x")
    life.store.delete(found)
    return found


def test_evidence_that_was_written_over_or_deleted_is_read_nevertheless_and_recorded() -> None:
    life = Life().live()
    found = touched(life)
    assert {(problem.key, problem.sequence) for problem in verified(life.store).problems} == {(found, 0)}
    repair(life.ledger, look_at(life.ledger, ""), "a drill", Actor(), {})
    report = verified(life.store)
    assert report.problems == ()
    assert [(problem.key, problem.sequence) for problem in report.recorded] == [(found, 2)] * 2
    life.store.delete(found)
    assert not verified(life.store).holds


def test_evidence_that_something_larger_was_written_over_is_read_nevertheless() -> None:
    life = Life().live()
    opened = life.ledger.look(STACK).head.newest
    assert opened is not None
    reference = opened.entry.references["decision"]
    before = life.ledger.evidence(reference.digest, reference.size)
    life.store.overwrite(evidence_key(reference.digest), b"x" * (reference.size + 1))
    assert life.ledger.evidence(reference.digest, reference.size) == before
    life.store.replace(evidence_key(reference.digest), b"y")
    with pytest.raises(EvidenceInvalid, match="too large"):
        life.ledger.evidence(reference.digest, reference.size)


def test_evidence_that_is_lost_is_not_excused() -> None:
    life = Life().live()
    found = touched(life)
    life.store.replace(found, b"y")
    assert look_at(life.ledger, "").harms == ()
    assert any(
        "something else" in problem.what or "not there" in problem.what for problem in verified(life.store).problems
    )


def test_no_stack_excuses_what_was_done_to_evidence() -> None:
    life = Life().live()
    touched(life)
    damage = msgspec.structs.replace(look_at(life.ledger, STACK), harms=look_at(life.ledger, "").harms)
    repair(life.ledger, damage, "a trick", Actor(), {})
    assert not verified(life.store).holds
