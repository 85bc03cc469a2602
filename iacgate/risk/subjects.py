"""What rules look at besides resource changes: each thing in the plan that decides an effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate.conditions.refs import Subject
from iacgate.plan.binding import provisioners, unbound, unseen
from iacgate.plan.model import OutputChange
from iacgate.plan.outputs import is_secret_output
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import marked
from iacgate.risk.context import Context
from iacgate.risk.survey import Survey
from iacgate.vocabulary import Action

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
    from iacgate.plan.source.snapshot import Snapshot

BUILTIN: Final = "terraform.io/builtin/"

_UNSEEN: Final = "a removed block may run programs when it is destroyed, and the plan's JSON never shows such blocks"


class Thing(msgspec.Struct, frozen=True):
    """One subject of a rule that is not about a resource change."""

    kind: str
    address: str
    subject: Subject


def things(plan: Plan, context: Context, survey: Survey) -> Iterator[Thing]:
    """Yield all subjects of a plan, in a fixed order."""
    plan_file = context.plan_file
    yield Thing("plan", "", {"plan": _plan(plan, plan_file)})
    # Terraform's own measure of drift that matters: what the planned changes were computed from.
    relevant = survey.changing | plan.relevant_resources()
    for drift in plan.drift():
        fields = {"address": drift.address, "type": drift.type, "action": str(drift.action)}
        yield Thing("drift", drift.address, {"drift": {**fields, "overlaps": drift.address in relevant}})
    for check in plan.checks():
        result = {"kind": check.kind, "status": check.status, "problems": list(check.problems)}
        yield Thing("check", check.address, {"check": result})
    for action in plan.action_invocations():
        fields = {"type": action.type, "trigger": action.trigger, "deferred": action.deferred}
        yield Thing("action", action.address, {"action": fields})
    yield from _providers(survey, plan.configuration)
    yield from _provisioners(survey, plan.configuration, context.places)
    for item in unbound(plan, plan_file, context.beside):
        yield Thing("unbound", item.address, {"unbound": {"kind": item.kind, "why": item.why}})
    if plan_file is None and unseen(plan, survey.destroyed, context.places):
        yield Thing("unbound", "", {"unbound": {"kind": "removed", "why": _UNSEEN}})
    yield from _lifted(survey, context)
    for output in plan.outputs():
        yield Thing("output", f"output.{output.name}", {"output": _output(plan, output)})


def _plan(plan: Plan, plan_file: PlanFile | None) -> dict[str, Any]:
    says = plan.completeness
    return {
        "errored": says.errored,
        "complete": says.complete,
        "applyable": says.applyable,
        "json_only": plan_file is None,
        "mode": plan_file.mode if plan_file else None,
        "targets": list(plan_file.targets) if plan_file else None,
    }


def _providers(survey: Survey, configuration: dict[str, Any]) -> Iterator[Thing]:
    names = {name for name in survey.providers if name}
    configured = configuration.get("provider_config")
    for item in configured.values() if isinstance(configured, dict) else ():
        if isinstance(item, dict) and isinstance(item.get("full_name"), str):
            names.add(item["full_name"])
    for name in sorted(names):
        yield Thing("provider", name, {"provider": {"name": name, "registry": _registry(name)}})


def _registry(name: str) -> str:
    """Return the registry's host; Terraform 0.12 wrote bare names, all of them from its own registry."""
    if name.startswith(BUILTIN):
        return "builtin"
    return name.split("/", maxsplit=1)[0] if name.count("/") > 1 else "registry.terraform.io"


def _provisioners(survey: Survey, configuration: dict[str, Any], places: Snapshot | None) -> Iterator[Thing]:
    for address, kind in provisioners(configuration):
        yield Thing("provisioner", address, {"provisioner": {"type": kind, "runs": address in survey.running}})
    if places is None:
        return
    from iacgate.plan.source.removed import removed_provisioners  # noqa: PLC0415 - most plans come without their sources

    for item in removed_provisioners(places):
        fields = {"type": item.type, "runs": item.runs(survey.destroyed)}
        yield Thing("provisioner", item.place, {"provisioner": fields})


def _output(plan: Plan, output: OutputChange) -> dict[str, Any]:
    """Return an output's subject.

    Terraform has one mark for both sides, set where the output was or is sensitive: the declaration tells which.
    """
    before = marked(output.body.before_sensitive) and output.action is not Action.CREATE
    after = marked(output.body.after_sensitive) and is_secret_output(plan, output.name)
    return {"action": str(output.action), "was_sensitive": before, "sensitive": after}


def _lifted(survey: Survey, context: Context) -> Iterator[Thing]:
    if context.previous is None or context.places is None:
        return
    from iacgate.plan.source.lifecycle import lifted  # noqa: PLC0415 - most plans come without their sources

    for item in lifted(context.previous, context.places):
        fields = {"setting": "prevent_destroy", "how": item.how, "destroyed": item.address in survey.destroyed}
        yield Thing("lifecycle", item.address, {"lifecycle": fields})
