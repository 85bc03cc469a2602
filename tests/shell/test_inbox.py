"""The inbox: a file that cannot be read is named, and never left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iacgate.errors import EvidenceInvalid
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
