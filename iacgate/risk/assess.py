"""From a plan to its assessment.

1. Survey: count, learn the secrets, keep the changes that matter; drop the rest.
2. Judge every change that matters against the rules for its type and action.
3. Judge what is not a resource change: the plan itself, drift, checks, actions, providers.
4. Worst first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Hidden
from iacgate.plan import redaction
from iacgate.plan.binding import unbound
from iacgate.plan.differences import differences, show
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.graph import Graph, configuration_address
from iacgate.plan.model import Counts, ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.risk.assessment import (
    AssessedChange,
    Assessment,
    Difference,
    Finding,
    PackIdentity,
    PlanIdentity,
    worst,
)
from iacgate.risk.packs import RuleSet
from iacgate.risk.rule import Rule
from iacgate.risk.subjects import things
from iacgate.vocabulary import Action, Certainty, Severity

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile

MAX_DIFFERENCES: Final = 12
"""So many attributes of one change are kept for display."""


class Survey(msgspec.Struct):
    """What one walk over the plan learns."""

    counts: Counts
    changes: list[ResourceChange]
    instances: Counter[str]
    secrets: set[str]


def _silent(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total


def assess(
    plan: Plan,
    rules: RuleSet,
    *,
    plan_file: PlanFile | None = None,
    plan_file_sha256: str | None = None,
    with_differences: bool = False,
    progress: Callable[[int, int], None] = _silent,
) -> Assessment:
    """Return all findings of a plan.

    ``plan_file`` is the saved plan file, where there is one: it tells what the JSON cannot.
    ``with_differences`` keeps the changed attributes of changes from medium on. ``progress`` is told how many
    of the changes are judged. Raises :class:`iacgate.errors.PlanUnreadable` where any part of
    the plan cannot be judged.
    """
    survey = _survey(plan)
    configuration = plan.configuration
    redactor = Redactor(survey.secrets)
    judge = _Judge(rules, redactor, Graph(configuration, survey.instances), plan.name, with_differences)
    changes = []
    for index, change in enumerate(survey.changes):
        changes.append(judge.change(change))
        progress(index + 1, len(survey.changes))
    loose = unbound(plan, plan_file)
    findings = [
        finding
        for thing in things(plan, plan_file, survey.changes, configuration, loose)
        for finding in judge.findings(rules.of_kind(thing.kind), thing.subject, thing.address)
    ]
    changes.sort(key=_change_order)
    findings.sort(key=_finding_order)
    everything = (*findings, *(finding for change in changes for finding in change.findings))
    return Assessment(
        severity=worst(everything),
        counts=survey.counts,
        changes=tuple(changes),
        findings=tuple(findings),
        plan=PlanIdentity(
            name=plan.name,
            sha256=plan.sha256,
            plan_file_sha256=plan_file_sha256,
            fingerprint=fingerprint(plan, plan_file).digest,
            format_version=plan.format_version,
            terraform_version=plan.terraform_version,
            errored=plan.completeness.errored,
            complete=plan.completeness.complete,
        ),
        packs=tuple(PackIdentity(pack.name, pack.version, pack.sha256) for pack in rules.packs),
    )


def _survey(plan: Plan) -> Survey:
    survey = Survey(Counts(), [], Counter(), set(_sensitive_variables(plan)))
    for change in plan.resource_changes():
        survey.instances[configuration_address(change)] += 1
        if redaction.has_secrets(change.body):
            survey.secrets.update(redaction.secrets_of(change.body, f"{plan.name}: {ascii(change.address)}"))
        if change.matters:
            survey.changes.append(change)
            _count(survey.counts, change)
        elif change.mode == "managed":
            survey.counts.no_op += 1
        else:
            survey.counts.read += change.action is Action.READ
    for change in plan.deferred():
        survey.counts.deferred += 1
        survey.secrets.update(redaction.secrets_of(change.body, f"{plan.name}: {ascii(change.address)}"))
        survey.changes.append(change)
    for change in plan.drift():
        survey.secrets.update(redaction.secrets_of(change.body, f"{plan.name}: drift"))
    for output in plan.outputs():
        survey.secrets.update(redaction.secrets_of(output.body, f"{plan.name}: output_changes"))
    survey.secrets.update(plan.data_secrets())
    return survey


def _sensitive_variables(plan: Plan) -> Iterator[str]:
    root = plan.configuration.get("root_module")
    declared = root.get("variables") if isinstance(root, dict) else None
    values = plan.variables()
    for name, item in declared.items() if isinstance(declared, dict) else ():
        if isinstance(item, dict) and (item.get("sensitive") or item.get("ephemeral")):
            yield from redaction.leaves(values.get(name))


def _count(counts: Counts, change: ResourceChange) -> None:
    """Count as Terraform's ``Plan:`` line does: managed resources, a replacement twice."""
    action = change.action
    if change.mode != "managed":
        return
    counts.add += action in (Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE)
    counts.change += action is Action.UPDATE
    counts.destroy += action in (Action.DELETE, Action.REPLACE)
    counts.forget += action in (Action.FORGET, Action.FORGET_AND_CREATE)
    counts.no_op += action is Action.NO_OP
    counts.imports += change.imported
    counts.move += change.moved


class _Judge:
    """Holds changes and other subjects against the rules."""

    def __init__(
        self,
        rules: RuleSet,
        redactor: Redactor,
        graph: Graph,
        plan_name: str,
        with_differences: bool,  # noqa: FBT001 - a private constructor with one caller
    ) -> None:
        self._rules = rules
        self._redactor = redactor
        self._graph = graph
        self._plan_name = plan_name
        self._with_differences = with_differences

    def change(self, change: ResourceChange) -> AssessedChange:
        """Return one change with its findings."""
        rules = self._rules.for_resource(change.type, change.action)
        where = f"{self._plan_name}: {ascii(change.address)}"
        subject: Subject = {
            "change": self._facts(change),
            "before": redaction.before_of(change.body, self._redactor, where),
            "after": redaction.after_of(change.body, self._redactor, where),
        }
        findings = tuple(self.findings(rules, subject, deferred=bool(change.deferred)))
        severity = worst(findings)
        shown = self._with_differences and severity.rank >= Severity.MEDIUM.rank
        return AssessedChange(
            address=change.address,
            type=change.type,
            provider=change.provider,
            mode=change.mode,
            action=change.action,
            actions=change.actions,
            severity=severity,
            blast_radius=self._graph.blast_radius(configuration_address(change)),
            findings=tuple(sorted(findings, key=_finding_order)),
            previous_address=change.previous_address if change.moved else "",
            deposed=change.deposed,
            deferred=change.deferred,
            imported=change.imported,
            differences=self._differences(change, subject) if shown else (),
        )

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
        self, rules: Iterable[Rule], subject: Subject, address: str = "", *, deferred: bool = False
    ) -> Iterator[Finding]:
        """Yield what the rules find; what is deferred may still change, so that it is only possible."""
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
                source=None,
                address=address,
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
        return tuple(
            Difference(
                path=self._redactor.clean(path),
                before=show(before, self._redactor),
                after=show(after, self._redactor),
                forces_replacement=path.split(".", 1)[0].split("[", 1)[0] in forcing,
            )
            for path, before, after in differences(subject.get("before"), subject.get("after"), MAX_DIFFERENCES)
        )


def _finding_order(finding: Finding) -> tuple[int, str, str, str]:
    return (-finding.severity.rank, finding.rule, finding.address, finding.path)


def _change_order(change: AssessedChange) -> tuple[int, int, str, str]:
    return (-change.severity.rank, -change.blast_radius.total, change.address, change.deposed)
