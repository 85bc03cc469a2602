"""Envelopes as text survive what people and mail programs do to them, and nothing is dropped in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.approval.armor import BEGIN, END, MAX_BLOCKS, MAX_TEXT, armored, envelopes_in
from iacgate.errors import SignatureInvalid


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4), st.text(max_size=40))
def test_blocks_are_found_in_whatever_stands_around_them(envelopes: list[bytes], around: str) -> None:
    noise = around.replace("-", "")
    text = noise.join(["", *map(armored, envelopes), ""])
    data = text.encode() if not text.lstrip().startswith("{") else b"." + text.encode()
    assert envelopes_in(data, "x") == envelopes


def test_a_quoted_block_is_found() -> None:
    text = "".join(f"> {line}\r\n" for line in armored(b"something").splitlines())
    assert envelopes_in(text.encode(), "x") == [b"something"]


def test_a_text_without_blocks_has_no_approvals() -> None:
    assert envelopes_in(b"Looks good to me!", "x") == envelopes_in(b"", "x") == []


def test_an_envelope_itself_is_one() -> None:
    assert envelopes_in(b' {"payload":"x"}\n', "x") == [b'{"payload":"x"}']


@pytest.mark.parametrize(
    "text",
    [
        BEGIN + "\nAAAA\n",
        armored(b"whole") + BEGIN + "\nAAAA\n",
        f"{BEGIN}\nnot base64!\n{END}",
        armored(b"x") * (MAX_BLOCKS + 1),
        "x" * (MAX_TEXT + 1),
    ],
)
def test_what_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(SignatureInvalid, match=r"comments\.txt"):
        envelopes_in(text.encode(), "comments.txt")
