"""From a plan to its assessment.

1. Survey: count, learn the secrets, keep the changes that matter; drop the rest.
2. Judge every change that matters against the rules for its type and action.
3. Judge what is not a resource change: the plan itself, drift, checks, actions, providers.
4. Worst first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from iacgate.conditions.refs import Subject
from iacgate.conditions.values import UNKNOWN, Hidden
from iacgate.plan import redaction, strict
from iacgate.plan.configured import configured_attributes, mark_left_to_provider
from iacgate.plan.differences import differences, show
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.graph import Graph, configuration_address, without_keys
from iacgate.plan.model import ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.risk.assessment import (
    AssessedChange,
    Assessment,
    Difference,
    Finding,
    PackIdentity,
    PlanIdentity,
    Source,
    change_order,
    finding_order,
    worst,
)
from iacgate.risk.context import ALONE, Context, Report, by_address
from iacgate.risk.packs import RuleSet
from iacgate.risk.rule import Rule
from iacgate.risk.subjects import things
from iacgate.risk.survey import survey
from iacgate.vocabulary import Action, Certainty, Severity

_HAS_AFTER: Final = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.FORGET_AND_CREATE})
_HAS_BEFORE: Final = frozenset({Action.UPDATE, Action.DELETE, Action.REPLACE, Action.FORGET, Action.FORGET_AND_CREATE})
"""Actions with an object before or after them: where the plan shows none, it is unknown, not nothing."""

MAX_MESSAGE: Final = 1000
"""Characters of what another engine says; it is cut after it is redacted."""

MAX_COMPARED: Final = 1000
MAX_DIFFERENCES: Final = 12
"""So many attributes of one change are kept for display."""


def _silent(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total


def assess(
    plan: Plan,
    rules: RuleSet,
    context: Context = ALONE,
    *,
    with_differences: bool = False,
    progress: Callable[[int, int], None] = _silent,
) -> Assessment:
    """Return all findings of a plan.

    ``context`` has what is known besides the plan's JSON. ``with_differences`` keeps the changed
    attributes of changes from medium on. ``progress`` is told how many of the changes are judged.
    Raises :class:`iacgate.errors.PlanUnreadable` where any part of the plan cannot be judged.
    """
    try:
        if context.snapshot is not None:
            plan.add_sources(context.snapshot)
        return _assess(plan, rules, context, with_differences=with_differences, progress=progress)
    except RecursionError as error:  # values are walked recursively, and some are deeper than any walk
        raise strict.unreadable(error, plan.name) from error


def _assess(
    plan: Plan,
    rules: RuleSet,
    context: Context,
    *,
    with_differences: bool,
    progress: Callable[[int, int], None],
) -> Assessment:
    found = survey(plan)
    graph = Graph(plan.configuration, found.instances)
    configured = configured_attributes(plan.configuration)
    judge = _Judge(rules, Redactor(found.secrets), graph, configured, plan.name, context, with_differences)
    changes, total = [], len(found.changes)
    while found.changes:  # each is dropped when it is judged: a plan can hold very many
        changes.append(judge.change(found.changes.pop()))
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


class _Judge:
    """Holds changes and other subjects against the rules."""

    def __init__(
        self,
        rules: RuleSet,
        redactor: Redactor,
        graph: Graph,
        configured: dict[str, frozenset[str]],
        plan_name: str,
        context: Context,
        with_differences: bool,  # noqa: FBT001 - a private constructor with one caller
    ) -> None:
        self._rules = rules
        self._redactor = redactor
        self._graph = graph
        self._configured = configured
        self._plan_name = plan_name
        self._places = context.places
        self._reports = by_address(context.reports)
        self._with_differences = with_differences
        self._by_facts: dict[tuple[Any, ...], tuple[Finding, ...]] = {}

    def change(self, change: ResourceChange) -> AssessedChange:
        """Return one change with its findings."""
        rules = self._rules.selection(change.type, change.action)
        where = f"{self._plan_name}: {ascii(change.address)}"
        place = configuration_address(change)
        only = None if self._with_differences else rules.reads
        after = redaction.after_of(change.body, self._redactor, where, only)
        mark_left_to_provider(after, self._configured.get(place))
        before = redaction.before_of(change.body, self._redactor, where, only)
        if before is None and change.action in _HAS_BEFORE:
            before = UNKNOWN
        if after is None and change.action in _HAS_AFTER:
            after = UNKNOWN
        facts = self._facts(change)
        subject: Subject = {
            "change": facts,
            "before": before,
            "after": after,
        }
        deferred = bool(change.deferred)
        findings = (
            *self._from_facts(rules.facts, facts, place),
            *self.findings(rules.values, subject, deferred=deferred, place=place),
            *(self._report(report, "", place) for report in self._reports.pop(change.address, ())),
        )
        if len(findings) > 1:
            findings = tuple(sorted(findings, key=finding_order))
        severity = findings[0].severity if findings else Severity.NONE
        shown = self._with_differences and severity.rank >= Severity.MEDIUM.rank
        return AssessedChange(
            address=self._redactor.clean(change.address),
            type=change.type,
            provider=change.provider,
            mode=change.mode,
            action=change.action,
            actions=change.actions,
            severity=severity,
            blast_radius=self._graph.blast_radius(place),
            findings=findings,
            previous_address=self._redactor.clean(change.previous_address) if change.moved else "",
            deposed=change.deposed,
            deferred=change.deferred,
            imported=change.imported,
            differences=self._differences(change, subject) if shown else (),
        )

    def _from_facts(self, rules: tuple[Rule, ...], facts: dict[str, Any], place: str) -> tuple[Finding, ...]:
        """Return what follows from facts alone: the same for every change of which the same is true."""
        key = tuple(facts.values())
        found = self._by_facts.get(key)
        if found is None:
            found = tuple(self.findings(rules, {"change": facts}, deferred=bool(facts["deferred"])))
            self._by_facts[key] = found
        if not found or self._places is None:
            return found
        source = self._source(place, "")
        return tuple(msgspec.structs.replace(finding, source=source) for finding in found)

    def _facts(self, change: ResourceChange) -> dict[str, Any]:
        return {
            "action": str(change.action),
            "type": change.type,
            "mode": change.mode,
            "provider": change.provider,
            "reason": change.action_reason,
            "deposed": bool(change.deposed),
            "deferred": change.deferred,
            "moved": change.moved,
            "imported": change.imported,
            "known_type": self._rules.knows(change.type),
        }

    def findings(
        self, rules: Iterable[Rule], subject: Subject, address: str = "", *, deferred: bool = False, place: str = ""
    ) -> Iterator[Finding]:
        """Yield what the rules find; what is deferred may still change, so that it is only possible.

        ``place`` is the configuration address at which the sources are looked up, by default ``address``.
        """
        for rule in rules:
            answer = True if rule.condition is None else rule.condition.answer(subject)
            if answer is False or rule.severity is Severity.NONE:
                continue
            path, evidence = self._evidence(rule, subject, answer is None)
            yield Finding(
                rule=rule.id,
                severity=rule.severity,
                certainty=Certainty.POSSIBLE if answer is None or deferred else Certainty.CERTAIN,
                path=path,
                message=f"{rule.text.title}{evidence}",
                source=self._source(place or address, path),
                address=self._redactor.clean(address),
            )

    def _source(self, address: str, path: str) -> Source | None:
        if self._places is None:
            return None
        found = self._places.place(without_keys(address), path.partition(".")[0].partition("[")[0])
        return Source(self._redactor.clean(found.file), found.line) if found else None

    def reported(self) -> Iterator[Finding]:
        """Yield what others found that belongs to no change."""
        for address, reports in self._reports.items():
            yield from (self._report(report, address, address) for report in reports)

    def _report(self, report: Report, address: str, place: str) -> Finding:
        return Finding(
            rule=report.rule,
            severity=report.severity,
            certainty=Certainty.CERTAIN,
            path="",
            message=self._redactor.clean(report.message)[:MAX_MESSAGE],
            source=self._source(place, ""),
            address=self._redactor.clean(address),
        )

    def _evidence(self, rule: Rule, subject: Subject, unknown: bool) -> tuple[str, str]:  # noqa: FBT001 - private
        if rule.condition is None:
            return "", ""
        found = [(path, value) for path, value in rule.condition.locate(subject) if path]
        if unknown:
            found = [(path, value) for path, value in found if isinstance(value, Hidden)] or found
        if not found:
            return "", ""
        path, value = found[0]
        return self._redactor.clean(path), f": {self._redactor.clean(path)} = {show(value, self._redactor)}"

    def _differences(self, change: ResourceChange, subject: Subject) -> tuple[Difference, ...]:
        if change.action not in (Action.UPDATE, Action.REPLACE):
            return ()
        forcing = change.replace_roots()
        found = [
            (path.split(".", 1)[0].split("[", 1)[0] not in forcing, path, before, after)
            for path, before, after in differences(subject.get("before"), subject.get("after"), MAX_COMPARED)
        ]
        found.sort(key=lambda item: item[0])  # what forces the replacement is never cut off
        return tuple(
            Difference(
                path=self._redactor.clean(path),
                before=show(before, self._redactor),
                after=show(after, self._redactor),
                forces_replacement=not harmless,
            )
            for harmless, path, before, after in found[:MAX_DIFFERENCES]
        )
