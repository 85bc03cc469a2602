"""A small company, and what its people sign."""

from __future__ import annotations

from typing import Any

import msgspec

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.approval.counting import Received, Wanted
from iacgate.approval.statement import Plan, Predicate, Target, encode, make_statement
from iacgate.people.roster import Roster, read_roster
from iacgate.vocabulary import Severity
from tests.support.sshkeys import SoftKey

ROLES = {
    "ann": ["infra"],
    "bob": ["security"],
    "cleo": ["infra", "security"],
    "dave": ["infra", "security", "operations", "business"],
    "robot": ["infra", "security"],
    "nora": [],
}
"""Who holds which roles; robot is a machine."""

NOW = "2026-11-23T12:00:00Z"
ARRIVED = "2026-11-23T11:00:00Z"
ISSUED = "2026-11-23T10:59:00Z"

TARGET = Target(
    stack="payments",
    environment="prod",
    backend={"type": "s3", "bucket": "state", "key": "payments.tfstate"},
    workspace="default",
    account="123456789012",
    lineage="6e1a",
)
SUBJECTS = {"plan-file": "a" * 64, "plan-json": "b" * 64, "lock-file": "c" * 64, "tree": "d" * 40}
WANTED = Wanted(
    change="chg-1",
    change_type="normal",
    target=TARGET,
    subjects=SUBJECTS,
    fingerprint="e" * 64,
    severity=Severity.HIGH,
    bundle="f" * 64,
    ledger="0" * 64,
    binding="fingerprint",
    valid_hours=168,
    authors=frozenset({"dave"}),
    sources="5" * 64,
)


def key_of(person: str) -> SoftKey:
    """Return somebody's key."""
    return SoftKey(person)


def people(**keys: dict[str, str]) -> bytes:
    """Return people.yaml; ``keys`` adds fields to the key of a person."""
    found = [
        {
            "id": person,
            "kind": "machine" if person == "robot" else "human",
            "emails": [f"{person}@example.com"],
            "forge": [f"gh-{person}"],
            "cloud": [f"arn:aws:iam::1:role/{person}"],
            "roles": roles,
            "keys": [{"key": key_of(person).line, **keys.get(person, {})}],
        }
        for person, roles in ROLES.items()
    ]
    return msgspec.json.encode({"people": found})


def roster(**keys: dict[str, str]) -> Roster:
    """Return the roster; ``keys`` adds fields to the key of a person."""
    return read_roster(people(**keys), "people.yaml")


def plan(**more: Any) -> Plan:
    """Return what a statement says of the plan."""
    said = Plan(
        target=TARGET,
        serial=3,
        fingerprint=WANTED.fingerprint,
        sources=WANTED.sources,
        assessment="2" * 64,
        readiness="",
        severity=WANTED.severity,
    )
    return msgspec.structs.replace(said, **more)


def predicate(person: str, **more: Any) -> Predicate:
    """Return what somebody says of the change."""
    said = Predicate(
        decision="approve",
        change=WANTED.change,
        nonce="1" * 32,
        change_type="normal",
        plans=(plan(),),
        record="",
        tests="",
        bundle=WANTED.bundle,
        ledger=WANTED.ledger,
        principal=person,
        reason="looks right",
        issued=ISSUED,
        expires="2026-11-30T10:59:00Z",
        withdraws=(),
    )
    about = {name: more.pop(name) for name in Plan.__struct_fields__ if name in more}
    return msgspec.structs.replace(said, **({"plans": (plan(**about),)} if about else {}), **more)


def signed(
    person: str, *, arrived: str = ARRIVED, key: str = "", subjects: dict[str, str] = SUBJECTS, **more: Any
) -> Received:
    """Return what somebody signs, as it arrives; ``key`` is whose key is used where it is not the signer's own."""
    payload = encode(make_statement([subjects], predicate(person, **more)))
    armored = key_of(key or person).sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    return Received(envelope.seal(payload, armored), arrived)


def signed_for(person: str, plans: list[Plan], subjects: list[dict[str, str]], **more: Any) -> Received:
    """Return what somebody signs about several plans, as it arrives."""
    payload = encode(make_statement(subjects, predicate(person, plans=tuple(plans), **more)))
    armored = key_of(person).sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    return Received(envelope.seal(payload, armored), ARRIVED)


def withdrawal(person: str, *received: Received, **more: Any) -> Received:
    """Return somebody's withdrawal of some statements, as it arrives."""
    digests = tuple(canonical.digest(envelope.parse(item.data).payload) for item in received)
    return signed(person, decision="withdraw", withdraws=digests, **more)
