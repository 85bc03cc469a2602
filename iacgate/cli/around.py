"""What is around a gate and is named by its settings or its command line: calendars, ticket systems, a second store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from iacgate.cli.own import Own
from iacgate.cli.spare import NAME
from iacgate.cli.times import calendar_problems, calendar_warnings
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.openings import Point
from iacgate.shell.clock import now
from iacgate.shell.stores import open_store

_SECOND: Final = "second store"


def calendar_points(own: Own) -> Iterator[Point]:
    """Yield whether the calendars and time zones that the policy names are there, where it names any."""
    policy, files, name = own.settings.policy, own.files, "calendars"
    if not any(environment.schedule for environment in policy.environments.values()):
        return
    problems = [
        Point(name, "open", f"{where}: {error.message}", error.hint or "")
        for where, error in calendar_problems(policy, files, now())
    ]
    yield from problems
    if problems:
        return
    warnings = [text.removeprefix("Warning: ") for text in calendar_warnings(policy, files, now())]
    yield from (Point(name, "open", text, "Look at `schedule` in policy.yaml.") for text in warnings)
    if not warnings:
        yield Point(name, "ok", "Every calendar that the policy names is there, and can be read.")


def ticket_points(own: Own, environment: Mapping[str, str]) -> Iterator[Point]:
    """Yield what is known of the systems that must know tickets; none of them is asked."""
    from iacgate.shell.tickets import TOKEN_VARIABLE  # noqa: PLC0415 - few policies name such a system

    for name, item in own.settings.policy.environments.items():
        check = item.ticket_check
        if check is None:
            continue
        where = f"{name}: tickets are looked up in {check.provider}, {check.place}"
        variables = ("GITHUB_TOKEN", "GH_TOKEN") if check.provider == "github" else (TOKEN_VARIABLE,)
        if check.provider != "github" and own.trusted is None:
            todo = "Sign the settings, and name --trusted REF."
            yield Point("ticket check", "open", f"{where}, which is not asked: the settings are not signed.", todo)
        elif not any(environment.get(variable) for variable in variables):
            todo = f"Set {variables[0]} where the gate runs."
            yield Point("ticket check", "unknown", f"{where}, and no token for it is in this environment.", todo)
        else:
            todo = "Gate a change that names a ticket."
            yield Point("ticket check", "unknown", f"{where}; whether it answers was not asked.", todo)


def second_store_points(name: str, ledger: str, own: Own | None) -> Iterator[Point]:
    """Yield whether a second store could stand in for the ledger."""
    if not name:
        text = "No second store is named: while the ledger cannot be reached, not even an emergency is applied."
        yield Point(_SECOND, "unknown", text, f"Name {NAME}, where the gate has one.")
        return
    try:
        store = open_store(name)
        store.listing("degraded/", 1)
        problems = store.problems()
    except (EvidenceInvalid, UsageInvalid) as error:
        yield Point(_SECOND, "open", error.message, error.hint or "")
        return
    if name.rstrip("/") == ledger.rstrip("/"):
        problems = [*problems, f"{name} is the ledger itself, and cannot stand in for it"]
    if own is None or not own.settings.policy.ledger:
        problems = [*problems, f"{name} is never used, because the settings pin no ledger"]
    for problem in problems:
        known = not problem.startswith(f"{store.name}: whether ")
        yield Point(_SECOND, "open" if known else "unknown", problem, "See docs/emergencies.md.")
    if not store.independent:
        text = f"{name}: a folder is not independent: whoever can write it can take a record away."
        yield Point(_SECOND, "open", text, "Keep it in a bucket of another account or region, with object lock.")
    elif not problems:
        yield Point(_SECOND, "ok", f"{store.name}: reachable, and it keeps versions and locks.")
