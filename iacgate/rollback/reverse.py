"""The reverse plan: what would be done to undo a plan, step by step, in the order in which it must happen.

It is made from the plan, and from what is said of undoing it; nothing here reads a file or a clock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from iacgate.plan.graph import configuration_address, without_keys
from iacgate.plan.planproto import Product
from iacgate.plan.reader import Plan
from iacgate.rollback.checks import Ground
from iacgate.rollback.declared import declared_in
from iacgate.rollback.dependencies import Dependencies, dependencies_of
from iacgate.rollback.order import Item, Turn, in_order
from iacgate.rollback.overlay import Block, Surroundings, block_of
from iacgate.rollback.verdict import Because, Check, Inverse, NotChecked, RollbackReport, Undo
from iacgate.vocabulary import Action, Readiness, Reversibility

How: TypeAlias = Literal["configuration", "overlay", "by-hand", "nothing"]
"""What does a step: the previous configuration alone, a block beside it, a person, or nothing that is known."""

_VERSION: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.")
_REMOVES: Final = ("delete", "remove")
_STAYS_CHANGED: Final = "What this plan changes of it when it is imported stays changed: change it back by hand."
_LEFTOVER: Final = "It is what an earlier replacement left over: no configuration makes it again."
_GOES_FIRST: Final = (
    "Terraform deletes it before it changes what uses it. Where the cloud refuses that, apply the changes first,"
    " each with -target."
)
_NO_STEPS: Final = "Nobody wrote down how its data is restored."
_ELSEWHERE: Final = "It was at another address before: there it is made again."


_EMPTY: Final = "The previous configuration makes it again, without what is lost."
_CIRCLE: Final = "it is in a circle of dependencies: nothing tells which of them goes first"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of the way back.

    ``address`` is where the object is after the plan, ``target`` where it is once the step is done. ``waits_for`` has
    the numbers of steps that must be over before, ``more_waits`` counts those that are not listed; ``order_unknown``
    says why that is not all. ``block`` is what is written for it beside the previous configuration. ``point`` is from
    what its data is restored, ``steps`` how. ``notes`` are for whoever does it.
    """

    number: int
    address: str
    target: str
    type: str
    action: Action
    inverse: Inverse
    verdict: Reversibility
    how: How
    why: tuple[Because, ...] = ()
    deposed: str = ""
    waits_for: tuple[int, ...] = ()
    more_waits: int = 0
    order_unknown: str = ""
    block: Block | None = None
    point: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Start(msgspec.Struct, frozen=True):
    """Where the way back starts and leads: the state of the plan, and the previous commit.

    ``previous`` is empty where nobody named it. ``folder`` is the stack's folder in its repository. ``locked`` says
    whether the previous commit has a lock file. ``lineage`` and ``serial`` are those of the state that was planned
    from; ``serial`` is ``None`` where only the plan's JSON was read. ``program`` is what commands are given to.
    """

    previous: str
    folder: str
    locked: bool | None
    lineage: str
    serial: int | None
    workspace: str
    program: str


class ReversePlan(msgspec.Struct, frozen=True):
    """What would be done to undo a plan: its name and digest, the whole answer, and the steps in their order.

    ``cycles`` are configuration addresses that depend on each other in a circle: their order is nobody's guess.
    """

    plan: str
    sha256: str
    readiness: Readiness
    verdict: Reversibility
    start: Start
    steps: tuple[Step, ...]
    cycles: tuple[tuple[str, ...], ...]
    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]
    approximate: tuple[str, ...]
    knowledge: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is written beside the previous configuration, in the order of the steps."""
        return tuple(step.block for step in self.steps if step.block)


class _Known(msgspec.Struct, frozen=True):
    """What all steps are made from; ``in_use`` are the resources that something uses until it is changed back."""

    around: Surroundings
    dependencies: Dependencies
    in_use: frozenset[str]


def reverse_of(
    plan: Plan, report: RollbackReport, ground: Ground, *, sha256: str = "", folder: str = ""
) -> ReversePlan:
    """Return the reverse plan.

    ``report`` and ``ground`` are of this plan; ``sha256`` is the digest of the saved plan file, where there is one.

    Raises :class:`iacgate.errors.PlanUnreadable` where the plan cannot be read.
    """
    start = _start(ground, folder)
    undos = report.undos
    known = _known(plan, report, ground, start.program)
    turns = in_order([_item(undo) for undo in undos], known.dependencies.needs)
    steps = tuple(_step(number, turn, undos[turn.item], known) for number, turn in enumerate(turns, 1))
    return ReversePlan(
        plan=plan.name,
        sha256=sha256 or plan.sha256,
        readiness=report.readiness,
        verdict=report.verdict,
        start=start,
        steps=steps,
        cycles=tuple(dict.fromkeys(turn.cycle for turn in turns if turn.cycle)),
        checks=report.checks,
        not_checked=report.not_checked,
        approximate=report.approximate,
        knowledge=report.knowledge,
    )


def _start(ground: Ground, folder: str) -> Start:
    file, previous = ground.plan_file, ground.previous
    return Start(
        previous=previous.commit if previous else "",
        folder=folder,
        locked=previous.lock is not None if previous and previous.commit else None,
        lineage=file.lineage if file else "",
        serial=file.serial if file else None,
        workspace=file.workspace if file else "",
        program="tofu" if file and file.product is Product.OPENTOFU else "terraform",
    )


def _known(plan: Plan, report: RollbackReport, ground: Ground, program: str) -> _Known:
    instances = Counter(configuration_address(item) for item in plan.resource_changes() if item.mode == "managed")
    imported = Counter(_place(undo) for undo in report.undos if undo.inverse == "remove")
    declares = declared_in(ground.previous.snapshot if ground.previous else None)
    dependencies = _dependencies(plan, report.undos)
    updated = {_place(undo) for undo in report.undos if undo.inverse == "update"}
    in_use = {name for place, names in dependencies.needs.items() if place in updated for name in names}
    release = _release(plan.terraform_version)
    around = Surroundings(declares, instances.__getitem__, imported.__getitem__, program, release)
    return _Known(around, dependencies, frozenset(in_use))


def _release(version: str) -> tuple[int, int]:
    """Return major and minor version; of what is none, those of a program that has all blocks."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (1, 11)


def _dependencies(plan: Plan, undos: tuple[Undo, ...]) -> Dependencies:
    places = {_place(undo) for undo in undos}
    moved = {(_place(undo), without_keys(undo.previous_address)) for undo in undos if undo.previous_address}
    return dependencies_of(plan, places, {(new, old) for new, old in moved if new != old})


def _place(undo: Undo) -> str:
    return without_keys(undo.address)


def _item(undo: Undo) -> Item:
    return Item(_place(undo), f"{undo.address} {undo.deposed}", undo.inverse in _REMOVES)


def _step(number: int, turn: Turn, undo: Undo, known: _Known) -> Step:
    block = block_of(undo, known.around)
    return Step(
        number=number,
        address=undo.address,
        target=undo.previous_address or undo.address,
        type=undo.type,
        action=undo.action,
        inverse=undo.inverse,
        verdict=undo.verdict,
        how=_how(undo, block),
        why=undo.reasons,
        deposed=undo.deposed,
        waits_for=tuple(at + 1 for at in turn.waits_for),
        more_waits=turn.more,
        order_unknown=_CIRCLE if turn.cycle else known.dependencies.unknown.get(_place(undo), ""),
        block=block,
        point=undo.point,
        steps=undo.steps,
        notes=tuple(_notes(undo, known)),
    )


def _how(undo: Undo, block: Block | None) -> How:
    if undo.deposed:
        return "nothing"
    if block and block.by_hand:
        return "by-hand"
    return "overlay" if block and block.text else "configuration"


def _notes(undo: Undo, known: _Known) -> Iterator[str]:
    if undo.inverse == "remove" and undo.action is not Action.NO_OP:
        yield _STAYS_CHANGED
    if undo.deposed:
        yield _LEFTOVER
    elif undo.action.destroys and undo.verdict is Reversibility.IRREVERSIBLE:
        yield _EMPTY
    if undo.verdict is Reversibility.DATA_RESTORE and not undo.steps:
        yield _NO_STEPS
    if undo.previous_address and undo.inverse == "create":
        yield _ELSEWHERE
    if undo.inverse == "delete" and _place(undo) in known.in_use:
        yield _GOES_FIRST
