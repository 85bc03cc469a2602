"""The life of a change: from what happened to it follows where it stands; nothing stores that twice.

draft -> requested -> approved -> applying -> applied -> verified -> closed
|            |           |          |
withdrawn    withdrawn     failed    rolled back

What is done by hand goes from approved to applied or failed: whoever did it says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from iacgate import strictjson
from iacgate.people.attested import Attested

Done: TypeAlias = Literal["applied", "failed"]
"""How a change by hand ended, which only who did it can say."""

Ending: TypeAlias = Literal["verified", "closed", "withdrawn", "rolled back", Done]
"""What people say of a change, and no plan shows."""

Stage: TypeAlias = Literal[
    "draft", "requested", "approved", "applying", "applied", "failed", "verified", "closed", "withdrawn", "rolled back"
]

DONE: Final[tuple[Done, ...]] = ("applied", "failed")

OPEN: Final = frozenset({"draft", "requested", "approved", "applying", "applied", "failed"})
"""The stages after which something is still to come."""

_AFTER: Final[dict[Ending, frozenset[str]]] = {
    "withdrawn": frozenset({"draft", "requested", "approved"}),
    "verified": frozenset({"applied"}),
    "closed": frozenset({"applied", "verified", "failed", "rolled back"}),
    "rolled back": frozenset({"applied", "verified", "failed", "closed"}),
    "applied": frozenset({"approved", "failed"}),
    "failed": frozenset({"approved", "failed"}),
}
"""The stages from which people can bring a change to another one."""


class Transition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an attestation of kind ``transition``: to which stage, and by which change it was rolled back."""

    to: Ending
    by: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Step(msgspec.Struct, frozen=True):
    """Something that is on record of a change: what happened, when, and what came of it.

    ``allowed`` is of a decision, ``done`` of an apply: whether a new plan was empty; ``to`` of a transition.
    """

    event: str
    time: str
    allowed: bool = False
    done: bool = False
    to: str = ""


def stage(steps: Sequence[Step]) -> Stage:
    """Return where a change stands after what is on record of it, the oldest first."""
    now: Stage = "draft"
    for step in steps:
        now = _after(now, step)
    return now


def _after(now: Stage, step: Step) -> Stage:
    match step.event:
        case "decided" if now in ("draft", "requested", "approved"):
            return "approved" if step.allowed else "requested"
        case "decided" if now == "failed":
            return "failed"
        case "intended":
            return "applying"
        case "applied":
            return "verified" if step.done else "applied"
        case "failed" | "interrupted":
            return "failed"
        case "transition":
            return next((ending for ending in _AFTER if ending == step.to), now)
    return now


def refused(said: Transition, arrived: str, steps: Sequence[Step]) -> str:
    """Return why a change cannot go to another stage, by what somebody said at an instant; empty where it can.

    What was said before there was anything to say it of is not recorded later on, when there is.
    """
    to, now = said.to, stage(steps)
    if to == "rolled back" and not said.by:
        return "it is not said which change rolled it back"
    if now not in _AFTER[to]:
        return f"it is {now}, and only what is {', or '.join(sorted(_AFTER[to]))} can be {to}"
    since = _since(to, steps)
    if arrived < since:  # of one second, nobody knows which was first
        what = "was approved" if to in DONE else "ended"
        return f"it was said at {arrived}, before it {what} at {since}: say it again, where it is so"
    return ""


def _since(to: Ending, steps: Sequence[Step]) -> str:
    """Return from when on somebody could say that a change went to a stage; empty for at any time."""
    if to == "withdrawn":
        return ""
    if to not in DONE:
        return max((step.time for step in steps if _ends(step)), default="")
    since = ""
    for step in reversed(steps):  # the first of the newest decisions that all let it pass
        if _ends(step) or (step.event == "decided" and not step.allowed):
            break
        since = step.time if step.event == "decided" else since
    return since


def _ends(step: Step) -> bool:
    """Return whether something was done, or failed, by an apply or by hand."""
    return step.event in (*DONE, "interrupted") or (step.event == "transition" and step.to in DONE)


def transitions(attested: Iterable[Attested], change: str) -> tuple[tuple[Attested, Transition], ...]:
    """Return what humans attested of the end of a change, in the order of arrival; what is not of the form is left out.

    Everybody known may say so: each is named with it, and none of it ever allows anything.
    """
    found = []
    for item in sorted(attested, key=lambda item: (item.arrived, item.digest)):
        if item.kind != "transition" or item.about != change or not item.human or not item.roles:
            continue
        try:
            found.append((item, msgspec.convert(strictjson.decode(item.body), Transition)))
        except (ValueError, RecursionError):
            continue
    return tuple(found)


def ended(attested: Iterable[Attested], change: str) -> str:
    """Return who ended a change and how, so that it is not applied any more; empty where nobody did.

    It stays ended when what was signed, or its key, expires.
    """
    for item, said in transitions(attested, change):
        if said.to in ("withdrawn", "closed", "rolled back"):
            because = f" ({item.reason})" if item.reason else ""
            return f"{item.principal} says that it is {said.to}{because}"
    return ""
