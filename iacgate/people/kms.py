"""The public parts of AWS KMS keys, read strictly.

The whole key is pinned where people are named: KMS is asked to sign, and never which key it has.
A key has one spelling (DER of its SubjectPublicKeyInfo, as KMS gives it), so that one key cannot
stand under two names; what is too weak for an SSH key is too weak here.

Formats: RFC 7468, section 13; RFC 5480; RFC 8017, appendix A.1.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from iacgate import canonical
from iacgate.errors import KeyInvalid
from iacgate.people.keys import MAX_LINE, PublicKey, decode_base64, parse_key

Arn = Annotated[
    str, msgspec.Meta(pattern=r"^(arn:aws(-[a-z]+)*:kms:[a-z0-9-]{1,40}:[0-9]{12}:key/[A-Za-z0-9-]{1,128})?(?![\s\S])")
]
"""The name of a key; an alias is none, because it can be pointed at another key.

The pattern is published: its end is written so that Python and editors read it alike.
"""

ARN: Final = re.compile(r"arn:aws(-[a-z]+)*:kms:[a-z0-9-]{1,40}:[0-9]{12}:key/[A-Za-z0-9-]{1,128}")

Spec = Literal["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "RSA"]

IDENTIFIER: Final = re.compile(r"kms:[0-9a-f]{64}")

_SPECS: Final[dict[str, Spec]] = {
    "ecdsa-sha2-nistp256": "ECC_NIST_P256",
    "ecdsa-sha2-nistp384": "ECC_NIST_P384",
    "ecdsa-sha2-nistp521": "ECC_NIST_P521",
    "ssh-rsa": "RSA",
}
_BEGIN: Final = "-----BEGIN PUBLIC KEY-----"
_END: Final = "-----END PUBLIC KEY-----"
_HINT: Final = "Use what `aws kms get-public-key` gives for ECC_NIST_P256, P384, P521 or RSA. See docs/approvals.md."


class KmsKey(msgspec.Struct, frozen=True):
    """A public key of KMS: its kind, its only spelling, and the same key as OpenSSH writes it."""

    spec: Spec
    der: bytes
    ssh: PublicKey

    @property
    def identifier(self) -> str:
        """The key's name in an envelope."""
        return f"kms:{canonical.digest(self.der)}"


def parse_pem(text: str) -> KmsKey:
    """Return the key of one PEM block.

    Raises :class:`KeyInvalid` where it is not exactly that, or the key is too weak to be trusted.
    """
    try:
        der = _between_the_lines(text)
        ssh = parse_key(_as_ssh(der))
        return KmsKey(_SPECS[ssh.kind], der, ssh)
    except KeyInvalid as error:
        raise KeyInvalid(f"The public part of the KMS key is not accepted: {error.message}", hint=_HINT) from error
    except ValueError as error:
        raise KeyInvalid(f"The public part of the KMS key is not valid: it {error}.", hint=_HINT) from error


def _between_the_lines(text: str) -> bytes:
    if len(text) > MAX_LINE:
        raise ValueError("is too long")
    first, *body, last = text.removesuffix("\n").split("\n") if "\n" in text else [text, ""]
    if first != _BEGIN or last != _END:
        raise ValueError("does not stand between `BEGIN PUBLIC KEY` and `END PUBLIC KEY`")
    return decode_base64("".join(body))


def _as_ssh(der: bytes) -> str:
    """Return the key's OpenSSH line, after ``cryptography`` has proven its point or numbers."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only teams with KMS keys need it
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only teams with KMS keys need it
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - only teams with KMS keys need it

    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("is no public key") from error
    if not isinstance(key, rsa.RSAPublicKey) and not (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
    ):
        raise ValueError("is of a type that is not accepted")
    if key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) != der:
        raise ValueError("is not in the only spelling that it has")
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
