"""Changes by hand: what no plan shows, and what their records decide all the same."""

from __future__ import annotations

from typing import Final

from iacgate.change.record import Manual
from iacgate.vocabulary import Severity

LEAST: Final = Severity.MEDIUM
"""What is done by hand in production is at least as bad as this, whatever its record says."""


def severity_of(manual: Manual, *, production: bool) -> Severity:
    """Return how bad a change by hand could be: what its record says, and in production never less than medium."""
    if production and manual.severity.rank < LEAST.rank:
        return LEAST
    return manual.severity
