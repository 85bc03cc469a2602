"""A plan as it may be stored for an auditor: the same plan, without its secrets.

Each secret is replaced by a mark. Equal secrets have equal marks under one key, so that it can be seen that
two attributes hold the same one; a keyed digest, because a plain one would let anybody try short secrets.
What is too short to be looked for elsewhere has a mark without a digest.

The masks stay, and a mark is hidden when it is read again, so that rules find the same as in the plan itself.
What no rule reads is left out: ``prior_state`` and ``planned_values``, and members that this version does
not know. Names of types, providers and attributes stay as they are; everything else is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate import canonical
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.born import shown_secrets
from iacgate.evidence.marking import Marker
from iacgate.plan import strict
from iacgate.plan.others import object_of
from iacgate.plan.reader import Document, Plan, read_plan
from iacgate.plan.secrecy import secret_name
from iacgate.risk.survey import survey

MIN_KEY: Final = 32
"""Bytes of a key, which must be random."""

_VOCABULARY: Final = frozenset("type mode provider_name full_name action_reason reason actions kind status".split())
"""Members that hold words of Terraform and of providers, outside of attributes' values."""

_SIDES: Final = {
    "before": "before_sensitive",
    "after": "after_sensitive",
    "config_values": "config_sensitive",
}
"""Values, and the masks beside them."""

_MASKS: Final = frozenset({*_SIDES.values(), "after_unknown", "config_unknown"})


def redacted_plan(text: bytes, key: bytes, secrets: Iterable[str] = (), name: str = "plan") -> bytes:
    """Return the canonical JSON of a plan without the secrets in it.

    ``key`` belongs to the stack and is not stored beside the plan. ``secrets`` are what is known to be secret
    besides what the plan says. Raises :class:`iacgate.errors.PlanUnreadable`, naming ``name``, for what is no
    plan, and :class:`EvidenceInvalid` for a short key.
    """
    if len(key) < MIN_KEY:
        raise EvidenceInvalid("The key for marks is too short.", hint=f"Make {MIN_KEY} random bytes, once for a stack.")
    plan = read_plan(text, name)
    try:
        marker = Marker({*secrets, *secrets_of_plan(plan)}, key)
        return canonical.canonical_json(dict(_Stored(plan, marker).members()))
    except RecursionError as error:
        raise strict.unreadable(error, name) from error


def secrets_of_plan(plan: Plan) -> Iterator[str]:
    """Yield everything that a plan says is secret, wherever it says so."""
    yield from survey(plan).secrets
    state = object_of(_lenient(plan.document.prior_state, f"{plan.name}: prior_state"))
    yield from shown_secrets(state.get("values"))
    yield from shown_secrets(_lenient(plan.document.planned_values, f"{plan.name}: planned_values"))


def _lenient(raw: Raw | UnsetType, where: str) -> Any:
    """Return a member that is only searched for secrets: nothing of it is stored, so that a key may stand twice."""
    if raw is UNSET or b"true" not in bytes(raw):
        return None
    try:
        return msgspec.json.decode(raw)
    except ValueError as error:
        raise strict.unreadable(error, where) from error


class _Stored:
    """Makes the stored form of each member of one plan."""

    def __init__(self, plan: Plan, marker: Marker) -> None:
        self._plan = plan
        self._marker = marker

    def members(self) -> Iterator[tuple[str, Any]]:
        ways: dict[str, Callable[[Any], Any]] = {
            "variables": self._variables,
            "output_changes": self._outputs,
            "configuration": self._configuration,
        }
        for member in Document.__struct_fields__:
            found = getattr(self._plan.document, member)
            if found is UNSET or member == "prior_state":
                continue
            if member == "planned_values":
                found = {}  # where nothing else does, it shows that this is a plan
            elif isinstance(found, (list, Raw)):
                found = self._part(found, ways.get(member, self._entry), f"{self._plan.name}: {member}")
            yield member, found

    def _part(self, found: list[Raw] | Raw, way: Callable[[Any], Any], where: str) -> Any:
        """Return one member; entry by entry where it may be large."""
        if isinstance(found, list):
            return [Raw(canonical.canonical_json(way(strict.decode_value(raw, where)))) for raw in found]
        return way(strict.decode_value(found, where))

    def _variables(self, found: Any) -> dict[str, Any]:
        root = object_of(self._plan.configuration.get("root_module"))
        declared = object_of(root.get("variables"))
        result = {}
        for name, item in object_of(found).items():
            how = object_of(declared.get(name))
            hidden = how.get("sensitive") or how.get("ephemeral") or secret_name(name)
            result[self._marker.text(name)] = {
                inner: self._marker.masked(value, mask=bool(hidden) and inner == "value")
                for inner, value in object_of(item).items()
            }
        return result

    def _outputs(self, found: Any) -> dict[str, Any]:
        return {
            self._marker.text(name): self._entry(change, hidden=secret_name(name))
            for name, change in object_of(found).items()
        }

    def _entry(self, node: Any, *, hidden: bool = False) -> Any:
        """Return a resource change, an invocation, a check, or what else has values with masks beside them."""
        if isinstance(node, list):
            return [self._entry(item) for item in node]
        if not isinstance(node, dict):
            return self._marker.text(node) if isinstance(node, str) else self._marker.value(node)
        result: dict[str, Any] = {}
        for name, item in node.items():
            if name in _SIDES:
                result[name] = self._marker.object(item, mask=hidden or node.get(_SIDES[name]))
            elif name in _MASKS:
                result[name] = self._marker.mask(item)
            elif name == "replace_paths":
                result[name] = self._paths(item)
            elif name in ("importing", "before_identity", "after_identity"):
                result[name] = self._marker.value(item)
            else:
                result[self._marker.text(name)] = item if name in _VOCABULARY and _is_word(item) else self._entry(item)
        return result

    def _paths(self, found: Any) -> list[Any]:
        """Return paths, of which the first step is an attribute's name."""
        paths = found if isinstance(found, list) else []
        return [[*path[:1], *map(self._marker.value, path[1:])] for path in paths if isinstance(path, list)]

    def _configuration(self, node: Any, *, sensitive: bool = False) -> Any:
        if isinstance(node, list):
            return [self._configuration(item) for item in node]
        if not isinstance(node, dict):
            return self._marker.text(node) if isinstance(node, str) else node
        result: dict[str, Any] = {}
        for name, item in node.items():
            if name == "expressions":
                result[name] = self._expressions(item)
            elif name in ("constant_value", "default"):
                hidden = sensitive or (name == "default" and node.get("sensitive") is True)
                result[name] = self._marker.masked(item, mask=hidden)
            else:
                kept = name in _VOCABULARY and _is_word(item)
                inner = self._configuration(item, sensitive=secret_name(name))
                result[self._marker.text(name)] = item if kept else inner
        return result

    def _expressions(self, found: Any) -> Any:
        """Return the expressions of a block; the names of its attributes stay."""
        if not isinstance(found, dict):
            return self._configuration(found)
        return {name: self._configuration(item, sensitive=secret_name(name)) for name, item in found.items()}


def _is_word(item: Any) -> bool:
    return isinstance(item, str) or (isinstance(item, list) and all(isinstance(part, str) for part in item))
