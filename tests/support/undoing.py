"""Plans in a few words, and what is said of undoing them."""

from __future__ import annotations

import json
import re
from typing import Any

from iacgate.plan.reader import Plan, read_plan
from iacgate.risk.assess import assess
from iacgate.risk.packs import RuleSet
from iacgate.rollback.checks import Ground
from iacgate.rollback.knowledge import EntryText, Knowledge, make_collection
from iacgate.rollback.report import Watch
from iacgate.rollback.verdict import RollbackReport, Undo
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.shell.shipped import shipped_packs

RULES = RuleSet(shipped_packs())
SHIPPED = shipped_knowledge()
HASHICORP = "registry.terraform.io/hashicorp"
_ADDRESS = re.compile(r"(module\..*\.)?(?:data\.|ephemeral\.)?(\w+)\.([\w-]+)(?:\[.*\])?", re.DOTALL)
WIRE = {"replace": ["delete", "create"]}


def change(address: str, action: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    """Return an entry of ``resource_changes``; what is not the entry's own belongs to its ``change``."""
    module, kind, name = _ADDRESS.fullmatch(address).groups()  # type: ignore[union-attr] # tests write addresses
    own = ("mode", "previous_address", "deposed", "provider_name", "action_reason", "type")
    entry = {name: more.pop(name) for name in own if name in more}
    actions = WIRE.get(action, action.split(","))
    body = {"actions": actions, "before": before, "after": after, **more}
    provider = f"{HASHICORP}/{kind.partition('_')[0]}"
    return {
        "address": address,
        "module_address": (module or "").rstrip("."),
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": provider,
        "change": body,
        **entry,
    }


def plan_of(*changes: dict[str, Any], **members: Any) -> Plan:
    """Return a plan with some changes, as Terraform prints it."""
    content = {"format_version": "1.2", "terraform_version": "1.11.4", "complete": True, "errored": False}
    return read_plan(json.dumps({**content, "resource_changes": list(changes), **members}).encode(), "plan")


def report_of(plan: Plan, ground: Ground | None = None, *, knowledge: Knowledge = SHIPPED) -> RollbackReport:
    """Return whether a plan can be undone, as the program says it."""
    watch = Watch(plan, knowledge, RULES.stateless)
    assess(plan, RULES, watch=watch.look)
    return watch.report(ground or Ground())


def judged(*changes: dict[str, Any], knowledge: Knowledge = SHIPPED, **members: Any) -> RollbackReport:
    """Return whether a plan with some changes can be undone."""
    return report_of(plan_of(*changes, **members), knowledge=knowledge)


def undone(*changes: dict[str, Any], knowledge: Knowledge = SHIPPED, **members: Any) -> Undo:
    """Return what undoing the first of some changes means."""
    report = judged(*changes, knowledge=knowledge, **members)
    return next(undo for undo in report.undos if undo.address == changes[0]["address"])


def checks(report: RollbackReport, address: str | None = None) -> dict[str, str]:
    """Return the levels of the checks that do not hold, by id: of one address, or of all."""
    return {check.id: check.level for check in report.checks if address is None or check.address == address}


def knowing(*texts: EntryText) -> Knowledge:
    """Return knowledge of a test's own."""
    return Knowledge([make_collection("test", "1", texts)])
