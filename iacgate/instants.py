"""Points in time as text: UTC, to the second, so that comparing the text compares the time.

Nothing here asks a clock: what time it is comes in as an argument.
"""

from __future__ import annotations

import re
from typing import Final

_INSTANT: Final = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_DAYS: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def is_instant(text: str) -> bool:
    """Return whether a text is a point in time that there is, such as 2027-01-31T12:00:00Z."""
    return _INSTANT.fullmatch(text) is not None and is_date(text[:10])


def is_date(text: str) -> bool:
    """Return whether a text is a day that there is, such as 2027-01-31."""
    return _DATE.fullmatch(text) is not None and int(text[8:]) <= _length(int(text[:4]), int(text[5:7]))


def _length(year: int, month: int) -> int:
    """Return how many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def first_of(text: str) -> str:
    """Return the first instant of a day, or an instant as it is."""
    return f"{text}T00:00:00Z" if is_date(text) else text


def last_of(text: str) -> str:
    """Return the last instant of a day, or an instant as it is."""
    return f"{text}T23:59:59Z" if is_date(text) else text


def seconds(text: str) -> int:
    """Return the seconds of an instant since 1970; raises ``ValueError`` for what is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not an instant")
    year, month, day, hour, minute, second = map(int, found.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719162
    days += _DAYS[month - 1] + (leap and month > 2) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def at(count: int) -> str:
    """Return the instant that is so many seconds after the beginning of 1970; raises ``ValueError`` after 9999."""
    days, rest = divmod(count, 86_400)
    year = 1970 + days // 366  # never too late, and a few years early at most
    while year < 9999 and _first_day(year + 1) <= days:
        year += 1
    day, month = days - _first_day(year), 1
    while month < 12 and day >= _length(year, month):
        day -= _length(year, month)
        month += 1
    if not 0 <= day < _length(year, month) or year > 9999:
        raise ValueError("no instant")
    return f"{year:04d}-{month:02d}-{day + 1:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z"


def _first_day(year: int) -> int:
    """Return how many days of 1970 and later come before a year."""
    return seconds(f"{year:04d}-01-01T00:00:00Z") // 86_400 if year <= 9999 else 10**9
