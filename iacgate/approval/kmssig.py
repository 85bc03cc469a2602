"""Signatures that AWS KMS makes, verified with the pinned public key and without asking KMS.

One algorithm for each kind of key. ECDSA signatures are DER in its only spelling. They stay
malleable all the same (whoever sees r and s can write r and n - s), so that a signature's bytes
are never an identity.

Formats: AWS KMS ``Sign``; RFC 3279, section 2.2.3; RFC 8017, section 8.1.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from iacgate.errors import SignatureInvalid
from iacgate.people.kms import KmsKey, Spec

ALGORITHMS: Final[dict[Spec, str]] = {
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
    "RSA": "RSASSA_PSS_SHA_256",
}
"""What KMS is asked for, by the kind of key."""

_DIGESTS: Final[dict[Spec, type[hashes.HashAlgorithm]]] = {
    "ECC_NIST_P256": hashes.SHA256,
    "ECC_NIST_P384": hashes.SHA384,
    "ECC_NIST_P521": hashes.SHA512,
}


def verify(key: KmsKey, signed: bytes, message: bytes) -> None:
    """Check that the key signed the message.

    Raises :class:`SignatureInvalid` where it did not.
    """
    try:
        public = serialization.load_der_public_key(key.der)
        if key.spec == "RSA" and isinstance(public, rsa.RSAPublicKey):
            _verify_rsa(public, signed, message)
        elif key.spec != "RSA" and isinstance(public, ec.EllipticCurvePublicKey):
            _verify_ecdsa(public, _DIGESTS[key.spec], signed, message)
        else:
            raise ValueError("is of another kind than its key")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        why = str(error) or "does not verify"
        raise SignatureInvalid(
            f"The signature {why}.", hint="It is not of this statement, or not of this key."
        ) from error


def _verify_ecdsa(
    public: ec.EllipticCurvePublicKey, digest: type[hashes.HashAlgorithm], signed: bytes, message: bytes
) -> None:
    try:
        canonical = encode_dss_signature(*decode_dss_signature(signed))
    except ValueError:
        raise ValueError("is no ECDSA signature in DER") from None
    if canonical != signed:  # the library is as strict today; this does not depend on it
        raise ValueError("is DER in another spelling than its only one")
    public.verify(signed, message, ec.ECDSA(digest()))


def _verify_rsa(public: rsa.RSAPublicKey, signed: bytes, message: bytes) -> None:
    if len(signed) != (public.key_size + 7) // 8:
        raise ValueError("is not as long as its key")
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    public.verify(signed, message, scheme, hashes.SHA256())
