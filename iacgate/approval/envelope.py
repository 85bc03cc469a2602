"""DSSE envelopes: a payload, its type, and one signature over both.

Specification: Dead Simple Signing Envelope 1.0. Ours is stricter: exactly one signature, one
payload type, base64 in its only spelling, and no key that stands twice.
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from iacgate import canonical, strictjson
from iacgate.approval import sshsig
from iacgate.errors import SignatureInvalid
from iacgate.people.keys import decode_base64

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
NAMESPACE: Final = "iacgate-approval-v1"
"""The SSHSIG namespace: a signature made for git or for a file is none for us, and the other way round."""

MAX_BYTES: Final = 64 << 10


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload_type: str = msgspec.field(name="payloadType")
    payload: str
    signatures: list[_Signature]


class Envelope(msgspec.Struct, frozen=True):
    """A parsed envelope; nothing of it is verified. ``digest`` names its bytes."""

    payload: bytes
    signature: sshsig.Signature
    digest: str


def pre_authentication(payload: bytes) -> bytes:
    """Return DSSE's PAE of a payload of our type: what is signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def seal(payload: bytes, armored: str) -> bytes:
    """Return the envelope of a payload and the signature that ``ssh-keygen`` made over its PAE.

    Raises :class:`SignatureInvalid` where the signature does not verify.
    """
    blob = sshsig.unarmored(armored)
    signature = sshsig.parse(blob)
    sshsig.verify(signature, pre_authentication(payload), NAMESPACE)
    wire = _Wire(
        payload_type=PAYLOAD_TYPE,
        payload=base64.b64encode(payload).decode(),
        signatures=[_Signature(signature.key.fingerprint, base64.b64encode(blob).decode())],
    )
    return canonical.canonical_json(wire)


def parse(data: bytes) -> Envelope:
    """Return a parsed envelope.

    Raises :class:`SignatureInvalid` where it is not exactly one, with exactly one signature.
    """
    if len(data) > MAX_BYTES:
        raise SignatureInvalid("The envelope is too long.", hint="It was not made by iacgate.")
    try:
        wire = msgspec.convert(strictjson.decode(data), _Wire)
        if wire.payload_type != PAYLOAD_TYPE:
            raise ValueError("its payload is of another type")
        if len(wire.signatures) != 1:
            raise ValueError(f"it has {len(wire.signatures)} signatures")
        payload, blob = decode_base64(wire.payload), decode_base64(wire.signatures[0].sig)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "it is not of the form"
        raise SignatureInvalid(f"This is no envelope of ours: {why}.", hint="Sign with `iacgate approve`.") from error
    signature = sshsig.parse(blob)
    if wire.signatures[0].keyid != signature.key.fingerprint:
        raise SignatureInvalid("The envelope names another key than the signature.", hint="Sign again.")
    return Envelope(payload, signature, canonical.digest(data))


def verify(envelope: Envelope) -> None:
    """Check the signature over the payload; whose key it is, is another question.

    Raises :class:`SignatureInvalid` where it does not verify.
    """
    sshsig.verify(envelope.signature, pre_authentication(envelope.payload), NAMESPACE)
