"""The findings of plans as SARIF 2.1.0 (OASIS), with what code scanning of GitHub reads of it.

All plans are one run: a forge shows the runs of one tool as one. Text is shown as it is: nothing of a plan becomes a
link (section 3.11.6) or a placeholder (3.11.5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from iacgate import __version__, canonical
from iacgate.render.markdown import code, prose
from iacgate.render.outcome import Judged, Outcome, Unjudged, undos_of, whole_address
from iacgate.render.plain import encodable, fit, harmless, harmless_json
from iacgate.risk.assessment import AssessedChange, Finding
from iacgate.risk.rule import RuleText
from iacgate.vocabulary import Certainty, Severity

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS: Final = 25_000
"""GitHub refuses a run with more (GitHub Docs, "SARIF support for code scanning")."""

MAX_TEXT: Final = 1000
"""Columns of a description; GitHub takes 1024 characters."""

SECURITY_SEVERITY: Final = {
    Severity.NONE: "0.0",
    Severity.LOW: "2.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""A number in GitHub's range for each word: above 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, then low."""

_LEVELS: Final = {
    Severity.NONE: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_PLAIN_IN_PATHS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")
_WEB: Final = re.compile(r"https://[A-Za-z0-9.-]+(?:/[A-Za-z0-9./?&=#%_~:+,;-]*)?")
_Object: TypeAlias = "dict[str, Any]"


class _Found(msgspec.Struct, frozen=True):
    """One finding with the plan and the change that it is about."""

    judged: Judged
    change: AssessedChange | None
    finding: Finding


def render(outcomes: Sequence[Outcome], rules: Mapping[str, RuleText]) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey.

    ``rules`` are the texts of rules by id; one that is not there, such as a Rego policy's, is named without a reason.
    """
    found = sorted((item for each in outcomes if isinstance(each, Judged) for item in _of(each)), key=_order)
    kept = found[:MAX_RESULTS]
    severities: dict[str, Severity] = {}
    for item in kept:  # the worst come first
        severities.setdefault(item.finding.rule, item.finding.severity)
    ids = sorted(severities)
    driver = {
        "name": "iacgate",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(name, rules.get(name), severities[name]) for name in ids],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(outcomes, len(found))],
        "results": [*_results(kept, {name: index for index, name in enumerate(ids)})],
        "properties": {"plans": [_plan(each) for each in outcomes if isinstance(each, Judged)]},
    }
    return harmless_json(msgspec.json.encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})) + b"\n"


def _of(judged: Judged) -> Iterator[_Found]:
    yield from (_Found(judged, None, finding) for finding in judged.assessment.findings)
    for change in judged.assessment.changes:
        yield from (_Found(judged, change, finding) for finding in change.findings)


def _order(found: _Found) -> tuple[bool, int]:
    return (found.finding.suppressed is not None, -found.finding.severity.rank)


def _results(found: list[_Found], indexes: Mapping[str, int]) -> Iterator[_Object]:
    seen: Counter[str] = Counter()
    undos = {id(item.judged): undos_of(item.judged.report) for item in found}
    for item in found:
        print_ = _fingerprint(item)
        seen[print_] += 1
        change, finding = item.change, item.finding
        undo = undos[id(item.judged)].get((change.address, change.deposed)) if change else None
        yield {
            "ruleId": harmless(finding.rule),
            "ruleIndex": indexes[finding.rule],
            "level": _LEVELS[finding.severity],
            "message": {"text": _message(item)},
            "locations": [_location(item)],
            # GitHub tells results apart by this one, and the number behind it is its own way to count equal ones.
            "partialFingerprints": {
                "primaryLocationLineHash": f"{print_}:{seen[print_]}",
                "iacgateFinding/v1": f"{print_}:{seen[print_]}",
            },
            **_suppressions(finding),
            "properties": {
                "address": harmless(_address(item)),
                "plan": harmless(item.judged.assessment.plan.name),
                "severity": finding.severity,
                "certainty": finding.certainty,
                **({"action": change.action} if change else {}),
                **({"undo": undo.verdict} if undo else {}),
            },
        }


def _fingerprint(found: _Found) -> str:
    """Return a digest that stays the same when the same is planned again: of no value, no line and no file's name."""
    settings, change = found.judged.assessment.settings, found.change
    where = [settings.stack if settings else "", _bare_address(found), change.deposed if change else ""]
    parts = [encodable(text) for text in (*where, found.finding.rule, found.finding.path)]
    return canonical.digest(canonical.canonical_json(parts))


def _bare_address(found: _Found) -> str:
    return found.change.address if found.change else found.finding.address


def _address(found: _Found) -> str:
    return whole_address(found.change) if found.change else found.finding.address


def _message(found: _Found) -> str:
    possibly = "possible: " if found.finding.certainty is Certainty.POSSIBLE else ""
    return _text(f"{_address(found) or 'The plan'}: {possibly}{found.finding.message}")


def _text(text: str) -> str:
    """Return text in which a viewer finds no link and no placeholder."""
    return re.sub(r"\{(?=[0-9])", "{ ", harmless(text).replace("](", "] ("))


def _location(found: _Found) -> _Object:
    """Return where the finding stands in the sources; else the plan itself, as code scanning wants a file."""
    source = found.finding.source
    if source:
        folder = found.judged.folder
        uri, line = _uri(f"{folder}/{source.file}" if folder else source.file), max(1, source.line)
    else:
        uri, line = _uri(found.judged.assessment.plan.name), 1
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
    address = _address(found)
    named = {"logicalLocations": [{"fullyQualifiedName": harmless(address), "kind": "resource"}]} if address else {}
    return {**place, **named}


def _uri(path: str) -> str:
    """Return a path as a URI reference (RFC 3986) that no scheme and no host can stand in."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    data = "/".join(parts).encode("utf-8", "backslashreplace")
    shown = "".join(chr(byte) if byte in _PLAIN_IN_PATHS else f"%{byte:02X}" for byte in data)
    return f"file:///{shown}" if path.startswith("/") else shown or "."


def _suppressions(finding: Finding) -> _Object:
    item = finding.suppressed
    if item is None:
        return {"suppressions": []}  # looked for, and none there (3.27.23)
    terms = {"owner": harmless(item.owner), "until": harmless(item.until)}
    return {
        "suppressions": [
            {
                "kind": "external",
                "status": "accepted",
                "justification": harmless(item.reason),
                "properties": terms,
            }
        ]
    }


def _rule(name: str, text: RuleText | None, severity: Severity) -> _Object:
    """Return a rule; its weight is that of its worst finding here, for environments can change it."""
    title = text.title if text else f"A policy of your own: {name}"
    why = text.why if text else "iacgate knows no reason for it: look at the policy."
    references = text.references if text else []
    pages = [item for item in references if _WEB.fullmatch(item)]
    listed = "".join(f"\n- {f'<{item}>' if item in pages else code(item)}" for item in references)
    return {
        "id": harmless(name),
        "name": harmless(name),
        "shortDescription": {"text": _text(fit(title, MAX_TEXT))},
        "fullDescription": {"text": _text(fit(why, MAX_TEXT))},
        "help": {
            "text": "\n".join([_text(why), *(_text(item) for item in references)]),
            "markdown": prose(why) + (f"\n{listed}" if listed else ""),
        },
        **({"helpUri": pages[0]} if pages else {}),
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "precision": "high",
            "problem.severity": _LEVELS[severity].replace("note", "recommendation"),
            "security-severity": SECURITY_SEVERITY[severity],
            "tags": ["security", "infrastructure-as-code"],
        },
    }


def _invocation(outcomes: Sequence[Outcome], found: int) -> _Object:
    """Return how it went: what could not be judged, or does not fit, is said, and is no success."""
    failed = [each for each in outcomes if isinstance(each, Unjudged)]
    notes = [f"{each.name} was not judged: {each.message} {each.hint}" for each in failed]
    if found > MAX_RESULTS:
        notes.append(f"{found - MAX_RESULTS} of {found} findings are left out, the mildest: a run may not hold more.")
    told = [{"level": "error", "message": {"text": _text(note)}} for note in notes]
    return {"executionSuccessful": not told, **({"toolExecutionNotifications": told} if told else {})}


def _plan(judged: Judged) -> _Object:
    plan = judged.assessment.plan
    return {
        "name": harmless(plan.name),
        "sha256": plan.plan_file_sha256 or plan.sha256,
        "fingerprint": plan.fingerprint,
        "severity": judged.assessment.severity,
        "undo": judged.report.readiness,
    }
