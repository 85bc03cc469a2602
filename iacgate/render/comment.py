"""The judgement of plans as Markdown for a comment on a pull request: the worst first, and never longer than allowed.

Everything from a plan stands in code spans or is plain words (:mod:`iacgate.render.markdown`). What does not fit is
left out from the mildest up, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from iacgate.render import markdown, undoing
from iacgate.render.outcome import Judged, Outcome, Unjudged, counting, suppression, tally, undos_of, whole_address
from iacgate.render.terminal import planned
from iacgate.risk.assessment import AssessedChange, Assessment, Finding
from iacgate.rollback.verdict import Undo
from iacgate.vocabulary import Certainty, Severity

MAX_LENGTH: Final = 60_000
"""Characters of a comment; GitHub takes 65,536."""

MAX_LISTED: Final = 20
"""Findings, or differences, of one change that the details list; the rest is counted."""

_COLUMNS: Final = 160
_LONGEST: Final = 400
"""Characters of one text: some take no column."""

_RESERVED: Final = 400
"""Characters of the sentences that say what was left out."""

_UNJUDGED: Final = Severity.CRITICAL.rank + 1
"""What could not be judged is worse than anything that was."""


class _Part(msgspec.Struct):
    """Rows of the table, or details: the text of each with its rank, the worst first, and how many are shown."""

    items: list[tuple[int, str]]
    shown: int = 0

    @property
    def left(self) -> int:
        return len(self.items) - self.shown


class _Section(msgspec.Struct):
    """What there is to say of one plan; only its parts can be cut."""

    rank: int
    head: str
    foot: str = ""
    rows: _Part = msgspec.field(default_factory=lambda: _Part([]))
    details: _Part = msgspec.field(default_factory=lambda: _Part([]))

    def text(self) -> str:
        parts = [self.head]
        if self.rows.items:
            parts.append("| severity | what | why | undo |\n|---|---|---|---|\n" + _shown(self.rows))
        if self.rows.left:
            parts.append(f"{self.rows.left} of {len(self.rows.items)} rows are left out, the mildest.\n")
        if self.details.items:
            summary = f"<details>\n<summary>Details ({len(self.details.items)})</summary>\n\n"
            left = f"\n{self.details.left} of {len(self.details.items)} details are left out, the mildest.\n"
            parts.append(f"{summary}{_shown(self.details)}{left if self.details.left else ''}\n</details>\n")
        return "\n".join([*parts, self.foot] if self.foot else parts)


def _shown(part: _Part) -> str:
    return "".join(text for _, text in part.items[: part.shown])


def render(outcomes: Sequence[Outcome], fail_on: Severity | None, limit: int = MAX_LENGTH) -> str:
    """Return the comment, of at most ``limit`` characters: one plan after the other, cut from the mildest up.

    ``fail_on`` is the severity that denies; ``None`` for none.
    """
    sections = [_section(each, fail_on) for each in outcomes]
    whole, room = _fitting(sections, limit - _RESERVED)
    rows, details = [section.rows for section in whole], [section.details for section in whole]
    if _fill(rows, room):
        room -= sum(len(text) for part in rows for _, text in part.items)
        _fill(details, room)
    cut = []
    if len(whole) < len(sections):
        cut.append(f"**{len(sections) - len(whole)} of {len(sections)} plans are left out, the mildest.**\n")
    if cut or any(part.left for part in (*rows, *details)):
        cut.append(f"**Cut at {limit} characters.** The worst is kept; `iacgate preview --all` shows the rest.\n")
    return "\n".join([*cut, "\n---\n\n".join(section.text() for section in whole)])


def _fitting(sections: list[_Section], room: int) -> tuple[list[_Section], int]:
    """Return the worst sections whose unalterable parts fit, in the order that they came in, and the room left."""
    kept = set()
    for number, section in sorted(enumerate(sections), key=lambda each: -each[1].rank):
        size = len(section.text()) + len("\n---\n\n")
        if size > room:
            break
        room -= size
        kept.add(number)
    return [section for number, section in enumerate(sections) if number in kept], room


def _fill(parts: list[_Part], room: int) -> bool:
    """Show as much as there is room for, of all plans the worst first; return whether that is everything."""
    queue = [(-rank, number, text) for number, part in enumerate(parts) for rank, text in part.items]
    for _, number, text in sorted(queue, key=lambda each: each[0]):
        if len(text) > room:
            return False
        room -= len(text)
        parts[number].shown += 1
    return True


def _section(outcome: Outcome, fail_on: Severity | None) -> _Section:
    if isinstance(outcome, Unjudged):
        why = f"{_prose(outcome.message)}\n\nWhat to do: {_prose(outcome.hint)}"
        return _Section(_UNJUDGED, f"## iacgate: NOT JUDGED\n\n{_code(outcome.name)} passes nothing: {why}\n")
    assessment, undos = outcome.assessment, undos_of(outcome.report)
    rows: list[tuple[int, str]] = []
    details: list[tuple[int, str]] = []
    for finding in assessment.findings:
        if finding.suppressed is None:
            rows.append((finding.severity.rank, _row(_about_plan(finding), [finding], None)))
        details.append((_rank([finding]), _detail(_about_plan(finding), (finding,))))
    for change in assessment.changes:
        undo, count = undos.get((change.address, change.deposed)), counting(change.findings)
        stays = change.action.destroys or (undo is not None and undo.verdict.rank > 0)
        rank = max(_rank(count), 0 if stays else -1)
        if count or stays:
            rows.append((rank, _row(_about(change, table=True), count, undo)))
        if change.findings or stays:
            details.append((rank, _changed(change, undo)))
    worst_first = [_Part(sorted(items, key=lambda each: -each[0])) for items in (rows, details)]
    head = "\n".join(_head(outcome, fail_on)) + "\n"
    return _Section(assessment.severity.rank, head, "\n".join(_foot(assessment)) + "\n", *worst_first)


def _rank(findings: Sequence[Finding]) -> int:
    """Return the rank of the worst finding that counts; what was suppressed comes last of all."""
    return max((finding.severity.rank for finding in counting(findings)), default=-1)


def _head(judged: Judged, fail_on: Severity | None) -> Iterator[str]:
    assessment, report = judged.assessment, judged.report
    severity = assessment.severity
    if fail_on is None:
        yield f"## iacgate: {severity.upper()}"
    else:
        word = "DENIED" if severity.rank >= fail_on.rank else "ALLOWED"
        yield f"## iacgate: {word}, {severity} (from {fail_on} on, it is denied)"
    yield ""
    yield f"The plan {_code(assessment.plan.name)}"
    yield ""
    yield f"- {planned(assessment.counts)}"
    yield f"- Risk: {tally(assessment) or 'nothing was found'}."
    yield f"- {undoing.total_line(report)} {undoing.TOTALS[report.readiness]}"
    every = [*assessment.findings, *(finding for change in assessment.changes for finding in change.findings)]
    possible = [finding for finding in counting(every) if finding.certainty is Certainty.POSSIBLE]
    if possible:
        yield f"- {len(possible)} of the findings are possible, not certain: a value that decides is not known yet."
    if len(counting(every)) < len(every):
        yield f"- {len(every) - len(counting(every))} findings are suppressed, and do not count."
    quiet = sum(not change.findings for change in assessment.changes)
    if quiet:
        yield f"- {quiet} changes are without findings."


def _foot(assessment: Assessment) -> Iterator[str]:
    plan = assessment.plan
    yield f"SHA-256 `{plan.plan_file_sha256 or plan.sha256}`, fingerprint `{plan.fingerprint}`"
    if assessment.settings and assessment.settings.stack:
        used = assessment.settings
        yield f"Stack {_code(used.stack)}, environment {_code(used.environment)}"
    if plan.plan_file_sha256 is None:
        yield "Only the plan's JSON was read, so that sources, lock file and backend are not bound."


def _row(about: str, findings: list[Finding], undo: Undo | None) -> str:
    severity = max((finding.severity for finding in findings), key=lambda each: each.rank, default=Severity.NONE)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    why = _said(findings[0], table=True) + more if findings else ""
    return f"| **{severity}** | {about} | {why} | {undo.verdict if undo else ''} |\n"


def _about_plan(finding: Finding) -> str:
    return f"the plan: {_code(finding.address, table=True)}" if finding.address else "the plan"


def _about(change: AssessedChange, *, table: bool = False) -> str:
    return f"{change.action} {_code(whole_address(change), table=table)}"


def _changed(change: AssessedChange, undo: Undo | None) -> str:
    lines = []
    if change.previous_address:
        lines.append(f"moved from {_code(change.previous_address)}")
    if change.blast_radius.total:
        lines.append(f"{change.blast_radius.total} resources depend on it")
    for item in change.differences[:MAX_LISTED]:
        forced = ", which forces a replacement" if item.forces_replacement else ""
        lines.append(f"changes {_code(item.path)}: {_code(item.before)} to {_code(item.after)}{forced}")
    more = max(0, len(change.differences) - MAX_LISTED) + change.more_differences
    if more:
        lines.append(f"at least {more} more differences")
    if undo:
        reason = undo.reasons[0] if undo.reasons else None
        values = f" ({', '.join(map(_code, reason.values[:MAX_LISTED]))})" if reason and reason.values else ""
        lines.append(f"undo: {undo.verdict}{f': {_prose(reason.text)}{values}' if reason else ''}")
    return _detail(_about(change), change.findings, lines)


def _detail(about: str, findings: tuple[Finding, ...], lines: Sequence[str] = ()) -> str:
    told = [_finding(finding) for finding in findings[:MAX_LISTED]]
    if len(findings) > MAX_LISTED:
        told.append(f"{len(findings) - MAX_LISTED} more findings")
    return "".join([f"- {about}\n", *(f"  - {line}\n" for line in (*told, *lines))])


def _finding(finding: Finding) -> str:
    place = f" at {_code(f'{finding.source.file}:{finding.source.line}')}" if finding.source else ""
    taken = f", not counted: {_code(suppression(finding))}" if finding.suppressed else ""
    return f"**{finding.severity}** {_said(finding)} {_code(finding.rule)}{place}{taken}"


def _said(finding: Finding, *, table: bool = False) -> str:
    """Return the message: the rule's own words as words, the values behind them as code."""
    possibly = "possible: " if finding.certainty is Certainty.POSSIBLE else ""
    title, colon, value = finding.message.partition(": ")
    return possibly + _prose(title, table=table) + (f": {_code(value, table=table)}" if colon else "")


def _code(text: str, *, table: bool = False) -> str:
    return markdown.code(_short(text, table=table), _COLUMNS)


def _prose(text: str, *, table: bool = False) -> str:
    return markdown.prose(_short(text, table=table))


def _short(text: str, *, table: bool = False) -> str:
    """Return a text of bounded length; in a table without what parts its columns, in code spans, too."""
    short = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return short.replace("|", "\\u{7c}") if table else short
