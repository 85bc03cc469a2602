"""YAML that people write, read strictly: no surprises, no bombs, and errors that name the line.

A key that stands twice is refused (YAML 1.2, section 3.2.1.1), aliases are counted as
what they stand for, and only ``true``, ``false``, ``null`` and numbers are anything but
text: ``no``, ``off``, ``1_000`` and dates stay as they are written.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
import yaml

from iacgate.errors import IacgateError

MAX_DEPTH: Final = 100
MAX_NODES: Final = 200_000
"""Aliases included, each time that they are used."""

T = TypeVar("T")
_MERGE: Final = "tag:yaml.org,2002:merge"
_STEP: Final = re.compile(r"\.([\w-]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_PATH: Final = re.compile(r" - at `(?:key in )?\$(.*)`$")


class _Loader(yaml.CSafeLoader):
    """PyYAML's C loader with our own idea of what plain text means."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's attribute

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
        if len({str(key) for key in keys}) != len(keys):
            raise yaml.YAMLError(f"a key stands twice near line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?", [*"-+0123456789"]),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first)


def load(data: bytes, file: str, problem: type[IacgateError]) -> Any:
    """Return the value of one YAML document.

    Raises ``problem``, naming the file, where it is not valid.
    """
    return _read(data, file, problem)[0]


def convert(data: bytes, kind: type[T], file: str, problem: type[IacgateError], hint: str) -> T:
    """Return one YAML document as a value of a type.

    Raises ``problem``, naming file and line, where the document has another shape.
    """
    value, root = _read(data, file, problem)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PATH.search(text)
        line = _line(root, found[1] if found else "", _UNKNOWN.search(text))
        raise problem(f"{file}, line {line}: {_PATH.sub('', text)}{_where(found)}.", hint=hint) from error


def _where(found: re.Match[str] | None) -> str:
    return f" (at {found[1].lstrip('.')})" if found and found[1] else ""


def _read(data: bytes, file: str, problem: type[IacgateError]) -> tuple[Any, yaml.Node | None]:
    try:
        _refuse_depth(data)
        loader = _Loader(data)
        try:
            root = loader.get_single_node()
            if _size(root, {}) > MAX_NODES:
                raise yaml.YAMLError("aliases make it too large")
            return loader.construct_document(root) if root else None, root
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError) as error:
        words = " ".join(str(error).split())
        raise problem(f"{file}: not valid YAML ({words}).", hint="Mend the file.") from error


def _refuse_depth(data: bytes) -> None:
    """Raise for what is nested too deeply, and for explicit tags; the parser's own recursion knows no limit."""
    depth = 0
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")
        tag = getattr(event, "tag", None)
        if tag:
            raise yaml.YAMLError(f"tags such as {str(tag)[:40]!r} are not accepted")


def _size(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return how many nodes there are below a node when aliases are written out."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1  # what contains itself has no end
        parts = [part for entry in node.value for part in (entry if isinstance(entry, tuple) else (entry,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _line(root: yaml.Node | None, path: str, unknown: re.Match[str] | None) -> int:
    """Return the line, counted from 1, of the innermost node that the path names, or of the unknown field in it."""
    node = root
    for name, index in _STEP.findall(path):
        below = _below(node, name, index)
        if below is None:
            break
        node = below
    if unknown and isinstance(node, yaml.MappingNode):
        node = next((key for key, _ in node.value if key.value == unknown[1]), node)
    return node.start_mark.line + 1 if node else 1


def _below(node: yaml.Node | None, name: str, index: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode) and name:
        return next((value for key, value in node.value if key.value == name), None)
    if isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
        found: yaml.Node = node.value[int(index)]
        return found
    return None
