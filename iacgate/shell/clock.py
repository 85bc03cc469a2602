"""What time it is: the only place that asks the machine."""

from __future__ import annotations

from datetime import UTC, datetime


def today() -> str:
    """Return the day in UTC, as 2027-01-31."""
    return datetime.now(UTC).date().isoformat()
