"""What an environment makes of a severity, and what it demands: what ``policy.yaml`` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

import msgspec

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.policy.demands import (
    DEFAULTS,
    Binding,
    Demand,
    DemandText,
    Role,
    Seats,
    TypeText,
    demanded,
    for_type,
    in_order,
    strictest_readiness,
    with_defaults,
)
from iacgate.policy.emergencies import EmergencyText, strictest
from iacgate.policy.emergencies import wrongs as wrongs_of_emergencies
from iacgate.policy.schedules import ScheduleText, wrongs
from iacgate.policy.testing import DemandedTests, PromotionText, TestsText, demanded_promotion, demanded_tests
from iacgate.policy.testing import problems as test_problems
from iacgate.policy.tickets import TicketCheckText, TicketPattern, every_pattern, is_pattern, ticket_problems
from iacgate.vocabulary import CHANGE_TYPES, ChangeType, Severity

TRUST: Final = {"infra": 1, "security": 1}
"""Whose seats must be filled before settings change, where the policy does not say otherwise."""

HINT = "See docs/settings.md for the form of policy.yaml."

Steps = Annotated[int, msgspec.Meta(ge=-3, le=3)]
OtherType = Literal["standard", "emergency"]
"""A type of change with an entry of its own; what normal changes need stands in ``demands``."""

ShippedPack = Literal["aws", "azure", "google", "kubernetes", "terraform"]
"""The name of a rule pack that ships."""
ALWAYS: Final[ShippedPack] = "terraform"
"""The pack that judges whatever a policy says: what it finds is true of every provider's objects."""


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One environment.

    ``shift`` is by how many levels its findings weigh more (or less, below zero); the rules in ``keep`` weigh the same
    everywhere. A finding never falls below low. ``demands`` is what each severity demands, ``change_types`` where a
    type of change demands something else; a plan that is at least as severe as ``deny`` is denied, whoever signs.
    ``deployers`` are the principals, by id or role, who may deploy; empty for anybody. ``rehearsers`` are those who may
    attest how a way back was rehearsed; empty for any machine, and any human with a role. ``packs`` are the shipped
    rules that judge, besides those of Terraform; ``None`` for all. ``json_only`` says that seats may be filled for a
    plan of which only the JSON is there. ``generated`` are the names of sources (``*`` for any text) that a tool writes
    before the plan is made, so that no commit has them. ``ticket`` is the pattern that the name of a ticket in a record
    must match as a whole, empty for any; ``ticket_check`` which system must know it. ``schedule`` says when changes may
    be applied, ``tests`` which tests must be green, ``promotion`` that the same content was applied elsewhere before.
    ``emergency`` says what emergencies need instead; left out, what normal changes need. ``rollback_type`` is the type
    of a change that takes another one back.
    """

    tier: Literal["prod", "other"]
    shift: Steps = 0
    keep: list[str] = []
    demands: dict[Severity, DemandText] = {}
    change_types: dict[OtherType, TypeText] = {}
    deny: Severity | None = None
    deployers: list[Role] = []
    rehearsers: Annotated[list[Role], msgspec.Meta(max_length=50)] = []
    packs: list[ShippedPack] | None = None
    json_only: bool = False
    generated: list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]] = []
    ticket: TicketPattern = ""
    ticket_check: TicketCheckText | None = None
    schedule: ScheduleText | None = None
    tests: TestsText | None = None
    promotion: PromotionText | None = None
    emergency: EmergencyText | None = None
    rollback_type: Literal["normal", "emergency"] = "normal"

    def demand(self, severity: Severity, change_type: ChangeType) -> Demand:
        """Return what a change of a type demands here when its plan has a severity."""
        normal = with_defaults(self.demands) if self.tier == "prod" else self.demands
        own = None if change_type == "normal" else self.change_types.get(change_type)
        if change_type == "emergency" and own is None and self.emergency:
            base, text = demanded(normal, severity), self.emergency
            seats = dict(text.seats) if base.seats else {}
            return msgspec.structs.replace(base, seats=seats, valid_hours=text.valid_hours, record=(), readiness="")
        if change_type == "standard" and own is None and severity.rank <= Severity.MEDIUM.rank:
            # its pattern was signed before; none is for anything worse
            return msgspec.structs.replace(demanded(normal, severity), seats={}, record=())
        return demanded(for_type(normal, own.demands) if own else normal, severity)


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

    ``trust`` is whose seats must be filled before settings change; ``ledger`` is the genesis of the only
    ledger that counts, empty where none is pinned. ``board`` is whose seats must be filled before a pattern of standard
    changes counts.
    """

    mode: Literal["observe", "enforce"] = "observe"
    environments: dict[str, Environment] = {}
    rego: Rego = Rego()
    trust: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(TRUST))
    ledger: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    board: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(DEFAULTS[Severity.CRITICAL].seats))

    @property
    def asks_for_readiness(self) -> bool:
        """Whether any severity demands anywhere that a plan can be undone."""
        return any(
            demand.readiness
            for environment in self.environments.values()
            for demands in (environment.demands, *(item.demands for item in environment.change_types.values()))
            for demand in demands.values()
        )

    def asked(self, name: str) -> list[Environment]:
        """Return the environment of that name; where nobody says which one it is, every production."""
        if name in self.environments:
            return [self.environments[name]]
        return [environment for environment in self.environments.values() if environment.tier == "prod"]


class _Wrong(msgspec.Struct, frozen=True):
    """Something in an environment that makes no sense: where below it, what, and what to do."""

    path: tuple[str, ...]
    text: str
    hint: str


def read_policy(data: bytes, file: str) -> Policy:
    """Return the policy.

    Raises :class:`SettingsInvalid`, naming file and line, where it is not valid, asks for nobody, contradicts
    itself, or production would weigh less than it is.
    """
    policy = strictyaml.convert(data, Policy, file, SettingsInvalid, HINT)
    if not policy.trust:
        raise SettingsInvalid(
            f"{strictyaml.place(data, file, 'trust')}: `trust` asks for nobody.",
            hint="Name at least one seat, or leave it out.",
        )
    if not policy.board:
        raise SettingsInvalid(
            f"{strictyaml.place(data, file, 'board')}: `board` asks for nobody.",
            hint="Name at least one seat, or leave it out.",
        )
    for name, environment in policy.environments.items():
        for wrong in _wrong(environment):
            place = strictyaml.place(data, file, "environments", name, *wrong.path)
            raise SettingsInvalid(f"{place}: the environment {name!r}: {wrong.text}.", hint=wrong.hint)
    return policy


def _wrong(environment: Environment) -> Iterator[_Wrong]:
    prod = environment.tier == "prod"
    if prod and environment.shift < 0:
        text = "it is production, where nothing weighs less"
        yield _Wrong(("shift",), text, "Set it to 0 or more, or suppress what does not matter, one finding at a time.")
    if environment.packs is not None and not environment.packs:
        yield _Wrong(
            ("packs",), "it names no rule pack", "Leave it out for all, or name terraform, which always judges."
        )
    for severity, demand in environment.demands.items():
        if not demand.seats and not demand.record and not demand.readiness:
            text = f"{severity} asks for nobody"
            yield _Wrong(("demands", severity), text, "Name at least one seat, or leave the severity out.")
    for change_type, entry in environment.change_types.items():
        for severity, demand in entry.demands.items():
            if prod and not demand.seats and severity.rank >= Severity.HIGH.rank:
                yield _Wrong(
                    ("change_types", change_type, "demands", severity),
                    f"a change of type {change_type} and severity {severity} asks for nobody, in production",
                    "Name at least one seat.",
                )
    yield from _wrong_around(environment)
    yield from _contradictions(environment)


def _wrong_around(environment: Environment) -> Iterator[_Wrong]:
    """Yield what makes no sense in what is said of everything besides plan and seats."""
    for odd in wrongs(environment.schedule) if environment.schedule else ():
        yield _Wrong(("schedule", *([odd.key] if odd.key else [])), odd.text, odd.hint)
    for wrong in wrongs_of_emergencies(environment.emergency) if environment.emergency else ():
        yield _Wrong(("emergency", *wrong.path), wrong.text, wrong.hint)
    for problem in test_problems(environment.tests) if environment.tests else ():
        yield _Wrong(("tests", *problem.path), problem.text, problem.hint)
    if not is_pattern(environment.ticket):
        hint = "For example (?i:ops)-[0-9]+: no flags for all of it, and no groups with names, or that are named again."
        yield _Wrong(("ticket",), f"{environment.ticket!r} is no plain regular expression", hint)
    for item in ticket_problems(environment.ticket_check) if environment.ticket_check else ():
        yield _Wrong(("ticket_check", item.key), item.text, item.hint)


def _contradictions(environment: Environment) -> Iterator[_Wrong]:
    """Yield demands for one exact plan file where none need be there."""
    types = environment.change_types
    entries: list[tuple[tuple[str, ...], Mapping[Severity, DemandText]]] = [(("demands",), environment.demands)]
    entries += [(("change_types", name, "demands"), types[name].demands) for name in types]
    for path, demands in entries if environment.json_only else ():
        for severity, demand in demands.items():
            if demand.binding == "exact":
                yield _Wrong(
                    (*path, severity, "binding"),
                    "`binding: exact` wants the plan file, and `json_only` does without it",
                    "Leave one of them out.",
                )


def weigh(policy: Policy, name: str, file: str = "policy.yaml") -> Environment:
    """Return what holds in an environment; where nobody says which one it is, the strictest production.

    Who may deploy is another question: see :func:`deployers`. Raises :class:`SettingsInvalid` for a name that
    the policy does not have.
    """
    if name and policy.environments and name not in policy.environments:
        raise SettingsInvalid(
            f"{file} has no environment called {name!r}, which stacks.yaml names.", hint="Add it, or mend the name."
        )
    if name in policy.environments:
        return policy.environments[name]
    prods = policy.asked(name)
    return Environment(
        tier="prod",
        shift=max((environment.shift for environment in prods), default=0),
        demands=_strictest(prods, "normal"),
        change_types={
            change_type: TypeText(_strictest(prods, change_type))
            for change_type in CHANGE_TYPES
            if change_type != "normal" and any(_says(environment, change_type) for environment in prods)
        },
        deny=min((environment.deny for environment in prods if environment.deny), key=_rank, default=None),
        json_only=bool(prods) and all(environment.json_only for environment in prods),
        emergency=emergency_of(policy, name) if any(environment.emergency for environment in prods) else None,
        ticket=every_pattern({environment.ticket for environment in prods} - {""}),
    )


def deployers(policy: Policy, name: str) -> tuple[frozenset[str], ...]:
    """Return who may deploy to an environment: whoever stands in each of these; nothing for anybody.

    Where nobody says which environment it is, that is whoever may deploy to every production.
    """
    return tuple(frozenset(environment.deployers) for environment in policy.asked(name) if environment.deployers)


def rehearsers(policy: Policy, name: str) -> tuple[frozenset[str], ...]:
    """Return who may attest a rehearsal for an environment: whoever stands in each of these; nothing for anybody."""
    return tuple(frozenset(environment.rehearsers) for environment in policy.asked(name) if environment.rehearsers)


def schedules(policy: Policy, name: str) -> tuple[ScheduleText, ...]:
    """Return when changes may be applied in an environment: at times at which all of these are open."""
    return tuple(environment.schedule for environment in policy.asked(name) if environment.schedule)


def ticket_checks(policy: Policy, name: str) -> tuple[TicketCheckText, ...]:
    """Return which systems must know the ticket of a change in an environment: all of these."""
    return tuple(dict.fromkeys(item.ticket_check for item in policy.asked(name) if item.ticket_check))


def tests_of(policy: Policy, name: str, severity: Severity) -> DemandedTests:
    """Return the tests that a severity demands in an environment."""
    return demanded_tests([item.tests for item in policy.asked(name) if item.tests], severity)


def promotion_of(policy: Policy, name: str) -> PromotionText | None:
    """Return which promotion is demanded in an environment; ``None`` for none."""
    return demanded_promotion([item.promotion for item in policy.asked(name) if item.promotion])


def emergency_of(policy: Policy, name: str) -> EmergencyText:
    """Return what holds of emergencies in an environment; where nobody says which one it is, the strictest."""
    found = [item.emergency for item in policy.asked(name) if item.emergency]
    return strictest(found) if found else EmergencyText()


def _says(environment: Environment, change_type: ChangeType) -> bool:
    """Return whether a type of change demands something of its own in an environment."""
    return change_type in environment.change_types or (change_type == "emergency" and environment.emergency is not None)


def _strictest(environments: list[Environment], change_type: ChangeType) -> dict[Severity, DemandText]:
    """Return demands that ask at least for what each of some environments asks for."""
    found: dict[Severity, DemandText] = {}
    for severity in Severity:
        every = (environment.demand(severity, change_type) for environment in environments)
        asked = [demand for demand in every if demand.seats or demand.record or demand.readiness]
        if asked:
            seats = {role: max(demand.seats.get(role, 0) for demand in asked) for item in asked for role in item.seats}
            hours = min(demand.valid_hours for demand in asked)
            binding: Binding = "exact" if any(demand.binding == "exact" for demand in asked) else "fingerprint"
            signed = any(demand.signed_commits for demand in asked)
            record = in_order(part for demand in asked for part in demand.record)
            ready = strictest_readiness(demand.readiness for demand in asked)
            found[severity] = DemandText(seats, hours, binding, signed, list(record), ready)
        elif change_type != "normal":
            found[severity] = DemandText({})
    return found


def _rank(severity: Severity) -> int:
    return severity.rank
