"""What decided, as it is kept, and the same decision made from it once more.

A decision is a pure function of its inputs and of who is who. Both are kept whole, so that anybody can make it again
and compare the bytes: the approvals are then verified again, at their time, by the people of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from iacgate import canonical, trust
from iacgate.errors import EvidenceInvalid, IacgateError
from iacgate.evidence.ledger import Piece
from iacgate.gate import Decision, Inputs, decide
from iacgate.people.roster import Roster

MAX_RECORDED: Final = 1 << 30
"""Bytes of one recorded object."""

DECISION: Final = "decision"
INPUTS: Final = "inputs"
SETTINGS: Final = "settings"

T = TypeVar("T")

ReadRoster = Callable[[Mapping[str, bytes]], Roster]
"""Returns who is who, by the files of some settings."""

AsJson = Callable[[Decision], bytes]
"""Returns a decision as it is printed for programs."""


def recorded(inputs: Inputs, decision: bytes, settings: Mapping[str, bytes]) -> dict[str, Piece]:
    """Return what an entry about a decision refers to: the decision, its inputs, and the files of the settings."""
    return {
        DECISION: Piece(decision),
        INPUTS: Piece(canonical.canonical_json(_without_differences(inputs))),
        SETTINGS: Piece(canonical.canonical_json(dict(settings))),
    }


def _without_differences(inputs: Inputs) -> Inputs:
    """Return inputs without what is only for display, and decides nothing."""
    changes = tuple(
        msgspec.structs.replace(change, differences=(), more_differences=0) for change in inputs.assessment.changes
    )
    return msgspec.structs.replace(inputs, assessment=msgspec.structs.replace(inputs.assessment, changes=changes))


def read_settings_files(data: bytes, digest: str) -> dict[str, bytes]:
    """Return the files of recorded settings.

    Raises :class:`EvidenceInvalid` where they are not those of the digest.
    """
    files = _read(data, dict[str, bytes], "settings")
    if trust.bundle_digest(files) != digest:
        raise EvidenceInvalid("The recorded settings are not those that the entry names.", hint="")
    return files


def read_inputs(data: bytes) -> Inputs:
    """Return recorded inputs.

    Raises :class:`EvidenceInvalid` where they are none that this version understands whole.
    """
    return _read(data, Inputs, "inputs")


def _read(data: bytes, kind: type[T], name: str) -> T:
    """Return what was recorded. It has one spelling: nothing in it is passed over, and no key stands twice."""
    try:
        found = msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"The recorded {name} cannot be read.", hint="") from error
    if canonical.canonical_json(found) != data:
        raise EvidenceInvalid(f"The recorded {name} are not spelled as the gate writes them.", hint="")
    return found


def replayed(inputs: Inputs, settings: Mapping[str, bytes], read_roster: ReadRoster, as_json: AsJson) -> bytes:
    """Return the decision that recorded inputs give, as it is printed for programs.

    Raises :class:`EvidenceInvalid` where there can be none.
    """
    try:
        return as_json(decide(inputs, read_roster(settings)))
    except IacgateError as error:
        raise EvidenceInvalid(f"The decision cannot be made again: {error.message}", hint="") from error
