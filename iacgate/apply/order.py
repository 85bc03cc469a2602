"""What is to be applied, how, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from iacgate.apply.result import Result
from iacgate.change.emergency import Emergency
from iacgate.evidence.advance import Using
from iacgate.evidence.degraded import Written
from iacgate.evidence.entry import Actor, Intent, Seen, Settings
from iacgate.evidence.ledger import Receipt
from iacgate.plan.saved import PlanFile
from iacgate.rollback.wayback import WayBack
from iacgate.sealing import Seal
from iacgate.shell.git import Repository

FAILED: Final = 20
NOT_STORED: Final = 21
NOT_EMPTY: Final = 22


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be applied, and what was decided about it.

    ``plan`` are the bytes of the plan file, ``sha256`` their digest; ``repository`` is at the commit that was gated,
    ``places`` are the folders that the plan was made from; ``operators`` is the stack's folder as the operator has it.
    ``decision`` is the number of the entry that let it pass, ``allowed`` is false where the policy only observes;
    ``statements`` are the approvals, until when each could count; ``check_again`` raises where it is not allowed any
    more. ``emergency`` is what it is in an emergency, but for time and number, and ``announced``
    the ways in which that was told; ``using`` is the pattern of a standard change.
    ``seen`` is the state as the ledger says it was seen last, ``unfinished`` an apply that died. ``seal`` keys the
    digests of states before anything is compared or recorded. ``way_back`` is how it is undone,
    ``None`` where nobody knows.
    """

    run: str
    stack: str
    change: str
    tree: str
    account: str
    plan: bytes
    sha256: str
    plan_file: PlanFile
    fingerprint: str
    repository: Repository
    places: tuple[str, ...]
    operators: Path
    decision: int
    statements: dict[str, str]
    allowed: bool
    check_again: Callable[[], None]
    emergency: Emergency | None
    announced: str
    using: Using | None
    seen: Seen | None
    seal: Seal
    unfinished: Intent | None
    actor: Actor
    settings: Settings
    tool: dict[str, str]
    way_back: WayBack | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says: the program, what terraform sees, and which role it takes on.

    ``providers`` are the source addresses that are allowed, ``None`` for all that the lock file names.
    """

    program: str = ""
    cli_config: Path | None = None
    allow: tuple[str, ...] = ()
    providers: tuple[str, ...] | None = None
    role: str = ""
    verify: bool = True


class Outcome(msgspec.Struct, frozen=True):
    """How it ended, with the redacted log; ``stored`` is the entry about it, ``None`` where it could not be stored.

    While the ledger cannot be reached, it is a record in a second store.
    """

    result: Result
    log: bytes
    stored: Receipt | Written | None
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """20 where it failed, 21 where that is not on record, 22 where something is left to do, else 0."""
        if self.stored is None:
            return NOT_STORED
        if self.result.event == "failed":
            return FAILED
        return 0 if self.result.fresh in ("empty", "not asked") else NOT_EMPTY
