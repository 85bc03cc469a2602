"""Whether and how one change can be undone.

| forward | inverse | judged on |
|---|---|---|
| create | delete | ``after``: it is deleted with what this plan writes |
| update | update back | both, where the way back is another one |
| delete, replace | create | ``before``: a deletion reads what the state says |
| forget, import, move | import, remove, move | a block beside the previous configuration mends it |

A value that is sensitive or computed at apply makes a condition unknown, and the verdict with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import UNSET

from iacgate.conditions.refs import Reads, Subject, all_reads
from iacgate.conditions.values import UNKNOWN, Value
from iacgate.plan import redaction
from iacgate.plan.configured import configured_attributes
from iacgate.plan.graph import configuration_address
from iacgate.plan.model import ChangeBody, ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.rollback.destruction import of_creation, of_destruction
from iacgate.rollback.filling import filled
from iacgate.rollback.findings import Case, Found
from iacgate.rollback.knowledge import Entry, Knowledge
from iacgate.rollback.oneway import of_way
from iacgate.rollback.overlays import add_overlay, shown_import_id
from iacgate.rollback.secrets import needed
from iacgate.rollback.subjects import ProviderConstants, Related
from iacgate.rollback.verdict import Because, Check, Inverse, Undo
from iacgate.vocabulary import Action, Reversibility, Severity

_MAX_REMEMBERED: Final = 20_000

_INVERSES: Final[dict[Action, Inverse]] = {
    Action.CREATE: "delete",
    Action.UPDATE: "update",
    Action.DELETE: "create",
    Action.REPLACE: "delete-create",
    Action.FORGET: "import",
    Action.FORGET_AND_CREATE: "delete",
}
_MAKES: Final = (Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE)
_UNSTATED: Final = "Say in the record, under `undo`, what undoing it means: what is known of its type does not tell."


class Judged(msgspec.Struct, frozen=True):
    """What is found of one change: the answer, and the checks that do not hold."""

    undo: Undo
    checks: tuple[Check, ...]


class Undoing:
    """Judges the changes of one plan.

    ``stateless`` tells how bad it is to lose an object of a type that holds no data, where nothing else is known of
    it; ``None`` where it may hold some.
    """

    def __init__(self, plan: Plan, knowledge: Knowledge, stateless: Callable[[str], Severity | None]) -> None:
        self._plan = plan
        self._knowledge = knowledge
        self._stateless = stateless
        self._constants = ProviderConstants(plan.configuration)
        self._related = Related(plan)
        self._remembered: dict[tuple[object, ...], Found] = {}

    def judge(self, change: ResourceChange, redactor: Redactor) -> Judged | None:
        """Return what undoing a change means; ``None`` where it changes nothing.

        Raises :class:`iacgate.errors.PlanUnreadable` where the change cannot be read.
        """
        if change.mode != "managed" or not change.matters:
            return None
        where = f"{self._plan.name}: {ascii(change.address)}"
        known = self._found(change, redactor, where)
        found = msgspec.structs.replace(known, reasons=[*known.reasons], checks=[*known.checks])
        overlay = add_overlay(change, found)
        if change.deferred:
            found.say(Reversibility.UNKNOWN, Because("it is deferred: what will be done is not decided yet"))
        address = redactor.clean(change.address)
        undo = Undo(
            address=address,
            type=change.type,
            action=change.action,
            verdict=found.verdict,
            inverse=_inverse(change, found),
            reasons=found.by_weight(),
            deposed=change.deposed,
            previous_address=redactor.clean(change.previous_address) if change.moved else "",
            overlay=overlay,
            point=found.point,
            steps=filled(found.steps, change.body, redactor, where),
            import_id=shown_import_id(change, redactor, where),
        )
        return Judged(undo, tuple(msgspec.structs.replace(check, address=address) for check in found.checks))

    def _found(self, change: ResourceChange, redactor: Redactor, where: str) -> Found:
        """Return what is found of a change: the same for all of which the same is true."""
        entries = self._knowledge.about(change.type)
        reads = _reads(entries)
        body = redaction.narrowed(change.body, reads, where) if entries else change.body
        secret = self._needs(change, where)
        known = redaction.texts(body) if entries else ()
        asked = self._asked_for(change, entries, reads)
        key = (change.action, change.type, change.provider, secret, asked, *known)
        related = frozenset(name for entry in entries for name in entry.related)
        found = None if related else self._remembered.get(key)
        if found is None:
            found = Found()
            subject = self._subject(change, body, entries, redactor)
            if related:
                subject["related"] = self._related.of(change, related, redactor)
            made = _without_what_nobody_asks(subject.get("after"), asked)
            cases = tuple(Case(entry, subject, redactor) for entry in entries)
            self._judge(change, cases, {**subject, "before": made, "after": None}, found)
            if secret:
                text = f"undoing it needs values that no plan shows: {', '.join(map(redactor.clean, secret))}"
                found.say(Reversibility.UNKNOWN, Because(text))
            if not related and len(self._remembered) < _MAX_REMEMBERED:
                self._remembered[key] = found
        return found

    def _needs(self, change: ResourceChange, where: str) -> tuple[str, ...]:
        """Return the attributes whose value undoing needs and no plan shows."""
        if change.action is Action.UPDATE:
            return needed(change.body, where, made_anew=False)
        return needed(change.body, where, made_anew=True) if change.action.destroys else ()

    def _subject(
        self, change: ResourceChange, body: ChangeBody, entries: tuple[Entry, ...], redactor: Redactor
    ) -> Subject:
        if not entries:
            return {}
        where = f"{self._plan.name}: {ascii(change.address)}"
        before: Value = redaction.before_of(body, redactor, where)
        after: Value = redaction.after_of(body, redactor, where)
        if before is None and change.action not in (Action.CREATE,):
            before = UNKNOWN
        if after is None and change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE):
            after = UNKNOWN
        facts = {"action": str(change.action), "type": change.type, "provider": change.provider}
        subject: Subject = {"before": before, "after": after, "change": facts, "config": {}, "related": {}}
        if any(entry.uses_config for entry in entries):
            subject["config"] = self._constants.of(change.provider)
        return subject

    def _asked_for(self, change: ResourceChange, entries: tuple[Entry, ...], reads: Reads) -> Reads:
        """Return which attributes the configuration of something new sets; ``None`` where that is not known."""
        unknown = change.body.after_unknown
        if change.action not in _MAKES or not entries or unknown is UNSET or b"true" not in bytes(unknown):
            return None
        found = self._configured.get(configuration_address(change))
        return found if found is None or reads is None else found & reads

    @functools.cached_property
    def _configured(self) -> dict[str, frozenset[str]]:
        return configured_attributes(self._plan.configuration)

    def _judge(self, change: ResourceChange, cases: tuple[Case, ...], later: Subject, found: Found) -> None:
        action = change.action
        if action.destroys:
            for case in cases:
                written = {**case.subject, "before": case.subject.get("after"), "after": None}
                of_destruction(case, found, protected=written if action is Action.REPLACE else {})
            if not any(case.entry.text.destroyed for case in cases):
                self._unknown_type(change.type, found)
        if action in _MAKES:
            for case in cases:
                of_creation(msgspec.structs.replace(case, subject=later), found)
        of_way(cases, action, found)
        if action is Action.FORGET_AND_CREATE:
            text = "the old object stays without a place in the state; nobody tells which one counts"
            found.say(Reversibility.UNKNOWN, Because(text))

    def _unknown_type(self, name: str, found: Found) -> None:
        harm = self._stateless(name)
        if harm is None:
            found.say(Reversibility.UNKNOWN, Because("nothing is known of what a deletion of its type loses"))
            found.check("RB024", "high", "nothing is known of what a deletion of its type loses", _UNSTATED)
        elif harm is Severity.NONE:
            found.say(Reversibility.REVERSIBLE, Because("its type is known to hold no data: it is made anew"))
        else:
            text = "its type is known to hold no data; made anew, its id and address may be others"
            found.say(Reversibility.NEW_IDENTITY, Because(text))
            found.check("RB019", "medium", text, "See what refers to it.")


def _without_what_nobody_asks(after: Value, asked: Reads) -> Value:
    """Return a new object without what only the provider will fill in: it protects nothing that nobody protects."""
    if asked is None or not isinstance(after, dict):
        return after
    return {name: value for name, value in after.items() if value is not UNKNOWN or name in asked}


def _reads(entries: tuple[Entry, ...]) -> Reads:
    return all_reads(entry.reads for entry in entries)


def _inverse(change: ResourceChange, found: Found) -> Inverse:
    if change.imported:
        return "remove"
    if change.action is Action.UPDATE and found.replaces:
        return "delete-create"
    if change.action in _INVERSES:
        return _INVERSES[change.action]
    return "move" if change.moved else "none"
