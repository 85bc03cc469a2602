"""What is known about a plan besides its JSON: the plan file, sources, and what others found."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate.risk.assessment import PackIdentity
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
    from iacgate.plan.source.snapshot import Snapshot


class Report(msgspec.Struct, frozen=True):
    """What another engine's policy found; its message may repeat secrets until it is redacted."""

    rule: str
    severity: Severity
    message: str
    address: str = ""


class Context:
    """What is known about a plan besides its JSON.

    ``plan_file`` is the saved plan file: it tells what the JSON cannot. ``snapshot`` has the
    sources that the plan was made from, by default those in the plan file. ``beside`` has
    sources that only stand beside the plan: they show lines and tell of ``removed`` blocks, which
    no JSON shows, and decide nothing else of the plan's content. ``previous`` has
    those of the commit to compare with. ``reports`` and ``policies`` are what other engines found,
    and which ones they were.
    """

    def __init__(
        self,
        *,
        plan_file: PlanFile | None = None,
        plan_file_sha256: str | None = None,
        snapshot: Snapshot | None = None,
        beside: Snapshot | None = None,
        previous: Snapshot | None = None,
        reports: Iterable[Report] = (),
        policies: Iterable[PackIdentity] = (),
    ) -> None:
        self.plan_file = plan_file
        self.plan_file_sha256 = plan_file_sha256
        self._snapshot = snapshot
        self.beside = beside
        self.previous = previous
        self.reports = tuple(reports)
        self.policies = tuple(policies)

    @functools.cached_property
    def snapshot(self) -> Snapshot | None:
        """The sources that the plan was made from."""
        if self._snapshot is not None or self.plan_file is None:
            return self._snapshot
        from iacgate.plan.source.snapshot import from_members  # noqa: PLC0415 - most plans come without their sources

        return from_members(self.plan_file.sources)

    @property
    def places(self) -> Snapshot | None:
        """The sources in which lines are looked up."""
        return self.snapshot or self.beside


ALONE: Final = Context()
"""Nothing but the JSON."""


def by_address(reports: Iterable[Report]) -> dict[str, list[Report]]:
    """Return the reports of each address."""
    found: dict[str, list[Report]] = {}
    for report in reports:
        found.setdefault(report.address, []).append(report)
    return found
