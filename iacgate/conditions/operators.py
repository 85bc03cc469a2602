"""Operators on one value: each answers true, false, or ``None`` for unknown.

An operator is made from its argument in the rule and raises :class:`PackInvalid` where
that argument makes no sense. None of them guesses: a value of a type that the operator
is not about is simply no match.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from re import _parser  # type: ignore[attr-defined] # it has no public name
from typing import Any, Final, TypeAlias

from iacgate.conditions.refs import has_hidden
from iacgate.conditions.values import PROVIDER, UNKNOWN, Answer, Hidden, Value
from iacgate.errors import PackInvalid

Test: TypeAlias = Callable[[Value], Answer]
_MAX_TEXT: Final = 1 << 16
_MAX_DIGITS: Final = 64
MAX_REPEATS: Final = 20
"""A repetition of more is as good as one without end."""

_REPEATS: Final = (_parser.MAX_REPEAT, _parser.MIN_REPEAT)


def same(value: Value, wanted: Any) -> bool:
    """Return whether two known values are equal; Terraform writes some booleans and numbers as strings."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return _as_bool(value) is not None and _as_bool(value) is _as_bool(wanted)
    if isinstance(value, str) != isinstance(wanted, str):
        number, other = as_number(value), as_number(wanted)
        return number is not None and number == other
    return bool(value == wanted)


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def as_number(value: Any) -> int | float | None:
    """Return a number, also where it stands in a string; ``None`` for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > _MAX_DIGITS or "_" in value:  # Python reads 1_000 as a number
        return None
    try:
        return int(value) if value.strip("+- ").isdecimal() else _finite(float(value))
    except ValueError:
        return None


def _finite(number: float) -> float | None:
    return number if abs(number) < float("inf") else None


def equals(wanted: Any) -> Test:
    """Equal to one value; ``null`` is what is missing, too."""
    if isinstance(wanted, bool):
        text = "true" if wanted else "false"
        return lambda value: value is wanted or value == text
    return lambda value: same(value, wanted)


def one_of(wanted: Any) -> Test:
    """Equal to one of several values."""
    if not isinstance(wanted, list) or not wanted:
        raise ValueError("wants a list with at least one value")
    tests = [equals(item) for item in wanted]
    texts = frozenset(item for item in wanted if isinstance(item, str))
    if len(texts) == len(wanted):  # the usual case, and many times as fast
        return lambda value: value in texts if isinstance(value, str) else any(test(value) for test in tests)
    return lambda value: any(test(value) for test in tests)


def at_least(wanted: Any) -> Test:
    """A number not below the given one."""
    limit = _limit(wanted)
    return lambda value: (number := as_number(value)) is not None and number >= limit


def at_most(wanted: Any) -> Test:
    """A number not above the given one."""
    limit = _limit(wanted)
    return lambda value: (number := as_number(value)) is not None and number <= limit


def _limit(wanted: Any) -> int | float:
    limit = as_number(wanted)
    if limit is None or (isinstance(limit, float) and not math.isfinite(limit)):
        raise ValueError("wants a number")
    return limit


def matches(wanted: Any) -> Test:
    """A string in which the regular expression is found; one too long to be searched is unknown."""
    if not isinstance(wanted, str):
        raise ValueError("wants a regular expression")
    try:
        search = re.compile(wanted).search
        # Few repeat twice, and parsing an expression again takes as long as compiling it.
        explosive = sum(map(wanted.count, "*+{")) > 1 and _repeats_repetitions(_parser.parse(wanted))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"wants a regular expression: {error}") from error
    if explosive:
        raise ValueError("repeats what repeats itself, as in (a+)+, which can take time without end")

    def test(value: Value) -> Answer:
        if not isinstance(value, str):
            return False
        return None if len(value) > _MAX_TEXT else search(value) is not None

    return test


def _repeats_repetitions(parsed: Any, *, inside: bool = False) -> bool:
    """Return whether a repetition stands inside a repetition, both without end."""
    for operation, argument in parsed:
        if operation in _REPEATS:
            _, most, body = argument
            endless = most > MAX_REPEATS
            if (endless and inside) or _repeats_repetitions(body, inside=inside or endless):
                return True
        else:
            bodies = argument if isinstance(argument, (tuple, list)) else [argument]
            flat = [part for body in bodies for part in (body if isinstance(body, list) else [body])]
            if any(isinstance(part, _parser.SubPattern) and _repeats_repetitions(part, inside=inside) for part in flat):
                return True
    return False


def present(wanted: Any) -> Test:
    """There at all: not null, not empty."""
    if not isinstance(wanted, bool):
        raise ValueError("wants true or false")
    return lambda value: (value not in (None, "", [], {})) is wanted


def contains(wanted: Any) -> Test:
    """A list that has the given element; unknown where an element is."""

    def test(value: Value) -> Answer:
        if not isinstance(value, list):
            return False
        if any(same(item, wanted) for item in value if not isinstance(item, Hidden)):
            return True
        return None if has_hidden(value) else False

    return test


def known(wanted: Any) -> Test:
    """Decided at plan, not computed at apply; sensitive values are decided.

    For a rule that leaves what is computed to another rule, which then must report it: a test
    over the packs that ship holds every such pair together.
    """
    if not isinstance(wanted, bool):
        raise ValueError("wants true or false")
    return lambda value: (value is UNKNOWN or value is PROVIDER) is not wanted


def left_to_provider(wanted: Any) -> Test:
    """Computed at apply because the configuration says nothing of it.

    A fact about the configuration, not about the value, so that it is never unknown. Where the
    plan does not tell what is configured, nothing is taken for left to the provider.
    """
    if not isinstance(wanted, bool):
        raise ValueError("wants true or false")
    return lambda value: (value is PROVIDER) is wanted


OPERATORS: Final[dict[str, Callable[[Any], Test]]] = {
    "equals": equals,
    "one_of": one_of,
    "at_least": at_least,
    "at_most": at_most,
    "matches": matches,
    "present": present,
    "contains": contains,
    "known": known,
    "left_to_provider": left_to_provider,
}
"""All operators on one value, by their name in a rule."""

_ABOUT_KNOWLEDGE: Final = ("known", "left_to_provider")
_SEES_INSIDE: Final = ("contains", "present")


def make_test(name: str, argument: Any, where: str) -> Test:
    """Return the operator's test, which answers unknown for every value that it may not see."""
    try:
        test = OPERATORS[name](argument)
    except ValueError as error:
        raise PackInvalid(f"{where}: `{name}` {error}.", hint="See docs/rules.md for the operators.") from error
    if name in _ABOUT_KNOWLEDGE:
        return test
    deep = name not in _SEES_INSIDE

    def guarded(value: Value) -> Answer:
        kind = value.__class__
        if kind is Hidden or (deep and (kind is list or kind is dict) and has_hidden(value)):
            return None
        return test(value)

    return guarded
