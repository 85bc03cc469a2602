"""What a folder can hold besides what was written: links, pipes, halves of files, nothing at all."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.folderstore import FolderStore

NOW = "2027-01-31T12:00:00Z"


def made(root: Path) -> FolderStore:
    return FolderStore(root, clock=lambda: NOW, create=True)


def test_no_folder_is_no_empty_store(tmp_path: Path) -> None:
    with pytest.raises(EvidenceInvalid) as raised:
        FolderStore(tmp_path / "x", clock=str)
    assert raised.value.hint
    (tmp_path / "file").touch()
    for create in (True, False):
        with pytest.raises(EvidenceInvalid):
            FolderStore(tmp_path / "file", clock=str, create=create)
        with pytest.raises(EvidenceInvalid):
            FolderStore(tmp_path / "file" / "below", clock=str, create=create)
    assert made(tmp_path / "a" / "b").listing("") == []
    assert FolderStore(tmp_path / "a" / "b", clock=lambda: NOW).now() == NOW


def test_a_folder_that_has_gone_is_not_made_again_and_nothing_is_absent(tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    shutil.rmtree(tmp_path / "store")
    for ask in (lambda: store.read("a", 1), lambda: store.listing(""), lambda: store.listing("a/")):
        with pytest.raises(EvidenceInvalid):
            ask()
    with pytest.raises(EvidenceInvalid):
        store.create("a/b", b"")
    assert not (tmp_path / "store").exists()


def test_others_may_read_whatever_the_umask_says_and_the_time_is_the_file_s(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        store = made(tmp_path / "new" / "store")
        assert store.create("a/b", b"x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "new" / "store" / path).stat().st_mode) for path in ("..", ".", "a", "a/b")]
    assert modes == [0o755, 0o755, 0o755, 0o644]
    os.utime(tmp_path / "new" / "store" / "a" / "b", (1801310400.9, 1801310400.9))
    (found,) = store.listing("")
    assert (found.key, found.version, found.size, found.modified) == ("a/b", "", 1, "2027-01-30T12:00:00Z")


def test_what_is_still_being_written_is_not_shown_or_read(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert store.create("a/b", b"x")
    (tmp_path / "a" / ".half").write_bytes(b"h")
    (tmp_path / ".whole").mkdir()
    (tmp_path / ".whole" / "c").write_bytes(b"h")
    assert [one.key for one in store.listing("")] == ["a/b"]
    for key in ("a/.half", ".whole/c"):
        with pytest.raises(EvidenceInvalid):
            store.read(key, 9)
        with pytest.raises(EvidenceInvalid):
            store.create(key, b"")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".half", "b"]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_bytes(b"s")
    (tmp_path / "store" / "folder").symlink_to(elsewhere)
    (tmp_path / "store" / "file").symlink_to(elsewhere / "secret")
    (tmp_path / "store" / "dangling").symlink_to(elsewhere / "nothing")
    for key in ("folder/secret", "file", "dangling", "folder"):
        with pytest.raises(EvidenceInvalid):
            store.read(key, 9)
        with pytest.raises(EvidenceInvalid):
            store.create(key, b"")
    for prefix in ("", "folder/", "file"):
        with pytest.raises(EvidenceInvalid):
            store.listing(prefix)
    assert [path.name for path in elsewhere.iterdir()] == ["secret"]


def test_pipes_are_not_waited_for_and_folders_are_no_objects(tmp_path: Path) -> None:
    store = made(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for key in ("pipe", "folder"):
        with pytest.raises(EvidenceInvalid):
            store.read(key, 9)
        assert not store.create(key, b"")
    with pytest.raises(EvidenceInvalid):
        store.listing("")


def test_a_file_in_the_place_of_a_folder_raises(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert store.create("a", b"")
    for ask in (lambda: store.create("a/b", b""), lambda: store.create("a/b/c", b""), lambda: store.read("a/b", 1)):
        with pytest.raises(EvidenceInvalid):
            ask()


def test_names_that_are_no_keys_are_shown_and_not_read(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert store.create("a", b"")
    (tmp_path / "b c").touch()
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n")).touch()
    assert [one.key for one in store.listing("")] == ["a", "b c", os.fsdecode(b"\xff\n")]
    with pytest.raises(EvidenceInvalid):
        store.read("b c", 1)


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(EvidenceInvalid, match="OSError"):
            store.create("a", b"x")
    assert list(tmp_path.iterdir()) == []
    assert store.create("a", b"x")


def test_folders_are_flushed_up_to_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path)
    flushed: list[str] = []
    real = os.fsync

    def spy(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink().relative_to(tmp_path)))
        real(handle)

    monkeypatch.setattr(os, "fsync", spy)
    assert store.create("a/b/c", b"x")
    folders = [name for name in flushed if not Path(name).name.startswith(".") or name == "."]
    assert folders[:2] == [".", "a"]
    assert folders[-3:] == ["a/b", "a", "."]


def test_a_folder_that_everybody_can_write_to_is_unfit(tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    assert store.problems() == []
    (tmp_path / "store").chmod(0o777)
    (problem,) = store.problems()
    assert "everybody" in problem
