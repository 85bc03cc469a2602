"""Checkpoints: a few signed lines that say where every chain of a ledger had arrived.

A chain whose end is cut off, a stack that vanishes, and an older ledger that is put back leave nothing behind in the
store itself. A checkpoint that is kept elsewhere shows them. The text is that of C2SP tlog-checkpoint 1.0 and
signed-note 1.0, with a signature of a type of our own, since the gate's key is one of OpenSSH or of KMS:

    iacgate/<digest of the genesis>
    <how many numbers all chains have taken>
    <SHA-256 of the list of heads, in base64>
    time <instant>
    chains <how many>
    heads <the same SHA-256, in hexadecimal: the list's name in the ledger>

    — <name of the key> <base64 of four bytes that name the key, and of the signature>

The list is canonical JSON, ``[[stack, number, digest], ...]`` in the order of the names, and is kept as evidence. What
is signed is a DSSE envelope's PAE over the text above the empty line, so that no other signature passes for one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from iacgate import canonical, instants
from iacgate.approval import envelope, sshsig
from iacgate.errors import EvidenceInvalid, SignatureInvalid
from iacgate.evidence.chain import Head
from iacgate.evidence.entry import MAX_SEQUENCE, Sha256, Text
from iacgate.evidence.gatekeys import CHECKPOINT, GateKeys, Signer
from iacgate.people.kms import IDENTIFIER

MAX_TEXT: Final = 8 << 10
"""Bytes of a checkpoint; one with an Ed25519 key has about 700."""

MAX_HEADS: Final = 64 << 20
"""Bytes of a list of heads."""

ORIGIN: Final = "iacgate/"
_OTHER_TYPE: Final = b"\xff"
"""signed-note's type of a signature that has no number."""

_TEXT: Final = re.compile(
    r"iacgate/(?P<ledger>[0-9a-f]{64})\n(?P<size>0|[1-9][0-9]{0,19})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"time (?P<time>[0-9TZ:-]{20})\nchains (?P<chains>0|[1-9][0-9]{0,9})\nheads (?P<heads>[0-9a-f]{64})\n",
    re.ASCII,
)
_SIGNED: Final = re.compile(r"\u2014 (?P<name>[A-Za-z0-9:=_-]{1,100}) (?P<signature>[A-Za-z0-9+/]+={0,2})\n")
_HINT: Final = "Give the file as `iacgate evidence checkpoint` wrote it, every line of it."


class Arrived(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a chain had arrived: its newest entry's number and digest."""

    stack: Text
    sequence: int
    digest: Sha256


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint as it is read; nothing of it is verified. ``signed`` is the signature's envelope."""

    ledger: str
    size: int
    time: str
    chains: int
    heads: str
    signed: bytes


def heads_of(heads: Mapping[str, Head]) -> bytes:
    """Return the list of the heads of all chains that have one."""
    arrived = [
        Arrived(stack, head.newest.entry.sequence, head.newest.digest)
        for stack, head in sorted(heads.items())
        if head.newest
    ]
    return canonical.canonical_json(arrived)


def make(ledger: str, heads: bytes, now: str, signer: Signer, keys: GateKeys) -> bytes:
    """Return a checkpoint over a list of heads.

    Raises :class:`EvidenceInvalid` where the ledger has no entry, or the key is no gate's.
    """
    arrived = read_heads(heads)
    if not arrived:
        raise EvidenceInvalid("The ledger has no entry yet.", hint="The gate makes the first one.")
    payload = _text(ledger, arrived, heads, now)
    data = signer.sign(payload, CHECKPOINT)
    _verified(data, keys, now)
    return payload + b"\n" + _line(data)


def _text(ledger: str, arrived: Sequence[Arrived], heads: bytes, now: str) -> bytes:
    root = base64.b64encode(hashlib.sha256(heads).digest()).decode()
    size = sum(item.sequence for item in arrived)
    lines = [f"{ORIGIN}{ledger}", str(size), root, f"time {now}", f"chains {len(arrived)}"]
    return "\n".join([*lines, f"heads {canonical.digest(heads)}", ""]).encode()


def _line(data: bytes) -> bytes:
    """Return the line of a signature, from its envelope."""
    sealed = msgspec.json.decode(data)["signatures"][0]
    name = _name(sealed["keyid"])
    return f"\u2014 {name} {base64.b64encode(_key_id(name) + base64.b64decode(sealed['sig'])).decode()}\n".encode()


def _name(identifier: str) -> str:
    """Return a key's name as a note can have it: without the ``+`` of base64."""
    return identifier.replace("+", "-").replace("/", "_")


def _key_id(name: str) -> bytes:
    """Return the four bytes that name a key, as signed-note makes them for a type without a number."""
    return hashlib.sha256(name.encode() + b"\n" + _OTHER_TYPE + CHECKPOINT.namespace.encode()).digest()[:4]


def parse(data: bytes, where: str) -> Checkpoint:
    """Return a checkpoint.

    Raises :class:`EvidenceInvalid`, naming ``where``, for what is none, or says two things of one.
    """
    try:
        if len(data) > MAX_TEXT:
            raise ValueError("too long")
        text, empty, line = data.decode().partition("\n\n")
        said, signed = _TEXT.fullmatch(f"{text}\n"), _SIGNED.fullmatch(line)
        if not empty or said is None or signed is None or not instants.is_instant(said["time"]):
            raise ValueError("not of the form")
        if base64.b64decode(said["root"], validate=True).hex() != said["heads"]:
            raise ValueError("two roots")
        sealed = _envelope(f"{text}\n".encode(), signed["name"], signed["signature"])
    except (ValueError, SignatureInvalid) as error:
        raise EvidenceInvalid(f"{where}: no checkpoint.", hint=_HINT) from error
    return Checkpoint(said["ledger"], int(said["size"]), said["time"], int(said["chains"]), said["heads"], sealed)


def _envelope(payload: bytes, name: str, signature: str) -> bytes:
    """Return the envelope that a signature's line stands for."""
    data = base64.b64decode(signature, validate=True)
    if base64.b64encode(data).decode() != signature or data[:4] != _key_id(name):
        raise ValueError("another key")
    identifier = name if IDENTIFIER.fullmatch(name) else sshsig.parse(data[4:]).key.fingerprint
    if _name(identifier) != name:
        raise ValueError("another key")
    return envelope.wire(payload, identifier, data[4:], CHECKPOINT)


def read_heads(data: bytes) -> list[Arrived]:
    """Return a list of heads.

    Raises :class:`EvidenceInvalid` where it is none, or not in its only spelling and order.
    """
    try:
        found = msgspec.json.decode(data, type=list[Arrived])
        stacks = [item.stack for item in found]
        if canonical.canonical_json(found) != data or stacks != sorted(set(stacks)):
            raise ValueError("another spelling")
        if not all(1 <= item.sequence <= MAX_SEQUENCE for item in found):
            raise ValueError("no numbers")
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid("The list of heads cannot be read.", hint="Find out who wrote it.") from error
    return found


def problems(checkpoint: Checkpoint, arrived: Sequence[Arrived] | None, ledger: str, keys: GateKeys) -> Iterator[str]:
    """Yield what does not hold of a checkpoint by itself, and of the list that it signs, where that is there."""
    if checkpoint.ledger != ledger:
        yield "it is of another ledger"
    counted = None if arrived is None else (len(arrived), sum(item.sequence for item in arrived))
    if counted not in (None, (checkpoint.chains, checkpoint.size)):
        yield "it counts other chains or entries than its list of heads"
    try:
        _verified(checkpoint.signed, keys, checkpoint.time)
    except EvidenceInvalid as error:
        yield error.message


def _verified(data: bytes, keys: GateKeys, instant: str) -> None:
    try:
        _, name = keys.verified(data, CHECKPOINT)
    except SignatureInvalid as error:
        raise EvidenceInvalid(f"The checkpoint is not signed by a gate: {error.message}", hint=error.hint) from error
    if not keys.accepts(name, instant):
        raise EvidenceInvalid(f"The checkpoint's key was not valid at {instant}.", hint="Use a key that is.")


def not_before(older: Sequence[Arrived], newer: Sequence[Arrived]) -> Iterator[str]:
    """Yield in which ways a list of heads is no later one of the same ledger.

    That their entries belong to the same chains is shown where both are looked for in the ledger.
    """
    now = {item.stack: item for item in newer}
    for item in older:
        later = now.get(item.stack)
        name = f"the chain {item.stack!r}" if item.stack else "the ledger's own chain"
        if later is None:
            yield f"{name} is not in it any more"
        elif later.sequence < item.sequence:
            yield f"{name} had {item.sequence} entries, and has {later.sequence}"
        elif later.sequence == item.sequence and later.digest != item.digest:
            yield f"entry {item.sequence} of {name} is another one"
