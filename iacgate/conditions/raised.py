"""A quantity or a version at a path is higher after the change than before."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from iacgate.conditions.operators import as_number
from iacgate.conditions.refs import EVERY, Ref, Subject, has_hidden, sides
from iacgate.conditions.values import Answer, Value, any_of

_QUANTITY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(m|k|K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
"""A number with a suffix of Kubernetes (apimachinery, ``resource.Quantity``)."""

_FACTORS: Final = {
    "": 1.0,
    "m": 1e-3,
    **{letter: 1000.0 ** (power + 1) for power, letter in enumerate("kMGTPE")},
    "K": 1000.0,
    **{f"{letter}i": 1024.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}
_VERSION: Final = re.compile(r"[vV]?([0-9]{1,9}(?:[._-][0-9A-Za-z]{1,40})*)[+]?.{0,100}", re.DOTALL)


class Raised:
    """The value is higher after than before; what is no quantity (or version) counts where it differs.

    False where either side has none: setting and unsetting are other conditions.
    """

    def __init__(self, ref: Ref, *, version: bool) -> None:
        self._ref = ref
        self._measure: Callable[[Value], Any] = _version if version else _quantity
        self.reads = ref.reads
        self._before, self._after = sides(ref)

    def answer(self, subject: Subject) -> Answer:
        """Compare both sides; unknown where either may not be seen. Of several, each is compared with its own."""
        before, after = self._before(subject), self._after(subject)
        if EVERY not in self._ref.steps:
            return self._raised(before, after)
        return any_of(self._raised(old, new) for old, new in zip(before, after, strict=False))

    def _raised(self, before: Value, after: Value) -> Answer:
        if before is None or after is None:
            return False
        if has_hidden(before) or has_hidden(after):
            return None
        old, new = self._measure(before), self._measure(after)
        if old is None or new is None:
            return bool(before != after)
        return bool(new > old)

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return the paths with their new values."""
        return self._ref.locate(subject)


def _quantity(value: Value) -> tuple[float, ...] | None:
    number = as_number(value)
    if number is not None:
        return (float(number),)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return (float(match[1]) * _FACTORS[match[2] or ""],) if match else None


def _version(value: Value) -> tuple[tuple[int, int | str], ...] | None:
    """Return a version as something that orders: parts that are numbers come after parts that are words."""
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    parts = re.split(r"[._-]", match[1])
    return tuple((1, int(part)) if part.isdecimal() else (0, part) for part in parts)
