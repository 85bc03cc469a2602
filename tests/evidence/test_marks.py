"""What was recorded without the ledger is marked in it so that both verifiers hold it against the record itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate import canonical, trust
from iacgate.change.emergency import Emergency
from iacgate.cli.marking import mark_all
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.degraded import Lost, Written, write_degraded
from iacgate.evidence.degradedread import Kept, mark, read_degraded
from iacgate.evidence.entry import Entry, Seen, Settings, State
from iacgate.evidence.ledger import Draft, Piece
from iacgate.evidence.marks import after_mark
from iacgate.evidence.outage import BEGUN, Begun, outage_of
from iacgate.evidence.recorded import recorded
from iacgate.gate import Circumstances, decide
from iacgate.gate.emergency import demand_of
from iacgate.policy.environments import emergency_of, read_policy, weigh
from iacgate.render.decision import as_json
from iacgate.vocabulary import Severity
from tests.support.approvals import people
from tests.support.ledgerlife import STACK, Life, roster_of
from tests.support.ledgers import SoftGate
from tests.support.memorystore import MemoryStore
from tests.support.verifiers import agreed
from tests.test_gate import AS_EMERGENCY, EMERGENCY, inputs

UNTIL = "2026-11-30T12:00:00Z"
USED = {"1" * 64: UNTIL}
COMMIT, TREE = "a" * 40, "d" * 40
NEW = Emergency(
    change="chg-1", incident="INC-7", invoker="dave", approvers=("ann",), time=UNTIL, latest=UNTIL, sequence=1
)
AFTER: Mapping[str, str | int | bool] = {"afterLineage": "6e1a", "afterSerial": 9, "afterDigest": ""}


class Second:
    """A ledger of a policy that only observes, so that nobody need sign, and a second store beside it."""

    def __init__(self) -> None:
        self.life, self.store = Life(), MemoryStore()
        self.life.live()
        genesis = self.life.ledger.genesis
        self.files = {"people.yaml": people(), "policy.yaml": f"mode: observe\nledger: {genesis}\n".encode()}
        self.lost = Lost(genesis, "s3://first", "s3://first: no answer.")

    def write(self, event: Any, previous: str = "", **more: Any) -> Written:
        said = {"event": event, "stack": STACK, "change": "chg-1", "commit": COMMIT, "tree": TREE, **more}
        return write_degraded(self.store, Draft(**said), self.lost, SoftGate(), previous)

    def decide(self, lost: str = "no answer", **more: Any) -> Written:
        policy, digest = read_policy(self.files["policy.yaml"], "policy.yaml"), trust.bundle_digest(self.files)
        wanted = msgspec.structs.replace(AS_EMERGENCY["wanted"], bundle=digest, ledger=self.lost.ledger)
        wanted = msgspec.structs.replace(wanted, severity=Severity.HIGH)
        place = wanted.target.environment
        found = Circumstances(record=EMERGENCY, emergency=emergency_of(policy, place), lost=lost)
        demand = demand_of(
            weigh(policy, place).demand(Severity.HIGH, "emergency"), "emergency", found, self.store.now()
        )
        given = inputs(
            wanted=wanted, mode="observe", circumstances=found, demand=demand, deny=weigh(policy, place).deny
        )
        self.store.instant = self.life.store.instant = given.now
        decision = decide(given, roster_of(self.files))
        details = {"allowed": decision.allowed, "exitCode": decision.exit_code}
        pieces = recorded(given, as_json(decision), self.files)
        return self.write("decided", settings=Settings(digest), details={**details, **more}, pieces=pieces)

    def begin(self, previous: str, begun: Begun | None = None, **more: Any) -> Written:
        piece = Piece(canonical.canonical_json(begun or Begun(NEW, USED)))
        return self.write("intended", previous, **{"details": {"run": "run-9"}, "pieces": {BEGUN: piece}, **more})

    def live(self) -> Second:
        """Decide, begin and apply."""
        begun = self.begin(self.decide().digest)
        self.write("applied", begun.digest, details={"run": "run-9", **AFTER})
        return self

    def kept(self, event: str) -> Kept:
        ledger = self.life.ledger
        found = read_degraded(self.store, STACK, ledger.keys, ledger.genesis).records
        return next(item for item in found if item.record.event == event)

    def mark(self, event: str, change: Callable[[State], State] = lambda state: state, **more: Any) -> Entry:
        """Mark one record; the state that follows is changed by ``change``, what the entry says by the rest."""
        kept = self.kept(event)
        said, begun = mark(kept, self.store), Begun(NEW, USED) if event == "intended" else None
        draft = Draft(
            event="degraded",
            stack=STACK,
            change=said.change,
            commit=said.commit,
            tree=said.tree,
            details=said.details,
            pieces=said.pieces,
            advance=lambda state, sequence, _: change(after_mark(state, kept.record, begun, sequence)),
        )
        return self.life.ledger.append(msgspec.structs.replace(draft, **more)).entry


def test_marks_follow_and_are_made_once(tmp_path: Path) -> None:
    second = Second().live()
    assert mark_all(second.life.ledger, second.store) == 3
    assert agreed(second.life.store, tmp_path)
    state = second.life.ledger.look(STACK).state
    assert [(item.change, item.reviewed, item.time) for item in state.emergencies] == [
        ("chg-1", "", second.store.instant)
    ]
    assert state.used.items() >= USED.items()
    assert state.seen == Seen("6e1a", 9, "")
    assert mark_all(second.life.ledger, second.store) == 0


def lie(second: Second, **more: Any) -> None:
    second.mark("decided")
    second.mark("intended", **more)


def state(**more: Any) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, **more)


def reviewed(state: State) -> State:
    done = tuple(msgspec.structs.replace(item, reviewed="7" * 64, justified=True) for item in state.emergencies)
    return msgspec.structs.replace(state, emergencies=done)


LIES: Mapping[str, Callable[[Second], Any]] = {
    "no emergency": lambda second: lie(second, change=state(emergencies=())),
    "reviewed at once": lambda second: lie(second, change=reviewed),
    "nothing used up": lambda second: lie(second, change=state(used={})),
    "something else used up": lambda second: lie(second, change=state(used={**USED, "2" * 64: UNTIL})),
    "another state seen": lambda second: lie(second, change=state(seen=Seen("6e1a", 77, ""))),
    "an apply that is over": lambda second: lie(second, change=state(applied=None)),
    "used up by a decision": lambda second: second.mark("decided", state(used=USED)),
    "a beginning without its decision": lambda second: second.mark("intended"),
    "an end without its beginning": lambda second: (second.mark("decided"), second.mark("applied")),
    "a mark twice": lambda second: (second.mark("decided"), second.mark("decided")),
    "another event": lambda second: second.mark("decided", details={**mark_of(second), "event": "intended"}),
    "another time": lambda second: second.mark("decided", details={**mark_of(second), "at": "2026-11-23T00:00:00Z"}),
    "another change": lambda second: second.mark("decided", commit="b" * 40),
    "no record": lambda second: second.mark("decided", pieces={}),
}


def mark_of(second: Second) -> dict[str, str | int | bool]:
    return mark(second.kept("decided"), second.store).details


@pytest.mark.parametrize("name", LIES)
def test_a_gate_that_lies_about_a_record_is_found(tmp_path: Path, name: str) -> None:
    second = Second().live()
    LIES[name](second)
    assert not agreed(second.life.store, tmp_path)


WRONG: Mapping[str, Callable[[Second], Any]] = {
    "another outcome": lambda second: second.decide(allowed=True),
    "a decision that had the ledger": lambda second: second.decide(lost=""),
    "a beginning of a denied decision": lambda second: second.begin(second.decide(exitCode=11).digest),
    "a beginning of another commit": lambda second: second.begin(second.decide().digest, commit="b" * 40),
    "a beginning of nothing": lambda second: second.begin(""),
    "the end of another run": lambda second: second.write(
        "applied", second.begin(second.decide().digest).digest, details={"run": "run-8"}
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_record_that_was_wrong_from_the_beginning_is_found(tmp_path: Path, name: str) -> None:
    second = Second()
    WRONG[name](second)
    mark_all(second.life.ledger, second.store)
    assert not agreed(second.life.store, tmp_path)


def test_evidence_that_a_second_store_lost_is_counted_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = Second().live()
    reference = second.kept("intended").record.references[BEGUN]
    second.store.destroy(f"evidence/sha256/{reference.digest}")
    assert mark_all(second.life.ledger, second.store) == 3
    assert f"{BEGUN} is not there" in capsys.readouterr().err
    assert second.life.ledger.look(STACK).state.emergencies == ()
    assert agreed(second.life.store, tmp_path), "the mark says that something is missing, and no more follows from it"


def test_what_is_no_record_is_said_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    second = Second().live()
    key = second.kept("decided").key
    second.store.create(f"{key.rpartition('/')[0]}/20261123T120000Z-{'0' * 32}.json", b"junk\x1b[2J")
    assert mark_all(second.life.ledger, second.store) == 3
    said = capsys.readouterr().err
    assert "Left out" in said
    assert "\x1b" not in said


def test_approvals_that_were_used_up_before_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    second = Second().live()
    again = Draft(event="applied", stack=STACK, advance=lambda state, *_: msgspec.structs.replace(state, used=USED))
    second.life.ledger.append(again)
    mark_all(second.life.ledger, second.store)
    assert "begun by approvals that had been used up before" in capsys.readouterr().err


def test_an_emergency_that_was_reviewed_waits_again_when_there_was_more_of_it() -> None:
    old = msgspec.structs.replace(NEW, approvers=("bob",), reviewed="7" * 64, justified=True)
    record = Second().begin("").record
    (found,) = after_mark(State(emergencies=(old,)), record, Begun(NEW, USED), 5).emergencies
    assert (found.reviewed, found.justified, found.approvers, found.sequence) == ("", None, ("ann", "bob"), 1)


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        (None, Seen("6e1a", 9, "")),
        (Seen("6e1a", 4, "x"), Seen("6e1a", 9, "")),
        (Seen("6e1a", 12, "x"), Seen("6e1a", 12, "x")),
        (Seen("other", 4, "x"), Seen("other", 4, "x")),
    ],
)
def test_a_state_that_somebody_saw_later_stays(before: Seen | None, seen: Seen) -> None:
    record = Second().write("applied", "", details=AFTER).record
    assert after_mark(State(seen=before), record, None, 5).seen == seen


def test_a_second_store_knows_what_was_begun_in_it() -> None:
    second = Second()
    begun = second.begin(second.decide().digest)
    found = outage_of([second.kept("intended")], second.store)
    assert (found.state.used, found.begun) == (USED, begun.digest)
    assert found.state.intent is not None
    assert (found.state.intent.run, found.state.intent.change) == ("run-9", "chg-1")
    second.write("failed", begun.digest, details={"run": "run-9"})
    ended = outage_of([second.kept("intended"), second.kept("failed")], second.store)
    assert (ended.state, ended.begun) == (State(used=USED), "")
    second.store.destroy(f"evidence/sha256/{begun.record.references[BEGUN].digest}")
    with pytest.raises(EvidenceInvalid, match="nobody knows any more by which approvals"):
        outage_of([second.kept("intended")], second.store)
