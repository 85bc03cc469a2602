"""Blocks and attributes of one configuration file, with their lines.

Both of Terraform's syntaxes are read into the same shape. A file that does not parse
yields what could be read, and says so: Terraform's own parser has the last word on what
is valid, ours only on what we understood.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate import strictjson

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_FILE: Final = 1 << 20
"""Bytes; a longer file is not read, and counts as one that was not understood."""

MAX_LOOKUPS: Final = 2_000
"""Lines that are looked up in one JSON file; the rest is said to stand on the first."""

_MAX_DEPTH: Final = 40
_EXPONENT: Final = re.compile(rb"(?<![\w.])(?<!\w-)\d+[eE][+-]?\d+")
_TEXT: Final = r'"([^"\\$%\n]*)"'
_ESCAPED: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}")
_REFERENCE: Final = re.compile(r'[^\W\d][\w-]*(?:\s*\.\s*[\w-]+|\s*\[\s*(?:"(?:[^"\\]|\\.)*"|\d+)\s*\])+')
_TEXTS: Final = re.compile(rf"\[\s*(?:{_TEXT}\s*,\s*)*(?:{_TEXT}\s*)?\]\Z")
_LABELS: Final = {
    "": {
        "action": 2,
        "check": 1,
        "data": 2,
        "ephemeral": 2,
        "module": 1,
        "output": 1,
        "provider": 1,
        "removed": 0,
        "resource": 2,
        "variable": 1,
    },
    "body": {"connection": 0, "dynamic": 1, "lifecycle": 0, "provisioner": 1},
}
"""How many labels a block has; JSON has them as keys, so that they must be known."""


class Attribute(msgspec.Struct, frozen=True):
    """One attribute: where it stands (lines count from 1), and its value where that is a plain literal.

    A list of plain strings is a tuple of them. ``reference`` is the text of an expression that only
    names something (``aws_subnet.a["x"]``), and empty for all others.
    """

    line: int
    literal: Any = None
    reference: str = ""


class Block(msgspec.Struct, frozen=True):
    """One block: its type, labels, attributes and the blocks in it."""

    kind: str
    labels: tuple[str, ...]
    line: int
    attributes: Mapping[str, Attribute]
    blocks: tuple[Block, ...]

    def of_kind(self, kind: str) -> Iterator[Block]:
        """Yield the blocks in this one that are of a type."""
        return (block for block in self.blocks if block.kind == kind)

    def literal(self, name: str) -> Any:
        """Return an attribute's value where it is there and a literal."""
        found = self.attributes.get(name)
        return found.literal if found else None


class Parsed(msgspec.Struct, frozen=True):
    """What was read of a file: its blocks, the functions that it calls, and whether that is all of it."""

    blocks: tuple[Block, ...]
    functions: frozenset[str]
    whole: bool


_NOTHING: Final = Parsed((), frozenset(), whole=False)


def parse(path: str, data: bytes) -> Parsed:
    """Return the blocks of a configuration file; its name tells the syntax."""
    if len(data) > MAX_FILE:
        return _NOTHING
    return _parse_json(data) if path.endswith(".json") else _parse_native(data)


@functools.cache
def _parser() -> Parser:
    import tree_sitter  # noqa: PLC0415 - most plans come without their sources
    import tree_sitter_hcl  # noqa: PLC0415 - most plans come without their sources

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language()))


def syntax(data: bytes) -> Node:
    """Return the syntax tree of a text in the native syntax; ``has_error`` says that not all was understood."""
    return _parser().parse(data).root_node


def _parse_native(data: bytes) -> Parsed:
    root = syntax(data)
    if root.has_error:  # the grammar has no exponents on whole numbers; zeros of the same length keep every place
        root = syntax(_EXPONENT.sub(lambda found: b"0" * len(found[0]), data))
    return Parsed(
        blocks=tuple(block for body in _bodies(root) for block in _body_blocks(body, 0)),
        functions=_functions(root),
        whole=not root.has_error,
    )


def _functions(root: Node) -> frozenset[str]:
    """Return the names of all functions that are called, in templates and heredocs, too."""
    import tree_sitter  # noqa: PLC0415 - most plans come without their sources
    import tree_sitter_hcl  # noqa: PLC0415 - most plans come without their sources

    calls = tree_sitter.Query(tree_sitter.Language(tree_sitter_hcl.language()), "(function_call (identifier) @name)")
    found = tree_sitter.QueryCursor(calls).captures(root)
    return frozenset(_text(node).removeprefix("core::") for node in found.get("name", ()))


def _bodies(node: Node) -> Iterator[Node]:
    return (child for child in node.children if child.type == "body")


def _body_blocks(body: Node, depth: int) -> Iterator[Block]:
    if depth < _MAX_DEPTH:
        yield from (_block(child, depth) for child in body.children if child.type == "block")


def _block(node: Node, depth: int) -> Block:
    names = [_label(child) for child in node.children if child.type in ("identifier", "string_lit")]
    bodies = list(_bodies(node))
    return Block(
        kind=names[0] if names else "",
        labels=tuple(names[1:]),
        line=node.start_point[0] + 1,
        attributes=dict(_attribute(child) for body in bodies for child in body.children if child.type == "attribute"),
        blocks=tuple(block for body in bodies for block in _body_blocks(body, depth + 1)),
    )


def _attribute(node: Node) -> tuple[str, Attribute]:
    name = next((_text(child) for child in node.children if child.type == "identifier"), "")
    expression = next((child for child in node.children if child.type == "expression"), None)
    text = "" if expression is None else _text(expression)
    literal = _literal(text)
    reference = text if literal is None and _REFERENCE.fullmatch(text) else ""
    return name, Attribute(node.start_point[0] + 1, literal, reference)


def _literal(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _TEXTS.match(text):
        return tuple(re.findall(_TEXT, text))
    inner = text[1:-1]
    is_string = len(text) > 1 and text[0] == text[-1] == '"' and not set(inner) & set('"\\$%\n')
    return inner if is_string else None


def _label(node: Node) -> str:
    """Return a label; Terraform reads escapes in it, so that ``local\\u002dexec`` is ``local-exec``."""
    return _ESCAPED.sub(_unescaped, _text(node).strip('"'))


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[0][2:], 16)
    return chr(code) if code <= sys.maxunicode else found[0]


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _parse_json(data: bytes) -> Parsed:
    try:
        content = strictjson.decode(data)
    except (ValueError, RecursionError):
        return _NOTHING
    if not isinstance(content, dict):
        return _NOTHING
    return Parsed(
        blocks=tuple(_json_blocks(content, _LABELS[""], _Lines(data), 0)),
        functions=frozenset(_words_in_templates(content)),
        whole=True,
    )


def _words_in_templates(content: Any) -> Iterator[str]:
    """Yield what may be a function's name: expressions stand inside strings, and are not parsed here."""
    stack = [content]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += node.values()
        elif isinstance(node, list):
            stack += node
        elif isinstance(node, str) and "{" in node:
            yield from re.findall(r"\w+", node)


class _Lines:
    """Finds the lines of a JSON text on which keys stand: the first place where they follow each other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_LOOKUPS

    def of(self, *keys: str) -> int:
        if self._left <= 0:
            return 1  # each looks through the text from its start
        self._left -= 1
        at = 0
        for key in keys:
            found = self._data.find(msgspec.json.encode(key), at)
            at = found if found >= 0 else at
        return self._data.count(b"\n", 0, at) + 1


def _json_blocks(content: dict[str, Any], labels: Mapping[str, int], lines: _Lines, depth: int) -> Iterator[Block]:
    for kind, count in labels.items():
        for names, body in _labelled(content.get(kind), count):
            yield _json_block(kind, names, body, lines, depth)


def _labelled(value: Any, count: int) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield label keys and body; anywhere, a list stands for several objects."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        if not count:
            yield (), item
            continue
        for key, inner in item.items():
            for names, body in _labelled(inner, count - 1):
                yield (key, *names), body


def _json_block(kind: str, names: tuple[str, ...], body: dict[str, Any], lines: _Lines, depth: int) -> Block:
    inner = _LABELS["body"] if depth == 0 else {}
    line = lines.of(kind, *names)
    return Block(
        kind=kind,
        labels=names,
        line=line,
        attributes={
            name: Attribute(lines.of(kind, *names, name), _json_literal(value))
            for name, value in body.items()
            if name not in inner and name != "//"
        },
        blocks=tuple(_json_blocks(body, inner, lines, depth + 1)),
    )


def _json_literal(value: Any) -> Any:
    if isinstance(value, str):
        return value if not set(value) & set("$%") else None
    return value if isinstance(value, bool) else None
