from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from iacgate.plan.graph import BlastRadius, Graph


def resource(name: str, *references: str, **more: Any) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": "a",
        "name": name,
        "expressions": {"x": {"references": list(references)}},
        **more,
    }


def graph(root: dict[str, Any], **instances: int) -> Graph:
    return Graph({"root_module": root}, Counter({f"a.{name}": count for name, count in instances.items()}))


def test_direct_and_all() -> None:
    found = graph({"resources": [resource("one"), resource("two", "a.one.id", "a.one"), resource("three", "a.two.id")]})
    assert found.blast_radius("a.one") == BlastRadius(direct=1, total=2)
    assert found.blast_radius("a.three") == BlastRadius(direct=0, total=0)


def test_instances_count() -> None:
    found = graph({"resources": [resource("one"), resource("two", "a.one")]}, two=5)
    assert found.blast_radius("a.one") == BlastRadius(direct=5, total=5)


def test_depends_on_and_nested_blocks() -> None:
    nested = {
        "mode": "managed",
        "type": "a",
        "name": "n",
        "expressions": {"block": [{"y": {"references": ["a.one.id"]}}]},
    }
    found = graph({"resources": [resource("one"), resource("two", depends_on=["a.one"]), nested]})
    assert found.blast_radius("a.one").direct == 2


def test_through_modules() -> None:
    child = {
        "resources": [resource("inner", "var.id")],
        "variables": {"id": {}},
        "outputs": {"out": {"expression": {"references": ["a.inner.id", "a.inner"]}}},
    }
    root = {
        "resources": [resource("one"), resource("last", "module.m.out", "module.m")],
        "module_calls": {"m": {"expressions": {"id": {"references": ["a.one.id", "a.one"]}}, "module": child}},
    }
    found = graph(root)
    assert found.blast_radius("a.one") == BlastRadius(direct=1, total=2)
    assert found.blast_radius("module.m.a.inner") == BlastRadius(direct=1, total=1)


def test_a_modules_for_each_reaches_all_in_it() -> None:
    child = {"resources": [resource("x"), resource("y")]}
    calls = {"m": {"for_each_expression": {"references": ["a.one"]}, "module": child}}
    assert graph({"resources": [resource("one")], "module_calls": calls}).blast_radius("a.one").direct == 2


def test_cycles_end() -> None:
    found = graph({"resources": [resource("one", "a.two"), resource("two", "a.one"), resource("self", "a.self")]})
    assert found.blast_radius("a.one") == BlastRadius(direct=1, total=1)
    assert found.blast_radius("a.self") == BlastRadius(direct=0, total=0)


def test_odd_configurations_have_no_dependents() -> None:
    odds: list[Any] = [
        None,
        [],
        {"resources": {}},
        {"resources": [1, None]},
        {"module_calls": {"m": 1}},
        {"outputs": []},
    ]
    for odd in odds:
        assert Graph({"root_module": odd}, Counter()).blast_radius("a.one") == BlastRadius(direct=0, total=0)


def test_a_configuration_made_to_be_slow_is_cut_off_and_direct_dependents_stay_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("iacgate.plan.graph.MAX_STEPS", 1000)
    chain = [resource("r0"), *(resource(f"r{number}", f"a.r{number - 1}") for number in range(1, 500))]
    found = graph({"resources": chain})
    first = found.blast_radius("a.r0")
    for number in range(1, 400):
        assert found.blast_radius(f"a.r{number}").direct == 1
    assert first == BlastRadius(direct=1, total=499)
    assert found._steps < 3000


def test_a_module_that_is_depended_on_counts_with_all_that_is_in_it() -> None:
    inner = {"resources": [resource("in")], "module_calls": {"deep": {"module": {"resources": [resource("deepest")]}}}}
    after = {"module": {"resources": [resource("other")]}, "depends_on": ["module.m"]}
    root = {
        "resources": [resource("later", depends_on=["module.m"]), resource("stranger", "module.m", "module.m.out")],
        "module_calls": {"m": {"module": inner}, "n": after},
    }
    found = Graph({"root_module": root}, Counter())
    assert found.blast_radius("module.m.a.in") == BlastRadius(direct=2, total=2)
    assert found.blast_radius("module.m.module.deep.a.deepest") == BlastRadius(direct=2, total=2)


def test_the_nearest_dependents_are_those_before_any_other() -> None:
    found = graph({"resources": [resource("a"), resource("b", "a.a"), resource("c", "a.b"), resource("d", "a.c")]})
    assert found.nearest_dependents("a.a", {"a.a", "a.c", "a.d"}) == {"a.c"}
    assert found.nearest_dependents("a.d", {"a.a", "a.c", "a.d"}) == frozenset()
    assert "a.b" in found
    assert "a.x" not in found


def test_what_refers_to_a_local_through_whatever_is_found() -> None:
    inner = {"resources": [resource("in", "var.x")], "variables": {"x": {}}}
    call = {"module": inner, "expressions": {"x": {"references": ["local.names"]}}}
    found = Graph({"root_module": {"resources": [resource("a", "local.n")], "module_calls": {"m": call}}}, Counter())
    assert found.by_locals({"a.a", "module.m.a.in", "a.x"}) == {"a.a", "module.m.a.in"}
