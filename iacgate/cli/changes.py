"""One change: what a plan, its repository and the team's settings say of it, ready for the decision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Wanted
from iacgate.approval.statement import Target
from iacgate.cli.judging import Judge
from iacgate.cli.loading import Loaded
from iacgate.errors import UsageInvalid
from iacgate.gate import Author, Inputs
from iacgate.people.roster import Roster
from iacgate.policy.backends import identity
from iacgate.policy.environments import deployers
from iacgate.policy.stacks import Placed
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.git import Repository, root_of
from iacgate.shell.inbox import FolderInbox
from iacgate.vocabulary import ChangeType

_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Asked(msgspec.Struct, frozen=True):
    """What the command line says of a change; empty where it says nothing."""

    inbox: str
    change: str = ""
    authors: tuple[str, ...] = ()
    base: str = ""
    change_type: ChangeType = "normal"
    deployer: str = ""


class Change:
    """One plan of one change, judged, with everything that decides about it."""

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, with_differences: bool) -> None:
        if judge.own is None:
            raise UsageInvalid("A gate needs settings, and there is no .iacgate folder.", hint="See docs/settings.md.")
        if asked.change and not _CHANGE.fullmatch(asked.change):
            raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
        own, self.loaded = judge.own, loaded
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = FolderInbox(Path(asked.inbox))
        self.assessment = judge.judge(loaded, with_differences=with_differences)
        placed, environment = own.place(loaded)
        if loaded.plan_file is None and judge.stack and not environment.json_only:
            raise UsageInvalid(
                "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
                hint="Gate the saved plan file, leave --stack away (then it counts as production), or see `json_only`.",
            )
        repository = _repository(loaded.folder)
        demand = environment.demand(self.assessment.severity, asked.change_type)
        authors = _authors(asked, repository, self.roster)
        wanted = Wanted(
            change="",
            change_type=asked.change_type,
            target=_target(loaded, placed, repository),
            subjects=_subjects(loaded, repository),
            fingerprint=self.assessment.plan.fingerprint,
            severity=self.assessment.severity,
            bundle=own.settings.digest,
            ledger="",
            binding=demand.binding,
            valid_hours=demand.valid_hours,
            authors=frozenset(author.principal for author in authors if author.principal),
        )
        self.wanted = msgspec.structs.replace(wanted, change=asked.change or _change_id(wanted))
        self._mode = own.settings.policy.mode
        self._trusted = own.trusted is not None
        self._demand, self._deny, self._authors = demand, environment.deny, authors
        self._json_only, self._deployer = environment.json_only, asked.deployer
        self._deployers = deployers(own.settings.policy, placed.environment)

    def inputs(self) -> Inputs:
        """Return everything that decides, now."""
        return Inputs(
            assessment=self.assessment,
            wanted=self.wanted,
            demand=self._demand,
            deny=self._deny,
            authors=self._authors,
            received=tuple(self.inbox.received(self.wanted.change)),
            mode=self._mode,
            now=now(),
            plan_file=self.loaded.plan_file is not None,
            json_only_allowed=self._json_only,
            deployer=self._deployer,
            deployers=self._deployers,
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


def _authors(asked: Asked, repository: Repository | None, roster: Roster) -> tuple[Author, ...]:
    """Return who had a hand in the change: those named, and those of the commits since the base."""
    said: Sequence[str] = asked.authors
    if asked.base:
        if repository is None:
            raise UsageInvalid("--base names a commit, and this is no git repository.", hint="Name people: --author.")
        said = [*said, *repository.hands(asked.base)]
    found = []
    for name in dict.fromkeys(said):
        person = roster.principals.get(name) or roster.by_account(name) or roster.by_email(name)
        found.append(Author(name, person.id if person else ""))
    return tuple(found)


def _target(loaded: Loaded, placed: Placed, repository: Repository | None) -> Target:
    file = loaded.plan_file
    backend = (
        {}
        if file is None
        else identity(file.backend_type, file.backend_config, repository.folder if repository else None)
    )
    return Target(
        stack=placed.stack,
        environment=placed.environment,
        backend=backend,
        workspace=file.workspace if file else "",
        account=placed.account,
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
