"""Signatures that ``ssh-keygen -Y sign`` makes, verified strictly and without starting it.

Format and steps: OpenSSH ``PROTOCOL.sshsig`` and ``PROTOCOL.u2f``. Beyond what ``ssh-keygen
-Y verify`` asks: one namespace, an empty reserved field, SHA-2 only, base64 and integers in
their only spelling, nothing trailing, and the touch of a FIDO key.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from iacgate.errors import SignatureInvalid
from iacgate.people.keys import PublicKey, Reader, decode_base64, key_of

MAX_SIGNATURE: Final = 16384
"""Characters; the largest RSA signature has a third of it."""

_AGAIN: Final = "Sign again with `iacgate approve`."
_MAGIC: Final = b"SSHSIG"
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_DIGESTS: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_CURVES: Final[dict[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]]] = {
    "nistp256": (ec.SECP256R1, hashes.SHA256),
    "nistp384": (ec.SECP384R1, hashes.SHA384),
    "nistp521": (ec.SECP521R1, hashes.SHA512),
}
_RSA_DIGESTS: Final[dict[bytes, type[hashes.HashAlgorithm]]] = {
    b"rsa-sha2-256": hashes.SHA256,
    b"rsa-sha2-512": hashes.SHA512,
}
_USER_PRESENT: Final = 0x01


class Signature(msgspec.Struct, frozen=True):
    """A parsed signature: who made it, and what is verified. Its bytes are never an identity."""

    key: PublicKey
    namespace: bytes
    digest: bytes
    signed: bytes


def unarmored(armored: str) -> bytes:
    """Return the blob between the two lines that ``ssh-keygen`` writes.

    Raises :class:`SignatureInvalid` where the text is not exactly that.
    """
    try:
        return _between_the_lines(armored)
    except ValueError as error:
        raise SignatureInvalid(f"The signature {error}.", hint=_AGAIN) from error


def parse(blob: bytes) -> Signature:
    """Return a parsed signature.

    Raises :class:`SignatureInvalid` where it is not exactly what ``ssh-keygen`` makes.
    """
    try:
        reader = Reader(blob)
        if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != 1:
            raise ValueError("is of another format or version")
        key = key_of(reader.string())
        namespace, reserved, digest, signed = reader.strings(4)
        reader.end()
        if reserved:
            raise ValueError("uses the reserved field")
        if digest not in _DIGESTS:
            raise ValueError("does not use SHA-256 or SHA-512")
    except ValueError as error:
        raise SignatureInvalid(f"The signature {error}.", hint=_AGAIN) from error
    return Signature(key, namespace, digest, signed)


def verify(signature: Signature, message: bytes, namespace: str) -> None:
    """Check that the signature's key signed the message in a namespace.

    Raises :class:`SignatureInvalid` where it did not.
    """
    if signature.namespace != namespace.encode():
        raise SignatureInvalid("The signature was made for another purpose.", hint=f"Sign in {namespace!r}.")
    hashed = _DIGESTS[signature.digest](message).digest()
    data = _MAGIC + b"".join(map(_string, (signature.namespace, b"", signature.digest, hashed)))
    try:
        _VERIFIERS[signature.key.kind](signature.key, signature.signed, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        why = str(error) or "does not verify"
        raise SignatureInvalid(
            f"The signature {why}.", hint="It is not of this statement, or not of this key."
        ) from error


def _between_the_lines(armored: str) -> bytes:
    if len(armored) > MAX_SIGNATURE:
        raise ValueError("is too long")
    lines = armored.removesuffix("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError("does not stand between its two lines")
    body = lines[1:-1]
    if any(len(line) != 70 for line in body[:-1]) or not 0 < len(body[-1]) <= 70:
        raise ValueError("is not wrapped as ssh-keygen wraps it")
    return decode_base64("".join(body))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _of_kind(signed: bytes, kind: str) -> Reader:
    reader = Reader(signed)
    if reader.string() != kind.encode():
        raise ValueError("is of another kind than its key")
    return reader


def _verify_ed25519(key: PublicKey, signed: bytes, data: bytes) -> None:
    reader = _of_kind(signed, key.kind)
    signature = reader.string()
    reader.end()
    _ed25519_key(key).verify(signature, data)


def _verify_sk_ed25519(key: PublicKey, signed: bytes, data: bytes) -> None:
    reader = _of_kind(signed, key.kind)
    signature = reader.string()
    _ed25519_key(key).verify(signature, _touched(reader, key, data))


def _ed25519_key(key: PublicKey) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(Reader(key.blob).strings(2)[1])


def _verify_ecdsa(key: PublicKey, signed: bytes, data: bytes) -> None:
    reader = _of_kind(signed, key.kind)
    signature = _ecdsa_signature(reader.string())
    reader.end()
    _verify_point(key, signature, data)


def _verify_sk_ecdsa(key: PublicKey, signed: bytes, data: bytes) -> None:
    reader = _of_kind(signed, key.kind)
    signature = _ecdsa_signature(reader.string())
    _verify_point(key, signature, _touched(reader, key, data))


def _ecdsa_signature(blob: bytes) -> bytes:
    reader = Reader(blob)
    r, s = reader.integer(), reader.integer()
    reader.end()
    return encode_dss_signature(r, s)


def _verify_point(key: PublicKey, signature: bytes, data: bytes) -> None:
    _, name, point = Reader(key.blob).strings(3)
    curve, digest = _CURVES[name.decode()]
    ec.EllipticCurvePublicKey.from_encoded_point(curve(), point).verify(signature, data, ec.ECDSA(digest()))


def _verify_rsa(key: PublicKey, signed: bytes, data: bytes) -> None:
    reader = Reader(signed)
    name, signature = reader.strings(2)
    reader.end()
    if name not in _RSA_DIGESTS:
        raise ValueError("does not use RSA with SHA-2")
    parts = Reader(key.blob)
    parts.string()
    exponent, modulus = parts.integer(), parts.integer()
    if len(signature) != (modulus.bit_length() + 7) // 8:
        raise ValueError("is not as long as its key")
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    public.verify(signature, data, padding.PKCS1v15(), _RSA_DIGESTS[name]())


def _touched(reader: Reader, key: PublicKey, data: bytes) -> bytes:
    """Return what a FIDO key signs; raises where nobody touched it."""
    flags, counter = reader.take(1), reader.take(4)
    reader.end()
    if not flags[0] & _USER_PRESENT:
        raise ValueError("was made without a touch of the key")
    return hashlib.sha256(key.application).digest() + flags + counter + hashlib.sha256(data).digest()


_VERIFIERS: Final[dict[str, Callable[[PublicKey, bytes, bytes], None]]] = {
    "ssh-ed25519": _verify_ed25519,
    "sk-ssh-ed25519@openssh.com": _verify_sk_ed25519,
    "ecdsa-sha2-nistp256": _verify_ecdsa,
    "ecdsa-sha2-nistp384": _verify_ecdsa,
    "ecdsa-sha2-nistp521": _verify_ecdsa,
    "sk-ecdsa-sha2-nistp256@openssh.com": _verify_sk_ecdsa,
    "ssh-rsa": _verify_rsa,
}
