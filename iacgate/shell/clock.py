"""What time it is: the only place that asks the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def today() -> str:
    """Return the day in UTC, as 2027-01-31."""
    return datetime.now(UTC).date().isoformat()


def now() -> str:
    """Return the time in UTC, as 2027-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def later(instant: str, hours: int) -> str:
    """Return the instant so many hours later."""
    moment = datetime.fromisoformat(instant) + timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
