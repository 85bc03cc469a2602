"""How an apply ended, as one value: what its entry says, now or when it is pushed later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from iacgate.evidence.advance import after_apply, after_failure, ends
from iacgate.evidence.entry import Actor, Applied, Seen, Settings, State
from iacgate.evidence.ledger import Draft, Piece

LOG = "log"


class StateSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Terraform state as it was seen: its digest and version are empty where they are not known.

    The digest is keyed where the stack has a seal, see :mod:`iacgate.sealing`.
    """

    exists: bool
    lineage: str = ""
    serial: int = 0
    digest: str = ""
    version: str = ""


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an apply ended: everything that its entry says but the log.

    ``used`` has the approvals that it used up, with until when each could count; ``outcome`` says in words what came
    of it, ``fresh`` what a plan afterwards says, ``whole`` whether the plan was for all of the commit. ``before`` and
    ``after`` are the state; of ``after``, ``None`` where it could not be read.
    """

    event: Literal["applied", "failed"]
    run: str
    stack: str
    change: str
    commit: str
    tree: str
    actor: Actor
    settings: Settings
    tool: dict[str, str]
    exit_code: int
    signal: int
    started: str
    ended: str
    outcome: str
    fresh: str
    before: StateSeen
    after: StateSeen | None
    fingerprint: str
    whole: bool
    used: dict[str, str]

    def draft(self, log: bytes) -> Draft:
        """Return the entry about it."""
        return Draft(
            event=self.event,
            stack=self.stack,
            change=self.change,
            commit=self.commit,
            tree=self.tree,
            actor=self.actor,
            settings=self.settings,
            tool=self.tool,
            details=self._details(),
            pieces={LOG: Piece(log, "text/plain; charset=utf-8")},
            advance=self._advance,
        )

    def _details(self) -> Mapping[str, str | int | bool]:
        found: dict[str, str | int | bool] = {
            "run": self.run,
            "exitCode": self.exit_code,
            "signal": self.signal,
            "started": self.started,
            "ended": self.ended,
            "outcome": self.outcome,
            "freshPlan": self.fresh,
            "whole": self.whole,
        }
        for name, seen in (("before", self.before), ("after", self.after)):
            if seen is None:
                found[f"{name}Known"] = False
                continue
            found[f"{name}Exists"] = seen.exists
            found[f"{name}Lineage"] = seen.lineage
            found[f"{name}Serial"] = seen.serial
            found[f"{name}Digest"] = seen.digest
            found[f"{name}Version"] = seen.version
        return found

    def _advance(self, state: State, sequence: int, instant: str) -> State:
        ends(state, self.run)
        seen = Seen(self.after.lineage, self.after.serial, self.after.digest) if self.after else None
        if self.event == "failed":
            return after_failure(state, self.change, self.fingerprint, seen, self.used)
        applied = Applied(
            change=self.change,
            commit=self.commit,
            tree=self.tree,
            time=instant,
            sequence=sequence,
        )
        return after_apply(state, applied, seen, self.used, whole=self.whole and self.fresh == "empty")
