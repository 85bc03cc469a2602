"""The trust bundle: settings whose every version was signed by those whom the version before asks.

1. The first version has the pinned digest, and two people of its own roster signed it (one where
   it only observes).
2. Each further version names the one before, and seats of the version before are filled by people
   of the version before.
3. What stands at the trusted branch is the newest version, to the byte.

So nobody can change who decides without those who decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.approval import envelope as envelopes
from iacgate.approval.quorum import fill
from iacgate.errors import IacgateError, TrustInvalid
from iacgate.people.roster import Roster
from iacgate.policy.environments import Policy

PREDICATE: Final = "urn:iacgate:bundle:v1"
SIGNATURES: Final = "trust/"
"""Where signatures stand in the folder of settings; they are about the rest, and not part of it."""

RECORDS: Final = "changes/"
"""Where the records of changes stand beside the settings: part of what they are about, and not of the settings."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Literal["bundle"]
    digest: _Digest


class _Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=1)]
    previous: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    principal: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reason: Annotated[str, msgspec.Meta(max_length=512)]
    issued: str


class BundleStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody signs about one version of the settings: an in-toto Statement."""

    kind: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: Annotated[list[_Subject], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: Literal["urn:iacgate:bundle:v1"] = msgspec.field(name="predicateType")
    predicate: _Predicate

    @property
    def bundle(self) -> str:
        """The digest of the settings that it is about."""
        return self.subject[0].digest.sha256


class Signed(msgspec.Struct, frozen=True):
    """A statement about a version with the file and the envelope that it came in; nothing of it is verified."""

    name: str
    statement: BundleStatement
    envelope: envelopes.Envelope


class Bundle(msgspec.Struct, frozen=True):
    """One version of the settings as they were: their digest, who is in them, what they demand, and their files.

    The roster proves identities by the trusted root of the same version: whoever brings another root
    cannot use it to sign that he may.
    """

    digest: str
    roster: Roster | None
    policy: Policy
    files: Mapping[str, bytes] = {}


def without_records(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that are settings or signatures over them."""
    return {name: data for name, data in files.items() if not name.startswith(RECORDS)}


def bundle_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of the settings: of every file by name, signatures and records of changes left out."""
    left_out = (SIGNATURES, RECORDS)
    return canonical.digest_named(
        {name: canonical.digest(data) for name, data in files.items() if not name.startswith(left_out)}
    )


def encode(digest: str, version: int, previous: str, principal: str, reason: str, issued: str) -> bytes:
    """Return the bytes that somebody signs about a version."""
    statement = BundleStatement(
        kind="https://in-toto.io/Statement/v1",
        subject=[_Subject("bundle", _Digest(digest))],
        predicate_type="urn:iacgate:bundle:v1",
        predicate=_Predicate(version, previous, principal, reason, issued),
    )
    return canonical.canonical_json(statement)


def signatures(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return those of the settings' files that sign them, by name."""
    return {name: data for name, data in files.items() if name.startswith(SIGNATURES)}


def read_statement(data: bytes, name: str) -> Signed:
    """Return the statement in a file; whether the signature verifies is for the people who decide to know.

    Raises :class:`TrustInvalid` where it is anything else.
    """
    try:
        envelope = envelopes.parse(data)
        statement = msgspec.convert(strictjson.decode(envelope.payload), BundleStatement)
    except (IacgateError, ValueError, RecursionError) as error:
        raise TrustInvalid(f".iacgate/{name}: no signature of the settings.", hint="Take the file away.") from error
    if not instants.is_instant(statement.predicate.issued):
        raise TrustInvalid(f".iacgate/{name}: a signature without a time.", hint="Take it away, and sign again.")
    return Signed(name, statement, envelope)


def verify_chain(
    envelopes_by_name: Mapping[str, bytes], bundles: Mapping[str, Bundle], newest: str, root: str, now: str
) -> int:
    """Return the number of the newest version, which is trusted.

    ``envelopes_by_name`` are all signatures that are there; ``bundles`` has the settings of every version by
    digest, ``newest`` those at the trusted branch; ``root`` is the pinned digest of the first. Raises
    :class:`TrustInvalid` where any step of the chain does not hold.
    """
    signed: dict[int, list[Signed]] = {}
    for name, data in envelopes_by_name.items():
        found = read_statement(data, name)
        signed.setdefault(found.statement.predicate.version, []).append(found)
    if sorted(signed) != list(range(1, len(signed) + 1)) or not signed:
        raise TrustInvalid("The versions of the settings have a gap, or there is none.", hint="`iacgate trust sign`.")
    digest, newest_before = "", ""
    for version in sorted(signed):
        digests = {item.statement.bundle for item in signed[version]}
        if len(digests) != 1:
            raise TrustInvalid(f"Version {version} was signed for different settings.", hint="Keep one of them.")
        previous, digest = digest, digests.pop()
        _check(version, digest, previous, root, signed[version], bundles, now)
        times = [item.statement.predicate.issued for item in signed[version]]
        if min(times) < newest_before:  # else a key that has ended could sign, by claiming an earlier time
            raise TrustInvalid(
                f"A signature of version {version} claims to be older than version {version - 1}.", hint="Sign again."
            )
        newest_before = max(times)
    if digest != newest:
        raise TrustInvalid(
            "The settings at the trusted branch are not the newest version that was signed.",
            hint="Whoever changed them asks the people of the version before: `iacgate trust sign`.",
        )
    return len(signed)


def _check(
    version: int,
    digest: str,
    previous: str,
    root: str,
    signed: Sequence[Signed],
    bundles: Mapping[str, Bundle],
    now: str,
) -> None:
    deciding = bundles.get(previous if version > 1 else digest)
    if version == 1 and digest != root:
        raise TrustInvalid("The first version is not the pinned one.", hint="Look at IACGATE_TRUST_ROOT.")
    if any(item.statement.predicate.previous != previous for item in signed):
        raise TrustInvalid(f"Version {version} does not name the version before it.", hint="Sign again.")
    if deciding is None or deciding.roster is None:
        raise TrustInvalid(
            f"The people who decide about version {version} are not known.", hint="Fetch all of the history."
        )
    people = {person for item in signed if (person := signer(item, deciding.roster, now))}
    if version == 1:
        needed = 2 if deciding.policy.mode == "enforce" else 1
        if len(people) < needed:
            raise TrustInvalid(f"The first version needs {needed} people, and has {len(people)}.", hint="Sign it.")
        return
    roles = {person: frozenset(deciding.roster.principals[person].roles) for person in people}
    quorum = fill(deciding.policy.trust, roles)
    if not quorum.complete:
        raise TrustInvalid(
            f"Version {version} lacks signatures: {', '.join(quorum.missing)}, of the people of version {version - 1}.",
            hint="They run `iacgate trust sign`.",
        )


def signer(signed: Signed, roster: Roster, now: str) -> str:
    """Return the human who signed, by the roster that decides; empty where the signature counts for nobody.

    Raises :class:`TrustInvalid` where it is none at all.
    """
    try:
        found = envelopes.verify(signed.envelope, roster)
    except IacgateError as error:
        raise TrustInvalid(f".iacgate/{signed.name}: {error.message}", hint="Take the file away.") from error
    if found is None:
        return ""
    person, key = found
    said = signed.statement.predicate
    counts = (
        person.id == said.principal
        and person.kind == "human"
        and key.valid_at(said.issued)
        and said.issued <= now
        and not (key.revoked and key.revoked <= now)
    )
    return person.id if counts else ""
