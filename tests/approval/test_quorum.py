from __future__ import annotations

import itertools
from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from iacgate.approval.quorum import Quorum, Seated, fill

ROLES = ("a", "b", "c")
demands = st.dictionaries(st.sampled_from(ROLES), st.integers(0, 2), max_size=3)
holders = st.dictionaries(st.sampled_from("pqrstu"), st.frozensets(st.sampled_from(ROLES)), max_size=6)


def most(seats: dict[str, int], roles: dict[str, frozenset[str]]) -> int:
    """Return how many seats can be filled at most, by trying every assignment."""
    wanted = [role for role, count in seats.items() for _ in range(count)]
    best = 0
    for order in itertools.permutations([*roles, *[""] * len(wanted)], len(wanted)):
        best = max(
            best, sum(bool(person) and role in roles[person] for role, person in zip(wanted, order, strict=True))
        )
    return best


@given(demands, holders.filter(lambda roles: len(roles) <= 4))
def test_as_many_seats_are_filled_as_can_be(seats: dict[str, int], roles: dict[str, frozenset[str]]) -> None:
    if sum(seats.values()) <= 4:
        assert len(fill(seats, roles).filled) == most(seats, roles)


@given(demands, holders)
def test_nobody_sits_twice_or_where_he_may_not(seats: dict[str, int], roles: dict[str, frozenset[str]]) -> None:
    quorum = fill(seats, roles)
    people = [seated.principal for seated in quorum.filled]
    assert len(people) == len(set(people))
    assert all(seated.role in roles[seated.principal] for seated in quorum.filled)
    assert Counter(quorum.missing) + Counter(seated.role for seated in quorum.filled) == +Counter(seats)


@given(demands, holders, st.randoms())
def test_the_order_of_people_decides_nothing(
    seats: dict[str, int], roles: dict[str, frozenset[str]], random: Random
) -> None:
    items = list(roles.items())
    random.shuffle(items)
    assert fill(seats, dict(items)) == fill(seats, roles)


@given(demands, holders, st.sampled_from("pqrstu"))
def test_fewer_people_never_fill_more(seats: dict[str, int], roles: dict[str, frozenset[str]], gone: str) -> None:
    fewer = {person: held for person, held in roles.items() if person != gone}
    assert len(fill(seats, fewer).missing) >= len(fill(seats, roles).missing)


def test_somebody_moves_over_for_another() -> None:
    roles = {"ann": frozenset({"infra", "security"}), "bob": frozenset({"infra"})}
    assert fill({"infra": 1, "security": 1}, roles) == Quorum((Seated("infra", "bob"), Seated("security", "ann")), ())


def test_two_roles_of_one_person_fill_one_seat() -> None:
    quorum = fill({"infra": 1, "security": 1}, {"ann": frozenset({"infra", "security"})})
    assert (len(quorum.filled), len(quorum.missing), quorum.complete) == (1, 1, False)
