from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.render.plain import fit, harmless, harmless_json, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb", "a\\e[31mb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202egnp.exe", "\\u{202e}gnp.exe"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("##[error]x", "# #[error]x"),
        ("###[x]", "# # #[x]"),
        ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
        ("##teamcity[x]", "# #teamcity[x]"),
        ("a#b", "a#b"),
        ("größe 数据", "größe 数据"),
        ("\udcff", "\\u{dcff}"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = harmless(text)
    assert "##[" not in shown
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text("#\x7f"))
def test_harmless_json_says_the_same_and_holds_nothing_to_obey(text: str, more: str) -> None:
    line = harmless_json(msgspec.json.encode([text, more]))
    assert msgspec.json.decode(line) == [text, more]
    assert b"##" not in line
    assert not {unicodedata.category(character) for character in line.decode()} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(), st.integers(1, 100))
def test_fit_never_takes_more_columns(text: str, columns: int) -> None:
    shown = fit(harmless(text), columns)
    assert width(shown) <= columns
    assert width(harmless(text)) > columns or shown == harmless(text)


def test_wide_and_combining_characters() -> None:
    assert width("数据") == 4
    assert width("e\u0301") == 1


@pytest.mark.parametrize("text", ["::error::x", "  ::error::x", "\t::stop-commands::x", "::"])
def test_no_text_begins_with_a_command(text: str) -> None:
    assert not harmless(text).lstrip().startswith("::")
    assert harmless("a::b") == "a::b"
