"""Asking policies: programs on PATH by their documented command line, OPA's own library for what Rego means."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from iacgate.errors import PolicyFailed
from iacgate.policy.environments import Rego
from iacgate.shell import rego
from iacgate.shell.rego import Asked, evaluate

PLAN = b'{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"a","change":{"actions":["delete"]}}]}'
DENY = """package main

deny contains {"msg": sprintf("%s is destroyed", [rc.address]), "address": rc.address} if {
  some rc in input.resource_changes
  "delete" in rc.change.actions
}

warn contains "always" if true
"""

CONFTEST = """import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("Conftest: 0.62.0\\nOPA: 1.6.0")
    sys.exit(0)
plan = json.load(sys.stdin)
assert plan["resource_changes"], "the plan arrives through standard input"
print(SECOND, file=sys.stderr)
with open("asked.json", "w") as stream:
    json.dump({"arguments": sys.argv[1:], "environment": sorted(os.environ)}, stream)
print(OUTPUT)
sys.exit(STATUS)
"""


@pytest.fixture
def embedded() -> None:
    if importlib.util.find_spec("opa_bindings") is None:
        pytest.skip("needs OPA's library (opa-golib-python-bindings), which is not installed")


def folder(tmp_path: Path, **files: str) -> Path:
    policies = tmp_path / "policies"
    policies.mkdir()
    for name, text in files.items():
        path = policies / name.replace("__", "/").replace("_rego", ".rego").replace("_json", ".json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return policies


def program(tmp_path: Path, name: str, text: str) -> dict[str, str]:
    """Put a program on a PATH of its own; return the environment that has it."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    path = programs / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return {"PATH": str(programs), "HOME": str(tmp_path), "TF_TOKEN_example_com": "secret", "CONFTEST_POLICY": "x"}


def stub(tmp_path: Path, output: str, status: int = 0, said: str = "") -> dict[str, str]:
    text = CONFTEST.replace("OUTPUT", repr(output)).replace("STATUS", str(status)).replace("SECOND", repr(said))
    return program(tmp_path, "conftest", text)


def ask(policies: Path, environment: dict[str, str] | None = None, **settings: Any) -> Asked:
    return evaluate(policies, PLAN, Rego(**settings), environment or {"PATH": ""})


def test_conftest_is_asked_as_its_manual_says(tmp_path: Path) -> None:
    policies = folder(tmp_path, a_rego=DENY)
    environment = stub(tmp_path, '[{"filename":"","namespace":"main","successes":0,"failures":[{"msg":"no"}]}]', 1)
    asked = ask(policies, environment)
    assert [(item.rule, item.message) for item in asked.reports] == [("rego:main.deny", "no")]
    assert (asked.identity.name, asked.identity.version) == ("rego:policies", "conftest 0.62.0")
    told = json.loads((policies / "asked.json").read_text())
    assert told["arguments"] == ("test --no-color --output json --parser json --policy . --all-namespaces -".split())
    assert set(told["environment"]) - {"LC_CTYPE"} == {"HOME", "PATH"}


def test_conftest_is_told_the_namespaces_and_the_old_language(tmp_path: Path) -> None:
    policies = folder(tmp_path, a_rego=DENY)
    environment = stub(tmp_path, '[{"filename":"","namespace":"a","successes":1}]')
    assert ask(policies, environment, namespaces=["a", "b"], version="v0").reports == []
    told = (policies / "asked.json").read_text()
    assert '"--namespace", "a", "--namespace", "b", "--rego-version", "v0", "-"' in told


@pytest.mark.parametrize(
    ("output", "status", "said", "says"),
    [
        (
            "",
            1,
            "print of a policy\n1 error occurred: a.rego:3: rego_parse_error: no match",
            "failed: 1 error occurred: a.rego:3",
        ),
        ("", 1, "error: evaluating: a.rego:9: eval_builtin_error: secret", "failed: eval_builtin_error at a.rego:9"),
        ("Error", 1, "print of a policy", "it did not say why"),
        ('[{"namespace":"main","successes":0}]', 0, "", "no deny"),
        ('[{"namespace":"main","successes":1}]', 3, "", "status 3"),
    ],
)
def test_a_conftest_that_does_not_answer_stops_the_run(
    tmp_path: Path, output: str, status: int, said: str, says: str
) -> None:
    with pytest.raises(PolicyFailed, match=says):
        ask(folder(tmp_path, a_rego=DENY), stub(tmp_path, output, status, said))


OPA = """import json, sys
if sys.argv[1:] == ["version"]:
    print("Version: VERSION\\nGo Version: go1.24")
    sys.exit(0)
json.load(sys.stdin)
with open("asked.json", "w") as stream:
    json.dump(sys.argv[1:], stream)
print(OUTPUT)
sys.exit(STATUS)
"""


def opa(tmp_path: Path, output: str, status: int = 0, version: str = "1.6.0") -> dict[str, str]:
    text = OPA.replace("VERSION", version).replace("OUTPUT", repr(output)).replace("STATUS", str(status))
    return program(tmp_path, "opa", text)


@pytest.mark.parametrize(
    ("version", "language", "flags"),
    [
        ("1.6.0", "v1", []),
        ("1.6.0", "v0", ["--v0-compatible"]),
        ("0.70.0", "v1", ["--v1-compatible"]),
        ("0.70.0", "v0", []),
    ],
)
def test_opa_is_asked_as_its_manual_says(tmp_path: Path, version: str, language: str, flags: list[str]) -> None:
    policies = folder(tmp_path, a_rego=DENY)
    output = '{"result":[{"expressions":[{"value":{"main":{"deny":["no"],"warn":[]}},"text":"data"}]}]}'
    asked = ask(policies, opa(tmp_path, output, version=version), version=language)
    assert [item.message for item in asked.reports] == ["no"]
    assert asked.identity.version == f"opa {version}"
    told = ["eval", "--format", "json", "--stdin-input", "--strict-builtin-errors", *flags]
    told += ["--ignore", "*_test.rego", "--data", ".", "data"]
    assert (policies / "asked.json").read_text() == str(told).replace("'", '"')


@pytest.mark.parametrize(
    ("output", "status", "says"),
    [
        ('{"errors":[{"message":"eval_builtin_error"}]}', 2, "opa failed"),
        ("{}", 0, "not its JSON"),
        ('{"result":[]}', 0, "not its JSON"),
        ("", 0, "not its JSON"),
        ('{"result":[{"expressions":[{"value":{"main":{"deny":[7]}}}]}]}', 0, "neither a text"),
    ],
)
def test_an_opa_that_does_not_answer_stops_the_run(tmp_path: Path, output: str, status: int, says: str) -> None:
    with pytest.raises(PolicyFailed, match=says):
        ask(folder(tmp_path, a_rego=DENY), opa(tmp_path, output, status))


def test_a_program_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = folder(tmp_path, a_rego=DENY)
    with pytest.raises(PolicyFailed, match="opa is not on PATH"):
        ask(policies, engine="opa")
    monkeypatch.setitem(sys.modules, "opa_bindings", None)
    with pytest.raises(PolicyFailed, match="neither conftest nor opa"):
        ask(policies)
    with pytest.raises(PolicyFailed, match="not installed"):
        ask(policies, engine="embedded")


def test_a_program_that_cannot_be_started_stops_the_run(tmp_path: Path) -> None:
    environment = program(tmp_path, "conftest", "")
    (tmp_path / "bin" / "conftest").write_text("#!/nothing/here\n")
    with pytest.raises(PolicyFailed, match="could not be run"):
        ask(folder(tmp_path, a_rego=DENY), environment)


@pytest.mark.usefixtures("embedded")
def test_the_embedded_engine_says_what_opa_says(tmp_path: Path) -> None:
    asked = ask(folder(tmp_path, a_rego=DENY, ignored_test_rego="package main\ntest_x if { json.unmarshal(1) }"))
    assert [(item.rule, item.message, item.address) for item in asked.reports] == [
        ("rego:main.deny", "a.b is destroyed", "a.b"),
        ("rego:main.warn", "always", ""),
    ]
    assert asked.identity.version == "opa, embedded"


@pytest.mark.usefixtures("embedded")
def test_the_embedded_engine_has_data_and_network_functions(tmp_path: Path) -> None:
    text = 'package main\ndeny contains r if { some r in data.lists.open; net.cidr_contains("10.0.0.0/8", r) }'
    asked = ask(folder(tmp_path, a_rego=text, lists__open_json='{"open": ["10.1.0.0/16", "192.0.2.0/24"]}'))
    assert [item.message for item in asked.reports] == ["10.1.0.0/16"]


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("package main\ndeny[msg] { msg := 1 }", "cannot be evaluated"),
        ("package main\ndeny contains x if { x := json.unmarshal(input.format_version) }\n", "neither a text"),
        ('package main\ndeny contains x if { x := json.unmarshal("{") }', "cannot be evaluated"),
        ("package main\ndeny contains x if { x := undefined_function(1) }", "cannot be evaluated"),
        ('package main\ndeny contains x if { x := http.send({"url": "http://127.0.0.1"}) }', "calls http.send"),
        ("package main\ndeny contains x if { x := opa.runtime().env }", "calls opa.runtime"),
        ('package main\ndeny contains x if { h := "#"; x := http.send({}) }', "calls http.send"),
        ('package main\ndeny contains sprintf("%v", [x]) if { x := time["now_ns"]() }', "calls time.now_ns"),
        ("package main\nhelper := 1", "no deny"),
        ("package main\nx := 1 if true\nx := 2 if true\ndeny contains 'a'", "cannot be evaluated"),
    ],
)
def test_the_embedded_engine_fails_closed(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PolicyFailed, match=says):
        ask(folder(tmp_path, a_rego=text))


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize(
    "body",
    [
        'net.cidr_contains(input.resource_changes[0].address, "10.0.0.0/8")',
        'regex.match(sprintf("(%s", [input.resource_changes[0].address]), "x")',
        "json.unmarshal(input.resource_changes[0].address)",
        "units.parse(input.resource_changes[0].address)",
        "time.parse_rfc3339_ns(input.resource_changes[0].address)",
    ],
)
def test_an_error_of_evaluating_does_not_quote_the_plan(tmp_path: Path, body: str) -> None:
    policies = folder(tmp_path, a_rego=f'package main\ndeny contains "x" if {{ {body} }}')
    with pytest.raises(PolicyFailed) as caught:
        evaluate(policies, PLAN.replace(b"a.b", b"correct-horse"), Rego(), {"PATH": ""})
    assert "correct-horse" not in caught.value.message
    assert "a.rego:2" in caught.value.message


@pytest.mark.usefixtures("embedded")
def test_the_embedded_engine_refuses_the_old_language(tmp_path: Path) -> None:
    with pytest.raises(PolicyFailed, match="version 1"):
        ask(folder(tmp_path, a_rego=DENY), version="v0")


def test_the_digest_is_that_of_policies_and_data(tmp_path: Path) -> None:
    policies = folder(tmp_path, a_rego=DENY)
    environment = stub(tmp_path, '[{"filename":"","namespace":"a","successes":1}]')
    first = ask(policies, environment).identity.sha256
    (policies / "asked.json").unlink()
    assert ask(policies, environment).identity.sha256 == first
    (policies / "asked.json").unlink()
    (policies / "data.json").write_text("{}")
    assert ask(policies, environment).identity.sha256 != first


@pytest.mark.usefixtures("embedded")
def test_an_evaluation_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rego, "TIMEOUT", 2)
    text = 'package main\ndeny contains "x" if { some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); '
    text += "some c in numbers.range(1, 3000); a + b + c == 0 }"
    with pytest.raises(PolicyFailed, match="could not be run"):
        ask(folder(tmp_path, a_rego=text))


@pytest.mark.usefixtures("embedded")
def test_data_that_is_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFailed, match=r"lists/open\.json: not valid JSON"):
        ask(folder(tmp_path, a_rego=DENY, lists__open_json="{"))
