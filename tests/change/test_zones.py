from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iacgate.change import icslines, zones
from iacgate.change.icslines import Unfit
from tests.conftest import ROOT
from tests.support.calendars import BERLIN, event, ics, instant

NAMED = zones.named("Europe/Berlin")
FIRST, LAST = instant("1996-04-01T00:00:00Z"), instant("2099-06-01T00:00:00Z")


def told(text: str) -> zones.Zone:
    """Return the zone that a VTIMEZONE tells."""
    return zones.told(icslines.read(ics(text)).parts[0])


def standard(*lines: str) -> str:
    """Return a VTIMEZONE with one offset that begins to hold, and further lines."""
    part = ["BEGIN:STANDARD", *lines, "END:STANDARD"]
    return "\n".join(["BEGIN:VTIMEZONE", "TZID:Ours", *part, "END:VTIMEZONE"])


OURS = told(BERLIN)


@given(st.integers(FIRST, LAST))
@example(instant("2027-03-28T00:59:59Z"))
@example(instant("2027-03-28T01:00:00Z"))
@example(instant("2027-10-31T00:59:59Z"))
@example(instant("2027-10-31T01:00:00Z"))
def test_what_a_file_tells_of_a_zone_is_what_the_database_has(seconds: int) -> None:
    assert NAMED is not None
    local = OURS.local(seconds)
    assert local == NAMED.local(seconds)
    for minutes in (-60, 0, 30, 60):
        near = local + timedelta(minutes=minutes)
        assert OURS.seconds(near) == NAMED.seconds(near)


@given(st.integers(FIRST, LAST), st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]))
def test_a_local_time_is_the_first_instant_that_has_it(seconds: int, name: str) -> None:
    zone = zones.named(name)
    assert zone is not None
    again = zone.seconds(zone.local(seconds))
    assert again == seconds or (again < seconds and zone.local(again) == zone.local(seconds))


def test_before_its_first_change_a_zone_has_the_offset_from_before() -> None:
    zone = told(standard("DTSTART:20270101T000000", "TZOFFSETFROM:+0300", "TZOFFSETTO:-023015"))
    assert zone.seconds(datetime(2026, 6, 1)) == instant("2026-05-31T21:00:00Z")  # noqa: DTZ001 - a local time
    assert zone.seconds(datetime(2027, 6, 1)) == instant("2027-06-01T02:30:15Z")  # noqa: DTZ001 - a local time


def test_changes_are_also_listed_and_end() -> None:
    zone = told(
        "BEGIN:VTIMEZONE\nTZID:Ours\n"
        "BEGIN:STANDARD\nDTSTART:20261101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
        "RDATE:20271101T030000,20281101T030000\nEND:STANDARD\n"
        "BEGIN:DAYLIGHT\nDTSTART:20260401T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n"
        "RRULE:FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=1;UNTIL=20280401T010000Z\nEND:DAYLIGHT\nEND:VTIMEZONE"
    )
    hours = [zone.local(instant(f"{year}-07-01T12:00:00Z")).hour for year in range(2025, 2031)]
    assert hours == [13, 14, 14, 14, 13, 13]


def test_the_offset_after_the_last_change_holds_for_ever() -> None:
    assert OURS.local(instant("2150-07-01T12:00:00Z")).hour in (13, 14)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BEGIN:VTIMEZONE\nTZID:Ours\nEND:VTIMEZONE", "neither STANDARD nor DAYLIGHT"),
        (BERLIN.replace("BEGIN:STANDARD", "BEGIN:WINTER").replace("END:STANDARD", "END:WINTER"), "'WINTER' in it"),
        (standard("TZOFFSETFROM:+0300", "TZOFFSETTO:+0300"), "a time that is missing"),
        (standard("DTSTART:20270101T000000", "TZOFFSETTO:+0300"), "TZOFFSETFROM ''"),
        (standard("DTSTART:20270101T000000", "TZOFFSETFROM:+2400", "TZOFFSETTO:+0300"), "'[+]2400'"),
        (standard("DTSTART:20270101T000000Z", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0300"), "'20270101T000000Z'"),
        (standard("DTSTART:00010101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0300"), "'00010101T000000'"),
        (
            standard("DTSTART:20270101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0300", "RRULE:FREQ=DAILY"),
            "more than 12 times",
        ),
        (
            standard(
                "DTSTART:20270101T000000",
                "TZOFFSETFROM:+0100",
                "TZOFFSETTO:+0300",
                "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            ),
            "never comes true",
        ),
    ],
)
def test_a_zone_that_is_told_badly_is_refused(text: str, says: str) -> None:
    with pytest.raises(Unfit, match=says):
        told(text)


def test_the_machine_decides_nothing() -> None:
    """Another zone of the machine, and another database of zones on it, give the same bytes."""
    fake = ROOT / "no such folder"
    program = (
        "import sys; from iacgate import canonical; from iacgate.change.calendars import read_calendar; "
        "from iacgate.change.windows import schedule; "
        "nights = read_calendar(sys.stdin.buffer.read(), 'nights.ics'); "
        "sys.stdout.buffer.write(canonical.canonical_json(schedule([nights], [nights], 'Asia/Tokyo', sys.argv[1])))"
    )
    data = ics(
        event("DTSTART;TZID=Europe/Berlin:20261001T220000", "DURATION:PT8H", "RRULE:FREQ=DAILY"),
        event("DTSTART;VALUE=DATE:20270401"),
        event("DTSTART:20270401T100000", "DURATION:PT1H"),
    )
    answers = set()
    for machine in ({"TZ": "UTC"}, {"TZ": "America/New_York"}, {"PYTHONTZPATH": str(fake), "TZ": "Asia/Kolkata"}):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **machine}
        command = [sys.executable, "-c", program, "2027-03-28T12:00:00Z"]
        done = subprocess.run(command, input=data, capture_output=True, check=True, env=environment)
        answers.add(done.stdout)
    assert len(answers) == 1
    assert b'"next_open":""' in answers.pop()


def test_the_release_of_the_database_is_known() -> None:
    assert zones.release()[:4].isdigit()
    assert zones.named("UTC") is zones.named("Etc/UTC") is zones.GREENWICH
