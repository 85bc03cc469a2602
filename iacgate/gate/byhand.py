"""Changes by hand: what no plan shows is decided about by its record, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from iacgate.gate.inputs import Inputs
from iacgate.gate.reasons import Reason

_DENIED: Final = 14


def by_hand_reasons(inputs: Inputs) -> Iterator[Reason]:
    """Yield where a plan has the record of something else, or what is decided about by hand is not its record."""
    record, wanted = inputs.circumstances.record, inputs.wanted
    manual = record.manual if record else None
    if not wanted.by_hand:
        if manual:
            text = (
                "The record is of a change by hand, and this is a plan: take `manual` out, or gate the record itself."
            )
            yield Reason("record-by-hand", _DENIED, text)
        return
    bound = {wanted.subjects.get("record"), wanted.fingerprint, wanted.record}
    if record is None or manual is None or bound != {record.digest}:
        text = "What is decided about is not what the record says is done by hand: gate the record itself."
        yield Reason("by-hand-unbound", _DENIED, text)
    elif wanted.target.stack not in ("", manual.stack) or inputs.assessment.severity is not wanted.severity:
        text = "The stack or the severity is not that of what is done by hand: gate the record itself."
        yield Reason("by-hand-unbound", _DENIED, text)
