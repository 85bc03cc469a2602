"""Whether the state inside a plan is the one that the plan will be applied to."""

from __future__ import annotations

from typing import Final

from iacgate.errors import ApplyRefused, PlanUnreadable
from iacgate.plan.priorstate import differing
from iacgate.plan.saved import PlanFile

_NAMED: Final = 5
_LONGEST: Final = 200


def check_prior_state(plan_file: PlanFile, live: bytes) -> None:
    """Refuse a plan whose inner state says something else than the live one, without the plan saying why.

    Args:
        plan_file: the plan.
        live: the bytes of the state as it is now; none where there is no state.

    Raises:
        ApplyRefused: they differ; the message names at most five addresses and no value. Or one cannot be read.
    """
    try:
        found = differing(plan_file, live)
    except PlanUnreadable as error:
        raise ApplyRefused(error.message, hint="Plan again, with the program that wrote the state.") from None
    if found:
        named = ", ".join(ascii(address[:_LONGEST]) for address in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise ApplyRefused(
            f"The state inside the plan is not the state that is there, and the plan does not say why: {named}{more}.",
            hint="Plan again. Where that says the same, apply a `-refresh-only` plan, or ask who changed the file.",
        )
