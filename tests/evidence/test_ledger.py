"""A chain that was changed, cut, mixed or set back is noticed; appending at the same time leaves no gap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.folder import FolderLedger
from iacgate.evidence.ledger import Entry, Settings, decode, encode, last_applied, used_up, verify

GENESIS = "0" * 64


def entry(**more: Any) -> Entry:
    said = Entry(
        format=1,
        sequence=1,
        previous=GENESIS,
        ledger=GENESIS,
        event="decided",
        stack="payments",
        change="chg-1",
        time="2026-11-23T12:00:00Z",
        commit="a" * 40,
        settings=Settings("f" * 64, 3),
        statements=(),
        evidence={},
    )
    return msgspec.structs.replace(said, **more)


def chain(count: int) -> list[bytes]:
    found: list[bytes] = []
    for sequence in range(1, count + 1):
        previous = canonical.digest(found[-1]) if found else GENESIS
        found.append(encode(entry(sequence=sequence, previous=previous)))
    return found


def test_a_chain_that_holds() -> None:
    assert [item.sequence for item in verify(chain(3), GENESIS, "payments", "x")] == [1, 2, 3]
    assert verify([], GENESIS, "payments", "x") == []


@given(st.integers(2, 5), st.data())
def test_no_flipped_bit_of_a_chain_verifies_but_in_its_newest_entry(length: int, data: st.DataObject) -> None:
    found = chain(length)
    which = data.draw(st.integers(0, length - 2))
    bit = data.draw(st.integers(0, 8 * len(found[which]) - 1))
    changed = bytearray(found[which])
    changed[bit // 8] ^= 1 << bit % 8
    found[which] = bytes(changed)
    with pytest.raises(EvidenceInvalid):
        verify(found, GENESIS, "payments", "x")


@pytest.mark.parametrize(
    "found",
    [
        chain(3)[1:],
        [chain(3)[0], chain(3)[2]],
        [*chain(2), chain(2)[1]],
        [encode(entry(stack="other"))],
        [encode(entry(ledger="1" * 64))],
        [encode(entry(previous="1" * 64))],
        [chain(1)[0], encode(entry(sequence=2, previous=canonical.digest(chain(1)[0]), time="2026-11-23T11:59:59Z"))],
        [b"{}"],
        [chain(1)[0].replace(b"{", b'{"stack":"payments",', 1)],
        [chain(1)[0].replace(b'"decided"', b'"forgotten"')],
        [chain(1)[0].replace(b'"format":1', b'"format":2')],
    ],
)
def test_a_chain_that_does_not_hold(found: list[bytes]) -> None:
    with pytest.raises(EvidenceInvalid):
        verify(found, GENESIS, "payments", "x")


def test_what_was_applied_last_and_what_it_used_up() -> None:
    entries = [
        entry(event="applied", commit="1" * 40, statements=("a" * 64,)),
        entry(event="failed", commit="2" * 40, statements=("b" * 64,)),
        entry(event="decided", commit="3" * 40, statements=("c" * 64,)),
    ]
    assert last_applied(entries) == "1" * 40
    assert used_up(entries) == {"a" * 64: "2026-11-23T12:00:00Z"}
    assert last_applied([]) == ""


def test_a_folder_keeps_chains_apart_and_what_they_refer_to(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "ledger", create=True)
    digest = ledger.append(entry(), {"decision": b"{}"})
    ledger.append(entry(), {"decision": b"{}"})
    ledger.append(entry(stack="../../etc"), {})
    again = FolderLedger(tmp_path / "ledger")
    assert again.genesis == ledger.genesis
    first, second = again.entries("payments")
    assert second.previous == digest == canonical.digest(encode(first))
    assert first.evidence == {"decision": canonical.digest(b"{}")}
    assert (tmp_path / "ledger" / "evidence" / "sha256" / canonical.digest(b"{}")).read_bytes() == b"{}"
    assert [item.stack for item in again.entries("../../etc")] == ["../../etc"]
    assert again.entries("orders") == []
    assert not (tmp_path / "etc").exists()


def test_two_ledgers_are_two(tmp_path: Path) -> None:
    assert FolderLedger(tmp_path / "a", create=True).genesis != FolderLedger(tmp_path / "b", create=True).genesis


def test_the_newest_settings_of_all_chains(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path, create=True)
    assert ledger.newest_settings() is None
    ledger.append(entry(settings=Settings("1" * 64, 0)), {})
    assert ledger.newest_settings() is None
    ledger.append(entry(stack="a", settings=Settings("2" * 64, 5)), {})
    ledger.append(entry(stack="b", settings=Settings("3" * 64, 4)), {})
    assert ledger.newest_settings() == Settings("2" * 64, 5)


def test_what_is_not_a_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("x")
    for create in (False, True):
        with pytest.raises(EvidenceInvalid, match="no ledger"):
            FolderLedger(tmp_path, create=create)
    with pytest.raises(EvidenceInvalid, match="no ledger"):
        FolderLedger(tmp_path / "mistyped")


def test_a_clock_that_was_set_back_appends_nothing(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path, create=True)
    ledger.append(entry(), {})
    with pytest.raises(EvidenceInvalid, match="The clock says 2026-11-23T11:54:59Z"):
        ledger.append(entry(time="2026-11-23T11:54:59Z"), {})
    assert len(ledger.entries("payments")) == 1
    ledger.append(entry(time="2026-11-23T11:59:40Z"), {})
    assert [item.time for item in ledger.entries("payments")] == ["2026-11-23T12:00:00Z"] * 2


def test_a_folder_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path, create=True)
    for _ in range(3):
        ledger.append(entry(), {"decision": b"{}"})
    folder = tmp_path / "log" / "stack-payments"
    (folder / "0000000002.json").rename(folder / "x")
    with pytest.raises(EvidenceInvalid, match="gap"):
        ledger.entries("payments")
    (folder / "x").rename(folder / "0000000002.json")
    assert len(ledger.entries("payments")) == 3
    (folder / "0000000003.json").unlink()
    (folder / "0000000003.json").symlink_to(folder / "0000000002.json")
    with pytest.raises(EvidenceInvalid):
        ledger.entries("payments")
    evidence = tmp_path / "evidence" / "sha256" / canonical.digest(b"{}")
    evidence.write_bytes(b"[]")
    with pytest.raises(EvidenceInvalid, match="not what its name says"):
        ledger.append(entry(stack="orders"), {"decision": b"{}"})


def test_an_entry_of_another_form_is_refused() -> None:
    with pytest.raises(EvidenceInvalid, match="here"):
        decode(b"[]", "here")


APPEND = """
import sys
from pathlib import Path
from iacgate.evidence.folder import FolderLedger
from tests.evidence.test_ledger import entry
ledger = FolderLedger(Path(sys.argv[1]), create=True)
for _ in range(5):
    ledger.append(entry(), {"decision": sys.argv[2].encode()})
"""


def test_processes_that_append_at_the_same_time_leave_one_chain(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPEND, str(tmp_path / "ledger")]
    running = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    assert len(FolderLedger(tmp_path / "ledger").entries("payments")) == 20
