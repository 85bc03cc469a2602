"""What the people of the small company attest."""

from __future__ import annotations

from typing import Any

from iacgate.approval import attestation, envelope
from iacgate.approval.counting import Received
from iacgate.people.attested import About
from tests.support.approvals import ARRIVED, ISSUED, WANTED, key_of


def attested(
    kind: About, person: str, body: dict[str, Any], *, arrived: str = ARRIVED, key: str = "", **more: Any
) -> Received:
    """Return what somebody attests, as it arrives; ``key`` is whose key is used where it is not the signer's own."""
    said = {
        "about": WANTED.change,
        "nonce": "1" * 32,
        "body": body,
        "ledger": WANTED.ledger,
        "principal": person,
        "reason": "",
        "issued": ISSUED,
        "expires": "2026-11-30T10:59:00Z",
        **more,
    }
    return sealed(key or person, attestation.encode(kind, attestation.AttestationPredicate(**said)), arrived)


def sealed(person: str, payload: bytes, arrived: str = ARRIVED) -> Received:
    """Return a payload under somebody's signature, as it arrives."""
    armored = key_of(person).sign(envelope.pre_authentication(payload), envelope.NAMESPACE)
    return Received(envelope.seal(payload, armored), arrived)
