"""YAML that people write, read strictly: no surprises, no bombs, and errors that name the line.

A key that stands twice is refused (YAML 1.2, section 3.2.1.1), aliases are counted as
what they stand for, and only ``true``, ``false``, ``null`` and numbers are anything but
text: ``no``, ``off``, ``1_000`` and dates stay as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
import yaml

from iacgate.errors import IacgateError

MAX_DEPTH: Final = 100
MAX_NODES: Final = 200_000
"""Aliases included, each time that they are used."""

MAX_TRIED: Final = 500
"""Keys of one mapping that are looked at to find the one that an error is about; beyond, the mapping's line is said."""

T = TypeVar("T")
_MERGE: Final = "tag:yaml.org,2002:merge"
_STEP: Final = re.compile(r"\.([\w-]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_PATH: Final = re.compile(r" - at (`key` in )?`\$(.*)`$")


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
        path = _named(value, f"{found[2]}[...]" if found[1] else found[2], kind, text) if found else []
        line = _line(root, path, _UNKNOWN.search(text))
        raise problem(f"{file}, line {line}: {_PATH.sub('', text)}{_where(found)}.", hint=hint) from error


def quoted(text: str) -> str:
    """Return a text on one line of YAML, between quotation marks, which reads back as the same."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 30).rstrip("\n")


def place(data: bytes, file: str, *path: str | int) -> str:
    """Return file and line of what stands at a path, for an error about what it says.

    ``data`` is a document that was read before; where the path ends early, its last node counts.
    """
    return f"{file}, line {_line(yaml.compose(data, Loader=_Loader), path, None)}"


def _named(value: Any, path: str, kind: type[Any], text: str) -> list[str | int]:
    """Return the keys on a path on which msgspec writes ``[...]`` for each key of a mapping.

    It is the first key with which alone the error is the same. ``value`` is used up.
    """
    steps: list[str | int] = []
    here = value
    for name, index in _STEP.findall(path):
        step = name or (int(index) if index else _culprit(value, here, kind, text))
        if step == "":
            break
        steps.append(step)
        here = here[step]
    return steps


def _culprit(value: Any, here: Any, kind: type[Any], text: str) -> str:
    """Leave in a mapping inside of a value only the key that is to blame for an error; return it, empty for none."""
    entries: dict[str, Any] = dict(here) if isinstance(here, dict) else {}
    for key in list(entries)[:MAX_TRIED]:
        here.clear()
        here[key] = entries[key]
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            if str(error) == text:
                return key
    return ""


def _where(found: re.Match[str] | None) -> str:
    return f" (at {found[2].lstrip('.')})" if found and found[2] else ""


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


def _line(root: yaml.Node | None, path: Iterable[str | int], unknown: re.Match[str] | None) -> int:
    """Return the line, counted from 1, of the innermost key or element on a path, or of the unknown field in it."""
    node = line_at = root
    for step in path:
        below = _below(node, step)
        if below is None:
            break
        line_at, node = below
    if unknown and isinstance(node, yaml.MappingNode):
        line_at = next((key for key, _ in node.value if key.value == unknown[1]), line_at)
    return line_at.start_mark.line + 1 if line_at else 1


def _below(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return where something begins (the key of a mapping's entry), and the thing itself."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
