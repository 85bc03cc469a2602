"""What became of each plan that was named, for documents that hold several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from iacgate.render.plain import harmless
from iacgate.risk.assessment import AssessedChange, Assessment, Finding
from iacgate.rollback.verdict import RollbackReport, Undo
from iacgate.vocabulary import Severity


class Judged(msgspec.Struct, frozen=True):
    """A plan that was judged, and whether it can be undone.

    ``folder`` is where its sources lie as the repository knows it, without a slash at its end; empty for its root.
    """

    assessment: Assessment
    report: RollbackReport
    folder: str = ""


class Unjudged(msgspec.Struct, frozen=True):
    """A plan that could not be judged, why, and what to do next: no document may look as if it were not there."""

    name: str
    message: str
    hint: str


Outcome: TypeAlias = "Judged | Unjudged"


def counting(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that no suppression took the weight from."""
    return [finding for finding in findings if finding.suppressed is None]


def tally(assessment: Assessment) -> str:
    """Return how many changes, and findings about the plan itself, there are of each severity, the worst first."""
    count = Counter(change.severity for change in assessment.changes if counting(change.findings))
    count.update(finding.severity for finding in counting(assessment.findings))
    return ", ".join(f"{count[level]} {level}" for level in reversed(Severity) if count[level])


def whole_address(change: AssessedChange) -> str:
    """Return the address of a change, and which deposed object of it that is; as it is, for programs to escape."""
    return change.address + (f" (deposed {change.deposed})" if change.deposed else "")


def undos_of(report: RollbackReport) -> dict[tuple[str, str], Undo]:
    """Return what undoing means, by address and deposed key."""
    return {(undo.address, undo.deposed): undo for undo in report.undos}


def suppression(finding: Finding) -> str:
    """Return why a finding does not count, who says so and until when; empty where it counts."""
    item = finding.suppressed
    return f"{harmless(item.reason)} ({harmless(item.owner)}, until {harmless(item.until)})" if item else ""
