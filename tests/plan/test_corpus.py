"""Every file of the corpus of real plans reads as it should."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from iacgate.errors import PlanUnreadable
from iacgate.plan.reader import Plan, read_plan
from iacgate.risk.assess import assess
from iacgate.risk.packs import RuleSet
from iacgate.shell.shipped import shipped_packs
from tests.support.corpus import plans

RULES = RuleSet(shipped_packs())

REFUSED = {
    "generated/deep_nesting_1200/plan.json": "nested too deeply",
    "generated/number_over_4300_digits/plan.json": "too large to be read exactly",
    "plans/jond3k+tfplan-validator/test__fixtures__itest__plan-duplicate-address.json": "planned twice",
    "plans/jond3k+tfplan-validator/test__fixtures__itest__plan-invalid-actions.json": "['invalid'] is not a list",
    "plans/oocx+tfplan2md/examples__comprehensive-demo__plan.json": "[] is not a list of actions",
    "plans/ovsds+tf-plan-format/tests__data__plans__artificial__full.json": "'test_format_version'",
    "plans/pibblokto+tfplanctx/testdata__plan_main.json": "not as Terraform writes it",  # an output without actions
}
"""Plans that nobody's Terraform wrote, or that cannot be read safely: the file, and what is said of it."""

WRONG = {
    "array.json": "a list",
    "duplicate-top-key.json": "stands twice",
    "empty.json": "is empty",
    "latin1.json": "UTF-8",
    "nan.json": "not valid",
    "null.json": "null",
    "string.json": "a string",
    "trailing-comma.json": "not valid (trailing comma",
    "truncated-inside-utf8.json": "cut off",
    "truncated-last-byte.json": "cut off",
    "truncated-third.json": "cut off",
    "two-plans-concatenated.json": "goes on after",
    "unknown-action.json": "'frobnicate'",
    "whitespace.json": "is empty",
}
"""What is said of the damaged ones; all other files of the folder read like the plan that they were made from."""


def whole(data: bytes, name: str) -> Plan:
    """Read a plan and everything in it."""
    plan = read_plan(data, name)
    for part in (plan.resource_changes, plan.drift, plan.deferred, plan.outputs, plan.checks, plan.action_invocations):
        for _ in part():
            pass
    plan.variables()
    list(plan.data_secrets())
    plan.relevant_resources()
    return plan


def test_plans(corpus: Path) -> None:
    seen = 0
    for path in plans(corpus):
        name = str(path.relative_to(corpus))
        seen += 1
        if name in REFUSED:
            with pytest.raises(PlanUnreadable, match=re.escape(REFUSED[name])):
                assess(whole(path.read_bytes(), name), RULES)
        else:
            assess(whole(path.read_bytes(), name), RULES)
    assert seen > 500


def test_counts_are_terraforms(corpus: Path) -> None:
    line = re.compile(r"Plan: (?:(\d+) to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy")
    compared = 0
    for path in sorted(corpus.glob("generated/*/plan.json")):
        if f"generated/{path.parent.name}/plan.json" in REFUSED:
            continue
        printed = line.search((path.parent / "plan.txt").read_text(encoding="utf-8"))
        counts = assess(read_plan(path.read_bytes(), path.parent.name), RULES).counts
        wanted = tuple(int(number or 0) for number in printed.groups()) if printed else (0, 0, 0, 0)
        assert (counts.imports, counts.add, counts.change, counts.destroy) == wanted, path.parent.name
        compared += 1
    assert compared > 35


def test_actions_are_those_of_the_list(corpus: Path) -> None:
    for text in (corpus / "plans.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(text)
        if item["file"] in REFUSED:
            continue
        plan = whole((corpus / item["file"]).read_bytes(), item["file"])
        found: dict[str, int] = {}
        for change in plan.resource_changes():
            found[",".join(change.actions)] = found.get(",".join(change.actions), 0) + 1
        assert found == item["action_counts"], item["file"]


def test_damaged_and_converted_files(corpus: Path) -> None:
    reference = list(
        whole((corpus / "generated/mixed_everything/plan.json").read_bytes(), "reference").resource_changes()
    )
    for path in sorted(corpus.glob("derived/*")):
        if path.name in WRONG:
            with pytest.raises(PlanUnreadable) as caught:
                whole(path.read_bytes(), path.name)
            assert path.name in caught.value.message
            assert WRONG[path.name] in caught.value.message
            assert caught.value.hint
        else:
            found = list(whole(path.read_bytes(), path.name).resource_changes())
            assert [item.address for item in found] == [item.address for item in reference], path.name


def test_what_is_no_plan_is_named(corpus: Path) -> None:
    says = {
        "binary-planfile(zip)": "zip",
        "state-show-json-given-as-plan": "state",
        "tfstate-v3-given-as-plan": "state",
        "tfstate-v4": "state",
        "Records": "CloudTrail",
        "bare-array": "a list",
    }
    for text in (corpus / "extras.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(text)
        if item["cls"] == "json-error":  # the setup-terraform wrapper around a plan, which reads
            whole((corpus / item["file"]).read_bytes(), "plan")
            continue
        with pytest.raises(PlanUnreadable) as caught:
            whole((corpus / item["file"]).read_bytes(), "given")
        assert caught.value.message.startswith("given: ")
        assert says.get(item["cls"], "") in caught.value.message or item["kind"] not in ("malformed", "states"), item[
            "file"
        ]
