from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.compile import compile_condition
from iacgate.conditions.refs import all_reads, has_hidden, parse_path, parse_ref
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Answer, Value
from iacgate.errors import PackInvalid

ROOTS = frozenset({"before", "after", "added", "removed", "change"})


def located(text: str, before: Value = None, after: Value = None) -> list[tuple[str, Value]]:
    return parse_ref(text, ROOTS, "test").locate({"before": before, "after": after})


def ask(spec: dict[str, Any], before: Value, after: Value) -> Answer:
    return compile_condition(spec, ROOTS, "test").answer({"before": before, "after": after})


@pytest.mark.parametrize(
    ("text", "after", "found"),
    [
        ("after", {"a": 1}, [("", {"a": 1})]),
        ("after.a", {"a": 1}, [("a", 1)]),
        ("after.a", {}, [("a", None)]),
        ("after.a", None, [("a", None)]),
        ("after.a", UNKNOWN, [("", UNKNOWN)]),
        ("after.a.b", {"a": {"b": 2}}, [("a.b", 2)]),
        ("after.a.b", {"a": [{"b": 2}]}, [("a.b", None)]),
        ("after.a.b", {"a": "text"}, [("a.b", None)]),
        ("after.a.b", {"a": SENSITIVE}, [("a", SENSITIVE)]),
        ("after.a[*]", {"a": [1, None]}, [("a[0]", 1), ("a[1]", None)]),
        ("after.a[*]", {"a": {"x": 1}}, [('a["x"]', 1)]),
        ("after.a[*]", {"a": "one"}, [("a[0]", "one")]),
        ("after.a[*]", {"a": None}, []),
        ("after.a[*]", {"a": []}, []),
        ("after.a[*].b", {"a": [{"b": 1}, {}, UNKNOWN]}, [("a[0].b", 1), ("a[1].b", None), ("a[2]", UNKNOWN)]),
        ("after.a[*].b[*]", {"a": [{"b": [1, 2]}, {"b": 3}]}, [("a[0].b[0]", 1), ("a[0].b[1]", 2), ("a[1].b[0]", 3)]),
        ("after[*]", {"a": 1}, [('["a"]', 1)]),
    ],
)
def test_what_a_reference_names(text: str, after: Value, found: list[tuple[str, Value]]) -> None:
    assert located(text, after=after) == found
    assert parse_ref(text, ROOTS, "test").values({"after": after}) == [value for _, value in found]


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        ({"x": ["a"]}, {"x": ["a", "b"]}, ["b"], []),
        ({"x": ["a", "b"]}, {"x": ["b", "a"]}, [], []),
        ({"x": ["a", "a"]}, {"x": ["a"]}, [], []),
        ({"x": "a"}, {"x": "b"}, ["b"], ["a"]),
        ({"x": 1}, {"x": True}, [True], [1]),
        ({"x": {"k": 1, "l": 2}}, {"x": {"l": 2, "k": 1}}, [], []),
        ({}, {"x": ["a", None]}, ["a"], []),
        (None, {"x": "a"}, ["a"], []),
        ({"x": "a"}, None, [], ["a"]),
        ({"x": ["a"]}, {"x": UNKNOWN}, [UNKNOWN], ["a"]),
        ({"x": [SENSITIVE]}, {"x": [SENSITIVE]}, [SENSITIVE], [SENSITIVE]),
        ({"x": [{"k": SENSITIVE}]}, {"x": [{"k": SENSITIVE}]}, [{"k": SENSITIVE}], [{"k": SENSITIVE}]),
    ],
)
def test_what_is_added_and_removed(before: Value, after: Value, added: list[Value], removed: list[Value]) -> None:
    assert [value for _, value in located("added.x", before, after)] == added
    assert [value for _, value in located("removed.x", before, after)] == removed


@pytest.mark.parametrize("hidden", [UNKNOWN, [UNKNOWN], ["a", SENSITIVE], [{"k": SENSITIVE}]])
def test_what_may_have_been_there_before_is_not_surely_added(hidden: Value) -> None:
    before, after = {"x": hidden}, {"x": ["b"]}
    assert ask({"value": "added.x", "equals": "b"}, before, after) is None
    assert ask({"not": {"value": "added.x", "equals": "b"}}, before, after) is None
    assert ask({"some": "added.x", "that": {"value": "item", "equals": "b"}}, before, after) is None
    assert ask({"every": "added.x", "that": {"value": "item", "equals": "c"}}, before, after) is None
    assert ask({"value": "removed.x", "equals": "b"}, after, before) is None
    assert ask({"value": "added.x", "equals": "c"}, before, after) is False
    assert ask({"every": "added.x", "that": {"value": "item", "equals": "b"}}, before, after) is True


scalars = st.sampled_from(["a", "b", 1, None])
sides = st.lists(st.one_of(scalars, st.fixed_dictionaries({"k": scalars})), max_size=3)
tests = st.sampled_from(
    [
        {"value": "ROOT.x", "equals": "a"},
        {"value": "ROOT.x", "present": True},
        {"value": "ROOT.x[*].k", "equals": "a"},
        {"some": "ROOT.x", "that": {"value": "item", "equals": "a"}},
        {"every": "ROOT.x", "that": {"value": "item", "one_of": ["a", 1]}},
        {"some": "ROOT.x", "that": {"not": {"value": "item.k", "equals": "b"}}},
    ]
)


@settings(max_examples=400, deadline=None)
@given(tests, st.sampled_from(["added", "removed"]), sides, sides, st.data())
def test_hiding_an_element_on_either_side_never_changes_an_answer_but_to_unknown(
    spec: dict[str, Any], root: str, before: list[Value], after: list[Value], data: st.DataObject
) -> None:
    spec = {key: value.replace("ROOT", root) if isinstance(value, str) else value for key, value in spec.items()}
    subject: dict[str, Value] = {"before": {"x": before}, "after": {"x": after}}
    side = data.draw(st.sampled_from(["before", "after"]))
    elements = subject[side]["x"]
    at = data.draw(st.integers(0, len(elements)))
    if at == len(elements):
        hidden: Value = UNKNOWN
    elif isinstance(elements[at], dict):
        hidden = [*elements[:at], {"k": SENSITIVE}, *elements[at + 1 :]]
    else:
        hidden = [*elements[:at], SENSITIVE, *elements[at + 1 :]]
    condition = compile_condition(spec, ROOTS, "test")
    assert condition.answer({**subject, side: {"x": hidden}}) in (None, condition.answer(subject))


@pytest.mark.parametrize(
    "text",
    ["", ".", "after.", "after..a", "after.a[0]", "after.a[*", "after a", "after.é", "1", None, 1, [], "other.a"],
)
def test_what_is_no_reference_is_refused_by_name(text: Any) -> None:
    with pytest.raises(PackInvalid, match="here"):
        parse_ref(text, ROOTS, "here")


@pytest.mark.parametrize("path", [None, 0, False, [], {}, True, "a..b", ".a"])
def test_what_is_no_path_is_refused_by_name(path: Any) -> None:
    with pytest.raises(PackInvalid, match="here"):
        parse_path(path, "here")


def test_reads() -> None:
    assert parse_ref("after.a.b", ROOTS, "").reads == frozenset({"a"})
    assert parse_ref("added.a[*]", ROOTS, "").reads == frozenset({"a"})
    assert parse_ref("after", ROOTS, "").reads is None
    assert parse_ref("after[*].a", ROOTS, "").reads is None
    assert parse_ref("change.action", ROOTS, "").reads == frozenset()
    assert all_reads([frozenset({"a"}), frozenset({"b"})]) == frozenset({"a", "b"})
    assert all_reads([frozenset({"a"}), None]) is None


def test_hidden_at_any_depth() -> None:
    assert has_hidden([{"a": [{"b": UNKNOWN}]}])
    assert not has_hidden([{"a": [{"b": "unknown"}]}])


@pytest.mark.parametrize("root", ["after", "added"])
def test_a_reference_that_begins_with_all_attributes_names_them(root: str) -> None:
    assert ask({"value": f"{root}[*]", "equals": "x"}, {}, {"a": "x"}) is True
    assert ask({"value": f"{root}[*]", "equals": "x"}, {}, {"a": "y"}) is False
