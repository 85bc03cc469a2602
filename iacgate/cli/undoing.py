"""From a plan to whether it can be undone, beside its assessment: both in one walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iacgate.cli.judging import Judge
from iacgate.cli.loading import Loaded
from iacgate.risk.assessment import Assessment
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.rehearsed import Rehearsed
from iacgate.rollback.report import Watch
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.rollback.verdict import Check, NotChecked, RollbackReport


def watching(judge: Judge, loaded: Loaded) -> Watch:
    """Return what looks at each change of a plan while that is judged."""
    return Watch(loaded.plan, shipped_knowledge(), judge.stateless(loaded))


def judge_with_undoing(
    judge: Judge, loaded: Loaded, *, differences_from: Severity | None = None, previous: Previous | None = None
) -> tuple[Assessment, RollbackReport]:
    """Return the assessment of one plan, and whether it can be undone.

    Raises what reading and judging raise.
    """
    watch = watching(judge, loaded)
    assessment = judge.judge(loaded, differences_from=differences_from, watch=watch.look)
    return assessment, watch.report(Ground(loaded.plan_file, previous))


def undoing_of(
    judge: Judge,
    loaded: Loaded,
    previous: Previous | None,
    rehearsed: Rehearsed | None,
    live: tuple[tuple[Check, ...], tuple[NotChecked, ...]] | None,
) -> RollbackReport:
    """Return whether a plan can be undone, with all that is known.

    Raises what reading and judging raise.
    """
    watch = watching(judge, loaded)
    judge.judge(loaded, watch=watch.look)
    return watch.report(Ground(loaded.plan_file, previous), rehearsed, live)
