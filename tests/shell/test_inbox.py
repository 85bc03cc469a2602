"""The inbox: a file that cannot be read is named, and never left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.shell.inbox import ENDING, open_inbox


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
    for number in range(3_001):
        (place / f"-{number}").touch()
    with pytest.raises(UsageInvalid, match="too many plans"):
        inbox.fetch_plans("chg-1", tmp_path)
