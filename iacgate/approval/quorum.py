"""Seats filled by people: one person, one seat, and the right assignment wherever there is one.

Which person takes which seat is a matching in a bipartite graph (Kuhn's algorithm): taking
people in the order in which they signed would leave a seat empty that somebody could fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec


class Seated(msgspec.Struct, frozen=True):
    """One person in one seat."""

    role: str
    principal: str


class Quorum(msgspec.Struct, frozen=True):
    """What a set of people fills: the seats that are filled, and the roles of those that are not."""

    filled: tuple[Seated, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether no seat is empty."""
        return not self.missing


def fill(seats: Mapping[str, int], roles: Mapping[str, Set[str]]) -> Quorum:
    """Return how people fill seats.

    ``seats`` is how many of each role are demanded, ``roles`` which roles each person holds. As
    many seats as possible are filled; the result depends on nothing but the arguments.
    """
    wanted = [role for role in sorted(seats) for _ in range(seats[role])]
    people = sorted(roles)
    taken: dict[str, int] = {}
    for seat in range(len(wanted)):
        _seat(seat, wanted, people, roles, taken, set())
    by_seat = {seat: person for person, seat in taken.items()}
    return Quorum(
        filled=tuple(Seated(wanted[seat], by_seat[seat]) for seat in sorted(by_seat)),
        missing=tuple(role for seat, role in enumerate(wanted) if seat not in by_seat),
    )


def _seat(
    seat: int,
    wanted: list[str],
    people: list[str],
    roles: Mapping[str, Set[str]],
    taken: dict[str, int],
    asked: set[str],
) -> bool:
    """Find somebody for a seat, asking those who sit elsewhere to move over where they can."""
    for person in people:
        if person in asked or wanted[seat] not in roles[person]:
            continue
        asked.add(person)
        if person not in taken or _seat(taken[person], wanted, people, roles, taken, asked):
            taken[person] = seat
            return True
    return False
