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


def test_links_and_what_else_lies_there_are_no_envelopes(tmp_path: Path) -> None:
    path = FolderInbox(tmp_path).put("chg-1", b"{}")
    (path.parent / f"link{ENDING}").symlink_to(path)
    (path.parent / f"folder{ENDING}").mkdir()
    (path.parent / "note.txt").write_text("x")
    assert len(FolderInbox(tmp_path).received("chg-1")) == 1
