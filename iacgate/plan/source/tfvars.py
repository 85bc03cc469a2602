"""Files of variables: what they assign, and whether a plan was made with exactly that.

A plan file has every variable that was set, as it was written: a number that a file gives to a string is still a
number there. So values are compared and never converted. Which files Terraform loads by itself, and in which
order, follows ``internal/command/meta_vars.go`` of hashicorp/terraform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate import strictjson
from iacgate.conditions.values import Value
from iacgate.plan.source.hcl import MAX_FILE, parse, syntax

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_DEPTH: Final = 40
"""Levels of nesting of a value; a deeper one is not understood, and equals nothing."""

_MAX_NODES: Final = 5 * MAX_DEPTH
"""Nodes of the syntax tree above a value: a few for each level."""

_FIRST: Final = ("terraform.tfvars", "terraform.tfvars.json")
_AUTO: Final = (".auto.tfvars", ".auto.tfvars.json")
_UNREAD: Final = object()
"""Stands for what was not understood; nothing equals it, not even itself."""

_decode_json: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def auto_loaded(names: Iterable[str]) -> list[str]:
    """Return those of the files of a stack's folder that Terraform loads by itself; a later one wins."""
    there = set(names)
    return [
        *(name for name in _FIRST if name in there),
        *sorted((name for name in there if name.endswith(_AUTO)), key=str.encode),
    ]


def declared(sources: Mapping[str, bytes]) -> frozenset[str] | None:
    """Return the variables of the root module, by the ``tfconfig/`` members of a plan file; ``None``: not known."""
    found: set[str] = set()
    for name, data in sources.items():
        if name.startswith("tfconfig/m-/"):
            parsed = parse(name, data)
            if not parsed.whole:
                return None
            found.update(block.labels[0] for block in parsed.blocks if block.kind == "variable" and block.labels)
    return frozenset(found)


def explain(files: Iterable[tuple[str, bytes]], variables: Mapping[str, Value], names: frozenset[str]) -> bool:
    """Return whether the declared variables (``names``) that files assign, a later one wins, are exactly those set.

    A variable that they assign and that was not set is no less a difference than one with another value: then
    something else than these files decided.
    """
    given: dict[str, Any] = {}
    for path, data in files:
        found = assigned(path, data)
        if found is None:
            return False
        given |= {name: value for name, value in found.items() if name in names}
    return given.keys() == variables.keys() and all(_same(given[name], variables[name], 0) for name in given)


def _same(written: Any, planned: Value, depth: int) -> bool:
    """Return whether two values are the same and of the same type; true is no 1, and "1" is no 1."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(written, list) and isinstance(planned, list):
        return len(written) == len(planned) and all(
            _same(one, other, depth + 1) for one, other in zip(written, planned, strict=True)
        )
    if isinstance(written, dict) and isinstance(planned, dict):
        return written.keys() == planned.keys() and all(_same(written[key], planned[key], depth + 1) for key in written)
    if _is_number(written) and _is_number(planned):
        return bool(written == planned)
    plain = written is None or isinstance(written, bool | str)
    return plain and type(written) is type(planned) and written == planned


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def assigned(path: str, data: bytes) -> dict[str, Any] | None:
    """Return what a file assigns; ``None`` where it is no file of variables, or not read whole.

    A value that is not plain to see is an object that equals nothing.
    """
    if len(data) > MAX_FILE:
        return None
    return _from_json(data) if path.endswith(".json") else _from_native(data)


def _from_json(data: bytes) -> dict[str, Any] | None:
    try:
        strictjson.decode(data)  # for keys that stand twice
        found = _decode_json(data)
    except (ValueError, RecursionError, InvalidOperation):
        return None
    return found if isinstance(found, dict) else None


def _from_native(data: bytes) -> dict[str, Any] | None:
    root = syntax(data)
    found: dict[str, Any] = {}
    for node in (item for body in root.named_children if body.type == "body" for item in body.named_children):
        if node.type == "comment":
            continue
        if node.type != "attribute" or len(node.named_children) != 2:
            return None
        name, value = node.named_children
        if _text(name) in found:
            return None
        found[_text(name)] = _literal(value, 0)
    return None if root.has_error else found


def _literal(node: Node, depth: int) -> Any:
    """Return the value of an expression where that is plain to see."""
    inner = [child for child in node.named_children if child.type != "comment"]
    if depth > _MAX_NODES:
        return _UNREAD
    if node.type in ("expression", "literal_value", "collection_value", "operation") and len(inner) == 1:
        return _literal(inner[0], depth + 1)
    text = _text(node)
    match node.type:
        case "null_lit":
            return None
        case "bool_lit":
            return text == "true"
        case "numeric_lit":
            return _number(text)
        case "unary_operation":
            return _negative(node, inner, depth)
        case "string_lit":
            return _string(text)
        case "tuple":
            return [_literal(child, depth + 1) for child in inner if child.type == "expression"]
        case "object":
            return _object(inner, depth)
    return _UNREAD


def _number(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return _UNREAD


def _negative(node: Node, inner: list[Node], depth: int) -> Any:
    value = _literal(inner[0], depth + 1) if len(inner) == 1 and _text(node).startswith("-") else _UNREAD
    return value.copy_negate() if isinstance(value, Decimal) else _UNREAD


def _string(text: str) -> Any:
    """Return a string without escapes and templates."""
    inner = text[1:-1]
    plain = text[:1] == text[-1:] == '"' and not set(inner) & set('"\\\n') and "${" not in inner and "%{" not in inner
    return inner if plain else _UNREAD


def _object(elements: list[Node], depth: int) -> Any:
    found: dict[str, Any] = {}
    for element in (child for child in elements if child.type == "object_elem"):
        parts = [child for child in element.named_children if child.type != "comment"]
        key = _key(parts[0], depth) if len(parts) == 2 else _UNREAD
        if not isinstance(key, str) or key in found:
            return _UNREAD
        found[key] = _literal(parts[1], depth + 1)
    return found


def _key(node: Node, depth: int) -> Any:
    """Return a key: a name, or a string."""
    inner = node.named_children
    if len(inner) == 1 and inner[0].type == "variable_expr" and _text(inner[0]) == _text(node):
        return _text(node)
    return _literal(node, depth)


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")
