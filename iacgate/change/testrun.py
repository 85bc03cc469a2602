"""One run of one test, as it is attested: the tree that was tested, when, and what the report counts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.change.junit import Report
from iacgate.errors import ReportInvalid, StatementInvalid

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
Tree = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class TestRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is attested of one run of one test: the body of an attestation of the kind ``tests``.

    ``name`` is the test's in the policy, ``tree`` the id of the git tree that was tested, ``report`` the digest of
    the report from which the counts were read.
    """

    name: Name
    tree: Tree
    started: str
    finished: str
    tests: Count
    failures: Count
    errors: Count
    skipped: Count
    report: Sha256
    source: Literal["junit"] = "junit"


def run_of(report: Report, *, name: str, tree: str, finished: str, started: str = "") -> TestRun:
    """Return what is attested of a report; ``started`` is said where the report does not say it.

    A time in the report comes first: an old report stays old. Raises :class:`ReportInvalid` where nobody says when it
    began, it ended before that, or name or tree are none.
    """
    began = report.started or started
    if not (instants.is_instant(began) and instants.is_instant(finished)):
        raise ReportInvalid(
            "The report does not say when its tests began.", hint="Say it, as an instant such as 2027-01-31T12:00:00Z."
        )
    if began > finished:
        raise ReportInvalid(
            f"The tests began at {began} by their report, which is after they ended.",
            hint="Run them where the clock is right and the time zone is UTC, as CI runners do.",
        )
    run = TestRun(
        name=name,
        tree=tree,
        started=began,
        finished=finished,
        tests=report.tests,
        failures=report.failures,
        errors=report.errors,
        skipped=report.skipped,
        report=report.digest,
    )
    try:
        return read_run(canonical.canonical_json(run))
    except StatementInvalid as error:
        raise ReportInvalid(
            f"{ascii(name[:80])} is not the name of a test, or {ascii(tree[:80])} is not the id of a tree.",
            hint="A name is one of policy.yaml; `git rev-parse HEAD^{tree}` prints the tree.",
        ) from error


def read_run(body: bytes) -> TestRun:
    """Return the run that a verified attestation of the kind ``tests`` is about.

    Raises :class:`StatementInvalid` where anything in it is unknown or missing, or makes no sense.
    """
    try:
        run = msgspec.convert(strictjson.decode(body), TestRun)
        if not (instants.is_instant(run.started) and instants.is_instant(run.finished)):
            raise ValueError("no instants")
        if run.started > run.finished or run.skipped > run.tests:
            raise ValueError("it contradicts itself")
    except (ValueError, RecursionError) as error:
        raise StatementInvalid("What is attested is no run of tests.", hint="Attest it again.") from error
    return run


def named(body: bytes) -> str:
    """Return the test that something names which is no run as we know them; empty where it names none."""
    try:
        found = strictjson.decode(body)
    except (ValueError, RecursionError):
        return ""
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""
