"""A small company, and what its people sign."""

from __future__ import annotations

from typing import Any

import msgspec

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.approval.counting import Received, Wanted
from iacgate.approval.statement import Predicate, Target, encode, make_statement
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
)


def key_of(person: str) -> SoftKey:
    """Return somebody's key."""
    return SoftKey(person)


def roster(**keys: dict[str, str]) -> Roster:
    """Return the roster; ``keys`` adds fields to the key of a person."""
    people = [
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
    return read_roster(msgspec.json.encode({"people": people}), "people.yaml")


def predicate(person: str, **more: Any) -> Predicate:
    """Return what somebody says of the change."""
    said = Predicate(
        decision="approve",
        change=WANTED.change,
        nonce="1" * 32,
        change_type="normal",
        target=TARGET,
        serial=3,
        fingerprint=WANTED.fingerprint,
        assessment="2" * 64,
        severity=WANTED.severity,
        bundle=WANTED.bundle,
        ledger=WANTED.ledger,
        principal=person,
        reason="looks right",
        issued=ISSUED,
        expires="2026-11-30T10:59:00Z",
        withdraws=(),
    )
    return msgspec.structs.replace(said, **more)


def signed(
    person: str, *, arrived: str = ARRIVED, key: str = "", subjects: dict[str, str] = SUBJECTS, **more: Any
) -> Received:
    """Return what somebody signs, as it arrives; ``key`` is whose key is used where it is not the signer's own."""
    payload = encode(make_statement(subjects, predicate(person, **more)))
    armored = key_of(key or person).sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    return Received(envelope.seal(payload, armored), arrived)


def withdrawal(person: str, *received: Received, **more: Any) -> Received:
    """Return somebody's withdrawal of some statements, as it arrives."""
    digests = tuple(canonical.digest(envelope.parse(item.data).payload) for item in received)
    return signed(person, decision="withdraw", withdraws=digests, **more)
