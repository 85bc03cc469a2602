"""A ledger in a folder, as years of one stack's changes leave it.

    python -m tests.bench.chain FOLDER ENTRIES

A change takes a day and four entries: denied, allowed by two people, begun, applied. Half of the entries are
decisions, with all that they were made from; an allowed one keeps its plan, and an apply its log. The gate's key and
the people's are soft, so that all of it is made in seconds.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from iacgate.evidence.advance import after_apply, after_decision, after_intent
from iacgate.evidence.chain import Head
from iacgate.evidence.entry import Applied, Intent, Seen
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.ledger import Draft, Look, Piece, Receipt
from iacgate.evidence.recorded import recorded
from iacgate.evidence.redacted import redacted_plan
from iacgate.gate import Inputs, decide
from iacgate.plan.reader import read_plan
from iacgate.render.decision import as_json
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.packs import RuleSet
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity
from tests.support.approvals import roster, signed
from tests.support.ledgerlife import FILES, SETTINGS, STACK, Life
from tests.test_gate import inputs

PLAN: Final = Path(__file__).resolve().parents[2] / "fixtures" / "plans" / "mixed" / "plan.json"
FIRST: Final = datetime(2001, 1, 1, 12, tzinfo=UTC)
PER_CHANGE: Final = 4
PEOPLE: Final = ("ann", "bob")


class Years:
    """A ledger in memory, to which one change a day is added."""

    def __init__(self) -> None:
        self._life = Life()
        self._life.store.instant = _instant(FIRST)
        self._life.settings()
        self._look = Look(Head(None, 1), Head(None, 1))
        self._plan = PLAN.read_bytes()
        self._assessment = _assessment(self._plan)
        self._roster = roster()
        self._day = 0
        self._used: dict[str, str] = {}

    def change(self) -> None:
        """Add the next day's change."""
        self._day += 1
        self._life.store.instant = _instant(self._now)
        self._append(self.decision())
        decided = self._append(self.decision(*PEOPLE))
        self._append(self._intent(decided))
        self._append(self._result(decided))

    @property
    def _now(self) -> datetime:
        return FIRST + timedelta(days=self._day)

    @property
    def _expires(self) -> str:
        return _instant(self._now + timedelta(days=6))

    def decision(self, *people: str) -> Draft:
        """Return the entry of a decision about the day's change, which some people approved."""
        given = self._inputs(*people)
        decision = decide(given, self._roster)
        arrived = {item.digest: given.received[0].arrived for item in decision.approvals}
        pieces = recorded(given, as_json(decision), FILES)
        if decision.allowed:
            self._used = {item.statement: self._expires for item in decision.approvals if item.counts}
            text = self._plan.replace(b'"orders', f'"orders-{self._day}'.encode())
            pieces["plan"] = Piece(redacted_plan(text, self._life.ledger.secret(STACK)))
        return Draft(
            event="decided",
            stack=STACK,
            change=decision.change,
            commit="a" * 40,
            tree=given.wanted.subjects["tree"],
            settings=SETTINGS,
            details={"allowed": decision.allowed, "exitCode": decision.exit_code},
            pieces=pieces,
            advance=lambda state, *_: after_decision(state, decision.change, decision.approvals, arrived),
        )

    def write(self, folder: Path) -> None:
        """Write the ledger into a folder; nothing is flushed."""
        for key, versions in self._life.store.versions.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(versions[0][1])

    def _append(self, draft: Draft) -> Receipt:
        """Append where the last entry was appended: nobody else does."""
        receipt = self._life.ledger.append(draft, self._look)
        head = Head(Opened(receipt.entry, receipt.digest, ""), receipt.entry.sequence + 1)
        self._look = Look(head, self._look.own)
        return receipt

    def _inputs(self, *people: str) -> Inputs:
        said: dict[str, Any] = {
            "bundle": SETTINGS.digest,
            "ledger": self._life.ledger.genesis,
            "change": f"chg-{self._day}",
        }
        now, hour = self._now, timedelta(hours=1)
        times: dict[str, Any] = {"issued": _instant(now - 2 * hour), "expires": self._expires}
        found = [signed(person, arrived=_instant(now - hour), **times, **said) for person in people]
        wanted = msgspec.structs.replace(inputs().wanted, **said)
        return inputs(*found, wanted=wanted, assessment=self._assessment, now=_instant(now))

    def _intent(self, decided: Receipt) -> Draft:
        change = decided.entry.change
        return Draft(
            event="intended",
            stack=STACK,
            change=change,
            settings=SETTINGS,
            commit=decided.entry.commit,
            tree=decided.entry.tree,
            details={"decision": decided.entry.sequence, "run": f"run of {change}"},
            advance=lambda state, sequence, instant: after_intent(
                state, Intent(change, f"run of {change}", "e" * 64, {}, instant, sequence), allowed=True
            ),
        )

    def _result(self, decided: Receipt) -> Draft:
        change, used = decided.entry.change, self._used
        return Draft(
            event="applied",
            stack=STACK,
            change=change,
            settings=SETTINGS,
            commit=decided.entry.commit,
            details={"run": f"run of {change}", "freshPlan": "empty", "whole": True},
            pieces={"log": Piece(f"{change}\n".encode() * 400, "text/plain")},
            advance=lambda state, sequence, instant: after_apply(
                state,
                Applied(change, "a" * 40, "d" * 40, instant, sequence),
                Seen("6e1a", self._day, ""),
                used,
                whole=True,
            ),
        )


def _assessment(plan: bytes) -> Assessment:
    """Return the assessment of a plan, taken for high: two people may let that pass."""
    found = assess(read_plan(plan, "plan"), RuleSet(shipped_packs()))
    return msgspec.structs.replace(found, severity=Severity.HIGH)


def _instant(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def write_ledger(folder: Path, entries: int) -> None:
    """Write a ledger with so many entries of one stack into a folder, to the next whole change."""
    years = Years()
    for _ in range(-(-entries // PER_CHANGE)):
        years.change()
    years.write(folder)


if __name__ == "__main__":
    write_ledger(Path(sys.argv[1]), int(sys.argv[2]))
