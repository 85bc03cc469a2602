"""The rules that ship: what each says of itself holds, and each clause of it is needed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from iacgate.risk.packs import Pack, RuleSet
from iacgate.risk.rule import RuleText
from iacgate.risk.sources import RuleSource, failing_examples
from iacgate.shell.rules import read_packs
from iacgate.vocabulary import Action, Severity

RULES: Final = Path(__file__).resolve().parents[2] / "rules"
READ: Final = read_packs(RULES)
SOURCES: Final = [source for _, sources in READ for source in sources]
OPTIONAL: Final = ("rules", "protocol", "from_port", "to_port", "ports", "where", "to_ports", "protocols")
"""What an ``exposes`` may leave out."""


def named(source: RuleSource) -> str:
    return source.text.id


def packs() -> list[Pack]:
    return [pack for pack, _ in READ]


def without_one_clause(condition: Any) -> Iterator[tuple[str, Any]]:
    """Yield what was taken out, and the condition without it, for everything that can be taken out."""
    if isinstance(condition, list):
        for index, part in enumerate(condition):
            if len(condition) > 1:
                yield str(part), condition[:index] + condition[index + 1 :]
            for what, smaller in without_one_clause(part):
                yield what, [*condition[:index], smaller, *condition[index + 1 :]]
    elif isinstance(condition, dict):
        for key, part in condition.items():
            if key == "exposes":
                yield from without_one_field(part)
            elif key in ("all", "any", "not", "that"):
                for what, smaller in without_one_clause(part):
                    yield what, {**condition, key: smaller}
            elif key == "one_of":
                for index, item in enumerate(part):
                    if len(part) > 1:
                        yield f"one_of {item!r}", {**condition, key: part[:index] + part[index + 1 :]}


def without_one_field(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in OPTIONAL:
        if name in fields:
            yield f"exposes.{name}", {"exposes": {key: value for key, value in fields.items() if key != name}}
    for wanted in fields.get("where", {}):
        rest = {key: value for key, value in fields["where"].items() if key != wanted}
        yield f"exposes.where.{wanted}", {"exposes": {**fields, "where": rest}}
    for index, path in enumerate(fields["sources"]):
        if len(fields["sources"]) > 1:
            rest_of = fields["sources"][:index] + fields["sources"][index + 1 :]
            yield f"exposes.sources {path}", {"exposes": {**fields, "sources": rest_of}}


def with_condition(source: RuleSource, condition: Any) -> RuleSource:
    match = msgspec.structs.replace(source.text.match, when=condition)
    return msgspec.structs.replace(source, text=msgspec.structs.replace(source.text, match=match))


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_the_examples_hold(source: RuleSource) -> None:
    assert failing_examples(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_every_clause_is_needed(source: RuleSource) -> None:
    condition = copy.deepcopy(source.text.match.when)
    dead = [
        what
        for what, smaller in without_one_clause(condition)
        if not failing_examples(with_condition(source, smaller))
    ]
    assert dead == []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_the_condition_as_a_whole_is_needed(source: RuleSource) -> None:
    if source.text.match.when is not None:
        assert failing_examples(with_condition(source, None)) != []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_the_words_are_in_order(source: RuleSource) -> None:
    text = source.text
    assert Path(source.file).stem == text.id
    assert text.id.startswith(f"{Path(source.file).parent.name}-")
    assert len(text.title) <= 90
    assert text.title[0].isupper()
    assert not text.title.endswith(".")
    assert text.why.endswith(".")
    assert all(reference.startswith("https://") for reference in text.references)


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_types_are_sorted_and_named_once(source: RuleSource) -> None:
    assert source.text.match.types == sorted(set(source.text.match.types))


def test_the_packs_work_together() -> None:
    assert {pack.name for pack in packs()} >= {"aws", "terraform"}
    assert len(RuleSet(packs()).rules) == len(SOURCES)


def test_no_type_is_known_by_accident() -> None:
    """A rule about replacements makes its types known; then some rule must say what deleting one means."""
    rules = RuleSet(packs())
    named_types = {name for rule in rules.rules for name in rule.text.match.types}
    silent = [
        name
        for name in sorted(named_types)
        if rules.knows(name) and not any(says_what_a_deletion_means(rule.text, name) for rule in rules.rules)
    ]
    assert silent == []


def says_what_a_deletion_means(text: RuleText, resource_type: str) -> bool:
    actions = text.match.actions
    return resource_type in text.match.types and (not actions or Action.DELETE in actions)


def test_a_harmless_type_is_not_also_a_dangerous_one() -> None:
    harmless, dangerous = set[str](), set[str]()
    for source in SOURCES:
        match = source.text.match
        if Action.DELETE in match.actions and match.types:
            (harmless if source.text.severity is Severity.NONE else dangerous).update(match.types)
    assert harmless & dangerous == set()
