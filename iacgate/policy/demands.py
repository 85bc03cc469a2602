"""What a severity demands in an environment: seats by role, and for how long an approval holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from iacgate.vocabulary import Severity

Role = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
Seats = Annotated[int, msgspec.Meta(ge=1, le=20)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=24 * 90)]
Binding = Literal["exact", "fingerprint"]

DEFAULT_HOURS: Final = 7 * 24


class DemandText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of one severity; what it leaves out is the default."""

    seats: dict[Role, Seats]
    valid_hours: Hours = DEFAULT_HOURS
    binding: Binding = "fingerprint"
    signed_commits: bool = False


class TypeText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of one type of change.

    A severity that it leaves out demands what it does of normal changes. One that names no seats asks for
    nobody: for a type, that is said, and not forgotten.
    """

    demands: dict[Severity, DemandText]


class Demand(msgspec.Struct, frozen=True):
    """What is demanded: seats by role, hours for which an approval holds, and what it is bound to.

    With ``signed_commits``, every commit that made the change is signed by somebody known.
    """

    seats: Mapping[str, int]
    valid_hours: int
    binding: Binding
    signed_commits: bool = False


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
    seats: dict[str, int] = {}
    hours, binding = DEFAULT_HOURS * 100, NOTHING.binding
    asked = [demand for level, demand in demands.items() if level.rank <= severity.rank and demand.seats]
    for demand in asked:
        hours = min(hours, demand.valid_hours)
        binding = "exact" if "exact" in (binding, demand.binding) else "fingerprint"
        for role, count in demand.seats.items():
            seats[role] = max(seats.get(role, 0), count)
    signed = any(demand.signed_commits for demand in asked)
    return Demand(seats, hours, binding, signed) if asked else NOTHING
