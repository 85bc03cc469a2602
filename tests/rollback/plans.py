"""Plans for tests of the way back: real plan JSON, as small as it can be."""

from __future__ import annotations

import json
from typing import Any

from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.redaction import Redactor
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.knowledge import Knowledge
from iacgate.rollback.report import Watch
from iacgate.rollback.reverse import ReversePlan, reverse_of
from iacgate.rollback.verdict import RollbackReport
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.vocabulary import Severity

ACTIONS = {"replace": ["delete", "create"], "forget": ["forget"], "no-op": ["no-op"]}


def change(address: str, action: str, *, previous: str = "", deposed: str = "", **body: Any) -> dict[str, Any]:
    """Return one resource change; ``body`` is its ``change`` besides the actions."""
    module, _, rest = address.rpartition("aws_") if "aws_" in address else ("", "", address)
    kind, _, name = f"aws_{rest}".partition(".") if "aws_" in address else rest.partition(".")
    entry = {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name.partition("[")[0],
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": ACTIONS.get(action, [action]), **body},
    }
    more = {"module_address": module.rstrip("."), "previous_address": previous, "deposed": deposed}
    return entry | {key: value for key, value in more.items() if value}


def resource(address: str, *references: str, **more: Any) -> dict[str, Any]:
    """Return a resource of a configuration's module that refers to others."""
    kind, _, name = address.partition(".")
    expressions = {"x": {"references": list(references)}} if references else {}
    return {"address": address, "mode": "managed", "type": kind, "name": name, "expressions": expressions, **more}


def stored(address: str, *depends_on: str) -> dict[str, Any]:
    """Return an object of the state before the plan."""
    return {"address": address, "mode": "managed", "depends_on": list(depends_on)}


def plan_of(
    changes: list[dict[str, Any]], root: dict[str, Any] | None = None, state: Any = None, providers: Any = None
) -> Plan:
    """Return a plan: its changes, the root module of its configuration, and the objects of the state before it."""
    document = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": changes,
        "configuration": {"root_module": root or {}, "provider_config": providers or {}},
        **({"prior_state": {"values": {"root_module": {"resources": state}}}} if state is not None else {}),
    }
    return read_plan(json.dumps(document).encode(), "plan.json")


def report_of(
    plan: Plan, ground: Ground | None = None, redactor: Redactor | None = None, knowledge: Knowledge | None = None
) -> RollbackReport:
    watch = Watch(plan, knowledge or shipped_knowledge(), lambda _: Severity.NONE)
    for item in plan.resource_changes():
        watch.look(item, redactor or Redactor())
    return watch.report(ground or Ground())


def reversed_plan(plan: Plan, previous: Previous | None = None, redactor: Redactor | None = None) -> ReversePlan:
    ground = Ground(previous=previous)
    return reverse_of(plan, report_of(plan, ground, redactor), ground)
