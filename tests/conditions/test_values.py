from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.conditions.values import PROVIDER, SENSITIVE, UNKNOWN, Answer, Value, all_of, any_of, negate

ANSWERS: tuple[Answer, ...] = (True, False, None)
answers = st.sampled_from(ANSWERS)


@pytest.mark.parametrize(
    ("first", "second", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_kleenes_tables(first: Answer, second: Answer, both: Answer, either: Answer) -> None:
    for pair in itertools.permutations((first, second)):
        assert all_of(pair) is both
        assert any_of(pair) is either


def test_nothing_to_ask() -> None:
    assert all_of([]) is True
    assert any_of([]) is False


@given(st.lists(answers), st.data())
def test_learning_what_was_unknown_never_contradicts(parts: list[Answer], data: st.DataObject) -> None:
    learned = [data.draw(st.booleans()) if part is None else part for part in parts]
    for combine in (all_of, any_of):
        assert combine(parts) in (None, combine(learned))


@given(st.lists(answers, max_size=5))
def test_unknown_is_answered_only_where_both_answers_are_possible(parts: list[Answer]) -> None:
    choices = [(True, False) if part is None else (part,) for part in parts]
    for combine in (all_of, any_of):
        possible = {combine(choice) for choice in itertools.product(*choices)}
        assert combine(parts) is (possible.pop() if len(possible) == 1 else None)


@given(st.lists(answers), st.lists(answers))
def test_grouping_does_not_matter(first: list[Answer], second: list[Answer]) -> None:
    for combine in (all_of, any_of):
        assert combine([*first, *second]) is combine([combine(first), combine(second)])


def test_negation_is_its_own_inverse_and_keeps_unknown() -> None:
    assert [negate(negate(answer)) for answer in ANSWERS] == list(ANSWERS)
    assert negate(None) is None


def test_no_marker_is_equal_to_a_value() -> None:
    for marker in (UNKNOWN, PROVIDER, SENSITIVE):
        ordinary: list[Value] = [None, True, False, 0, "", marker.value, str(marker), [], {}]
        assert marker not in ordinary
