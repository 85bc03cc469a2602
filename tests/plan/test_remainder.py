"""What is left of a plan: the same changes, with what was not known then known by now, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from iacgate.plan.model import ChangeBody
from iacgate.plan.remainder import _covered, _same_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_the_same_is_covered(value: object) -> None:
    assert _covered(value, None, value, None)
    assert _covered(value, {}, value, {})


@given(JSON, JSON)
def test_what_differs_is_covered_only_where_it_was_not_known(value: object, other: object) -> None:
    assert _covered(value, True, other, None)
    same = msgspec.json.encode(value, order="sorted") == msgspec.json.encode(other, order="sorted")
    assert _covered({"a": value}, {}, {"a": other}, {}) == same


@pytest.mark.parametrize(
    ("whole", "unknown", "rest", "still", "covered"),
    [
        ({"a": 1}, {"b": True}, {"a": 1, "b": "x"}, {}, True),
        ({"a": 1}, {"b": True}, {"a": 1}, {"b": True}, True),
        ({"a": 1}, {"b": True}, {"a": 2, "b": "x"}, {}, False),
        ({"a": 1}, {}, {"a": 1, "c": 2}, {}, False),
        ({"a": 1}, {}, {}, {"a": True}, False),
        ({"a": [1, None]}, {"a": [False, True]}, {"a": [1, 2]}, {}, True),
        ({"a": [1, None]}, {"a": [False, True]}, {"a": [3, 2]}, {}, False),
        ({"a": [1]}, {}, {"a": [1, 2]}, {}, False),
        ({"a": 1}, {}, {"a": True}, {}, False),
        ({"a": {"b": 1}}, {}, {"a": None}, {}, False),
        (None, None, {}, None, False),
    ],
)
def test_cases(whole: object, unknown: object, rest: object, still: object, covered: bool) -> None:
    assert _covered(whole, unknown, rest, still) == covered


def body(**more: object) -> ChangeBody:
    said = {"actions": ["create"], "before": None, "after": {"a": 1}, "after_unknown": {"id": True}, **more}
    raw: dict[str, Any] = {name: Raw(msgspec.json.encode(value)) for name, value in said.items() if name != "actions"}
    return ChangeBody(actions=["create"] if said["actions"] == ["create"] else ["delete", "create"], **raw)


def test_a_change_is_compared_whole() -> None:
    assert _same_body(body(), body(), "x")
    assert _same_body(body(after={"a": 1, "id": "x"}, after_unknown={}), body(), "x")
    assert not _same_body(body(actions=["delete", "create"]), body(), "x")
    assert not _same_body(body(before={"a": 0}), body(), "x")
    assert not _same_body(body(replace_paths=[["a"]]), body(), "x")
    assert not _same_body(msgspec.structs.replace(body(), before=UNSET), body(), "x")
