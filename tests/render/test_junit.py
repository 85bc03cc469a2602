from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iacgate.render.junit import render
from iacgate.render.outcome import Outcome
from iacgate.render.plain import is_hidden
from iacgate.risk.assessment import Suppressed
from iacgate.vocabulary import Severity
from tests.support.assessments import HOSTILE, change, finding, full_of, judged, of_fixture, unjudged


def suites(*outcomes: Outcome, fail_on: Severity | None = None) -> ET.Element:
    """Return the document, in which every count is that of the elements."""
    root = ET.fromstring(render(outcomes, fail_on))
    for node in (root, *root.findall("testsuite")):
        for name, path in (
            ("tests", ".//testcase"),
            ("failures", ".//failure"),
            ("errors", ".//error"),
            ("skipped", ".//skipped"),
        ):
            assert int(node.attrib[name]) == len(node.findall(path)), name
    return root


def outcome(root: ET.Element) -> list[str]:
    """Return what each test came to."""
    return [
        next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")
        for case in root.iter("testcase")
    ]


def test_each_change_with_findings_is_a_test_and_so_is_each_finding_about_the_plan() -> None:
    plan = judged(change("a.b", finding()), change("a.c"), findings=(finding(message="It is partial"),))
    root = suites(plan)
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["the plan: a-rule", "a.b: update"]
    assert outcome(root) == ["failure", "failure"]


@pytest.mark.parametrize(
    ("severity", "fail_on", "came_to"),
    [
        (Severity.HIGH, Severity.HIGH, "failure"),
        (Severity.CRITICAL, Severity.HIGH, "failure"),
        (Severity.MEDIUM, Severity.HIGH, "passed"),
        (Severity.LOW, None, "failure"),
        (Severity.NONE, None, "passed"),
    ],
)
def test_a_test_fails_from_the_severity_that_denies_on(
    severity: Severity, fail_on: Severity | None, came_to: str
) -> None:
    assert outcome(suites(judged(change("a.b", finding(severity))), fail_on=fail_on)) == [came_to]


def test_what_passes_still_says_what_was_found() -> None:
    (case,) = suites(judged(change("a.b", finding(Severity.LOW))), fail_on=Severity.HIGH).iter("testcase")
    assert "low: It happens  [a-rule]" in (case.findtext("system-out") or "")


def test_a_failure_is_of_the_worst_finding_and_lists_all() -> None:
    (failure,) = suites(judged(change("a.b", finding(Severity.LOW), finding(message="Worse")))).iter("failure")
    assert (failure.attrib["type"], failure.attrib["message"]) == ("high", "high: Worse  [a-rule]")
    assert (failure.text or "").splitlines() == ["low: It happens  [a-rule]", "high: Worse  [a-rule]"]


def test_suppressed_findings_are_skipped_with_the_reason() -> None:
    taken = finding(suppressed=Suppressed("it is known", "ann", "2027-01-01"))
    root = suites(judged(change("a.b", taken), change("a.c", taken, finding())))
    assert outcome(root) == ["skipped", "failure"]
    (skipped,) = root.iter("skipped")
    assert "it is known (ann, until 2027-01-01)" in skipped.attrib["message"]


def test_a_plan_without_changes_is_one_passed_test_that_says_so() -> None:
    (case,) = (root := suites(of_fixture("no-changes"))).iter("testcase")
    assert (case.attrib["name"], outcome(root)) == ("the plan changes nothing", ["passed"])


def test_a_plan_without_findings_is_one_passed_test_that_counts_its_changes() -> None:
    (case,) = suites(judged(change("a.b"), change("a.c"))).iter("testcase")
    assert case.attrib["name"] == "nothing was found in 2 changes"


def test_a_plan_that_was_not_judged_is_an_error() -> None:
    root = suites(of_fixture("no-changes"), unjudged("damaged"))
    assert outcome(root) == ["passed", "error"]
    assert root.findall("testsuite")[1].attrib["name"] == "damaged"


def test_each_plan_is_a_suite() -> None:
    root = suites(of_fixture("mixed"), of_fixture("destroy-database"))
    assert [int(suite.attrib["tests"]) for suite in root] == [7, 2]  # one of each is about the plan itself


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    held_inert(text)


@given(st.text())
@example("\x00\x1f]]>&\ufffe")
def test_any_name_gives_the_same_elements(text: str) -> None:
    held_inert(text)


def held_inert(text: str) -> None:
    root, ours = suites(full_of(text), unjudged(text)), suites(full_of("x"), unjudged("x"))
    assert [node.tag for node in root.iter()] == [node.tag for node in ours.iter()]
    for line in render([full_of(text)], None).decode().splitlines():
        assert not any(map(is_hidden, line))
        assert "##" not in line
        assert not line.lstrip().startswith("::")
