"""One resource change held against a pattern: why it is outside, as sentences; none where it is inside.

The letters are those of :func:`iacgate.change.patternfit.fit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from msgspec import UNSET, Raw, UnsetType

from iacgate.change.attributes import Differing, attribute_paths, covered, differing, hides, show_path
from iacgate.change.patterns import ROOTS, AllowedChange, Pattern
from iacgate.conditions.compile import compile_condition
from iacgate.conditions.refs import Subject
from iacgate.plan import redaction, strict
from iacgate.plan.binding import provisioners
from iacgate.plan.configured import configured_attributes, mark_left_to_provider
from iacgate.plan.graph import configuration_address
from iacgate.plan.model import ResourceChange
from iacgate.plan.reader import Plan
from iacgate.plan.redaction import Redactor
from iacgate.vocabulary import Action

MAX_WHYS: Final = 20
"""So many sentences about one change: one would do, and the others help to mend it."""

_HAS_AFTER: Final = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})
_HAS_BEFORE: Final = frozenset({Action.UPDATE, Action.DELETE, Action.REPLACE})


class _Entry:
    """An entry of ``allow`` that can be asked."""

    def __init__(self, text: AllowedChange, where: str) -> None:
        self.types, self.actions = frozenset(text.types), frozenset(map(str, text.actions))
        self.attributes = None if text.attributes is None else attribute_paths(text.attributes, where)
        self.computed = attribute_paths(text.computed, where)
        self.sensitive = attribute_paths(text.sensitive, where)
        self.unseen = attribute_paths(text.unseen, where)
        self.condition = None if text.when is None else compile_condition(text.when, ROOTS, where)

    def shows(self, path: tuple[Any, ...]) -> bool:
        """Return whether a path may differ."""
        return self.attributes is None or covered(path, self.attributes)


class Entries:
    """What a pattern allows of resource changes, for one plan.

    Raises :class:`iacgate.errors.PackInvalid` for a pattern that was not read by
    :func:`iacgate.change.patterns.read_pattern`, and is not valid.
    """

    def __init__(self, pattern: Pattern, plan: Plan, redactor: Redactor) -> None:
        self._entries = [_Entry(entry, f"pattern {pattern.name}") for entry in pattern.text.allow]
        self._providers = frozenset(pattern.text.providers)
        self._plan, self._redactor = plan, redactor
        self._configured = configured_attributes(plan.configuration)
        self._running = frozenset(address for address, _ in provisioners(plan.configuration))

    def outside(self, change: ResourceChange) -> list[str]:
        """Return why a change is outside; nothing where it is inside.

        Raises :class:`iacgate.errors.PlanUnreadable` where it cannot be read.
        """
        return [*self._kind(change), *self._surroundings(change), *self._nearest(change)]

    def _kind(self, change: ResourceChange) -> Iterator[str]:
        """5a."""
        if change.mode != "managed":
            yield f"{change.action} of what is {change.mode}, not managed: it is decided again at apply"
        if change.deposed:
            yield "it is about a deposed object"
        if change.moved:
            yield f"it moves from {change.previous_address}"
        if change.imported:
            yield "it is imported"
        if change.body.generated_config:
            yield "its configuration is generated"
        if change.deferred:
            yield f"it is deferred ({change.deferred})"

    def _surroundings(self, change: ResourceChange) -> Iterator[str]:
        """5b, 5c and 5d."""
        place = configuration_address(change)
        if change.provider not in self._providers:
            yield f"its provider, {change.provider or 'which is not named'}, is not in the pattern"
        if place in self._running:
            yield "it has provisioners, which may run"
        snapshot = self._plan.snapshot
        if change.action in _HAS_AFTER and snapshot is not None and not snapshot.resource(place):
            yield "the sources in the plan file do not have it"

    def _nearest(self, change: ResourceChange) -> list[str]:
        """5e: the entry from which least is missing."""
        entries = [item for item in self._entries if change.type in item.types and str(change.action) in item.actions]
        found = [list(islice(self._missing(change, entry), MAX_WHYS)) for entry in entries]
        return min(found, key=len, default=[f"{change.action} of {change.type} is not in the pattern"])

    def _missing(self, change: ResourceChange, entry: _Entry) -> Iterator[str]:
        yield from self._objects(change)
        if change.action in _HAS_AFTER:
            yield from self._different(change, entry)
            yield from self._forced(change, entry)
            yield from self._unseen(change, entry)
        if entry.condition is not None:
            answer = entry.condition.answer(self._subject(change))
            if answer is False:
                yield "the condition of the pattern is false"
            elif answer is None:
                yield "whether the condition of the pattern holds is known only after apply, or a secret"

    def _objects(self, change: ResourceChange) -> Iterator[str]:
        """5f: both objects are there, or not, as the action says; and it is the same one after an update."""
        body = change.body
        for name, side, wanted in (
            ("before", body.before, change.action in _HAS_BEFORE),
            ("after", body.after, change.action in _HAS_AFTER),
        ):
            if isinstance(self._value(side, change), dict) is not wanted:
                yield f"the plan {'does not show' if wanted else 'shows'} an object {name} the change"
        if change.action is Action.UPDATE and _text(body.before_identity) != _text(body.after_identity):
            yield "the identity of the object differs"

    def _different(self, change: ResourceChange, entry: _Entry) -> Iterator[str]:
        """5g."""
        new, shown = change.action is Action.CREATE, False
        for item in differing(change.body, self._where(change), new=new):
            shown = True
            if why := self._why(item, change, entry, "is set" if new else "differs"):
                yield f"{self._redactor.clean(show_path(item.path))} {why}"
        if change.action is Action.UPDATE and not shown:
            yield "it is updated, and the plan does not show what differs"

    def _why(self, item: Differing, change: ResourceChange, entry: _Entry, verb: str) -> str:
        """Return why one path must not be as it is; empty where it may."""
        if item.how == "sensitive":
            return "" if covered(item.path, entry.sensitive) else f"{verb}, and is sensitive"
        if item.how == "known":
            return "" if entry.shows(item.path) else f"{verb}, which the pattern does not allow"
        if not covered(item.path, entry.computed):
            return "is known only after apply, which the pattern does not allow"
        configured = self._configured.get(configuration_address(change))
        if configured is None or str(item.path[0]) in configured:
            return "is known only after apply, and comes from the configuration, not from the provider"
        return ""

    def _forced(self, change: ResourceChange, entry: _Entry) -> Iterator[str]:
        """5h."""
        found = self._value(change.body.replace_paths, change)
        for path in found if isinstance(found, list) else []:
            if not isinstance(path, list) or not entry.shows(tuple(path)):
                shown = show_path(path) if isinstance(path, list) else "something"
                yield f"{self._redactor.clean(shown)} forces a replacement, which the pattern does not allow"

    def _unseen(self, change: ResourceChange, entry: _Entry) -> Iterator[str]:
        """5i: write-only arguments are null in every plan, and are written whenever the object is."""
        after = self._value(change.body.after, change)
        unknown = self._value(change.body.after_unknown, change)
        for name in sorted(self._configured.get(configuration_address(change), ())):
            shown = isinstance(after, dict) and after.get(name) is not None
            later = hides(unknown.get(name) if isinstance(unknown, dict) else unknown)
            allowed = covered((name,), (*entry.unseen, *(entry.attributes or ())))
            if not shown and not later and not allowed:
                yield f"{name} is set by the configuration, and the plan shows nothing of it"

    def _subject(self, change: ResourceChange) -> Subject:
        """5j: what the condition sees, the same as a rule does."""
        where = self._where(change)
        after = redaction.after_of(change.body, self._redactor, where)
        mark_left_to_provider(after, self._configured.get(configuration_address(change)))
        facts = {
            "action": str(change.action),
            "type": change.type,
            "mode": change.mode,
            "provider": change.provider,
            "reason": change.action_reason,
            "deposed": bool(change.deposed),
            "deferred": change.deferred,
            "moved": change.moved,
            "imported": change.imported,
        }
        return {"before": redaction.before_of(change.body, self._redactor, where), "after": after, "change": facts}

    def _where(self, change: ResourceChange) -> str:
        return f"{self._plan.name}: {ascii(change.address)}"

    def _value(self, raw: Raw | UnsetType, change: ResourceChange) -> Any:
        return None if raw is UNSET else strict.decode_value(raw, self._where(change))


def _text(raw: Raw | UnsetType) -> bytes:
    return b"null" if raw is UNSET else bytes(raw)
