"""``iacgate policy check``: the policy in words, where people are short, and what it would have asked of some plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_args

import click

from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.replay import named_plans, replayed, seats_in_words
from iacgate.cli.times import calendar_problems, calendar_warnings
from iacgate.errors import SettingsInvalid, UsageInvalid
from iacgate.gate.schedule import schedule_at
from iacgate.people.roster import Roster
from iacgate.policy.demands import Demand
from iacgate.policy.environments import ALWAYS, Environment, Policy, ShippedPack
from iacgate.render.plain import harmless
from iacgate.shell.clock import now
from iacgate.vocabulary import CHANGE_TYPES, ChangeType, Severity


@click.group()
def command() -> None:
    """Say a policy back in words, and try it on plans.

    \b
    Example:
      iacgate policy check last-month/
    """


@command.command("check")
@click.argument("plans", nargs=-1, metavar="[PLAN]...")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
def check(plans: tuple[str, ...], config: str) -> None:
    """Say what each severity demands where, warn where people are short, and say what plans would have needed.

    A folder stands for the plan files in it and for its *.json; a plan file with its JSON beside it (tfplan,
    tfplan.json) is one plan.

    \b
    Examples:
      iacgate policy check
      iacgate policy check last-month/ other/tfplan
    """
    judge = Judge(Wanted(config=config))
    if judge.own is None:
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one: `iacgate init`.")
    settings, files = judge.own.settings, judge.own.files
    for name, problem in calendar_problems(settings.policy, files, now()):
        raise SettingsInvalid(f"The environment {name!r}: {problem.message}", hint=problem.hint)
    times = open_or_closed(settings.policy, files, now())
    odd = (*warnings(settings.policy, settings.roster), *calendar_warnings(settings.policy, files, now()))
    for line in (*in_words(settings.policy), *times, *odd):
        click.echo(harmless(line))
    if plans:
        click.echo()
        for line in replayed(judge, judge.own, named_plans(plans)):
            click.echo(harmless(line))


def in_words(policy: Policy) -> Iterator[str]:
    """Yield what a policy demands, a line for each environment, type of change and severity."""
    blocks = "blocks what it denies" if policy.mode == "enforce" else "only observes: it decides, and blocks nothing"
    yield f"The gate {blocks}."
    environments = policy.environments or {"(every environment)": Environment(tier="prod")}
    for name, environment in environments.items():
        weight = f", findings weigh {environment.shift:+d}" if environment.shift else ""
        yield f"{name} ({environment.tier}{weight}):"
        yield from (f"  {line}" for line in _environment(environment))
    yield _outage(policy)
    yield f"A pattern of standard changes needs {seats_in_words(policy.board)}."
    yield f"A change of these settings needs {seats_in_words(policy.trust)}, of the people of the version before."


def _outage(policy: Policy) -> str:
    """Return what goes on while the ledger cannot be reached, as far as a policy says that."""
    if not policy.ledger:
        return "While the ledger cannot be reached, nothing is applied: a second store needs a `ledger` that is pinned."
    return "While the ledger cannot be reached, an emergency with a record goes on where the gate has a --second-store."


def _environment(environment: Environment) -> Iterator[str]:
    if environment.deny:
        yield f"{environment.deny} and above is denied, whoever signs"
    yield from _demands(environment, "normal")
    for change_type in CHANGE_TYPES:
        if change_type != "normal" and change_type in environment.change_types:
            yield f"{change_type} changes:"
            yield from (f"  {line}" for line in _demands(environment, change_type))
        elif change_type != "normal":
            yield from _without_demands(environment, change_type)
    yield from _before(environment)
    if environment.rollback_type != "normal":
        yield f"a change that takes another one back is of the type {environment.rollback_type}"
    yield from _times(environment)
    yield f"who may deploy is {', '.join(environment.deployers) or 'anybody'}"
    if environment.rehearsers:
        yield f"who may attest a rehearsal is {', '.join(environment.rehearsers)}"
    judging = get_args(ShippedPack) if environment.packs is None else sorted({*environment.packs, ALWAYS})
    left_out = ", ".join(sorted({*get_args(ShippedPack)} - {*judging}))
    yield f"judged by the rule packs {', '.join(judging)}{f', and not by {left_out}' if left_out else ''}"
    if environment.json_only:
        yield "a plan of which only the JSON is there may be gated: whoever runs the gate says which stack it is of"


def _without_demands(environment: Environment, change_type: ChangeType) -> Iterator[str]:
    """Yield what a type of change needs of which `change_types` says nothing."""
    text = environment.emergency
    if change_type == "standard":
        yield "standard changes follow a pattern that the board signed, and need no further signature"
    elif text is None:
        yield "emergency changes need what normal ones do"
    else:
        review = f"a review by {seats_in_words(text.review_seats)} within {text.review_hours} hours"
        yield f"emergency changes need {seats_in_words(text.seats)}, for {text.valid_hours} hours, and {review}"
        if text.solo:
            solo = text.solo
            limits = f"severity {solo.severity} and {solo.resources} changes at most, {solo.uses} in {solo.days} days"
            yield f"one {solo.role} alone may apply one: {limits}"


def _before(environment: Environment) -> Iterator[str]:
    check = environment.ticket_check
    if environment.ticket:
        yield f"a ticket is called like {environment.ticket}"
    if check:
        state = "is there and open" if check.open else "is there"
        yield f"the ticket that a record names {state}: the gate asks {check.provider}, {check.place}"
    if environment.tests:
        for severity, names in environment.tests.required.items():
            yield f"the tests {', '.join(names)} are green from {severity} on"
    if environment.promotion:
        yield f"the same modules were applied and verified before, {environment.promotion.days} days ago at most"


def _times(environment: Environment) -> Iterator[str]:
    text = environment.schedule
    if text is None:
        return
    parts = [f"inside {', '.join(text.windows)}"] if text.windows else []
    parts += [f"not inside {', '.join(text.freezes)}"] if text.freezes else []
    parts += [f"while AWS says that {', '.join(text.ssm)} is open"] if text.ssm else []
    yield f"applied {', '.join(parts)} ({text.timezone}), unless {seats_in_words(text.overrides)} override that"


def open_or_closed(policy: Policy, files: Mapping[str, bytes], now: str) -> Iterator[str]:
    """Yield whether the calendars of each environment that has some are open at an instant.

    Raises :class:`iacgate.errors.SettingsInvalid` where one is not there, or not valid: better now than at a gate.
    """
    for name, environment in policy.environments.items():
        found = schedule_at((environment.schedule,), files, now) if environment.schedule else None
        if found is not None and found.open:
            yield f"{name} is open now by its calendars."
        elif found is not None:
            until = f"until {found.next_open}" if found.next_open else "for 400 days at least"
            yield f"{name} is closed now by its calendars, {until}."


def _demands(environment: Environment, change_type: ChangeType) -> Iterator[str]:
    for severity in Severity:
        if severity is not Severity.NONE:
            yield f"{severity:8} {_needs(environment.demand(severity, change_type))}"


def _needs(demand: Demand) -> str:
    record = f"; its record says {', '.join(demand.record)}" if demand.record else ""
    record += f"; undoing it is {demand.readiness}" if demand.readiness else ""
    if not demand.seats:
        return f"needs nobody{record}"
    bound = "exactly that plan file" if demand.binding == "exact" else "that plan, or an identical one"
    signed = ", with signed commits" if demand.signed_commits else ""
    return f"needs {seats_in_words(demand.seats)}, for {demand.valid_hours} hours, for {bound}{signed}{record}"


def warnings(policy: Policy, roster: Roster | None) -> Iterator[str]:
    """Yield a warning for every role of which nobody could be on holiday, and for deployers who do not exist."""
    if roster is None:
        yield "Warning: there is no people.yaml, so that nobody can fill any seat."
        return
    asking: dict[tuple[str, int], list[ChangeType]] = {}
    for change_type in CHANGE_TYPES:
        for seat in _most(policy, change_type).items():
            asking.setdefault(seat, []).append(change_type)
    for (role, count), types in sorted(asking.items()):
        able = [person.id for person in roster.holding(role) if person.keys]
        if len(able) <= count:
            by = "" if "normal" in types else f" by {' and '.join(types)} changes"
            who = ", ".join(able) or "nobody"
            short = f"{count} {role} may be asked for{by}, and who could is {who}"
            yield f"Warning: {short}: nobody can be away, or an author."
    known = {*roster.principals, *(role for person in roster.principals.values() for role in person.roles)}
    for name, environment in policy.environments.items():
        for who in sorted({*environment.deployers} - known):
            yield f"Warning: nobody in people.yaml is {who}, or holds that role, who may deploy to {name}."
        for who in sorted({*environment.rehearsers} - known):
            yield f"Warning: nobody in people.yaml is {who}, or holds that role, whose rehearsals count in {name}."


def _most(policy: Policy, change_type: ChangeType) -> Counter[str]:
    """Return how many of each role a change of a type may ask for at most, anywhere."""
    most: Counter[str] = Counter(policy.trust if change_type == "normal" else {})
    for environment in policy.environments.values() or [Environment(tier="prod")]:
        for severity in Severity:
            most |= Counter(environment.demand(severity, change_type).seats)
    return most
