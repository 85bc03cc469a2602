"""From a plan to its assessment.

1. Survey: count, learn the secrets, keep the changes that matter; drop the rest.
2. Judge every change that matters against the rules for its type and action.
3. Judge what is not a resource change: the plan itself, drift, checks, actions, providers.
4. Worst first.
"""

from __future__ import annotations

from collections.abc import Callable

from iacgate.plan import strict
from iacgate.plan.configured import configured_attributes
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.graph import Graph
from iacgate.plan.model import ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.risk.assessment import (
    Assessment,
    PackIdentity,
    PlanIdentity,
    change_order,
    finding_order,
    worst,
)
from iacgate.risk.context import ALONE, Context
from iacgate.risk.judge import Judge
from iacgate.risk.packs import RuleSet
from iacgate.risk.subjects import things
from iacgate.risk.survey import survey
from iacgate.vocabulary import Severity


def _silent(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total


def _unwatched(change: ResourceChange, redactor: Redactor) -> None:
    """Tell nobody."""
    del change, redactor


def assess(
    plan: Plan,
    rules: RuleSet,
    context: Context = ALONE,
    *,
    differences_from: Severity | None = None,
    progress: Callable[[int, int], None] = _silent,
    watch: Callable[[ResourceChange, Redactor], None] = _unwatched,
) -> Assessment:
    """Return all findings of a plan.

    ``context`` has what is known besides the plan's JSON. ``differences_from`` keeps the changed
    attributes of changes of that severity and above (``None``: of none). ``progress`` is told
    how many of the changes are judged; ``watch`` is shown every change that matters, and who knows the plan's secrets.
    Raises :class:`iacgate.errors.PlanUnreadable` where any part of the plan cannot be judged.
    """
    try:
        if context.snapshot is not None:
            plan.add_sources(context.snapshot)
        return _assess(plan, rules, context, differences_from=differences_from, progress=progress, watch=watch)
    except RecursionError as error:  # values are walked recursively, and some are deeper than any walk
        raise strict.unreadable(error, plan.name) from error


def _assess(
    plan: Plan,
    rules: RuleSet,
    context: Context,
    *,
    differences_from: Severity | None,
    progress: Callable[[int, int], None],
    watch: Callable[[ResourceChange, Redactor], None],
) -> Assessment:
    found = survey(plan)
    graph = Graph(plan.configuration, found.instances)
    configured = configured_attributes(plan.configuration)
    redactor = Redactor(found.secrets)
    judge = Judge(rules, redactor, graph, configured, plan.name, context, differences_from)
    changes, total = [], len(found.changes)
    while found.changes:  # each is dropped when it is judged: a plan can hold very many
        change = found.changes.pop()
        watch(change, redactor)
        changes.append(judge.change(change))
        progress(len(changes), total)
    findings = [
        finding
        for thing in things(plan, context, found)
        for finding in judge.findings(rules.of_kind(thing.kind), thing.subject, thing.address)
    ]
    findings += judge.reported()
    changes.sort(key=change_order)
    findings.sort(key=finding_order)
    everything = (*findings, *(finding for change in changes for finding in change.findings))
    return Assessment(
        severity=worst(everything),
        counts=found.counts,
        changes=tuple(changes),
        findings=tuple(findings),
        plan=PlanIdentity(
            name=plan.name,
            sha256=plan.sha256,
            plan_file_sha256=context.plan_file_sha256,
            fingerprint=fingerprint(plan, context.plan_file).digest,
            format_version=plan.format_version,
            terraform_version=plan.terraform_version,
            errored=plan.completeness.errored,
            complete=plan.completeness.complete,
        ),
        packs=(*(PackIdentity(pack.name, pack.version, pack.sha256) for pack in rules.packs), *context.policies),
    )
