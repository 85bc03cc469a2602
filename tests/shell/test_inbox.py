"""The inbox: a file that cannot be read is named, and never left out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.folderstore import FolderStore
from iacgate.shell.clock import now
from iacgate.shell.inbox import ENDING, Inbox, open_inbox
from iacgate.shell.submissions import submissions
from tests.support.memorystore import MemoryStore


def test_an_envelope_arrives_when_its_file_was_written(tmp_path: Path) -> None:
    path = Path(open_inbox(str(tmp_path)).put("chg-1", b"{}"))
    os.utime(path, (0, 1_700_000_000.9))
    (found,) = open_inbox(str(tmp_path)).received("chg-1")
    assert (found.data, found.arrived) == (b"{}", "2023-11-14T22:13:20Z")
    assert open_inbox(str(tmp_path)).received("chg-2") == []


def test_what_is_named_like_an_envelope_and_is_none_is_an_error(tmp_path: Path) -> None:
    path = Path(open_inbox(str(tmp_path)).put("chg-1", b"{}"))
    (path.parent / "note.txt").write_text("x")
    assert len(open_inbox(str(tmp_path)).received("chg-1")) == 1
    other = path.parent / f"other{ENDING}"
    other.symlink_to(path)
    with pytest.raises(EvidenceInvalid, match="other"):
        open_inbox(str(tmp_path)).received("chg-1")


def test_others_can_read_what_is_delivered(tmp_path: Path) -> None:
    assert Path(open_inbox(str(tmp_path)).put("chg-1", b"{}")).stat().st_mode & 0o777 == 0o644


def test_whoever_fills_an_inbox_up_hides_nothing(tmp_path: Path) -> None:
    inbox = open_inbox(str(tmp_path))
    place = Path(inbox.put("chg-1", b"{}")).parent
    for number in range(4_001):
        (place / f"-{number}").touch()
    with pytest.raises(UsageInvalid, match="more than 4000 files"):
        inbox.received("chg-1")


def test_what_nobody_delivers_is_shown_and_counts_for_nothing(tmp_path: Path) -> None:
    """In a bucket with versions it cannot be taken out again, and must stop nobody."""
    inbox = open_inbox(str(tmp_path))
    place = Path(inbox.put("chg-1", b"{}")).parent
    (place / "a b.approval.json").write_bytes(b"x")
    (place / "large.approval.json").write_bytes(b"x" * (65 << 10))
    assert sorted(item.data for item in inbox.received("chg-1")) == [b"", b"", b"{}"]


def test_too_many_plans_are_no_plans(tmp_path: Path) -> None:
    inbox = open_inbox(str(tmp_path))
    place = tmp_path / "plans" / "chg-1"
    place.mkdir(parents=True)
    for number in range(4_001):
        (place / f"-{number}").touch()
    with pytest.raises(UsageInvalid, match="too many plans"):
        inbox.fetch_plans("chg-1", tmp_path)


def test_a_seal_is_made_once_and_not_by_who_only_reads(tmp_path: Path) -> None:
    inbox = open_inbox(str(tmp_path))
    assert inbox.seal("shop", make=False).name == ""
    assert list(tmp_path.iterdir()) == []
    made = inbox.seal("shop", make=True)
    assert made.text == (tmp_path / "seals" / "stack-shop=").read_text()
    for make in (True, False):
        assert inbox.seal("shop", make=make).text == made.text
    assert inbox.seal("shop/prod", make=True).text != made.text
    assert sorted(path.name for path in (tmp_path / "seals").iterdir()) == ["stack-shop%2Fprod=", "stack-shop="]


def test_of_many_who_make_a_seal_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_inbox(str(tmp_path)).seal("shop", make=True).text, range(8)))
    assert len(set(found)) == 1
    assert len(found[0]) == 64


@pytest.mark.parametrize("content", ["", "0" * 63, "0" * 65, "Z" * 64])
def test_what_stands_in_the_place_of_a_seal_and_is_none_stops_everybody(tmp_path: Path, content: str) -> None:
    (tmp_path / "seals").mkdir()
    (tmp_path / "seals" / "stack-shop=").write_text(content)
    for make in (True, False):
        with pytest.raises(EvidenceInvalid):
            open_inbox(str(tmp_path)).seal("shop", make=make)


class NotWritable(MemoryStore):
    """A store that this identity may read."""

    def create(self, key: str, data: bytes) -> bool:
        raise EvidenceInvalid(f"{key}: could not write {len(data)} bytes (AccessDenied).")


def test_who_may_not_make_a_seal_uses_the_one_that_is_there() -> None:
    with pytest.raises(EvidenceInvalid, match="could not write"):
        Inbox(NotWritable()).seal("shop", make=True)
    store = NotWritable()
    store.overwrite("seals/stack-shop=", b"1" * 64)
    assert Inbox(store).seal("shop", make=True).text == "1" * 64


def test_a_listing_that_was_just_made_is_not_made_again_and_shows_no_other_change() -> None:
    store = MemoryStore()
    inbox = Inbox(store)
    for change in ("plan-1-a", "plan-1-b", "plan-1-ab"):
        inbox.put(change, change.encode())
    listed = inbox.listed("plan-1-")
    store.calls.clear()
    assert [item.data for item in inbox.received("plan-1-a", listed)] == [b"plan-1-a"]
    assert [kind for kind, _ in store.calls] == ["read"]


def test_what_another_change_was_sent_stops_no_listing(tmp_path: Path) -> None:
    inbox = Inbox(FolderStore(tmp_path, clock=now))
    inbox.put("plan-1-a", b"{}")
    (tmp_path / "approvals" / "other").mkdir()
    for place in ("link", "other/link", "plan-2-a"):
        (tmp_path / "approvals" / place).symlink_to(tmp_path)
    assert len(inbox.received("plan-1-a", inbox.listed("plan-1-"))) == 1


def test_plans_of_one_second_are_in_the_order_in_which_a_folder_got_them(tmp_path: Path) -> None:
    inbox = open_inbox(str(tmp_path / "inbox"), create=True)
    second = 1_700_000_000 * 10**9
    for name, nanoseconds in (("a", 999_999_998), ("b", 0), ("c", 999_999_999)):
        place = Path(inbox.put_plan("chg-1", name, {"tfplan": b"", "plan.json": b"", "change.json": b"{}"}))
        os.utime(place / "change.json", ns=(0, second + nanoseconds))
    (tmp_path / "out").mkdir()
    assert inbox.fetch_plans("chg-1", tmp_path / "out")
    assert [path.name for path in submissions(tmp_path / "out")] == ["c", "a", "b"]


def test_one_plan_of_a_change_is_fetched_by_its_name(tmp_path: Path) -> None:
    inbox = open_inbox(str(tmp_path / "inbox"), create=True)
    for name in ("a", "ab"):
        inbox.put_plan("chg-1", name, {"tfplan": b"", "plan.json": b"", "change.json": b"{}"})
    (tmp_path / "out").mkdir()
    assert not inbox.fetch_plans("chg-1", tmp_path / "out", "b")
    assert inbox.fetch_plans("chg-1", tmp_path / "out", "a")
    assert [path.name for path in submissions(tmp_path / "out")] == ["a"]
