"""What the team's settings make of an assessment: the environment's weight, and suppressions.

Nothing is taken away: a finding keeps its rule's severity beside the shifted one, and a
suppressed finding stays where it is, with the reason.
"""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.risk.assessment import (
    AssessedChange,
    Assessment,
    Finding,
    SettingsUsed,
    Suppressed,
    change_order,
    finding_order,
    worst,
)
from iacgate.risk.suppressions import Register
from iacgate.vocabulary import Severity

_LEVELS: Final = tuple(Severity)


class Weights(msgspec.Struct, frozen=True):
    """By how many levels findings weigh more or less, and the rules of which they never do."""

    shift: int = 0
    keep: frozenset[str] = frozenset()

    def weigh(self, finding: Finding) -> Finding:
        """Return the finding with the severity that it has here; it never falls below low."""
        if not self.shift or finding.rule in self.keep:
            return finding
        rank = min(max(finding.severity.rank + self.shift, Severity.LOW.rank), Severity.CRITICAL.rank)
        if rank == finding.severity.rank:
            return finding
        return msgspec.structs.replace(finding, severity=_LEVELS[rank], rule_severity=finding.severity)


def adjust(assessment: Assessment, weights: Weights, register: Register, settings: SettingsUsed) -> Assessment:
    """Return the assessment with the severities of its environment, and suppressed findings marked."""
    findings = _adjusted(assessment.findings, (), weights, register)
    changes = tuple(_change(change, weights, register) for change in assessment.changes)
    return msgspec.structs.replace(
        assessment,
        severity=worst((*findings, *(finding for change in changes for finding in change.findings))),
        findings=findings,
        changes=tuple(sorted(changes, key=change_order)),
        settings=settings,
        suppressions=register.judged(),
    )


def _change(change: AssessedChange, weights: Weights, register: Register) -> AssessedChange:
    # What is moved was something else until now, and a deposed object is not the one that is named.
    here = f"{change.address} (deposed {change.deposed})" if change.deposed else change.address
    places = (here, change.previous_address) if change.previous_address else (here,)
    findings = _adjusted(change.findings, places, weights, register)
    return msgspec.structs.replace(change, findings=findings, severity=worst(findings))


def _adjusted(
    findings: tuple[Finding, ...], places: tuple[str, ...], weights: Weights, register: Register
) -> tuple[Finding, ...]:
    adjusted = []
    for finding in findings:
        held = register.find(finding.rule, *(places or (finding.address,)))
        found = weights.weigh(finding)
        if held:
            found = msgspec.structs.replace(found, suppressed=Suppressed(held.reason, held.owner, held.until))
        adjusted.append(found)
    return tuple(sorted(adjusted, key=finding_order))
