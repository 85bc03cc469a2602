"""What is attested is verified as approvals are, and neither passes for the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval import attestation
from iacgate.approval.attestation import AttestationPredicate, NotCounted
from iacgate.approval.counting import Received, count
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested
from tests.support.approvals import ARRIVED, ISSUED, NOW, WANTED, roster, signed
from tests.support.attested import attested, sealed

BODY = {"cause": "a disk was full", "justified": True}


def verified(item: Received, now: str = NOW, **keys: dict[str, str]) -> Attested | NotCounted | None:
    return attestation.verify(item, roster(**keys), WANTED.ledger, now)


def why(item: Received, now: str = NOW, **keys: dict[str, str]) -> str:
    found = verified(item, now, **keys)
    assert found is not None
    return found.why if isinstance(found, NotCounted) else found.lapsed


def test_it_says_who_says_what() -> None:
    found = verified(attested("review", "bob", BODY, reason="asked"))
    assert isinstance(found, Attested)
    assert (found.kind, found.about, found.principal, found.reason) == ("review", "chg-1", "bob", "asked")
    assert (found.human, found.roles, found.arrived) == (True, frozenset({"security"}), ARRIVED)
    assert found.body == canonical.canonical_json(BODY)
    machine = verified(attested("tests", "robot", {}))
    assert isinstance(machine, Attested)
    assert not machine.human


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (attested("review", "bob", BODY, key="stranger"), "nobody in people.yaml"),
        (attested("review", "bob", BODY, key="ann"), "ann signed it, and it says bob"),
        (attested("review", "bob", BODY, ledger="9" * 64), "another ledger"),
        (attested("review", "bob", BODY, ledger=""), "it is for no ledger"),
        (attested("review", "bob", BODY, issued="2026-11-23T11:06:00Z"), "from the future"),
        (attested("review", "bob", BODY, expires="2026-11-23T11:59:59Z"), "expired"),
    ],
)
def test_what_does_not_count_says_why(item: Received, expected: str) -> None:
    assert expected in why(item)


def test_a_key_must_be_valid_on_arrival_and_now() -> None:
    item = attested("review", "bob", BODY)
    assert "not valid" in why(item, bob={"since": "2026-11-23T11:30:00Z"})
    assert "not valid" in why(item, bob={"until": "2026-11-23T11:30:00Z"})
    assert "revoked" in why(item, bob={"revoked": "2026-11-23T11:30:00Z"})


def test_what_has_expired_is_told_from_what_nobody_signed() -> None:
    for found in (
        verified(attested("review", "bob", BODY, expires="2026-11-23T11:59:59Z")),
        verified(attested("review", "bob", BODY), bob={"until": "2026-11-23T11:30:00Z"}),
    ):
        assert isinstance(found, Attested), "it can still deny something"
        assert found.lapsed
    assert isinstance(verified(attested("review", "bob", BODY), bob={"revoked": "2026-11-23T11:30:00Z"}), NotCounted)


def test_neither_kind_of_statement_passes_for_the_other() -> None:
    assert verified(signed("bob")) is None
    assert attestation.verify(Received(b"junk", ARRIVED), roster(), WANTED.ledger, NOW) is None
    (verdict,) = count([attested("review", "bob", BODY)], WANTED, roster(), NOW).verdicts
    assert (verdict.counts, verdict.code) == (False, "statement")


def test_the_subject_is_the_body() -> None:
    said = AttestationPredicate("chg-1", "1" * 32, BODY, WANTED.ledger, "bob", "", ISSUED, "2026-11-30T10:59:00Z")
    data = attestation.encode("review", said)
    digest = canonical.digest(canonical.canonical_json(BODY)).encode()
    assert digest in data
    assert "not one that iacgate makes" in why(sealed("bob", data.replace(digest, b"0" * 64)))


def changed(**more: Any) -> bytes:
    said = AttestationPredicate("chg-1", "1" * 32, BODY, "", "bob", "", ISSUED, "2026-11-30T10:59:00Z")
    return attestation.encode("review", said).replace(*[text.encode() for text in more["swap"]])


@pytest.mark.parametrize(
    "swap",
    [
        ('"review"', '"approval"'),
        ('"reason":""', '"reason":"","reason":""'),
        ('"reason":""', '"reason":"","more":""'),
        ('"reason":"",', ""),
        (ISSUED, "yesterday"),
        (ISSUED, "2026-12-30T10:59:00Z"),
    ],
)
def test_what_is_not_of_the_form_is_refused(swap: tuple[str, str]) -> None:
    data = changed(swap=swap)
    with pytest.raises(StatementInvalid):
        attestation.decode(data)
    assert not isinstance(verified(sealed("bob", data)), Attested)


def test_a_body_that_kms_could_not_sign_is_refused() -> None:
    with pytest.raises(StatementInvalid, match="4052 at most"):
        attested("review", "bob", {"cause": "x" * 4000})


@given(st.data())
def test_no_flipped_bit_is_ever_taken_for_the_same_word(data: st.DataObject) -> None:
    item = attested("review", "bob", BODY)
    position = data.draw(st.integers(0, len(item.data) * 8 - 1))
    flipped = bytearray(item.data)
    flipped[position // 8] ^= 1 << position % 8
    found = verified(Received(bytes(flipped), ARRIVED))
    assert not isinstance(found, Attested) or found == verified(item)
