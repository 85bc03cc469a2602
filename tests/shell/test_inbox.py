"""The inbox: a file that cannot be read is named, and never left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell.inbox import ENDING, FolderInbox


def test_an_envelope_arrives_when_its_file_was_written(tmp_path: Path) -> None:
    path = FolderInbox(tmp_path).put("chg-1", b"{}")
    os.utime(path, (0, 1_700_000_000.9))
    (found,) = FolderInbox(tmp_path).received("chg-1")
    assert (found.data, found.arrived) == (b"{}", "2023-11-14T22:13:20Z")
    assert FolderInbox(tmp_path).received("chg-2") == []


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OverflowError("a time that no clock shows")])
def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    path = FolderInbox(tmp_path).put("chg-1", b"{}")

    def refuse(*_arguments: Any, **_more: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageInvalid) as caught:
        FolderInbox(tmp_path).received("chg-1")
    assert str(path) in caught.value.message


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_named_like_an_envelope_and_is_none_is_an_error(tmp_path: Path, kind: str) -> None:
    path = FolderInbox(tmp_path).put("chg-1", b"{}")
    (path.parent / "note.txt").write_text("x")
    assert len(FolderInbox(tmp_path).received("chg-1")) == 1
    other = path.parent / f"other{ENDING}"
    other.symlink_to(path) if kind == "link" else other.mkdir()
    with pytest.raises(UsageInvalid, match="other"):
        FolderInbox(tmp_path).received("chg-1")


def test_others_can_read_what_is_delivered(tmp_path: Path) -> None:
    assert FolderInbox(tmp_path).put("chg-1", b"{}").stat().st_mode & 0o777 == 0o644
