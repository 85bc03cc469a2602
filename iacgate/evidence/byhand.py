"""Recorded decisions about changes by hand, and what a decision let pass, which what follows has to count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from iacgate import strictjson
from iacgate.approval.statement import Target
from iacgate.change.manual import severity_of
from iacgate.errors import IacgateError
from iacgate.evidence.entry import Entry
from iacgate.evidence.recorded import DECISION
from iacgate.gate import Inputs
from iacgate.policy.environments import Environment
from iacgate.policy.stacks import placed_by_hand, read_stacks


class Passed(msgspec.Struct, frozen=True):
    """What a decision was about: the statements of the approvals that counted, and whether it has no plan.

    ``by_hand`` is ``None`` where nobody looked. ``emergency`` says that it is one, ``pattern`` which one it follows.
    """

    statements: tuple[str, ...] = ()
    by_hand: bool | None = None
    emergency: bool = False
    pattern: str = ""


def passed_of(pieces: Mapping[str, bytes]) -> Passed:
    """Return what a recorded decision let pass."""
    try:
        decision = strictjson.decode(pieces[DECISION])["decision"]
        return Passed(
            statements=tuple(
                str(item["statement"])
                for item in decision["approvals"]
                if item["code"] == "counts" and item["decision"] == "approve"
            ),
            by_hand=bool(decision["subjects"].get("record")),
            emergency=decision["change_type"] == "emergency",
            pattern=str(decision["pattern"]) if decision["change_type"] == "standard" else "",
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return Passed()  # what is no decision is reported where it is made again


def uncounted(entry: Entry, passed: Passed) -> Iterator[str]:
    """Yield where an emergency, or the use of a pattern, begins that was allowed, and nobody counts it."""
    if passed.emergency and entry.change not in {item.change for item in entry.state.emergencies}:
        yield "it begins an emergency, and nobody is to review it"
    if passed.pattern and entry.change not in {use.change for use in entry.state.uses.get(passed.pattern, ())[-1:]}:
        yield "it uses a pattern, and does not count that"


def by_hand_problems(inputs: Inputs, environment: Environment, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield where a change by hand was decided about at another place, or as less severe, than its record says."""
    record, target = inputs.circumstances.record, inputs.wanted.target
    if record is None or record.manual is None:
        yield "its decision is about a change by hand, and there is no record of one"
        return
    try:
        stacks = read_stacks(files["stacks.yaml"], "stacks.yaml") if "stacks.yaml" in files else None
    except IacgateError as error:
        yield error.message
        return
    placed = placed_by_hand(stacks, record.manual.stack)
    if target != Target(placed.stack, placed.environment, {}, "", placed.account, ""):
        yield "its decision is about another stack than the recorded stacks.yaml has for what is done by hand"
    if inputs.wanted.severity is not severity_of(record.manual, production=environment.tier == "prod"):
        yield "its decision takes what is done by hand for another severity than its record says"
