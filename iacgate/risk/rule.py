"""A rule: what it looks for, how bad that is, and why.

One YAML file is one rule; its file name is its id. The wire form here is also what the
compiled pack holds, so that a start of the program parses no YAML.
"""

import functools
from typing import Any, Final, Literal, TypeAlias

import msgspec

from iacgate.conditions.compile import Condition, compile_condition
from iacgate.conditions.refs import Reads
from iacgate.errors import PackInvalid
from iacgate.vocabulary import Action, Severity

Kind: TypeAlias = Literal[
    "resource", "plan", "drift", "check", "action", "provider", "provisioner", "unbound", "lifecycle", "output"
]

ROOTS: Final[dict[str, frozenset[str]]] = {
    "resource": frozenset({"before", "after", "added", "removed", "change"}),
    "plan": frozenset({"plan"}),
    "drift": frozenset({"drift"}),
    "check": frozenset({"check"}),
    "action": frozenset({"action"}),
    "provider": frozenset({"provider"}),
    "provisioner": frozenset({"provisioner"}),
    "unbound": frozenset({"unbound"}),
    "lifecycle": frozenset({"lifecycle"}),
    "output": frozenset({"output"}),
}
"""Where references may start, for each kind of subject."""


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rule looks at.

    ``types`` are resource types, or prefixes that end in ``*``; empty means all.
    ``actions`` are those of :class:`iacgate.vocabulary.Action`; empty means all that change something.
    """

    kind: Kind = "resource"
    types: list[str] = []
    actions: list[Action] = []
    when: dict[str, Any] | None = None


class RuleText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule as it is written, without its examples."""

    id: str
    title: str
    severity: Severity
    why: str
    references: list[str]
    match: Match


class Rule:
    """A rule that can be asked."""

    def __init__(self, text: RuleText, pack: str) -> None:
        self.text = text
        self.id = text.id
        self.pack = pack
        self.severity = text.severity
        self.actions = frozenset(text.match.actions)

    @functools.cached_property
    def condition(self) -> Condition | None:
        """What must hold, compiled when it is first asked for; ``None`` where the match alone decides.

        Raises :class:`PackInvalid` where the condition is not valid.
        """
        match = self.text.match
        if match.when is None:
            return None
        return compile_condition(match.when, ROOTS[match.kind], f"rule {self.id}")

    @property
    def reads(self) -> Reads:
        """Which attributes of the object the rule looks at; ``None`` for all of them."""
        return self.condition.reads if self.condition else frozenset()

    @functools.cached_property
    def _types(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Names of types, and prefixes of names."""
        types = self.text.match.types
        return frozenset(types), tuple(name[:-1] for name in types if name.endswith("*"))

    def covers(self, resource_type: str) -> bool:
        """Return whether the rule is about a resource type."""
        names, prefixes = self._types
        return not names or resource_type in names or resource_type.startswith(prefixes)


def check_rule(text: RuleText, where: str) -> None:
    """Raise :class:`PackInvalid` where a rule contradicts itself."""
    match = text.match
    if match.kind != "resource" and (match.types or match.actions):
        raise PackInvalid(
            f"{where}: `types` and `actions` belong to rules about resources, not about {match.kind}.",
            hint="Say it in `when`.",
        )
    if match.kind == "resource" and not match.types and not match.actions and match.when is None:
        raise PackInvalid(f"{where}: the rule would match every change.", hint="Name types or actions, or say when.")
    if not text.title.strip() or not text.why.strip() or not text.references:
        raise PackInvalid(f"{where}: a rule has a title, a why and at least one reference.", hint="Fill them in.")
    if any(not name.strip("* ") for name in match.types):
        raise PackInvalid(f"{where}: a type has a name.", hint="Leave `types` out for every type.")
    if text.severity is Severity.NONE and (match.kind != "resource" or not match.types or _has_prefix(match)):
        raise PackInvalid(
            f"{where}: severity none is only for types that are known to be harmless.", hint="Name each of them."
        )


def _has_prefix(match: Match) -> bool:
    return any(name.endswith("*") for name in match.types)
