"""What both stores do alike: one writer wins, nothing is replaced, keys lead nowhere else, listings are in order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from iacgate import instants
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.store import Store, byte_order, check_prefix, together
from iacgate.shell import clock
from tests.conftest import ROOT

WRITERS = 8
CREATE = """
import sys
from pathlib import Path
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.s3 import S3Store
store = S3Store(sys.argv[1]) if sys.argv[1].startswith("s3:") else FolderStore(Path(sys.argv[1]), clock=str)
print("ready", flush=True)
sys.stdin.readline()
print(store.create("race/of/processes", sys.argv[2].encode()))
"""
LEADS_ELSEWHERE = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "..",
    "../a",
    "a/../b",
    ".",
    "a/.",
    "a b",
    "a\n",
    "a\0b",
    "a\\b",
    "ä",
    "a?b",
    "a#b",
    "x" * 201,
    "/".join("x" * 200 for _ in range(5)),
]


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store of each kind."""
    if request.param == "folder":
        return FolderStore(tmp_path / "store", clock=clock.now, create=True)
    bucket: Callable[..., S3Store] = request.getfixturevalue("bucket")
    return bucket()


def test_what_is_there_is_not_written_again(store: Store) -> None:
    assert store.create("a/b", b"first")
    assert not store.create("a/b", b"second")
    assert not store.create("a/b", b"first")
    assert store.read("a/b", 5) == b"first"
    assert len(store.listing("")) == 1


def test_an_empty_object_is_one(store: Store) -> None:
    assert store.create("empty", b"")
    assert not store.create("empty", b"now it is not")
    assert store.read("empty", 0) == b""


def test_what_is_not_there(store: Store) -> None:
    assert store.read("a/b", 5) is None
    assert store.read("a/b", 5, "6714f79809cfbbbbcf2032b17ef52a8c") is None
    assert store.listing("") == store.listing("a/") == store.listing("a/b") == []


def test_more_bytes_than_the_limit_raise(store: Store) -> None:
    assert store.create("a", b"12345")
    assert store.read("a", 5) == b"12345"
    with pytest.raises(EvidenceInvalid, match="more than 4 bytes"):
        store.read("a", 4)


def test_a_listing_is_in_the_order_of_bytes_with_sizes_and_times(store: Store) -> None:
    keys = ["a/b", "a-b", "a.b", "a/a", "a0", "a%", "a=", "A/b", "a_", "b", "a/c/d"]
    before = store.now()
    for key in keys:
        assert store.create(key, key.encode() * 3)
    after = store.now()
    found = store.listing("")
    assert [one.key for one in found] == sorted(keys, key=byte_order)
    assert [one.size for one in found] == [3 * len(one.key) for one in found]
    assert not any(one.marker for one in found)
    for one in found:  # a file system's clock may lag a tick behind
        assert instants.seconds(before) - 1 <= instants.seconds(one.modified) <= instants.seconds(after)
        assert store.read(one.key, 100, one.version) == one.key.encode() * 3
    assert [one.key for one in store.listing("a/")] == ["a/a", "a/b", "a/c/d"]
    assert [one.key for one in store.listing("a")] == sorted((k for k in keys if k[0] == "a"), key=byte_order)
    assert [one.key for one in store.listing("a/c/d")] == ["a/c/d"]


def test_a_limit_takes_the_first(store: Store) -> None:
    for number in (3, 1, 2, 5, 4):
        assert store.create(f"log/{number}", b"")
    assert [one.key for one in store.listing("log/", 2)] == ["log/1", "log/2"]
    assert [one.key for one in store.listing("log/", 9)] == [f"log/{number}" for number in range(1, 6)]


@pytest.mark.parametrize("key", LEADS_ELSEWHERE)
def test_keys_that_lead_elsewhere(store: Store, key: str) -> None:
    with pytest.raises(EvidenceInvalid):
        store.create(key, b"")
    with pytest.raises(EvidenceInvalid):
        store.read(key, 1)


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "/a", "a//", "..", "a/..", "a b", "*"])
def test_prefixes_that_lead_elsewhere(store: Store, prefix: str) -> None:
    with pytest.raises(EvidenceInvalid):
        store.listing(prefix)
    assert check_prefix("a/b") == "a/b"


def test_of_many_threads_one_writes(store: Store) -> None:
    for number in range(3):  # where writers race, SeaweedFS waits whole seconds
        barrier = Barrier(WRITERS)

        def create(who: int, key: str, barrier: Barrier) -> bool:
            barrier.wait()
            return store.create(key, b"%d" % who)

        with ThreadPoolExecutor(WRITERS) as pool:
            key = f"race/{number}"
            written = list(pool.map(lambda who, key=key, barrier=barrier: create(who, key, barrier), range(WRITERS)))
        assert sorted(written) == [False] * (WRITERS - 1) + [True]
        assert store.read(key, 9) == b"%d" % written.index(True)
    assert len(store.listing("race/")) == 3


def test_of_many_processes_one_writes(store: Store, environment: dict[str, str]) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, store.name, str(number)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    try:
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
        said = together([partial(_go, writer) for writer in writers])
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert sorted(said) == ["False\n"] * (WRITERS - 1) + ["True\n"]
    assert store.read("race/of/processes", 9) == str(said.index("True\n")).encode()
    assert len(store.listing("race/")) == 1


def _go(writer: subprocess.Popen[str]) -> str:
    return writer.communicate("go\n", 60)[0]


def test_only_a_bucket_is_independent(store: Store) -> None:
    assert store.independent == isinstance(store, S3Store)
    assert instants.is_instant(store.now())
