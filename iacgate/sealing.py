"""Seals: keyed digests of originals, so that whoever sees them cannot try out what the originals hold.

Statements, decisions and entries name plan files, their JSON, what they do, and Terraform states by digests. Evidence
holds a plan without its secrets: with a plain digest, whoever knows all the rest of it could try short secrets until
one fits. So each of these digests goes through HMAC-SHA256 (RFC 2104) under the seal of the stack, which the planner,
the approvers, the gate and the deployer have, and an auditor has not.

It binds as the plain digest does, also where somebody hostile chose the seal. A key has exactly 32 bytes, which HMAC
fills up with zeros to the block of its hash, so that no two keys are the same block. Two pairs of key and digest with
one result are then a collision of SHA-256: of the outer hash, or of the inner one. So a planner who chooses the seal
makes no plan pass for another; one who gives it away lets others try out secrets that he knows anyway.
"""

from __future__ import annotations

import re
from typing import Final

from iacgate import canonical
from iacgate.errors import EvidenceInvalid

KEY_BYTES: Final = 32
MAX_TEXT: Final = 2 * KEY_BYTES
"""Bytes of a seal as text."""

METHOD: Final = "hmac-sha256"
_TEXT: Final = re.compile(rb"[0-9a-f]{64}")
_NAME_DIGITS: Final = 16


class Seal:
    """The seal of one stack; ``UNSEALED`` is none. Its key is in nothing that it says of itself but :attr:`text`."""

    def __init__(self, key: bytes) -> None:
        if len(key) not in (0, KEY_BYTES):
            raise ValueError(f"a seal has {KEY_BYTES} bytes")
        self._key = key

    def __repr__(self) -> str:
        return f"<Seal {self.name or 'none'}>"

    @property
    def text(self) -> str:
        """The key in hexadecimal, as it is kept and handed over; empty for none."""
        return self._key.hex()

    @property
    def name(self) -> str:
        """What tells one seal from another without saying what it is: 16 hexadecimal digits, empty for none."""
        return canonical.digest(self._key)[:_NAME_DIGITS] if self._key else ""

    def of(self, digest: str) -> str:
        """Return what stands for a digest (SHA-256, hexadecimal) of an original; nothing stays nothing.

        Without a seal, that is the digest itself. Raises :class:`ValueError` for what is no digest.
        """
        raw = bytes.fromhex(digest)
        if len(raw) not in (0, KEY_BYTES):
            raise ValueError("not a digest of SHA-256")
        return canonical.keyed_digest(raw, self._key) if raw and self._key else digest

    def of_state(self, digest: str) -> str:
        """Return what stands for the digest of a state, with the name of the seal that it was made with.

        A seal can be another one by the next time that the state is seen, see :func:`alike`.
        """
        return f"{METHOD}:{self.name}:{self.of(digest)}" if digest and self._key else digest


UNSEALED: Final = Seal(b"")
"""No seal: digests stay what they are."""


def read_seal(data: bytes, where: str) -> Seal:
    """Return the seal that a text holds: 64 hexadecimal digits, lower case, and nothing else.

    Raises :class:`EvidenceInvalid`, naming ``where``, for anything else: with a wrong seal, no approval counts.
    """
    if not _TEXT.fullmatch(data):
        raise EvidenceInvalid(f"{where}: no seal.", hint="Find out who wrote it.")
    return Seal(bytes.fromhex(data.decode("ascii")))


def alike(first: str, second: str) -> bool:
    """Return whether two recorded digests of states were made in one way, so that comparing them says something."""
    return bool(first and second) and first.rpartition(":")[0] == second.rpartition(":")[0]
