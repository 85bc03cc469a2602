"""The life of a ledger in memory: settings, a denial, an allowed change that is applied, and one that is rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from iacgate import trust
from iacgate.approval.counting import Received
from iacgate.evidence.advance import after_apply, after_decision, after_intent, after_settings
from iacgate.evidence.entry import Applied, Intent, Seen, Settings
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Draft, Ledger, Piece, Receipt
from iacgate.evidence.recorded import recorded
from iacgate.evidence.report import Report
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.gate import Decision, Inputs, decide
from iacgate.people.roster import Roster, read_roster
from iacgate.render.decision import as_json
from tests.support.approvals import people, signed
from tests.support.ledgers import ledger_in
from tests.support.memorystore import MemoryStore
from tests.test_gate import inputs

FILES: Mapping[str, bytes] = {"people.yaml": people(), "policy.yaml": b"mode: enforce\n"}
SETTINGS = Settings(trust.bundle_digest(FILES), 1)
STACK = "payments"


def roster_of(files: Mapping[str, bytes]) -> Roster:
    return read_roster(files["people.yaml"], "people.yaml")


def replayer() -> Replayer:
    """Return what makes decisions again."""
    return Replayer(roster_of, as_json)


def verified(store: MemoryStore, **wanted: Any) -> Report:
    """Return what verifying finds."""
    return Verifier(Ledger(store), replayer(), Wanted(**wanted)).run()


class Life:
    """A ledger, and what happens in it; ``files`` are the settings."""

    def __init__(self, files: Mapping[str, bytes] = FILES) -> None:
        self.store = MemoryStore()
        self.ledger = ledger_in(self.store)
        self.files, self.named = files, Settings(trust.bundle_digest(files), 1)

    def settings(self) -> Receipt:
        pieces = {"settings": Piece(msgspec.json.encode(self.files))}
        draft = Draft(
            event="settings",
            stack="",
            settings=self.named,
            pieces=pieces,
            advance=lambda state, *_: after_settings(state, self.named),
        )
        return self.ledger.append(draft)

    def inputs(self, *people: str, rejecting: str = "") -> Inputs:
        said: dict[str, Any] = {"bundle": self.named.digest, "ledger": self.ledger.genesis}
        found: list[Received] = [signed(person, **said) for person in people]
        found += [signed(rejecting, decision="reject", **said)] if rejecting else []
        wanted = msgspec.structs.replace(inputs().wanted, **said)
        return inputs(*found, wanted=wanted)

    def decide(self, given: Inputs, **more: Any) -> tuple[Receipt, Decision]:
        decision = decide(given, roster_of(self.files))
        arrived = {item.digest: given.received[0].arrived for item in decision.approvals}
        draft = Draft(
            event="decided",
            stack=STACK,
            change=decision.change,
            commit="a" * 40,
            tree=given.wanted.subjects["tree"],
            settings=self.named,
            details={"allowed": decision.allowed, "exitCode": decision.exit_code},
            pieces={**recorded(given, as_json(decision), self.files), **more.pop("pieces", {})},
            advance=lambda state, *_: after_decision(state, decision.change, decision.approvals, arrived),
        )
        return self.ledger.append(msgspec.structs.replace(draft, **more)), decision

    def intend(self, decided: Receipt) -> Receipt:
        change = decided.entry.change
        return self.ledger.append(
            Draft(
                event="intended",
                stack=STACK,
                change=change,
                settings=self.named,
                commit="a" * 40,
                tree="d" * 40,
                details={"decision": decided.entry.sequence, "run": "run-1"},
                advance=lambda state, sequence, instant: after_intent(
                    state, Intent(change, "run-1", "e" * 64, {}, instant, sequence), allowed=True
                ),
            )
        )

    def apply(self, decided: Receipt, decision: Decision) -> Receipt:
        used = {item.statement: "2026-11-30T10:59:00Z" for item in decision.approvals if item.counts}
        change = decided.entry.change
        return self.ledger.append(
            Draft(
                event="applied",
                stack=STACK,
                change=change,
                settings=self.named,
                commit="a" * 40,
                details={"run": "run-1", "freshPlan": "empty", "whole": True},
                pieces={"log": Piece(b"Apply complete!\n", "text/plain")},
                advance=lambda state, sequence, instant: after_apply(
                    state, Applied(change, "a" * 40, "d" * 40, instant, sequence), Seen("6e1a", 4, ""), used, whole=True
                ),
            )
        )

    def live(self) -> Life:
        """Live all of it."""
        self.settings()
        self.decide(self.inputs("ann"))
        decided, decision = self.decide(self.inputs("ann", "bob"))
        self.intend(decided)
        self.apply(decided, decision)
        self.decide(self.inputs(rejecting="bob"))
        return self
