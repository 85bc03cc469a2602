"""Attack 13: what is hidden never makes a condition say no where a value could make it say yes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iacgate.conditions.compile import compile_condition
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Value, all_of, any_of, negate

ROOTS = frozenset({"before", "after", "added", "removed", "change"})
NAMES = ("a", "b", "c")

scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "b", "1", "true"]))
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.lists(st.dictionaries(st.sampled_from(NAMES), scalars), max_size=2)
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)
answers = st.sampled_from([True, False, None])

references = st.builds(
    lambda root, path: f"{root}.{path}",
    st.sampled_from(["before", "after"]),
    st.sampled_from(["a", "b", "c", "a[*]", "b[*]", "a[*].b", "b[*].c"]),
)
leaves = st.one_of(
    st.builds(lambda ref, value: {"value": ref, "equals": value}, references, scalars),
    st.builds(
        lambda ref, items: {"value": ref, "one_of": items}, references, st.lists(scalars, min_size=1, max_size=3)
    ),
    st.builds(lambda ref, number: {"value": ref, "at_least": number}, references, st.integers(-1, 1)),
    st.builds(lambda ref, number: {"value": ref, "at_most": number}, references, st.integers(-1, 1)),
    st.builds(lambda ref: {"value": ref, "matches": "a|1"}, references),
    st.builds(lambda ref, wanted: {"value": ref, "present": wanted}, references, st.booleans()),
    st.builds(lambda ref, item: {"value": ref, "contains": item}, references, scalars),
    st.builds(lambda path: {"changed": path}, st.sampled_from(NAMES)),
    st.builds(lambda path: {"lowered": path}, st.sampled_from(NAMES)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(
            lambda word, ref, part: {word: ref, "that": part},
            st.sampled_from(["some", "every"]),
            st.sampled_from(["after.a", "before.b"]),
            inner,
        ),
    ),
    max_leaves=5,
)


def places(value: Value, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every node below the object, containers included."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def replaced(value: Value, path: tuple[Any, ...], new: Value) -> Value:
    result = copy.deepcopy(value)
    node = result
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = new
    return result


@settings(max_examples=600, deadline=None)
@given(conditions, objects, objects, st.data())
def test_hiding_a_value_never_changes_an_answer_but_to_unknown(
    spec: dict[str, Any], before: Value, after: Value, data: st.DataObject
) -> None:
    condition = compile_condition(spec, ROOTS, "test")
    side = data.draw(st.sampled_from(["before", "after"]))
    subject: dict[str, Value] = {"before": before, "after": after}
    paths = list(places(subject[side]))
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    hidden = {**subject, side: replaced(subject[side], path, data.draw(st.sampled_from([UNKNOWN, SENSITIVE])))}
    assert condition.answer(hidden) in (None, condition.answer(subject))


@settings(max_examples=300, deadline=None)
@given(conditions, objects, objects, st.data())
def test_an_answer_with_a_hidden_value_holds_whatever_the_value_is(
    spec: dict[str, Any], before: Value, after: Value, data: st.DataObject
) -> None:
    condition = compile_condition(spec, ROOTS, "test")
    name = data.draw(st.sampled_from(NAMES))
    hidden = condition.answer({"before": before, "after": {**after, name: UNKNOWN}})
    assume(hidden is not None)
    assert condition.answer({"before": before, "after": {**after, name: data.draw(values)}}) is hidden


@given(st.lists(answers), st.lists(answers))
def test_de_morgan(first: list[bool | None], second: list[bool | None]) -> None:
    both = [*first, *second]
    assert negate(all_of(both)) is any_of(map(negate, both))
    assert negate(any_of(both)) is all_of(map(negate, both))


@given(answers)
def test_not_not(answer: bool | None) -> None:
    assert negate(negate(answer)) is answer


@given(st.lists(answers), st.randoms())
def test_order_does_not_matter(parts: list[bool | None], random: Any) -> None:
    shuffled = random.sample(parts, len(parts))
    assert all_of(parts) is all_of(shuffled)
    assert any_of(parts) is any_of(shuffled)


@settings(deadline=None)
@given(conditions, objects, objects)
def test_a_condition_reads_what_it_says_it_reads(spec: dict[str, Any], before: Value, after: Value) -> None:
    condition = compile_condition(spec, ROOTS, "test")
    names = condition.reads
    assume(names is not None)
    part = {
        side: {name: value for name, value in whole.items() if names is None or name in names}
        for side, whole in (("before", before), ("after", after))
    }
    assert condition.answer(part) is condition.answer({"before": before, "after": after})
