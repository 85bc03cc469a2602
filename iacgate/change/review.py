"""The review of an emergency: what was the cause, was it justified, what follows.

Principals sign it as attestations of kind ``review``. Who may fill a seat of it is said here; whether all seats are
filled is for the gate to count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from iacgate import canonical, strictjson
from iacgate.change.emergency import Emergency
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested

Prose = Annotated[str, msgspec.Meta(min_length=1, max_length=1500, pattern=r"\w")]
"""Text with something in it; what is signed has 4,052 bytes at most."""


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of an emergency: the body of an attestation.

    ``change`` is the emergency's, ``cause`` what was behind the incident, ``justified`` whether it could not wait, and
    ``follow_up`` what is done so that it need not happen again.
    """

    change: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    cause: Prose
    justified: bool
    follow_up: Prose


class Reviewer(msgspec.Struct, frozen=True):
    """Somebody whose review counts: who, with which roles, and the digest of what was signed."""

    principal: str
    roles: tuple[str, ...]
    statement: str


class NoReviewer(msgspec.Struct, frozen=True):
    """A review that does not count, and why."""

    principal: str
    statement: str
    why: str


class Reviewing(msgspec.Struct, frozen=True):
    """What is said of one emergency so far.

    ``justified`` is what those say who count, ``None`` where nobody does. ``reviewers`` all say the same, each once.
    """

    change: str
    justified: bool | None
    reviewers: tuple[Reviewer, ...]
    others: tuple[NoReviewer, ...]

    @property
    def roles(self) -> dict[str, frozenset[str]]:
        """Which roles each reviewer holds, for the seats."""
        return {item.principal: frozenset(item.roles) for item in self.reviewers}

    @property
    def digest(self) -> str:
        """The digest of all statements that count; empty where there is none."""
        statements = sorted(item.statement for item in self.reviewers)
        return canonical.digest(canonical.canonical_json(statements)) if statements else ""


def read_review(body: bytes) -> Review:
    """Return what somebody says of an emergency.

    Raises :class:`StatementInvalid` where anything is missing, empty, too long or unknown.
    """
    try:
        return msgspec.convert(strictjson.decode(body), Review)
    except (ValueError, RecursionError) as error:
        raise StatementInvalid(
            "The review is not of the form.",
            hint="Say all of these, with 1,500 characters at most each: --cause TEXT, --justified or --not-justified, "
            "--follow-up TEXT.",
        ) from error


def reviewed(emergency: Emergency, attested: Iterable[Attested]) -> Reviewing:
    """Return which of the attestations can count as the review of an emergency.

    Humans who neither invoked nor approved it count, with what arrived after it was last begun. Those who disagree on
    whether it was justified do not add up: where anybody says that it was not, only they count. That is so whatever
    came first, because whoever can write to the inbox can deliver an old statement again; and also where that has
    expired, which fills no seat.
    """
    no: dict[str, Reviewer] = {}
    yes: dict[str, Reviewer] = {}
    objecting: set[str] = set()
    others = []
    for item in sorted(attested, key=lambda item: (item.arrived, item.digest)):
        if item.kind != "review" or item.about != emergency.change:
            continue
        found = _reviewer(emergency, item)
        if isinstance(found, NoReviewer):
            others.append(found)
            continue
        said, reviewer = found
        if not said.justified:
            objecting.add(item.principal)
        if item.lapsed:
            others.append(NoReviewer(item.principal, item.digest, item.lapsed))
            continue
        (yes if said.justified else no).setdefault(item.principal, reviewer)
    if objecting:
        against = f"it says justified, and {', '.join(sorted(objecting))} says not"
        others += [NoReviewer(item.principal, item.statement, against) for item in yes.values()]
    counting = no if objecting else yes
    return Reviewing(
        change=emergency.change,
        justified=None if not counting else not no,
        reviewers=tuple(counting[name] for name in sorted(counting)),
        others=tuple(others),
    )


def _reviewer(emergency: Emergency, item: Attested) -> tuple[Review, Reviewer] | NoReviewer:
    def not_counted(why: str) -> NoReviewer:
        return NoReviewer(item.principal, item.digest, why)

    try:
        said = read_review(item.body)
    except StatementInvalid as error:
        return not_counted(error.message)
    if said.change != emergency.change:
        return not_counted(f"it says that it is about {said.change}")
    if not item.human:
        return not_counted(f"{item.principal} is a machine")
    if item.principal in emergency.involved:
        return not_counted(f"{item.principal} invoked or approved the emergency")
    if item.arrived < emergency.latest:  # of one second, nobody knows which was first
        return not_counted(f"it arrived at {item.arrived}, and the emergency was begun at {emergency.latest}")
    return said, Reviewer(item.principal, tuple(sorted(item.roles)), item.digest)


def settled(emergencies: Sequence[Emergency], reviewing: Reviewing) -> tuple[Emergency, ...]:
    """Return a chain's emergencies after all seats of a review were filled, which its caller has counted.

    Nothing changes where nobody reviewed, or where it was reviewed before: the first review stands.
    """
    said = {"reviewed": reviewing.digest, "justified": reviewing.justified}
    return tuple(msgspec.structs.replace(item, **said) if _settles(reviewing, item) else item for item in emergencies)


def _settles(reviewing: Reviewing, emergency: Emergency) -> bool:
    involved = emergency.involved & reviewing.roles.keys()
    return bool(reviewing.digest) and emergency.change == reviewing.change and not emergency.reviewed and not involved
