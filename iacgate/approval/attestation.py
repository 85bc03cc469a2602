"""What a principal signs beside approvals: that tests ran, an override, a review, a pattern, the end of a change.

An in-toto Statement whose subject is the digest of its body, so that it can be pinned by that. Approvals are another
kind of statement, and neither ever passes for the other.

Specification: in-toto Attestation Framework v1, Statement.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.approval import envelope as envelopes
from iacgate.approval.counting import MAX_SKEW, Received
from iacgate.approval.statement import MAX_BYTES, Name, Sha256, Text
from iacgate.errors import IacgateError, StatementInvalid
from iacgate.people.attested import About, Attested
from iacgate.people.roster import Key, Principal, Roster

ATTESTATION: Final = "urn:iacgate:attestation:v1"


class _Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: About
    digest: _Digest


class AttestationPredicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The attestation itself.

    ``about`` is the change or the pattern; ``body`` what is said. ``issued`` and ``expires`` are instants that the
    signer claims, which only ever shorten its validity; ``ledger`` is the genesis of the ledger that it is for,
    empty where there is none.
    """

    about: Name
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    body: dict[str, Any]
    ledger: Text
    principal: Name
    reason: Text
    issued: str
    expires: str


class AttestationStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An in-toto Statement with this predicate."""

    kind: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: Annotated[list[_Subject], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: Literal["urn:iacgate:attestation:v1"] = msgspec.field(name="predicateType")
    predicate: AttestationPredicate


class NotCounted(msgspec.Struct, frozen=True):
    """An attestation that does not count: whose it says that it is, what it says it is, and why it does not count."""

    digest: str
    principal: str
    kind: str
    why: str


def encode(kind: About, predicate: AttestationPredicate) -> bytes:
    """Return the bytes that are signed.

    Raises :class:`StatementInvalid` where they are more than a key in AWS KMS signs at once.
    """
    data = canonical.canonical_json(
        AttestationStatement(
            kind="https://in-toto.io/Statement/v1",
            subject=[_Subject(kind, _Digest(_digest(predicate.body)))],
            predicate_type="urn:iacgate:attestation:v1",
            predicate=predicate,
        )
    )
    if len(data) > MAX_BYTES:
        raise StatementInvalid(f"The statement has {len(data)} bytes, {MAX_BYTES} at most.", hint="Shorten it.")
    return data


def is_attestation(payload: bytes) -> bool:
    """Return whether a payload says that it is an attestation; nothing of it is verified."""
    if len(payload) > MAX_BYTES:
        return False
    try:
        content = strictjson.decode(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("predicateType") == ATTESTATION


def decode(data: bytes) -> AttestationStatement:
    """Return the attestation in a verified envelope.

    Raises :class:`StatementInvalid` where anything in it is unknown, missing, twice there, or makes no sense.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        found = msgspec.convert(strictjson.decode(data), AttestationStatement)
        said = found.predicate
        if found.subject[0].digest.sha256 != _digest(said.body):
            raise ValueError("its subject is another body")
        if not instants.is_instant(said.issued) or not instants.is_instant(said.expires):
            raise ValueError("no instants")
        if not said.issued < said.expires:
            raise ValueError("it ends before it begins")
    except (ValueError, RecursionError) as error:
        raise StatementInvalid("The attestation is not one that iacgate makes.", hint="Sign again.") from error
    return found


def verify(received: Received, roster: Roster, ledger: str, now: str) -> Attested | NotCounted | None:
    """Return what is attested, or why it does not count; ``None`` for an envelope that is none of these.

    Who signed, with a key that was valid on arrival and is not revoked, is verified; whether they may say such a thing
    is for its reader to know. What has expired, or its key has, is there as ``lapsed``.
    """
    try:
        envelope = envelopes.parse(received.data)
    except IacgateError:
        return None  # junk is reported where approvals are counted
    if not is_attestation(envelope.payload):
        return None
    digest = canonical.digest(envelope.payload)
    try:
        statement = decode(envelope.payload)
        signer = envelopes.verify(envelope, roster)
    except IacgateError as error:
        return NotCounted(digest, "", "attestation", error.message)
    kind, said = statement.subject[0].name, statement.predicate
    why = _problem(said, signer, received.arrived, ledger, now)
    if why or signer is None:
        return NotCounted(digest, said.principal, kind, why)
    person = signer[0]
    return Attested(
        kind=kind,
        about=said.about,
        body=canonical.canonical_json(said.body),
        reason=said.reason,
        principal=person.id,
        human=person.kind == "human",
        roles=frozenset(person.roles),
        arrived=received.arrived,
        expires=said.expires,
        digest=digest,
        lapsed=_lapsed(said, signer, now),
    )


def kept(data: bytes, roster: Roster, now: str) -> Attested | NotCounted:
    """Return what is attested in a file of the settings, which no store saw arrive: it counts from when it says.

    Whoever signs a version of the settings signs these files as well. Raises :class:`IacgateError` for what is none.
    """
    statement = decode(envelopes.parse(data).payload)
    said = statement.predicate
    found = verify(Received(data, said.issued), roster, said.ledger, now)
    return found or NotCounted(canonical.digest(data), said.principal, statement.subject[0].name, "it is none")


def _problem(
    said: AttestationPredicate, signer: tuple[Principal, Key] | None, arrived: str, ledger: str, now: str
) -> str:
    if signer is None:
        return "nobody in people.yaml has the key that signed it"
    person, key = signer
    if person.id != said.principal:
        return f"{person.id} signed it, and it says {said.principal}"
    if not key.valid_at(arrived):
        return f"the key of {person.id} was not valid when it arrived"
    if key.revoked and key.revoked <= now:
        return f"the key of {person.id} is revoked"
    if said.ledger != ledger:
        return (
            "it is for another ledger"
            if said.ledger
            else "it is for no ledger, and there is one: sign it with --ledger"
        )
    if instants.seconds(said.issued) - instants.seconds(arrived) > MAX_SKEW:
        return "it comes from the future"
    return ""


def _lapsed(said: AttestationPredicate, signer: tuple[Principal, Key], now: str) -> str:
    person, key = signer
    if not key.valid_at(now):
        return f"the key of {person.id} is not valid now"
    return "" if now <= said.expires else "it has expired"


def _digest(body: dict[str, Any]) -> str:
    return canonical.digest(canonical.canonical_json(body))
