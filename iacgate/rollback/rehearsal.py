"""What a rehearsal of the way back showed, held against the reverse of the plan.

| forward | expected on the way back |
|---|---|
| create | delete |
| update | update, to the values before |
| delete | create, with the values before |
| replace | replace, with the values before |
| forget | create; with an overlay: import |
| import | delete; with an overlay: forget |
| move | delete and create; with an overlay, or where Terraform does it by itself: move back |
| no-op | nothing |

What is replaced for another reason than its values (tainted, or by request) may as well be updated, or stay. A
replacement may make the new object first or last: that is not told apart. What is known only after apply is not
compared: it may come back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from iacgate.plan.model import Path, ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.rollback.overlayread import Overlay
from iacgate.rollback.returning import Pair, returning
from iacgate.vocabulary import Action

SCHEMA: Final = "iacgate.rehearsal/1"

Outcome: TypeAlias = Literal["matches", "differs", "failed"]
Actions: TypeAlias = tuple[str, ...]
"""What is done to an object: words of :class:`iacgate.vocabulary.Action`, ``import`` and ``move``; empty: nothing."""

MAX_DIFFERENCES: Final = 1_000
MAX_WHY: Final = 4_000
"""Characters of what terraform said."""

_INVERSES: Final[dict[Action, Actions]] = {
    Action.CREATE: ("delete",),
    Action.UPDATE: ("update",),
    Action.DELETE: ("create",),
    Action.REPLACE: ("replace",),
    Action.FORGET: ("create",),
    Action.FORGET_AND_CREATE: ("replace",),
}
_FORGETTING: Final = (Action.FORGET, Action.FORGET_AND_CREATE)


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the way back does to one object; ``deposed`` is the key of an old object that waits for its deletion."""

    address: str
    actions: Actions
    deposed: str = ""


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the way back is another one than the reverse of the plan.

    Where the actions are the same, ``path`` is where a value comes back as another one: ``before`` is what it was
    and ``after`` what it will be, redacted.
    """

    address: str
    expected: Actions
    rehearsed: Actions
    deposed: str = ""
    path: str = ""
    before: str = ""
    after: str = ""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """How the rehearsal of a plan's way back ended.

    ``approximate`` has the addresses of which the plan leaves something open, so that placeholders stood in for it;
    ``not_rehearsed`` those that were left out. ``why`` says which step failed, and what terraform said. ``previous``
    is the commit that the way back leads to. Digests are SHA-256; that of the overlay is empty where there is none.
    """

    schema: str = SCHEMA
    outcome: Outcome
    plan_sha256: str
    previous: str
    terraform_version: str
    overlay_sha256: str = ""
    approximate: tuple[str, ...] = ()
    not_rehearsed: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    differences: tuple[Difference, ...] = ()
    more_differences: int = 0
    why: str = ""


class Plans(msgspec.Struct, frozen=True):
    """A plan, the one that takes it back, and where placeholders stood in the state between: paths by address."""

    forward: Plan
    back: Plan
    unknown: Mapping[str, tuple[Path, ...]] = {}


class Compared(msgspec.Struct, frozen=True):
    """What comes of holding the rehearsed plan against the plan: see the fields of :class:`Rehearsal`."""

    not_rehearsed: tuple[str, ...]
    steps: tuple[Step, ...]
    differences: tuple[Difference, ...]
    more_differences: int


class _Expected(msgspec.Struct, frozen=True):
    """What is done on the way back, what may as well be done, and the change that is taken back."""

    actions: Actions
    forward: ResourceChange | None = None
    also: tuple[Actions, ...] = ()


_NOTHING: Final = _Expected(())


def compare(plans: Plans, overlay: Overlay, redactor: Redactor) -> Compared:
    """Return where the rehearsed plan is the reverse of a plan, and where not.

    ``redactor`` knows the secrets of both plans. Raises :class:`iacgate.errors.PlanUnreadable` where one of them
    cannot be read.
    """
    expected = _Reverse(plans.forward, plans.back, overlay)
    found = list(_differences(expected, plans, redactor))
    skipped = tuple(redactor.clean(address) for address in dict.fromkeys(expected.not_rehearsed))
    return Compared(
        not_rehearsed=skipped,
        steps=tuple(_steps(plans.back, redactor)),
        differences=tuple(found[:MAX_DIFFERENCES]),
        more_differences=max(len(found) - MAX_DIFFERENCES, 0),
    )


def why_failed(step: str, said: str, redactor: Redactor) -> str:
    """Return why a rehearsal failed: the step, and terraform's own words without secrets."""
    lines = (line.strip("│╷╵| ") for line in redactor.clean(said).splitlines())
    text = f"{step}: " + ("\n".join(line for line in lines if line) or "terraform said nothing")
    return text if len(text) <= MAX_WHY else text[: MAX_WHY - 1] + "…"


class _Reverse:
    """What is expected of every object: by address and deposed key."""

    def __init__(self, forward: Plan, back: Plan, overlay: Overlay) -> None:
        self._overlay = overlay
        self._moved_back = {(change.previous_address, change.address) for change in back.resource_changes()}
        self._by_key: dict[tuple[str, str], _Expected] = {}
        self.not_rehearsed: list[str] = []
        self._forgotten: set[str] = set()
        for change in forward.resource_changes():
            if change.mode == "managed" and change.matters:
                self._expect(change)
        self.not_rehearsed += [change.address for change in forward.deferred()]
        self.not_rehearsed += [invocation.address for invocation in forward.action_invocations()]
        self._hidden = {*self.not_rehearsed, *(place for place in overlay.left_out if place in self._forgotten)}
        self.not_rehearsed += overlay.left_out

    def _expect(self, change: ResourceChange) -> None:
        address, inverse = change.address, _INVERSES.get(change.action, ())
        if change.action in _FORGETTING:
            self._forgotten |= {address, change.previous_address}
        if change.deposed:  # an old object that waited for its deletion; no configuration makes it again
            return
        if change.moved:
            move = (address, change.previous_address)
            if self._overlay.moves_back(*move) or move in self._moved_back:
                self._put(change.previous_address, ("move", *inverse), change)
            else:
                self._put(address, ("delete",), None)
                self._put(change.previous_address, ("create",), change)
        elif change.imported:
            self._put(address, ("forget",) if self._overlay.forgets(address) else ("delete",), None)
        elif change.action is Action.FORGET and self._overlay.takes_in(address):
            self._put(address, ("import",), change)
        else:
            self._put(address, inverse, change)

    def _put(self, address: str, actions: Actions, forward: ResourceChange | None) -> None:
        """Expect actions at an address; where one object leaves it and another one comes, it is replaced."""
        there = self._by_key.get((address, ""))
        if there is not None and {*there.actions, *actions} == {"create", "delete"}:
            self._by_key[address, ""] = _Expected(("replace",), forward or there.forward)
        else:
            self._by_key[address, ""] = _Expected(actions, forward, _also(actions, forward))

    def of(self, key: tuple[str, str]) -> _Expected:
        return self._by_key.get(key, _NOTHING)

    def missing(self, seen: set[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], _Expected]]:
        """Yield what is expected and was not seen."""
        for key, item in self._by_key.items():
            if key not in seen and () not in (item.actions, *item.also):
                yield key, item

    def is_rehearsed(self, address: str) -> bool:
        """Return whether it is; an import that is left out hides nothing but what the plan forgets."""
        return address not in self._hidden


def _also(actions: Actions, forward: ResourceChange | None) -> tuple[Actions, ...]:
    by_values = forward is None or forward.replace_roots()
    return () if by_values or actions != ("replace",) else (("update",), ())


def actions_of(change: ResourceChange) -> Actions:
    """Return what a change does, in words; nothing where it does nothing."""
    words = (("import", change.imported), ("move", change.moved))
    idle = not change.action.mutates
    return (*(word for word, there in words if there), *(() if idle else (str(change.action),)))


def _steps(back: Plan, redactor: Redactor) -> Iterator[Step]:
    for change in back.resource_changes():
        if change.mode == "managed" and (actions := actions_of(change)):
            yield Step(redactor.clean(change.address), actions, change.deposed)


def _differences(expected: _Reverse, plans: Plans, redactor: Redactor) -> Iterator[Difference]:
    seen: set[tuple[str, str]] = set()
    for change in plans.back.resource_changes():
        if change.mode != "managed":
            continue
        key = (change.address, change.deposed)
        seen.add(key)
        if expected.is_rehearsed(change.address):
            yield from _difference(expected.of(key), change, plans, redactor)
    for (address, deposed), item in expected.missing(seen):
        if expected.is_rehearsed(address):
            yield Difference(redactor.clean(address), item.actions, (), deposed)
    yield from _outputs(plans, redactor)


def _difference(wanted: _Expected, change: ResourceChange, plans: Plans, redactor: Redactor) -> Iterator[Difference]:
    actions, address = actions_of(change), redactor.clean(change.address)
    if actions not in (wanted.actions, *wanted.also):
        yield Difference(address, wanted.actions, actions, change.deposed)
    elif wanted.forward is not None and actions:
        unknown = plans.unknown.get(wanted.forward.address, ())
        pair = Pair(wanted.forward.body, change.body, change.address, unknown)
        for path, before, after in returning(pair, redactor):
            yield Difference(address, actions, actions, change.deposed, path, before, after)


def _outputs(plans: Plans, redactor: Redactor) -> Iterator[Difference]:
    ahead = {output.name: output for output in plans.forward.outputs()}
    behind = {output.name: output for output in plans.back.outputs()}
    for name in sorted({*ahead, *behind}):
        there, here = ahead.get(name), behind.get(name)
        wanted: Any = _INVERSES.get(there.action, ()) if there else ()
        done: Any = (str(here.action),) if here and here.action.mutates else ()
        address = f"output.{redactor.clean(name)}"
        if wanted != done:
            yield Difference(address, wanted, done)
        elif there and here and done:
            pair = Pair(there.body, here.body, address, plans.unknown.get(f"output.{name}", ()))
            for path, before, after in returning(pair, redactor):
                yield Difference(address, wanted, done, "", path, before, after)
