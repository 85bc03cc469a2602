"""What is known of undoing as people write it: YAML files with examples, read strictly.

Only ``rules test`` and the compiler import this; judging a plan reads the compiled file and no YAML.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final, Literal

import msgspec

from iacgate import strictyaml
from iacgate.conditions.compile import Condition
from iacgate.conditions.refs import Subject
from iacgate.conditions.values import Value
from iacgate.errors import PackInvalid
from iacgate.plan.model import ChangeBody
from iacgate.plan.redaction import Redactor, after_of, before_of
from iacgate.rollback.destruction import of_creation, of_destruction
from iacgate.rollback.findings import Case, Found
from iacgate.rollback.knowledge import Entry, EntryText, check_entry
from iacgate.rollback.oneway import of_way
from iacgate.vocabulary import Action, Reversibility

HINT: Final = "See docs/rollback.md for the form of an entry."
Tried = Literal["create", "update", "delete", "replace"]


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One example: a change, and what the entry must say of it.

    ``verdict`` is what undoing means, ``checks`` the ids of the checks that must not hold: exactly these.
    ``config`` and ``related`` are what the conditions see of the provider's configuration and of other objects.
    """

    name: str
    action: Tried
    verdict: Reversibility
    before: Any = None
    after: Any = None
    after_unknown: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    config: dict[str, Any] = {}
    related: dict[str, Any] = {}
    checks: list[str] = []


class _EntryFile(EntryText, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file as a whole."""

    examples: list[Example]


class EntrySource(msgspec.Struct, frozen=True):
    """An entry with its examples and the file that it came from."""

    file: str
    text: EntryText
    examples: list[Example]


def read_entry(data: bytes, file: str) -> EntrySource:
    """Return one entry.

    Raises :class:`PackInvalid`, naming the file, where anything is missing, unknown or contradictory.
    """
    written = strictyaml.convert(data, _EntryFile, file, PackInvalid, HINT)
    text = EntryText(**{name: getattr(written, name) for name in EntryText.__struct_fields__})
    if PurePath(file).stem != text.id:
        raise PackInvalid(f"{file}: the entry's id is {text.id!r}.", hint="Name the file after the id.")
    check_entry(text, file)
    if not written.examples:
        raise PackInvalid(f"{file}: an entry has examples.", hint="Add one for each thing that it says.")
    return EntrySource(file=file, text=text, examples=written.examples)


def failing_examples(source: EntrySource) -> list[str]:
    """Return what is wrong with an entry's examples, a sentence each; empty where all hold."""
    wrong = []
    for example in source.examples:
        found = judge_example(Entry(source.text), example)
        checks = sorted({check.id for check in found.checks})
        if found.verdict is not example.verdict:
            wrong.append(f"{source.file}: {example.name!r} should be {example.verdict}, but is {found.verdict}")
        if checks != sorted(set(example.checks)):
            wrong.append(
                f"{source.file}: {example.name!r} should break {example.checks or 'no check'}, but breaks {checks}"
            )
    return wrong


def judge_example(entry: Entry, example: Example) -> Found:
    """Return what an entry says of an example, as it would say it of the same change in a plan."""
    found, redactor = Found(), Redactor()
    subject = _subject(example)
    case = Case(entry, subject, redactor)
    later = {**subject, "before": subject["after"], "after": None}
    if example.action in ("delete", "replace"):
        of_destruction(case, found, protected=later if example.action == "replace" else {})
    if example.action in ("create", "replace"):
        of_creation(Case(entry, later, redactor), found)
    of_way((case,), Action(example.action), found)
    return found


def _subject(example: Example) -> Subject:
    encode = msgspec.json.encode
    body = ChangeBody(
        actions=[example.action],
        before=msgspec.Raw(encode(example.before)),
        after=msgspec.Raw(encode(example.after)),
        after_unknown=msgspec.Raw(encode(example.after_unknown)),
        before_sensitive=msgspec.Raw(encode(example.before_sensitive)),
        after_sensitive=msgspec.Raw(encode(example.after_sensitive)),
    )
    redactor = Redactor()
    before: Value = before_of(body, redactor, example.name)
    after: Value = after_of(body, redactor, example.name)
    return {
        "before": before,
        "after": after,
        "change": {"action": example.action},
        "config": example.config,
        "related": example.related,
    }


def untried(source: EntrySource) -> list[str]:
    """Return the parts of an entry that no example reaches for certain."""
    entry = Entry(source.text)
    reached = {part for example in source.examples for part in _reached(entry, example)}
    return [part for part in _parts(source.text) if part not in reached]


def _parts(text: EntryText) -> list[str]:
    named = ("recoverable", "refused", "refused_unless_empty")
    parts = ["destroyed", *(name for name in named if getattr(text.destroyed, name))] if text.destroyed else []
    return [*parts, *(item.id for item in text.one_way)]


def _reached(entry: Entry, example: Example) -> set[str]:
    """Return the parts of an entry that hold for an example; ``destroyed`` where nothing saves what is deleted."""
    subject, found = _subject(example), judge_example(entry, example)
    parts = {
        because.entry.rpartition("/")[2] for verdict, because in found.reasons if verdict is not Reversibility.UNKNOWN
    }
    if example.action == "create":
        subject = {**subject, "before": subject["after"], "after": None}
    elif example.action == "update":
        return parts
    asked = {name: condition.answer(subject) for name, condition in _conditions(entry) if condition}
    if example.action != "create" and not asked.get("recoverable") and not asked.get("refused_unless_empty"):
        parts.add("destroyed")
    return parts | {name for name, answer in asked.items() if answer}


def _conditions(entry: Entry) -> tuple[tuple[str, Condition | None], ...]:
    return (
        ("recoverable", entry.recoverable),
        ("refused", entry.refused),
        ("refused_unless_empty", entry.refused_unless_empty),
    )
