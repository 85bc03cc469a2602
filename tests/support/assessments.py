"""Assessments made of parts, with a hostile text wherever one can come from elsewhere, and of fixture plans."""

from __future__ import annotations

from typing import Any

from iacgate.plan.graph import BlastRadius
from iacgate.plan.model import Counts
from iacgate.plan.reader import read_plan
from iacgate.render.outcome import Judged, Unjudged
from iacgate.risk.assess import assess
from iacgate.risk.assessment import (
    AssessedChange,
    Assessment,
    Difference,
    Finding,
    PackIdentity,
    PlanIdentity,
    SettingsUsed,
    Source,
    Suppressed,
    worst,
)
from iacgate.risk.packs import RuleSet
from iacgate.rollback.checks import Ground
from iacgate.rollback.report import Watch
from iacgate.rollback.verdict import Because, RollbackReport, Undo
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Action, Certainty, Readiness, Reversibility, Severity
from tests.conftest import PLANS

HOSTILE = [
    "`",
    "a`b``c",
    "x`\n\n# Heading\n\n- item",
    "| a | b |\n|---|---|",
    "a\\|b",
    "`|`",
    "</summary></details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- ",
    "]]>",
    "&lt;b&gt; & &#0;",
    "@everyone",
    "[click](https://evil.example/)",
    "![x](https://evil.example/x.png)",
    "https://evil.example/a",
    "javascript:alert(1)",
    "//evil.example/a",
    "mail@evil.example",
    "#1 octo/repo#2",
    "GH-12",
    "```\nrm -rf /\n```",
    "{0} {1}",
    "\u202egnp.exe",
    "\x1b[2J\x00\ufffe\ud800",
    "::error::x",
    "##[error]x",
    "- x",
    "---",
    "1. x",
    "===",
    "    x",
    " ",
    "",
]


def finding(severity: Severity = Severity.HIGH, **values: Any) -> Finding:
    fields: dict[str, Any] = {"certainty": Certainty.CERTAIN, "path": "", "message": "It happens", "source": None}
    return Finding(severity=severity, **{"rule": "a-rule", **fields, **values})


def change(address: str, *findings: Finding, **values: Any) -> AssessedChange:
    fields: dict[str, Any] = {"action": Action.UPDATE, "actions": ("update",), "blast_radius": BlastRadius(0, 0)}
    return AssessedChange(
        address=address,
        type="aws_thing",
        provider="p",
        mode="managed",
        severity=worst(findings),
        findings=findings,
        **{**fields, **values},
    )


def assessment(*changes: AssessedChange, findings: tuple[Finding, ...] = (), **counts: int) -> Assessment:
    return Assessment(
        severity=worst((*findings, *(item for each in changes for item in each.findings))),
        counts=Counts(**counts),
        changes=changes,
        findings=findings,
        plan=PlanIdentity(
            name="plan.json",
            sha256="5" * 64,
            fingerprint="f" * 64,
            format_version="1.2",
            terraform_version="1.11.4",
            errored=False,
            complete=True,
        ),
        packs=(PackIdentity("aws", "1.0.0", "9" * 64),),
    )


def report(*undos: Undo, readiness: Readiness = Readiness.NOT_READY) -> RollbackReport:
    return RollbackReport(readiness, Reversibility.UNKNOWN, undos, (), (), (), "e" * 64)


def judged(*changes: AssessedChange, findings: tuple[Finding, ...] = (), folder: str = "") -> Judged:
    return Judged(assessment(*changes, findings=findings), report(), folder)


def full_of(text: str) -> Judged:
    """Return a plan that has a text wherever one can come from elsewhere."""
    first = finding(
        path=text,
        message=f"{text}: {text}",
        source=Source(text, 3),
        certainty=Certainty.POSSIBLE,
        rule=text,
    )
    taken = finding(Severity.LOW, message=text, suppressed=Suppressed(text, text, text))
    item = Difference(path=text, before=text, after=text, forces_replacement=True)
    loud = change(text, first, taken, deposed=text, previous_address=text, differences=(item,), action=Action.DELETE)
    quiet = change(text + "x", taken)
    undo = Undo(
        address=text,
        type=text,
        action=Action.DELETE,
        verdict=Reversibility.UNKNOWN,
        inverse="create",
        reasons=(Because(text, (text,), text, text, ("memory",)),),
        deposed=text,
    )
    made = assessment(loud, quiet, findings=(finding(address=text, message=text),))
    used = SettingsUsed(folder=text, trusted=False, stack=text, environment=text, tier="", shift=0, how=text)
    plan = PlanIdentity(
        name=text,
        sha256="5" * 64,
        fingerprint="f" * 64,
        format_version="1.2",
        terraform_version=text,
        errored=False,
        complete=True,
    )
    whole = Assessment(
        severity=made.severity,
        counts=made.counts,
        changes=made.changes,
        findings=made.findings,
        plan=plan,
        packs=(),
        settings=used,
    )
    return Judged(whole, report(undo), text)


def unjudged(text: str = "it is damaged") -> Unjudged:
    return Unjudged(text, text, text)


def of_fixture(scenario: str) -> Judged:
    """Return what is found about a fixture plan."""
    plan, rules = read_plan((PLANS / scenario / "plan.json").read_bytes(), "plan.json"), RuleSet(shipped_packs())
    watch = Watch(plan, shipped_knowledge(), rules.stateless)
    found = assess(plan, rules, watch=watch.look)
    return Judged(found, watch.report(Ground()))
