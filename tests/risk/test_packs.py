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
OPTIONAL: Final = ("rules", "each", "protocol", "from_port", "to_port", "ports", "where", "to_ports", "protocols")
"""What an ``exposes`` may leave out."""


def named(source: RuleSource) -> str:
    return source.text.id


def packs() -> list[Pack]:
    return [pack for pack, _ in READ]


def without_one_clause(condition: Any) -> Iterator[tuple[str, Any]]:
    """Yield what was taken out, and the condition without it, for everything that can be taken out."""
    if isinstance(condition, list):
        for index, part in enumerate(condition):
            for what, smaller in without_one_clause(part):
                yield what, [*condition[:index], smaller, *condition[index + 1 :]]
        yield from without_one_element(condition)
    elif isinstance(condition, dict):
        for key, part in condition.items():
            for what, smaller in without_a_part_of(key, part):
                yield what, {**condition, key: smaller}


def without_a_part_of(key: str, part: Any) -> Iterator[tuple[str, Any]]:
    if key == "exposes":
        yield from without_one_field(part)
    elif key in ("all", "any", "not", "that"):
        yield from without_one_clause(part)
    elif key == "one_of":
        yield from without_one_element(part)


def without_one_element(items: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    if len(items) > 1:
        for index, item in enumerate(items):
            yield str(item), items[:index] + items[index + 1 :]


def without_one_field(fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in OPTIONAL:
        if name in fields:
            yield f"without {name}", {key: value for key, value in fields.items() if key != name}
    for what, rest in without_one_element(fields["sources"]):
        yield f"sources without {what}", {**fields, "sources": rest}
    for wanted in fields.get("where", {}):
        rest_of = {key: value for key, value in fields["where"].items() if key != wanted}
        yield f"where without {wanted}", {**fields, "where": rest_of}


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
        what for what, smaller in without_one_clause(condition) if not failing_examples(with_condition(source, smaller))
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


def asked(condition: Any, operator: str, wanted: bool) -> Iterator[str]:
    """Yield the references of which a condition asks an operator with this argument."""
    if isinstance(condition, list):
        for part in condition:
            yield from asked(part, operator, wanted)
    elif isinstance(condition, dict):
        if condition.get(operator) is wanted:
            yield condition["value"]
        for key in ("all", "any", "not", "that"):
            yield from asked(condition.get(key), operator, wanted)


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_what_one_rule_passes_over_because_it_is_unknown_another_reports(source: RuleSource) -> None:
    for reference in asked(source.text.match.when, "known", wanted=True):
        reporting = [rule.text for rule in SOURCES if reference in asked(rule.text.match.when, "known", wanted=False)]
        attribute = reference.rpartition(".")[2]
        owners = {
            name for name in source.text.match.types if any(attribute in example for example in examples(source, name))
        }
        assert owners <= {name for text in reporting for name in text.match.types}, reference


def examples(source: RuleSource, resource_type: str) -> Iterator[dict[str, Any]]:
    for example in (*source.examples.match, *source.examples.no_match):
        if (example.type or source.text.match.types[0]) == resource_type:
            yield {**(example.after or {}), **(example.after_unknown or {})}
