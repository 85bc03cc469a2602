"""One change: what a plan, its repository and the team's settings say of it, ready for the decision."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Wanted
from iacgate.approval.statement import Target
from iacgate.cli.judging import Judge
from iacgate.cli.ledgers import chain_of, open_ledger
from iacgate.cli.loading import Loaded
from iacgate.cli.own import Own
from iacgate.cli.surroundings import Around, Named, hands_of, look_around
from iacgate.errors import UsageInvalid
from iacgate.evidence.ledger import Settings as SettingsSeen
from iacgate.evidence.ledger import last_applied, used_up
from iacgate.gate import Inputs
from iacgate.people.roster import Roster
from iacgate.policy.backends import identity
from iacgate.policy.environments import deployers
from iacgate.policy.stacks import Placed
from iacgate.risk.assessment import Assessment
from iacgate.shell.clock import now
from iacgate.shell.inbox import FolderInbox
from iacgate.shell.submissions import Said
from iacgate.vocabulary import ChangeType, Severity

_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Asked(msgspec.Struct, frozen=True):
    """What is said of a change; empty where nothing is.

    ``hand_over`` is for who submits, which makes an inbox where there is none; ``record`` for the gate, which
    makes a ledger where there is none. ``believe`` is for who signs: what the planner says of sources and
    authors is taken as it is, shown and signed. The gate looks for itself.
    """

    inbox: str
    change: str = ""
    named: Named = Named()
    change_type: ChangeType | None = None
    deployer: str = ""
    ledger: str = ""
    hand_over: bool = False
    record: bool = False
    believe: bool = False


class Change:
    """One plan of one change, judged, with everything that decides about it."""

    def __init__(self, judge: Judge, loaded: Loaded, asked: Asked, *, differences_from: Severity | None) -> None:
        if judge.own is None:
            raise UsageInvalid("A gate needs settings, and there is no .iacgate folder.", hint="See docs/settings.md.")
        if asked.change and not _CHANGE.fullmatch(asked.change):
            raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
        own, self.loaded = judge.own, loaded
        said = loaded.said if asked.believe else None
        self.roster = _roster(own.settings.roster, own.settings.folder)
        self.inbox = FolderInbox(Path(asked.inbox), create=asked.hand_over and bool(asked.inbox))
        self.assessment = judge.judge(loaded, differences_from=differences_from)
        placed, self._environment = own.place(loaded)
        if loaded.plan_file is None and judge.stack and not self._environment.json_only:
            raise UsageInvalid(
                "A plan's JSON does not tell its stack, and a gate takes nobody's word for it.",
                hint="Gate the saved plan file, leave --stack away (then it counts as production), or see `json_only`.",
            )
        self._type: ChangeType = asked.change_type or (said.change_type if said else "normal")
        found = (self.assessment.severity, *((said.severity,) if said else ()))
        self.severity = max(found, key=lambda severity: severity.rank)
        self.demand = self._environment.demand(self.severity, self._type)
        self.around, repository = look_around(loaded, said, self._environment.generated, placed.variables)
        target = _target(loaded, placed, self.around)
        self.chain = chain_of(target)
        self.ledger = open_ledger(asked.ledger, own, record=asked.record)
        entries = self.ledger.entries(self.chain) if self.ledger else []
        named = _named(asked.named, said, last_applied(entries))
        must_be_signed = self.demand.signed_commits
        self.hands = hands_of(named, repository, self.around.places, self.roster, must_be_signed=must_be_signed)
        self.wanted = self._wanted(asked, target, own, used_up(entries))
        self.settings = SettingsSeen(own.settings.digest, own.trusted.version if own.trusted else 0)
        self.pinned = bool(own.settings.policy.ledger)
        self._mode, self._trusted = own.settings.policy.mode, own.trusted is not None
        self._deployer = asked.deployer
        self._deployers = deployers(own.settings.policy, placed.environment)

    def _wanted(self, asked: Asked, target: Target, own: Own, used: dict[str, str]) -> Wanted:
        """Return what an approval must be about."""
        said = self.loaded.said
        ledger = self.ledger.genesis if self.ledger else said.ledger if said and asked.believe else ""
        wanted = Wanted(
            change="",
            change_type=self._type,
            target=target,
            subjects=_subjects(self.loaded, self.around),
            fingerprint=self.assessment.plan.fingerprint,
            sources=self.around.sources,
            severity=self.severity,
            bundle=own.settings.digest,
            ledger=own.settings.policy.ledger or ledger,
            binding=self.demand.binding,
            valid_hours=self.demand.valid_hours,
            authors=frozenset(author.principal for author in self.hands.authors if author.principal),
            used=used,
        )
        return msgspec.structs.replace(
            wanted, change=asked.change or (said.change if said else "") or _change_id(wanted)
        )

    @property
    def json_only(self) -> bool:
        """Whether the policy lets a plan be gated here of which only the JSON is there."""
        return self._environment.json_only

    def inputs(self) -> Inputs:
        """Return everything that decides, now."""
        return Inputs(
            assessment=self.assessment,
            wanted=self.wanted,
            demand=self.demand,
            deny=self._environment.deny,
            authors=self.hands.authors,
            unsigned=self.hands.unsigned,
            uncommitted=self.around.uncommitted,
            received=tuple(self.inbox.received(self.wanted.change)),
            mode=self._mode,
            now=now(),
            plan_file=self.loaded.plan_file is not None,
            json_only_allowed=self._environment.json_only,
            deployer=self._deployer,
            deployers=self._deployers,
            trusted=self._trusted,
        )


def assessment_digest(assessment: Assessment) -> str:
    """Return the digest of what the approver was shown, differences for display left out."""
    changes = tuple(
        msgspec.structs.replace(change, differences=(), more_differences=0) for change in assessment.changes
    )
    return canonical.digest(canonical.canonical_json(msgspec.structs.replace(assessment, changes=changes)))


def _change_id(wanted: Wanted) -> str:
    """Return an id that is the same for an identical re-plan at the same target."""
    return f"plan-{canonical.digest(canonical.canonical_json([wanted.target, wanted.fingerprint]))[:20]}"


def _roster(roster: Roster | None, folder: str) -> Roster:
    if roster is None:
        raise UsageInvalid(f"{folder} has no people.yaml.", hint="Without people nobody can approve anything.")
    return roster


def _named(named: Named, said: Said | None, applied: str) -> Named:
    """Return who is named, with what the planner says, or from what was applied last on: whatever the base is."""
    if said:
        return msgspec.structs.replace(named, authors=(*named.authors, *said.authors))
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


def _subjects(loaded: Loaded, around: Around) -> dict[str, str]:
    lock = loaded.plan_file.lock_file if loaded.plan_file else None
    return {
        "plan-file": loaded.sha256 or "",
        "plan-json": loaded.plan.sha256,
        "lock-file": canonical.digest(lock) if lock else "",
        "tree": around.tree,
    }
