"""What is asked about a change on the command line, and what is proposed by it."""

from __future__ import annotations

import msgspec

from iacgate.approval.statement import Target
from iacgate.change.record import Record
from iacgate.cli.judging import Judge
from iacgate.cli.ledgers import Wanted as LedgerWanted
from iacgate.cli.own import Own
from iacgate.cli.surroundings import Around, Named
from iacgate.errors import UsageInvalid
from iacgate.policy.environments import Environment
from iacgate.policy.stacks import Placed
from iacgate.risk.assessment import Assessment
from iacgate.shell.git import Repository
from iacgate.shell.submissions import Said, is_change
from iacgate.vocabulary import ChangeType, Severity


class Asked(msgspec.Struct, frozen=True):
    """What is said of a change; empty where nothing is.

    ``record`` is the file of the change's record, ``text`` what its pull request says.
    ``hand_over`` is for who submits, which makes an inbox where there is none. ``believe`` is for who signs: what the
    planner says of sources and authors is taken as it is, shown and signed. The gate looks for itself. ``applies`` is
    for who applies, and puts the way back on record.
    """

    inbox: str
    change: str = ""
    record: str = ""
    text: str = ""
    named: Named = Named()
    change_type: ChangeType | None = None
    deployer: str = ""
    ledger: LedgerWanted = LedgerWanted()
    hand_over: bool = False
    applies: bool = False
    believe: bool = False


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed: what a plan, or the record of what is done by hand, says by itself.

    ``change`` is what it is called, empty where nobody says; ``said`` what a planner says of a plan, for who signs.
    ``judged`` is the assessment for whoever has the plan, ``severity`` what it counts as.
    """

    name: str
    change: str
    change_type: ChangeType
    record: Record | None
    said: Said | None
    judged: Assessment
    severity: Severity
    placed: Placed
    environment: Environment
    around: Around
    repository: Repository | None
    target: Target


def own_of(judge: Judge, asked: Asked) -> Own:
    """Return the settings by which a change is decided about.

    Raises :class:`UsageInvalid` where there are none, or where the change has no name that it could have.
    """
    if judge.own is None:
        raise UsageInvalid(
            "A gate needs settings, and there is no .iacgate folder.",
            hint="Name it with --config, or run this in the repository that has it.",
        )
    if asked.change and not is_change(asked.change):
        raise UsageInvalid(f"{asked.change!r} names no change.", hint="Use letters, digits, dots and dashes.")
    return judge.own
