from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.change import icslines
from iacgate.change.calendars import MAX_BYTES, MAX_EVENTS, MAX_ZONES, Calendar, read_calendar
from iacgate.change.series import MAX_DATES, MAX_REPEATS, MAX_SUMMARY
from iacgate.change.zones import GREENWICH, named
from iacgate.errors import SettingsInvalid
from tests.support.calendars import BERLIN, calendar, event, ics, instant

FILE = ".iacgate/calendars/nights.ics"
YEAR = ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z")


def dates(found: Calendar, begin: str = YEAR[0], end: str = YEAR[1], zone: str = "UTC") -> list[str]:
    """Return when events are, each as its beginning and its end."""
    open_zone = named(zone)
    assert open_zone is not None
    spans = sorted(found.spans(instant(begin), instant(end), open_zone, tentative=True))
    return [f"{instants.at(span.start)[:16]}/{instants.at(span.end)[:16]}" for span in spans]


def test_a_calendar_has_the_name_of_its_file_and_the_digest_of_its_bytes() -> None:
    data = ics(event("DTSTART:20270101T220000Z", "DURATION:PT1H"))
    found = read_calendar(data, FILE)
    assert (found.name, found.sha256) == ("nights", canonical.digest(data))


NIGHTLY = ("DTSTART;TZID=Europe/Berlin:20261001T220000", "DTEND;TZID=Europe/Berlin:20261002T060000", "RRULE:FREQ=DAILY")


@pytest.mark.parametrize("parts", [(event(*NIGHTLY),), (BERLIN, event(*NIGHTLY)), (event(*NIGHTLY), BERLIN)])
def test_a_night_ends_by_the_clock_also_where_clocks_change(parts: tuple[str, ...]) -> None:
    found = calendar(*parts)
    spring = dates(found, "2027-03-27T12:00:00Z", "2027-03-29T12:00:00Z")
    assert spring == ["2027-03-27T21:00/2027-03-28T04:00", "2027-03-28T20:00/2027-03-29T04:00"]
    autumn = dates(found, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z")
    assert autumn == ["2026-10-24T20:00/2026-10-25T05:00", "2026-10-25T21:00/2026-10-26T05:00"]


def test_hours_of_a_duration_are_exact_and_its_days_are_not() -> None:
    begin = "DTSTART;TZID=Europe/Berlin:20270327T220000"
    assert dates(calendar(event(begin, "DURATION:PT8H"))) == ["2027-03-27T21:00/2027-03-28T05:00"]
    assert dates(calendar(event(begin, "DURATION:P1D"))) == ["2027-03-27T21:00/2027-03-28T20:00"]
    assert dates(calendar(event(begin, "DURATION:PT24H"))) == ["2027-03-27T21:00/2027-03-28T21:00"]
    assert dates(calendar(event(begin, "DURATION:P1DT2H"))) == ["2027-03-27T21:00/2027-03-28T22:00"]
    assert dates(calendar(event(begin, "DURATION:P1W"))) == ["2027-03-27T21:00/2027-04-03T20:00"]


@pytest.mark.parametrize("parts", [(), (BERLIN,)])
def test_a_time_that_clocks_skip_or_show_twice_is_read_as_the_specification_has_it(parts: tuple[str, ...]) -> None:
    """RFC 5545, section 3.3.5: the offset from before the gap, and the first of two."""
    zone = "TZID=Europe/Berlin"
    skipped = event(f"DTSTART;{zone}:20270328T023000", f"DTEND;{zone}:20270328T040000")
    assert dates(calendar(*parts, skipped)) == ["2027-03-28T01:30/2027-03-28T02:00"]
    gone = event(f"DTSTART;{zone}:20270328T021500", f"DTEND;{zone}:20270328T024500")
    assert dates(calendar(*parts, gone)) == ["2027-03-28T01:15/2027-03-28T01:45"]
    within = event(f"DTSTART;{zone}:20270328T023000", f"DTEND;{zone}:20270328T031500")
    assert dates(calendar(*parts, within)) == ["2027-03-28T01:30/2027-03-28T02:15"]
    twice = event(f"DTSTART;{zone}:20271031T023000", f"DTEND;{zone}:20271031T024500")
    assert dates(calendar(*parts, twice)) == ["2027-10-31T00:30/2027-10-31T00:45"]


def test_days_are_whole_and_end_before_the_day_of_their_end() -> None:
    one = calendar(event("DTSTART;VALUE=DATE:20270328"))
    assert dates(one, zone="Europe/Berlin") == ["2027-03-27T23:00/2027-03-28T22:00"]
    three = calendar(event("DTSTART;VALUE=DATE:20270101", "DTEND;VALUE=DATE:20270104"))
    assert dates(three) == ["2027-01-01T00:00/2027-01-04T00:00"]
    assert dates(calendar(event("DTSTART;VALUE=DATE:20270101", "DURATION:P3D"))) == dates(three)
    assert dates(calendar(event("DTSTART:20270101", "DTEND:20270104"))) == dates(three)
    yearly = calendar(event("DTSTART;VALUE=DATE:20201224", "DTEND;VALUE=DATE:20201227", "RRULE:FREQ=YEARLY"))
    assert dates(yearly, zone="Asia/Kolkata") == ["2027-12-23T18:30/2027-12-26T18:30"]


def test_dates_are_left_out_added_and_replaced() -> None:
    series = event(
        "UID:a",
        "DTSTART;TZID=Europe/Berlin:20270104T220000",
        "DTEND;TZID=Europe/Berlin:20270104T230000",
        "RRULE:FREQ=WEEKLY;COUNT=5",
        "EXDATE;TZID=Europe/Berlin:20270111T220000",
        "RDATE;TZID=Europe/Berlin:20270113T080000,20270114T080000",
    )
    moved = event(
        "UID:a",
        "RECURRENCE-ID:20270118T210000Z",  # the same instant as 22:00 in Berlin
        "DTSTART;TZID=America/New_York:20270119T100000",
        "DTEND;TZID=America/New_York:20270119T103000",
    )
    cancelled = event(
        "UID:a",
        "RECURRENCE-ID;TZID=Europe/Berlin:20270125T220000",
        "DTSTART;TZID=Europe/Berlin:20270125T220000",
        "DURATION:PT1H",
        "STATUS:CANCELLED",
        "SEQUENCE:0",
    )
    expected = [
        "2027-01-04T21:00/2027-01-04T22:00",
        "2027-01-13T07:00/2027-01-13T08:00",
        "2027-01-14T07:00/2027-01-14T08:00",
        "2027-01-19T15:00/2027-01-19T15:30",
        "2027-02-01T21:00/2027-02-01T22:00",
    ]
    for parts in ((series, moved, cancelled), (cancelled, moved, series), (moved, BERLIN, series, cancelled)):
        assert dates(calendar(*parts)) == expected


def test_a_higher_sequence_of_the_series_takes_nothing_back() -> None:
    series = event("UID:a", "SEQUENCE:7", "DTSTART:20270104T220000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=2")
    moved = event("UID:a", "SEQUENCE:1", "RECURRENCE-ID:20270111T220000Z", "DTSTART:20270112T080000Z", "DURATION:PT1H")
    assert dates(calendar(series, moved)) == ["2027-01-04T22:00/2027-01-04T23:00", "2027-01-12T08:00/2027-01-12T09:00"]


def test_a_date_whose_series_is_not_in_the_file_is_an_event_of_its_own() -> None:
    parts = [
        event("UID:a", f"RECURRENCE-ID:2027010{day}T000000Z", f"DTSTART:2027010{day}T080000Z", "DURATION:PT1H")
        for day in (1, 2)
    ]
    assert dates(calendar(*parts)) == ["2027-01-01T08:00/2027-01-01T09:00", "2027-01-02T08:00/2027-01-02T09:00"]


def test_a_cancelled_series_keeps_a_date_that_is_confirmed() -> None:
    series = event("UID:a", "DTSTART:20270104T220000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY", "STATUS:CANCELLED")
    kept = event("UID:a", "RECURRENCE-ID:20270111T220000Z", "DTSTART:20270111T220000Z", "DURATION:PT1H")
    assert dates(calendar(series, kept)) == ["2027-01-11T22:00/2027-01-11T23:00"]


@pytest.mark.parametrize(
    ("zone", "until", "last"),
    [
        ("TZID=Europe/Berlin", "20270111T210000Z", "2027-01-11T21:00"),  # an end is in it
        ("TZID=Europe/Berlin", "20270111T205959Z", "2027-01-04T21:00"),
        ("TZID=Europe/Berlin", "20270111T220000", "2027-01-11T21:00"),
        ("TZID=Europe/Berlin", "99991231T235959Z", "2027-12-27T21:00"),
        ("X-ODD=1", "20270111T220000", "2027-01-11T22:00"),
    ],
)
def test_a_series_ends_with_its_last_date(zone: str, until: str, last: str) -> None:
    found = calendar(event(f"DTSTART;{zone}:20270104T220000", "DURATION:PT1H", f"RRULE:FREQ=WEEKLY;UNTIL={until}"))
    assert dates(found)[-1].partition("/")[0] == last


def test_days_end_with_a_day() -> None:
    found = calendar(event("DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=WEEKLY;UNTIL=20270118"))
    assert [at[:10] for at in dates(found)] == ["2027-01-04", "2027-01-11", "2027-01-18"]


def test_what_a_file_tells_of_a_zone_holds_in_it_and_nowhere_else() -> None:
    told = BERLIN.replace("+0100", "+0500").replace("+0200", "+0600")
    night = event("DTSTART;TZID=Europe/Berlin:20270101T220000", "DURATION:PT1H")
    assert dates(calendar(told, night)) == ["2027-01-01T17:00/2027-01-01T18:00"]
    assert dates(calendar(night)) == ["2027-01-01T21:00/2027-01-01T22:00"]
    ours = "TZID:Customized Time Zone 1"
    for offset, hour in (("+0300", 19), ("-0300", 1)):
        zone = f"BEGIN:VTIMEZONE\n{ours}\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:{offset}"
        parts = f"{zone}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE", night.replace("Europe/Berlin", ours[5:])
        assert f"T{hour:02}:00/" in dates(calendar(*parts))[0]


def test_the_zone_of_a_program_is_not_the_one_of_the_policy() -> None:
    data = ics(event("DTSTART:20270101T220000", "DURATION:PT1H"), head="X-WR-TIMEZONE:America/New_York")
    assert dates(read_calendar(data, FILE), zone="Europe/Berlin") == ["2027-01-01T21:00/2027-01-01T22:00"]


def test_lines_of_programs_are_read() -> None:
    text = (
        "BEGIN:VCALENDAR\nMETHOD:PUBLISH\nX-CALENDAR-TYPE:DEFAULT_OPEN\nVERSION:2.0\nbegin:vevent\n"
        'SUMMARY;LANGUAGE=en:Release \\, night\\nof\n   the \\\\ year\nDTSTART;X-A="b:c":2027010\n 1T220000Z\n'
        "DURATION:PT1H\nBEGIN:VALARM\nTRIGGER:-PT1H\nEND:VALARM\nend:vevent\nEND:VCALENDAR"
    )
    found = read_calendar(b"\xef\xbb\xbf" + text.encode(), FILE)
    [span] = found.spans(instant(YEAR[0]), instant(YEAR[1]), GREENWICH, tentative=False)
    assert (instants.at(span.start), span.summary) == ("2027-01-01T22:00:00Z", "Release , night of the \\ year")


def test_a_summary_is_one_line_of_some_length() -> None:
    found = calendar(event("DTSTART:20270101T220000Z", "DURATION:PT1H", summary="x\\n" * 500))
    [span] = found.spans(instant(YEAR[0]), instant(YEAR[1]), GREENWICH, tentative=False)
    assert len(span.summary) == MAX_SUMMARY
    assert "\n" not in span.summary


ONE = ("DTSTART:20270104T220000Z", "DURATION:PT1H")  # a Monday
ZONED = ("DTSTART;TZID=Europe/Berlin:20270104T220000", "DURATION:PT1H")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("DURATION:PT1H",), "no DTSTART"),
        (("DTSTART:20270104T220000Z",), "no end"),
        ((*ONE, "DTEND:20270104T230000Z"), "DTEND and DURATION"),
        ((*ONE, "DTSTART:20270105T220000Z"), "DTSTART stands 2 times"),
        (("DTSTART:20270104T220000Z", "DTEND:20270104T220000Z"), "ends when it begins"),
        (("DTSTART:20270104T220000Z", "DTEND:20270104T210000Z"), "ends when it begins"),
        (("DTSTART;VALUE=DATE:20270104", "DTEND;VALUE=DATE:20270104"), "ends when it begins"),
        (("DTSTART:20270104T220000Z", "DTEND:20280106T220000Z"), "lasts more than 366 days"),
        (("DTSTART:20270104T220000Z", "DURATION:P367D"), "DURATION is 'P367D'"),
        (("DTSTART:20270104T220000Z", "DURATION:PT0S"), "ends when it begins"),
        (("DTSTART:20270104T220000Z", "DURATION:-PT1H"), "DURATION is"),
        (("DTSTART:20270104T220000Z", "DURATION:P1Y"), "DURATION is"),
        (("DTSTART:20270104T220000Z", "DURATION:P"), "DURATION is"),
        (("DTSTART:20270104T220000Z", "DURATION:PT"), "DURATION is"),
        (("DTSTART;VALUE=DATE:20270104", "DURATION:PT8H"), "DURATION is"),
        (("DTSTART:20270104T220000Z", "DTEND;VALUE=DATE:20270105"), "some of its dates are days"),
        (("DTSTART:20270104T220000Z", "DTEND:20270104T230000"), "some of its times have a zone"),
        (("DTSTART;VALUE=DATE:20270104T220000Z", "DURATION:PT1H"), "says something else"),
        (("DTSTART;VALUE=DATE-TIME:20270104", "DURATION:P1D"), "says something else"),
        (("DTSTART;TZID=Europe/Berlin:20270104T220000Z", "DURATION:PT1H"), "says something else"),
        (("DTSTART:20270230T220000Z", "DURATION:PT1H"), "does not exist"),
        (("DTSTART:20270104T240000Z", "DURATION:PT1H"), "does not exist"),
        (("DTSTART:2027-01-04", "DURATION:PT1H"), "DTSTART is '2027-01-04'"),
        (("DTSTART:19690104T220000Z", "DURATION:PT1H"), "DTSTART is"),
        (("DTSTART:21000104T220000Z", "DURATION:PT1H"), "DTSTART is"),
        (("DTSTART:\u0662\u0660270104T220000Z", "DURATION:PT1H"), "DTSTART is"),
        (("DTSTART;TZID=Mars/Olympus:20270104T220000", "DURATION:PT1H"), "no VTIMEZONE tells the time zone"),
        (("DTSTART;TZID=../../../etc/passwd:20270104T220000", "DURATION:PT1H"), "no VTIMEZONE tells"),
        ((*ONE, "STATUS:MAYBE"), "STATUS is 'MAYBE'"),
        ((*ONE, "RRULE:FREQ=MINUTELY"), "MINUTELY"),
        ((*ONE, "RRULE:FREQ=SECONDLY"), "SECONDLY"),
        ((*ONE, "RRULE:FREQ=HOURLY;BYMINUTE=0,30"), "several values of BYMINUTE"),
        ((*ONE, "RRULE:FREQ=DAILY;BYSECOND=0,30"), "several values of BYMINUTE or BYSECOND"),
        ((*ONE, "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"), "several RRULE"),
        ((*ONE, "RRULE:FREQ=DAILY", "EXRULE:FREQ=WEEKLY"), "EXRULE"),
        ((*ONE, "RRULE:FREQ=DAILY;COUNT=0"), "COUNT=0"),
        ((*ONE, "RRULE:FREQ=DAILY;COUNT=-1"), "COUNT=-1"),
        ((*ONE, "RRULE:FREQ=DAILY;INTERVAL=0"), "INTERVAL=0"),
        ((*ONE, "RRULE:FREQ=DAILY;COUNT=1;COUNT=2"), "stands twice"),
        ((*ONE, "RRULE:FREQ=DAILY;"), "not known"),
        ((*ONE, "RRULE:FREQ=DAILY;BYFULLMOON=1"), "not known"),
        ((*ONE, "RRULE:COUNT=3"), "no FREQ"),
        ((*ONE, "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20270301T000000Z"), "COUNT and UNTIL"),
        ((*ONE, "RRULE:FREQ=WEEKLY;BYDAY=1MO"), "counts days in BYDAY"),
        ((*ONE, "RRULE:FREQ=WEEKLY;BYMONTHDAY=4"), "WEEKLY, and has BYMONTHDAY"),
        ((*ONE, "RRULE:FREQ=YEARLY;BYWEEKNO=1"), "BYWEEKNO, which is not read here"),
        ((*ONE, "RRULE:FREQ=DAILY;BYSETPOS=1"), "nothing that it chooses from"),
        ((*ONE, "RRULE:FREQ=WEEKLY;BYDAY=TU"), "does not begin at DTSTART"),
        ((*ONE, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "does not begin at DTSTART"),
        ((*ONE, "RRULE:FREQ=HOURLY;COUNT=9;BYMONTH=2;BYMONTHDAY=30"), "does not begin at DTSTART"),
        ((*ONE, "RRULE:FREQ=DAILY;UNTIL=20270103T000000Z"), "before DTSTART"),
        ((*ONE, "RRULE:FREQ=DAILY;UNTIL=20270203"), "some of its dates are days"),
        (("DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=DAILY;UNTIL=20270203T000000Z"), "some of its dates are days"),
        (("DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=HOURLY"), "lasts whole days, and RRULE has times"),
        (("DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=DAILY;BYHOUR=0"), "lasts whole days, and RRULE has times"),
        ((*ONE, "RRULE:FREQ=DAILY", "EXDATE:20270105T210000Z"), "names 2027-01-05T21:00:00, which is none"),
        ((*ONE, "RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20270105"), "some of its dates are days"),
        ((*ONE, "EXDATE:"), "EXDATE is ''"),
        ((*ONE, "RDATE:"), "RDATE is ''"),
        ((*ONE, "RDATE;VALUE=PERIOD:20270105T220000Z/PT1H"), "RDATE is"),
        ((*ZONED, "RRULE:FREQ=DAILY;UNTIL=20271031T013000Z"), "the hour that clocks show twice"),
        ((*ONE, "RECURRENCE-ID:20270104T220000Z", "RRULE:FREQ=DAILY"), "RECURRENCE-ID, and repeats itself"),
        ((*ONE, "RECURRENCE-ID;RANGE=THISANDFUTURE:20270104T220000Z"), "has RANGE"),
        ((*ONE, "RRULE:FREQ=DAILY;BYHOUR=22;INTERVAL=0"), "INTERVAL=0"),
        ((*ONE, "RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=3"), "makes no sense|does not begin"),
    ],
)
def test_an_event_that_says_no_one_thing_is_refused(lines: tuple[str, ...], says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says) as caught:
        calendar(event(*lines))
    assert caught.value.message.startswith(".iacgate/calendars/nights.ics: the event 'Night': ")
    assert caught.value.hint


SERIES = event("UID:a", *ONE, "RRULE:FREQ=DAILY")


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (SERIES, "two with its UID"),
        (event("UID:a", *ONE, "RECURRENCE-ID:20270105T210000Z"), "names 2027-01-05T21:00:00, which is none"),
        (event("UID:a", *ONE, "RECURRENCE-ID:20270105"), "some of its dates are days"),
        (event("UID:a", "DTSTART;VALUE=DATE:20270105", "RECURRENCE-ID:20270105T220000Z"), "some of its dates are days"),
    ],
)
def test_a_series_that_contradicts_itself_is_refused(second: str, says: str) -> None:
    for parts in ((SERIES, second), (second, SERIES)):
        with pytest.raises(SettingsInvalid, match=says):
            calendar(*parts)


def test_two_for_one_date_are_refused_also_where_they_write_it_differently() -> None:
    moved = [
        event("UID:a", *ONE, f"RECURRENCE-ID{at}")
        for at in (":20270105T220000Z", ";TZID=Europe/Berlin:20270105T230000")
    ]
    for parts in ((SERIES, *moved), moved):
        with pytest.raises(SettingsInvalid, match="two with its UID"):
            calendar(*parts)


def test_what_replaces_a_date_that_is_left_out_as_well_is_refused() -> None:
    series = event("UID:a", *ONE, "RRULE:FREQ=DAILY", "EXDATE:20270105T220000Z")
    moved = event("UID:a", *ONE, "RECURRENCE-ID:20270105T220000Z")
    for parts in ((series, moved), (moved, series)):
        with pytest.raises(SettingsInvalid, match="takes its place"):
            calendar(*parts)


GOOD = event(*ONE)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not exactly one VCALENDAR"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"hello", "no line of a calendar"),
        (ics(), "it has 0 events"),
        (ics(BERLIN), "it has 0 events"),
        (ics(GOOD) + ics(GOOD), "not exactly one VCALENDAR"),
        (ics(GOOD) + GOOD.encode(), "not exactly one VCALENDAR"),
        (ics(GOOD) + b"X-COMMENT:hello", "not exactly one VCALENDAR"),
        (ics(GOOD).replace(b"END:VCALENDAR", b""), "END:VCALENDAR is missing"),
        (ics(GOOD).replace(b"END:VEVENT\r\n", b""), "END:VCALENDAR ends what did not begin"),
        (ics(GOOD)[:-30], "END:VEVENT is missing"),
        (b"END:VEVENT", "ends what did not begin"),
        (ics("BEGIN:A\n" * 5), "nested more than 4 deep"),
        (ics(GOOD, head="METHOD:CANCEL"), "METHOD is 'CANCEL'"),
        (ics(GOOD, head="METHOD:REPLY"), "METHOD is 'REPLY'"),
        (ics(GOOD).replace(b"VERSION:2.0", b"VERSION:1.0"), "VERSION is '1.0'"),
        (ics(GOOD, head="CALSCALE:HEBREW"), "CALSCALE is 'HEBREW'"),
        (ics(GOOD, "BEGIN:VTODO\nEND:VTODO"), "'VTODO' in it"),
        (ics(GOOD, "BEGIN:VFREEBUSY\nEND:VFREEBUSY"), "'VFREEBUSY' in it"),
        (ics(GOOD, BERLIN, BERLIN), "'Europe/Berlin' stands there twice"),
        (ics(GOOD, "BEGIN:VTIMEZONE\nEND:VTIMEZONE"), "has no TZID"),
        (ics(event(*ONE, "no colon"), GOOD), "no line of a calendar"),
        (b" " * (MAX_BYTES + 1), f"more than {MAX_BYTES} bytes"),
        (ics(*["BEGIN:VEVENT\nEND:VEVENT"] * (MAX_EVENTS + 1)), f"has {MAX_EVENTS + 1} events"),
        (ics(GOOD, *[BERLIN] * (MAX_ZONES + 1)), f"more than {MAX_ZONES} kinds of changes"),
        (ics(*[event(*ONE, "RRULE:FREQ=HOURLY")] * 3), f"repeat more than {MAX_REPEATS} times"),
        (ics(event(*ONE, "EXDATE:" + "20270104T220000Z," * (MAX_DATES + 1))), f"more than {MAX_DATES} of RDATE"),
    ],
)
def test_a_file_that_is_no_calendar_of_events_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says) as caught:
        read_calendar(data, FILE)
    assert caught.value.message.startswith(f"{FILE}: ")
    assert caught.value.hint


WHOLE = ics(GOOD, BERLIN, SERIES)


def refusal(data: bytes) -> str:
    """Return why a file is refused, empty where it is read."""
    try:
        dates(read_calendar(data, FILE), end="2027-02-01T00:00:00Z")
    except SettingsInvalid as error:
        return error.message
    return ""


@given(st.binary(max_size=200) | st.lists(st.sampled_from([*WHOLE.splitlines(), b" x"])).map(b"\n".join))
@settings(deadline=None)
def test_whatever_it_is_given_it_reads_or_refuses(data: bytes) -> None:
    assert refusal(data).isprintable()


@given(st.integers(0, len(WHOLE) - 1), st.sampled_from(list(b'0129ABZ:;=,\r\n "\\\x00\xc3')))
@settings(deadline=None)
def test_a_damaged_file_is_read_or_refused(place: int, byte: int) -> None:
    assert refusal(WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]).isprintable()


def test_an_error_shows_nothing_hidden() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        calendar(event("DURATION:PT1H", summary="\u202e\x1b[31m" + "x" * 500))
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < icslines.MAX_SHOWN + 200
