"""The assessment for people: worst first, one line a change, plain where there is no terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from iacgate.plan.model import Counts
from iacgate.render import undoing
from iacgate.render.outcome import counting, tally, undos_of
from iacgate.render.plain import fit, harmless, width
from iacgate.risk.assessment import AssessedChange, Assessment, Finding, SettingsUsed, Suppressed, SuppressionUse
from iacgate.rollback.verdict import RollbackReport, Undo
from iacgate.vocabulary import Action, Certainty, Reversibility, Severity

Undos: TypeAlias = "Mapping[tuple[str, str], Undo]"
"""What undoing means, by address and deposed key."""

MAX_QUIET: Final = 20
"""So many changes without findings are listed; the rest is counted."""

_COLOURS: Final = {
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.NONE: "2",
}
_SYMBOLS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.FORGET: ".",
    Action.FORGET_AND_CREATE: "./+",
    Action.READ: "<=",
    Action.OPEN: "<=",
}
_ADDRESS: Final = 44
_INDENT: Final = " " * 15


class Style(msgspec.Struct, frozen=True):
    """How to print: colour or not, and the terminal's columns (0: do not cut lines).

    ``everything`` lists every change, and what differs in each as far as that is known.
    """

    colour: bool = False
    columns: int = 0
    everything: bool = False


def render(assessment: Assessment, style: Style, report: RollbackReport | None = None) -> str:
    """Return the whole report; every line begins with a text of ours.

    ``report`` adds to each change what undoing it means, and the total.
    """
    undos = undos_of(report) if report else {}
    total = [undoing.total_line(report)] if report else []
    return "\n".join(_lines(assessment, style, undos, total)) + "\n"


def _lines(assessment: Assessment, style: Style, undos: Undos, total: list[str]) -> Iterator[str]:
    yield from _head(assessment, style)
    yield from total
    yield from _plan_findings(assessment, style)
    loud = [change for change in assessment.changes if counting(change.findings)]
    quiet = [change for change in assessment.changes if not change.findings]
    if loud:
        yield ""
    pad = min(_ADDRESS, max((width(_address(change)) for change in loud), default=0))
    for change in loud:
        yield from _change(change, pad, style)
        if undo := undos.get((change.address, change.deposed)):
            yield _cut(f"{_INDENT}{undoing.one_line(undo)}", style)
    yield from _quiet("Without findings", quiet, style, undos)
    if style.everything:
        accepted = [change for change in assessment.changes if change.findings and not counting(change.findings)]
        yield from _quiet("With suppressed findings only", accepted, style, undos)
    yield from _suppressed(assessment, style)
    yield from _unknowns(assessment)
    yield from _foot(assessment)


def _head(assessment: Assessment, style: Style) -> Iterator[str]:
    plan = assessment.plan
    tool = f"Terraform {harmless(plan.terraform_version)}" if plan.terraform_version else "Terraform"
    yield _labelled(assessment.severity, f"{harmless(plan.name)}  ({tool})", style)
    yield planned(assessment.counts)
    if worst := tally(assessment):
        yield f"Risk: {worst}."


def planned(counts: Counts) -> str:
    """Return what is planned, counted as Terraform counts it, and what its line leaves out."""
    imports = f"{counts.imports} to import, " if counts.imports else ""
    text = f"Plan: {imports}{counts.add} to add, {counts.change} to change, {counts.destroy} to destroy."
    more = [
        f"{number} {what}"
        for number, what in (
            (counts.forget, "to forget"),
            (counts.move, "to move"),
            (counts.deferred, "deferred"),
            (counts.read, "to read"),
        )
        if number
    ]
    return f"{text} Also {', '.join(more)}." if more else text


def _plan_findings(assessment: Assessment, style: Style) -> Iterator[str]:
    findings = counting(assessment.findings)
    if findings:
        yield ""
        yield "The plan itself:"
    for finding in findings:
        address = f"{harmless(finding.address)}: " if finding.address else ""
        yield _labelled(finding.severity, f"{address}{_message(finding)}{_named(finding)}", style)


def _address(change: AssessedChange) -> str:
    return harmless(change.address) + (f" (deposed {harmless(change.deposed)})" if change.deposed else "")


def _change(change: AssessedChange, columns: int, style: Style) -> Iterator[str]:
    first, *others = counting(change.findings)
    address = _address(change)
    pad = " " * (2 + max(0, columns - width(address)))
    yield _labelled(change.severity, f"{_symbol(change):>3} {address}{pad}{_message(first)}{_named(first)}", style)
    same = [finding for finding in others if _same_unknown(first, finding)]
    for finding in others:
        if finding not in same:
            yield _cut(f"{_INDENT}also {finding.severity}: {_message(finding)}{_named(finding)}", style)
    if same:
        rules = ", ".join(f"{finding.severity} {finding.rule}" for finding in same)
        yield _cut(f"{_INDENT}also possible, from the same unknown value: {rules}", style)
    if change.previous_address:
        yield _cut(f"{_INDENT}moved from {harmless(change.previous_address)}", style)
    if change.blast_radius.total:
        radius = change.blast_radius
        yield f"{_INDENT}{radius.total} resources depend on it, {radius.direct} of them directly"
    if change.severity.rank >= Severity.MEDIUM.rank or style.everything:
        yield from _differences(change, style)


def _differences(change: AssessedChange, style: Style) -> Iterator[str]:
    for item in change.differences:
        forced = "  # forces replacement" if item.forces_replacement else ""
        line = f"{_INDENT}~ {harmless(item.path)}: {harmless(item.before)} -> {harmless(item.after)}{forced}"
        yield _cut(line, style)
    if change.more_differences:
        yield f"{_INDENT}~ ... and at least {change.more_differences} more"


def _quiet(title: str, changes: list[AssessedChange], style: Style, undos: Undos) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield f"{title} ({len(changes)}):"
    left_out = []
    for number, change in enumerate(changes):
        undo = undos.get((change.address, change.deposed))
        simple = undo is None or undo.verdict is Reversibility.REVERSIBLE
        if number >= MAX_QUIET and not style.everything and "delete" not in change.actions and simple:
            left_out.append(change)  # what is destroyed, or cannot simply be undone, is always listed
            continue
        moved = f"  (moved from {harmless(change.previous_address)})" if change.previous_address else ""
        undone = f"  {undoing.one_line(undo)}" if undo and not simple else ""
        yield _cut(f"{'':8} {_symbol(change):>3} {harmless(change.address)}{moved}{undone}", style)
        if style.everything:
            yield from _differences(change, style)
    if left_out:
        rest = Counter(str(change.action) for change in left_out)
        what = ", ".join(f"{count} {action}" for action, count in sorted(rest.items()))
        yield f"{'':8} ... and {len(left_out)} more ({what}); --all lists them"


def _suppressed(assessment: Assessment, style: Style) -> Iterator[str]:
    """Show every suppression: what it took the weight from, or why it has no effect."""
    if not assessment.suppressions:
        return
    yield ""
    yield f"Suppressions ({len(assessment.suppressions)}):"
    where = [(harmless(finding.address or "the plan"), finding) for finding in assessment.findings]
    where += [(_whole_address(change), finding) for change in assessment.changes for finding in change.findings]
    for place, finding in where:
        if finding.suppressed:
            yield _cut(f"{'':8} {finding.severity}, not counted: {place}: {_message(finding)}{_named(finding)}", style)
            yield _cut(f"{_INDENT}{_terms(finding.suppressed)}", style)
    for item in assessment.suppressions:
        if item.state != "applied":
            yield _cut(f"{'':8} {item.state}, no effect: {harmless(item.rule)} at {harmless(item.address)}", style)
            yield _cut(f"{_INDENT}{_terms(item)}", style)


def _whole_address(change: AssessedChange) -> str:
    moved = f" (moved from {harmless(change.previous_address)})" if change.previous_address else ""
    return _address(change) + moved


def _terms(item: Suppressed | SuppressionUse) -> str:
    return f"because: {harmless(item.reason)} ({harmless(item.owner)}, until {harmless(item.until)})"


def _unknowns(assessment: Assessment) -> Iterator[str]:
    possible = [
        finding
        for finding in counting((*assessment.findings, *(f for change in assessment.changes for f in change.findings)))
        if finding.certainty is Certainty.POSSIBLE
    ]
    if possible:
        yield ""
        yield f"Not known before apply: {len(possible)} of the findings are possible, not certain,"
        yield "because a value that decides is computed at apply or sensitive."


def _foot(assessment: Assessment) -> Iterator[str]:
    plan = assessment.plan
    packs = ", ".join(f"{harmless(pack.name)} {harmless(pack.version)}" for pack in assessment.packs)
    yield ""
    yield f"sha256      {plan.plan_file_sha256 or plan.sha256}"
    yield f"fingerprint {plan.fingerprint}"
    yield f"rules       {packs}"
    if assessment.settings:
        yield f"settings    {_settings(assessment.settings)}"
    if plan.plan_file_sha256 is None:
        yield "Only the plan's JSON was read. Pass the saved plan file to bind the sources,"
        yield "the lock file and the backend, too."


def _settings(used: SettingsUsed) -> str:
    place = f"stack {harmless(used.stack)}, environment {harmless(used.environment)}" if used.stack else "no stack"
    weight = f", where findings weigh {used.shift:+d}" if used.shift else ""
    if not used.stack:
        weight += ", so that it counts as production"
    trust = "" if used.trusted else " (not trusted)"
    return f"{harmless(used.folder)}{trust}: {place} ({harmless(used.how)}){weight}"


def _named(finding: Finding) -> str:
    """Return the rule of a finding, its own severity where the environment changed it, and its place."""
    weight = f", {finding.rule_severity} elsewhere" if finding.rule_severity else ""
    place = f"  {harmless(finding.source.file)}:{finding.source.line}" if finding.source else ""
    return f"  [{harmless(finding.rule)}{weight}]{place}"


def _same_unknown(first: Finding, other: Finding) -> bool:
    """Return whether one hidden value makes both possible, so that one explanation serves both."""
    return first.certainty is other.certainty is Certainty.POSSIBLE and first.path == other.path != ""


def _message(finding: Finding) -> str:
    possibly = "possible: " if finding.certainty is Certainty.POSSIBLE else ""
    return possibly + harmless(finding.message)


def _symbol(change: AssessedChange) -> str:
    if change.action is Action.REPLACE:
        return "-/+" if change.actions[0] == "delete" else "+/-"
    if change.action is Action.NO_OP:
        return "i" if change.imported else ">" if change.previous_address else "="
    return _SYMBOLS[change.action]


def _labelled(severity: Severity, text: str, style: Style) -> str:
    """Return a line that begins with the severity; it is cut before it is painted."""
    line = _cut(f"{severity.upper():8} {text}", style)
    return _paint(line[:8], severity, style) + line[8:]


def _paint(text: str, severity: Severity, style: Style) -> str:
    return f"\x1b[{_COLOURS[severity]}m{text}\x1b[0m" if style.colour else text


def _cut(line: str, style: Style) -> str:
    return fit(line, style.columns) if style.columns else line
