"""What differs between two objects, at which path, and whether it may be seen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from iacgate.change.attributes import attribute_path, covered, differing, same_text, show_path
from iacgate.errors import PackInvalid, PlanUnreadable
from iacgate.plan.model import ChangeBody

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
MASKS = st.recursive(
    st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


def body(before: object, after: object, **masks: object) -> ChangeBody:
    sides = {"before": before, "after": after, **masks}
    raw: dict[str, Any] = {name: Raw(msgspec.json.encode(value)) for name, value in sides.items()}
    return ChangeBody(actions=["update"], **raw)


def found(before: object, after: object, *, new: bool = False, **masks: object) -> list[tuple[str, str]]:
    return [(show_path(item.path), item.how) for item in differing(body(before, after, **masks), "x", new=new)]


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": 1}, {"a": "1"}, ["a"]),
        ({"a": 1}, {"a": 1.5}, ["a"]),
        ({"a": None}, {}, ["a"]),
        ({}, {"a": None}, ["a"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c"]),
        ({"a": {"b": 1}}, {"a": None}, ["a"]),
        ({"a": {"b.c": 1}}, {"a": {"b.c": 2}}, ['a["b.c"]']),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a[1].b"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a[0]", "a[1]"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": [1]}, {"a": []}, ["a"]),
        ({"a": []}, {"a": {}}, ["a"]),
        ({"a": ""}, {"a": None}, ["a"]),
    ],
)
def test_what_is_known_differs_at_its_own_path(before: object, after: object, paths: list[str]) -> None:
    assert found(before, after) == [(path, "known") for path in paths]


def test_numbers_are_compared_exactly() -> None:
    one = ChangeBody(
        actions=["update"],
        before=Raw(b'{"a": 0.1, "b": 9007199254740993, "c": 1e3}'),
        after=Raw(b'{"a": 0.10000000000000000000001, "b": 9007199254740992, "c": 1000.0}'),
    )
    assert [show_path(item.path) for item in differing(one, "x")] == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "after", "masks", "wanted"),
    [
        ({"a": 1}, {}, {"after_unknown": {"a": True}}, [("a", "unknown")]),
        ({"a": 1}, {"a": 1}, {"after_unknown": {"a": False}}, []),
        ({"a": [1, 2]}, {"a": [1, None]}, {"after_unknown": {"a": [False, True]}}, [("a[1]", "unknown")]),
        ({"a": [1]}, {"a": [1, None]}, {"after_unknown": {"a": [False, True]}}, [("a", "known"), ("a[1]", "unknown")]),
        ({"a": [1]}, {"a": [1]}, {"after_unknown": {"a": [False, True]}}, [("a", "unknown")]),
        ({"a": {}}, {"a": {}}, {"after_unknown": {"a": {"b": True}}}, [("a.b", "unknown")]),
        ({"a": None}, {}, {"after_unknown": {"a": [{"b": True}]}}, [("a", "known"), ("a[0].b", "unknown")]),
        ({"a": 1}, {"a": 1}, {"after_unknown": True}, [("the whole object", "unknown")]),
        ({"a": 1}, {"a": 1}, {"after_unknown": {"a": "yes"}}, [("a", "unknown")]),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {"after_unknown": {"a": [True]}}, [("a.b", "unknown")]),
    ],
)
def test_what_is_computed_at_apply_may_differ(
    before: object, after: object, masks: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    assert found(before, after, **masks) == wanted


HIDDEN = {"before_sensitive": {"a": True}, "after_sensitive": {"a": True}}


@pytest.mark.parametrize(
    ("before", "after", "masks", "wanted"),
    [
        ({"a": "s"}, {"a": "s"}, HIDDEN, []),
        ({"a": "s"}, {"a": "t"}, HIDDEN, [("a", "sensitive")]),
        ({"a": "s"}, {"a": "s"}, {"before_sensitive": {"a": True}}, [("a", "sensitive")]),
        ({"a": "s"}, {"a": "s"}, {"after_sensitive": {"a": True}}, [("a", "sensitive")]),
        ({"a": ["s"]}, {"a": ["s"]}, {**HIDDEN, "after_sensitive": {"a": [True]}}, [("a", "sensitive")]),
        ({"a": None}, {"a": None}, {"after_sensitive": {"a": True}}, []),
        ({"a": "s"}, {}, {**HIDDEN, "after_unknown": {"a": True}}, [("a", "unknown"), ("a", "sensitive")]),
        (
            {"a": {"b": "s"}},
            {"a": {}},
            {**HIDDEN, "after_unknown": {"a": {"b": True}}},
            [("a", "unknown"), ("a", "sensitive")],
        ),
        ({"a": ["s"]}, {"a": []}, {"before_sensitive": {"a": [True]}}, [("a", "known"), ("a[0]", "sensitive")]),
        ({"a": [1]}, {"a": [1]}, {"after_sensitive": {"a": [False, True]}}, [("a", "sensitive")]),
    ],
)
def test_a_secret_is_the_same_only_where_it_is_one_on_both_sides_and_equal(
    before: object, after: object, masks: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    assert found(before, after, **masks) == wanted


def test_of_a_new_object_what_is_null_or_empty_is_not_set() -> None:
    after: dict[str, Any] = {"a": None, "b": [], "c": {}, "d": {"e": 1, "f": None}, "g": False, "h": ""}
    masks = {"after_unknown": {"i": True, "c": {}}, "after_sensitive": {"a": True}}
    assert found(None, after, new=True, **masks) == [
        ("d.e", "known"),
        ("g", "known"),
        ("h", "known"),
        ("i", "unknown"),
    ]


@settings(deadline=None)
@given(OBJECTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert found(value, value) == []
    assert same_text(body(value, value))


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_something_differs_wherever_anything_does(before: dict[str, Any], after: dict[str, Any]) -> None:
    same = msgspec.json.encode(before, order="sorted") == msgspec.json.encode(after, order="sorted")
    assert (found(before, after) == []) == same


@settings(deadline=None)
@given(OBJECTS, OBJECTS, MASKS, MASKS, MASKS)
def test_a_mask_never_makes_less_differ(before: Any, after: Any, unknown: Any, was_secret: Any, secret: Any) -> None:
    masks = {"after_unknown": unknown, "before_sensitive": was_secret, "after_sensitive": secret}
    plain = [item.path for item in differing(body(before, after), "x")]
    masked = [item.path for item in differing(body(before, after, **masks), "x")]
    for path in plain:  # it is said there, or of what it stands in
        assert any(path[: len(said)] == said for said in masked)


@settings(deadline=None)
@given(OBJECTS, OBJECTS, st.sets(st.sampled_from("abc")))
def test_paths_take_in_all_that_differs_exactly_where_the_rest_is_equal(
    before: dict[str, Any], after: dict[str, Any], allowed: set[str]
) -> None:
    paths = [attribute_path(name, "x") for name in allowed]
    rest = [{key: value for key, value in side.items() if key not in allowed} for side in (before, after)]
    inside = all(covered(item.path, paths) for item in differing(body(before, after), "x"))
    assert inside == (found(*rest) == [])


@pytest.mark.parametrize(
    ("path", "by", "inside"),
    [
        (("a",), "a", True),
        (("a", "b"), "a", True),
        (("a",), "a.b", False),
        (("ab",), "a", False),
        (("a", 0, "b"), "a[*].b", True),
        (("a", "k", "b"), "a[*].b", True),
        (("a", 0, "c"), "a[*].b", False),
        (("a",), "a[*]", False),
        (("a", 0), "a[*]", True),
        (("a", "b.c"), 'a["b.c"]', True),
        (("a", "b", "c"), 'a["b.c"]', False),
        ((), "a", False),
        (("[*]",), "a", False),
    ],
)
def test_a_path_takes_in_what_stands_below_it(path: tuple[Any, ...], by: str, inside: bool) -> None:
    assert covered(path, [attribute_path(by, "x")]) is inside


def test_the_whole_object_takes_in_nothing() -> None:
    assert not covered(("a",), [()])


@pytest.mark.parametrize("text", ["", "*", "[*]", "a..b", "a[0]", "a.", 'a[""]', "a b", "after a"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PackInvalid, match="not a reference"):
        attribute_path(text, "x")


def test_a_path_is_shown_short_and_in_ascii_where_it_is_odd() -> None:
    assert show_path(("a", "\x1b[31m", 3)) == 'a["\\u001b[31m"][3]'
    assert len(show_path(["a" * 150] * 1000)) == 200


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b'{"a":1e99999999999999999999}', b"{"])
def test_what_cannot_be_read_exactly_is_refused(text: bytes) -> None:
    with pytest.raises(PlanUnreadable, match="here"):
        list(differing(ChangeBody(actions=["update"], before=Raw(b"{}"), after=Raw(text)), "here"))
