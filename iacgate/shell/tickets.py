"""Tickets in Jira, ServiceNow and GitHub: whether one is there, and whether it is open.

Every outcome is a value: a system that does not answer, or answers something else than it should, is ``unreachable``,
and the gate decides what that means. A ticket's name comes from a record, which anybody may have written: what could
not be one is refused before anybody is asked. Of the answer only what is needed is read, and no text of people.

Sources: Jira platform REST API 2, "Get issue"; ServiceNow Table API, "Retrieve records from a table"; GitHub REST API
2022-11-28, "Get an issue".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import quote

import msgspec

from iacgate import strictjson
from iacgate.change.tickets import Ticket
from iacgate.errors import ForgeFailed, UsageInvalid
from iacgate.policy.tickets import TicketCheckText, is_address
from iacgate.shell.forge import Answer, Client
from iacgate.shell.github import client_of

USER_VARIABLE: Final = "IACGATE_TICKET_USER"
TOKEN_VARIABLE: Final = "IACGATE_TICKET_TOKEN"  # noqa: S105 - the name of a variable

_USER: Final = re.compile(r"[!-9;-~]{1,200}", re.ASCII)
_TOKEN: Final = re.compile(r"[!-~]{1,1024}", re.ASCII)
_JIRA: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,50}-[1-9][0-9]{0,14}", re.ASCII)
_SERVICENOW: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
"""No ``^``, which would begin another condition of the query."""
_GITHUB: Final = re.compile(r"(?P<before>[A-Za-z0-9._/#-]{0,180})[#-](?P<number>[1-9][0-9]{0,8})", re.ASCII)

_CATEGORIES: Final = {"new": "to do", "indeterminate": "in progress", "done": "done", "undefined": "in no category"}
"""The categories of states in Jira, which are the same whatever a team calls its states."""
_HIDDEN: Final = "it does not exist, or the credentials may not see it"

T = TypeVar("T")
_Short = Annotated[str, msgspec.Meta(max_length=200)]


class _Category(msgspec.Struct):
    key: Literal["new", "indeterminate", "done", "undefined"]


class _Status(msgspec.Struct):
    category: _Category = msgspec.field(name="statusCategory")


class _Fields(msgspec.Struct):
    status: _Status


class _JiraIssue(msgspec.Struct):
    key: _Short
    fields: _Fields


class _Task(msgspec.Struct):
    number: _Short
    state: Annotated[str, msgspec.Meta(pattern=r"\A-?[0-9]{1,6}\Z")]
    active: Literal["true", "false"]


class _Tasks(msgspec.Struct):
    result: list[_Task]


class _Issue(msgspec.Struct):
    number: int
    state: Literal["open", "closed"]
    pull_request: dict[str, Any] | None = None


class _NotThere(Exception):
    """Why the name is no ticket; caught where it was looked up."""


class _NoAnswer(Exception):
    """Why nobody knows, and what to do; shows no secret, and nothing that was answered."""


class _Asking(msgspec.Struct, frozen=True):
    """Whom to ask, and how patiently."""

    client: Client
    patient: bool

    def json(self, path: str, query: Mapping[str, str], kind: type[T]) -> T:
        """Return what is at a path, as a type."""
        answer = self.client.answer(path, query, patient=self.patient)
        if answer.status in (404, 410):
            raise _NotThere(_HIDDEN)
        if answer.status != 200:
            raise _NoAnswer(_refused(answer))
        try:
            return msgspec.convert(strictjson.decode(answer.body), kind)
        except (ValueError, RecursionError):  # the text could be anything, so that none of it is shown
            raise _NoAnswer(f"{self.client.host} answers something else than it should: look at the address") from None


def look_up(
    check: TicketCheckText,
    name: str,
    environment: Mapping[str, str],
    *,
    trusted: bool,
    patient: bool,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Ticket:
    """Return what the system that a policy names says of a ticket.

    Args:
        check: what the policy says: which system, where, and whether the ticket must be open.
        name: the ticket's name, of any content.
        environment: where the credentials are, and the address of GitHub.
        trusted: whether the settings are those that were signed. Else no address that they name is asked: whoever can
            change them would be sent the credentials.
        patient: whether to wait for what passes by itself, such as a limit of requests.
        sleep: waits so many seconds.
        clock: gives the seconds since 1970.
    """
    ticket = Ticket(
        name=name, provider=check.provider, place=check.place, must_be_open=check.open, answer="unreachable"
    )
    try:
        path, query, read = _question(check, name)
        client = _client(check, environment, trusted=trusted, sleep=sleep, clock=clock)
        state, is_open = read(_Asking(client, patient), path, query)
    except _NotThere as error:
        return msgspec.structs.replace(ticket, answer="not-found", why=str(error))
    except (_NoAnswer, UsageInvalid, ForgeFailed) as error:
        return msgspec.structs.replace(ticket, why=str(error).rstrip("."))
    return msgspec.structs.replace(ticket, answer="found", state=state, open=is_open)


_Read = Callable[[_Asking, str, Mapping[str, str]], tuple[str, bool]]


def _question(check: TicketCheckText, name: str) -> tuple[str, dict[str, str], _Read]:
    """Return where to ask and what, and how to read the answer; nothing but an allowed name is in it."""
    if check.provider == "github":
        number = _number(check.repository, name)
        return f"/repos/{check.repository}/issues/{number}", {}, lambda *asked: _github(number, *asked)
    if check.provider == "jira":
        if not _JIRA.fullmatch(name):
            raise _NotThere("no issue in Jira is called that, which looks like OPS-17")
        path = f"/rest/api/2/issue/{quote(name, safe='')}"
        return path, {"fields": "status"}, lambda *asked: _jira(name, *asked)
    if not _SERVICENOW.fullmatch(name):
        raise _NotThere("no task in ServiceNow is called that, which looks like CHG0030001")
    query = {"sysparm_query": f"number={name}", "sysparm_fields": "number,state,active", "sysparm_limit": "2"}
    return "/api/now/table/task", query, lambda *asked: _servicenow(name, *asked)


def _number(repository: str, name: str) -> int:
    """Return the number of an issue: what follows the last # or - of its name, which names no other repository."""
    found = _GITHUB.fullmatch(name)
    if found is None:
        raise _NotThere("no issue at GitHub is called that, which looks like #17")
    if "/" in found["before"] and found["before"].casefold() != repository.casefold():
        raise _NotThere("its name is that of an issue in another repository")
    return int(found["number"])


def _client(
    check: TicketCheckText,
    environment: Mapping[str, str],
    *,
    trusted: bool,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Client:
    if check.provider == "github":
        return client_of(environment, sleep=sleep, clock=clock)
    if not trusted:
        raise _NoAnswer(
            "the settings are not signed, and no address that such name is asked: sign them, and name --trusted"
        )
    if not is_address(check.url):
        raise _NoAnswer("its address is none to which a token may be sent")
    user, token = environment.get(USER_VARIABLE, ""), environment.get(TOKEN_VARIABLE, "")
    if (user and not (_USER.fullmatch(user) and token)) or (token and not _TOKEN.fullmatch(token)):
        raise _NoAnswer(f"{USER_VARIABLE} and {TOKEN_VARIABLE} are no user and token of his: mend them")
    return Client(check.url, token, headers={"Accept": "application/json"}, sleep=sleep, clock=clock, user=user)


def _refused(answer: Answer) -> str:
    if not answer.status:
        return f"no answer ({answer.problem}): look at its address and the network, and run it again"
    if answer.status in (401, 403):
        return f"the credentials are not taken ({answer.status}): look at {TOKEN_VARIABLE}, or at GitHub's token"
    return f"the answer is {answer.status}: look at the address and the system's status, and run it again"


def _jira(name: str, asking: _Asking, path: str, query: Mapping[str, str]) -> tuple[str, bool]:
    found = asking.json(path, query, _JiraIssue)
    if found.key.casefold() != name.casefold():
        raise _NotThere("it was moved, and has another key now")
    category = found.fields.status.category.key
    return _CATEGORIES[category], category != "done"


def _servicenow(name: str, asking: _Asking, path: str, query: Mapping[str, str]) -> tuple[str, bool]:
    found = asking.json(path, query, _Tasks).result
    if not found:
        raise _NotThere(_HIDDEN)
    if len(found) > 1 or found[0].number.casefold() != name.casefold():
        raise _NoAnswer("the answer is about other tasks than the one that was asked for: look at the address")
    active = found[0].active == "true"
    return f"{'active' if active else 'not active'}, state {found[0].state}", active


def _github(number: int, asking: _Asking, path: str, query: Mapping[str, str]) -> tuple[str, bool]:
    found = asking.json(path, query, _Issue)
    if found.number != number:
        raise _NoAnswer("the answer is about another issue than the one that was asked for: look at GITHUB_API_URL")
    if found.pull_request is not None:
        raise _NotThere("it is a pull request, which is no ticket")
    return found.state, found.state == "open"
