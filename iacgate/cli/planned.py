"""A change that is a plan."""

from __future__ import annotations

import click
import msgspec

from iacgate.approval.counting import Retry, Wanted
from iacgate.approval.duties import Hands
from iacgate.approval.statement import Target
from iacgate.change.record import Record
from iacgate.cli.changes import Change
from iacgate.cli.handed import approved_plan
from iacgate.cli.judging import Judge
from iacgate.cli.ledgers import Recorder
from iacgate.cli.loading import Loaded
from iacgate.cli.proposed import Asked, Proposed, own_of
from iacgate.cli.records import mended_since, record_of
from iacgate.cli.sealed import Found, Sought, look_into, subjects_of
from iacgate.cli.spare import Spare
from iacgate.cli.surroundings import Around, Named, look_around
from iacgate.cli.undoing import watching
from iacgate.errors import UsageInvalid
from iacgate.evidence.entry import Attempt
from iacgate.evidence.ledger import Piece
from iacgate.evidence.redacted import redacted_plan
from iacgate.gate import Circumstances
from iacgate.plan.remainder import is_remainder
from iacgate.policy.backends import identity
from iacgate.policy.stacks import Placed
from iacgate.render import terminal
from iacgate.render.plain import harmless
from iacgate.render.runbook import runbook
from iacgate.risk.assessment import Assessment
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.overlay import overlay_text
from iacgate.rollback.report import slim
from iacgate.rollback.reverse import reverse_of
from iacgate.rollback.wayback import WayBack
from iacgate.shell.folders import SETTINGS
from iacgate.shell.previous import previous_at
from iacgate.shell.submissions import Said
from iacgate.trust import RECORDS
from iacgate.vocabulary import ChangeType, Severity


class PlanChange(Change):
    """One plan of one change."""

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, differences_from: Severity | None) -> None:
        self.loaded, self.plan, self.plan_file, self.handed = loaded, loaded.plan, loaded.plan_file, loaded.said
        own = own_of(judge, asked)
        asks = own.settings.policy.asks_for_readiness or differences_from or asked.applies
        self._watch = watching(judge, loaded) if asks else None
        watch = self._watch.look if self._watch else None
        judged = judge.judge(loaded, differences_from=differences_from, watch=watch)
        self._base = asked.named.base
        super().__init__(own, _proposed(judge, loaded, asked, judged), asked)

    def shown(self, style: terminal.Style) -> str:
        """Return the plan, worst first, and what undoing each change means."""
        report = self._watch.report(Ground(self.plan_file)) if self._watch else None
        return terminal.render(self.judged, style, report)

    def _circumstances(self, moment: str) -> Circumstances:
        found = super()._circumstances(moment)
        if self._watch is None or not self.demand.readiness:
            return found
        report = self._watch.report(Ground(self.plan_file, self._previous()))
        return msgspec.structs.replace(found, rollback=slim(report))

    def way_back(self) -> WayBack | None:
        """Return how the plan is undone, as it is put on record when it is applied."""
        if self._watch is None:
            return None
        ground = Ground(self.plan_file, self._previous())
        report = self._watch.report(ground)
        digest = self.assessment.plan.plan_file_sha256 or ""
        reverse = reverse_of(self.loaded.plan, report, ground, sha256=digest, folder=self.around.place or "")
        return WayBack(reverse.start.previous, report.readiness, runbook(reverse), overlay_text(reverse.blocks))

    def _previous(self) -> Previous:
        """Return the configuration to which undoing goes back: what was applied last, else the base that is named."""
        commit = self._state.base or self._base
        if not commit or self.repository is None:
            return Previous("", None)
        found = previous_at(str(self.repository.place), commit, self.repository.commit)
        # What was applied last comes before it, whatever git says: what takes it back is planned on an older commit.
        return msgspec.structs.replace(found, ancestor=True) if self._state.base else found

    def pieces(self, recorder: Recorder | Spare) -> dict[str, Piece]:
        """Return the redacted plan."""
        key = recorder.secret(self.chain)
        return {"plan": Piece(redacted_plan(self.loaded.text, key, name=self.name))}

    def _look_into(self, asked: Asked, proposed: Proposed) -> Found:
        said = self.loaded.said
        sought = Sought(
            chain=self.chain,
            target=proposed.target,
            fingerprint=self.judged.plan.fingerprint,
            change=proposed.change,
            carried=said.seal if said else "",
            inbox=bool(asked.inbox),
            make=asked.hand_over or asked.believe,
        )
        return look_into(self.inbox, sought)

    def _subjects(self) -> dict[str, str]:
        return subjects_of(self.loaded, self.assessment, self.around)

    def _hands(self, named: Named, said: Said | None, applied: str) -> Hands:
        return super()._hands(_named(named, said, applied), said, applied)

    def _retry(self, wanted: Wanted, attempt: Attempt | None) -> Retry | None:
        """Return the plan that was approved and failed half-way, where this one is what is left of it."""
        file = self.loaded.plan_file
        if attempt is None or file is None or attempt.change != wanted.change or attempt.lineage != file.lineage:
            return None
        if wanted.binding == "exact" or attempt.fingerprint == wanted.fingerprint:
            return None
        found = approved_plan(self.inbox, wanted.change, attempt.fingerprint, self.seal)
        if found is None or not is_remainder((self.loaded.plan, file), found):
            return None
        return Retry(attempt.fingerprint, found[1].lineage)


def _proposed(judge: Judge, loaded: Loaded, asked: Asked, judged: Assessment) -> Proposed:
    """Return what a plan proposes.

    Raises :class:`UsageInvalid` where its stack is somebody's word.
    """
    own = own_of(judge, asked)
    said = loaded.said if asked.believe else None
    placed, environment = own.place(loaded)
    if loaded.plan_file is None and judge.stack and not environment.json_only:
        raise UsageInvalid(
            "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
            hint="Gate the saved plan file, leave --stack away (then it counts as production), or see `json_only`.",
        )
    change = asked.change or (loaded.said.change if loaded.said else "")
    record = record_of(loaded, change, asked.record, asked.text)
    if not asked.believe and not asked.record:
        _tell_mended(loaded, change)
    change_type: ChangeType = asked.change_type or _recorded_type(record) or (said.change_type if said else "normal")
    severities = (judged.severity, *((said.severity,) if said else ()), *_rewrites_state(loaded))
    around, repository = look_around(loaded, said, environment.generated, placed.variables)
    return Proposed(
        name=loaded.plan.name,
        change=change or (record.id if record else ""),
        change_type=change_type,
        record=record,
        said=said,
        judged=judged,
        severity=max(severities, key=lambda severity: severity.rank),
        placed=placed,
        environment=environment,
        around=around,
        repository=repository,
        target=_target(loaded, placed, around),
    )


def _tell_mended(loaded: Loaded, change: str) -> None:
    """Say where a record was mended and not handed over again: the one that was handed over still counts."""
    if mended_since(loaded, change):
        text = "says something else than the record that was handed over with the plan, which counts."
        where = f"{SETTINGS}/{RECORDS}{harmless(change)}.yaml"
        click.echo(f"Note: {where} {text} Hand the plan over again: iacgate submit.", err=True)


def _recorded_type(record: Record | None) -> ChangeType | None:
    return record.type if record else None


def _rewrites_state(loaded: Loaded) -> tuple[Severity, ...]:
    """Return the severity of a plan that only writes into the state what its planner says that it saw.

    Nothing can be held against that but somebody's eyes, and what comes next is planned from it.
    """
    file = loaded.plan_file
    return (Severity.MEDIUM,) if file and file.mode == "refresh-only" and file.drift else ()


def _named(named: Named, said: Said | None, applied: str) -> Named:
    """Return who is named, with what the planner says, or from what was applied last on: whatever the base is."""
    if said:
        return msgspec.structs.replace(named, authors=(*named.authors, *said.authors), base="")
    return msgspec.structs.replace(named, base=applied, applied=True) if applied else named


def _target(loaded: Loaded, placed: Placed, around: Around) -> Target:
    file = loaded.plan_file
    return Target(
        stack=placed.stack,
        environment=placed.environment,
        backend={} if file is None else identity(file.backend_type, file.backend_config, around.place),
        workspace=file.workspace if file else "",
        account=placed.account,
        lineage=file.lineage if file else "",
    )
