"""Commit objects as hostile bytes: whom they name, and what is signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.approval.gitcommit import Commit, read_commit

NAME = "1" * 40
ANN = b"author Ann <ann@x> 1700000000 +0100"
BOB = b"committer Bob <bob@x> 1700000000 -0000"
TREE = b"tree " + b"2" * 40
SIGNATURE = b"gpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n \n -----END SSH SIGNATURE-----"


def commit(*headers: bytes, message: bytes = b"change\n", name: str = NAME) -> Commit:
    return read_commit(name, b"\n".join(headers or (TREE, ANN, BOB)) + b"\n\n" + message)


def test_what_git_writes_is_read() -> None:
    found = commit(TREE, ANN, BOB, SIGNATURE, b"encoding latin1", message=b"change\n\ngpgsig no\n")
    assert (found.author, found.committer) == ("ann@x", "bob@x")
    assert found.signature == b"-----BEGIN SSH SIGNATURE-----\nU1NI\n\n-----END SSH SIGNATURE-----"
    assert found.signed == b"\n".join((TREE, ANN, BOB, b"encoding latin1", b"", b"change", b"", b"gpgsig no", b""))


@pytest.mark.parametrize(
    ("author", "said"),
    [
        (b"author Ann <ann@x> <eve@x> 1 +0000", "Ann <ann@x> <eve@x> 1 +0000"),
        (b"author Ann <ann@x> 1 +0000\nauthor Eve <eve@x> 1 +0000", "Ann <ann@x> 1 +0000 and Eve <eve@x> 1 +0000"),
        (b"author Ann ann@x 1 +0000", "Ann ann@x 1 +0000"),
        (b"author Ann <> 1 +0000", "Ann <> 1 +0000"),
        (b"author Ann <ann@x>", "Ann <ann@x>"),
        (b"x-author Ann <ann@x> 1 +0000", "no author"),
        (b"author Ann < ann@x > 1 +0000", "ann@x"),
        (b"author Ann <" + b"a" * 300 + b"> 1 +0000", "a" * 254 + " ..."),
        (b"author \xff <\xff@x> 1 +0000", "\ufffd@x"),
    ],
)
def test_whoever_is_not_named_exactly_once_is_nobody(author: bytes, said: str) -> None:
    assert commit(TREE, author, BOB).author == said


def test_a_name_in_the_message_or_in_a_merged_tag_is_no_header() -> None:
    tag = b"mergetag object 1\n tagger Eve <eve@x> 1 +0000\n author Eve <eve@x> 1 +0000\n gpgsig x"
    found = commit(TREE, ANN, BOB, tag, message=b"author Eve <eve@x> 1 +0000\n")
    assert (found.author, found.signature, tag in found.signed) == ("ann@x", b"", True)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("x\n\nCo-authored-by: Bob <bob@x>\n", ["bob@x"]),
        ("x\n\nco-AUTHORED-by:Bob<bob@x>\r\n\nnot a trailer block\n", ["bob@x"]),
        ("x\n  Co-Authored-By : a <b@x>, c <d@x>\nCo-authored-by: a <b@x>", ["b@x", "d@x"]),
        ("x\nCo-authored-by: bob@x", ["bob@x"]),
        ("x\nCo-authored-by:\n", ["an empty co-author"]),
        ("x\x00y\nCo-authored-by: Bob <bob@x>", ["bob@x"]),
        ("said: Co-authored-by: Bob <bob@x>", []),
    ],
)
def test_co_authors_stand_anywhere_in_the_message(message: str, found: list[str]) -> None:
    assert list(commit(message=message.encode()).co_authors) == found


def test_where_a_commit_was_picked_from() -> None:
    text = (
        f"x\n\n(cherry picked from commit {NAME})\n(Cherry Picked from commit abcdef1)\n(cherry picked from commit x)"
    )
    assert commit(message=text.encode()).picked_from == (NAME, "abcdef1")


def test_a_message_of_blank_lines_is_read_at_once() -> None:
    assert commit(message=b"x\n" + b"\n" * (1 << 19) + b" " * (1 << 19)).picked_from == ()


def test_what_a_squash_quotes_counts_where_it_is_a_line_of_its_own() -> None:
    line = f"(cherry picked from commit {NAME})"
    squash = f"All of it (#7)\n\n* One\n\n{line}\r\n\n* Two\n"
    assert commit(message=squash.encode()).picked_from == (NAME,)
    for text in (f"said: {line}", f"{line} is wrong", f"> {line}", f"x{line}"):
        assert commit(message=f"All\n\n{text}\n".encode()).picked_from == ()


@pytest.mark.parametrize("headers", [(SIGNATURE, SIGNATURE), (b"gpgsig-sha256 x",), (SIGNATURE, b"gpgsig-sha256 x")])
def test_several_signatures_or_those_of_another_kind_are_none(headers: tuple[bytes, ...]) -> None:
    found = commit(TREE, ANN, BOB, *headers)
    assert not found.signature.startswith(b"-----BEGIN SSH SIGNATURE-----")
    assert found.signature
    assert found.signed == commit().signed


def test_a_repository_of_sha256_has_its_own_header() -> None:
    found = commit(TREE, ANN, BOB, SIGNATURE.replace(b"gpgsig", b"gpgsig-sha256"), name="1" * 64)
    assert found.signature.startswith(b"-----BEGIN SSH SIGNATURE-----")
    assert not commit(TREE, ANN, BOB, SIGNATURE, name="1" * 64).signature.startswith(b"-----")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_commit_of_somebody(data: bytes) -> None:
    found = read_commit(NAME, data)
    assert found.author
    assert found.committer
    assert len(found.signed) <= len(data)
