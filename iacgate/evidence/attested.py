"""Entries about what people attested: how they are recorded, and whether they say what was signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from iacgate.approval import attestation
from iacgate.approval.counting import Received
from iacgate.approval.quorum import fill
from iacgate.change.lifecycle import transitions
from iacgate.change.review import reviewed
from iacgate.evidence.entry import Entry, State
from iacgate.evidence.ledger import Piece
from iacgate.people.attested import Attested
from iacgate.people.roster import Roster
from iacgate.policy.environments import Policy, emergency_of

PREFIX: Final = "attestation "
"""How the names of recorded envelopes begin; the digest of the statement follows."""

_ARRIVED: Final = "arrived "


def pieces(envelopes: Mapping[str, bytes]) -> dict[str, Piece]:
    """Return envelopes as an entry refers to them, by the digest of the statement in each."""
    return {f"{PREFIX}{digest}": Piece(data) for digest, data in sorted(envelopes.items())}


def arrivals(found: Mapping[str, str]) -> dict[str, str | int | bool]:
    """Return when statements arrived, by digest, as an entry's details say it."""
    return {f"{_ARRIVED}{digest}": arrived for digest, arrived in sorted(found.items())}


def recorded(entry: Entry, found: Mapping[str, bytes], roster: Roster) -> tuple[list[Attested], list[str]]:
    """Return what is attested in what an entry refers to, verified at the entry's time, and what does not hold."""
    said, problems = [], []
    for name, data in sorted(found.items()):
        digest = name.removeprefix(PREFIX)
        if digest == name:
            continue
        arrived = str(entry.details.get(f"{_ARRIVED}{digest}", ""))
        item = None
        if arrived and arrived <= entry.time:
            item = attestation.verify(Received(data, arrived), roster, entry.ledger, entry.time)
        if isinstance(item, Attested) and (item.digest, item.about, item.lapsed) == (digest, entry.change, ""):
            said.append(item)
        else:
            problems.append(f"what it refers to as {name} is no such attestation about {entry.change}")
    return said, problems


def transition_problems(entry: Entry, said: list[Attested]) -> Iterator[str]:
    """Yield where an entry about the end of a change does not say what somebody signed."""
    wanted = (entry.details.get("to"), entry.details.get("by"), entry.details.get("principal"))
    if wanted not in [(what.to, what.by, item.principal) for item, what in transitions(said, entry.change)]:
        yield "it says how a change ended, and nobody signed that"


def review_problems(entry: Entry, before: State, said: list[Attested], policy: Policy) -> Iterator[str]:
    """Yield where an entry about a review does not say what the people who fill its seats signed."""
    waiting = next((item for item in before.emergencies if item.change == entry.change and not item.reviewed), None)
    if waiting is None:
        yield "it says that an emergency was reviewed, and none of this change waits for that"
        return
    found = reviewed(waiting, said)
    if not fill(emergency_of(policy, str(entry.details.get("environment", ""))).review_seats, found.roles).complete:
        yield "it says that an emergency was reviewed, and not all seats of the review are filled"
    after = next((item for item in entry.state.emergencies if item.change == entry.change), None)
    if (after and after.reviewed, after and after.justified) != (found.digest, found.justified):
        yield "it says another thing of an emergency than its review"
