"""From a plan to whether it can be undone, beside its assessment: both in one walk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from iacgate.cli.judging import Judge
from iacgate.cli.loading import Loaded
from iacgate.errors import UsageInvalid
from iacgate.risk.assessment import Assessment
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.report import Watch
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.vocabulary import Severity

if TYPE_CHECKING:
    from iacgate.rollback.live import LiveReport
    from iacgate.rollback.rehearsed import Rehearsed
    from iacgate.rollback.verdict import RollbackReport


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


def named_previous(ref: str | None, folder: str) -> Previous | None:
    """Return the configuration that ``--previous`` names; ``None`` where it is not given.

    Raises :class:`UsageInvalid` where it names no commit, or one that git does not know.
    """
    if ref is None:
        return None
    if not ref:
        raise UsageInvalid("--previous names no commit.", hint="Is the variable that should name it empty?")
    from iacgate.shell.previous import previous_at  # noqa: PLC0415 - starting programs is rare

    return previous_at(folder, ref)


def undoing_of(
    judge: Judge,
    loaded: Loaded,
    previous: Previous | None = None,
    rehearsed: Rehearsed | None = None,
    live: int | None = None,
) -> RollbackReport:
    """Return whether a plan can be undone, with all that is known.

    With ``live``, AWS is asked whether what undoing needs is there, and no older than so many hours.
    Raises what reading and judging raise.
    """
    watch = Watch(loaded.plan, shipped_knowledge(), judge.stateless(loaded), live=live is not None)
    judge.judge(loaded, watch=watch.look)
    return watch.report(
        Ground(loaded.plan_file, previous), rehearsed, None if live is None else _asked(watch, loaded, live)
    )


def _asked(watch: Watch, loaded: Loaded, hours: int) -> LiveReport:
    """Return what AWS says of what undoing needs."""
    from iacgate.cli.progress import Progress  # noqa: PLC0415 - few ask a cloud
    from iacgate.rollback.live import judge as judge_answers  # noqa: PLC0415 - as above
    from iacgate.rollback.livequestions import questions_of, state_questions  # noqa: PLC0415 - as above
    from iacgate.shell.clock import now  # noqa: PLC0415 - as above
    from iacgate.shell.livechecks import ask  # noqa: PLC0415 - as above

    file = loaded.plan_file
    state = state_questions("", {}, "", first=False)
    if file:
        state = state_questions(file.backend_type, file.backend_config, file.workspace, first=not file.lineage)
    questions = (*state, *questions_of(watch.stakes))
    with Progress(sys.stderr, "asking AWS", often=1) as progress:
        answers = ask(questions, progress=progress.step)
    return judge_answers(questions, answers, now(), hours)
