from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.compile import compile_condition
from iacgate.conditions.operators import OPERATORS
from iacgate.conditions.values import PROVIDER, SENSITIVE, UNKNOWN, Answer, Value
from iacgate.errors import PackInvalid

ROOTS = frozenset({"before", "after", "added", "removed", "change"})


def ask(spec: dict[str, Any], **subject: Value) -> Answer:
    return compile_condition(spec, ROOTS, "test").answer(subject)


@pytest.mark.parametrize(
    ("operator", "argument", "yes", "no"),
    [
        ("equals", True, [True, "true"], [False, "false", None, 1, "yes", [True]]),
        ("equals", 5, [5, 5.0, "5"], [6, "05a", None, True]),
        ("equals", "a", ["a"], ["A", None, 1, ["a"]]),
        ("equals", None, [None], ["", 0, False]),
        ("one_of", ["a", 1], ["a", 1, "1"], ["b", None, True]),
        ("at_least", 7, [7, 8, "7", 7.5], [6, "6", None, True, "x", [7]]),
        ("at_most", 0, [0, -1, "0"], [1, None, False]),
        ("matches", "^a.c$", ["abc"], ["xabc", None, 1, ["abc"]]),
        ("present", True, ["a", 0, False, [1]], [None, "", [], {}]),
        ("present", False, [None, "", [], {}], ["a", 0, False]),
        ("contains", "a", [["a"], ["b", "a"]], [["b"], [], "a", None]),
        ("known", True, [None, 1, SENSITIVE], [UNKNOWN, PROVIDER]),
        ("left_to_provider", True, [PROVIDER], [UNKNOWN, SENSITIVE, None, 1]),
    ],
)
def test_operators(operator: str, argument: Any, yes: list[Value], no: list[Value]) -> None:
    spec = {"value": "after.x", operator: argument}
    for value in yes:
        assert ask(spec, after={"x": value}) is True, value
    for value in no:
        assert ask(spec, after={"x": value}) is False, value


@pytest.mark.parametrize(
    "operator", [{"equals": 1}, {"one_of": [1]}, {"at_least": 1}, {"matches": "a"}, {"present": True}]
)
@pytest.mark.parametrize("hidden", [UNKNOWN, PROVIDER, SENSITIVE])
def test_hidden_values_are_unknown(operator: dict[str, Any], hidden: Value) -> None:
    assert ask({"value": "after.x", **operator}, after={"x": hidden}) is None
    assert ask({"value": "after.x.deeper", **operator}, after={"x": hidden}) is None
    assert ask({"value": "after.x[*].y", **operator}, after={"x": hidden}) is None


def test_stars_ask_every_element() -> None:
    spec = {"value": "after.rules[*].port", "equals": 22}
    assert ask(spec, after={"rules": [{"port": 80}, {"port": 22}]}) is True
    assert ask(spec, after={"rules": [{"port": 80}, {"port": UNKNOWN}]}) is None
    assert ask(spec, after={"rules": {"x": {"port": 22}}}) is True
    assert ask(spec, after={"rules": []}) is False
    assert ask(spec, after={}) is False


def test_added_and_removed() -> None:
    before, after = {"x": ["a", "b"]}, {"x": ["b", "c"]}
    assert ask({"value": "added.x", "equals": "c"}, before=before, after=after) is True
    assert ask({"value": "added.x", "equals": "b"}, before=before, after=after) is False
    assert ask({"value": "removed.x", "equals": "a"}, before=before, after=after) is True
    assert ask({"value": "added.x", "equals": "c"}, before=before, after={"x": UNKNOWN}) is None
    assert ask({"value": "added.x", "equals": "a"}, before=None, after={"x": "a"}) is True


def test_changed_and_lowered() -> None:
    assert ask({"changed": "x"}, before={"x": 1}, after={"x": 2}) is True
    assert ask({"changed": "x"}, before={"x": 1}, after={"x": 1}) is False
    assert ask({"changed": "x"}, before={"x": SENSITIVE}, after={"x": SENSITIVE}) is None
    assert ask({"lowered": "x"}, before={"x": 7}, after={"x": 1}) is True
    assert ask({"lowered": "x"}, before={"x": 7}, after={"x": UNKNOWN}) is None
    assert ask({"lowered": "x"}, before={"x": "7"}, after={"x": 8}) is False


def test_some_and_every() -> None:
    item = {"all": [{"value": "item.a", "equals": 1}, {"value": "item.b", "equals": 2}]}
    assert ask({"some": "after.x", "that": item}, after={"x": [{"a": 1, "b": 0}, {"a": 1, "b": 2}]}) is True
    assert ask({"some": "after.x", "that": item}, after={"x": [{"a": 1}, {"b": 2}]}) is False
    assert ask({"every": "after.x", "that": item}, after={"x": [{"a": 1, "b": UNKNOWN}]}) is None


def test_what_decided_is_located() -> None:
    spec = {"all": [{"value": "after.x[*].y", "equals": 1}, {"value": "change.action", "equals": "update"}]}
    condition = compile_condition(spec, ROOTS, "test")
    subject = {"after": {"x": [{"y": 0}, {"y": 1}]}, "change": {"action": "update"}}
    assert condition.locate(subject) == [("x[1].y", 1)]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        {},
        [],
        {"all": []},
        {"any": {}},
        {"not": None},
        {"value": "after.x"},
        {"value": "nowhere.x", "equals": 1},
        {"value": "after..x", "equals": 1},
        {"value": 1, "equals": 1},
        {"value": "after.x", "equals": 1, "matches": "a"},
        {"value": "after.x", "equal": 1},
        {"value": "after.x", "one_of": []},
        {"value": "after.x", "at_least": "many"},
        {"value": "after.x", "matches": "("},
        {"value": "after.x", "present": "yes"},
        {"some": "after.x"},
        {"some": "after.x", "that": {"value": "nowhere.x", "equals": 1}},
        {"exposes": {}},
        {"exposes": {"sources": []}},
        {"exposes": {"sources": ["a"], "to_ports": ["x"]}},
        {"exposes": {"sources": ["a"], "more": 1}},
        {"grants": {"policy": "policy"}},
        {"grants": {"policy": "policy", "newly": "everything"}},
    ],
)
def test_what_is_not_a_condition_is_refused_by_name(spec: Any) -> None:
    with pytest.raises(PackInvalid, match="where-it-is"):
        compile_condition(spec, ROOTS, "where-it-is")


def test_conditions_without_end_are_refused() -> None:
    """A YAML alias can name what it stands in."""
    for combine in (lambda inner: {"not": inner}, lambda inner: {"all": [inner]}):
        endless: dict[str, Any] = {}
        endless.update(combine(endless))
        with pytest.raises(PackInvalid, match="where-it-is"):
            compile_condition(endless, ROOTS, "where-it-is")
    endless = {"some": "after.x"}
    endless["that"] = endless
    with pytest.raises(PackInvalid, match="where-it-is"):
        compile_condition(endless, ROOTS, "where-it-is")


@pytest.mark.parametrize(
    "spec",
    [
        {"changed": None},
        {"changed": False},
        {"changed": []},
        {"lowered": None},
        {"grants": {"policy": None, "newly": "admin"}},
        {"grants": {"policy": "policy", "newly": []}},
        {"grants": {"policy": "policy", "newly": {}}},
        {"grants": {"policy": "policy", "newly": None}},
        {"grants": ["policy"]},
        {"every": "after.x", "that": {"all": []}},
        {"value": "after.x", "matches": "a{99999999999999}"},
        {"value": "after.x", "at_least": float("nan")},
        {1: 2},
        {None: None, "value": "after.x"},
    ],
)
def test_what_was_left_out_or_miswritten_is_refused_by_name(spec: Any) -> None:
    with pytest.raises(PackInvalid, match="where-it-is"):
        compile_condition(spec, ROOTS, "where-it-is")


def test_item_is_known_inside_an_element_only() -> None:
    inner = {"value": "item.x", "equals": 1}
    compile_condition({"some": "after.a", "that": {"some": "item.b", "that": inner}}, ROOTS, "test")
    with pytest.raises(PackInvalid, match="item"):
        compile_condition(inner, ROOTS, "test")


def test_elements_that_are_null_are_none() -> None:
    one = {"value": "item", "present": False}
    assert ask({"some": "after.x", "that": one}, after={"x": [None]}) is False
    assert ask({"every": "after.x", "that": one}, after={"x": []}) is True


json_like = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["after.x", "all", "value"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["all", "any", "not", "value", "equals", "some", "that", "exposes", "grants"]), inner
        ),
    ),
    max_leaves=8,
)
near_misses = st.one_of(
    st.builds(lambda argument: {"grants": argument}, st.fixed_dictionaries({"policy": json_like, "newly": json_like})),
    st.builds(
        lambda argument: {"exposes": argument},
        st.dictionaries(
            st.sampled_from(["rules", "sources", "protocol", "from_port", "ports", "where", "to_ports", "protocols"]),
            st.one_of(json_like, st.just(["a.b"]), st.just("a")),
        ),
    ),
    st.builds(
        lambda operator, argument: {"value": "after.x", operator: argument},
        st.sampled_from(sorted(OPERATORS)),
        json_like,
    ),
    st.builds(lambda operator, path: {operator: path}, st.sampled_from(["changed", "lowered"]), json_like),
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(json_like, near_misses))
def test_whatever_is_written_compiles_or_is_refused(spec: Any) -> None:
    try:
        condition = compile_condition(spec, ROOTS, "test")
    except PackInvalid:
        return
    assert condition.answer({"before": None, "after": {"x": 1}}) in (True, False, None)
