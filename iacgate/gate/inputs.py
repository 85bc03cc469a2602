"""What decides: everything that is recorded, so that the decision can be made again from it alone."""

from __future__ import annotations

from typing import Literal

import msgspec

from iacgate.approval.counting import Received, Wanted
from iacgate.approval.duties import Author, Unsigned
from iacgate.change.emergency import Emergency
from iacgate.change.opening import ChangeCalendar, Schedule
from iacgate.change.patternfit import Fit
from iacgate.change.patterns import Pattern
from iacgate.change.patternuse import Use
from iacgate.change.promotion import Promotion
from iacgate.change.record import Record
from iacgate.change.testing import Asked as Tested
from iacgate.change.testing import CheckRun
from iacgate.change.tickets import Ticket
from iacgate.policy.demands import Demand
from iacgate.policy.emergencies import EmergencyText
from iacgate.risk.assessment import Assessment
from iacgate.rollback.verdict import RollbackReport
from iacgate.vocabulary import Severity


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of the pattern of a standard change.

    ``fit`` is how the plan fits it; ``signatures`` are the envelopes of those who approved it, ``board`` the seats that
    they must fill, ``uses`` what was begun by it before at this stack, ``None`` where no ledger tells.
    """

    pattern: Pattern
    fit: Fit
    signatures: tuple[bytes, ...]
    board: dict[str, int]
    uses: tuple[Use, ...] | None


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a change besides its plan.

    ``record`` is what is written of it, ``None`` where nothing is; ``ticket`` the pattern that its ticket's name must
    have, empty for any, ``ticket_checks`` what the systems say that must know it. ``schedule`` says whether the
    environment's calendars are open, ``None`` where it has none; ``change_calendars`` what AWS says of its own,
    ``override_seats`` who must sign that it does not matter. ``tests`` are the tests that are required, ``check_runs``
    what the forge tells of them; ``promotion`` is whether the same content was applied where it comes from, ``None``
    where nobody asks. ``emergency`` is what the policy says of emergencies, ``emergencies`` are those of the stack,
    ``None`` where no ledger tells, ``alone_elsewhere`` those of other stacks that somebody did alone, where somebody
    wants to act alone; ``again`` says that this is what is left of one that failed, ``changes`` how many the plan has.
    ``standard`` is what there is of the pattern that a standard change follows, ``None`` where there is no such
    pattern. ``rollback`` says whether the plan can be undone, ``None`` where nobody demands that, or there is no plan;
    ``previous`` is the commit to which undoing it goes back, empty where that is not known. ``lost`` is what went wrong
    where the ledger could not be reached, so that nothing of what it says is known; empty where it was reached, or none
    is named.
    """

    record: Record | None = None
    ticket: str = ""
    ticket_checks: tuple[Ticket, ...] = ()
    schedule: Schedule | None = None
    change_calendars: tuple[ChangeCalendar, ...] = ()
    override_seats: dict[str, int] = {}
    tests: Tested = Tested(names=(), tree="", max_age_hours=1)
    check_runs: tuple[CheckRun, ...] = ()
    promotion: Promotion | None = None
    emergency: EmergencyText = EmergencyText()
    emergencies: tuple[Emergency, ...] | None = None
    alone_elsewhere: tuple[Emergency, ...] = ()
    again: bool = False
    changes: int = 0
    standard: Standard | None = None
    rollback: RollbackReport | None = None
    previous: str = ""
    lost: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides.

    ``deny`` is the severity from which the policy denies whoever signs; ``plan_file`` says whether the
    saved plan file was read, or only its JSON; ``json_only_allowed`` whether that will do where somebody
    must sign; ``trusted`` whether the settings are. ``unsigned`` are the commits that nobody known signed;
    ``None`` where it is not known which commits made the change. ``uncommitted`` are the sources of the plan
    that the commit does not have so. ``deployer`` is what is known of whoever deploys, empty where nobody says;
    ``deployers`` are the principals, by id or role, who may: somebody in each of these;
    ``rehearsers`` likewise who may attest a rehearsal of the way back. ``circumstances`` is what is
    known of the change besides its plan.
    """

    assessment: Assessment
    wanted: Wanted
    demand: Demand
    deny: Severity | None
    authors: tuple[Author, ...]
    received: tuple[Received, ...]
    mode: Literal["observe", "enforce"]
    now: str
    plan_file: bool = True
    json_only_allowed: bool = False
    deployer: str = ""
    deployers: tuple[frozenset[str], ...] = ()
    rehearsers: tuple[frozenset[str], ...] = ()
    trusted: bool = False
    unsigned: tuple[Unsigned, ...] | None = None
    uncommitted: tuple[str, ...] = ()
    circumstances: Circumstances = Circumstances()
