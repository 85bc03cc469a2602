"""A chain that was changed, cut, mixed or set back is noticed; appending at the same time leaves no gap."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.entry import Applied, State
from iacgate.evidence.gatekeys import ENTRY
from iacgate.evidence.layout import entry_key, evidence_key, sequence_of, stack_of
from iacgate.evidence.ledger import MAX_SKEW, Ledger, Piece, pruned
from iacgate.people.roster import Roster, read_roster
from tests.support.ledgers import SoftGate, draft, ledger_in
from tests.support.memorystore import MemoryStore
from tests.support.sshkeys import SoftKey

STACK = "payments"


def filled(count: int) -> tuple[MemoryStore, Ledger]:
    store = MemoryStore()
    ledger = ledger_in(store)
    for number in range(count):
        ledger.append(draft(change=f"chg-{number}"))
    return store, ledger


def key(sequence: int) -> str:
    return entry_key(STACK, sequence)


def test_a_chain_grows_and_its_head_is_the_newest_entry() -> None:
    store, ledger = filled(3)
    newest = ledger.look(STACK).head.newest
    assert newest is not None
    assert (newest.entry.sequence, newest.entry.change) == (3, "chg-2")
    assert newest.entry.previous == canonical.digest(store.read(key(2), 10**6) or b"")
    first = ledger.keys.open(store.read(key(1), 10**6) or b"", "x")
    assert first.entry.previous == ledger.genesis


def test_a_chain_of_another_stack_is_another_chain() -> None:
    _, ledger = filled(2)
    assert ledger.look("billing").head.newest is None
    assert ledger.append(draft(stack="billing")).entry.sequence == 1


def test_what_an_entry_refers_to_stands_beside_it() -> None:
    store, ledger = filled(0)
    receipt = ledger.append(draft(pieces={"decision": Piece(b"{}"), "log": Piece(b"hello\n", "text/plain")}))
    reference = receipt.entry.references["log"]
    assert (reference.media_type, reference.size) == ("text/plain", 6)
    assert ledger.evidence(reference.digest, 100) == b"hello\n"
    store.replace(evidence_key(reference.digest), b"hullo\n")
    with pytest.raises(EvidenceInvalid, match="something else"):
        ledger.evidence(reference.digest, 100)
    store.destroy(evidence_key(reference.digest))
    with pytest.raises(EvidenceInvalid, match="not there"):
        ledger.evidence(reference.digest, 100)


def test_evidence_that_is_not_what_its_name_says_stops_an_append() -> None:
    store, ledger = filled(0)
    store.create(evidence_key(canonical.digest(b"{}")), b"[]")
    with pytest.raises(EvidenceInvalid, match="not what its name says"):
        ledger.append(draft(pieces={"decision": Piece(b"{}")}))


def test_there_is_no_ledger_where_nobody_makes_one() -> None:
    with pytest.raises(EvidenceInvalid, match="no ledger"):
        ledger_in(MemoryStore(), make=None)
    store = MemoryStore()
    store.create("something", b"")
    with pytest.raises(EvidenceInvalid, match="files, but no ledger"):
        ledger_in(store)


def test_a_store_that_is_not_fit_is_refused() -> None:
    store, _ = filled(1)
    store.wrong = ["versions are not kept."]
    with pytest.raises(EvidenceInvalid, match="versions are not kept"):
        ledger_in(store).append(draft())
    with pytest.raises(EvidenceInvalid, match="versions are not kept"):
        ledger_in(MemoryStore(wrong=["versions are not kept."]))


def test_who_only_reads_appends_nothing() -> None:
    store, _ = filled(1)
    with pytest.raises(EvidenceInvalid, match="Nobody signs"):
        Ledger(store).append(draft())


def test_a_key_that_is_no_gates_appends_nothing() -> None:
    store, _ = filled(1)
    with pytest.raises(EvidenceInvalid, match="no gate's"):
        ledger_in(store, signer=SoftGate("another")).append(draft())
    assert len(store.listing("log/")) == 1


def gate_roster(**times: str) -> Roster:
    gate = {"id": "gate", "kind": "machine", "roles": ["gate"], "keys": [{"key": SoftKey("second").line, **times}]}
    return read_roster(msgspec.json.encode({"people": [gate]}), "people.yaml")


def test_a_machine_with_the_role_of_a_gate_appends() -> None:
    store, ledger = filled(1)
    second = ledger_in(store, signer=SoftGate("second"), roster=gate_roster())
    assert second.append(draft()).entry.sequence == 2
    with pytest.raises(EvidenceInvalid, match="no gate's"):
        ledger.look(STACK)  # by who does not know that machine, the chain is not taken for a shorter one


@pytest.mark.parametrize("times", [{"until": "2026-11-22"}, {"revoked": "2026-11-23T12:00:00Z"}])
def test_a_gates_key_that_has_ended_appends_nothing(times: dict[str, str]) -> None:
    store, _ = filled(1)
    with pytest.raises(EvidenceInvalid, match="not valid at"):
        ledger_in(store, signer=SoftGate("second"), roster=gate_roster(**times)).append(draft())


def test_a_human_with_the_role_of_a_gate_is_no_gate() -> None:
    store, _ = filled(1)
    person = {"id": "ann", "roles": ["gate"], "keys": [{"key": SoftKey("second").line}]}
    roster = read_roster(msgspec.json.encode({"people": [person]}), "people.yaml")
    with pytest.raises(EvidenceInvalid, match="no gate's"):
        ledger_in(store, signer=SoftGate("second"), roster=roster).append(draft())


TAMPERING: dict[str, tuple[Callable[[MemoryStore], None], str]] = {
    "a marker on the newest entry": (lambda store: store.delete(key(3)), "overwritten, or deleted"),
    "a marker on an older entry": (lambda store: store.delete(key(2)), "overwritten, or deleted"),
    "another version of the newest": (lambda store: store.overwrite(key(3), b"x"), "overwritten, or deleted"),
    "the same again": (
        lambda store: store.overwrite(key(3), store.read(key(3), 10**6) or b""),
        "overwritten, or deleted",
    ),
    "a marker, and written again": (
        lambda store: [store.delete(key(3)), store.overwrite(key(3), b"x")].clear(),  # type: ignore[func-returns-value] # both are called
        "overwritten, or deleted",
    ),
    "a marker where nothing was": (lambda store: store.delete(key(4)), "was deleted"),
    "an entry that became another": (lambda store: store.replace(key(2), b"x"), "does not follow"),
    "an entry that is gone": (lambda store: store.destroy(key(2)), "does not follow"),
    "an older entry in place of a later": (
        lambda store: store.replace(key(2), store.read(key(1), 10**6) or b""),
        "does not follow",
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_a_chain_that_was_tampered_with_decides_nothing(name: str) -> None:
    store, ledger = filled(3)
    tamper, why = TAMPERING[name]
    tamper(store)
    with pytest.raises(EvidenceInvalid, match=why):
        ledger.look(STACK)
    with pytest.raises(EvidenceInvalid, match=why):
        ledger.append(draft())


JUNK = {
    "no entry at all": b"junk",
    "nothing": b"",
    "an entry of another stack": None,
    "far ahead": b"junk",
    "no number": b"junk",
}


@pytest.mark.parametrize("name", JUNK)
def test_what_holds_no_entry_is_skipped_and_a_repair_says_so(name: str) -> None:
    store, ledger = filled(3)
    data = JUNK[name]
    if data is None:
        ledger.append(draft(stack="billing"))
        data = store.read(entry_key("billing", 1), 10**6) or b""
    place = {"far ahead": key(10**9), "no number": "log/stack-payments=/00.json"}
    junk = place.get(name, key(4))
    store.create(junk, data)
    receipt = ledger.append(draft(change="after"))
    newest = ledger.look(STACK).head.newest
    assert newest is not None
    assert newest.entry.change == "after"
    assert receipt.entry.sequence == (6 if junk == key(4) else 5)
    assert newest.entry.state.skipped == {junk: canonical.digest(b"" if name == "no number" else data)}
    repair = ledger.keys.open(store.read(key(receipt.entry.sequence - 1), 10**6) or b"", "x").entry
    assert (repair.event, repair.details) == ("repaired", {"keys": 1})
    ledger.append(draft())
    assert len(store.listing("log/stack-payments=/")) == 7


def test_more_junk_than_can_be_skipped_stops_everything() -> None:
    store, ledger = filled(2)
    for number in range(100, 141):
        store.create(key(number), b"junk")
    with pytest.raises(EvidenceInvalid, match="41 keys hold no entry"):
        ledger.look(STACK)


def test_a_listing_full_of_junk_is_no_empty_chain() -> None:
    store, ledger = filled(2)
    for number in range(100, 200):
        store.create(key(number), b"junk")
    with pytest.raises(EvidenceInvalid, match="none of the newest"):
        ledger.look(STACK)


def test_an_entry_that_a_stranger_sealed_is_no_junk() -> None:
    store, ledger = filled(2)
    newest = ledger.look(STACK).head.newest
    assert newest is not None
    forged = msgspec.structs.replace(newest.entry, sequence=3, previous=newest.digest, state=State())
    store.create(key(3), SoftGate("stranger").sign(canonical.canonical_json(forged), ENTRY))
    with pytest.raises(EvidenceInvalid, match="no gate's"):
        ledger.append(draft())


def test_time_never_goes_back_and_a_clock_that_does_is_refused() -> None:
    store, ledger = filled(1)
    store.instant = "2026-11-23T11:59:00Z"
    assert ledger.append(draft()).entry.time == "2026-11-23T12:00:00Z"
    store.instant = f"2026-11-23T11:5{4 - MAX_SKEW // 300}:59Z"
    with pytest.raises(EvidenceInvalid, match="The clock says"):
        ledger.append(draft())


def test_sixteen_at_once_leave_no_gap() -> None:
    store = MemoryStore()
    ledger_in(store)
    failed: list[BaseException] = []

    def append(name: str) -> None:
        try:
            for _ in range(3):
                ledger_in(store).append(draft(change=name))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=append, args=(f"chg-{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    numbers = sorted(sequence_of(item.key, STACK) or 0 for item in store.listing("log/"))
    assert numbers == list(range(1, 49))
    ledger_in(store).look(STACK)


def test_an_entry_may_refuse_to_follow_what_others_appended() -> None:
    _, ledger = filled(1)

    def refuse(state: State, sequence: int, time: str) -> State:
        raise EvidenceInvalid("Somebody else applies.", hint="")

    with pytest.raises(EvidenceInvalid, match="Somebody else"):
        ledger.append(draft(advance=refuse))


def test_state_travels_from_entry_to_entry_and_forgets_what_has_expired() -> None:
    _, ledger = filled(1)
    applied = Applied("chg-1", "a" * 40, "b" * 40, "2026-11-23T12:00:00Z", 2)
    used = {"1" * 64: "2026-11-23T12:00:00Z", "2" * 64: "2026-11-24T12:00:00Z"}
    ledger.append(draft(advance=lambda state, *_: msgspec.structs.replace(state, applied=applied, used=used)))
    ledger.append(draft())
    state = ledger.look(STACK).state
    assert state.applied == applied
    assert list(state.used) == ["2" * 64]
    assert pruned(state, "2026-11-25T00:00:00Z").used == {}


def test_a_run_of_a_gate_costs_four_rounds() -> None:
    store, _ = filled(2)
    store.calls.clear()
    ledger = ledger_in(store, ahead=[STACK, ""])
    assert sorted(kind for kind, _ in store.calls) == ["list", "list", "read"]  # the first round
    store.calls.clear()
    look = ledger.look(STACK)
    assert {kind for kind, _ in store.calls} == {"read"}  # the second
    store.calls.clear()
    ledger.append(draft(pieces={"decision": Piece(b"{}"), "inputs": Piece(b"[]")}), look)
    assert [kind for kind, _ in store.calls] == ["create"] * 3  # evidence is the third, the entry the fourth


@given(st.text(min_size=1, max_size=20))
def test_a_stacks_name_is_one_folder_and_nobody_elses(stack: str) -> None:
    try:
        place = entry_key(stack, 7)
    except EvidenceInvalid:
        return
    except UnicodeEncodeError:
        return
    assert place.count("/") == 2
    assert stack_of(place) == stack
    assert sequence_of(place, stack) == 7
    assert sequence_of(place, stack + "x") is None


def test_keys_count_down_so_that_the_newest_comes_first() -> None:
    assert entry_key("a", 2) < entry_key("a", 1)
    assert entry_key("", 1) == "log/ledger/9999999998.json"
    assert [sequence_of(f"log/stack-a=/{name}", "a") for name in ("9999999999.json", "1.json", "x")] == [None] * 3
    assert stack_of("log/other/1.json") is None
