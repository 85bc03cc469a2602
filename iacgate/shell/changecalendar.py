"""Change calendars of AWS Systems Manager: whether they are open.

Credentials, profile and endpoint are found as the AWS tools find them; the region is the ARN's, or theirs for a name.

Source: Systems Manager API, GetCalendarState.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from iacgate import instants
from iacgate.change.opening import ChangeCalendar
from iacgate.errors import PolicyFailed

_CONNECT: Final = 5
_READ: Final = 10
"""Seconds, for each attempt."""

_ATTEMPTS: Final = 3
_SLACK: Final = 60
"""Seconds by which the instant that was answered about may differ: AWS does not say how exact it is."""

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|([+-])([01]\d|2[0-3]):?([0-5]\d))", re.ASCII
)
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
_CHECK: Final = "Check credentials, profile, region and endpoint: `aws sts get-caller-identity`."
_HINTS: Final = {
    "AccessDeniedException": "Ask for ssm:GetCalendarState on this calendar.",
    "ExpiredTokenException": "Sign in again.",
    "InvalidDocument": "Look at its name, account and region: there is no such calendar.",
    "InvalidDocumentType": "Name a document of the type ChangeCalendar.",
    "NoRegionError": "Name the calendar by its ARN, or set AWS_DEFAULT_REGION.",
    "ThrottlingException": "Run it again, later.",
    "UnsupportedCalendarException": "Name a change calendar whose events Systems Manager can read.",
    "UnrecognizedClientException": _CHECK,
}


def calendar_states(names: Sequence[str], now: str) -> tuple[ChangeCalendar, ...]:
    """Return what each change calendar is at an instant, asked one by one, so that it is known which one is closed.

    Raises :class:`PolicyFailed` where boto3 is missing, or AWS does not say for each of them whether it is open.
    """
    clients: dict[str, Any] = {}
    return tuple(_state(name, now, clients) for name in names)


def _state(name: str, now: str, clients: dict[str, Any]) -> ChangeCalendar:
    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 5 else ""
    with _errors(name):
        if region not in clients:
            clients[region] = _client(region)
        answer = clients[region].get_calendar_state(CalendarNames=[name], AtTime=now)
    state = answer.get("State")
    if state not in ("OPEN", "CLOSED"):
        raise _odd(name, "neither OPEN nor CLOSED")
    if answer.get("AtTime") and abs(_seconds(name, answer, "AtTime") - instants.seconds(now)) > _SLACK:
        raise _odd(name, "what it is at another time")
    changes = instants.at(_seconds(name, answer, "NextTransitionTime")) if answer.get("NextTransitionTime") else ""
    return ChangeCalendar(name=name, open=state == "OPEN", next_change=changes, at=now)


def _seconds(name: str, answer: Mapping[str, Any], key: str) -> int:
    """Return a time of an answer (ISO 8601), in seconds since 1970."""
    found = _TIME.fullmatch(str(answer[key]))
    if found is None or not instants.is_instant(f"{found[1]}Z") or not "1971" <= found[1] < "9999":
        raise _odd(name, f"a {key} that is no time of ours")
    offset = (int(found[3]) * 60 + int(found[4])) * 60 if found[2] else 0
    return instants.seconds(f"{found[1]}Z") + (offset if found[2] == "-" else -offset)


def _odd(name: str, what: str) -> PolicyFailed:
    text = f"The change calendar {name}: AWS answered {what}."
    return PolicyFailed(text, hint="Look at the endpoint; `aws ssm get-calendar-state` shows the answer.")


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """Say in our own words what went wrong: those of a server or a library may hold anything."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to load, and rarely needed
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - slow to load, and rarely needed
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - slow to load, and rarely needed
    except ImportError as error:
        text = f"The change calendar {name} needs the extra `ssm`."
        raise PolicyFailed(text, hint="pip install 'iacgate[ssm]'") from error
    try:
        yield
    except ClientError as error:
        said = str(error.response.get("Error", {}).get("Code", ""))
        code = said if _CODE.fullmatch(said) else "unknown"
        raise _failed(name, code, "See the service's status.") from None
    except (BotoCoreError, ResponseParserError, HTTPError, ValueError, OSError) as error:
        raise _failed(name, type(error).__name__, _CHECK) from None


def _failed(name: str, code: str, otherwise: str) -> PolicyFailed:
    text = f"The change calendar {name}: AWS did not say whether it is open ({code})."
    return PolicyFailed(text, hint=_HINTS.get(code, otherwise))


def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415 - slow to load, and rarely needed
    from botocore.config import Config  # noqa: PLC0415 - slow to load, and rarely needed

    retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries=retries)
    return boto3.session.Session().client("ssm", region_name=region or None, config=config)
