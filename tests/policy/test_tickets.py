"""What policy.yaml says of the system that must know tickets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import SettingsInvalid
from iacgate.policy.environments import Policy, read_policy, ticket_checks
from iacgate.policy.tickets import TicketCheckText, every_pattern, is_address, is_pattern

JIRA = "{provider: jira, url: 'https://example.atlassian.net'}"
GITHUB = "{provider: github, repository: example/infra, open: false}"


def read(check: str, other: str = "") -> Policy:
    more = f"  other: {{tier: prod, ticket_check: {other}}}\n" if other else ""
    text = f"environments:\n  prod: {{tier: prod, ticket_check: {check}}}\n  dev: {{tier: other}}\n{more}"
    return read_policy(text.encode(), "policy.yaml")


def test_what_is_said_is_read() -> None:
    (jira,) = ticket_checks(read(JIRA), "prod")
    assert jira == TicketCheckText("jira", url="https://example.atlassian.net", open=True)
    assert jira.place == "https://example.atlassian.net"
    (github,) = ticket_checks(read(GITHUB), "prod")
    assert (github.place, github.open) == ("example/infra", False)
    assert ticket_checks(read(JIRA), "dev") == ()


def test_where_nobody_says_which_production_it_is_the_systems_of_all_must_know_the_ticket() -> None:
    assert [item.provider for item in ticket_checks(read(JIRA, GITHUB), "")] == ["jira", "github"]
    assert len(ticket_checks(read(JIRA, JIRA), "")) == 1, "nobody is asked the same twice"
    assert [item.open for item in ticket_checks(read(JIRA, JIRA.replace("}", ", open: false}")), "")] == [True, False]
    assert ticket_checks(Policy(), "") == ()


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("{provider: trello, url: 'https://a.example'}", "trello"),
        ("{provider: jira}", "names no address"),
        ("{provider: jira, url: 'http://jira.example.com'}", "names no address"),
        ("{provider: jira, url: 'https://a.example', repository: a/b}", "takes no `repository`"),
        ("{provider: servicenow, url: 'https://u:p@a.example'}", "names no address"),
        ("{provider: github}", "names no repository"),
        ("{provider: github, repository: example}", "names no repository"),
        ("{provider: github, repository: example/..}", "names no repository"),
        ("{provider: github, repository: example/infra, url: 'https://a.example'}", "takes no `url`"),
        ("{provider: jira, url: 'https://a.example', token: x}", "token"),
        ("{url: 'https://a.example'}", "provider"),
        ("{provider: jira, url: 'https://a.example', open: maybe}", "open"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_line(check: str, says: str) -> None:
    with pytest.raises(SettingsInvalid, match="line 2") as caught:
        read(check)
    assert says in caught.value.message


@pytest.mark.parametrize("text", ["(?i)ops-[0-9]+", "(?P<a>x)y", r"(a)\1", "(a)?(?(1)b|c)", "(", "a)|(b"])
def test_the_form_of_a_ticket_can_stand_beside_that_of_another_production(text: str) -> None:
    assert not is_pattern(text), "together with another one it would be none, or another one"
    with pytest.raises(SettingsInvalid, match="no plain regular expression"):
        read_policy(f"environments: {{prod: {{tier: prod, ticket: '{text}'}}}}".encode(), "policy.yaml")


@pytest.mark.parametrize("text", ["OPS-[0-9]+", "(?i:ops)-[0-9]+", "(OPS|SEC)-[0-9]+", "", r"(a|b)\d"])
def test_the_forms_of_several_productions_hold_together(text: str) -> None:
    assert is_pattern(text)
    both = every_pattern({text, "[A-Za-z]+-1"})
    for name in ("OPS-1", "ops-1", "SEC-1", "OPS-2", "a1", ""):
        wanted = bool(re.fullmatch(text, name) and re.fullmatch("[A-Za-z]+-1", name))
        assert bool(re.fullmatch(both, name)) is wanted


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example/",
        "https://a.example:8443/jira",
        "http://127.0.0.1:8080/jira/x",
        "https://a",
    ],
)
def test_addresses_to_which_a_token_may_go(url: str) -> None:
    assert is_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://a.example",
        "http://localhost/",
        "http://127.0.0.1.a.example",
        "https://a.example/../b",
        "https://a.example//b",
        "https://a.example/?q=1",
        "https://a.example#x",
        "https://a@b.example",
        "https://a.example\\@b.example",
        "https://a.example\n",
        "https://[::1]/",
        "https://-a.example",
        "https://a.example:0",
        "ftp://a.example",
    ],
)
def test_addresses_to_which_none_may_go(url: str) -> None:
    assert not is_address(url)


@given(st.text(alphabet=st.characters(blacklist_characters="/"), max_size=20))
def test_whatever_stands_before_a_host_is_no_address(text: str) -> None:
    assert not is_address(f"https://{text}@b.example")
