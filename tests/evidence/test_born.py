from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.born import secrets_of_state
from iacgate.evidence.scrub import Scrubber
from tests.support.terraform import Workspace, install, terraform_or_skip

CONFIGURATION = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "given" {
  type      = string
  sensitive = true
}

variable "pairs" {
  type      = map(string)
  sensitive = true
}

resource "aws_db_instance" "orders" {
  identifier = "orders-of-all"
  password   = "schema-says-so"
  tags       = { owner = var.given, kind = "harmless-tag" }
}

resource "terraform_data" "born" {
  input = { list = ["harmless-item", var.given], deep = { pair = var.pairs["one"] } }

  provisioner "local-exec" {
    command = "echo ${base64encode("user:${nonsensitive(var.given)}")}; echo ${self.output.deep.pair}"
  }
}

output "given" {
  value     = var.given
  sensitive = true
}

output "shown" {
  value = "harmless-output"
}
"""
GIVEN = 'first "line" <&>\nsecond-line'
BORN = {GIVEN, 'first "line" <&>', "second-line", "value-of-one", "schema-says-so"}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, bytes]:
    """A workspace after the first apply, and what Terraform printed then."""
    root = tmp_path_factory.mktemp("born")
    workspace = install(root / "installed", terraform=terraform_or_skip()).workspace(
        root / "work", {"main.tf": CONFIGURATION}
    )
    workspace.variables = {"TF_VAR_given": GIVEN, "TF_VAR_pairs": '{"one":"value-of-one"}'}
    workspace.init()
    plan = workspace.plan()
    return workspace, workspace.run("apply", "-no-color", str(plan.relative_to(workspace.root)))


def test_the_state_of_real_terraform(applied: tuple[Workspace, bytes]) -> None:
    workspace, _ = applied
    assert secrets_of_state((workspace.root / "terraform.tfstate").read_bytes()) == BORN
    assert secrets_of_state(workspace.run("state", "pull")) == BORN
    assert secrets_of_state(workspace.run("show", "-json")) == BORN


def test_the_log_of_real_terraform_keeps_nothing_that_apply_made(applied: tuple[Workspace, bytes]) -> None:
    workspace, log = applied
    secrets = secrets_of_state(workspace.run("state", "pull"))
    assert b"value-of-one" in log
    kept = Scrubber(secrets).clean(log)
    assert b"Apply complete!" in kept
    assert b"harmless-output" in kept
    assert b"(local-exec): (sensitive)\n" in kept
    assert not [secret for secret in secrets if secret.encode() in kept]
    assert re.search(rb"dXNlcj\(sensitive\)=*\n", kept)


def state(instance: dict[str, Any], **more: Any) -> bytes:
    resource = {"mode": "managed", "type": "x", "name": "y", "instances": [instance]}
    return json.dumps({"version": 4, "resources": [resource], **more}).encode()


def step(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


ATTRIBUTES = {
    "a": {"b": ["zero-item", {"c": "deep-value"}, "two-items"], "d": "other-value"},
    "e": "plain-value",
    "f": {"value": {"type": "inner-type", "value": "inner-value"}, "type": ["object", {"type": "string"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ([step("get_attr", "e")], {"plain-value"}),
        ([step("get_attr", "a"), step("get_attr", "d")], {"other-value"}),
        ([step("get_attr", "a"), step("index", {"type": "string", "value": "d"})], {"other-value"}),
        (
            [step("get_attr", "a"), step("get_attr", "b"), step("index", {"type": "number", "value": 2})],
            {"two-items"},
        ),
        ([step("get_attr", "a"), step("get_attr", "b"), step("index", 1), step("get_attr", "c")], {"deep-value"}),
        (["a", "b", 0], {"zero-item"}),
        ("e", {"plain-value"}),
        ("a.b[0]", {"zero-item"}),
        ('a["d"]', {"other-value"}),
        ([step("get_attr", "a"), step("get_attr", "b"), step("index", {"type": "object", "value": {}})], None),
        ([step("get_attr", "a"), step("get_attr", "b"), step("splat", None)], None),
        ([step("get_attr", "a"), step("get_attr", "b"), step("index", 9)], None),
        ([step("get_attr", "a"), step("get_attr", "b")], None),
        ([step("get_attr", "f"), step("get_attr", "type")], {"inner-type", "inner-value", "object", "string"}),
        ([step("get_attr", "missing")], set()),
    ],
)
def test_paths(path: Any, found: set[str] | None) -> None:
    everything = {"zero-item", "deep-value", "two-items"}
    text = state({"attributes": ATTRIBUTES, "sensitive_attributes": [path]})
    assert secrets_of_state(text) == (everything if found is None else found)


def test_names_that_say_so() -> None:
    attributes = {"db_password": "by-its-name", "block": [{"private_key": {"x": "inside-it"}}], "name": "harmless"}
    flat = {"login.0.password": "flat-value", "login.0.user": "harmless"}
    assert secrets_of_state(state({"attributes": attributes, "attributes_flat": flat})) == {
        "by-its-name",
        "inside-it",
        "flat-value",
    }


def test_outputs() -> None:
    outputs = {
        "a": {"value": {"x": ["sensitive-one", 1234567]}, "sensitive": True},
        "b": {"value": "not-sensitive"},
        "auth_token": {"value": "by-its-name"},
    }
    found = secrets_of_state(json.dumps({"version": 4, "outputs": outputs, "resources": []}).encode())
    assert found == {"sensitive-one", "1234567", "by-its-name"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "cannot be read"),
        (b"null", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{}", "format version 4"),
        (b'{"version":3,"modules":[]}', "format version 4"),
        (b'{"version":true}', "format version 4"),
        (b'{"version":"4"}', "format version 4"),
        (b'{"version":4,"version":4}', "cannot be read"),
        (b'{"serial":1,"lineage":"x","encrypted_data":"x","encryption_version":"v0"}', "encrypted"),
        (b'{"version":4,"outputs":[]}', "outputs"),
        (b'{"version":4,"resources":{}}', "resources"),
        (b'{"version":4,"resources":[1]}', "resources"),
        (b'{"version":4,"resources":[{"instances":{}}]}', "instances"),
        (b'{"version":4,"resources":[{"instances":[{"sensitive_attributes":{"a":1}}]}]}', "paths"),
        (b'{"version":4,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "cannot be read"),
    ],
)
def test_a_state_that_cannot_be_read_is_an_error(text: bytes, says: str) -> None:
    with pytest.raises(EvidenceInvalid, match=says) as caught:
        secrets_of_state(text)
    assert caught.value.hint


def test_an_error_says_nothing_of_the_text() -> None:
    with pytest.raises(EvidenceInvalid) as caught:
        secrets_of_state(b'{"version":4,"s3cret-name":1,"s3cret-name":2}')
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__} {caught.value.hint}"


values = st.recursive(
    st.text("abcdefg ", min_size=6, max_size=9),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(st.sampled_from("xyz"), inner, min_size=1)
    ),
    max_leaves=6,
)


@given(values, st.data())
def test_whatever_a_path_leads_to_is_found(value: Any, data: st.DataObject) -> None:
    path: list[dict[str, Any]] = [step("get_attr", "top")]
    node = value
    while isinstance(node, (dict, list)) and data.draw(st.booleans()):
        at = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        path.append(step("index", {"type": "string" if isinstance(at, str) else "number", "value": at}))
        node = node[at]
    wanted = {part for part in re.findall(r'"([^"]*)"', json.dumps(node)) if len(part) > 5 and part.strip()}
    wrapped = data.draw(st.booleans())
    top = {"value": value, "type": "dynamic-type"} if wrapped else value
    assert secrets_of_state(state({"attributes": {"top": top}, "sensitive_attributes": [path]})) >= wanted


def test_states_of_the_corpus(corpus: Path) -> None:
    read = marked = 0
    for path in sorted(corpus.glob("states/*/*")):
        data = path.read_bytes()
        found = secrets_of_state(data)
        read += 1
        marked += bool(found)
        assert all(len(secret) >= 6 for secret in found)
    assert read > 40
    assert marked
