"""Emergencies of a stack: which there were, which still wait for their review, and how often there is one.

A chain's state carries them. An emergency that nobody reviewed stays there for as long as nobody does; time alone
settles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from iacgate import instants
from iacgate.errors import ApplyRefused

DAY: Final = 86_400
KEPT_DAYS: Final = 400
"""So long an emergency that was reviewed stays in the state of its chain: longer than any rate looks back."""

MAX_HELD: Final = 256
"""Emergencies in the state of one chain."""

_SHOWN: Final = 5
"""So many stand in one sentence."""

Name = Annotated[str, msgspec.Meta(max_length=200)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
Instant = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]


class Emergency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One emergency, as the state of a chain carries it.

    ``invoker`` and ``approvers`` are principals by their id in people.yaml: by another name, a reviewer
    could be one of them. With ``solo``, one signature was enough, whoever gave it. ``time`` is when it was first
    begun, ``latest`` when last, after it had failed; ``sequence`` is the number of the entry that began it.
    ``reviewed`` is the digest of its review, empty for as long as there is none, and ``justified`` what the review
    says.
    """

    change: Name
    incident: Name
    invoker: Name
    approvers: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    solo: bool = False
    team: Name = ""
    time: Instant
    latest: Instant
    sequence: Annotated[int, msgspec.Meta(ge=1)]
    reviewed: Digest = ""
    justified: bool | None = None

    @property
    def involved(self) -> frozenset[str]:
        """Who invoked or approved it, and so reviews nothing of it."""
        return frozenset((self.invoker, *self.approvers))


class OpenReview(msgspec.Struct, frozen=True):
    """An emergency that nobody has reviewed yet: until when that is due, and whether it is overdue."""

    change: str
    incident: str
    invoker: str
    solo: bool
    due: str
    overdue: bool


class Count(msgspec.Struct, frozen=True):
    """How many emergencies a stack or a team had in the time that is looked at, and whether that warns."""

    uses: int
    warns: bool
    team: str = ""


class Rate(msgspec.Struct, frozen=True):
    """How often there was an emergency in so many days; from ``threshold`` on, that warns.

    ``teams`` are ordered by name; a team that nobody named is empty.
    """

    threshold: int
    days: int
    stack: Count
    teams: tuple[Count, ...]

    @property
    def warns(self) -> bool:
        """Whether anything of it warns."""
        return self.stack.warns or any(team.warns for team in self.teams)


def taken(emergencies: Sequence[Emergency], change: str, *, retry: bool) -> str:
    """Return why no emergency can begin under a change's name; empty where one can.

    One change is one emergency, so that a review of it is about nothing else. ``retry`` says that it is what is left
    of one that failed.
    """
    for item in emergencies:
        if item.change != change or (retry and not item.reviewed):
            continue
        if item.reviewed:
            return f"{change} was an emergency at {item.time}, and was reviewed: what comes now is another change"
        return f"{change} was applied as an emergency at {item.time}: what comes now is another change"
    return ""


def begun(emergencies: Sequence[Emergency], new: Emergency, *, retry: bool) -> tuple[Emergency, ...]:
    """Return a chain's emergencies after one began, or after one that failed was begun again.

    One that is begun again stays one emergency with its first time; whoever signed this time had a part in it, too.
    Raises :class:`ApplyRefused` where the change was an emergency before and this is no retry, or where there are too
    many.
    """
    why = taken(emergencies, new.change, retry=retry)
    if why:
        raise ApplyRefused(f"{why}.", hint="Give it a name of its own with --change, and have that approved.")
    if any(item.change == new.change for item in emergencies):
        return tuple(_again(item, new) if item.change == new.change else item for item in emergencies)
    if len(emergencies) >= MAX_HELD:
        raise ApplyRefused(
            f"This stack had {len(emergencies)} emergencies, as many as its chain can hold.",
            hint=f"Review those that wait, and apply this as a normal change; each stays for {KEPT_DAYS} days.",
        )
    return (*emergencies, new)


def marked(emergencies: Sequence[Emergency], new: Emergency) -> tuple[Emergency, ...]:
    """Return a chain's emergencies after one is known that was begun while nobody could ask the chain.

    It happened, whatever the chain would have said: one of the same name waits for a review, also where it was
    reviewed before. Raises :class:`ApplyRefused` where there are too many.
    """
    if all(item.change != new.change for item in emergencies):
        return begun(emergencies, new, retry=False)
    open_again = [
        msgspec.structs.replace(_again(item, new), reviewed="", justified=None) if item.change == new.change else item
        for item in emergencies
    ]
    return tuple(open_again)


def _again(before: Emergency, new: Emergency) -> Emergency:
    others = (before.involved | new.involved) - {before.invoker}
    return msgspec.structs.replace(
        before,
        approvers=tuple(sorted(others)),
        solo=before.solo or new.solo,
        latest=max(before.latest, new.latest),
    )


def pruned(emergencies: Sequence[Emergency], now: str) -> tuple[Emergency, ...]:
    """Return the emergencies that a chain's state goes on to carry: what was reviewed leaves after 400 days."""
    return tuple(item for item in emergencies if not item.reviewed or _within(item, KEPT_DAYS, now))


def due(emergency: Emergency, hours: int) -> str:
    """Return the instant by which an emergency is to be reviewed: so many hours after it was first begun."""
    return instants.at(instants.seconds(emergency.time) + hours * 3600)


def open_reviews(emergencies: Sequence[Emergency], hours: int, now: str) -> tuple[OpenReview, ...]:
    """Return the reviews that are not there yet, the one that is due first first."""
    found = [
        OpenReview(item.change, item.incident, item.invoker, item.solo, due(item, hours), due(item, hours) < now)
        for item in emergencies
        if not item.reviewed
    ]
    return tuple(sorted(found, key=lambda item: (item.due, item.change)))


def overdue(emergencies: Sequence[Emergency], hours: int, now: str) -> tuple[OpenReview, ...]:
    """Return the reviews that are overdue, the oldest first."""
    return tuple(item for item in open_reviews(emergencies, hours, now) if item.overdue)


def block_normal(reviews: Sequence[OpenReview]) -> str:
    """Return why reviews that are overdue stop the normal changes of their stack; empty where none is."""
    late = [item for item in reviews if item.overdue]
    if not late:
        return ""
    named = ", ".join(f"{item.change} ({item.incident}, due {item.due})" for item in late[:_SHOWN])
    more = f", and {len(late) - _SHOWN} more" if len(late) > _SHOWN else ""
    return (
        f"Emergencies of this stack wait for their review, and it is overdue: {named}{more}. Have them reviewed first."
    )


def extra_seat(seats: Mapping[str, int], role: str, reviews: Sequence[OpenReview]) -> dict[str, int]:
    """Return the seats of an emergency: one more of a role while a review is overdue, however many are."""
    more = any(item.overdue for item in reviews)
    return {**seats, role: seats.get(role, 0) + 1} if more else dict(seats)


def rate(
    emergencies: Sequence[Emergency], threshold: int, days: int, now: str, elsewhere: Sequence[Emergency] = ()
) -> Rate:
    """Return how often a stack, and each team, had an emergency in the last days.

    ``elsewhere`` are emergencies of other stacks, which count for their teams. One that is later than now counts: a
    clock that is wrong hides nothing.
    """
    recent = [item for item in emergencies if _within(item, days, now)]
    teams: dict[str, int] = {}
    for item in (*recent, *(item for item in elsewhere if _within(item, days, now))):
        team = team_name(item.team)
        teams[team] = teams.get(team, 0) + 1
    return Rate(
        threshold=threshold,
        days=days,
        stack=Count(len(recent), len(recent) >= threshold),
        teams=tuple(Count(teams[name], teams[name] >= threshold, name) for name in sorted(teams)),
    )


def team_name(text: str) -> str:
    """Return a team's name as it is counted: another spelling is no other team."""
    return " ".join(text.casefold().split())


def _within(item: Emergency, days: int, now: str) -> bool:
    return instants.seconds(now) - instants.seconds(item.latest) <= days * DAY
