"""Rego's answers as reports: what counts, what is refused, and conftest's own meaning of names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.errors import PolicyFailed
from iacgate.risk.context import Report
from iacgate.risk.rego import Module, from_conftest, from_document, read_module
from iacgate.vocabulary import Severity

MAIN = Module(("main",), frozenset({"deny", "deny_public", "warn", "violation"}))


def conftest(*checks: dict[str, Any], status: int = 0) -> list[Report]:
    return from_conftest(json.dumps([{"filename": "-", **check} for check in checks]).encode(), status)


def document(*modules: Module, wanted: tuple[str, ...] = (), **main: Any) -> list[Report]:
    return from_document({"main": main}, list(modules or (MAIN,)), list(wanted))


def test_what_conftest_prints() -> None:
    failures = [
        {"msg": "open", "metadata": {"query": "data.main.deny_public", "address": "a.b"}},
        {"msg": "worse", "metadata": {"severity": "critical"}},
    ]
    warnings = [{"msg": "old", "metadata": {"query": "data.main.warn"}}]
    found = conftest(
        {"namespace": "main", "successes": 1, "failures": failures, "warnings": warnings},
        {"namespace": "lib", "successes": 0, "exceptions": [{"msg": 'data.lib.exception[_][_] == "x"'}]},
        status=1,
    )
    assert [(item.rule, item.severity, item.address) for item in found] == [
        ("rego:main.deny_public", Severity.HIGH, "a.b"),
        ("rego:main.deny", Severity.CRITICAL, ""),
        ("rego:main.warn", Severity.LOW, ""),
        ("rego:lib.exception", Severity.LOW, ""),
    ]


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"", 1, "not its JSON"),
        (b"[", 0, "not its JSON"),
        (b"{}", 0, "not its JSON"),
        (b'[{"namespace":"main","successes":1,"successes":2}]', 0, "not its JSON"),
        (b'[{"successes":1}]', 0, "not its JSON"),
        (b"[]", 0, "no deny"),
        (b'[{"namespace":"main","successes":0}]', 0, "no deny"),
        (b'[{"namespace":"main","successes":3}]', 1, "ended with status 1"),
        (b'[{"namespace":"main","successes":3}]', 2, "ended with status 2"),
        (b'[{"namespace":"main","failures":[{"msg":"x"}]}]', 3, "ended with status 3"),
        (b'[{"namespace":"main","failures":[{"msg":"x","metadata":{"severity":"none"}}]}]', 1, "`severity` is none"),
        (b'[{"namespace":"main","failures":[{"msg":"x","metadata":{"severity":"grave"}}]}]', 1, "`severity` is none"),
    ],
)
def test_what_is_no_clear_answer_from_conftest_is_refused(data: bytes, status: int, says: str) -> None:
    with pytest.raises(PolicyFailed, match=says):
        from_conftest(data, status)


def test_sets_of_messages_and_of_objects() -> None:
    found = document(
        deny=["first", {"msg": "second", "address": "a.b", "severity": "medium"}], warn=["careful"], deny_public=[]
    )
    assert [(item.rule, item.severity, item.message, item.address) for item in found] == [
        ("rego:main.deny", Severity.HIGH, "first", ""),
        ("rego:main.deny", Severity.MEDIUM, "second", "a.b"),
        ("rego:main.warn", Severity.LOW, "careful", ""),
    ]


@pytest.mark.parametrize(("value", "messages"), [(True, ["deny is true"]), (False, []), ("no", ["no"])])
def test_a_rule_that_is_one_value(value: Any, messages: list[str]) -> None:
    assert [item.message for item in document(deny=value)] == messages


@pytest.mark.parametrize("value", [[1], {"a": "x"}, [["x"]], [{"message": "x"}], 7, [None]])
def test_a_rule_that_is_no_message_is_refused_where_conftest_would_pass(value: Any) -> None:
    with pytest.raises(PolicyFailed, match=r"main\.deny is neither"):
        document(deny=value)


def test_exceptions_are_conftests_and_are_always_shown() -> None:
    found = document(deny=["a"], deny_public=["b"], violation=["c"], exception=[["public"]])
    assert [(item.rule, item.message) for item in found] == [
        ("rego:main.deny", "a"),
        ("rego:main.exception", "An exception in the policy keeps a rule from counting: deny_public"),
        ("rego:main.violation", "c"),
    ]
    all_plain = document(deny=["a"], deny_public=["b"], violation=["c"], warn=["d"], exception=[[""]])
    assert [item.rule for item in all_plain] == [
        "rego:main.exception",
        "rego:main.deny_public",
        "rego:main.exception",
        "rego:main.warn",
    ]


def test_only_the_wanted_namespaces_count_and_none_is_no_pass() -> None:
    other = Module(("lib", "a-b"), frozenset({"deny"}))
    assert document(MAIN, other, wanted=("main",), deny=["x"])
    for wanted in (("terraform",), ("main", "terraform")):
        with pytest.raises(PolicyFailed, match="No policy is in the namespace 'terraform'"):
            document(MAIN, wanted=wanted, deny=["x"])
    with pytest.raises(PolicyFailed, match="no deny"):
        document(Module(("main",), frozenset()), helper=["x"])


def test_a_rule_that_the_text_does_not_show_counts_too() -> None:
    assert [item.rule for item in document(Module(("main",), frozenset()), deny_generated=["x"])] == [
        "rego:main.deny_generated"
    ]


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("package main\ndeny contains x if { x := 1 }", Module(("main",), frozenset({"deny"}))),
        (
            "# c\npackage a.b\nimport rego.v1\ndeny_x[msg] { msg := 1 }\nwarn = x\ndefault violation := {}\n",
            Module(("a", "b"), frozenset({"deny_x", "warn", "violation"})),
        ),
        ('package a["b-c"].d\n denylist := 1\ndeny_list-x', Module(("a", "b-c", "d"), frozenset({"deny_list"}))),
        ("package main\nallow := true\ndenylist := []\nwarning = 1", Module(("main",), frozenset())),
    ],
)
def test_what_the_text_of_a_policy_tells(text: str, module: Module) -> None:
    assert read_module(text, "a.rego") == module


def test_a_policy_without_a_package_is_refused() -> None:
    with pytest.raises(PolicyFailed, match=r"a\.rego: there is no `package`"):
        read_module("deny { true }", "a.rego")


@pytest.mark.parametrize("status", [0, 1, 2])
def test_warnings_may_end_conftest_with_a_status(status: int) -> None:
    (found,) = conftest({"namespace": "main", "warnings": [{"msg": "old"}]}, status=status)
    assert found.severity is Severity.LOW
