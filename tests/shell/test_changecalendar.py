"""Change calendars, against botocore's Stubber: moto 5.2.5 does not implement GetCalendarState.

The stub holds every call and every answer against botocore's own model of Systems Manager. Only a client that cannot
reach anything, or finds no region, is the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iacgate.change.opening import ChangeCalendar
from iacgate.errors import PolicyFailed
from iacgate.shell import changecalendar
from iacgate.shell.changecalendar import calendar_states

NOW = "2027-01-04T12:00:00Z"
ARN = "arn:aws:ssm:eu-central-1:123456789012:document/freezes"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made/up+secret",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in made_up.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


class Stub:
    """Systems Manager in every region that is asked."""

    def __init__(self) -> None:
        client = boto3.client("ssm", region_name="us-east-1")
        self.stubber = Stubber(client)
        self.client = client
        self.regions: list[str] = []

    def says(self, name: str, **answer: str) -> None:
        self.stubber.add_response("get_calendar_state", answer, {"CalendarNames": [name], "AtTime": NOW})

    def fails(self, code: str) -> None:
        self.stubber.add_client_error("get_calendar_state", code, "do not show \x1b[31mthis")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    found = Stub()

    def client(region: str) -> Any:
        found.regions.append(region)
        return found.client

    monkeypatch.setattr(changecalendar, "_client", client)
    with found.stubber:
        yield found
    found.stubber.assert_no_pending_responses()


def test_each_calendar_is_asked_for_the_instant_and_in_its_region(stub: Stub) -> None:
    stub.says(ARN, State="OPEN", AtTime=NOW, NextTransitionTime="2027-01-05T00:00:00Z")
    stub.says("ours", State="CLOSED", AtTime=NOW)
    stub.says(ARN, State="OPEN")
    assert calendar_states([ARN, "ours", ARN], NOW) == (
        ChangeCalendar(ARN, open=True, next_change="2027-01-05T00:00:00Z", at=NOW),
        ChangeCalendar("ours", open=False, next_change="", at=NOW),
        ChangeCalendar(ARN, open=True, next_change="", at=NOW),
    )
    assert stub.regions == ["eu-central-1", ""]


def test_without_calendars_nobody_is_asked(stub: Stub) -> None:
    assert calendar_states([], NOW) == ()
    assert stub.regions == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2027-01-05T00:00:00.000Z", "2027-01-05T00:00:00Z"),
        ("2027-01-05T01:00:00+01:00", "2027-01-05T00:00:00Z"),
        ("2027-01-04T19:30:00-0430", "2027-01-05T00:00:00Z"),
    ],
)
def test_times_are_read_as_iso_8601_has_them(stub: Stub, said: str, meant: str) -> None:
    stub.says("ours", State="CLOSED", NextTransitionTime=said)
    assert calendar_states(["ours"], NOW)[0].next_change == meant


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({}, "neither OPEN nor CLOSED"),
        ({"State": "open"}, "neither OPEN nor CLOSED"),
        ({"State": "OPEN", "AtTime": "2027-01-04T12:05:00Z"}, "what it is at another time"),
        ({"State": "OPEN", "AtTime": "today"}, "AtTime that is no time"),
        ({"State": "OPEN", "NextTransitionTime": "\x1b[31m"}, "NextTransitionTime that is no time"),
        ({"State": "OPEN", "NextTransitionTime": "2027-02-30T00:00:00Z"}, "NextTransitionTime that is no time"),
        ({"State": "OPEN", "NextTransitionTime": "0001-01-01T00:00:00Z"}, "NextTransitionTime that is no time"),
        ({"State": "OPEN", "NextTransitionTime": "9999-12-31T23:59:59-2359"}, "NextTransitionTime that is no time"),
    ],
)
def test_an_odd_answer_opens_nothing(stub: Stub, answer: dict[str, str], says: str) -> None:
    stub.says("ours", **answer)
    with pytest.raises(PolicyFailed, match=says) as caught:
        calendar_states(["ours"], NOW)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("code", "shown", "hint"),
    [
        ("AccessDeniedException", "AccessDeniedException", "ssm:GetCalendarState"),
        ("InvalidDocument", "InvalidDocument", "there is no such calendar"),
        ("InternalServerError", "InternalServerError", "the service's status"),
        ("\x1b[31m", "unknown", "the service's status"),
    ],
)
def test_an_error_opens_nothing_and_says_what_to_do(stub: Stub, code: str, shown: str, hint: str) -> None:
    stub.fails(code)
    with pytest.raises(PolicyFailed, match=rf"ours: AWS did not say whether it is open \({shown}\)") as caught:
        calendar_states(["ours"], NOW)
    assert hint in caught.value.hint


def test_one_calendar_that_is_not_known_is_enough(stub: Stub) -> None:
    stub.says(ARN, State="OPEN")
    stub.fails("ThrottlingException")
    with pytest.raises(PolicyFailed, match="ThrottlingException"):
        calendar_states([ARN, "ours"], NOW)


def test_what_cannot_be_reached_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1")
    with pytest.raises(PolicyFailed, match="EndpointConnectionError"):
        calendar_states([ARN], NOW)


def test_a_name_needs_a_region() -> None:
    with pytest.raises(PolicyFailed, match="NoRegionError") as caught:
        calendar_states(["ours"], NOW)
    assert "ARN" in caught.value.hint


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(PolicyFailed, match="the extra `ssm`") as caught:
        calendar_states([ARN], NOW)
    assert caught.value.hint == "pip install 'iacgate[ssm]'"
