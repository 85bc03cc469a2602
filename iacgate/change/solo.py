"""One person alone in an emergency: what that may touch, how often, and what everybody is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from iacgate.change.emergency import DAY, Emergency, OpenReview
from iacgate.instants import seconds
from iacgate.vocabulary import Severity


class Limits(msgspec.Struct, frozen=True):
    """What the policy lets one person do alone.

    ``role`` is what that person must hold, ``severity`` the worst, ``resources`` the most changes of one plan, and
    ``uses`` how often it may happen in ``days`` days.
    """

    role: str
    severity: Severity
    resources: int
    uses: int
    days: int


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to act alone, and on what.

    ``invoker`` is a principal's id, empty where nobody knows who it is. ``changes`` is how many the plan has:
    resources that are created, changed, destroyed, moved, imported or forgotten, those that were put off, and the
    actions that it runs. ``again`` says that it is what is left of an emergency of this change that failed.
    """

    change: str
    invoker: str
    human: bool
    roles: frozenset[str]
    severity: Severity
    changes: int
    again: bool = False


def solo_problems(
    limits: Limits | None,
    alone: Alone,
    emergencies: Sequence[Emergency] | None,
    reviews: Sequence[OpenReview],
    now: str,
    elsewhere: Sequence[Emergency] = (),
) -> tuple[str, ...]:
    """Return every reason why somebody may not act alone; nothing where it is allowed.

    ``limits`` is ``None`` where the policy lets nobody. ``emergencies`` are those of the stack, whoever invoked them,
    and ``None`` where the ledger cannot be asked: then nobody knows how often it happened, and it does not happen.
    Of other stacks (``elsewhere``), those that the same person invoked count as well.
    """
    if limits is None:
        return ("the policy lets nobody act alone here",)
    return (
        *_wrong_person(limits, alone),
        *_too_much(limits, alone),
        *_too_often(limits, alone, emergencies, elsewhere, now),
        *_overdue(reviews),
    )


def _wrong_person(limits: Limits, alone: Alone) -> Iterator[str]:
    if not alone.invoker:
        yield "it is not known who invokes it"
    elif not alone.human:
        yield f"{alone.invoker} is a machine"
    elif limits.role not in alone.roles:
        yield f"{alone.invoker} does not hold the role {limits.role}"


def _too_much(limits: Limits, alone: Alone) -> Iterator[str]:
    if alone.severity.rank > limits.severity.rank:
        yield f"its severity is {alone.severity}, and alone nobody applies more than {limits.severity}"
    if alone.changes > limits.resources:
        yield f"it has {alone.changes} changes, and alone nobody applies more than {limits.resources}"


def _too_often(
    limits: Limits,
    alone: Alone,
    emergencies: Sequence[Emergency] | None,
    elsewhere: Sequence[Emergency],
    now: str,
) -> Iterator[str]:
    if emergencies is None:
        yield "the ledger cannot be asked how often somebody acted alone"
        return
    here = [item for item in emergencies if not (alone.again and item.change == alone.change)]
    own = [item for item in elsewhere if item.invoker == alone.invoker]
    recent = [item for item in (*here, *own) if item.solo and seconds(now) - seconds(item.latest) <= limits.days * DAY]
    if len(recent) >= limits.uses:
        last = max(item.latest for item in recent)
        yield (
            f"it happened {len(recent)} times in {limits.days} days (last at {last}), and {limits.uses} is the most "
            "that the policy allows"
        )


def _overdue(reviews: Sequence[OpenReview]) -> Iterator[str]:
    late = [item for item in reviews if item.overdue]
    if late:
        yield f"the review of {late[0].change} is overdue since {late[0].due}, and asks for one more seat"


def announcement(
    emergency: Emergency, stack: str, justification: str, severity: Severity, changes: int, due: str, lost: str = ""
) -> str:
    """Return what is told about an emergency before it is applied, line by line.

    ``lost`` is what went wrong where the ledger could not be reached. Nothing in it is made harmless: whoever sends it
    does that, for where it goes.
    """
    others = ", ".join(emergency.approvers) or "nobody"
    alone = ", by one person alone" if emergency.solo else ""
    lines = {
        "Emergency": f"stack {stack}{alone}",
        "Incident": emergency.incident,
        "Change": f"{emergency.change}, severity {severity}, {changes} changes",
        "Invoked by": f"{emergency.invoker} ({emergency.team or 'no team'}), approved by {others}",
        "Why": justification,
        "Review due": due,
        **({"Decided without the ledger": lost} if lost else {}),
    }
    return "\n".join(f"{name}: {' '.join(text.split())}" for name, text in lines.items())
