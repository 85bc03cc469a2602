"""``iacgate policy check``: the policy in words, where people are short, and what it would have asked of some plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import click

from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Origin, load
from iacgate.errors import UsageInvalid
from iacgate.people.roster import Roster
from iacgate.policy.demands import Demand
from iacgate.policy.environments import Environment, Policy
from iacgate.render.plain import harmless
from iacgate.vocabulary import Severity


@click.group()
def command() -> None:
    """Say a policy back in words, and try it on plans.

    \b
    Example:
      iacgate policy check plans/*.json
    """


@command.command("check")
@click.argument("plans", nargs=-1, metavar="[PLAN]...")
@click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder.")
def check(plans: tuple[str, ...], config: str) -> None:
    """Say what each severity demands where, warn where people are short, and say what plans would have needed.

    \b
    Examples:
      iacgate policy check
      iacgate policy check last-month/*.json
    """
    judge = Judge(Wanted(config=config))
    if judge.own is None:
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config, or make one: `iacgate init`.")
    settings = judge.own.settings
    for line in (*in_words(settings.policy), *short_of(settings.policy, settings.roster)):
        click.echo(harmless(line))
    if plans:
        click.echo()
        for line in replayed(judge, plans):
            click.echo(harmless(line))


def in_words(policy: Policy) -> Iterator[str]:
    """Yield what a policy demands, a line for each environment and severity."""
    blocks = "blocks what it denies" if policy.mode == "enforce" else "only observes: it decides, and blocks nothing"
    yield f"The gate {blocks}."
    environments = policy.environments or {"(every environment)": Environment(tier="prod")}
    for name, environment in environments.items():
        weight = f", findings weigh {environment.shift:+d}" if environment.shift else ""
        yield f"{name} ({environment.tier}{weight}):"
        if environment.deny:
            yield f"  {environment.deny} and above is denied, whoever signs"
        for severity in Severity:
            demand = environment.demand(severity)
            if severity is not Severity.NONE:
                yield f"  {severity:8} {_needs(demand)}"
    yield f"A change of these settings needs {_seats(policy.trust)}, of the people of the version before."


def _needs(demand: Demand) -> str:
    if not demand.seats:
        return "needs nobody"
    bound = "exactly that plan file" if demand.binding == "exact" else "that plan, or an identical one"
    signed = ", with signed commits" if demand.signed_commits else ""
    return f"needs {_seats(demand.seats)}, for {demand.valid_hours} hours, for {bound}{signed}"


def _seats(seats: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {role}" for role, count in sorted(seats.items()))


def short_of(policy: Policy, roster: Roster | None) -> Iterator[str]:
    """Yield a warning for every role of which nobody could be on holiday."""
    if roster is None:
        yield "Warning: there is no people.yaml, so that nobody can fill any seat."
        return
    wanted: Counter[str] = Counter(policy.trust)
    for environment in policy.environments.values() or [Environment(tier="prod")]:
        for severity in Severity:
            wanted |= Counter(environment.demand(severity).seats)
    for role, count in sorted(wanted.items()):
        able = [person.id for person in roster.holding(role) if person.keys]
        if len(able) <= count:
            who = ", ".join(able) or "nobody"
            yield f"Warning: {count} {role} may be asked for, and who could is {who}: nobody can be away, or an author."


def replayed(judge: Judge, plans: tuple[str, ...]) -> Iterator[str]:
    """Yield what each plan would have needed, and how many would have needed what."""
    needed: Counter[str] = Counter()
    for name in plans:
        for loaded in load(name, Origin(None, None, "")):
            assessment = judge.judge(loaded, with_differences=False)
            own = judge.own
            if own is not None:
                demand = own.place(loaded)[1].demand(assessment.severity)
                needed[_seats(demand.seats) or "nobody"] += 1
                yield f"{assessment.severity:8} {loaded.plan.name}: {_needs(demand)}"
    for seats, count in needed.most_common():
        yield f"{count} of {needed.total()} would have needed {seats}."
