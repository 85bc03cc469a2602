from __future__ import annotations

import itertools
from collections.abc import Mapping, Set

from hypothesis import given
from hypothesis import strategies as st

from iacgate.rollback.order import MAX_WAITS, Item, Turn, in_order

NAMES = [f"a.{letter}" for letter in "abcdefgh"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, set[str]]:
    """Who depends on whom, without circles: only on what comes before in a shuffled list."""
    order = draw(st.permutations(NAMES))
    return {
        name: set(draw(st.lists(st.sampled_from(order[:index]), unique=True))) if index else set()
        for index, name in enumerate(order)
    }


def items(removed: Set[str], many: Set[str] = frozenset()) -> list[Item]:
    return [
        Item(name, f"{name}[{index}]", name in removed) for name in NAMES for index in range(3 if name in many else 1)
    ]


def places(found: list[Item], turns: tuple[Turn, ...]) -> list[str]:
    return [found[turn.item].place for turn in turns]


def reached(needs: Mapping[str, Set[str]], name: str) -> set[str]:
    found = set(needs[name])
    return found.union(*(reached(needs, other) for other in found)) if found else found


some = st.sets(st.sampled_from(NAMES))


@given(graphs(), some, some)
def test_every_step_comes_after_what_it_waits_for(
    needs: dict[str, set[str]], removed: set[str], many: set[str]
) -> None:
    found = items(removed, many)
    turns = in_order(found, needs)
    assert sorted(turn.item for turn in turns) == list(range(len(found)))
    for at, turn in enumerate(turns):
        assert all(before < at for before in turn.waits_for)
        assert not turn.cycle


@given(graphs(), some)
def test_what_is_taken_away_goes_after_its_dependents_and_the_rest_after_what_it_depends_on(
    needs: dict[str, set[str]], removed: set[str]
) -> None:
    order = places(found := items(removed), in_order(found, needs))
    for name in NAMES:
        for other in needs[name]:
            if other in removed:
                assert order.index(name) < order.index(other)
            elif name not in removed:
                assert order.index(other) < order.index(name)


@given(graphs())
def test_what_was_only_made_is_taken_away_in_the_reverse_of_the_order_of_the_apply(needs: dict[str, set[str]]) -> None:
    order = places(found := items(set(NAMES)), in_order(found, needs))[::-1]
    assert all(reached(needs, name) <= set(order[:at]) for at, name in enumerate(order))


@given(graphs())
def test_what_was_only_deleted_is_made_again_before_its_dependents(needs: dict[str, set[str]]) -> None:
    order = places(found := items(set()), in_order(found, needs))
    assert all(reached(needs, name) <= set(order[:at]) for at, name in enumerate(order))


@given(graphs(), some, st.randoms(use_true_random=False))
def test_the_order_does_not_hang_on_the_order_of_the_input(
    needs: dict[str, set[str]], removed: set[str], random: object
) -> None:
    found = items(removed)
    other = found[::-1]
    assert places(found, in_order(found, needs)) == places(other, in_order(other, needs))


@given(graphs(), some, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_circles_are_told_and_everything_else_keeps_its_order(
    needs: dict[str, set[str]], removed: set[str], one: str, other: str
) -> None:
    needs[one].add(other)
    found = items(removed)
    turns = in_order(found, needs)
    assert sorted(turn.item for turn in turns) == list(range(len(found)))
    for at, turn in enumerate(turns):
        assert all(before < at for before in turn.waits_for)
        assert not turn.cycle or found[turn.item].place in turn.cycle


def test_a_circle_names_its_members_and_those_do_not_wait_for_each_other() -> None:
    needs = {"a.a": {"a.b"}, "a.b": {"a.a"}, "a.c": {"a.b"}}
    found = [Item(name, name, removes=False) for name in needs]
    turns = in_order(found, needs)
    assert [turn.cycle for turn in turns] == [("a.a", "a.b"), ("a.a", "a.b"), ()]
    assert [turn.waits_for for turn in turns] == [(), (), (1,)]


def test_where_nothing_decides_what_is_taken_away_goes_first_and_then_addresses_do() -> None:
    found = [Item("a.z", "a.z", removes=True), Item("a.b", "a.b", removes=False), Item("a.a", "a.a", removes=False)]
    assert places(found, in_order(found, {})) == ["a.z", "a.a", "a.b"]


def test_what_is_waited_for_is_counted_where_it_is_too_much_to_name() -> None:
    many = [Item("a.many", f"a.many[{index:03}]", removes=False) for index in range(MAX_WAITS + 7)]
    turns = in_order([*many, Item("a.one", "a.one", removes=False)], {"a.one": {"a.many"}, "a.many": set()})
    assert (len(turns[-1].waits_for), turns[-1].more) == (MAX_WAITS, 7)


def test_a_long_chain_needs_no_recursion() -> None:
    names = [f"a.n{index}" for index in range(5_000)]
    needs = {name: {before} for before, name in itertools.pairwise(names)}
    found = [Item(name, name, removes=True) for name in names]
    assert places(found, in_order(found, needs)) == names[::-1]
