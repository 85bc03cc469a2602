"""What is known of undoing: which types lose data when they are destroyed, and which updates go one way only.

One YAML file below ``rules/rollback/`` is one entry; its file name is its id. As with rules, the wire form here is
what the compiled file holds, so that a start of the program parses no YAML. Conditions are the rules' own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec

from iacgate import canonical
from iacgate.conditions.compile import Condition, compile_condition
from iacgate.conditions.refs import Reads, all_reads
from iacgate.errors import PackInvalid
from iacgate.vocabulary import Reversibility, Severity

COMPILED_FORMAT: Final = 1

ROOTS: Final = frozenset({"before", "after", "added", "removed", "change", "config", "related"})
"""Where references of a condition may start.

``config`` holds the constants of the provider's configuration, ``related`` what the object refers to, by type:
``related.azurerm_key_vault[*].purge_protection_enabled``.
"""

_RELATED: Final = re.compile(r'"related\.([A-Za-z0-9_]+)')

_TYPE: Final = re.compile(r"[a-z][a-z0-9_-]*")

Effect: TypeAlias = Literal["destroys", "schedules", "refused-unless-empty", "disables", "abandons"]
"""What a deletion does: at once, after a term, only to what is empty, without removing it, only in the state."""

Outcome: TypeAlias = Literal[
    "reverse-replaces",
    "reverse-plan-fails",
    "reverse-apply-fails",
    "reverse-does-nothing",
    "effect-stays",
    "identity-lost",
    "waits",
    "restores",
]
"""What comes of the way back of a change: the object is destroyed and made anew, the plan or the apply fails, nothing
changes, what the change did stays, names or addresses are lost, it must wait, it takes a value from elsewhere."""

Confidence: TypeAlias = Literal["code", "docs", "schema", "memory"]
"""Where an entry is from: the provider's code, documentation, its schema alone, or memory, which nobody checked."""


class Recovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When what is destroyed can be had back with its data, and where from.

    ``steps`` are what a person does for it, one step each; ``{before.NAME}`` stands for a value of the object.
    """

    when: dict[str, Any]
    point: str
    steps: list[str] = []


class Destroyed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a deletion does, and the delete of a replacement. It reads what the state says: ``before``.

    ``verdict`` holds where ``recoverable`` does not. ``refused`` says when the deletion fails, so that an apply stops
    half-way; ``refused_unless_empty`` when it does so unless the object is empty. ``identity`` names what a new object
    does not get back, ``tombstone`` why its name cannot be taken again, ``companions`` other resources that the
    recovery needs. ``memory`` says which part nobody checked.
    """

    effect: Effect
    verdict: Reversibility
    why: str
    references: list[str]
    confidence: list[Confidence]
    recoverable: Recovery | None = None
    refused: dict[str, Any] | None = None
    refused_unless_empty: dict[str, Any] | None = None
    identity: list[str] = []
    tombstone: str = ""
    companions: list[str] = []
    memory: str = ""


class OneWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A change whose way back is not the way it came; ``when`` says when it is one, without it always."""

    id: str
    outcome: Outcome
    verdict: Reversibility
    severity: Severity
    why: str
    references: list[str]
    confidence: list[Confidence]
    actions: list[Literal["create", "update", "delete"]] = msgspec.field(default_factory=lambda: ["update"])
    when: dict[str, Any] | None = None
    memory: str = ""


class EntryText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is known of some resource types, as it is written, without its examples."""

    id: str
    types: list[str]
    category: str = ""
    destroyed: Destroyed | None = None
    one_way: list[OneWay] = []


class Collection(msgspec.Struct, frozen=True):
    """The entries of one provider: name, version, and its entries in the order of their ids."""

    name: str
    version: str
    sha256: str
    entries: list[EntryText]


class Compiled(msgspec.Struct, frozen=True):
    """What the compiled file holds."""

    format: int
    collections: list[Collection]


class Entry:
    """An entry that can be asked; conditions are compiled when they are first needed."""

    def __init__(self, text: EntryText) -> None:
        self.text = text
        self.id = text.id

    @functools.cached_property
    def recoverable(self) -> Condition | None:
        """When what is destroyed can be had back with its data."""
        found = self.text.destroyed and self.text.destroyed.recoverable
        return self._compiled(found.when if found else None, "recoverable")

    @functools.cached_property
    def refused(self) -> Condition | None:
        """When the deletion fails."""
        text = self.text.destroyed
        return self._compiled(text.refused if text else None, "refused")

    @functools.cached_property
    def refused_unless_empty(self) -> Condition | None:
        """When the deletion fails unless the object is empty."""
        text = self.text.destroyed
        return self._compiled(text.refused_unless_empty if text else None, "refused_unless_empty")

    @functools.cached_property
    def one_way(self) -> tuple[tuple[OneWay, Condition | None], ...]:
        """The changes whose way back is another one, each with its condition."""
        return tuple((item, self._compiled(item.when, item.id)) for item in self.text.one_way)

    @functools.cached_property
    def reads(self) -> Reads:
        """Which attributes of the object are looked at; ``None`` for all of them."""
        own = (self.recoverable, self.refused, self.refused_unless_empty)
        conditions = (*own, *(condition for _, condition in self.one_way))
        return all_reads(condition.reads for condition in conditions if condition)

    @functools.cached_property
    def related(self) -> frozenset[str]:
        """The types of other objects that conditions look at."""
        return frozenset(_RELATED.findall(msgspec.json.encode(self.text).decode()))

    @functools.cached_property
    def uses_config(self) -> bool:
        """Whether a condition looks at the provider's configuration."""
        return b'"config.' in msgspec.json.encode(self.text)

    def _compiled(self, spec: dict[str, Any] | None, part: str) -> Condition | None:
        return None if spec is None else compile_condition(spec, ROOTS, f"rollback entry {self.id}, {part}")


class Knowledge:
    """All that is known, by resource type; several entries can be about one type."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self.collections = tuple(collections)
        self._texts: dict[str, list[EntryText]] = {}
        for collection in self.collections:
            for text in collection.entries:
                for name in text.types:
                    self._texts.setdefault(name, []).append(text)
        self._entries: dict[str, tuple[Entry, ...]] = {}

    def about(self, resource_type: str) -> tuple[Entry, ...]:
        """Return what is known of a type; nothing is not the same as harmless."""
        found = self._entries.get(resource_type)
        if found is None:
            found = tuple(Entry(text) for text in self._texts.get(resource_type, ()))
            self._entries[resource_type] = found
        return found

    @property
    def digest(self) -> str:
        """The digest of all that is known."""
        names = {item.name: item.sha256 for item in self.collections}
        return canonical.digest(canonical.canonical_json(names))

    def __iter__(self) -> Iterator[EntryText]:
        for collection in self.collections:
            yield from collection.entries


def check_entry(text: EntryText, where: str) -> None:
    """Raise :class:`PackInvalid` where an entry says nothing, or contradicts itself."""
    if not text.types or (text.destroyed is None and not text.one_way):
        raise PackInvalid(f"{where}: it names no type, or says nothing of it.", hint="Say what is known, or remove it.")
    if len(set(text.types)) != len(text.types) or not all(map(_TYPE.fullmatch, text.types)):
        raise PackInvalid(f"{where}: `types` are names of types, each once.", hint="Name each of them in full.")
    ids = [item.id for item in text.one_way]
    if len(set(ids)) != len(ids):
        raise PackInvalid(f"{where}: two of `one_way` have the same id.", hint="Give each an id of its own.")
    if not all(item.actions for item in text.one_way):
        raise PackInvalid(f"{where}: one of `one_way` has no actions.", hint="Leave `actions` out for updates.")
    parts = ([text.destroyed] if text.destroyed else []) + list(text.one_way)
    for part in parts:
        if not part.why.strip() or not part.references or not part.confidence:
            raise PackInvalid(f"{where}: each part has a why, references and a confidence.", hint="Fill them in.")
        if ("memory" in part.confidence) != bool(part.memory):
            raise PackInvalid(
                f"{where}: what is from memory says so twice: in `confidence`, and in `memory` what nobody checked.",
                hint="Add the other one, or leave both out.",
            )
    entry = Entry(text)
    _ = entry.reads  # compiles every condition, so that a wrong one is found before anything is judged


def make_collection(name: str, version: str, entries: Iterable[EntryText]) -> Collection:
    """Return a collection with its digest."""
    ordered = sorted(entries, key=lambda entry: entry.id)
    digest = canonical.digest(canonical.canonical_json(ordered))
    return Collection(name=name, version=version, sha256=digest, entries=ordered)


def encode_knowledge(collections: Iterable[Collection]) -> bytes:
    """Return the compiled file, one entry a line so that differences can be read."""
    lines = [b'{"format":%d,"collections":[' % COMPILED_FORMAT]
    for index, item in enumerate(collections):
        head = canonical.canonical_json({"name": item.name, "sha256": item.sha256, "version": item.version})
        lines.append((b"," if index else b"") + head[:-1] + b',"entries":[')
        lines.append(b",\n".join(canonical.canonical_json(entry) for entry in item.entries))
        lines.append(b"]}")
    return b"\n".join([*lines, b"]}"]) + b"\n"


def decode_knowledge(data: bytes) -> Knowledge:
    """Return what a compiled file holds.

    Raises :class:`PackInvalid` where it is damaged or of another format.
    """
    try:
        compiled = msgspec.json.decode(data, type=Compiled)
    except msgspec.MsgspecError as error:
        raise PackInvalid(f"The compiled knowledge is damaged ({error}).", hint="Install iacgate again.") from error
    if compiled.format != COMPILED_FORMAT:
        raise PackInvalid("The compiled knowledge is of another version.", hint="Install iacgate again.")
    return Knowledge(compiled.collections)
