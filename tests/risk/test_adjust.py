from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from iacgate.risk.adjust import Weights, adjust
from iacgate.risk.assessment import Assessment, SettingsUsed
from iacgate.risk.suppressions import Register, Suppression
from iacgate.vocabulary import Severity
from tests.risk.test_assess import DELETE, TAGS, change, judge

USED = SettingsUsed(folder=".iacgate", trusted=False, stack="s", environment="e", tier="other", shift=0, how="")
OPEN = change(
    "aws_security_group.c", ("create",), None, {"ingress": [{"cidr_blocks": ["0.0.0.0/0"], "protocol": "-1"}]}
)
PLAN = judge(TAGS, DELETE, OPEN, errored=True)
FINDINGS = [(item.address, found) for item in PLAN.changes for found in item.findings]
FINDINGS += [("plan", found) for found in PLAN.findings]


def adjusted(*suppressions: Suppression, shift: int = 0, keep: tuple[str, ...] = ()) -> Assessment:
    rules = frozenset(found.rule for _, found in FINDINGS)
    return adjust(PLAN, Weights(shift, frozenset(keep)), Register(suppressions, rules, "2026-11-23"), USED)


def suppress(address: str, rule: str, until: str = "2027-01-01") -> Suppression:
    return Suppression(rule, address, "reason", "owner", until)


def everything(assessment: Assessment) -> list[Any]:
    return [found for part in (assessment.findings, *(item.findings for item in assessment.changes)) for found in part]


def test_nothing_changes_without_settings_that_say_so() -> None:
    assert msgspec.structs.replace(adjusted(), settings=None) == PLAN


@given(st.integers(-3, 3))
def test_no_finding_is_lost_or_falls_below_low(shift: int) -> None:
    result = adjusted(shift=shift)
    assert sorted(found.rule for found in everything(result)) == sorted(found.rule for _, found in FINDINGS)
    for found in everything(result):
        assert found.severity.rank >= Severity.LOW.rank
        assert (found.rule_severity is None) is (found.severity.rank == dict(ranks())[found.rule])
    assert result.severity is max((found.severity for found in everything(result)), key=lambda level: level.rank)


def ranks() -> list[tuple[str, int]]:
    return [(found.rule, found.severity.rank) for _, found in FINDINGS]


def test_a_rule_that_is_kept_weighs_the_same_everywhere() -> None:
    result = adjusted(shift=-3, keep=("aws-bucket-destroyed-with-contents",))
    assert result.severity is Severity.CRITICAL
    assert [item.severity for item in result.changes] == [Severity.CRITICAL, Severity.LOW, Severity.NONE]


def test_all_suppressed_weighs_nothing_and_shows_everything() -> None:
    result = adjusted(*(suppress(address, found.rule) for address, found in FINDINGS))
    assert result.severity is Severity.NONE
    assert len(everything(result)) == len(FINDINGS)
    assert all(found.suppressed and found.suppressed.owner == "owner" for found in everything(result))
    assert {item.state for item in result.suppressions} == {"applied"}


@given(st.sets(st.integers(0, len(FINDINGS) - 1)), st.sampled_from(["2027-01-01", "2026-01-01"]))
def test_suppressing_never_raises_and_an_ended_one_never_lowers(chosen: set[int], until: str) -> None:
    items = [suppress(FINDINGS[index][0], FINDINGS[index][1].rule, until) for index in sorted(chosen)]
    result = adjusted(*items)
    assert result.severity.rank <= PLAN.severity.rank
    assert len(result.suppressions) == len(items)
    if until < "2026-11-23":
        assert result.severity is PLAN.severity
        assert {item.state for item in result.suppressions} <= {"expired"}
    left = [found.severity for found in everything(result) if found.suppressed is None]
    assert result.severity is max(left, key=lambda level: level.rank, default=Severity.NONE)
