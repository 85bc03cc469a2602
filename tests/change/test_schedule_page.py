"""The page about schedules says what holds: its examples are read, and asked what it says of them."""

from __future__ import annotations

import re

import msgspec

from iacgate import strictyaml
from iacgate.change.calendars import MAX_BYTES, MAX_EVENTS, read_calendar
from iacgate.change.moments import MAX_DAYS
from iacgate.change.overrides import MAX_HOURS, read_override
from iacgate.change.series import MAX_DATES, MAX_REPEATS
from iacgate.change.windows import HORIZON, schedule
from iacgate.change.zones import named
from iacgate.errors import SettingsInvalid
from iacgate.policy.schedules import ScheduleText, calendar_names, wrongs
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "schedule.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[bytes]:
    return [block.encode() for block in re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]


def test_the_schedule_of_the_page_is_valid() -> None:
    [block] = blocks("yaml")
    said = strictyaml.load(block, "policy.yaml", SettingsInvalid)["environments"]["prod"]["schedule"]
    found = msgspec.convert(said, ScheduleText)
    assert list(wrongs(found)) == []
    assert calendar_names([found]) == ("holidays", "nights")
    assert set(said) == set(ScheduleText.__struct_fields__)
    assert named(found.timezone) is not None


def test_the_calendars_of_the_page_open_and_close_as_it_says() -> None:
    nights, holidays = (read_calendar(block, "calendar.ics") for block in blocks("ics"))

    def opens(now: str) -> str:
        return schedule([nights], [holidays], "Europe/Berlin", now).next_open

    assert opens("2027-01-07T21:00:00Z") == "2027-01-07T21:00:00Z"
    assert opens("2027-01-08T05:00:00Z") == "2027-01-11T21:00:00Z"
    assert opens("2027-03-01T12:00:00Z") == "2027-03-02T21:00:00Z"
    assert opens("2027-12-23T23:00:00Z") == "2028-01-03T21:00:00Z"


def test_the_override_of_the_page_is_one() -> None:
    [block] = blocks("json")
    assert read_override(block.strip()).since == "2026-12-28T09:00:00Z"


def test_the_limits_of_the_page_are_those_that_hold() -> None:
    for limit in (f"{MAX_EVENTS:,} events", f"{MAX_DATES:,} dates", f"{MAX_REPEATS:,} repetitions", f"{MAX_DAYS} days"):
        assert limit in PAGE.replace("\n", " ")
    assert f"{HORIZON} days" in PAGE
    assert f"{MAX_HOURS} hours" in PAGE
    assert MAX_BYTES == 1 << 20
