"""What happened while a ledger could not be reached is kept elsewhere, told from junk, and marked once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval.envelope import Kind
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.degraded import (
    DEGRADED,
    Degraded,
    Lost,
    Written,
    decode,
    degraded_key,
    degraded_prefix,
    encode,
    write_degraded,
)
from iacgate.evidence.degradedread import (
    MARK,
    MAX_RECORDS,
    Found,
    Marking,
    mark,
    mark_problems,
    marked_by,
    read_degraded,
    unmarked,
)
from iacgate.evidence.entry import Entry
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.gatekeys import ENTRY, GateKeys
from iacgate.evidence.layout import evidence_key
from iacgate.evidence.ledger import Ledger, Piece
from iacgate.evidence.store import Store
from iacgate.shell import clock
from tests.evidence.conftest import Make, at
from tests.evidence.test_ledger import gate_roster
from tests.support.ledgers import SoftGate, draft, ledger_in
from tests.support.memorystore import MemoryStore
from tests.support.seaweed import Seaweed

STACK = "payments"
LEDGER = "d" * 64
LOST = Lost(LEDGER, "s3://first/ledger", "s3://first/ledger: no answer.")
PIECES = {"decision": Piece(b'{"allowed":true}'), "log": Piece(b"hello\n", "text/plain")}


def keys() -> GateKeys:
    return GateKeys([SoftGate().pinned])


def written(store: Store, *, previous: str = "", lost: Lost = LOST, **more: Any) -> Written:
    return write_degraded(store, draft(**{"pieces": PIECES, **more}), lost, SoftGate(), previous)


def found_in(store: Store, ledger: str = LEDGER) -> Found:
    return read_degraded(store, STACK, keys(), ledger)


def told(store: Store) -> list[tuple[str, str]]:
    return [(item.what, item.why) for item in found_in(store).others]


class Unanswering(MemoryStore):
    """A store that loses what it answers to the first writings."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self._left = lost

    def create(self, key: str, data: bytes) -> bool:
        done = super().create(key, data)
        self._left -= 1
        if self._left >= 0:
            raise EvidenceInvalid("memory: no answer.", hint="")
        return done


@pytest.fixture(params=["memory", "folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return FolderStore(tmp_path / "second", clock=clock.now, create=True)
    make: Make = request.getfixturevalue("bucket")
    return make()


def test_a_record_is_found_as_it_was_written(store: Store) -> None:
    one = written(store)
    two = written(store, event="intended", previous=one.digest)
    found = found_in(store)
    assert [item.digest for item in found.records if item.record.event == "decided"] == [one.digest]
    assert {item.digest for item in found.records} == {one.digest, two.digest}
    assert {(item.wrong, item.missing) for item in found.records} == {((), ())}
    assert found.others == ()
    record = one.record
    assert (record.ledger, record.lost, record.why) == (LEDGER, LOST.store, LOST.why)
    assert (record.stack, record.change, record.event) == (STACK, "chg-1", "decided")
    assert one.key == degraded_key(record)
    assert record.references["log"].media_type == "text/plain"


def test_a_stack_has_only_its_own_records(store: Store) -> None:
    written(store)
    assert read_degraded(store, "billing", keys(), LEDGER) == Found((), ())
    assert written(store, stack="a/../b").key.startswith("degraded/stack-a%2F%2E%2E%2Fb=/")


def test_two_records_of_one_moment_are_two() -> None:
    store = MemoryStore()
    digests = [written(store).digest for _ in range(3)]
    assert len(set(digests)) == 3
    assert len({item.record.time for item in found_in(store).records}) == 1
    assert {item.digest for item in found_in(store).records} == set(digests)


def test_records_come_in_the_order_of_their_times() -> None:
    store = MemoryStore()
    late = written(store)
    store.instant = "2026-11-23T11:00:00Z"
    early = written(store)
    assert [item.digest for item in found_in(store).records] == [early.digest, late.digest]


def test_a_record_needs_a_second_store_that_is_fit() -> None:
    with pytest.raises(EvidenceInvalid, match="which cannot be reached"):
        written(MemoryStore(), lost=Lost(LEDGER, "memory", ""))
    store = MemoryStore(wrong=["it keeps no versions."])
    with pytest.raises(EvidenceInvalid, match="keeps no versions"):
        written(store)
    assert store.versions == {}


def test_without_its_evidence_no_record_is_written() -> None:
    store = MemoryStore()
    store.create(evidence_key(canonical.digest(PIECES["log"].data)), b"HELLO\n")
    with pytest.raises(EvidenceInvalid, match="is something else"):
        written(store)
    assert found_in(store) == Found((), ())


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_an_answer_that_is_lost_loses_no_record(lost: int) -> None:
    store = Unanswering(lost)
    (found,) = (written(store), found_in(store).records)[1]
    assert (found.missing, found.wrong) == ((), ())


def test_where_nothing_answers_there_is_no_record() -> None:
    class Dead(MemoryStore):
        def create(self, key: str, data: bytes) -> bool:
            raise EvidenceInvalid(f"{self.name}: no answer to {len(data)} bytes of {key}.", hint="")

    with pytest.raises(EvidenceInvalid, match="no answer"):
        written(Dead())


@pytest.mark.parametrize("more", [{"change": "x" * 1025}, {"details": {"a": "x" * (256 << 10)}}, {"change": "\ud800"}])
def test_what_nobody_could_read_is_not_written(more: dict[str, Any]) -> None:
    store = MemoryStore()
    with pytest.raises(EvidenceInvalid):
        written(store, **more)
    assert found_in(store).records == ()


def test_what_a_store_answered_may_be_long() -> None:
    assert len(written(MemoryStore(), lost=Lost(LEDGER, "x" * 5000, "y" * 5000)).record.why) == 1000


def test_junk_is_told_from_what_is_unsigned_and_from_what_is_misplaced() -> None:
    store = MemoryStore()
    one = written(store)
    name = degraded_prefix(STACK)
    data = store.read(one.key, 1 << 20) or b""
    payload = encode(one.record)
    stranger = SoftGate("stranger").sign(payload, DEGRADED)
    keyed = [
        (b"junk", "junk"),
        (SoftGate().sign(payload, ENTRY), "junk"),
        (SoftGate().sign(b'{"format":1}', DEGRADED), "junk"),
        (b"x" * (DEGRADED.max_bytes + 1), "junk"),
        (stranger, "unsigned"),
        (data.replace(b":", b": ", 1), "unsigned"),
        (data, "misplaced"),
    ]
    for number, (content, _) in enumerate(keyed):
        store.create(f"{name}20261123T12000{number}Z-{'0' * 32}.json", content)
    assert [what for what, _ in told(store)] == [what for _, what in keyed]
    assert [item.digest for item in found_in(store).records] == [one.digest]
    assert found_in(store).records[0].wrong == ()


def test_a_name_that_is_no_key_stops_nobody() -> None:
    store = MemoryStore()
    one = written(store)
    for name in ("a b", "../x", "2026\n", f"sub/{one.key.rpartition('/')[2]}", ".x", ""):
        store.overwrite(degraded_prefix(STACK) + name, b"x")
    found = found_in(store)
    assert [item.digest for item in found.records] == [one.digest]
    assert {(item.what, item.why) for item in found.others} == {("junk", "no record has such a name")}
    assert len(found.others) == 6


def test_a_record_of_another_ledger_or_stack_is_misplaced() -> None:
    store = MemoryStore()
    one = written(store)
    assert [item.what for item in found_in(store, "e" * 64).others] == ["misplaced"]
    other = one.key.replace("payments", "billing")
    store.create(other, store.read(one.key, 1 << 20) or b"")
    found = read_degraded(store, "billing", keys(), LEDGER)
    assert [(item.key, item.what) for item in found.others] == [(other, "misplaced")]


def test_what_was_overwritten_or_deleted_counts_as_it_was_first_and_says_so(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    one, two, three = written(store), written(store, change="chg-2"), written(store, change="chg-3")
    client = s3.client()
    client.put_object(**at(store, one.key), Body=b"other")
    client.delete_object(**at(store, two.key))
    wrong = {item.digest: item.wrong for item in found_in(store).records}
    assert "written again" in wrong[one.digest][0]
    assert "deleted" in wrong[two.digest][0]
    assert wrong[three.digest] == ()


def test_what_was_changed_in_a_folder_is_no_record_any_more(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, clock=clock.now)
    one = written(store)
    path = tmp_path / one.key
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    assert found_in(store).records == ()
    assert len(found_in(store).others) == 1
    path.unlink()
    assert found_in(store) == Found((), ())


def test_only_a_marker_that_is_left_is_said() -> None:
    store = MemoryStore()
    one = written(store)
    store.delete(one.key)
    del store.versions[one.key][0]
    assert told(store) == [("deleted", "nothing is left of it but that it was deleted")]


def test_evidence_that_is_missing_is_named() -> None:
    store = MemoryStore()
    one = written(store)
    store.destroy(evidence_key(one.record.references["log"].digest))
    (found,) = found_in(store).records
    assert (found.missing, found.wrong) == (("log",), ("log is not there",))
    store.create(evidence_key(one.record.references["log"].digest), b"HELLO\n")
    assert found_in(store).records[0].missing == ("log",)


def test_evidence_that_was_written_over_is_read_as_it_was() -> None:
    store = MemoryStore()
    one = written(store)
    store.overwrite(evidence_key(one.record.references["log"].digest), b"HELLO\n")
    assert found_in(store).records[0].missing == ()


def test_a_store_that_does_not_answer_is_no_missing_evidence() -> None:
    class Failing(MemoryStore):
        fails = False

        def read(self, key: str, limit: int, version: str = "") -> bytes | None:
            if self.fails and key.startswith("evidence/"):
                raise EvidenceInvalid("memory: no answer.", hint="")
            return super().read(key, limit, version)

    store = Failing()
    written(store)
    store.fails = True
    with pytest.raises(EvidenceInvalid, match="no answer"):
        found_in(store)


def test_a_record_whose_beginning_is_missing_says_so() -> None:
    store = MemoryStore()
    one = written(store)
    two = written(store, event="applied", previous=one.digest)
    store.destroy(one.key)
    (found,) = found_in(store).records
    assert found.digest == two.digest
    assert one.digest in found.wrong[0]


def test_a_record_that_came_at_another_time_than_it_says() -> None:
    store = MemoryStore()
    one = written(store)
    (item, data) = store.versions[one.key][0]
    store.versions[one.key] = [(msgspec.structs.replace(item, modified="2026-11-24T12:00:00Z"), data)]
    assert "came at 2026-11-24T12:00:00Z" in found_in(store).records[0].wrong[0]


def test_more_than_anybody_writes_is_looked_at_by_somebody() -> None:
    store = MemoryStore()
    for number in range(MAX_RECORDS + 1):
        store.create(f"{degraded_prefix(STACK)}{number}", b"")
    with pytest.raises(EvidenceInvalid, match="more than"):
        found_in(store)


@pytest.mark.parametrize(
    ("times", "what"),
    [
        ({"until": "2026-11-22"}, ["unsigned"]),
        ({"revoked": "2026-11-23T11:00:00Z"}, ["unsigned"]),
        ({"until": "2026-11-23"}, []),
        ({"revoked": "2026-11-24T11:00:00Z"}, []),
    ],
)
def test_the_key_must_have_been_valid_then(times: dict[str, str], what: list[str]) -> None:
    store = MemoryStore()
    write_degraded(store, draft(), LOST, SoftGate("second"))
    found = read_degraded(store, STACK, GateKeys([], gate_roster(**times)), LEDGER)
    assert [item.what for item in found.others] == what
    assert len(found.records) == 1 - len(what)


def test_a_record_that_came_after_its_key_was_revoked_is_unsigned_whatever_it_says() -> None:
    store = MemoryStore()
    one = write_degraded(store, draft(), LOST, SoftGate("second"))
    roster = gate_roster(revoked="2026-11-23T12:00:01Z")
    assert len(read_degraded(store, STACK, GateKeys([], roster), LEDGER).records) == 1
    (item, data) = store.versions[one.key][0]
    store.versions[one.key] = [(msgspec.structs.replace(item, modified="2026-11-23T12:00:02Z"), data)]
    assert [item.what for item in read_degraded(store, STACK, GateKeys([], roster), LEDGER).others] == ["unsigned"]


def test_a_gate_whose_signature_does_not_verify_writes_nothing() -> None:
    class Broken(SoftGate):
        def sign(self, payload: bytes, kind: Kind) -> bytes:
            return SoftGate("another").sign(payload, kind)

    store = MemoryStore()
    with pytest.raises(EvidenceInvalid, match="What was signed"):
        write_degraded(store, draft(), LOST, Broken())
    assert found_in(store) == Found((), ())


def test_a_record_is_no_entry_and_an_entry_is_no_record() -> None:
    store = MemoryStore()
    one = written(store)
    data = store.read(one.key, 1 << 20) or b""
    with pytest.raises(EvidenceInvalid):
        keys().open(data, "x")


def marked(store: MemoryStore, first: MemoryStore, number: int = 0) -> tuple[Ledger, Entry, Marking]:
    """Mark a record in a ledger: the event is one that there is, until there is one of its own."""
    ledger = ledger_in(first)
    kept = read_degraded(store, STACK, ledger.keys, ledger.genesis).records[number]
    said = mark(kept, store)
    receipt = ledger.append(
        draft(change=said.change, commit=said.commit, tree=said.tree, details=said.details, pieces=said.pieces)
    )
    return ledger, receipt.entry, said


def pieces_of(ledger: Ledger, entry: Entry) -> dict[str, bytes]:
    return {name: ledger.evidence(item.digest, item.size) for name, item in entry.references.items()}


def lost_ledger() -> tuple[MemoryStore, MemoryStore, Lost]:
    """Return a second store, a first one with a ledger, and what was lost of it."""
    first = MemoryStore()
    return MemoryStore(), first, Lost(ledger_in(first).genesis, "s3://first", "no answer")


def test_a_mark_brings_everything_into_the_ledger() -> None:
    store, first, lost = lost_ledger()
    one = written(store, lost=lost)
    ledger, entry, said = marked(store, first)
    assert (marked_by(entry), said.details["missing"], said.details["wrong"]) == (one.digest, 0, 0)
    assert (said.details["event"], said.details["at"], said.details["from"]) == ("decided", store.instant, "memory")
    pieces = pieces_of(ledger, entry)
    assert pieces["degraded decision"] == PIECES["decision"].data
    assert pieces[MARK] == store.read(one.key, 1 << 20)
    assert list(mark_problems(entry, pieces, ledger.keys)) == []


def test_what_is_marked_is_marked_once() -> None:
    store, first, lost = lost_ledger()
    one = written(store, lost=lost)
    store.instant = "2026-11-23T12:00:05Z"
    two = written(store, lost=lost)
    ledger, entry, _ = marked(store, first)
    records = read_degraded(store, STACK, ledger.keys, ledger.genesis).records
    assert [item.digest for item in records] == [one.digest, two.digest]
    assert [item.digest for item in unmarked(records, [entry])] == [two.digest]
    assert unmarked(records, []) == records
    found = list(mark_problems(entry, pieces_of(ledger, entry), ledger.keys, frozenset({one.digest})))
    assert found == ["the record that it marks was marked before"]


def test_a_record_that_lost_something_is_marked_and_says_so() -> None:
    store, first, lost = lost_ledger()
    one = written(store, lost=lost)
    store.destroy(evidence_key(one.record.references["log"].digest))
    ledger, entry, said = marked(store, first)
    assert (said.details["missing"], said.details["wrong"]) == (1, 1)
    assert list(mark_problems(entry, pieces_of(ledger, entry), ledger.keys)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"details": {}}, "marks no record"),
        ({"details": {MARK: 7}}, "marks no record"),
        ({"details": {MARK: "e" * 64}}, "another one than it names"),
        ({"change": "chg-2"}, "about another change"),
        ({"stack": "billing"}, "its place is"),
        ({"ledger": "e" * 64}, "of another ledger"),
        ({"time": "2026-11-23T11:00:00Z"}, "later than it"),
    ],
)
def test_a_mark_of_something_else_does_not_hold(change: dict[str, Any], says: str) -> None:
    store, first, lost = lost_ledger()
    written(store, lost=lost)
    ledger, entry, _ = marked(store, first)
    pieces = pieces_of(ledger, entry)
    found = list(mark_problems(msgspec.structs.replace(entry, **change), pieces, ledger.keys))
    assert says in found[0]


def test_a_mark_that_leaves_something_out_does_not_hold() -> None:
    store, first, lost = lost_ledger()
    written(store, lost=lost)
    ledger, entry, _ = marked(store, first)
    pieces = pieces_of(ledger, entry)
    fewer = {name: item for name, item in entry.references.items() if name != "degraded log"}
    (found,) = mark_problems(msgspec.structs.replace(entry, references=fewer), pieces, ledger.keys)
    assert "does not bring everything" in found
    (found,) = mark_problems(entry, pieces, GateKeys([SoftGate("stranger").pinned]))
    assert "does not count" in found


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 5000, b"x" * (300 << 10)])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceInvalid):
        decode(data, "x")


RECORD: Degraded = written(MemoryStore()).record


@pytest.mark.parametrize("time", ["2026-13-45T12:00:00Z", "yesterday"])
def test_a_record_of_no_time_is_none(time: str) -> None:
    data = canonical.canonical_json(msgspec.structs.replace(RECORD, time=time))
    with pytest.raises(EvidenceInvalid):
        decode(data, "x")


@given(st.data())
def test_no_flipped_bit_is_ever_taken_for_the_same_record(data: st.DataObject) -> None:
    store = MemoryStore()
    one = written(store, pieces={})
    content = bytearray(store.read(one.key, 1 << 20) or b"")
    position = data.draw(st.integers(0, len(content) * 8 - 1))
    content[position // 8] ^= 1 << position % 8
    store.replace(one.key, bytes(content))
    assert found_in(store).records == ()
    assert len(found_in(store).others) == 1
