"""OpenSSH public keys, read strictly.

A key is compared as its whole blob: ``cryptography`` drops parts of it (the application of a
FIDO key) and accepts what OpenSSH would not write. What is weak is refused here, once:
RSA below 2,048 bits, DSA, certificates, and the ed25519 points under which one signature
verifies for any message.

Formats: RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709; OpenSSH ``PROTOCOL.u2f``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

import msgspec

from iacgate.errors import KeyInvalid

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 16384
MAX_LINE: Final = 16384

_CURVES: Final = {
    "ecdsa-sha2-nistp256": ("nistp256", 32),
    "ecdsa-sha2-nistp384": ("nistp384", 48),
    "ecdsa-sha2-nistp521": ("nistp521", 66),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("nistp256", 32),
}
_HINT: Final = "Use the line of a .pub file that ssh-keygen wrote: ed25519, ECDSA, RSA of 2,048 bits or more, or FIDO."

_P: Final = 2**255 - 19
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
"""The y coordinates of the points whose order divides eight (RFC 8032, section 5.1; libsodium's blocklist)."""


class PublicKey(msgspec.Struct, frozen=True):
    """A public key: its OpenSSH type, and the blob that is compared."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The key's name as ``ssh-keygen -l`` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    @property
    def application(self) -> bytes:
        """What a FIDO key was made for; empty for other keys."""
        return Reader(self.blob).strings(4 if "ecdsa" in self.kind else 3)[-1] if self.kind.startswith("sk-") else b""

    @property
    def plain(self) -> PublicKey:
        """The key without FIDO that has the same point; a plain key itself."""
        if not self.kind.startswith("sk-"):
            return self
        kind = self.kind.removeprefix("sk-").removesuffix("@openssh.com")
        parts = Reader(self.blob).strings(3 if "ecdsa" in kind else 2)[1:]
        strings = (kind.encode(), *parts)
        return PublicKey(kind, b"".join(len(part).to_bytes(4, "big") + part for part in strings))


class Reader:
    """Reads the fields of SSH's binary formats from the front; raises ``ValueError`` where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return so many bytes."""
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise ValueError("ends too early")
        self._at += count
        return found

    def number(self) -> int:
        """Return a uint32."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Return a string."""
        return self.take(self.number())

    def strings(self, count: int) -> list[bytes]:
        """Return several strings."""
        return [self.string() for _ in range(count)]

    def integer(self) -> int:
        """Return a positive mpint in its only spelling (RFC 4251, section 5)."""
        data = self.string()
        if not data or data[0] & 0x80 or (data[0] == 0 and (len(data) == 1 or not data[1] & 0x80)):
            raise ValueError("not a positive integer in its shortest form")
        return int.from_bytes(data, "big")

    def end(self) -> None:
        """Raise where anything is left."""
        if self._at != len(self._data):
            raise ValueError("has trailing bytes")


def parse_key(line: str) -> PublicKey:
    """Return the key of one line: type, base64, and any comment.

    Raises :class:`KeyInvalid` where it is not exactly that, or the key is too weak to be trusted.
    """
    text = line.removesuffix("\n")
    if len(text) > MAX_LINE or not text.isprintable():
        raise KeyInvalid("A key is one line of printable text.", hint=_HINT)
    kind, _, rest = text.partition(" ")
    encoded = rest.partition(" ")[0]
    try:
        blob = decode_base64(encoded)
        return key_of(blob, kind)
    except ValueError as error:
        raise KeyInvalid(f"The key {text[:40]!r} is not valid: it {error}.", hint=_HINT) from error


def decode_base64(text: str) -> bytes:
    """Return bytes from base64 in its only spelling; raises ``ValueError``."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("is base64 with stray bits")
    return data


def key_of(blob: bytes, kind: str = "") -> PublicKey:
    """Return the key that a blob is; raises ``ValueError`` where it is malformed, weak, or not of the kind."""
    reader = Reader(blob)
    found = reader.string().decode("ascii", errors="replace")
    if kind and found != kind:
        raise ValueError(f"says {kind!r} and is {found!r}")
    if found in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        _check_ed25519(reader.string())
    elif found in _CURVES:
        _check_point(reader, *_CURVES[found])
    elif found == "ssh-rsa":
        _check_rsa(reader)
    else:
        raise ValueError(f"is of the type {found[:40]!r}, which is not accepted")
    if found.startswith("sk-") and not reader.string():
        raise ValueError("names no application")
    reader.end()
    return PublicKey(found, blob)


def _check_ed25519(point: bytes) -> None:
    y = int.from_bytes(point, "little") & ~(1 << 255)
    if len(point) != 32 or y >= _P:
        raise ValueError("is no ed25519 point")
    if y in _SMALL_ORDER:
        raise ValueError("is a point of small order, under which anything verifies")


def _check_point(reader: Reader, curve: str, size: int) -> None:
    if reader.string() != curve.encode() or len(point := reader.string()) != 1 + 2 * size or point[0] != 4:
        raise ValueError(f"is no uncompressed point of {curve}")


def _check_rsa(reader: Reader) -> None:
    exponent, modulus = reader.integer(), reader.integer()
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise ValueError(f"has {modulus.bit_length()} bits, where {MIN_RSA_BITS} or more are asked for")
    if exponent < 3 or not exponent & 1 or exponent.bit_length() > 64 or not modulus & 1:
        raise ValueError("has an exponent or modulus that no RSA key has")
