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
from iacgate.cli.own import Own
from iacgate.errors import EvidenceInvalid, TrustInvalid, UsageInvalid
from iacgate.evidence.folder import FolderLedger
from iacgate.evidence.ledger import Ledger, last_applied, used_up
from iacgate.evidence.ledger import Settings as SettingsSeen
from iacgate.gate import Inputs
from iacgate.people.roster import Roster
from iacgate.plan.source.extent import extent
from iacgate.policy.backends import identity
from iacgate.policy.demands import Demand
from iacgate.policy.environments import deployers
from iacgate.policy.stacks import Placed
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.commits import history, places_of
from iacgate.shell.git import Repository, root_of
from iacgate.shell.inbox import FolderInbox
from iacgate.shell.submissions import Said
from iacgate.vocabulary import ChangeType

_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Asked(msgspec.Struct, frozen=True):
    """What is said of a change; empty where nothing is.

    ``authors`` are ids, accounts or e-mails; ``accounts`` are those that the forge names, and ``vouched`` the
    commits that it made itself. ``record`` is for the gate, which makes a ledger where there is none.
    ``believe`` is for who signs: what the planner says of tree and authors is taken as it is, shown and
    signed. The gate looks for itself.
    """

    inbox: str
    change: str = ""
    authors: tuple[str, ...] = ()
    base: str = ""
    accounts: tuple[str, ...] = ()
    vouched: frozenset[str] = frozenset()
    change_type: ChangeType = "normal"
    deployer: str = ""
    ledger: str = ""
    record: bool = False
    believe: bool = False


class Around(msgspec.Struct, frozen=True):
    """Where a plan comes from: commit, tree and folder, and what of it the plan was made from.

    Empty where nobody knows; ``place`` is ``None`` outside of a repository. ``places`` are the folders that the
    plan was made from (none: it cannot be told, and all count), ``sources`` is the digest over them.
    """

    tree: str = ""
    commit: str = ""
    place: str | None = None
    places: tuple[str, ...] = ()
    sources: str = ""


class Change:
    """One plan of one change, judged, with everything that decides about it."""

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, with_differences: bool) -> None:
        if judge.own is None:
            raise UsageInvalid("A gate needs settings, and there is no .iacgate folder.", hint="See docs/settings.md.")
        if asked.change and not _CHANGE.fullmatch(asked.change):
            raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
        own, self.loaded = judge.own, loaded
        said = loaded.said if asked.believe else None
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = FolderInbox(Path(asked.inbox))
        self.assessment = judge.judge(loaded, with_differences=with_differences)
        placed, environment = own.place(loaded)
        if loaded.plan_file is None and judge.stack and not environment.json_only:
            raise UsageInvalid(
                "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
                hint="Gate the saved plan file, leave --stack away (then it counts as production), or see `json_only`.",
            )
        repository = None if said else _repository(loaded.folder)
        self.around = _around(said, repository, loaded)
        demand = environment.demand(self.assessment.severity, asked.change_type)
        target = _target(loaded, placed, self.around)
        self.chain = chain_of(target)
        self.ledger = _ledger(asked, own)
        entries = self.ledger.entries(self.chain) if self.ledger else []
        if said:
            asked = msgspec.structs.replace(asked, authors=(*asked.authors, *said.authors))
        elif applied := last_applied(entries):  # what was merged since then is part of this change, whatever its base
            asked = msgspec.structs.replace(asked, base=applied)
        self.hands = _hands(asked, repository, self.around.places, self.roster, demand)
        wanted = Wanted(
            change="",
            change_type=asked.change_type,
            target=target,
            subjects=_subjects(loaded, self.around),
            fingerprint=self.assessment.plan.fingerprint,
            sources=self.around.sources,
            severity=self.assessment.severity,
            bundle=own.settings.digest,
            ledger=own.settings.policy.ledger or (self.ledger.genesis if self.ledger else said.ledger if said else ""),
            binding=demand.binding,
            valid_hours=demand.valid_hours,
            authors=frozenset(author.principal for author in self.hands.authors if author.principal),
            used=used_up(entries),
        )
        named = asked.change or (loaded.said.change if loaded.said else "")
        self.wanted = msgspec.structs.replace(wanted, change=named or _change_id(wanted))
        self.settings = SettingsSeen(own.settings.digest, own.trusted.version if own.trusted else 0)
        self._mode = own.settings.policy.mode
        self._trusted = own.trusted is not None
        self.demand, self._deny = demand, environment.deny
        self._json_only, self._deployer = environment.json_only, asked.deployer
        self._deployers = deployers(own.settings.policy, placed.environment)

    def inputs(self) -> Inputs:
        """Return everything that decides, now."""
        return Inputs(
            assessment=self.assessment,
            wanted=self.wanted,
            demand=self.demand,
            deny=self._deny,
            authors=self.hands.authors,
            unsigned=self.hands.unsigned,
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


def _hands(
    asked: Asked, repository: Repository | None, places: tuple[str, ...], roster: Roster, demand: Demand
) -> Hands:
    """Return who had a hand in the change: those named, and those of the commits since the base."""
    named = (*of_names(asked.authors, roster), *of_accounts(asked.accounts, roster))
    if not asked.base:
        return Hands(named, None)
    if repository is None:
        raise UsageInvalid("--base names a commit, and this is no git repository.", hint="Name people: --author.")
    commits = history(repository, asked.base, places)
    found = of_commits(commits, roster, now(), vouched=asked.vouched, must_be_signed=demand.signed_commits)
    return Hands((*named, *found.authors), found.unsigned)


def chain_of(target: Target) -> str:
    """Return the name of a stack's chain in the ledger: one that nobody mapped is named by its state."""
    return target.stack or f"unmapped-{canonical.digest(canonical.canonical_json(target.backend))[:20]}"


def _ledger(asked: Asked, own: Own) -> Ledger | None:
    """Return the ledger, where one is named.

    Raises :class:`EvidenceInvalid` where the settings name another one, :class:`TrustInvalid` where it has seen
    newer settings than those that would decide.
    """
    pinned = own.settings.policy.ledger
    if not asked.ledger:
        if pinned and asked.record:
            raise EvidenceInvalid("The settings name a ledger, and --ledger names none.", hint="Name its folder.")
        return None
    ledger = FolderLedger(Path(asked.ledger), create=asked.record and not pinned)
    if pinned and ledger.genesis != pinned:
        raise EvidenceInvalid(
            f"{asked.ledger}: another ledger than the settings name.", hint="Name the folder of the ledger itself."
        )
    _check_newest(ledger.newest_settings(), own)
    return ledger


def _check_newest(newest: SettingsSeen | None, own: Own) -> None:
    used = own.trusted
    if newest is None:
        return
    if used is None:
        raise TrustInvalid(
            f"The ledger has seen version {newest.version} of signed settings, and these are not signed.",
            hint="Name the protected branch with --trusted.",
        )
    if newest.version > used.version or (newest.version == used.version and newest.digest != own.settings.digest):
        raise TrustInvalid(
            f"The settings are version {used.version}, and the ledger has seen version {newest.version} "
            f"({newest.digest[:12]}): somebody put older ones back.",
            hint="Restore the newest version at the protected branch; changing it back takes a new version.",
        )


def _around(said: Said | None, repository: Repository | None, loaded: Loaded) -> Around:
    if said:
        return Around(tree=said.tree, place=said.place, sources=said.sources)
    if repository is None:
        return Around()
    file = loaded.plan_file
    places = places_of(repository, extent(file.sources), file.variables) if file else ()
    sources = canonical.digest_named(repository.trees(places))
    return Around(repository.tree, repository.commit, repository.folder, places, sources)


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


def _subjects(loaded: Loaded, around: Around) -> dict[str, str]:
    lock = loaded.plan_file.lock_file if loaded.plan_file else None
    return {
        "plan-file": loaded.sha256 or "",
        "plan-json": loaded.plan.sha256,
        "lock-file": canonical.digest(lock) if lock else "",
        "tree": around.tree,
    }
