"""The steps of a recovery with the object's own values in them.

What is known of a type says ``{before.NAME}`` where a value of the object belongs. People copy these steps into a
shell, so that only what is plainly a word there is filled in; all else stays a word in capitals.
"""

from __future__ import annotations

import re
from typing import Final

from iacgate.conditions.values import Value
from iacgate.plan import redaction
from iacgate.plan.model import ChangeBody
from iacgate.plan.redaction import Redactor

_PLACE: Final = re.compile(r"\{before\.([A-Za-z0-9_]+)\}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_.][A-Za-z0-9/_.:@=+,-]{0,511}")
"""A word in every shell, and no option: names, ids and ARNs of all clouds."""


def filled(steps: tuple[str, ...], body: ChangeBody, redactor: Redactor, where: str) -> tuple[str, ...]:
    """Return the steps with the values of the object before the change.

    What is unknown, sensitive, empty, no single value, or no plain word stays its name in capitals.
    Raises :class:`iacgate.errors.PlanUnreadable` where the object cannot be read.
    """
    names = frozenset(name for step in steps for name in _PLACE.findall(step))
    if not names:
        return steps
    before: Value = redaction.before_of(redaction.narrowed(body, names, where), redactor, where)
    values = before if isinstance(before, dict) else {}

    def value(match: re.Match[str]) -> str:
        return _word(values.get(match[1]), redactor) or match[1].upper()

    return tuple(_PLACE.sub(value, step) for step in steps)


def _word(value: Value, redactor: Redactor) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not _PLAIN.fullmatch(value) or redactor.clean(value) != value:
        return ""
    return value
