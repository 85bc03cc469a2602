"""Tickets looked up in a Jira, a ServiceNow and a GitHub of our own: every outcome is a value, and shows no secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate.change.tickets import Ticket
from iacgate.policy.tickets import TicketCheckText
from iacgate.shell.forge import MAX_BYTES
from iacgate.shell.tickets import look_up
from tests.support.github import REPOSITORY, FakeGitHub
from tests.support.github import TOKEN as GITHUB_TOKEN
from tests.support.ticketsystems import BASIC, CREDENTIALS, HOSTILE, TOKEN, USER, FakeJira, FakeServiceNow

GITHUB = TicketCheckText("github", repository=REPOSITORY)
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    found = FakeJira()
    with found.serving():
        yield found


@pytest.fixture
def servicenow() -> Iterator[FakeServiceNow]:
    found = FakeServiceNow()
    with found.serving():
        yield found


def looked_up(
    check: TicketCheckText, name: str, environment: dict[str, str], *, trusted: bool = True, patient: bool = True
) -> Ticket:
    found = look_up(
        check, name, environment, trusted=trusted, patient=patient, sleep=lambda _: None, clock=lambda: 1_795_000_000.0
    )
    shown = repr(found)
    secrets = (TOKEN, BASIC.removeprefix("Basic "), GITHUB_TOKEN, HOSTILE, repr(HOSTILE)[1:-1])
    assert not [secret for secret in secrets if secret in shown]
    assert (found.name, found.provider, found.place, found.must_be_open) == (
        name,
        check.provider,
        check.place,
        check.open,
    )
    return found


def in_jira(jira: FakeJira, name: str = "OPS-17", **more: Any) -> Ticket:
    return looked_up(TicketCheckText("jira", url=f"{jira.url}/jira"), name, more.pop("env", CREDENTIALS), **more)


def in_servicenow(servicenow: FakeServiceNow, name: str = "CHG0030001", **more: Any) -> Ticket:
    return looked_up(TicketCheckText("servicenow", url=servicenow.url), name, more.pop("env", CREDENTIALS), **more)


def at_github(github: FakeGitHub, name: str = "#17", **more: Any) -> Ticket:
    return looked_up(GITHUB, name, {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": GITHUB_TOKEN}, **more)


@pytest.mark.parametrize(
    ("category", "state", "is_open"),
    [
        ("new", "to do", True),
        ("indeterminate", "in progress", True),
        ("undefined", "in no category", True),
        ("done", "done", False),
    ],
)
def test_an_issue_in_jira_is_open_until_its_category_is_done(
    category: str, state: str, *, is_open: bool, jira: FakeJira
) -> None:
    jira.has("OPS-17", category)
    found = in_jira(jira)
    assert (found.answer, found.state, found.open, found.problem) == (
        "found",
        state,
        is_open,
        "" if is_open else "closed",
    )
    (asked,) = jira.asked
    assert (asked.path, asked.query) == ("/jira/rest/api/2/issue/OPS-17", {"fields": "status"})
    assert asked.headers["authorization"] == BASIC


def test_a_closed_ticket_does_where_the_policy_says_so(jira: FakeJira) -> None:
    jira.has("OPS-17", "done")
    check = TicketCheckText("jira", url=f"{jira.url}/jira", open=False)
    assert looked_up(check, "OPS-17", CREDENTIALS).problem == ""


def test_a_token_alone_is_a_bearers(jira: FakeJira) -> None:
    jira.has("OPS-17")
    assert in_jira(jira, env={"IACGATE_TICKET_TOKEN": TOKEN}).answer == "found"
    assert jira.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_an_issue_that_is_not_there_or_not_to_be_seen_is_unknown(jira: FakeJira) -> None:
    found = in_jira(jira)
    assert (found.answer, found.problem, found.open) == ("not-found", "unknown", False)
    assert "may not see it" in found.why


def test_an_issue_that_was_moved_has_another_name(jira: FakeJira) -> None:
    jira.has("OPS-17", now="WEB-3")
    assert (in_jira(jira).answer, in_jira(jira).why) == ("not-found", "it was moved, and has another key now")
    jira.has("OPS-18")
    assert in_jira(jira, "ops-18").answer == "found"


@pytest.mark.parametrize(
    ("active", "state", "problem"), [("true", "active, state -1", ""), ("false", "not active, state -1", "closed")]
)
def test_a_task_in_servicenow_is_open_while_it_is_active(
    active: str, state: str, problem: str, servicenow: FakeServiceNow
) -> None:
    servicenow.has("CHG0030001", active=active)
    servicenow.has("CHG0030002")
    found = in_servicenow(servicenow)
    assert (found.answer, found.state, found.problem) == ("found", state, problem)
    (asked,) = servicenow.asked
    assert (asked.path, asked.headers["authorization"]) == ("/api/now/table/task", BASIC)
    assert asked.query == {
        "sysparm_query": "number=CHG0030001",
        "sysparm_fields": "number,state,active",
        "sysparm_limit": "2",
    }


def test_a_task_that_is_not_there_is_unknown(servicenow: FakeServiceNow) -> None:
    servicenow.has("CHG0030002")
    assert in_servicenow(servicenow).problem == "unknown"
    servicenow.answers(404, b'{"error":{"message":"No Record found","detail":""},"status":"failure"}')
    assert in_servicenow(servicenow).problem == "unknown"


def test_an_answer_about_other_tasks_is_none(servicenow: FakeServiceNow) -> None:
    task = {"number": "CHG0030002", "state": "1", "active": "true"}
    same = {**task, "number": "CHG0030001"}
    for tasks in ([task], [same, task], [same, same]):
        servicenow.answers(200, json.dumps({"result": tasks}).encode())
        assert "about other tasks" in in_servicenow(servicenow).why


@pytest.mark.parametrize("name", ["#17", "17-17", "infra-17", "example/infra#17", "Example/Infra#17", "GH#x-17"])
def test_an_issue_at_github_is_what_follows_the_last_mark(name: str, github: FakeGitHub) -> None:
    github.has_issue(17)
    found = at_github(github, name)
    assert (found.answer, found.state, found.problem) == ("found", "open", "")
    assert [seen.path for seen in github.seen] == [f"/repos/{REPOSITORY}/issues/17"]
    assert github.seen[0].headers["authorization"] == f"Bearer {GITHUB_TOKEN}"


def test_a_closed_issue_a_pull_request_and_none_are_no_ticket(github: FakeGitHub) -> None:
    github.has_issue(17, "closed")
    github.has_issue(18, pull=True)
    assert at_github(github).problem == "closed"
    assert at_github(github, "#18").why == "it is a pull request, which is no ticket"
    assert at_github(github, "#19").problem == "unknown"
    github.answers(410)
    assert at_github(github).problem == "unknown", "an issue that was deleted"


def test_an_answer_about_another_issue_is_none(github: FakeGitHub) -> None:
    github.answers(200, b'{"number": 18, "state": "open"}')
    assert "about another issue" in at_github(github).why


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("jira", "OPS-17/../../myself"),
        ("jira", "OPS-17?x=1"),
        ("jira", "OPS-17%2f"),
        ("jira", "OPS-0"),
        ("jira", "OPS-17\n"),
        ("jira", "17"),
        ("jira", "OPS-\u0661"),
        ("servicenow", "CHG1^ORactive=true"),
        ("servicenow", "CHG1,CHG2"),
        ("servicenow", "javascript:gs.getUserID()"),
        ("servicenow", ""),
        ("github", "17"),
        ("github", "#0"),
        ("github", "#017"),
        ("github", "other/infra#17"),
        ("github", "#17/comments"),
        ("github", "#17\n"),
    ],
)
def test_what_could_be_no_ticket_reaches_no_address(
    provider: str, name: str, jira: FakeJira, servicenow: FakeServiceNow, github: FakeGitHub
) -> None:
    ways = {"jira": lambda: in_jira(jira, name), "servicenow": lambda: in_servicenow(servicenow, name)}
    found = ways[provider]() if provider in ways else at_github(github, name)
    assert (found.answer, found.problem) == ("not-found", "unknown")
    assert (jira.asked, servicenow.asked, github.seen) == ([], [], [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=60) | st.from_regex(r"[A-Z]{2,4}[-#^/?%.]{1,3}[0-9]{1,4}", fullmatch=True))
def test_whatever_a_ticket_is_called_only_its_own_path_is_asked(
    name: str, jira: FakeJira, servicenow: FakeServiceNow
) -> None:
    jira.asked.clear()
    servicenow.asked.clear()
    assert in_jira(jira, name).answer == "not-found"
    assert in_servicenow(servicenow, name).answer == "not-found"
    assert {asked.path for asked in jira.asked} <= {f"/jira/rest/api/2/issue/{name}"}
    assert {asked.query["sysparm_query"] for asked in servicenow.asked} <= {f"number={name}"}


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 418, 500, 503])
def test_every_other_answer_is_none(
    status: int, jira: FakeJira, servicenow: FakeServiceNow, github: FakeGitHub
) -> None:
    for _ in range(4):  # what passes by itself is asked for again
        jira.answers(status, HOSTILE.encode(), Location=f"{servicenow.url}/x")
        servicenow.answers(status, HOSTILE.encode(), Location="/x")
        github.answers(status, HOSTILE.encode(), location="/x")
    for found in (in_jira(jira), in_servicenow(servicenow), at_github(github)):
        assert (found.answer, found.problem) == ("unreachable", "unreachable")
        assert str(status) in found.why
    assert {asked.path for asked in servicenow.asked} == {"/api/now/table/task"}, "nobody follows a redirect"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Your instance is hibernating</html>",
        b"[]",
        b"null",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"key": "OPS-17", "fields": {"status": {"statusCategory": {"key": "\\u001b[31mdo not show this"}}}}',
        b'{"key": "OPS-17", "fields": {}}',
        b'{"key": "OPS-17", "key": "OPS-17", "fields": {"status": {"statusCategory": {"key": "new"}}}}',
        b'{"result": [{"number": "CHG0030001", "state": "x", "active": "true"}]}',
        b'{"result": [{"number": "CHG0030001", "state": "1", "active": true}]}',
        b'{"number": 17, "state": "maybe"}',
        b'{"number": "17", "state": "open"}',
        b" " * (MAX_BYTES + 1),
    ],
    ids=range(14),
)
def test_an_answer_of_another_form_is_none(
    body: bytes, jira: FakeJira, servicenow: FakeServiceNow, github: FakeGitHub
) -> None:
    jira.answers(200, body)
    servicenow.answers(200, body)
    github.answers(200, body)
    for found in (in_jira(jira), in_servicenow(servicenow), at_github(github)):
        assert found.answer == "unreachable"


def test_who_does_not_answer_is_unreachable() -> None:
    for check in (TicketCheckText("jira", url=NOWHERE), TicketCheckText("servicenow", url=NOWHERE)):
        found = looked_up(check, "OPS-17", CREDENTIALS)
        assert found.answer == "unreachable"
        assert found.why.startswith("no answer (ConnectionError): look at its address")
    assert looked_up(GITHUB, "#17", {"GITHUB_API_URL": NOWHERE}).answer == "unreachable"
    assert looked_up(GITHUB, "#17", {"GITHUB_API_URL": "http://forge.example.com"}).answer == "unreachable"


def test_who_is_patient_waits_for_what_passes_and_an_emergency_is_not(jira: FakeJira) -> None:
    jira.has("OPS-17")
    jira.answers(503)
    assert in_jira(jira).answer == "found"
    jira.answers(503)
    assert in_jira(jira, patient=False).answer == "unreachable"
    assert len(jira.asked) == 3


def test_an_address_of_settings_that_nobody_signed_is_not_asked(
    jira: FakeJira, servicenow: FakeServiceNow, github: FakeGitHub
) -> None:
    for found in (in_jira(jira, trusted=False), in_servicenow(servicenow, trusted=False)):
        assert (found.answer, "settings are not signed" in found.why) == ("unreachable", True)
    assert (jira.asked, servicenow.asked) == ([], [])
    github.has_issue(17)
    assert at_github(github, trusted=False).answer == "found", "its address is not of the settings"


@pytest.mark.parametrize(
    "environment",
    [
        {"IACGATE_TICKET_USER": USER},
        {"IACGATE_TICKET_USER": "a:b", "IACGATE_TICKET_TOKEN": TOKEN},
        {"IACGATE_TICKET_USER": "a\nb", "IACGATE_TICKET_TOKEN": TOKEN},
        {"IACGATE_TICKET_TOKEN": f"{TOKEN}\r\nX-Other: 1"},
        {"IACGATE_TICKET_TOKEN": f"{TOKEN}\u00e9"},
    ],
)
def test_credentials_that_are_none_are_not_sent(environment: dict[str, str], jira: FakeJira) -> None:
    found = in_jira(jira, env=environment)
    assert (found.answer, "IACGATE_TICKET_USER and IACGATE_TICKET_TOKEN" in found.why) == ("unreachable", True)
    assert jira.asked == []


def test_an_address_to_which_no_token_may_go_is_not_asked() -> None:
    for url in ("http://jira.example.com", "https://a@b.example", "https://b.example?x=1", ""):
        found = looked_up(TicketCheckText("jira", url=url), "OPS-17", CREDENTIALS)
        assert (found.answer, found.why) == ("unreachable", "its address is none to which a token may be sent")
    assert looked_up(TicketCheckText("jira", url="https://127.0.0.1:70000"), "OPS-17", CREDENTIALS).answer != "found"


def test_credentials_are_each_systems_own(jira: FakeJira, github: FakeGitHub) -> None:
    everything = {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": GITHUB_TOKEN}
    assert "401" in in_jira(jira, env=everything).why
    assert "authorization" not in jira.asked[0].headers
    looked_up(GITHUB, "#17", {"GITHUB_API_URL": github.url, **CREDENTIALS})
    assert "authorization" not in github.seen[0].headers
    assert base64.b64decode(BASIC.removeprefix("Basic ")).decode() == f"{USER}:{TOKEN}"
