"""What an experienced reviewer would say of a plan, held against what the packs say.

The labels were given without looking at the rules: no dangerous change may be missed, and
no benign one may raise an alarm above low.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pytest

from iacgate import strictyaml
from iacgate.errors import PackInvalid
from iacgate.plan.reader import read_plan
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.packs import RuleSet
from iacgate.shell.rules import read_packs
from iacgate.vocabulary import Severity

FOLDER: Final = Path(__file__).with_name("cases")
RULES: Final = RuleSet(pack for pack, _ in read_packs(Path(__file__).resolve().parents[2] / "rules"))
WIRE: Final = {"replace": ["delete", "create"]}


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """One resource change, in short."""

    type: str
    action: Literal["create", "update", "delete", "replace", "forget", "no-op"]
    name: str = "example"
    before: Any = None
    after: Any = None
    after_unknown: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    importing: Any = None
    replace_paths: Any = None
    configured: list[str] | None = None
    previous_address: str | None = None
    action_reason: str | None = None
    deposed: str | None = None
    provider_name: str | None = None


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """One plan, with the answer that an experienced reviewer would give."""

    name: str
    verdict: Literal["dangerous", "benign"]
    why: str
    changes: list[Change]
    at_least: Severity = Severity.LOW
    plan: dict[str, Any] = {}


CASES: Final = [
    case
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in strictyaml.convert(path.read_bytes(), list[Case], path.name, PackInvalid, "")
]


def plan_of(case: Case) -> dict[str, Any]:
    """Return the plan JSON that a case stands for."""
    resources = [
        {
            "address": f"{change.type}.{change.name}",
            "mode": "managed",
            "type": change.type,
            "name": change.name,
            "expressions": {name: {} for name in change.configured},
        }
        for change in case.changes
        if change.configured is not None
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.14.0",
        "resource_changes": [entry(change) for change in case.changes],
        "configuration": {"root_module": {"resources": resources}},
        **case.plan,
    }


def entry(change: Change) -> dict[str, Any]:
    optional = ("importing", "replace_paths")
    more = {name: getattr(change, name) for name in optional if getattr(change, name) is not None}
    body = {
        "actions": WIRE.get(change.action, [change.action]),
        "before": change.before,
        "after": change.after,
        "after_unknown": change.after_unknown or {},
        "before_sensitive": change.before_sensitive or {},
        "after_sensitive": change.after_sensitive or {},
        **more,
    }
    facts = ("previous_address", "action_reason", "deposed", "provider_name")
    return {
        "address": f"{change.type}.{change.name}",
        "mode": "managed",
        "type": change.type,
        "name": change.name,
        "change": body,
        **{name: getattr(change, name) for name in facts if getattr(change, name) is not None},
    }


def judged(case: Case) -> Assessment:
    return assess(read_plan(json.dumps(plan_of(case)).encode(), "case"), RULES)


def said(assessment: Assessment) -> str:
    found = [*assessment.findings, *(item for change in assessment.changes for item in change.findings)]
    return "; ".join(f"{item.severity} {item.certainty} {item.rule} ({item.path})" for item in found) or "nothing"


def test_there_are_enough_cases_of_both_sorts() -> None:
    benign = sum(case.verdict == "benign" for case in CASES)
    assert len(CASES) >= 150
    assert abs(len(CASES) - 2 * benign) < len(CASES) / 10
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case.verdict == "dangerous"], ids=lambda case: case.name)
def test_no_danger_is_missed(case: Case) -> None:
    found = judged(case)
    assert found.severity.rank >= case.at_least.rank, f"{case.why} Wanted {case.at_least}, said: {said(found)}"


@pytest.mark.parametrize("case", [case for case in CASES if case.verdict == "benign"], ids=lambda case: case.name)
def test_no_everyday_change_raises_an_alarm(case: Case) -> None:
    found = judged(case)
    assert found.severity.rank <= Severity.LOW.rank, f"{case.why} Said: {said(found)}"
