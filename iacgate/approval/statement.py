"""What an approver signs: an in-toto Statement about exactly one plan of one change.

The predicate names everything that decides what the approval is about, so that it counts
for nothing else: not for another stack, backend, workspace, account or state, not under
another trust bundle, not in another ledger.

Specification: in-toto Attestation Framework v1, Statement.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.errors import StatementInvalid
from iacgate.vocabulary import Severity

STATEMENT: Final = "https://in-toto.io/Statement/v1"
APPROVAL: Final = "urn:iacgate:approval:v1"
MAX_BYTES: Final = 4052
"""Of the statement: with the head of DSSE's PAE, these are the 4,096 bytes that AWS KMS signs in one call."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=512)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
MAX_WITHDRAWN: Final = 16
"""How many statements one withdrawal can name, so that it fits into ``MAX_BYTES``."""


class Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A digest of bytes, or the id of a git tree."""

    sha256: Sha256 = ""
    git_tree: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?\Z")] = msgspec.field(
        name="gitTree", default=""
    )


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is approved, by its digest."""

    name: Literal["plan-file", "plan-json", "lock-file", "tree"]
    digest: Digest


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the plan will be applied: everything that makes it this state and no other.

    ``backend`` holds its type and what identifies the state, never a credential; ``lineage`` is
    empty where no state exists yet.
    """

    stack: Text
    environment: Text
    backend: dict[str, Text]
    workspace: Text
    account: Text
    lineage: Text


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The approval or rejection itself.

    ``fingerprint``, ``assessment``, ``bundle`` and ``ledger`` are digests; ``issued`` and
    ``expires`` are instants that the signer claims, which only ever shorten its validity.
    ``withdraws`` are the digests of the statements that a withdrawal takes back, so that it takes
    back nothing else, whenever either of them is delivered again.
    """

    decision: Literal["approve", "reject", "withdraw"]
    change: Name
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    change_type: Literal["standard", "normal", "emergency"]
    target: Target
    serial: int
    fingerprint: Sha256
    assessment: Sha256
    severity: Severity
    bundle: Text
    ledger: Text
    principal: Name
    reason: Text
    issued: str
    expires: str
    withdraws: Annotated[tuple[Sha256, ...], msgspec.Meta(max_length=MAX_WITHDRAWN)]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An in-toto Statement with our predicate."""

    kind: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: list[Subject]
    predicate_type: Literal["urn:iacgate:approval:v1"] = msgspec.field(name="predicateType")
    predicate: Predicate

    def digest_of(self, name: str) -> str:
        """Return the digest of a subject, empty where the statement does not name it."""
        found = next((subject.digest for subject in self.subject if subject.name == name), Digest())
        return found.git_tree or found.sha256


def make_statement(subjects: dict[str, str], predicate: Predicate) -> Statement:
    """Return the statement about some digests; what has none is left out."""
    return Statement(
        kind="https://in-toto.io/Statement/v1",
        subject=[_subject(name, digest) for name, digest in subjects.items() if digest],
        predicate_type="urn:iacgate:approval:v1",
        predicate=predicate,
    )


def _subject(name: Any, digest: str) -> Subject:
    return Subject(name, Digest(git_tree=digest) if name == "tree" else Digest(sha256=digest))


def encode(statement: Statement) -> bytes:
    """Return the bytes that are signed.

    Raises :class:`StatementInvalid` where they are too many.
    """
    data = canonical.canonical_json(statement)
    if len(data) > MAX_BYTES:
        raise StatementInvalid(f"The statement has {len(data)} bytes, {MAX_BYTES} at most.", hint="Shorten the reason.")
    return data


def decode(data: bytes) -> Statement:
    """Return the statement of a verified envelope.

    Raises :class:`StatementInvalid` where it is of another kind or version, where anything is
    unknown, missing or stands twice, or where its times make no sense.
    """
    if len(data) > MAX_BYTES:
        raise StatementInvalid("The statement is too long.", hint="It was not made by iacgate.")
    try:
        content = strictjson.decode(data)
        if isinstance(content, dict) and content.get("predicateType") != APPROVAL:
            raise StatementInvalid("The statement is of another kind or version.", hint="Sign it with this version.")
        statement = msgspec.convert(content, Statement)
    except (ValueError, RecursionError) as error:
        raise StatementInvalid("The statement is not one that iacgate makes.", hint="Sign again.") from error
    names = [subject.name for subject in statement.subject]
    if len(set(names)) != len(names) or not names:
        raise StatementInvalid("The statement names a subject twice, or none.", hint="Sign again.")
    predicate = statement.predicate
    if not instants.is_instant(predicate.issued) or not predicate.issued < predicate.expires:
        raise StatementInvalid("The statement's times make no sense.", hint="Sign again.")
    if not instants.is_instant(predicate.expires):
        raise StatementInvalid("The statement's times make no sense.", hint="Sign again.")
    if bool(predicate.withdraws) != (predicate.decision == "withdraw"):
        raise StatementInvalid("A withdrawal names what it withdraws, and nothing else does.", hint="Sign again.")
    return statement
