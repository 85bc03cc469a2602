"""Reports of five test runners, and what somebody could write who wants to be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.change.junit import MAX_DEPTH, MAX_REPORT, Report, read_junit
from iacgate.errors import ReportInvalid

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
REPORTS = Path(__file__).parent / "reports"


def read(text: str) -> Report:
    return read_junit(text.encode(), "report.xml")


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.tests, report.failures, report.errors, report.skipped


def refused(data: bytes) -> str:
    with pytest.raises(ReportInvalid) as caught:
        read_junit(data, "report.xml")
    assert caught.value.message.startswith("report.xml")
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    ("name", "expected", "started"),
    [
        ("pytest", (7, 2, 1, 2), "2026-11-23T10:30:00Z"),
        ("jest-junit", (3, 1, 1, 1), "2026-11-23T10:30:01Z"),
        ("gotestsum", (4, 1, 0, 1), "2026-11-23T10:30:00Z"),
        ("surefire", (5, 1, 1, 1), ""),
        ("terraform", (5, 1, 1, 1), "2026-11-23T10:30:00Z"),
    ],
)
def test_what_runners_write(name: str, expected: tuple[int, int, int, int], started: str) -> None:
    data = (REPORTS / f"{name}.xml").read_bytes()
    report = read_junit(data, name)
    assert (counts(report), report.started, report.digest) == (expected, started, canonical.digest(data))


def test_a_report_that_says_ten_tests_and_holds_none_has_none() -> None:
    assert counts(read('<testsuites tests="10"><testsuite tests="10" failures="0"/></testsuites>')) == (0, 0, 0, 0)
    assert counts(read("<testsuite/>")) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ('<testsuite tests="1" failures="2" errors="1"><testcase/></testsuite>', 3),
        ('<testsuites errors="1"><testsuite errors="1"/></testsuites>', 1),
        ('<testsuites errors="2"><testsuite errors="1"/></testsuites>', 2),
        ('<testsuite><testsuite failures="1"/><testsuite errors="1"/></testsuite>', 2),
        ("<testsuite><error>no module</error><testcase/></testsuite>", 1),
        ("<testsuite><failure/><failure/></testsuite>", 2),
    ],
)
def test_a_suite_is_believed_where_it_says_worse(text: str, errors: int) -> None:
    report = read(text)
    assert (report.failures, report.errors) == (0, errors)


def test_what_a_suite_says_is_no_second_failure() -> None:
    text = '<testsuites failures="1"><testsuite failures="1"><testcase><failure/></testcase></testsuite></testsuites>'
    assert counts(read(text)) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("<testcase/>", (1, 0, 0, 0)),
        ("<testcase><failure/><failure/></testcase>", (1, 1, 0, 0)),
        ("<testcase><failure/><error/></testcase>", (1, 0, 1, 0)),
        ("<testcase><skipped/><failure/></testcase>", (1, 1, 0, 0)),
        ("<testcase><rerunError/></testcase>", (1, 0, 1, 0)),
        ("<testcase><system-out><failure/></system-out></testcase>", (1, 0, 0, 0)),
        ('<testcase status="run" result="completed"/>', (1, 0, 0, 0)),
        ('<testcase status="notrun" result="suppressed"/>', (1, 0, 0, 1)),
        ('<testcase status="FAILED"/>', (1, 1, 0, 0)),
        ('<testcase status="aborted"/>', (1, 1, 0, 0)),
        ('<testcase status="skipped"><error/></testcase>', (1, 0, 1, 0)),
    ],
)
def test_what_becomes_of_a_test_case(case: str, expected: tuple[int, int, int, int]) -> None:
    assert counts(read(f"<testsuite>{case}</testsuite>")) == expected
    assert counts(read(f"<testsuites><testsuite><testsuite>{case}</testsuite></testsuite></testsuites>")) == expected


@pytest.mark.parametrize(
    ("timestamp", "started"),
    [
        ("2026-11-23T10:30:00", "2026-11-23T10:30:00Z"),
        ("2026-11-23 10:30:00.123", "2026-11-23T10:30:00Z"),
        ("2026-11-23T10:30:00.999999999Z", "2026-11-23T10:30:00Z"),
        ("2026-11-23T00:30:00+01:00", "2026-11-22T23:30:00Z"),
        ("2026-12-31T23:30:00-0130", "2027-01-01T01:00:00Z"),
        ("2026-02-30T10:30:00", ""),
        ("9999-12-31T23:59:59-01:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_when_it_began(timestamp: str, started: str) -> None:
    assert read(f'<testsuite timestamp="{timestamp}"/>').started == started


def test_the_earliest_time_counts_wherever_it_stands() -> None:
    text = (
        '<testsuites timestamp="2026-11-23T10:30:09Z"><testsuite timestamp="2026-11-23T10:30:02Z">'
        '<testcase timestamp="2026-11-23T10:30:01Z"/></testsuite></testsuites>'
    )
    assert read(text).started == "2026-11-23T10:30:01Z"


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (BOMB + b"<testsuite name='&b;'/>", "DOCTYPE"),
        (b'<!DOCTYPE testsuite SYSTEM "file:///etc/passwd"><testsuite/>', "DOCTYPE"),
        (b"<!-- x --><!DOCTYPE testsuite><testsuite/>", "DOCTYPE"),
        (b"<testsuite><testcase name='&a;'/></testsuite>", "undefined entity"),
        (b'<?xml version="1.0" encoding="UTF-7"?><testsuite/>', "encoded as 'UTF-7'"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><testsuite/>', "encoded as"),
        ("<testsuite/>".encode("utf-16"), "not XML in UTF-8"),
        ("<testsuite/>".encode("utf-16-le"), "not XML in UTF-8"),
        (b"<testsuite name='\xff'/>", "not XML in UTF-8"),
        (b"", "no element found"),
        (b"<testsuite>", "no element found"),
        (b"<testsuite/><testsuite/>", "junk after document element"),
        (b"<testsuite/>\x00", "not XML"),
        (b"<html/>", "begins with 'html'"),
        (b"<testcase/>", "begins with 'testcase'"),
        ("<a\u202e/>".encode(), "not XML"),
        (b"<testsuite><package/></testsuite>", "'package' in a suite"),
        (b"<testsuite><x:testcase/></testsuite>", "'x:testcase' in a suite"),
        (b"<testsuite><testcase><warning/></testcase></testsuite>", "'warning' in a test case"),
        (b"<testsuite><testcase><testcase/></testcase></testsuite>", "'testcase' in a test case"),
        (b"<testsuite failures='none'/>", "whole numbers"),
        (b"<testsuite errors='-1'/>", "whole numbers"),
        (b"<testsuite errors='%s'/>" % (b"9" * 5000), "whole numbers"),
        (b"<testsuite errors='\xd9\xa1'/>", "whole numbers"),
        (b"<testsuite>" * (MAX_DEPTH + 1), "nested more than"),
        (b"<testsuite><system-out>" + b"<a>" * MAX_DEPTH, "nested more than"),
        (b"<testsuite " + b" ".join(b"a%d=''" % number for number in range(101)) + b"/>", "attributes"),
        (b" " * (MAX_REPORT + 1), "more than 10 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_reports_are_refused(data: bytes, says: str) -> None:
    assert says in refused(data)


def test_more_elements_than_a_report_can_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iacgate.change.junit.MAX_ELEMENTS", 1000)
    assert "1000 elements" in refused(b"<testsuite>" + b"<testcase/>" * 1000 + b"</testsuite>")
    assert read_junit(b"<testsuite>" + b"<testcase/>" * 999 + b"</testsuite>", "x").tests == 999


def test_a_byte_order_mark_is_no_text() -> None:
    assert counts(read("\ufeff<testsuite><testcase/></testsuite>")) == (1, 0, 0, 0)


CASES = st.sampled_from(["<testcase/>", "<testcase><failure/></testcase>", "<testcase><skipped/></testcase>"])
SUITES = st.recursive(
    st.lists(CASES, max_size=4).map("".join),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"<testsuite>{''.join(parts)}</testsuite>"),
    max_leaves=8,
)


@untimed
@given(SUITES, st.integers(0, 50), st.integers(0, 50))
def test_no_attribute_makes_a_report_better(inside: str, failures: int, tests: int) -> None:
    plain = read(f"<testsuites>{inside}</testsuites>")
    said = read(f'<testsuites failures="{failures}" tests="{tests}" skipped="{tests}">{inside}</testsuites>')
    assert (said.tests, said.failures, said.skipped) == (plain.tests, plain.failures, plain.skipped)
    assert said.failures + said.errors == max(plain.failures, failures)


@untimed
@given(st.binary(max_size=200) | st.text("<>/testsuitcafilre &;=\"'", max_size=200).map(str.encode))
def test_junk_is_refused_or_read_and_nothing_else(data: bytes) -> None:
    try:
        report = read_junit(data, "report.xml")
    except ReportInvalid:
        return
    assert report.skipped <= report.tests
