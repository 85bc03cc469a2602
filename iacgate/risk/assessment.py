"""What the gate says about a plan: findings, and the changes they belong to."""

import msgspec

from iacgate.plan.graph import BlastRadius
from iacgate.plan.model import Counts
from iacgate.vocabulary import Action, Certainty, Severity


class Source(msgspec.Struct, frozen=True):
    """Where in the configuration something stands; ``line`` counts from 1."""

    file: str
    line: int


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule found: where, how bad, how sure, and why it matters.

    ``path`` is the attribute that decided, empty where the action alone did. ``message``
    holds redacted values only. ``address`` is empty where the finding belongs to a change.
    """

    rule: str
    severity: Severity
    certainty: Certainty
    path: str
    message: str
    source: Source | None
    address: str = ""


class Difference(msgspec.Struct, frozen=True):
    """One attribute that changes, redacted and shortened for display."""

    path: str
    before: str
    after: str
    forces_replacement: bool


class AssessedChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One resource change with what was found about it."""

    address: str
    type: str
    provider: str
    mode: str
    action: Action
    actions: tuple[str, ...]
    severity: Severity
    blast_radius: BlastRadius
    findings: tuple[Finding, ...]
    previous_address: str = ""
    deposed: str = ""
    deferred: str = ""
    imported: bool = False
    differences: tuple[Difference, ...] = ()


class PlanIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies the plan, and what it says of itself (``None``: it says nothing)."""

    name: str
    sha256: str
    fingerprint: str
    format_version: str
    terraform_version: str
    errored: bool | None
    complete: bool | None
    plan_file_sha256: str | None = None


class PackIdentity(msgspec.Struct, frozen=True):
    """Which rules judged: name, version and digest of a pack."""

    name: str
    version: str
    sha256: str


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one plan; its severity is the worst one."""

    severity: Severity
    counts: Counts
    changes: tuple[AssessedChange, ...]
    findings: tuple[Finding, ...]
    plan: PlanIdentity
    packs: tuple[PackIdentity, ...]


def worst(findings: tuple[Finding, ...]) -> Severity:
    """Return the highest severity; none where there is no finding."""
    return max((finding.severity for finding in findings), key=lambda severity: severity.rank, default=Severity.NONE)
