"""A checkpoint that is kept elsewhere shows what a ledger by itself cannot: that its end was there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.errors import EvidenceInvalid
from iacgate.evidence import checkpoint as checkpoints
from iacgate.evidence.checkpointed import keep, looked_at
from iacgate.evidence.gatekeys import CHECKPOINT, ENTRY
from iacgate.evidence.history import chains_in
from iacgate.evidence.layout import chain_prefix, entry_key, evidence_key
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.verify import Verifier, Wanted
from tests.evidence.test_ledger import gate_roster
from tests.evidence.test_verify import forged
from tests.support.ledgerlife import STACK, Life, replayer
from tests.support.ledgers import SoftGate, draft, ledger_in
from tests.support.memorystore import MemoryStore


def taken(life: Life, gate: SoftGate | None = None) -> bytes:
    """Return a checkpoint of what a ledger has now, whose list of heads is kept in it."""
    ledger = life.ledger
    stacks = list(chains_in(life.store.listing("log/")))
    heads = keep(ledger, dict(zip(stacks, ledger.heads(stacks), strict=True)))
    return checkpoints.make(ledger.genesis, heads, life.store.now(), gate or SoftGate(), ledger.keys)


def whats(store: MemoryStore, *texts: bytes, stack: str | None = None) -> list[str]:
    """Return what verifying a ledger finds wrong with it and with some checkpoints."""
    ledger = Ledger(store)
    looked = looked_at(ledger, [(f"checkpoint {number}", text) for number, text in enumerate(texts)])
    report = Verifier(ledger, replayer(), Wanted(stack, marks=looked.marks)).run()
    return [item.what for item in (*report.problems, *looked.problems(ledger.keys))]


def copied(store: MemoryStore) -> MemoryStore:
    found = MemoryStore()
    found.versions = {key: list(versions) for key, versions in store.versions.items()}
    return found


def test_a_checkpoint_is_small_and_holds_for_as_long_as_the_ledger_grows() -> None:
    life = Life().live()
    text = taken(life)
    assert len(text) < 1024
    lines = text.decode().splitlines()
    assert lines[0] == f"iacgate/{life.ledger.genesis}"
    assert lines[1] == "6"
    assert lines[3:5] == ["time 2026-11-23T12:00:00Z", "chains 2"]
    assert lines[6] == ""
    assert lines[7].startswith("\N{EM DASH} SHA256:")
    assert whats(life.store, text) == []
    life.decide(life.inputs("ann"))
    life.ledger.append(draft(stack="billing", event="bypassed"))
    assert whats(life.store, text) == []
    assert whats(life.store, taken(life), text) == []
    assert whats(life.store, text, stack=STACK) == []


def test_an_empty_ledger_has_no_checkpoint() -> None:
    with pytest.raises(EvidenceInvalid, match="no entry yet"):
        taken(Life())


def test_who_is_no_gate_makes_no_checkpoint() -> None:
    with pytest.raises(EvidenceInvalid, match="not signed by a gate"):
        taken(Life().live(), SoftGate("stranger"))


def test_a_chain_whose_end_was_cut_off() -> None:
    life = Life().live()
    text = taken(life)
    life.store.destroy(entry_key(STACK, 5))
    assert whats(life.store) == []
    assert whats(life.store, text) == ["a checkpoint says that it was there"]


def test_a_chain_that_was_cut_off_and_went_on() -> None:
    life = Life().live()
    text = taken(life)
    life.store.destroy(entry_key(STACK, 5))
    life.decide(life.inputs("ann"))
    assert whats(life.store) == []
    assert whats(life.store, text) == ["it is another entry than a checkpoint says"]


def test_a_stack_that_vanished() -> None:
    life = Life().live()
    life.ledger.append(draft(stack="billing", event="bypassed"))
    text = taken(life)
    for key in [key for key in life.store.versions if key.startswith(chain_prefix("billing"))]:
        life.store.destroy(key)
    assert whats(life.store) == []
    assert whats(life.store, text) == ["a checkpoint says that it was there"]
    assert whats(life.store, text, stack=STACK) == []


def test_an_older_ledger_that_was_put_back() -> None:
    life = Life().live()
    before = copied(life.store)
    older = taken(life)
    life.decide(life.inputs("ann"))
    newer = taken(life)
    assert whats(before) == []
    assert any("its list of heads is not in the ledger" in what for what in whats(before, newer))
    heads = checkpoints.parse(newer, "newer").heads
    before.create(evidence_key(heads), life.store.read(evidence_key(heads), 10**6) or b"")
    assert "a checkpoint says that it was there" in whats(before, newer)
    assert any("its list of heads is not in the ledger" in what for what in whats(before, older))


def test_a_checkpoint_of_another_ledger() -> None:
    other = Life()
    other.store = MemoryStore()
    other.ledger = ledger_in(other.store, make=lambda: "6" * 32)
    other.live()
    text = taken(other)
    found = whats(Life().live().store, text)
    assert any("it is of another ledger" in what for what in found)


def test_what_a_stranger_signed_is_no_checkpoint() -> None:
    life = Life().live()
    ours = checkpoints.parse(taken(life), "x")
    stranger = SoftGate("stranger")
    ledger = ledger_in(copied(life.store), signer=stranger)
    ledger.keys._times[stranger.pinned.identifier] = [None]
    heads = life.store.read(evidence_key(ours.heads), 10**6) or b""
    text = checkpoints.make(life.ledger.genesis, heads, life.store.now(), stranger, ledger.keys)
    assert any("The key is no gate's" in what for what in whats(life.store, text))


def test_an_entrys_signature_is_none_of_a_checkpoint() -> None:
    life = Life().live()
    text = taken(life)
    payload, _, _ = text.partition(b"\n\n")
    sealed = SoftGate().sign(payload + b"\n", ENTRY)
    line = checkpoints._line(sealed)
    assert any("not signed by a gate" in what for what in whats(life.store, payload + b"\n\n" + line))


def test_two_checkpoints_of_which_the_older_is_no_beginning_of_the_newer() -> None:
    life = Life().live()
    fork = Life()
    fork.store = copied(life.store)
    fork.ledger = ledger_in(fork.store)
    life.decide(life.inputs("ann"))
    ours = taken(life)
    fork.store.instant = "2026-11-23T13:00:00Z"
    fork.ledger.append(draft(stack=STACK, event="bypassed"))
    fork.ledger.append(draft(stack=STACK, event="bypassed"))
    theirs = taken(fork)
    heads = checkpoints.parse(theirs, "x").heads
    life.store.create(evidence_key(heads), fork.store.read(evidence_key(heads), 10**6) or b"")
    life.ledger.append(draft(stack=STACK, event="bypassed"))
    assert "it is another entry than a checkpoint says" in whats(life.store, ours, theirs)


def test_a_newer_checkpoint_with_less_in_it() -> None:
    life = Life().live()
    life.ledger.append(draft(stack="billing", event="bypassed"))
    older = taken(life)
    heads = keep(life.ledger, {STACK: life.ledger.look(STACK).head})
    newer = checkpoints.make(life.ledger.genesis, heads, "2026-11-24T12:00:00Z", SoftGate(), life.ledger.keys)
    found = whats(life.store, newer, older)
    assert any("checkpoint 0, which is newer than checkpoint 1" in what and "'billing'" in what for what in found)
    assert any("own chain is not in it any more" in what for what in found)


def test_two_checkpoints_that_say_different_things_of_one_entry() -> None:
    def arrived(digit: str, sequence: int) -> list[checkpoints.Arrived]:
        return [checkpoints.Arrived("a", sequence, digit * 64)]

    assert list(checkpoints.not_before(arrived("1", 3), arrived("2", 4))) == []
    assert list(checkpoints.not_before(arrived("1", 3), arrived("2", 3))) == ["entry 3 of the chain 'a' is another one"]
    assert list(checkpoints.not_before(arrived("1", 3), arrived("1", 2))) == ["the chain 'a' had 3 entries, and has 2"]
    assert list(checkpoints.not_before(arrived("1", 3), arrived("1", 3))) == []


def lines(change: Callable[[list[str]], Sequence[str]]) -> Callable[[bytes], bytes]:
    return lambda text: "\n".join(change(text.decode().split("\n"))).encode()


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no text": lambda text: text.replace(b"iacgate", b"\xff"),
    "no signature": lambda text: text.partition(b"\n\n")[0] + b"\n",
    "two signatures": lambda text: text + text.partition(b"\n\n")[2],
    "another line": lines(lambda text: [*text[:6], "more 1", *text[6:]]),
    "two roots": lines(lambda text: [*text[:5], "heads " + "0" * 64, *text[6:]]),
    "no instant": lines(lambda text: [*text[:3], "time 2026-13-23T12:00:00Z", *text[4:]]),
    "another name": lines(lambda text: [*text[:7], text[7].replace("SHA256:", "SHA256:a"), ""]),
    "an empty signature": lines(lambda text: [*text[:7], text[7].rpartition(" ")[0] + " AAAA", ""]),
    "too long": lambda text: text + b" " * 9000,
    "Windows": lambda text: text.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_checkpoint(name: str) -> None:
    text = taken(Life().live())
    with pytest.raises(EvidenceInvalid, match="no checkpoint"):
        checkpoints.parse(BROKEN[name](text), "x")


LIVED = Life().live()
TEXT = taken(LIVED)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 8 * len(TEXT) - 1))
def test_no_flipped_bit_of_a_checkpoint_verifies(bit: int) -> None:
    text = bytearray(TEXT)
    text[bit // 8] ^= 1 << bit % 8
    try:
        found = whats(LIVED.store, bytes(text))
    except EvidenceInvalid:
        return
    assert found


@pytest.mark.parametrize(
    "data", [b"{}", b"[1]", b'[["a",0,"' + b"1" * 64 + b'"]]', b'[["a",1,"x"]]', b'[ ["a",1,"' + b"1" * 64 + b'"]]']
)
def test_a_list_of_heads_has_one_spelling(data: bytes) -> None:
    with pytest.raises(EvidenceInvalid, match="cannot be read"):
        checkpoints.read_heads(data)


def test_a_list_of_heads_names_each_chain_once() -> None:
    one = b'["a",1,"' + b"1" * 64 + b'"]'
    with pytest.raises(EvidenceInvalid, match="cannot be read"):
        checkpoints.read_heads(b"[" + one + b"," + one + b"]")


def test_a_gate_that_forks_is_shown_by_an_older_checkpoint() -> None:
    life = Life().live()
    text = taken(life)
    life.store.destroy(entry_key(STACK, 5))
    forged(life, event="bypassed")
    assert "it is another entry than a checkpoint says" in whats(life.store, text)


def test_a_signature_names_its_key_by_four_bytes() -> None:
    line = TEXT.decode().splitlines()[-1]
    assert base64.b64decode(line.rpartition(" ")[2])[4:10] == b"SSHSIG"


def test_four_other_bytes_name_no_key() -> None:
    text, _, signature = TEXT.decode().strip().rpartition(" ")
    data = bytearray(base64.b64decode(signature))
    data[0] ^= 1
    with pytest.raises(EvidenceInvalid, match="no checkpoint"):
        checkpoints.parse(f"{text} {base64.b64encode(data).decode()}\n".encode(), "x")


@pytest.mark.parametrize(("line", "said"), [(1, "5"), (1, "7"), (4, "chains 3")])
def test_a_checkpoint_that_counts_something_else(line: int, said: str) -> None:
    lines = TEXT.decode().partition("\n\n")[0].split("\n")
    lines[line] = said
    payload = "\n".join([*lines, ""]).encode()
    text = payload + b"\n" + checkpoints._line(SoftGate().sign(payload, CHECKPOINT))
    assert whats(LIVED.store, text) == ["checkpoint 0: it counts other chains or entries than its list of heads"]


def by_the_second_gate(**times: str) -> tuple[Life, bytes]:
    """Return a ledger, and a checkpoint of it by a gate whose key has an end."""
    life = Life().live()
    heads = keep(life.ledger, {STACK: life.ledger.look(STACK).head})
    life.ledger.keys.add(gate_roster(**times))
    second = SoftGate("second")
    return life, checkpoints.make(life.ledger.genesis, heads, life.store.now(), second, life.ledger.keys)


@pytest.mark.parametrize("times", [{"until": "2026-11-22"}, {"revoked": "2026-11-23T12:00:00Z"}])
def test_a_key_that_has_ended_signs_no_checkpoint(times: dict[str, str]) -> None:
    with pytest.raises(EvidenceInvalid, match="was not valid"):
        by_the_second_gate(**times)


def test_what_a_key_signed_counts_until_it_is_revoked() -> None:
    life, text = by_the_second_gate(until="2026-11-24")
    looked = looked_at(life.ledger, [("x", text)])
    assert looked.problems(life.ledger.keys) == []
    life.ledger.keys.add(gate_roster(revoked="2026-11-23T11:00:00Z"))
    assert ["was not valid" in item.what for item in looked.problems(life.ledger.keys)] == [True]
