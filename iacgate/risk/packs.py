"""Rule packs: folders of rules, the compiled form of those that ship, and their index."""

from collections.abc import Iterable
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.conditions.refs import Reads, Subject, all_reads
from iacgate.conditions.values import UNKNOWN
from iacgate.errors import PackInvalid
from iacgate.risk.rule import Match, Rule, RuleText
from iacgate.vocabulary import Action, Severity

COMPILED_FORMAT: Final = 1
OTHERS: Final = "*"
_DELETED: Final[Subject] = {"before": UNKNOWN, "after": None, "change": UNKNOWN}
"""Any deletion: what can be said of it holds for each."""


class Pack(msgspec.Struct, frozen=True):
    """A pack: its name, version, and rules in the order of their ids; ``sha256`` is over its rules."""

    name: str
    version: str
    sha256: str
    rules: list[RuleText]


class Compiled(msgspec.Struct, frozen=True):
    """What the compiled file holds."""

    format: int
    packs: list[Pack]


class Selection(msgspec.Struct, frozen=True):
    """The rules for a resource type and action.

    ``facts`` look at facts about the change only, so that one answer serves all changes of
    which the same is true; ``values`` look at attributes, those that ``reads`` names.
    """

    facts: tuple[Rule, ...]
    values: tuple[Rule, ...]
    reads: Reads


class RuleSet:
    """The rules of several packs, found by resource type and action in constant time.

    ``left_out`` are packs that ship and do not judge: what they know is not known here.
    """

    def __init__(self, packs: Iterable[Pack], left_out: Iterable[Pack] = ()) -> None:
        self.packs = tuple(packs)
        self._elsewhere = [Rule(text, pack.name) for pack in left_out for text in pack.rules if text.match.types]
        self.rules = [Rule(text, pack.name) for pack in self.packs for text in pack.rules]
        if not self.rules:
            raise PackInvalid("There is no rule to judge with.", hint="An empty pack never passes; name another one.")
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            twice = next(name for index, name in enumerate(ids) if name in ids[:index])
            raise PackInvalid(f"Two rules are called {twice!r}.", hint="Ids are unique over all packs.")
        self._by_kind: dict[str, list[Rule]] = {}
        for rule in self.rules:
            self._by_kind.setdefault(rule.text.match.kind, []).append(rule)
        self._by_type = _by_type(self.of_kind("resource"))
        self._found: dict[tuple[str, Action], tuple[Rule, ...]] = {}
        self._selections: dict[tuple[str, Action], Selection] = {}
        self._known: dict[str, bool] = {}
        self._left: dict[str, str] = {}

    def of_kind(self, kind: str) -> list[Rule]:
        """Return the rules about one kind of subject."""
        return self._by_kind.get(kind, [])

    def for_resource(self, resource_type: str, action: Action) -> tuple[Rule, ...]:
        """Return the rules that a change of this type with this action must be held against."""
        key = (resource_type, action)
        found = self._found.get(key)
        if found is None:
            found = tuple(rule for rule in self._about(resource_type) if _applies(rule, action))
            self._found[key] = found
        return found

    def selection(self, resource_type: str, action: Action) -> Selection:
        """Return the same rules in two parts, and what the second part reads."""
        key = (resource_type, action)
        found = self._selections.get(key)
        if found is None:
            rules = self.for_resource(resource_type, action)
            facts = tuple(rule for rule in rules if rule.reads == frozenset())
            values = tuple(rule for rule in rules if rule.reads != frozenset())
            found = Selection(facts=facts, values=values, reads=all_reads(rule.reads for rule in values))
            self._selections[key] = found
        return found

    def knows(self, resource_type: str) -> bool:
        """Return whether some rule names the type when it is destroyed; what no rule knows is not safe."""
        known = self._known.get(resource_type)
        if known is None:
            known = any(
                rule.text.match.types and _about_destroying(rule.text.match) for rule in self._about(resource_type)
            )
            self._known[resource_type] = known
        return known

    def stateless(self, resource_type: str) -> Severity | None:
        """Return how bad it is to lose an object of a type that holds no data: it is made anew from the configuration.

        ``None`` where the type is not known, or some rule finds its destruction worse than medium: it may hold data.
        Rules that could never find a deletion, such as those about what is newly opened, say nothing of it.
        """
        about = [rule for rule in self._about(resource_type) if rule.text.match.types and _can_find_a_deletion(rule)]
        if not any(resource_type in rule.text.match.types for rule in about):
            return None  # a rule about many types by a prefix knows none of them
        worst = max((rule.severity for rule in about), key=_rank)
        return worst if worst.rank <= Severity.MEDIUM.rank else None

    def leaves_out(self, resource_type: str) -> str:
        """Return the pack that would have judged the type, where none that judges knows it; empty for none."""
        found = self._left.get(resource_type)
        if found is None:
            elsewhere = (rule.pack for rule in self._elsewhere if rule.covers(resource_type))
            found = "" if self.knows(resource_type) else next(elsewhere, "")
            self._left[resource_type] = found
        return found

    def _about(self, resource_type: str) -> list[Rule]:
        """Return the rules about a type, and those about every type."""
        named = self._by_type.get(resource_type, [])
        return [*named, *(rule for rule in self._by_type[OTHERS] if rule not in named and rule.covers(resource_type))]


def _by_type(rules: list[Rule]) -> dict[str, list[Rule]]:
    """Return the rules that name a type; those that name a prefix, or nothing, stand below ``*``."""
    found: dict[str, list[Rule]] = {OTHERS: []}
    for rule in rules:
        for name in rule.text.match.types or (OTHERS,):
            key = OTHERS if name[-1] == "*" else name
            found.setdefault(key, []).append(rule)
    return found


def _applies(rule: Rule, action: Action) -> bool:
    """Without actions, a rule about types is about what changes objects; one about all types sees moves and imports.

    What is forgotten and made anew is made: rules about new objects are about it.
    """
    if not rule.actions:
        return action.mutates or not rule.text.match.types
    return action in rule.actions or (action is Action.FORGET_AND_CREATE and Action.CREATE in rule.actions)


def _about_destroying(match: Match) -> bool:
    return not match.actions or any(action.destroys for action in match.actions)


def _can_find_a_deletion(rule: Rule) -> bool:
    """Return whether a rule can say anything of a deletion, whatever the object is like and why it is deleted."""
    if rule.actions and Action.DELETE not in rule.actions:
        return False
    return rule.condition is None or rule.condition.answer(_DELETED) is not False


def _rank(severity: Severity) -> int:
    return severity.rank


def make_pack(name: str, version: str, rules: Iterable[RuleText]) -> Pack:
    """Return a pack with its digest."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    return Pack(name=name, version=version, sha256=canonical.digest(canonical.canonical_json(ordered)), rules=ordered)


def encode_packs(packs: Iterable[Pack]) -> bytes:
    """Return the compiled file, one rule a line so that differences can be read."""
    lines = [b'{"format":%d,"packs":[' % COMPILED_FORMAT]
    for index, pack in enumerate(packs):
        head = canonical.canonical_json({"name": pack.name, "sha256": pack.sha256, "version": pack.version})
        lines.append((b"," if index else b"") + head[:-1] + b',"rules":[')
        rules = [canonical.canonical_json(rule) for rule in pack.rules]
        lines.append(b",\n".join(rules))
        lines.append(b"]}")
    return b"\n".join([*lines, b"]}"]) + b"\n"


def decode_packs(data: bytes) -> list[Pack]:
    """Return the packs of a compiled file.

    Raises :class:`PackInvalid` where it is damaged or of another format.
    """
    try:
        compiled = msgspec.json.decode(data, type=Compiled)
    except msgspec.MsgspecError as error:
        raise PackInvalid(f"The compiled rules are damaged ({error}).", hint="Install iacgate again.") from error
    if compiled.format != COMPILED_FORMAT:
        raise PackInvalid("The compiled rules are of another version.", hint="Install iacgate again.")
    return compiled.packs
