from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.plan.binding import unbound
from iacgate.plan.reader import read_plan
from iacgate.plan.source.snapshot import Snapshot


def kinds(root: dict[str, Any]) -> list[tuple[str, str]]:
    data = {"format_version": "1.2", "resource_changes": [], "configuration": {"root_module": root}}
    return [(item.kind, item.address) for item in unbound(read_plan(json.dumps(data).encode(), "plan"), None)]


def call(source: str, **more: Any) -> dict[str, Any]:
    return {"module_calls": {"m": {"source": source, **more}}}


@pytest.mark.parametrize(
    ("source", "constraint", "mutable"),
    [
        ("./modules/a", None, False),
        ("../a", None, False),
        ("terraform-aws-modules/vpc/aws", "5.1.2", False),
        ("terraform-aws-modules/vpc/aws", "= 5.1.2", False),
        ("terraform-aws-modules/vpc/aws", "~> 5.1", True),
        ("terraform-aws-modules/vpc/aws", None, True),
        ("app.terraform.io/acme/vpc/aws", "1.0.0", False),
        ("git::https://example.com/a.git", None, True),
        ("git::https://example.com/a.git?ref=v1", None, True),
        ("git::https://example.com/a.git?ref=" + "a" * 40, None, False),
        ("git::https://example.com/a.git?ref=" + "a" * 40 + "&depth=1", None, False),
        ("git::https://example.com/a.git?ref=" + "a" * 41, None, True),
        ("https://example.com/a.zip", None, True),
        ("s3::https://s3.amazonaws.com/b/a.zip", None, True),
    ],
)
def test_module_sources(source: str, constraint: str | None, mutable: bool) -> None:
    more = {} if constraint is None else {"version_constraint": constraint}
    assert kinds(call(source, **more)) == ([("module", "module.m")] if mutable else [])


def test_provisioners_in_modules() -> None:
    inner = {"resources": [{"type": "a", "name": "b", "provisioners": [{"type": "local-exec"}, {"type": "file"}]}]}
    assert kinds(call("./m", module=inner)) == [("provisioner", "module.m.a.b")] * 2


def test_ephemeral_variables_and_resources() -> None:
    root = {
        "variables": {"token": {"ephemeral": True}, "plain": {}},
        "resources": [{"mode": "ephemeral", "type": "a", "name": "b"}],
    }
    assert kinds(root) == [("ephemeral", "ephemeral.a.b"), ("ephemeral", "var.token")]


@pytest.mark.parametrize("beside", [False, True])
def test_provisioners_of_removed_blocks_come_from_the_sources(*, beside: bool) -> None:
    plan = read_plan(b'{"format_version": "1.2", "resource_changes": []}', "plan")
    sources = Snapshot({"": {"main.tf": b'removed {\n  from = a.b\n  provisioner "file" {}\n}\n'}})
    if not beside:
        plan.add_sources(sources)
    (item,) = unbound(plan, None, sources if beside else None)
    assert (item.kind, item.address) == ("provisioner", "a.b")
    assert item.why == "the file provisioner of a removed block runs programs and reads files at apply"


@pytest.mark.parametrize("root", [{}, {"resources": [None]}, {"module_calls": []}, {"variables": {"x": None}}])
def test_odd_configurations(root: dict[str, Any]) -> None:
    assert kinds(root) == []
