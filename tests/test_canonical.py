from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from iacgate.canonical import canonical_json, digest, digest_joined, digest_named, keyed_digest

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_the_order_of_keys_decides_nothing_and_nothing_is_lost(value: Any) -> None:
    assert canonical_json(value) == canonical_json(reordered(value))
    assert json.loads(canonical_json(value)) == value


def test_the_form() -> None:
    assert canonical_json({"b": [1, None], "a": "é<"}) == '{"a":"é<","b":[1,null]}'.encode()


def test_digests_are_sha256_in_hexadecimal() -> None:
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert digest(memoryview(b"abc")) == digest(bytearray(b"abc")) == digest(b"abc")


parts = st.lists(st.sampled_from([Raw(b"1"), Raw(b"12"), Raw(b'"1,2"'), Raw(b"[1,2]"), Raw(b"null")]), max_size=9)


@given(parts, st.integers(1, 4))
def test_how_many_are_joined_at_a_time_decides_nothing(found: list[Raw], size: int) -> None:
    assert digest_joined(found, size) == digest_joined(found)


@given(parts, parts)
def test_joined_digests_tell_lists_apart(first: list[Raw], second: list[Raw]) -> None:
    same = list(map(bytes, first)) == list(map(bytes, second))
    assert (digest_joined(first) == digest_joined(second)) is same


@pytest.mark.parametrize("other", [{"a": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "2", "c": ""}])
def test_named_digests(other: dict[str, str]) -> None:
    assert digest_named({"a": "1", "b": "2"}) == digest_named({"b": "2", "a": "1"}) != digest_named(other)


def test_a_keyed_digest_is_hmac() -> None:
    """The second test case of RFC 4231."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert keyed_digest(b"what do ya want for nothing?", b"Jefe") == expected
