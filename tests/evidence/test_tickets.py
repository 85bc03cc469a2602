"""A decision that asked others about its ticket than the policy names does not verify."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from iacgate import trust
from iacgate.change.record import Record
from iacgate.change.testing import Asked
from iacgate.change.tickets import Ticket
from iacgate.evidence.entry import Settings, State
from iacgate.evidence.ledger import Draft
from iacgate.evidence.recorded import recorded
from iacgate.gate import Circumstances, decide
from iacgate.policy.testing import DEFAULT_AGE_HOURS
from iacgate.render.decision import as_json
from tests.support.approvals import SUBJECTS, people, signed
from tests.support.ledgerlife import STACK, Life, replayer, roster_of
from tests.test_gate import inputs

POLICY = b"""mode: enforce
environments:
  prod: {tier: prod, ticket_check: {provider: jira, url: 'https://jira.example.com'}}
"""
TICKET = Ticket(
    name="OPS-7", provider="jira", place="https://jira.example.com", must_be_open=True, answer="found", open=True
)


def problems(*tickets: Ticket, name: str = "OPS-7", policy: bytes = POLICY) -> list[str]:
    """Return what verifying says of a decision that rests on what was said of some tickets."""
    life, files = Life(), {"people.yaml": people(), "policy.yaml": policy}
    settings = Settings(trust.bundle_digest(files), 1)
    record = Record(id="chg-1", ticket=name)
    said: dict[str, Any] = {"bundle": settings.digest, "ledger": life.ledger.genesis, "record": record.digest}
    given = inputs(
        *(signed(person, **said) for person in ("ann", "bob")),
        wanted=msgspec.structs.replace(inputs().wanted, **said),
        circumstances=Circumstances(
            record=record,
            ticket_checks=tickets,
            tests=Asked(names=(), tree=SUBJECTS["tree"], max_age_hours=DEFAULT_AGE_HOURS),
        ),
    )
    decision = decide(given, roster_of(files))
    pieces = recorded(given, as_json(decision), files)
    draft = Draft(
        event="decided",
        stack=STACK,
        change="chg-1",
        tree=SUBJECTS["tree"],
        settings=settings,
        details={"allowed": decision.allowed, "exitCode": decision.exit_code},
        pieces=pieces,
    )
    entry = life.ledger.append(draft).entry
    return list(replayer().problems(entry, {key: piece.data for key, piece in pieces.items()}, State()))


def test_a_decision_that_asked_whom_the_policy_names_verifies() -> None:
    assert problems(TICKET) == []
    assert problems(msgspec.structs.replace(TICKET, answer="unreachable")) == [], "it was denied, and that is right"
    assert problems(name="") == [], "a record without a ticket is asked about nowhere"
    assert problems(policy=b"mode: enforce\n") == []


@pytest.mark.parametrize(
    "tickets",
    [
        (),
        (TICKET, TICKET),
        (msgspec.structs.replace(TICKET, name="OPS-8"),),
        (msgspec.structs.replace(TICKET, provider="servicenow"),),
        (msgspec.structs.replace(TICKET, place="https://other.example.com"),),
        (msgspec.structs.replace(TICKET, must_be_open=False),),
    ],
)
def test_a_decision_that_asked_others_does_not(tickets: tuple[Ticket, ...]) -> None:
    (found,) = problems(*tickets)
    assert found.startswith("its decision asked others about its ticket")
    (found,) = problems(TICKET, policy=b"mode: enforce\n")
    assert found.startswith("its decision asked others about its ticket")
