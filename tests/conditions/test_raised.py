"""Quantities and versions that go up."""

from typing import Any

import pytest

from iacgate.conditions.compile import compile_condition
from iacgate.conditions.values import SENSITIVE, UNKNOWN

ROOTS = frozenset({"before", "after"})


def ask(operator: str, before: Any, after: Any) -> bool | None:
    """Return whether a value is raised at the path ``x``."""
    return compile_condition({operator: "x"}, ROOTS, "test").answer({"before": {"x": before}, "after": {"x": after}})


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (10, 20, True),
        (20, 10, False),
        (10, 10, False),
        ("10", 20, True),
        ("9Gi", "10Gi", True),
        ("1Gi", "1024Mi", False),
        ("1000Mi", "1Gi", True),
        ("500m", "1", True),
        (None, 20, False),
        (20, None, False),
        ("small", "large", True),
        ("small", "small", False),
        (10, UNKNOWN, None),
        (SENSITIVE, 10, None),
    ],
)
def test_a_quantity_is_raised_where_it_is_higher(before: Any, after: Any, answer: bool | None) -> None:
    assert ask("raised", before, after) is answer


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        ("13.4", "14.1", True),
        ("9.6", "10.0", True),
        ("14.1", "13.4", False),
        ("1.29", "1.30", True),
        (5.6, "5.7", True),
        ("13", "13.1", True),
        ("8.0.mysql_aurora.3.04.0", "8.0.mysql_aurora.3.05.2", True),
        ("v1.2", "1.3", True),
        ("OpenSearch_1.3", "OpenSearch_2.5", True),
        ("1.0", UNKNOWN, None),
        (None, "1.0", False),
    ],
)
def test_a_version_is_compared_part_by_part(before: Any, after: Any, answer: bool | None) -> None:
    assert ask("version_raised", before, after) is answer


def test_of_several_each_is_compared_with_its_own() -> None:
    condition = compile_condition({"raised": "disk[*].size"}, ROOTS, "test")
    before = {"disk": [{"size": 10}, {"size": 20}]}
    assert condition.answer({"before": before, "after": {"disk": [{"size": 10}, {"size": 30}]}}) is True
    assert condition.answer({"before": before, "after": {"disk": [{"size": 10}, {"size": 20}, {"size": 5}]}}) is False
    assert condition.locate({"before": before, "after": {"disk": [{"size": 11}]}}) == [("disk[0].size", 11)]


def test_a_list_of_values_can_change() -> None:
    condition = compile_condition({"changed": "disk[*].size"}, ROOTS, "test")
    before = {"disk": [{"size": 10, "name": "a"}]}
    assert condition.answer({"before": before, "after": {"disk": [{"size": 10, "name": "b"}]}}) is False
    assert condition.answer({"before": before, "after": {"disk": [{"size": 11, "name": "a"}]}}) is True
