"""What KMS signs verifies with its key, and nothing else does."""

from __future__ import annotations

from itertools import count

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from iacgate.approval import kmssig
from iacgate.errors import SignatureInvalid
from iacgate.people.kms import KmsKey, parse_pem
from tests.support.kmskeys import SPECS, SoftKms, kms_key, pem

MESSAGE = b"DSSEv1 4 text 5 hello"
KEY = kms_key("signing")
GOOD = KEY.sign(MESSAGE)
ORDER = ec.SECP256R1().group_order


def pinned(key: SoftKms) -> KmsKey:
    return parse_pem(pem(key.der))


def refusal(signed: bytes, key: SoftKms = KEY, message: bytes = MESSAGE) -> str:
    """Return why we refuse, empty where we accept."""
    try:
        kmssig.verify(pinned(key), signed, message)
    except SignatureInvalid as error:
        return error.message
    return ""


@pytest.mark.parametrize("spec", SPECS)
def test_what_kms_signs_verifies(spec: str) -> None:
    key = kms_key("signing", spec)
    signed = key.sign(MESSAGE)
    assert refusal(signed, key) == ""
    assert "does not verify" in refusal(signed, key, MESSAGE + b" ")
    assert "does not verify" in refusal(signed, kms_key("other", spec))
    for other in set(SPECS) - {spec}:
        assert refusal(signed, kms_key("signing", other))


def numbers() -> tuple[int, int]:
    return decode_dss_signature(GOOD)


def test_an_ecdsa_signature_has_a_twin_and_both_verify() -> None:
    r, s = numbers()
    twin = encode_dss_signature(r, ORDER - s)
    assert twin != GOOD
    assert refusal(twin) == ""


@pytest.mark.parametrize(
    ("signed", "says"),
    [
        (b"", "no ECDSA signature in DER"),
        (GOOD + b"\0", "no ECDSA signature in DER"),
        (GOOD[:-1], "no ECDSA signature in DER"),
        (b"\x30\x81" + GOOD[1:], "no ECDSA signature in DER"),  # a length in two bytes that fits into one
        (bytes([0x30, GOOD[1] + 1, 2, GOOD[3] + 1, 0]) + GOOD[4:], "no ECDSA signature in DER"),  # a leading zero
        (encode_dss_signature(0, 1), "does not verify"),
        (encode_dss_signature(1, 0), "does not verify"),
        (encode_dss_signature(numbers()[0] + ORDER, numbers()[1]), "does not verify"),
        (encode_dss_signature(numbers()[0], numbers()[1] + ORDER), "does not verify"),
        (encode_dss_signature(ORDER, ORDER), "does not verify"),
        (b"\x30\x06\x02\x01\xff\x02\x01\x01", "DER"),  # negative
        (b"\x00" * 64, "no ECDSA signature in DER"),  # r and s as they are
    ],
    ids=count(),
)
def test_an_ecdsa_signature_has_one_encoding_and_its_numbers_a_range(signed: bytes, says: str) -> None:
    assert says in refusal(signed)


def test_a_digest_of_another_length_is_not_accepted() -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    key = kms_key("signing", "ECC_NIST_P384")
    assert key.public.curve.name == private.curve.name  # type: ignore[union-attr] # it is an EC key
    assert key._ec
    assert "does not verify" in refusal(key._ec.sign(MESSAGE, ec.ECDSA(hashes.SHA256())), key)


def test_rsa_has_one_padding_one_digest_and_one_length_of_salt() -> None:
    key = kms_key("signing", "RSA_2048")
    private = key._rsa
    assert isinstance(private, rsa.RSAPrivateKey)
    assert refusal(key.sign(MESSAGE), key) == ""
    for salt in (0, 20, 31, 33, 222):
        assert "does not verify" in refusal(key.sign(MESSAGE, salt), key)
    assert "does not verify" in refusal(private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()), key)
    for mask, digest in ((hashes.SHA512(), hashes.SHA256()), (hashes.SHA256(), hashes.SHA512())):
        scheme = padding.PSS(padding.MGF1(mask), 32)
        assert "does not verify" in refusal(private.sign(MESSAGE, scheme, digest), key)
    assert "not as long as its key" in refusal(b"\0" + key.sign(MESSAGE), key)


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_no_flipped_bit_of_a_signature_leaves_it_verifying(bit: int) -> None:
    data = bytearray(GOOD)
    data[bit // 8] ^= 1 << bit % 8
    assert refusal(bytes(data))
