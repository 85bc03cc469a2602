"""DSSE envelopes: a payload, its type, and one signature over both.

Specification: Dead Simple Signing Envelope 1.0. Ours is stricter: exactly one signature, one
payload type, base64 in its only spelling, and no key that stands twice.

``keyid`` says which kind of key signed, and so how it is verified; a signature of one kind is
never tried as another.

| ``keyid`` | ``sig`` | verified with |
|---|---|---|
| ``SHA256:...`` | an SSHSIG blob | the key in it, which people.yaml then knows or not |
| ``kms:...`` | what KMS returned | the key that people.yaml pins under this name |
| ``sigstore`` | a sigstore bundle | the trusted root beside people.yaml |
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from iacgate import canonical, strictjson
from iacgate.approval import kmssig, sshsig
from iacgate.errors import SignatureInvalid
from iacgate.people.keys import decode_base64
from iacgate.people.kms import IDENTIFIER, KmsKey
from iacgate.people.roster import Key, Principal, Roster, Signer

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
NAMESPACE: Final = "iacgate-approval-v1"
"""The SSHSIG namespace: a signature made for git or for a file is none for us, and the other way round."""

SIGSTORE: Final = "sigstore"
"""The keyid of a sigstore bundle; whose it is, the certificate in it says."""

MAX_BYTES: Final = 64 << 10


class Kind(msgspec.Struct, frozen=True):
    """What an envelope is for: the type of its payload, the namespace of SSH signatures, and how long it may be.

    An envelope of one kind never passes for one of another.
    """

    payload_type: str
    namespace: str
    max_bytes: int


APPROVAL: Final = Kind(PAYLOAD_TYPE, NAMESPACE, MAX_BYTES)
"""What people sign about changes and about settings."""


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload_type: str = msgspec.field(name="payloadType")
    payload: str
    signatures: list[_Signature]


class KmsSignature(msgspec.Struct, frozen=True):
    """What KMS signed, and the name of the key that is said to have done it."""

    key: str
    signed: bytes


class SigstoreSignature(msgspec.Struct, frozen=True):
    """A sigstore bundle, as JSON."""

    bundle: bytes


class Envelope(msgspec.Struct, frozen=True):
    """A parsed envelope; nothing of it is verified. ``digest`` names its bytes."""

    payload: bytes
    signature: sshsig.Signature | KmsSignature | SigstoreSignature
    digest: str


def pre_authentication(payload: bytes, kind: Kind = APPROVAL) -> bytes:
    """Return DSSE's PAE of a payload of our type: what is signed."""
    name = kind.payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def seal(payload: bytes, armored: str, kind: Kind = APPROVAL) -> bytes:
    """Return the envelope of a payload and the signature that ``ssh-keygen`` made over its PAE.

    Raises :class:`SignatureInvalid` where the signature does not verify.
    """
    blob = sshsig.unarmored(armored)
    signature = sshsig.parse(blob)
    sshsig.verify(signature, pre_authentication(payload, kind), kind.namespace)
    return wire(payload, signature.key.fingerprint, blob, kind)


def seal_kms(payload: bytes, key: KmsKey, signed: bytes) -> bytes:
    """Return the envelope of a payload and what KMS signed, which is to be the key that is pinned.

    Raises :class:`SignatureInvalid` where it is not: KMS is not trusted to have used this key.
    """
    kmssig.verify(key, signed, pre_authentication(payload))
    return wire(payload, key.identifier, signed)


def seal_sigstore(payload: bytes, bundle: bytes) -> bytes:
    """Return the envelope of a payload and a bundle over its PAE, which nobody has verified yet."""
    return wire(payload, SIGSTORE, bundle)


def wire(payload: bytes, keyid: str, signed: bytes, kind: Kind = APPROVAL) -> bytes:
    """Return an envelope as it is stored and sent; nothing of it is verified."""
    sealed = _Wire(
        payload_type=kind.payload_type,
        payload=base64.b64encode(payload).decode(),
        signatures=[_Signature(keyid, base64.b64encode(signed).decode())],
    )
    return canonical.canonical_json(sealed)


def respelled(data: bytes) -> bytes:
    """Return an envelope that was parsed in the spelling in which :func:`wire` writes it."""
    return canonical.canonical_json(msgspec.json.decode(data, type=_Wire))


def parse(data: bytes, kind: Kind = APPROVAL) -> Envelope:
    """Return a parsed envelope.

    Raises :class:`SignatureInvalid` where it is not exactly one, with exactly one signature.
    """
    if len(data) > kind.max_bytes:
        raise SignatureInvalid("The envelope is too long.", hint="It was not made by iacgate.")
    try:
        sealed = msgspec.convert(strictjson.decode(data), _Wire)
        if sealed.payload_type != kind.payload_type:
            raise ValueError("its payload is of another type")
        if len(sealed.signatures) != 1:
            raise ValueError(f"it has {len(sealed.signatures)} signatures")
        payload, blob = decode_base64(sealed.payload), decode_base64(sealed.signatures[0].sig)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "it is not of the form"
        raise SignatureInvalid(f"This is no envelope of ours: {why}.", hint="Sign with `iacgate approve`.") from error
    return Envelope(payload, _signature(sealed.signatures[0].keyid, blob), canonical.digest(data))


def _signature(keyid: str, blob: bytes) -> sshsig.Signature | KmsSignature | SigstoreSignature:
    if keyid == SIGSTORE:
        return SigstoreSignature(blob)
    if IDENTIFIER.fullmatch(keyid):
        return KmsSignature(keyid, blob)
    signature = sshsig.parse(blob)
    if keyid != signature.key.fingerprint:
        raise SignatureInvalid("The envelope names another key than the signature.", hint="Sign again.")
    return signature


def verify(envelope: Envelope, roster: Roster) -> tuple[Principal, Key] | None:
    """Return whose signature over the payload it is, with the key; ``None`` where the key is nobody's.

    Raises :class:`SignatureInvalid` where it does not verify.
    """
    message = pre_authentication(envelope.payload)
    match envelope.signature:
        case KmsSignature(key, signed):
            found = roster.by_signer(Signer("kms", key))
            if found:
                kmssig.verify(found[1].kms_key, signed, message)
            return found
        case SigstoreSignature(bundle):
            return roster.by_signer(Signer("sigstore", roster.prove(message, bundle).name))
        case signature:
            sshsig.verify(signature, message, NAMESPACE)
            return roster.by_signer(Signer("ssh", signature.key.fingerprint))
