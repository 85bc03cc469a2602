"""What is attested of a run of tests: made of a report, and read back strictly."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from iacgate import canonical
from iacgate.change import testrun
from iacgate.change.junit import Report, read_junit
from iacgate.errors import ReportInvalid, StatementInvalid

TREE = "d" * 40
ENDED = "2026-11-23T10:35:00Z"
REPORT = Report(tests=10, failures=0, errors=0, skipped=2, started="2026-11-23T10:30:00Z", digest="a" * 64)
RUN = testrun.run_of(REPORT, name="unit", tree=TREE, finished=ENDED)


def test_what_is_made_of_a_report_reads_back_as_the_same() -> None:
    assert testrun.read_run(canonical.canonical_json(RUN)) == RUN
    assert (RUN.tests, RUN.skipped, RUN.report, RUN.started) == (10, 2, REPORT.digest, REPORT.started)


def test_the_time_in_a_report_comes_first() -> None:
    """So that yesterday's report stays yesterday's."""
    run = testrun.run_of(REPORT, name="unit", tree=TREE, finished=ENDED, started="2026-11-23T10:34:00Z")
    assert run.started == "2026-11-23T10:30:00Z"


def test_who_attests_says_when_it_began_where_the_report_does_not() -> None:
    silent = read_junit(b"<testsuite><testcase/></testsuite>", "report.xml")
    run = testrun.run_of(silent, name="unit", tree=TREE, finished=ENDED, started="2026-11-23T10:34:00Z")
    assert run.started == "2026-11-23T10:34:00Z"
    with pytest.raises(ReportInvalid, match="does not say when its tests began"):
        testrun.run_of(silent, name="unit", tree=TREE, finished=ENDED)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"finished": "2026-11-23T10:29:59Z"}, "after they ended"),
        ({"finished": "now"}, "does not say when"),
        ({"name": "Unit tests"}, "not the name of a test"),
        ({"tree": "main"}, "not the id of a tree"),
        ({"tree": ""}, "not the id of a tree"),
    ],
)
def test_nothing_is_attested_that_could_not_be_read(more: dict[str, str], says: str) -> None:
    with pytest.raises(ReportInvalid, match=says):
        testrun.run_of(REPORT, **{"name": "unit", "tree": TREE, "finished": ENDED, **more})


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "unit\n"},
        {"tree": "d" * 39},
        {"tree": TREE + "\n"},
        {"started": "yesterday"},
        {"finished": "2026-02-30T00:00:00Z"},
        {"started": "2026-11-23T10:35:01Z"},
        {"tests": -1},
        {"tests": True},
        {"tests": 10**10},
        {"failures": "0"},
        {"skipped": 11},
        {"report": "a"},
        {"source": "hand"},
        {"more": 1},
        {"tests": None},
    ],
)
def test_what_is_not_of_the_form_is_no_run(change: dict[str, Any]) -> None:
    value = {**msgspec.to_builtins(RUN), **change}
    with pytest.raises(StatementInvalid):
        testrun.read_run(canonical.canonical_json(value))


@pytest.mark.parametrize("name", [name for name in testrun.TestRun.__struct_fields__ if name != "source"])
def test_a_run_that_lacks_something_is_none(name: str) -> None:
    value = msgspec.to_builtins(RUN)
    del value[name]
    with pytest.raises(StatementInvalid):
        testrun.read_run(canonical.canonical_json(value))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"[" * 5000, b'{"name":"unit","name":"unit"}', b"\xff"])
def test_junk_is_no_run(body: bytes) -> None:
    with pytest.raises(StatementInvalid):
        testrun.read_run(body)
    assert testrun.named(body) == ""


def test_what_is_no_run_may_still_name_a_test() -> None:
    assert testrun.named(b'{"name":"unit","version":2}') == "unit"
    assert testrun.named(b'{"name":7}') == ""
