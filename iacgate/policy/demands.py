"""What a severity demands in an environment: seats by role, and for how long an approval holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec

from iacgate.vocabulary import READINESS_DEMANDS, RECORD_PARTS, ReadinessDemand, RecordPart, Severity

Role = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
Seats = Annotated[int, msgspec.Meta(ge=1, le=20)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=24 * 90)]
Binding = Literal["exact", "fingerprint"]

DEFAULT_HOURS: Final = 7 * 24


class DemandText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of one severity.

    What it leaves out (``None``) is the default: 168 hours, ``fingerprint``, no signed commits; for a type of
    change that is not normal, what is demanded of a normal one. ``record`` is what the change's record must say,
    ``readiness`` how ready the plan must be to be undone.
    """

    seats: dict[Role, Seats] = {}
    valid_hours: Hours | None = None
    binding: Binding | None = None
    signed_commits: bool | None = None
    record: list[RecordPart] | None = None
    readiness: ReadinessDemand | None = None


class TypeText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of one type of change.

    A severity that it leaves out demands what it does of normal changes, and so does each setting that a
    severity leaves out. One that names no seats asks for nobody: for a type, that is said, and not forgotten.
    """

    demands: dict[Severity, DemandText]


class Demand(msgspec.Struct, frozen=True):
    """What is demanded: seats by role, hours for which an approval holds, and what it is bound to.

    With ``signed_commits``, every commit that made the change is signed by somebody known. ``record`` names what the
    record of the change must say, ``readiness`` how ready the plan must be to be undone.
    """

    seats: Mapping[str, int]
    valid_hours: int
    binding: Binding
    signed_commits: bool = False
    record: tuple[RecordPart, ...] = ()
    readiness: ReadinessDemand = ""


NOTHING: Final = Demand({}, DEFAULT_HOURS, "fingerprint")

DEFAULTS: Final[dict[Severity, DemandText]] = {
    Severity.MEDIUM: DemandText({"infra": 1}),
    Severity.HIGH: DemandText({"infra": 1, "security": 1}),
    Severity.CRITICAL: DemandText({"infra": 1, "security": 1, "operations": 1, "business": 1}),
}
"""In production, where the policy does not say otherwise; elsewhere nothing is demanded."""


def demanded(demands: Mapping[Severity, DemandText], severity: Severity) -> Demand:
    """Return what a severity demands: never less than the severities below it do.

    So a further finding can only add to what is asked for. What asks for nobody adds nothing.
    """
    up_to = [demand for level, demand in demands.items() if level.rank <= severity.rank]
    record = in_order(part for demand in up_to for part in demand.record or ())
    readiness = strictest_readiness(demand.readiness or "" for demand in up_to)
    asked = [demand for demand in up_to if demand.seats]
    if not asked:
        return msgspec.structs.replace(NOTHING, record=record, readiness=readiness)
    seats: dict[str, int] = {}
    for demand in asked:
        for role, count in demand.seats.items():
            seats[role] = max(seats.get(role, 0), count)
    return Demand(
        seats=seats,
        valid_hours=min(demand.valid_hours or DEFAULT_HOURS for demand in asked),
        binding="exact" if any(demand.binding == "exact" for demand in asked) else "fingerprint",
        signed_commits=any(demand.signed_commits for demand in asked),
        record=record,
        readiness=readiness,
    )


def with_defaults(own: Mapping[Severity, DemandText]) -> dict[Severity, DemandText]:
    """Return what production demands: what it says itself, and the default seats where it names none.

    Who only asks for a record, or for readiness, asks for more, and not for fewer signatures.
    """
    found = {**DEFAULTS, **own}
    return {
        severity: msgspec.structs.replace(text, seats=text.seats or DEFAULTS.get(severity, text).seats)
        for severity, text in found.items()
    }


def strictest_readiness(demands: Iterable[ReadinessDemand]) -> ReadinessDemand:
    """Return the demand that asks for most; of none, empty."""
    return max(demands, key=READINESS_DEMANDS.index, default="")


def in_order(parts: Iterable[RecordPart]) -> tuple[RecordPart, ...]:
    """Return parts of a record, each once, in the order in which people are asked for them."""
    return tuple(sorted(set(parts), key=RECORD_PARTS.index))


def for_type(normal: Mapping[Severity, DemandText], own: Mapping[Severity, DemandText]) -> dict[Severity, DemandText]:
    """Return what a type of change demands: what is demanded of a normal one, and instead of it what it says itself."""
    found = dict(normal)
    for severity, text in own.items():
        base = demanded(normal, severity)
        found[severity] = DemandText(
            seats=text.seats,
            valid_hours=base.valid_hours if text.valid_hours is None else text.valid_hours,
            binding=base.binding if text.binding is None else text.binding,
            signed_commits=base.signed_commits if text.signed_commits is None else text.signed_commits,
            record=list(base.record) if text.record is None else text.record,
            readiness=base.readiness if text.readiness is None else text.readiness,
        )
    return found
