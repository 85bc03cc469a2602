"""What is known of a change besides its plan: its ticket, its time, its tests, where it was applied before."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from iacgate.change.emergency import Emergency
from iacgate.change.opening import ChangeCalendar
from iacgate.change.patterns import Pattern
from iacgate.change.promotion import NOT_COMPARED, Promotion
from iacgate.change.record import ticket_of
from iacgate.change.testing import Asked as Tested
from iacgate.change.testing import Check, CheckRun
from iacgate.change.tickets import Ticket
from iacgate.evidence.entry import State
from iacgate.evidence.history import chains_in
from iacgate.evidence.layout import LOG
from iacgate.evidence.ledger import Ledger
from iacgate.gate import Circumstances
from iacgate.gate.emergency import is_solo
from iacgate.gate.inputs import Standard
from iacgate.gate.schedule import schedule_at
from iacgate.plan.reader import Plan
from iacgate.plan.saved import PlanFile
from iacgate.policy.environments import Policy, emergency_of, promotion_of, schedules, tests_of, ticket_checks
from iacgate.policy.schedules import ScheduleText, override_seats
from iacgate.policy.stacks import Placed
from iacgate.policy.testing import DemandedTests
from iacgate.shell.settings import PATTERNS
from iacgate.vocabulary import ChangeType, Severity


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Of which change it is asked, and by whom.

    ``decides`` is for the gate, who asks AWS, the forge, the ledger and the systems that know tickets; these only
    where the settings are ``trusted``.
    ``plan`` is ``None`` for what is done by hand; ``chain`` is the stack's chain in the ledger.
    """

    policy: Policy
    placed: Placed
    severity: Severity
    tree: str
    commit: str
    plan_file: PlanFile | None
    ledger: Ledger | None
    chain: str
    state: State
    changes: int
    again: bool
    plan: Plan | None
    patterns: Mapping[str, Pattern]
    change_type: ChangeType
    trusted: bool
    decides: bool


def circumstances(known: Circumstances, asking: Asking, files: Mapping[str, bytes], now: str) -> Circumstances:
    """Return what is known of a change now; ``files`` are those of the settings.

    Raises :class:`iacgate.errors.SettingsInvalid` where a calendar is not valid, and the errors of AWS, the forge and
    the ledger where one of them is asked, and does not answer.
    """
    environment = asking.placed.environment
    texts = schedules(asking.policy, environment)
    demanded = tests_of(asking.policy, environment, asking.severity)
    return msgspec.structs.replace(
        known,
        ticket_checks=_tickets(ticket_of(known.record), asking),
        schedule=schedule_at(texts, files, now) if texts else None,
        change_calendars=_calendars(texts, now) if asking.decides else (),
        override_seats=override_seats(texts),
        tests=_tests(demanded, asking),
        check_runs=_check_runs(demanded, asking),
        promotion=_promotion(asking, now),
        emergency=emergency_of(asking.policy, environment),
        emergencies=asking.state.emergencies if asking.ledger else None,
        alone_elsewhere=_alone_elsewhere(asking) if is_solo(known) else (),
        again=asking.again,
        changes=asking.changes,
        standard=_standard(known, asking, files, now),
    )


def _alone_elsewhere(asking: Asking) -> tuple[Emergency, ...]:
    """Return the emergencies of all other stacks that somebody did alone."""
    if asking.ledger is None or not asking.decides:
        return ()
    others = [name for name in chains_in(asking.ledger.store.listing(LOG)) if name not in ("", asking.chain)]
    heads = asking.ledger.heads(others)
    return tuple(item for head in heads for item in head.state.emergencies if item.solo)


def _tickets(name: str, asking: Asking) -> tuple[Ticket, ...]:
    """Return what the systems say that must know the ticket of the record; nothing where that names none."""
    checks = ticket_checks(asking.policy, asking.placed.environment)
    if not checks or not name or not asking.decides:
        return ()
    from iacgate.shell.tickets import look_up  # noqa: PLC0415 - few policies name such a system

    patient = asking.change_type != "emergency"
    return tuple(look_up(check, name, os.environ, trusted=asking.trusted, patient=patient) for check in checks)


def _calendars(texts: tuple[ScheduleText, ...], now: str) -> tuple[ChangeCalendar, ...]:
    names = dict.fromkeys(name for text in texts for name in text.ssm)
    if not names:
        return ()
    from iacgate.shell.changecalendar import calendar_states  # noqa: PLC0415 - few have such calendars

    return calendar_states(tuple(names), now)


def _tests(demanded: DemandedTests, asking: Asking) -> Tested:
    return Tested(
        names=demanded.names,
        tree=asking.tree,
        commits=(asking.commit,) if asking.commit else (),
        max_age_hours=demanded.max_age_hours,
        attesters=demanded.attesters,
        attached=demanded.attached,
        checks=tuple(Check(item.test, item.name, item.app) for item in demanded.checks),
    )


def _check_runs(demanded: DemandedTests, asking: Asking) -> tuple[CheckRun, ...]:
    """Return what GitHub tells of the tests for which check runs may stand; nothing outside of a repository there."""
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if not demanded.checks or not asking.decides or not repository or not asking.commit:
        return ()
    from iacgate.shell.checkruns import check_runs  # noqa: PLC0415 - few have such tests
    from iacgate.shell.github import connect  # noqa: PLC0415 - as above

    return check_runs(connect(os.environ), repository, asking.commit, [item.name for item in demanded.checks])


def _standard(known: Circumstances, asking: Asking, files: Mapping[str, bytes], now: str) -> Standard | None:
    """Return what there is of the pattern that the record names; ``None`` where it names none that is there."""
    pattern = asking.patterns.get(known.record.pattern) if known.record and known.record.pattern else None
    if pattern is None or asking.plan is None:
        return None
    from iacgate.change.patternfit import fit  # noqa: PLC0415 - only standard changes need it

    environment = asking.placed.environment
    uses = asking.state.uses.get(pattern.name, ())
    if asking.again and uses:
        uses = (*uses[:-1], msgspec.structs.replace(uses[-1], failed=True))
    below = f"{PATTERNS}/{pattern.name}/"
    return Standard(
        pattern=pattern,
        fit=fit(pattern, asking.plan, asking.plan_file, asking.severity, environment, now),
        signatures=tuple(data for name, data in sorted(files.items()) if name.startswith(below)),
        board=dict(asking.policy.board),
        uses=uses if asking.ledger else None,
    )


def _promotion(asking: Asking, now: str) -> Promotion | None:
    text = promotion_of(asking.policy, asking.placed.environment)
    if text is None or not asking.decides:
        return None
    if asking.plan is None:
        return NOT_COMPARED
    from iacgate.cli.promoted import promoted  # noqa: PLC0415 - few policies ask for it

    return promoted(asking.ledger, text, asking.placed.promotes_from, asking.plan_file, now)
