"""What promotions rest on: the entry that a decision names as its proof is in the ledger, and proves it.

The stack that a change comes from has a chain of its own, so that this is known once every chain was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from iacgate import strictjson
from iacgate.errors import IacgateError
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.recorded import DECISION, SETTINGS, read_settings_files
from iacgate.policy.stacks import read_stacks


class _Proof(msgspec.Struct, frozen=True):
    """An apply that was verified: in which stack, of which change, and when."""

    stack: str
    change: str
    time: str


class Promotions:
    """The applies of a ledger that prove something, and the decisions that say so."""

    def __init__(self) -> None:
        self._proofs: dict[str, _Proof] = {}
        self._named: list[tuple[str, _Proof, Callable[[str], None]]] = []

    def note(self, opened: Opened, pieces: Mapping[str, bytes], report: Callable[[str], None]) -> None:
        """Take an entry into account; what it refers to is in ``pieces``, where somebody looked."""
        entry = opened.entry
        details = entry.details
        if entry.event == "applied" and details.get("freshPlan") == "empty" and details.get("whole") is True:
            self._proofs[opened.digest] = _Proof(entry.stack, entry.change, entry.time)
        if entry.event != "decided" or DECISION not in pieces:
            return
        try:
            found = _rests_on(pieces, entry.settings.digest)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError, IacgateError):
            return  # what is no decision, or has other settings, is reported where it is made again
        if found is not None:
            digest, proof = found
            self._named.append((digest, proof, report))
            if proof.time > entry.time:
                report("its decision rests on an apply that came after it")

    def check(self) -> None:
        """Report the decisions that rest on what is not there, or proves something else."""
        for digest, proof, report in self._named:
            if self._proofs.get(digest) != proof:
                report(
                    "its decision says that it was promoted, and the entry that proves it is not there, or is not so"
                )


def _rests_on(pieces: Mapping[str, bytes], settings: str) -> tuple[str, _Proof] | None:
    """Return on which entry a decision rests, and what that has to be; ``None`` where it rests on none."""
    decision: dict[str, Any] = strictjson.decode(pieces[DECISION])["decision"]
    said = decision["promotion"]
    if not said or not said["ok"] or decision["subjects"].get("record"):
        return None
    files = read_settings_files(pieces[SETTINGS], settings)
    stacks = read_stacks(files["stacks.yaml"], "stacks.yaml").stacks
    come_from = {stack.name: stack.promotes_from for stack in stacks}
    return said["entry"], _Proof(come_from[decision["target"]["stack"]], said["change"], said["time"])
