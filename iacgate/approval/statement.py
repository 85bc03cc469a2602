"""What an approver signs: an in-toto Statement about exactly one change: one plan, or one for each of several stacks.

The predicate names everything that decides what the approval is about, so that it counts
for nothing else: not for another stack, backend, workspace, account or state, not under
another trust bundle, not in another ledger. The statement's subjects are the digests of what
is approved, named ``0/plan-file`` where they belong to the first of its plans. What is done by hand stands there like
a plan: its record is the subject ``0/record``, and its fingerprint is the record's digest.

Specification: in-toto Attestation Framework v1, Statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.errors import StatementInvalid
from iacgate.vocabulary import Severity

STATEMENT: Final = "https://in-toto.io/Statement/v1"
APPROVAL: Final = "urn:iacgate:approval:v1"
MAX_BYTES: Final = 4052
"""Of the statement about one plan: with the head of DSSE's PAE, the 4,096 bytes that AWS KMS signs in one call."""

MAX_PLANS: Final = 32
"""How many plans one statement can be about: whoever signs was shown them all."""

MAX_BYTES_EACH: Final = 1300
"""Of every further plan."""

SUBJECTS: Final = ("plan-file", "plan-json", "lock-file", "tree", "record")
"""What of a plan is bound by its digest; of a change by hand, which has no plan, its record."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Sha256OrNone = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
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
    """One thing that is approved, by its digest: the number of its plan, and what of it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]?)/(plan-file|plan-json|lock-file|tree|record)\Z")]
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


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One plan that the statement is about.

    ``fingerprint``, ``sources``, ``assessment`` and ``readiness`` are digests. ``sources`` is over the folders
    that the plan was made from, empty outside of a repository; ``readiness`` is empty where nobody asked
    whether the plan can be undone. ``serial`` is recorded, and binds nothing.
    """

    target: Target
    serial: int
    fingerprint: Sha256
    sources: Sha256OrNone
    assessment: Sha256
    readiness: Sha256OrNone
    severity: Severity


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The approval or rejection itself.

    ``record`` and ``tests`` are digests of the change's record and test results, empty where there are none.
    ``issued`` and ``expires`` are instants that the signer claims, which only ever shorten its validity.
    ``withdraws`` are the digests of the statements that a withdrawal takes back, so that it takes
    back nothing else, whenever either of them is delivered again.
    """

    decision: Literal["approve", "reject", "withdraw"]
    change: Name
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    change_type: Literal["standard", "normal", "emergency"]
    plans: Annotated[tuple[Plan, ...], msgspec.Meta(min_length=1, max_length=MAX_PLANS)]
    record: Sha256OrNone
    tests: Sha256OrNone
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

    def digest_of(self, plan: int, name: str) -> str:
        """Return the digest of a plan's subject, empty where the statement does not name it."""
        wanted = f"{plan}/{name}"
        found = next((subject.digest for subject in self.subject if subject.name == wanted), Digest())
        return found.git_tree or found.sha256


def make_statement(subjects: Sequence[Mapping[str, str]], predicate: Predicate) -> Statement:
    """Return the statement about the digests of each plan; what has none is left out."""
    return Statement(
        kind="https://in-toto.io/Statement/v1",
        subject=[
            _subject(f"{plan}/{name}", digests[name])
            for plan, digests in enumerate(subjects)
            for name in SUBJECTS
            if digests.get(name)
        ],
        predicate_type="urn:iacgate:approval:v1",
        predicate=predicate,
    )


def _subject(name: str, digest: str) -> Subject:
    return Subject(name, Digest(git_tree=digest) if name.endswith("/tree") else Digest(sha256=digest))


def _limit(plans: int) -> int:
    return MAX_BYTES + MAX_BYTES_EACH * (plans - 1)


def encode(statement: Statement) -> bytes:
    """Return the bytes that are signed.

    Raises :class:`StatementInvalid` where they are too many.
    """
    data, limit = canonical.canonical_json(statement), _limit(len(statement.predicate.plans))
    if len(data) > limit:
        raise StatementInvalid(f"The statement has {len(data)} bytes, {limit} at most.", hint="Shorten the reason.")
    return data


def decode(data: bytes) -> Statement:
    """Return the statement of a verified envelope.

    Raises :class:`StatementInvalid` where it is of another kind or version, where anything is
    unknown, missing or stands twice, or where its times make no sense.
    """
    if len(data) > _limit(MAX_PLANS):
        raise StatementInvalid("The statement is too long.", hint="It was not made by iacgate.")
    try:
        content = strictjson.decode(data)
        if isinstance(content, dict) and content.get("predicateType") != APPROVAL:
            raise StatementInvalid("The statement is of another kind or version.", hint="Sign it with this version.")
        statement = msgspec.convert(content, Statement)
    except (ValueError, RecursionError) as error:
        raise StatementInvalid("The statement is not one that iacgate makes.", hint="Sign again.") from error
    predicate = statement.predicate
    names = [subject.name for subject in statement.subject]
    if len(set(names)) != len(names) or {int(name.partition("/")[0]) for name in names} != set(
        range(len(predicate.plans))
    ):
        raise StatementInvalid("The statement names a subject twice, or none of a plan.", hint="Sign again.")
    if len(data) > _limit(len(predicate.plans)):
        raise StatementInvalid("The statement is too long.", hint="It was not made by iacgate.")
    if not instants.is_instant(predicate.issued) or not predicate.issued < predicate.expires:
        raise StatementInvalid("The statement's times make no sense.", hint="Sign again.")
    if not instants.is_instant(predicate.expires):
        raise StatementInvalid("The statement's times make no sense.", hint="Sign again.")
    if bool(predicate.withdraws) != (predicate.decision == "withdraw"):
        raise StatementInvalid("A withdrawal names what it withdraws, and nothing else does.", hint="Sign again.")
    return statement
