"""Files of variables: what is not surely the same is not the same. What Terraform reads is in tests/shell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.conditions.values import UNKNOWN
from iacgate.plan.source.hcl import MAX_FILE
from iacgate.plan.source.tfvars import auto_loaded, declared, explain

NAMES = frozenset({"a", "b"})


def explains(text: str, planned: object, path: str = "x.tfvars") -> bool:
    return explain([(path, text.encode())], {"a": planned}, NAMES)


def test_only_some_files_are_loaded_by_themselves() -> None:
    names = ["z.auto.tfvars", "a.tfvars", "terraform.tfvars.json", "B.auto.tfvars.json", ".auto.tfvars", "x.tf"]
    assert auto_loaded([*names, "terraform.tfvars"]) == [
        "terraform.tfvars",
        "terraform.tfvars.json",
        ".auto.tfvars",
        "B.auto.tfvars.json",
        "z.auto.tfvars",
    ]


def test_variables_of_the_root_module_are_declared_there() -> None:
    members = {
        "tfconfig/m-/main.tf": b'variable "a" {}\nvariable b {}\nresource "x" "y" {}\n',
        "tfconfig/m-net/main.tf": b'variable "c" {}\n',
        "tfconfig/modules.json": b"[]",
    }
    assert declared(members) == frozenset("ab")
    assert declared({**members, "tfconfig/m-/odd.tf": b"variable {{"}) is None


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ('"1"', 1),
        ("1", "1"),
        ("1", True),
        ("true", 1),
        ("true", "true"),
        ("null", ""),
        ("null", False),
        ("[]", {}),
        ("[1]", [1, 1]),
        ("{ a = 1 }", {"a": 1, "b": 1}),
        ("{ a = 1 }", {"a": "1"}),
        ("{ a = 1, a = 1 }", {"a": 1}),
        ("{ (a) = 1 }", {"a": 1}),
        ("{ (b) : 1 }", {"(b)": 1}),
        ("unknown", UNKNOWN),
        ("f(1)", 1),
        ("1 - 1", 0),
        ('"a\\\\b"', "a\\b"),
        ('"%{ if true }x%{ endif }"', "x"),
        ("1\nb = 2", 1),
        ("1\na = 1", 1),
        ("1\nblock {}", 1),
        ("1\nb = {", 1),
        ("", 1),
    ],
)
def test_what_is_not_the_same(text: str, planned: object) -> None:
    assert not explains(f"a = {text}\n", planned)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '[{"a": 1}]',
        "{",
        '{"a": true}',
        '{"a": "1"}',
        '{"a": 1, "b": 1}',
        '{"a": 1e99999999999999999999}',
        "\xff",
    ],
)
def test_what_is_not_the_same_in_json(text: str) -> None:
    assert not explains(text, 1, "x.tfvars.json")
    assert explains('{"a": 1, "//": "said", "c": 2}', 1, "x.tfvars.json")


def test_nothing_nested_too_deep_or_too_large_is_read() -> None:
    def nested(depth: int) -> list[Any]:
        return [] if depth == 0 else [nested(depth - 1)]

    assert explains(f"a = {'[' * 31}{']' * 31}", nested(30))
    for depth in (60, 400):
        assert not explains(f"a = {'[' * depth}{']' * depth}", nested(depth - 1))
        assert not explains(f'{{"a": {"[" * depth}{"]" * depth}}}', nested(depth - 1), "x.json")
    assert not explains(f"a = {'(' * 3_000}1{')' * 3_000}", 1)
    assert not explains(f"a = 1{' ' * MAX_FILE}", 1)


PLAIN = st.text(st.characters(exclude_characters='"\\\n\r$%', exclude_categories=["C"]), max_size=5)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-100, max_value=100, places=3)
SCALARS = st.none() | st.booleans() | NUMBERS | PLAIN
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3), max_leaves=8
)


def written(value: Any) -> str:
    """Return a value as somebody would write it."""
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case Decimal():
            return format(value, "f")
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(written, value))}]"
    return "{\n" + "".join(f'  "{key}" = {written(item)}\n' for key, item in value.items()) + "}"


@given(VALUES, VALUES)
def test_a_value_explains_itself_and_nothing_else(one: Any, other: Any) -> None:
    text = f"a = {written(one)}\n"
    assert explains(text, one)
    assert explains(text, other) == (written(one) == written(other) or _equal(one, other))


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values differ only in the order of keys and in zeros."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
