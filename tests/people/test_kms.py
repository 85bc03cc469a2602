from __future__ import annotations

import base64
from itertools import count

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import KeyInvalid
from iacgate.people.keys import parse_key
from iacgate.people.kms import IDENTIFIER, parse_pem
from tests.support.kmskeys import SPECS, kms_key, pem

SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
P256 = kms_key("reading").der


@pytest.mark.parametrize("spec", SPECS)
def test_what_kms_gives_is_read(spec: str) -> None:
    key = kms_key("reading", spec)
    found = parse_pem(pem(key.der))
    assert (found.der, found.spec) == (key.der, spec.removesuffix("_2048"))
    assert found.ssh == parse_key(key.line)
    assert IDENTIFIER.fullmatch(found.identifier)
    one_line = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(key.der).decode()}\n-----END PUBLIC KEY-----"
    assert parse_pem(one_line) == found


def der(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, SPKI)


def rsa_der(modulus: int, exponent: int) -> bytes:
    """Return the DER of numbers that ``cryptography`` would not make a key of."""
    good = rsa.RSAPublicNumbers(65537, (1 << 2047) | 1).public_key()
    old = b"\x02\x82\x01\x01\x00" + ((1 << 2047) | 1).to_bytes(256, "big") + b"\x02\x03\x01\x00\x01"
    new = b"\x02\x82\x01\x01\x00" + modulus.to_bytes(256, "big") + b"\x02\x03" + exponent.to_bytes(3, "big")
    assert old in der(good)
    return der(good).replace(old, new)


def compressed() -> bytes:
    point = kms_key("reading").public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return head + bytes(point)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not stand between"),
        (pem(P256).replace("PUBLIC KEY", "RSA PUBLIC KEY"), "does not stand between"),
        (pem(P256) + pem(P256), "is not base64"),
        (pem(P256) + "\n", "does not stand between"),
        (pem(P256).replace("\n", "\r\n"), "does not stand between"),
        ("comment\n" + pem(P256), "does not stand between"),
        (pem(P256).replace("M", "!", 1), "is not base64"),
        (pem(b""), "is no public key"),
        (pem(P256 + b"\0"), "is no public key"),
        (pem(P256[:-1] + bytes([P256[-1] ^ 1])), "is no public key"),  # not on the curve
        (pem(compressed()), "is not in the only spelling"),
        (pem(der(ec.generate_private_key(ec.SECP256K1()).public_key())), "of a type that is not accepted"),
        (pem(der(ec.generate_private_key(ec.SECP224R1()).public_key())), "of a type that is not accepted"),
        (pem(der(ed25519.Ed25519PrivateKey.generate().public_key())), "of a type that is not accepted"),
        (pem(der(rsa.generate_private_key(65537, 1024).public_key())), "has 1024 bits"),
        (pem(rsa_der((1 << 2047) | 1, 0x040000 | 0x4)), "is no public key|exponent or modulus"),
        (pem(rsa_der(1 << 2047, 65537)), "is no public key|exponent or modulus"),
        ("x" * 20_000, "is too long"),
    ],
    ids=count(),
)
def test_what_is_weak_or_ambiguous_is_refused(text: str, says: str) -> None:
    with pytest.raises(KeyInvalid, match=says):
        parse_pem(text)


@given(st.integers(0, len(P256) - 1), st.integers(1, 255))
def test_a_key_has_one_spelling(at: int, change: int) -> None:
    """Whatever byte is changed, it is refused or another key (the other half of the points)."""
    data = bytearray(P256)
    data[at] ^= change
    try:
        found = parse_pem(pem(bytes(data)))
    except KeyInvalid:
        return
    assert found.ssh != parse_pem(pem(P256)).ssh
