"""What the gate says about a plan: findings, and the changes they belong to."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from iacgate.plan.graph import BlastRadius
from iacgate.plan.model import Counts
from iacgate.vocabulary import Action, Certainty, Severity


class Source(msgspec.Struct, frozen=True):
    """Where in the configuration something stands; ``line`` counts from 1."""

    file: str
    line: int


class Suppressed(msgspec.Struct, frozen=True):
    """Why a finding has no weight, who says so, and until when (the last day, UTC)."""

    reason: str
    owner: str
    until: str


SuppressionState: TypeAlias = Literal["applied", "unused", "expired", "too long", "no such rule"]


class SuppressionUse(msgspec.Struct, frozen=True):
    """A suppression with what became of it; ``findings`` counts those that it took the weight from."""

    rule: str
    address: str
    reason: str
    owner: str
    until: str
    state: SuppressionState
    findings: int


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule found: where, how bad, how sure, and why it matters.

    ``path`` is the attribute that decided, empty where the action alone did. ``message``
    holds redacted values only. ``address`` is empty where the finding belongs to a change.
    ``rule_severity`` is the rule's own, where the environment changed it; ``suppressed``
    says why the finding does not count.
    """

    rule: str
    severity: Severity
    certainty: Certainty
    path: str
    message: str
    source: Source | None
    address: str = ""
    rule_severity: Severity | None = None
    suppressed: Suppressed | None = None


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
    more_differences: int = 0
    """At least so many differences were left out of those for display."""


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


class SettingsUsed(msgspec.Struct, frozen=True, kw_only=True):
    """Which settings judged: where they were read, and what they say of this plan.

    ``trusted`` is false where nobody's signature was checked. ``stack`` and ``environment`` are
    empty where nobody says which they are; ``how`` says who did. ``shift`` is by how many
    levels findings weigh more or less here.
    """

    folder: str
    trusted: bool
    stack: str
    environment: str
    tier: str
    shift: int
    how: str


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one plan; its severity is the worst one."""

    severity: Severity
    counts: Counts
    changes: tuple[AssessedChange, ...]
    findings: tuple[Finding, ...]
    plan: PlanIdentity
    packs: tuple[PackIdentity, ...]
    settings: SettingsUsed | None = None
    suppressions: tuple[SuppressionUse, ...] = ()


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the highest severity that counts; none where no finding does."""
    counting = (finding.severity for finding in findings if finding.suppressed is None)
    return max(counting, key=lambda severity: severity.rank, default=Severity.NONE)


def finding_order(finding: Finding) -> tuple[bool, int, str, str, str]:
    """Order findings: what counts first, the worst first."""
    return (finding.suppressed is not None, -finding.severity.rank, finding.rule, finding.address, finding.path)


def change_order(change: AssessedChange) -> tuple[int, int, str, str]:
    """Order changes: the worst first, and among equals the one that most depends on."""
    return (-change.severity.rank, -change.blast_radius.total, change.address, change.deposed)
