"""The judgement of plans as a report of tests, in the form of JUnit that pipelines show.

A suite is a plan, a test a change that something was found about. There is no standard; elements and attributes are
those that Jenkins, GitLab and Azure Pipelines read.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from iacgate.render import undoing
from iacgate.render.outcome import Outcome, Unjudged, counting, suppression, undos_of, whole_address
from iacgate.render.plain import fit, harmless
from iacgate.risk.assessment import AssessedChange, Finding
from iacgate.rollback.verdict import Undo
from iacgate.vocabulary import Certainty, Severity

MAX_LINE: Final = 2000
"""Columns of one line, or of an attribute."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (section 2.2, Char)."""


class _Test(msgspec.Struct, frozen=True):
    """One test: passed, or what it came to, with a sentence and the lines behind it."""

    name: str
    outcome: str = "passed"
    kind: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()


def render(outcomes: Sequence[Outcome], fail_on: Severity | None) -> bytes:
    """Return the document; a test fails from ``fail_on`` on, and where that is not given, with any severity."""
    least = fail_on or Severity.LOW
    suites = [(_name(each), tuple(_tests(each, least))) for each in outcomes]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuites name="iacgate" {_counts([test for _, tests in suites for test in tests])}>')
    for each, (name, tests) in zip(outcomes, suites, strict=True):
        lines.append(f'  <testsuite name="{_xml(name)}" {_counts(tests)}>')
        lines.extend(_properties(each))
        for test in tests:
            lines.extend(_case(name, test))
        lines.append("  </testsuite>")
    lines.append("</testsuites>\n")
    return "\n".join(lines).encode()


def _name(outcome: Outcome) -> str:
    return outcome.name if isinstance(outcome, Unjudged) else outcome.assessment.plan.name


def _tests(outcome: Outcome, least: Severity) -> Iterator[_Test]:
    if isinstance(outcome, Unjudged):
        yield _Test("the plan is judged", "error", "not judged", outcome.message, (outcome.hint,))
        return
    assessment, undos = outcome.assessment, undos_of(outcome.report)
    for finding in assessment.findings:
        place = f"{finding.address}: " if finding.address else ""
        yield _test(f"the plan: {place}{finding.rule}", (finding,), least, None)
    loud = [change for change in assessment.changes if change.findings]
    for change in loud:
        undo = undos.get((change.address, change.deposed))
        yield _test(_change(change), change.findings, least, undo)
    if not loud and not assessment.findings:  # a suite without a test passes for one that did not run
        doing = sum(change.action.mutates for change in assessment.changes)
        yield _Test(f"nothing was found in {doing} changes" if doing else "the plan changes nothing")


def _change(change: AssessedChange) -> str:
    return f"{whole_address(change)}: {change.action}"


def _test(name: str, findings: tuple[Finding, ...], least: Severity, undo: Undo | None) -> _Test:
    count = counting(findings)
    lines = tuple(map(_line, findings)) + ((undoing.one_line(undo),) if undo else ())
    if not count:
        why = "; ".join(f"{finding.rule}: {suppression(finding)}" for finding in findings)
        return _Test(name, "skipped", "", f"suppressed: {why}", lines)
    worst = max(count, key=lambda finding: finding.severity.rank)
    if worst.severity.rank < least.rank:
        return _Test(name, lines=lines)
    return _Test(name, "failure", str(worst.severity), _line(worst), lines)


def _line(finding: Finding) -> str:
    possibly = "possible: " if finding.certainty is Certainty.POSSIBLE else ""
    place = f"  {finding.source.file}:{finding.source.line}" if finding.source else ""
    taken = f"  (suppressed: {suppression(finding)})" if finding.suppressed else ""
    return f"{finding.severity}: {possibly}{finding.message}  [{finding.rule}]{place}{taken}"


def _case(suite: str, test: _Test) -> Iterator[str]:
    head = f'    <testcase classname="{_xml(suite)}" name="{_xml(test.name)}"'
    if test.outcome == "passed" and not test.lines:
        yield f"{head}/>"
        return
    body = "\n".join(map(_xml, test.lines))
    yield f"{head}>"
    if test.outcome in {"failure", "error"}:
        yield f'      <{test.outcome} type="{_xml(test.kind)}" message="{_xml(test.message)}">{body}</{test.outcome}>'
    else:
        if test.outcome == "skipped":
            yield f'      <skipped message="{_xml(test.message)}"/>'
        yield f"      <system-out>{body}</system-out>"
    yield "    </testcase>"


def _properties(outcome: Outcome) -> Iterator[str]:
    if isinstance(outcome, Unjudged):
        return
    plan = outcome.assessment.plan
    values = {
        "severity": str(outcome.assessment.severity),
        "undo": str(outcome.report.readiness),
        "sha256": plan.plan_file_sha256 or plan.sha256,
        "fingerprint": plan.fingerprint,
    }
    yield "    <properties>"
    yield from (f'      <property name="{name}" value="{_xml(value)}"/>' for name, value in values.items())
    yield "    </properties>"


def _counts(tests: Sequence[_Test]) -> str:
    count = Counter(test.outcome for test in tests)
    return (
        f'tests="{len(tests)}" failures="{count["failure"]}" errors="{count["error"]}" '
        f'skipped="{count["skipped"]}" time="0"'
    )


def _xml(text: str) -> str:
    """Return text for an attribute or an element."""
    return html.escape(_NOT_XML.sub("", fit(harmless(text), MAX_LINE)))
