"""The three kinds of value: known, computed at apply, sensitive.

A known value is a JSON value. The other two are markers, so that no secret and no
guess ever reaches a condition; every operator answers :data:`UNKNOWN_ANSWER` for them.
"""

from __future__ import annotations

import enum
from typing import Any, Final, TypeAlias


class Hidden(enum.Enum):
    """A value that a condition may not see, and why.

    ``PROVIDER`` is unknown, too, but nobody asked for it: the configuration says nothing of
    the attribute and leaves it to the provider.
    """

    UNKNOWN = "known after apply"
    PROVIDER = "known after apply, left to the provider"
    SENSITIVE = "sensitive"

    def __repr__(self) -> str:
        return f"({self.value})"


UNKNOWN: Final = Hidden.UNKNOWN
PROVIDER: Final = Hidden.PROVIDER
SENSITIVE: Final = Hidden.SENSITIVE

Value: TypeAlias = Any
"""A JSON value in which any node may be a :class:`Hidden` marker."""

Answer: TypeAlias = "bool | None"
"""Kleene's three values: true, false, and ``None`` for unknown."""

UNKNOWN_ANSWER: Final[Answer] = None


def all_of(answers: Any) -> Answer:
    """Return false if any answer is false, else unknown if any is unknown, else true."""
    result: Answer = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Any) -> Answer:
    """Return true if any answer is true, else unknown if any is unknown, else false."""
    result: Answer = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def negate(answer: Answer) -> Answer:
    """Return the opposite answer; unknown stays unknown."""
    return None if answer is None else not answer
