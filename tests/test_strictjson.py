from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import strictjson
from iacgate.strictjson import DuplicateKeyError

keys = st.sampled_from(["a", "b", "<", "é", '"', "\u2028", "\n", ""])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


def as_go_writes_it(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


spellings = st.sampled_from(
    [
        as_go_writes_it,
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, indent=2, ensure_ascii=False).encode(),
        msgspec.json.encode,
    ]
)


@given(values, spellings)
def test_the_spelling_decides_nothing(value: Any, spell: Any) -> None:
    assert strictjson.decode(spell(value)) == value


def write(value: Any, twice: list[bool]) -> str:
    """Return JSON in which an object's first key stands twice, at the first object that is reached."""
    if isinstance(value, dict):
        members = list(value.items())
        if members and not twice:
            twice.append(True)
            members.append((members[0][0], 0))
        return "{" + ",".join(f"{json.dumps(key)}:{write(item, twice)}" for key, item in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item, twice) for item in value) + "]"
    return json.dumps(value)


@settings(max_examples=200)
@given(values)
def test_one_duplicate_anywhere_is_found(value: Any) -> None:
    twice: list[bool] = []
    text = write(value, twice).encode()
    if twice:
        with pytest.raises(DuplicateKeyError):
            strictjson.decode(text)
    else:
        assert strictjson.decode(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        '{"<":1,"\\u003c":2}',
        '[{"x":{"a":1,"b":2,"a":3}}]',
        ' { "a" : 1 , "a" : 2 } ',
        '{"":1,"":1}',
    ],
)
def test_duplicates_in_other_clothes(text: str) -> None:
    with pytest.raises(DuplicateKeyError):
        strictjson.decode(text.encode())


def test_the_error_names_the_key_apart_from_its_message() -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        strictjson.decode(b'{"secret":1,"secret":2}')
    assert caught.value.key == "secret"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b"1e999", b"1" * 5000, b'"\xff"', b'"\\ud800"', b"{} {}", b"[" * 9999, b'{"a":1,}']
)
def test_what_is_no_json_raises_what_is_promised(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        strictjson.decode(text)


def test_numbers_stay_exact() -> None:
    assert strictjson.decode(b"[1152921504606846977, 1180591620717411303424, 0.1]") == [2**60 + 1, 2**70, 0.1]


def test_member_names_are_those_of_the_outermost_object() -> None:
    assert strictjson.member_names(b'{"a":{"x":1,"y":2},"b":[{"z":1}],"a":0}') == ["a", "b", "a"]


def test_shallow_refusal_looks_at_one_object_only() -> None:
    found = strictjson.pairs(b'{"a":{"x":1,"x":2}}')
    strictjson.refuse_duplicates(found, deep=False)
    with pytest.raises(DuplicateKeyError):
        strictjson.refuse_duplicates(found, deep=True)
