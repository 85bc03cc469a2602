"""What stands for values that only apply will tell, by the types in the providers' schemas.

Every unknown value of a kind gets the same placeholder: so what refers to it is equal to it, as it will be. It is none
of the values before, since a value that is configured to what it was would else seem to be so already.

Schemas as in Terraform's documentation of ``providers schema -json``; types as cty writes them in JSON.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from iacgate.conditions.values import Hidden, Value
from iacgate.errors import PlanUnreadable
from iacgate.plan.model import Path

TEXT: Final = "iacgate-known-after-apply"
NUMBER: Final = 1_000_000_007
_DYNAMIC: Final = {"value": TEXT, "type": "string"}
_PRIMITIVES: Final[dict[str, Value]] = {"string": TEXT, "number": NUMBER, "bool": False}
_MAX_DEPTH: Final = 40
_HINT: Final = "Run the same terraform that made the plan, and see what `terraform providers schema -json` prints."


class _Provider(msgspec.Struct, frozen=True):
    resource_schemas: dict[str, Raw] = {}


class _Document(msgspec.Struct, frozen=True):
    provider_schemas: dict[str, _Provider] = {}


class _Nested(msgspec.Struct, frozen=True):
    attributes: dict[str, _Attribute]
    nesting_mode: str


class _Attribute(msgspec.Struct, frozen=True):
    type: Any = None
    nested_type: _Nested | None = None


class _BlockType(msgspec.Struct, frozen=True):
    nesting_mode: str
    block: _Block


class _Block(msgspec.Struct, frozen=True):
    attributes: dict[str, _Attribute] = {}
    block_types: dict[str, _BlockType] = {}


class _Schema(msgspec.Struct, frozen=True):
    version: int = 0
    block: _Block = _Block()


class Schema(msgspec.Struct, frozen=True):
    """What is known of a type of resource: the version of its schema, and the type of its values."""

    version: int
    type: Any


class Schemas:
    """The schemas of the providers' resource types, as ``terraform providers schema -json`` prints them.

    Raises :class:`PlanUnreadable` where they are not readable.
    """

    def __init__(self, text: bytes = b"{}") -> None:
        try:
            self._providers = msgspec.json.decode(text, type=_Document).provider_schemas
        except (ValueError, RecursionError) as error:
            raise PlanUnreadable("The providers' schemas cannot be read.", hint=_HINT) from error
        self._read: dict[tuple[str, str], Schema] = {}

    def of(self, provider: str, name: str) -> Schema:
        """Return the schema of a type of resource of a provider.

        Raises :class:`PlanUnreadable` where it is not there.
        """
        key = (provider, name)
        if key not in self._read:
            self._read[key] = self._schema(provider, name)
        return self._read[key]

    def _schema(self, provider: str, name: str) -> Schema:
        found = self._providers.get(provider, _Provider()).resource_schemas.get(name)
        if found is None:
            raise PlanUnreadable(f"The provider {ascii(provider)} has no schema of {ascii(name)}.", hint=_HINT)
        try:
            schema = msgspec.json.decode(found, type=_Schema)
            return Schema(schema.version, _of_block(schema.block, 0))
        except (ValueError, RecursionError) as error:
            raise PlanUnreadable(f"The schema of {ascii(name)} cannot be read.", hint=_HINT) from error


def _of_block(block: _Block, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError
    members = {name: _of_attribute(attribute, depth + 1) for name, attribute in block.attributes.items()}
    for name, nested in block.block_types.items():
        members[name] = _nested(nested.nesting_mode, _of_block(nested.block, depth + 1))
    return ["object", members]


def _of_attribute(attribute: _Attribute, depth: int) -> Any:
    nested = attribute.nested_type
    if nested is None:
        return attribute.type
    if depth > _MAX_DEPTH:
        raise ValueError
    members = {name: _of_attribute(inner, depth + 1) for name, inner in nested.attributes.items()}
    return _nested(nested.nesting_mode, ["object", members])


def _nested(mode: str, inner: Any) -> Any:
    return inner if mode in ("single", "group") else [mode, inner]


def fill(value: Value, kind: Any) -> tuple[Value, tuple[Path, ...]]:
    """Return a value as a state stores it without anything unknown, and where something was; works in place."""
    found: list[Path] = []
    return _filled(value, kind, (), found), tuple(found)


def _filled(value: Value, kind: Any, path: Path, found: list[Path]) -> Value:
    if isinstance(value, Hidden):
        found.append(path)
        return placeholder(kind)
    if kind == "dynamic" and isinstance(value, dict):
        value["value"] = _filled(value.get("value"), value.get("type"), path, found)
        return value
    for key, inner in _items(value, kind):
        value[key] = _filled(value[key], inner, (*path, key), found)
    return value


def _items(value: Value, kind: Any) -> list[tuple[Any, Any]]:
    """Return keys and types of the elements of a value; a type that does not fit is no type."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    name, inner = kind[:2] if isinstance(kind, list) and len(kind) >= 2 else ("", None)
    if name == "object" and isinstance(inner, dict):
        return [(key, inner.get(key)) for key in keys]
    if name == "tuple" and isinstance(inner, list) and len(inner) == len(keys):
        return list(zip(keys, inner, strict=True))
    return [(key, inner if name in ("list", "set", "map") else None) for key in keys]


def placeholder(kind: Any) -> Value:
    """Return what stands for an unknown value of a type; a collection has one element, to which others may refer."""
    if kind == "dynamic":
        return dict(_DYNAMIC)
    if isinstance(kind, str):
        return _PRIMITIVES.get(kind)
    name, inner = kind[:2] if isinstance(kind, list) and len(kind) >= 2 else ("", None)
    if name in ("list", "set"):
        return [placeholder(inner)]
    if name == "map":
        return {TEXT: placeholder(inner)}
    if name == "tuple" and isinstance(inner, list):
        return [placeholder(item) for item in inner]
    return {key: placeholder(item) for key, item in inner.items()} if isinstance(inner, dict) else None
