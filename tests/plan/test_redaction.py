from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from iacgate.conditions.values import SENSITIVE, UNKNOWN, Hidden, Value
from iacgate.plan.model import ChangeBody
from iacgate.plan.redaction import Redactor, after_of, before_of, narrowed, secrets_of, texts
from iacgate.plan.secrecy import HIDDEN_TEXT


def body(before: Any, mask: Any = None, after: Any = None, unknown: Any = None, after_mask: Any = None) -> ChangeBody:
    def raw(value: Any) -> Raw:
        return Raw(json.dumps(value, separators=(",", ":")).encode())

    return ChangeBody(
        actions=["update"],
        before=raw(before),
        after=raw(after),
        after_unknown=raw(unknown),
        before_sensitive=raw(mask),
        after_sensitive=raw(after_mask),
    )


@pytest.mark.parametrize(
    ("value", "mask", "sealed"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, False, {"a": 1}),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1}, True, UNKNOWN),
        ({"a": 1}, {"a": True}, {"a": UNKNOWN}),
        ({"a": 1}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        ({"a": [1, None]}, {"a": [False, True]}, {"a": [1, UNKNOWN]}),
        ({"a": []}, {"a": [False, {"b": True}]}, {"a": [None, {"b": UNKNOWN}]}),
        ({"a": [1]}, {"a": [False]}, {"a": [1]}),
        ({"a": None}, {"a": {"b": True}}, {"a": {"b": UNKNOWN}}),
        (None, {"a": True}, {"a": UNKNOWN}),
        (None, {"a": [{}]}, None),
        ({"a": [1]}, {"a": {"x": True}}, {"a": UNKNOWN}),
        ({"a": "p"}, {"a": {"x": True}}, {"a": UNKNOWN}),
        ({"a": 1}, [{"x": True}], UNKNOWN),
        ({"a": [1]}, {"a": {"x": False}}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": {"b": {"c": True}}}, {"a": {"b": UNKNOWN}}),
    ],
)
def test_masks_are_sparse_trees(value: Any, mask: Any, sealed: Value) -> None:
    assert after_of(body(None, after=value, unknown=mask), Redactor(), "x") == sealed


def test_sensitive_wins_over_unknown() -> None:
    change = body(None, after={}, unknown={"a": True}, after_mask={"a": True})
    assert after_of(change, Redactor(), "x") == {"a": SENSITIVE}


def test_a_narrowed_change_has_the_same_values_for_what_it_keeps() -> None:
    change = body(
        {"a": 1, "b": "AKIAIOSFODNN7EXAMPLE", "c": "s3cret-value"}, {"c": True, "a": False}, {"x": 1}, {"y": True}
    )
    kept = narrowed(change, frozenset({"b", "c", "y", "z"}), "x")
    for read in (before_of, after_of):
        everything = read(change, Redactor(), "x")
        assert read(kept, Redactor(), "x") == {
            name: value for name, value in everything.items() if name in {"b", "c", "y", "z"}
        }
    assert narrowed(change, None, "x") == change
    assert before_of(narrowed(body(None, {}), frozenset({"a"}), "x"), Redactor(), "x") is None


@pytest.mark.parametrize(
    "other",
    [
        body({"a": 2}, {}, {"a": 1}, {}),
        body({"a": 1}, {"a": True}, {"a": 1}, {}),
        body({"a": 1}, {}, {"a": 2}, {}),
        body({"a": 1}, {}, {"a": 1}, {"a": True}),
        body({"a": 1}, {}, {"a": 1}, {}, {"a": True}),
    ],
)
def test_what_makes_another_value_makes_another_text(other: ChangeBody) -> None:
    change = body({"a": 1}, {}, {"a": 1}, {})
    assert texts(change) != texts(other)
    assert texts(change) == texts(body({"a": 1}, {"a": False}, {"a": 1}, {}))


trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text("abcdefgh", min_size=8, max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "password"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def masks(value: Any) -> st.SearchStrategy[Any]:
    if isinstance(value, dict):
        return st.one_of(
            st.just(True), st.just(False), st.fixed_dictionaries({key: masks(item) for key, item in value.items()})
        )
    if isinstance(value, list):
        return st.one_of(st.just(True), st.just(False), st.tuples(*map(masks, value)).map(list))
    return st.booleans()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def covered(value: Any, mask: Any) -> Iterator[str]:
    if mask is True:
        yield from strings(value)
    elif isinstance(mask, dict):
        for key, inner in mask.items():
            yield from covered(value[key], inner)
    elif isinstance(mask, list):
        for item, inner in zip(value, mask, strict=True):
            yield from covered(item, inner)


@given(st.data())
def test_no_masked_string_is_left_anywhere_even_where_it_is_repeated(data: st.DataObject) -> None:
    value = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), trees, max_size=2))
    mask = data.draw(masks(value))
    secrets = set(covered(value, mask))
    change = body(value, mask, {"copy": value})
    redactor = Redactor(secrets_of(change, "x"))
    left = {*strings(before_of(change, redactor, "x")), *strings(after_of(change, redactor, "x"))}
    assert not left & secrets


@given(
    st.lists(st.text('abcxyz-é"\\\n', min_size=6, max_size=9), min_size=1, max_size=60),
    st.text("abcxyz- ", max_size=30),
    st.data(),
)
def test_clean_finds_every_secret_in_longer_texts(secrets: list[str], around: str, data: st.DataObject) -> None:
    secret = data.draw(st.sampled_from(secrets))
    cleaned = Redactor(secrets).clean(f"{around}{secret}{around}")
    assert secret not in cleaned.replace(HIDDEN_TEXT, "\0")


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "key: ghp_0123456789abcdefghijklmn",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
        "postgres://app:hunter2@db.example.com/app",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
        "xoxb-123456789012-abcdef",
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str) -> None:
    assert Redactor().seal({"tags": {"note": text}}) == {"tags": {"note": SENSITIVE}}
    assert HIDDEN_TEXT in Redactor().clean(f"see {text} there")


@pytest.mark.parametrize(
    "name", ["password", "db_password", "DB_PASSWORD", "client_secret", "private_key", "auth_token"]
)
def test_what_is_called_a_secret_is_hidden(name: str) -> None:
    assert Redactor().seal({name: "x"}) == {name: SENSITIVE}


@pytest.mark.parametrize(
    "value",
    [
        "arn:aws:iam::123456789012:role/app",
        "https://example.com/a",
        "eu-central-1",
        "sg-0123456789abcdef0",
        "",
        5,
        None,
    ],
)
def test_ordinary_values_are_shown(value: Any) -> None:
    assert Redactor().seal({"x": value, "secret_arn": "arn", "token_count": 3}) == {
        "x": value,
        "secret_arn": "arn",
        "token_count": 3,
    }


def test_short_and_common_words_are_not_looked_for_elsewhere() -> None:
    found = set(secrets_of(body({"a": "abc", "b": "production", "c": "s3cret-value", "d": 1234567}, True), "x"))
    assert found == {"s3cret-value", "1234567"}


def test_each_line_of_a_secret_is_a_secret() -> None:
    assert "second-line" in set(secrets_of(body({"a": "first-line\nsecond-line"}, True), "x"))


def test_markers_do_not_print_values() -> None:
    assert [repr(hidden) for hidden in Hidden] == [f"({hidden.value})" for hidden in Hidden]


@pytest.mark.parametrize(
    ("text", "hidden", "cleaned"),
    [
        ("(sensitive)", True, "(sensitive)"),
        ("(sensitive hmac-sha256:0123456789abcdef)", True, "(sensitive)"),
        ("see (sensitive hmac-sha256:0123456789abcdef)!", False, "see (sensitive)!"),
        ("(sensitive hmac-sha256:0123456789ABCDEF)", False, "(sensitive hmac-sha256:0123456789ABCDEF)"),
        ("(sensitive) (sensitive)", False, "(sensitive) (sensitive)"),
    ],
)
def test_what_stands_for_a_secret_in_a_stored_plan_is_hidden_again(text: str, hidden: bool, cleaned: str) -> None:
    assert Redactor().hides(text) is hidden
    assert Redactor().clean(text) == cleaned
    assert not set(secrets_of(body({"a": text}, True), "x")) & {
        "(sensitive)",
        "(sensitive hmac-sha256:0123456789abcdef)",
    }


def test_a_number_that_is_a_secret_is_hidden_wherever_it_is_repeated() -> None:
    change = body({"a": 1234567}, {"a": True}, {"b": 1234567, "c": [1234567, 5], "d": True, "e": 12345678})
    redactor = Redactor(secrets_of(change, "x"))
    assert after_of(change, redactor, "x") == {"b": SENSITIVE, "c": [SENSITIVE, 5], "d": True, "e": 12345678}
