"""One change: what a plan, its repository and the team's settings say of it, ready for the decision."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Wanted
from iacgate.approval.duties import Hands, of_accounts, of_commits, of_names
from iacgate.approval.statement import Target
from iacgate.cli.judging import Judge
from iacgate.cli.loading import Loaded
from iacgate.errors import UsageInvalid
from iacgate.gate import Inputs
from iacgate.people.roster import Roster
from iacgate.plan.source.extent import extent
from iacgate.policy.backends import identity
from iacgate.policy.demands import Demand
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.commits import history, places_of
from iacgate.shell.git import Repository, root_of
from iacgate.shell.inbox import FolderInbox

_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Asked(msgspec.Struct, frozen=True):
    """What is said of a change; empty where nothing is.

    ``authors`` are ids, accounts or e-mails; ``accounts`` are those that the forge names, and ``vouched`` the
    commits that it made itself.
    """

    inbox: str
    change: str = ""
    authors: tuple[str, ...] = ()
    base: str = ""
    accounts: tuple[str, ...] = ()
    vouched: frozenset[str] = frozenset()


class Change:
    """One plan of one change, judged, with everything that decides about it."""

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, with_differences: bool) -> None:
        if judge.own is None:
            raise UsageInvalid("A gate needs settings, and there is no .iacgate folder.", hint="See docs/settings.md.")
        if loaded.plan_file is None and judge.stack:
            raise UsageInvalid(
                "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
                hint="Gate the saved plan file, or leave --stack away: then it counts as production.",
            )
        if asked.change and not _CHANGE.fullmatch(asked.change):
            raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
        own, self.loaded = judge.own, loaded
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = FolderInbox(Path(asked.inbox))
        self.assessment = judge.judge(loaded, with_differences=with_differences)
        placed, environment = own.place(loaded)
        repository = _repository(loaded.folder)
        demand = environment.demand(self.assessment.severity)
        self.hands = _hands(asked, loaded, repository, self.roster, demand)
        wanted = Wanted(
            change="",
            change_type="normal",
            target=_target(loaded, placed.stack, placed.environment, repository),
            subjects=_subjects(loaded, repository),
            fingerprint=self.assessment.plan.fingerprint,
            severity=self.assessment.severity,
            bundle=own.settings.digest,
            ledger="",
            binding=demand.binding,
            valid_hours=demand.valid_hours,
            authors=frozenset(author.principal for author in self.hands.authors if author.principal),
        )
        self.wanted = msgspec.structs.replace(wanted, change=asked.change or _change_id(wanted))
        self._mode = own.settings.policy.mode
        self._trusted = own.trusted is not None
        self._demand, self._deny = demand, environment.deny

    def inputs(self) -> Inputs:
        """Return everything that decides, now."""
        return Inputs(
            assessment=self.assessment,
            wanted=self.wanted,
            demand=self._demand,
            deny=self._deny,
            authors=self.hands.authors,
            unsigned=self.hands.unsigned,
            received=tuple(self.inbox.received(self.wanted.change)),
            mode=self._mode,
            now=now(),
            plan_file=self.loaded.plan_file is not None,
            trusted=self._trusted,
        )


def assessment_digest(assessment: Assessment) -> str:
    """Return the digest of what the approver was shown, differences for display left out."""
    changes = tuple(msgspec.structs.replace(change, differences=()) for change in assessment.changes)
    return canonical.digest(canonical.canonical_json(msgspec.structs.replace(assessment, changes=changes)))


def _change_id(wanted: Wanted) -> str:
    """Return an id that is the same for an identical re-plan at the same target."""
    return f"plan-{canonical.digest(canonical.canonical_json([wanted.target, wanted.fingerprint]))[:20]}"


def _roster(roster: Roster | None, folder: str) -> Roster:
    if roster is None:
        raise UsageInvalid(f"{folder} has no people.yaml.", hint="Without people nobody can approve anything.")
    return roster


def _repository(folder: str) -> Repository | None:
    if root_of(Path(folder)) is None:
        return None
    repository = Repository(Path(folder), "HEAD")
    if not repository.clean:
        raise UsageInvalid(
            f"{folder}: the working tree has changes that no commit has, so that an approval would bind another tree.",
            hint="Commit them, or check out the commit that was planned.",
        )
    return repository


def _hands(asked: Asked, loaded: Loaded, repository: Repository | None, roster: Roster, demand: Demand) -> Hands:
    """Return who had a hand in the change: those named, and those of the commits since the base."""
    named = (*of_names(asked.authors, roster), *of_accounts(asked.accounts, roster))
    if not asked.base:
        return Hands(named, None)
    if repository is None:
        raise UsageInvalid("--base names a commit, and this is no git repository.", hint="Name people: --author.")
    file = loaded.plan_file
    places = places_of(repository, extent(file.sources), file.variables) if file else ()
    commits = history(repository, asked.base, places)
    found = of_commits(commits, roster, now(), vouched=asked.vouched, must_be_signed=demand.signed_commits)
    return Hands((*named, *found.authors), found.unsigned)


def _target(loaded: Loaded, stack: str, environment: str, repository: Repository | None) -> Target:
    file = loaded.plan_file
    backend = (
        {}
        if file is None
        else identity(file.backend_type, file.backend_config, repository.folder if repository else None)
    )
    return Target(
        stack=stack,
        environment=environment,
        backend=backend,
        workspace=file.workspace if file else "",
        account="",
        lineage=file.lineage if file else "",
    )


def _subjects(loaded: Loaded, repository: Repository | None) -> dict[str, str]:
    lock = loaded.plan_file.lock_file if loaded.plan_file else None
    return {
        "plan-file": loaded.sha256 or "",
        "plan-json": loaded.plan.sha256,
        "lock-file": canonical.digest(lock) if lock else "",
        "tree": repository.tree if repository else "",
    }
