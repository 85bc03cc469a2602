"""In which order things are undone.

The way back runs on the previous configuration, so that its dependencies decide, not the plan's order read backwards:

* what is undone by taking it away goes after everything that depends on it: it was made before them;
* what is made again, or changed back, goes after what it depends on: its old values come from there.

So what was deleted is there again, with its data, before its dependents. Where nothing decides, what is taken away
goes first, and then addresses do. Instances of one resource do not wait for each other.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final, TypeAlias

import msgspec

_Group: TypeAlias = tuple[bool, str]
"""What waits as one: whether it stays (so that the others sort first), and the configuration address."""

MAX_WAITS: Final = 50
"""Things that one is said to wait for; the rest is counted."""


class Item(msgspec.Struct, frozen=True):
    """Something to undo: its configuration address, a name to sort by, and whether undoing takes it away."""

    place: str
    name: str
    removes: bool


class Turn(msgspec.Struct, frozen=True):
    """When it is an item's turn: its index in the input, and the turns (from 0) that must be over before.

    ``more`` counts those beyond the first :data:`MAX_WAITS`; ``cycle`` are the configuration addresses that depend on
    each other in a circle, so that nothing tells which of them goes first: empty for no circle.
    """

    item: int
    waits_for: tuple[int, ...]
    more: int = 0
    cycle: tuple[str, ...] = ()


def in_order(items: Sequence[Item], needs: Mapping[str, Set[str]]) -> tuple[Turn, ...]:
    """Return the turns of all items; ``needs`` has what each configuration address depends on."""
    members: dict[_Group, list[int]] = {}
    for index, item in enumerate(items):
        members.setdefault((not item.removes, item.place), []).append(index)
    waits = _waits(set(members), needs)
    turns: list[Turn] = []
    taken: dict[_Group, range] = {}
    for circle in _sorted(waits):
        cycle = tuple(sorted({place for _, place in circle})) if len(circle) > 1 else ()
        for group in circle:
            before = sorted(at for other in waits[group] - set(circle) for at in taken[other])
            first, more = tuple(before[:MAX_WAITS]), max(0, len(before) - MAX_WAITS)
            start = len(turns)
            for index in sorted(members[group], key=lambda index: (items[index].name, index)):
                turns.append(Turn(index, first, more, cycle))
            taken[group] = range(start, len(turns))
    return tuple(turns)


def _waits(groups: Set[_Group], needs: Mapping[str, Set[str]]) -> dict[_Group, set[_Group]]:
    """Return what each group waits for."""
    waits: dict[_Group, set[_Group]] = {group: set() for group in groups}
    for dependent, dependencies in needs.items():
        for dependency in dependencies - {dependent}:
            gone, kept, stays = (False, dependency), (True, dependency), (True, dependent)
            if gone in groups:
                waits[gone] |= {(False, dependent), stays} & groups
            if kept in groups and stays in groups:
                waits[stays].add(kept)
    return waits


def _sorted(waits: Mapping[_Group, Set[_Group]]) -> Iterator[tuple[_Group, ...]]:
    """Yield the groups so that each comes after what it waits for; those in a circle together, by address."""
    circles = list(_circles(waits))
    number = {group: index for index, circle in enumerate(circles) for group in circle}
    open_before = [
        {number[other] for group in circle for other in waits[group]} - {index} for index, circle in enumerate(circles)
    ]
    followers: list[list[int]] = [[] for _ in circles]
    for index, before in enumerate(open_before):
        for other in before:
            followers[other].append(index)
    left = [len(before) for before in open_before]
    ready = [(circle, index) for index, circle in enumerate(circles) if not left[index]]
    heapq.heapify(ready)
    while ready:
        circle, index = heapq.heappop(ready)
        yield circle
        for follower in followers[index]:
            left[follower] -= 1
            if not left[follower]:
                heapq.heappush(ready, (circles[follower], follower))


def _circles(waits: Mapping[_Group, Set[_Group]]) -> Iterator[tuple[_Group, ...]]:
    """Yield the strongly connected parts, each sorted (Tarjan 1972, without recursion)."""
    seen: dict[_Group, int] = {}
    low: dict[_Group, int] = {}
    stack: list[_Group] = []
    waiting: set[_Group] = set()
    for start in sorted(waits):
        if start in seen:
            continue
        path = [(start, iter(sorted(waits[start])))]
        seen[start] = low[start] = len(seen)
        stack.append(start)
        waiting.add(start)
        while path:
            group, rest = path[-1]
            for other in rest:
                if other not in seen:
                    seen[other] = low[other] = len(seen)
                    stack.append(other)
                    waiting.add(other)
                    path.append((other, iter(sorted(waits[other]))))
                    break
                if other in waiting:
                    low[group] = min(low[group], seen[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[group])
                if low[group] == seen[group]:
                    yield _popped(group, stack, waiting)


def _popped(until: _Group, stack: list[_Group], waiting: set[_Group]) -> tuple[_Group, ...]:
    found: list[_Group] = []
    while not found or found[-1] != until:
        found.append(stack.pop())
        waiting.discard(found[-1])
    return tuple(sorted(found))
