"""Attack 13: an operator that may not see a value never guesses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iacgate.conditions.operators import OPERATORS, as_number, make_test, same
from iacgate.conditions.refs import has_hidden
from iacgate.conditions.values import PROVIDER, SENSITIVE, UNKNOWN, Answer, Value
from iacgate.errors import PackInvalid

EXAMPLES: dict[str, Any] = {
    "equals": "a",
    "one_of": ["a", 1],
    "at_least": 3,
    "at_most": 3,
    "matches": "a",
    "present": True,
    "contains": "a",
}
KNOWING = {"known", "left_to_provider"}


def test_every_operator_is_tested_here() -> None:
    assert set(EXAMPLES) | KNOWING == set(OPERATORS)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@pytest.mark.parametrize("hidden", [UNKNOWN, PROVIDER, SENSITIVE])
def test_hidden_is_unknown(name: str, hidden: Value) -> None:
    assert make_test(name, EXAMPLES[name], "test")(hidden) is None


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@pytest.mark.parametrize("wrong", [None, [], {}, [[]], {"x": 1}])
def test_a_value_that_the_operator_is_not_about_is_no_match(name: str, wrong: Value) -> None:
    answer = make_test(name, EXAMPLES[name], "test")(wrong)
    assert answer is (name == "present" and wrong not in (None, [], {}))


@pytest.mark.parametrize("value", [UNKNOWN, PROVIDER, SENSITIVE, None, "a", [UNKNOWN]])
def test_operators_about_knowledge_always_know(value: Value) -> None:
    for name in KNOWING:
        yes, no = (make_test(name, wanted, "test")(value) for wanted in (True, False))
        assert {yes, no} == {True, False}


scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "1", "true"]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)
arguments = st.one_of(
    st.tuples(st.sampled_from(["equals", "contains"]), values),
    st.tuples(st.just("one_of"), st.lists(values, min_size=1, max_size=2)),
    st.tuples(st.sampled_from(["at_least", "at_most"]), st.integers(-2, 2)),
    st.tuples(st.just("present"), st.booleans()),
    st.just(("matches", "a|1")),
)


def hide_somewhere(value: Value, data: st.DataObject) -> Value:
    """Return the value with itself or something in it hidden; more lies below than on top."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: hide_somewhere(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], hide_somewhere(value[at], data), *value[at + 1 :]]
    return data.draw(st.sampled_from([UNKNOWN, SENSITIVE]))


@settings(max_examples=600, deadline=None)
@given(arguments, values, st.data())
def test_hiding_any_part_never_changes_an_answer_but_to_unknown(
    operator: tuple[str, Any], value: Value, data: st.DataObject
) -> None:
    test = make_test(*operator, "test")
    assert test(hide_somewhere(value, data)) in (None, test(value))


@given(values, values)
def test_an_element_that_is_there_is_contained(value: Value, other: Value) -> None:
    assume(not has_hidden(value))
    assert make_test("contains", value, "test")([other, value]) is True


@pytest.mark.parametrize("wanted", [[1], {"a": 1}])
def test_an_element_of_which_a_part_is_hidden_may_be_the_one(wanted: Any) -> None:
    hidden = [[UNKNOWN]] if isinstance(wanted, list) else [{"a": UNKNOWN}]
    assert make_test("contains", wanted, "test")(hidden) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        ("-5", -5),
        ("5.5", 5.5),
        (10**30, 10**30),
        (True, None),
        ("", None),
        ("5-", None),
        ("1_000", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("1" * 65, None),
        ([5], None),
        (None, None),
    ],
)
def test_numbers(value: Value, number: int | float | None) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize(
    ("value", "wanted", "answer"),
    [
        ("true", True, True),
        ("True", True, False),
        (1, True, False),
        ("5", 5, True),
        ("5", "5.0", False),
        (5, 5.0, True),
        (None, None, True),
        ("", None, False),
        ("null", None, False),
    ],
)
def test_same(value: Value, wanted: Any, answer: bool) -> None:
    assert same(value, wanted) is answer


@pytest.mark.parametrize(
    ("text", "answer"), [("x" * 65_535 + "a", True), ("x" * 65_536, False), ("x" * 65_536 + "a", None)]
)
def test_a_text_too_long_to_be_searched_is_unknown(text: str, answer: Answer) -> None:
    assert make_test("matches", "a", "test")(text) is answer


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("one_of", []),
        ("one_of", "a"),
        ("one_of", {"a": 1}),
        ("at_least", None),
        ("at_least", True),
        ("at_least", [1]),
        ("at_most", float("nan")),
        ("at_most", float("inf")),
        ("matches", None),
        ("matches", "("),
        ("matches", "a{99999999999999}"),
        ("matches", "(" * 5000 + ")" * 5000),
        ("present", None),
        ("present", 1),
        ("known", "true"),
        ("left_to_provider", None),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(name: str, argument: Any) -> None:
    with pytest.raises(PackInvalid, match=rf"here: `{name}` wants"):
        make_test(name, argument, "here")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|b*)*c", "(x[a-z]{2,30})*", "(?:(?:a+)b?)+", "((a*){1,50})x"])
def test_a_repetition_of_repetitions_is_refused(pattern: str) -> None:
    with pytest.raises(PackInvalid, match="repeats what repeats itself"):
        make_test("matches", pattern, "test")


@pytest.mark.parametrize("pattern", ["([0-9]{1,3}\\.){3}", "a+b+c*", "(a+)?b", "(?i)^(x|y)+$"])
def test_a_repetition_of_something_plain_is_not(pattern: str) -> None:
    make_test("matches", pattern, "test")
