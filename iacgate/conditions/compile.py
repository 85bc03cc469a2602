"""From the condition in a rule's YAML to something that can be asked.

A condition is a mapping with one operator; ``all``, ``any`` and ``not`` combine them.
Compiling happens once; :meth:`Condition.answer` is what runs for every change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from iacgate.conditions import operators
from iacgate.conditions.operators import OPERATORS
from iacgate.conditions.refs import (
    EVERY,
    OBJECT_ROOTS,
    Reads,
    Ref,
    Subject,
    all_reads,
    has_hidden,
    parse_path,
    parse_ref,
    sides,
)
from iacgate.conditions.values import Answer, Hidden, Value, all_of, any_of, negate
from iacgate.errors import PackInvalid


class Condition(Protocol):
    """A compiled condition; ``reads`` says which attributes of the object it looks at."""

    reads: Reads

    def answer(self, subject: Subject) -> Answer:
        """Return true, false, or ``None`` where what decides is unknown or sensitive."""

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the paths and values that decided, for a subject whose answer is not false."""


def by_cost(parts: list[Condition]) -> list[Condition]:
    """Return the parts with single tests first: Kleene's logic does not depend on the order, time does."""
    return sorted(parts, key=lambda part: not isinstance(part, Leaf))


class All:
    """True where every part is."""

    def __init__(self, parts: list[Condition]) -> None:
        self._parts = parts
        self._answers = [part.answer for part in by_cost(parts)]
        self.reads = all_reads(part.reads for part in parts)

    def answer(self, subject: Subject) -> Answer:
        """Ask the parts in order and stop at the first false."""
        result: Answer = True
        for ask in self._answers:  # the same as `all_of`, without a generator: this runs for every change
            answer = ask(subject)
            if answer is False:
                return False
            if answer is None:
                result = None
        return result

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return what decided each part."""
        return [found for part in self._parts for found in part.locate(subject)]


class AnyOf:
    """True where at least one part is."""

    def __init__(self, parts: list[Condition]) -> None:
        self._parts = parts
        self._answers = [part.answer for part in by_cost(parts)]
        self.reads = all_reads(part.reads for part in parts)

    def answer(self, subject: Subject) -> Answer:
        """Ask the parts in order and stop at the first true."""
        result: Answer = False
        for ask in self._answers:  # the same as `any_of`, without a generator
            answer = ask(subject)
            if answer is True:
                return True
            if answer is None:
                result = None
        return result

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return what decided the parts that are not false."""
        return [found for part in self._parts if part.answer(subject) is not False for found in part.locate(subject)]


class Not:
    """The opposite; unknown stays unknown."""

    def __init__(self, part: Condition) -> None:
        self._part = part
        self.reads = part.reads

    def answer(self, subject: Subject) -> Answer:
        """Return the opposite of the part's answer."""
        return negate(self._part.answer(subject))

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return what the part looked at."""
        return self._part.locate(subject)


def _unless(answer: Answer, *, decisive: bool, doubted: bool) -> Answer:
    """Return the answer, but unknown where it decides and its value may not be one to ask at all."""
    return None if doubted and answer is decisive else answer


def _of_attribute(ref: Ref, test: operators.Test) -> Callable[[Subject], Answer]:
    """Return what tests one attribute of an object: as :meth:`Ref.one`, in one call."""
    root, (name,) = ref.root, ref.steps
    of_nothing = test(None)

    def answer(subject: Subject) -> Answer:
        value = subject.get(root)
        if value.__class__ is dict:
            value = value.get(name)
        elif value.__class__ is not Hidden:
            value = None
        return of_nothing if value is None else test(value)

    return answer


class Leaf:
    """One operator on the values that a reference names; true where it is for any of them."""

    def __init__(self, ref: Ref, test: operators.Test) -> None:
        self._ref = ref
        self.reads = ref.reads
        self._test = test
        self.answer: Callable[[Subject], Answer] = self._of_several
        if ref.single and len(ref.steps) == 1:  # most are: they are asked for every change, so each call counts
            self.answer = _of_attribute(ref, test)
        elif ref.single:
            self.answer = self._of_one

    def _of_one(self, subject: Subject) -> Answer:
        return self._test(self._ref.one(subject))

    def _of_several(self, subject: Subject) -> Answer:
        """Test every value that the reference names."""
        if self._ref.absent(subject):
            return False
        values = self._ref.values(subject)
        if not self._ref.paired or not values:
            return any_of(map(self._test, values))
        doubted = self._ref.doubt(subject)
        return any_of(_unless(self._test(value), decisive=True, doubted=doubted(value)) for value in values)

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the values that pass, or may pass; facts about the change are not evidence."""
        if self._ref.root not in _EVIDENT:
            return []
        found = self._ref.locate(subject)
        return [(path, value) for path, value in found if self._test(value) is not False] or found


class Element:
    """``some`` or ``every`` element of a list passes a condition on ``item``."""

    def __init__(self, ref: Ref, part: Condition, *, every: bool) -> None:
        self._ref = ref
        self._part = part
        self.reads = all_reads((ref.reads, part.reads))
        self._combine: Callable[[Any], Answer] = all_of if every else any_of
        self._decisive = not every  # this answer of one element alone decides

    def answer(self, subject: Subject) -> Answer:
        """Ask the condition for each element."""
        doubted = self._ref.doubt(subject)
        return self._combine(
            None
            if isinstance(item, Hidden)
            else _unless(self._part.answer({**subject, "item": item}), decisive=self._decisive, doubted=doubted(item))
            for _, item in self._items(subject)
        )

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return where the elements that pass, or may pass, stand."""
        found = []
        for path, item in self._items(subject):
            inner = {**subject, "item": item}
            if isinstance(item, Hidden):
                found.append((path, item))
            elif self._part.answer(inner) is not False:
                found += [(f"{path}.{below}".rstrip("."), value) for below, value in self._part.locate(inner)]
        return found

    def _items(self, subject: Subject) -> list[tuple[str, Value]]:
        return [
            (f"{path}[{index}]", item) if isinstance(node, list) else (path, item)
            for path, node in self._ref.locate(subject)
            for index, item in enumerate(node if isinstance(node, list) else [node])
            if item is not None
        ]


class Changed:
    """The value at a path is not the same before and after; with ``[*]`` in it, the list of its values."""

    def __init__(self, ref: Ref) -> None:
        self._ref = ref
        self.reads = ref.reads
        self._before, self._after = sides(ref)

    def answer(self, subject: Subject) -> Answer:
        """Compare both sides; unknown where either holds something that may not be seen."""
        before, after = self._before(subject), self._after(subject)
        if has_hidden(before) or has_hidden(after):
            return None
        return bool(before != after)

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the path with its new value."""
        return (
            self._ref.locate(subject)
            if EVERY in self._ref.steps
            else [(".".join(self._ref.steps), self._after(subject))]
        )


class Lowered:
    """The number at a path is smaller after the change than before; false where either is not a number.

    Of several, the smallest counts: a shorter term for one of them is a shorter term.
    """

    def __init__(self, ref: Ref) -> None:
        self._ref = ref
        self._before = msgspec.structs.replace(ref, root="before")
        self.reads = ref.reads

    def answer(self, subject: Subject) -> Answer:
        """Compare both numbers; unknown where one may not be seen and the other does not settle it."""
        if self._before.absent(subject):
            return False
        before, hidden = _smallest(self._ref.below(subject.get("before")))
        after, hidden_now = _smallest(self._ref.below(subject.get("after")))
        if before is None and not hidden:
            return False
        if after is None and not hidden_now:
            return False
        if hidden or hidden_now:
            return None
        return after is not None and before is not None and after < before

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the paths with their new values."""
        return self._ref.locate(subject)


def _smallest(values: list[Value]) -> tuple[int | float | None, bool]:
    """Return the smallest number among some values, and whether any of them may not be seen."""
    numbers = [number for number in map(operators.as_number, values) if number is not None]
    return min(numbers, default=None), any(isinstance(value, Hidden) for value in values)


_EVIDENT: Final = OBJECT_ROOTS | {"item"}
_COMBINATIONS: Final = ("all", "any", "not")
_MAX_DEPTH: Final = 50


def compile_condition(spec: Any, roots: frozenset[str], where: str, depth: int = 0) -> Condition:
    """Return the compiled condition.

    ``roots`` are the names at which a reference may start. Raises :class:`PackInvalid`,
    naming ``where``, for whatever is not exactly one known operator, and for conditions
    inside conditions without end (a YAML alias can name what it stands in).
    """
    if not isinstance(spec, dict) or not spec:
        raise PackInvalid(f"{where}: a condition must be a mapping with one operator.", hint="See docs/rules.md.")
    keys = frozenset(spec)
    if keys in ({"all"}, {"any"}, {"not"}, {"some", "that"}, {"every", "that"}):
        return _compound(spec, roots, where, depth)
    if keys == {"changed"}:
        return Changed(parse_path(spec["changed"], where))
    if keys == {"lowered"}:
        return Lowered(parse_path(spec["lowered"], where))
    if keys in ({"raised"}, {"version_raised"}):
        from iacgate.conditions.raised import Raised  # noqa: PLC0415 - no rule asks for it, only what is known of undoing

        operator = next(iter(keys))
        return Raised(parse_path(spec[operator], where), version=operator == "version_raised")
    if keys == {"exposes"}:
        from iacgate.conditions.exposure import Exposes  # noqa: PLC0415 - few plans open networks

        return Exposes(spec["exposes"], where)
    if keys == {"grants"}:
        from iacgate.conditions.iam import Grants  # noqa: PLC0415 - few plans change policies

        return Grants(spec["grants"], where)
    if "value" in keys and len(keys) == 2 and (operator := next(iter(keys - {"value"}))) in OPERATORS:
        test = operators.make_test(operator, spec[operator], where)
        return Leaf(parse_ref(spec["value"], roots, where), test)
    raise PackInvalid(
        f"{where}: {sorted(map(str, keys))} is not a condition.",
        hint=f"Combine with {', '.join(_COMBINATIONS)}; ask with `value` and one of {', '.join(OPERATORS)}.",
    )


def _compound(spec: dict[str, Any], roots: frozenset[str], where: str, depth: int) -> Condition:
    if depth > _MAX_DEPTH:
        raise PackInvalid(f"{where}: conditions stand inside each other {_MAX_DEPTH} deep.", hint="Say it more simply.")
    if "that" in spec:
        return _element(spec, roots, where, depth)
    if "not" in spec:
        return Not(compile_condition(spec["not"], roots, where, depth + 1))
    return _combination(spec, roots, where, depth)


def _combination(spec: dict[str, Any], roots: frozenset[str], where: str, depth: int) -> Condition:
    (name, parts), *_ = spec.items()
    if not isinstance(parts, list) or not parts:
        raise PackInvalid(f"{where}: `{name}` wants a list with at least one condition.", hint="")
    compiled = [compile_condition(part, roots, where, depth + 1) for part in parts]
    return All(compiled) if name == "all" else AnyOf(compiled)


def _element(spec: dict[str, Any], roots: frozenset[str], where: str, depth: int) -> Condition:
    every = "every" in spec
    ref = parse_ref(spec["every" if every else "some"], roots, where)
    return Element(ref, compile_condition(spec["that"], roots | {"item"}, where, depth + 1), every=every)
