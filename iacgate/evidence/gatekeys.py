"""Who may write entries: the gate's keys, and how an entry is sealed and opened.

An entry is the payload of a DSSE envelope of a type of its own, so that no approval passes for one. An SSH key signs
the envelope's PAE in a namespace of its own. A key in AWS KMS signs a line with the digest of the PAE, because KMS
takes 4,096 bytes at most and hashes them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

import msgspec

from iacgate import canonical
from iacgate.approval import envelope, kmssig, sshsig
from iacgate.approval.envelope import Envelope, Kind, KmsSignature, SigstoreSignature
from iacgate.errors import EvidenceInvalid, KeyInvalid, SignatureInvalid
from iacgate.evidence.entry import MAX_ENTRY, Entry, decode
from iacgate.people.keys import parse_key
from iacgate.people.kms import parse_pem
from iacgate.people.roster import Key, Roster

ROLE: Final = "gate"
"""The role of a machine in people.yaml whose keys may write entries."""

ENTRY: Final = Kind("application/vnd.iacgate.entry+json", "iacgate-entry-v1", 2 * MAX_ENTRY)
CHECKPOINT: Final = Kind("text/vnd.iacgate.checkpoint", "iacgate-checkpoint-v1", 64 << 10)
_HINT: Final = "Find out who wrote it."


class PinnedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A public key of a gate: a line of OpenSSH, or the ARN of a key in AWS KMS with its public part in PEM."""

    key: Annotated[str, msgspec.Meta(max_length=8192)] = ""
    kms: Annotated[str, msgspec.Meta(max_length=512)] = ""
    public: Annotated[str, msgspec.Meta(max_length=8192)] = ""

    @property
    def identifier(self) -> str:
        """The key's name in an envelope. Raises :class:`KeyInvalid` where it is none that is accepted."""
        if bool(self.key) == bool(self.kms) or bool(self.kms) != bool(self.public):
            raise KeyInvalid("A gate's key is `key`, or `kms` with its `public` part.", hint="See docs/evidence.md.")
        return parse_pem(self.public).identifier if self.kms else parse_key(self.key).fingerprint


class Signer(Protocol):
    """Signs as the gate."""

    @property
    def pinned(self) -> PinnedKey:
        """Return the public part of the key that signs."""

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that are secret, the same for the same purpose where the key allows that."""

    def sign(self, payload: bytes, kind: Kind) -> bytes:
        """Return the envelope of a payload. Raises :class:`IacgateError` where nothing is signed."""


class Opened(msgspec.Struct, frozen=True):
    """An entry whose signature verifies: its bytes as they are stored, their digest, and the name of the key."""

    entry: Entry
    digest: str
    key: str


class GateKeys:
    """The keys whose entries count: those of the ledger's genesis, and of machines that hold the role ``gate``."""

    def __init__(self, pinned: Sequence[PinnedKey], roster: Roster | None = None) -> None:
        self._times: dict[str, list[Key | None]] = {key.identifier: [None] for key in pinned}
        self._kms = {key.identifier: parse_pem(key.public) for key in pinned if key.kms}
        if roster:
            self.add(roster)

    def add(self, roster: Roster) -> None:
        """Take the keys of the machines that gate by some people.yaml, too."""
        gates = [person for person in roster.principals.values() if person.kind == "machine" and ROLE in person.roles]
        for key in (key for gate in gates for key in gate.keys if not key.sigstore):
            pinned = PinnedKey(key=key.key, kms=key.kms, public=key.public)
            self._times.setdefault(pinned.identifier, []).append(key)
            if key.kms:
                self._kms[pinned.identifier] = parse_pem(key.public)

    def accepts(self, identifier: str, instant: str) -> bool:
        """Return whether what a key signed at an instant counts."""
        times = self._times.get(identifier, [])
        revoked = any(key is not None and key.revoked and key.revoked <= instant for key in times)
        return not revoked and any(key is None or key.valid_at(instant) for key in times)

    def revoked_before(self, identifier: str, instant: str) -> bool:
        """Return whether a key was revoked at an instant, whatever an entry says of its own time."""
        return any(
            key is not None and key.revoked and key.revoked <= instant for key in self._times.get(identifier, [])
        )

    def verified(self, data: bytes, kind: Kind) -> tuple[Envelope, str]:
        """Return an envelope whose signature is by one of the keys, and the key's name.

        Whether the key was valid then is another question, see :meth:`accepts`. Raises :class:`SignatureInvalid`
        where it is by none of them.
        """
        found = envelope.parse(data, kind)
        if envelope.respelled(data) != data:
            raise SignatureInvalid("The envelope is not in its only spelling.", hint=_HINT)
        message = envelope.pre_authentication(found.payload, kind)
        match found.signature:
            case KmsSignature(name, signed):
                if name not in self._kms:
                    raise SignatureInvalid("The key is no gate's.", hint=_HINT)
                kmssig.verify(self._kms[name], signed, prehashed(message, kind))
            case SigstoreSignature():
                raise SignatureInvalid("A gate has no identity of sigstore.", hint=_HINT)
            case signature:
                name = signature.key.fingerprint
                sshsig.verify(signature, message, kind.namespace)
        if name not in self._times:
            raise SignatureInvalid("The key is no gate's.", hint=_HINT)
        return found, name

    def open(self, data: bytes, where: str) -> Opened:
        """Return the entry in an envelope that a gate sealed.

        Raises :class:`EvidenceInvalid`, naming ``where``, where it is none, or the key was not valid at its time.
        """
        try:
            found, name = self.verified(data, ENTRY)
        except SignatureInvalid as error:
            raise EvidenceInvalid(f"{where}: {error.message}", hint=_HINT) from error
        entry = decode(found.payload, where)
        if not self.accepts(name, entry.time):
            raise EvidenceInvalid(f"{where}: the key was not valid at {entry.time}.", hint=_HINT)
        return Opened(entry, found.digest, name)


def prehashed(message: bytes, kind: Kind) -> bytes:
    """Return what a key in KMS signs instead of a message: its purpose, and its digest."""
    return f"{kind.namespace} sha256:{canonical.digest(message)}\n".encode()
