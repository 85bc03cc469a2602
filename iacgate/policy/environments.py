"""What an environment makes of a severity: the part of ``policy.yaml`` that concerns risk."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.policy.demands import DEFAULTS, Binding, Demand, DemandText, Role, Seats, check_demands, demanded
from iacgate.vocabulary import Severity

TRUST: Final = {"infra": 1, "security": 1}
"""Whose seats must be filled before settings change, where the policy does not say otherwise."""

HINT = "See docs/settings.md for the form of policy.yaml."

Steps = Annotated[int, msgspec.Meta(ge=-3, le=3)]


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One environment.

    ``shift`` is by how many levels its findings weigh more (or less, below zero); the rules
    in ``keep`` weigh the same everywhere. A finding never falls below low. ``demands`` is what
    each severity demands; a plan that is at least as severe as ``deny`` is denied, whoever signs.
    """

    tier: Literal["prod", "other"]
    shift: Steps = 0
    keep: list[str] = []
    demands: dict[Severity, DemandText] = {}
    deny: Severity | None = None

    def demand(self, severity: Severity) -> Demand:
        """Return what a plan of a severity demands here."""
        defaults = DEFAULTS if self.tier == "prod" else {}
        return demanded({**defaults, **self.demands}, severity)


class Rego(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How Rego policies are evaluated.

    ``namespaces`` are the packages whose rules count, empty for all. ``version`` is the language's;
    ``engine`` says which program evaluates: by default the first of conftest and opa that is there.
    """

    engine: Literal["auto", "conftest", "opa", "embedded"] = "auto"
    version: Literal["v0", "v1"] = "v1"
    namespaces: list[str] = []


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says; in ``observe`` mode a gate decides and records, and blocks nothing.

    ``trust`` is whose seats must be filled before settings change.
    """

    mode: Literal["observe", "enforce"] = "observe"
    environments: dict[str, Environment] = {}
    rego: Rego = Rego()
    trust: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(TRUST))


def read_policy(data: bytes, file: str) -> Policy:
    """Return the policy.

    Raises :class:`SettingsInvalid` where the file is not valid, or production would weigh less than it is.
    """
    policy = strictyaml.convert(data, Policy, file, SettingsInvalid, HINT)
    if not policy.trust:
        raise SettingsInvalid(f"{file}: `trust` asks for nobody.", hint="Name at least one seat, or leave it out.")
    for name, environment in policy.environments.items():
        check_demands(environment.demands, f"{file}: the environment {name!r}")
        if environment.tier == "prod" and environment.shift < 0:
            raise SettingsInvalid(
                f"{file}: the environment {name!r} is production, where nothing weighs less.",
                hint="Set its `shift` to 0 or more, or suppress what does not matter, one finding at a time.",
            )
    return policy


def weigh(policy: Policy, name: str, file: str = "policy.yaml") -> Environment:
    """Return what holds in an environment; where nobody says which one it is, the strictest production.

    Raises :class:`SettingsInvalid` for a name that the policy does not have.
    """
    if name and policy.environments and name not in policy.environments:
        raise SettingsInvalid(
            f"{file} has no environment called {name!r}, which stacks.yaml names.", hint="Add it, or mend the name."
        )
    if name in policy.environments:
        return policy.environments[name]
    prods = [environment for environment in policy.environments.values() if environment.tier == "prod"]
    return Environment(
        tier="prod",
        shift=max((environment.shift for environment in prods), default=0),
        demands=_strictest(prods),
        deny=min((environment.deny for environment in prods if environment.deny), key=_rank, default=None),
    )


def _strictest(environments: list[Environment]) -> dict[Severity, DemandText]:
    """Return demands that ask at least for what each of some environments asks for."""
    found: dict[Severity, DemandText] = {}
    for severity in Severity:
        asked = [environment.demand(severity) for environment in environments]
        seats = {role: max(demand.seats.get(role, 0) for demand in asked) for item in asked for role in item.seats}
        if seats:
            hours = min(demand.valid_hours for demand in asked)
            binding: Binding = "exact" if any(demand.binding == "exact" for demand in asked) else "fingerprint"
            signed = any(demand.signed_commits for demand in asked)
            found[severity] = DemandText(seats, hours, binding, signed)
    return found


def _rank(severity: Severity) -> int:
    return severity.rank
