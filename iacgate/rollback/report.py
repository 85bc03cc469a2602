"""From verdicts and checks to the whole: can this plan be undone?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from iacgate.plan.redaction import Redactor, before_of, narrowed
from iacgate.rollback.checks import Ground, plan_checks
from iacgate.rollback.undo import Judged, Undoing
from iacgate.rollback.verdict import Check, NotChecked, RollbackReport, Undo, worst
from iacgate.vocabulary import Readiness, Reversibility, Severity

if TYPE_CHECKING:
    from iacgate.plan.model import ResourceChange
    from iacgate.plan.reader import Plan
    from iacgate.rollback.knowledge import Knowledge
    from iacgate.rollback.live import LiveReport
    from iacgate.rollback.livequestions import AtStake
    from iacgate.rollback.rehearsed import Rehearsed

_NO_WAY_BACK: Final = (Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN)


class Watch:
    """Judges changes as somebody else walks over them, so that no plan is read twice.

    Its method :meth:`look` is handed to :func:`iacgate.risk.assess.assess`. With ``live``, ``stakes`` has what the
    cloud can be asked about.
    """

    def __init__(
        self, plan: Plan, knowledge: Knowledge, stateless: Callable[[str], Severity | None], *, live: bool = False
    ) -> None:
        self._plan = plan
        self._live = live
        self.stakes: list[AtStake] = []
        self._digest = knowledge.digest
        self._undoing = Undoing(plan, knowledge, stateless)
        self._judged: list[Judged] = []
        self._shown: Callable[[str], str] = str

    def look(self, change: ResourceChange, redactor: Redactor) -> None:
        """Judge one change.

        Raises :class:`iacgate.errors.PlanUnreadable` where it cannot be read.
        """
        self._shown = redactor.clean
        judged = self._undoing.judge(change, redactor)
        if judged is None:
            return
        self._judged.append(judged)
        if self._live:
            from iacgate.rollback.livequestions import IDENTIFYING, AtStake  # noqa: PLC0415 - few ask a cloud

            where = f"{self._plan.name}: {ascii(change.address)}"
            body = narrowed(change.body, IDENTIFYING, where)
            self.stakes.append(AtStake(judged.undo, before_of(body, redactor, where)))

    def report(
        self,
        ground: Ground,
        rehearsed: Rehearsed | None = None,
        live: LiveReport | None = None,
    ) -> RollbackReport:
        """Return whether the plan can be undone, as far as all this tells.

        ``live`` is what the cloud was asked, ``None`` where nobody asked it.
        """
        judged = sorted(self._judged, key=lambda item: (-item.undo.verdict.rank, item.undo.address, item.undo.deposed))
        undos = tuple(item.undo for item in judged)
        found = plan_checks(self._plan, undos, ground, self._shown)
        checks = [*(check for item in judged for check in item.checks), *found.checks]
        not_checked = [*found.not_checked]
        if live is None:
            not_checked.append(NotChecked("RB015", "nobody asked whether the state's bucket keeps versions (--live)"))
        else:
            checks += live.checks
            not_checked += live.not_checked
        checks += _of_rehearsal(rehearsed)
        order = {"block": 0, "high": 1, "medium": 2}
        checks.sort(key=lambda check: (order[check.level], check.id, check.address))
        return RollbackReport(
            readiness=_readiness(undos, checks, rehearsed),
            verdict=worst(tuple(undo.verdict for undo in undos)),
            undos=undos,
            checks=tuple(checks),
            not_checked=tuple(not_checked),
            approximate=rehearsed.approximate if rehearsed else (),
            knowledge=self._digest,
            facts=_facts(live) if live else (),
        )


def _facts(live: LiveReport) -> tuple[str, ...]:
    """Return what the cloud said, a sentence each."""
    points = [f"{point.address}: {point.kind} {point.name}, {point.age_hours} hours old" for point in live.points]
    facts = [f"{fact.address or 'the state'}: {fact.name} {fact.value}" for fact in live.facts]
    return (*points, *facts)


def _of_rehearsal(rehearsed: Rehearsed | None) -> list[Check]:
    if rehearsed is None:
        hint = "iacgate rollback rehearse PLAN --previous REF"
        return [Check("RB021", "medium", "nobody rehearsed the way back with the real program", hint)]
    if rehearsed.outcome == "failed":
        return [Check("RB021", "block", f"the way back fails: {rehearsed.why}", "Mend the way back, then plan again.")]
    if rehearsed.outcome == "differs":
        text = f"the rehearsed way back is another one than expected: {rehearsed.why}"
        return [Check("RB021", "high", text, "See what the rehearsal says, and say so under `undo`.")]
    return []


def _readiness(undos: tuple[Undo, ...], checks: list[Check], rehearsed: Rehearsed | None) -> Readiness:
    """Return the total: what cannot be undone, or of which nobody knows, is not ready."""
    if any(check.level == "block" for check in checks) or any(undo.verdict in _NO_WAY_BACK for undo in undos):
        return Readiness.NOT_READY
    if rehearsed is None or rehearsed.outcome != "matches":
        return Readiness.PAPER
    return Readiness.APPROXIMATE if rehearsed.approximate else Readiness.REHEARSED


def slim(report: RollbackReport) -> RollbackReport:
    """Return a report as it is recorded: without what can simply be undone, and without long explanations."""
    undos = tuple(
        msgspec.structs.replace(
            undo,
            reasons=tuple(msgspec.structs.replace(because, why="") for because in undo.reasons),
            steps=(),
        )
        for undo in report.undos
        if undo.verdict is not Reversibility.REVERSIBLE
    )
    return msgspec.structs.replace(report, undos=undos)
