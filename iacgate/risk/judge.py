"""Holds the changes of one plan, and what else it decides, against the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from iacgate.conditions.refs import Subject
from iacgate.conditions.values import UNKNOWN, Hidden
from iacgate.plan import redaction
from iacgate.plan.configured import mark_left_to_provider
from iacgate.plan.differences import differences, show
from iacgate.plan.graph import Graph, configuration_address, without_keys
from iacgate.plan.model import ChangeBody, ResourceChange
from iacgate.plan.redaction import Redactor
from iacgate.risk.assessment import AssessedChange, Difference, Finding, Source, finding_order
from iacgate.risk.context import Context, Report, by_address
from iacgate.risk.packs import RuleSet, Selection
from iacgate.risk.rule import Rule
from iacgate.vocabulary import Action, Certainty, Severity

_HAS_AFTER: Final = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.FORGET_AND_CREATE})
_HAS_BEFORE: Final = frozenset({Action.UPDATE, Action.DELETE, Action.REPLACE, Action.FORGET, Action.FORGET_AND_CREATE})
"""Actions with an object before or after them: where the plan shows none, it is unknown, not nothing."""

MAX_MESSAGE: Final = 1000
"""Characters of what another engine says; it is cut after it is redacted."""

MAX_REMEMBERED: Final = 2000
MAX_REMEMBERED_BYTES: Final = 4000
"""So many answers are kept, for changes whose attributes have so many bytes: what is larger is seldom the same."""

MAX_COMPARED: Final = 1000
MAX_DIFFERENCES: Final = 12
"""So many attributes of one change are kept for display."""


class Judge:
    """Holds changes and other subjects against the rules."""

    def __init__(
        self,
        rules: RuleSet,
        redactor: Redactor,
        graph: Graph,
        configured: dict[str, frozenset[str]],
        plan_name: str,
        context: Context,
        differences_from: Severity | None,
    ) -> None:
        self._rules = rules
        self._redactor = redactor
        self._graph = graph
        self._configured = configured
        self._plan_name = plan_name
        self._places = context.places
        self._reports = by_address(context.reports)
        self._differences_from = differences_from
        self._by_facts: dict[tuple[Any, ...], tuple[Finding, ...]] = {}
        self._by_values: dict[tuple[Any, ...], tuple[Finding, ...]] = {}

    def change(self, change: ResourceChange) -> AssessedChange:
        """Return one change with its findings."""
        rules = self._rules.selection(change.type, change.action)
        place = configuration_address(change)
        facts = self._facts(change)
        findings = (
            *self._placed(self._from_facts(rules.facts, facts), place),
            *self._placed(self._from_values(rules, change, facts, place), place),
            *(self._report(report, "", place) for report in self._reports.pop(change.address, ())),
        )
        if len(findings) > 1:
            findings = tuple(sorted(findings, key=finding_order))
        severity = findings[0].severity if findings else Severity.NONE
        shown = self._differences_from is not None and severity.rank >= self._differences_from.rank
        differing, more = self._differences(change, place) if shown else ((), 0)
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
            differences=differing,
            more_differences=more,
        )

    def _from_facts(self, rules: tuple[Rule, ...], facts: dict[str, Any]) -> tuple[Finding, ...]:
        """Return what follows from facts alone: the same for every change of which the same is true."""
        key = tuple(facts.values())
        found = self._by_facts.get(key)
        if found is None:
            found = tuple(self.findings(rules, {"change": facts}, deferred=bool(facts["deferred"])))
            self._by_facts[key] = found
        return found

    def _from_values(
        self, rules: Selection, change: ResourceChange, facts: dict[str, Any], place: str
    ) -> tuple[Finding, ...]:
        """Return what follows from attributes: the same for every change in which those that are read are the same.

        A hundred buckets made from one block differ in their names, which few rules read.
        """
        body = redaction.narrowed(change.body, rules.reads, self._where(change))
        if not rules.values:
            return ()
        texts = redaction.texts(body)
        key = (*facts.values(), *texts, self._configured.get(place) if texts[2] else None)
        found = self._by_values.get(key)
        if found is None:
            subject = {"change": facts, **self._sides(change, body, place)}
            found = tuple(self.findings(rules.values, subject, deferred=bool(change.deferred)))
            if len(self._by_values) < MAX_REMEMBERED and sum(map(len, texts)) < MAX_REMEMBERED_BYTES:
                self._by_values[key] = found
        return found

    def _placed(self, found: tuple[Finding, ...], place: str) -> tuple[Finding, ...]:
        """Return findings with their place in the sources."""
        if not found or self._places is None:
            return found
        return tuple(msgspec.structs.replace(finding, source=self._source(place, finding.path)) for finding in found)

    def _sides(self, change: ResourceChange, body: ChangeBody, place: str) -> Subject:
        """Return the sealed object before and after the change, as far as ``body`` has it."""
        where = self._where(change)
        after = redaction.after_of(body, self._redactor, where)
        mark_left_to_provider(after, self._configured.get(place))
        before = redaction.before_of(body, self._redactor, where)
        if before is None and change.action in _HAS_BEFORE:
            before = UNKNOWN
        if after is None and change.action in _HAS_AFTER:
            after = UNKNOWN
        return {"before": before, "after": after}

    def _where(self, change: ResourceChange) -> str:
        return f"{self._plan_name}: {ascii(change.address)}"

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
            "left_out": self._rules.leaves_out(change.type),
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
                source=self._source(address, path),
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
        path, value = self._redactor.clean(found[0][0]), found[0][1]
        return path, f": {path} = {show(value, self._redactor)}"

    def _differences(self, change: ResourceChange, place: str) -> tuple[tuple[Difference, ...], int]:
        """Return the attributes that differ, and how many more do at least."""
        if change.action not in (Action.UPDATE, Action.REPLACE):
            return (), 0
        subject = self._sides(change, change.body, place)
        forcing = change.replace_roots()
        found = [
            (path.split(".", 1)[0].split("[", 1)[0] not in forcing, path, before, after)
            for path, before, after in differences(subject.get("before"), subject.get("after"), MAX_COMPARED)
        ]
        found.sort(key=lambda item: item[0])  # what forces the replacement is never cut off
        kept = tuple(
            Difference(
                path=self._redactor.clean(path),
                before=show(before, self._redactor),
                after=show(after, self._redactor),
                forces_replacement=not harmless,
            )
            for harmless, path, before, after in found[:MAX_DIFFERENCES]
        )
        return kept, len(found) - len(kept)
