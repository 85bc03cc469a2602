"""Uses of a standard pattern: how many there may be, who approved it, and who may not use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from iacgate import instants, strictjson
from iacgate.change.patternfit import Fit
from iacgate.change.patterns import Pattern
from iacgate.people.attested import Attested

MAX_RETRIES: Final = 3
"""So many uses of one change, each after one that failed, are no further ones: as with approvals."""

KIND: Final = "pattern"
"""What an attestation of somebody who signs a pattern is."""


KEPT_DAYS: Final = 100
"""So long a use stays in the state of its chain: longer than any window."""

MAX_HELD: Final = 1_000
"""Uses of one pattern in the state of one chain."""


class Use(msgspec.Struct, frozen=True):
    """One use of a pattern that was begun: the change, when (an instant), and its resource changes.

    ``failed`` says that its apply failed, **and** that what comes next under the same change is what was left of it
    (:func:`iacgate.plan.remainder.is_remainder`): a retry, and no use of its own.
    """

    change: str
    time: str
    resources: int
    failed: bool = False


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an attestation of a pattern: the SHA-256 of its file, and the last day on which it counts."""

    pattern: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    until: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d\Z")]


class _Group(msgspec.Struct):
    """A use with its retries: what was left of it is a part of it, so that the largest counts."""

    resources: int
    last: str
    attempts: int
    unfinished: bool

    def again(self, use: Use) -> None:
        self.resources = max(self.resources, use.resources)
        self.last, self.unfinished = use.time, use.failed
        self.attempts += 1


def within_limits(pattern: Pattern, uses: Sequence[Use] | None, this: Fit, change: str, now: str) -> tuple[str, ...]:
    """Return why one more use of a pattern is too much, as sentences; nothing where it is not.

    ``uses`` are those of the pattern before this one, in any order, in all versions of its file, wherever the limits
    are to hold; ``None`` where no ledger tells, and then there is none more. ``this`` is how the plan of ``change``
    fits, now. A use is counted for as many hours as the pattern says; one whose time is no instant, or is in the
    future, is counted as well.
    """
    limits = pattern.text.limits
    if (this.pattern, this.digest) != (pattern.name, pattern.digest) or not this.fits:
        return (f"the plan does not fit the pattern {pattern.name}",)
    if uses is None:
        return ("no ledger tells how often it was used: name it with --ledger",)
    if len(uses) >= MAX_HELD:
        return (f"it was used {len(uses)} times in {KEPT_DAYS} days, as often as a chain can hold",)
    groups = _groups([*sorted(uses, key=_order), Use(change, now, this.resources)])
    oldest = instants.seconds(now) - limits.hours * 3600
    counted = [group for group in groups if not _is_before(group.last, oldest)]
    resources = sum(group.resources for group in counted)
    window = f"in {limits.hours} hours"
    found = []
    if len(counted) > limits.uses:
        found.append(f"it would be use {len(counted)} of the pattern {window}, and {limits.uses} are allowed")
    if resources > limits.resources_per_window:
        most = limits.resources_per_window
        found.append(f"it would make {resources} resource changes {window}, and {most} are allowed")
    return tuple(found)


def used(
    uses: Mapping[str, tuple[Use, ...]], pattern: str, change: str, time: str, resources: int, *, again: bool
) -> dict[str, tuple[Use, ...]]:
    """Return the uses of all patterns after one more began.

    ``again`` says that it is what is left of the same change that failed: a retry, and no use of its own.
    """
    before = uses.get(pattern, ())
    if again and before and before[-1].change == change:
        before = (*before[:-1], msgspec.structs.replace(before[-1], failed=True))
    return {**uses, pattern: (*before, Use(change, time, resources))}


def left(uses: Mapping[str, tuple[Use, ...]], now: str) -> dict[str, tuple[Use, ...]]:
    """Return the uses that some window can still have in it."""
    oldest = instants.seconds(now) - KEPT_DAYS * 86_400
    kept = {name: tuple(use for use in found if not _is_before(use.time, oldest)) for name, found in uses.items()}
    return {name: found for name, found in kept.items() if found}


def _order(use: Use) -> tuple[str, str, int, bool]:
    return use.time, use.change, use.resources, not use.failed


def _groups(uses: Iterable[Use]) -> list[_Group]:
    found: list[_Group] = []
    newest: dict[str, _Group] = {}
    for use in uses:
        group = newest.get(use.change)
        if group is not None and group.unfinished and group.attempts <= MAX_RETRIES:
            group.again(use)
        else:
            newest[use.change] = _Group(use.resources, use.time, 1, use.failed)
            found.append(newest[use.change])
    return found


def _is_before(time: str, oldest: int) -> bool:
    return instants.is_instant(time) and instants.seconds(time) <= oldest


def signers(name: str, file_digest: str, until: str, attested: Iterable[Attested], now: str) -> tuple[str, ...]:
    """Return the humans who signed exactly this file of a pattern, and whose signature has not ended, each once.

    ``until`` is what the file says. Whether they are enough, by the roles that they hold, is for the gate to know.
    """
    if not instants.is_date(until) or now > instants.last_of(until):
        return ()
    wanted = Signed(file_digest, until)
    return tuple(sorted({item.principal for item in attested if _counts(item, name, now) and _body(item) == wanted}))


def _counts(item: Attested, name: str, now: str) -> bool:
    holds = not item.lapsed and item.arrived <= now <= item.expires
    return item.kind == KIND and item.about == name and item.human and holds


def _body(item: Attested) -> Signed | None:
    try:
        return msgspec.convert(strictjson.decode(item.body), Signed)
    except (ValueError, RecursionError):
        return None  # somebody signed something else


def authoring(signers: Iterable[str], authors: Iterable[str]) -> tuple[str, ...]:
    """Return the signers of a pattern who had a hand in a use of it: they may not."""
    return tuple(sorted({*signers} & {*authors}))
