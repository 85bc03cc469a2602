"""States are read strictly: what Terraform could read otherwise is refused, without a value in the message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.errors import PlanUnreadable
from iacgate.plan.statedigest import digest
from iacgate.plan.statefile import read_state, show_key


def state(*instances: dict[str, Any], mode: str = "managed", **more: Any) -> bytes:
    resource = {"mode": mode, "type": "t", "name": "n", "provider": "p", "instances": list(instances)}
    return json.dumps(
        {"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": [resource], **more}
    ).encode()


def one(**more: Any) -> dict[str, Any]:
    return {"schema_version": 0, "attributes": {"id": "SECRET"}, **more}


def test_instances_are_found_by_key() -> None:
    read = read_state(state(one(index_key="a"), one(index_key=0), one(index_key=0, deposed="0abc")), "x")
    assert [show_key(key) for key in read.instances] == ['t.n["a"]', "t.n[0]", "t.n[0] (deposed 0abc)"]
    assert "SECRET" not in repr(read)
    assert "SECRET" not in repr(list(read.instances.values()))


@pytest.mark.parametrize(
    "data",
    [
        b"SECRET",
        b'{"version": 4, "SECRET": 1}',
        b'{"version": 4, "Resources": []}',
        b'{"version": 4, "resources": [], "resources": []}',
        b'{"version": 3}',
        state(one(), one()),
        state(one(index_key=True)),
        state(one(Attributes={})),
        state(one()).replace(b'"schema_version": 0', b'"attributes": {"id": "SECRET"}, "schema_version": 0'),
        b'{"version": 4, "check_results": ' + b"[" * 100_000,
        b'{"version": 4, "outputs": {"a": {"value": 1, "Sensitive": true}}}',
    ],
)
def test_what_could_be_read_otherwise_is_refused(data: bytes) -> None:
    with pytest.raises(PlanUnreadable, match="The state") as caught:
        read_state(data, "The state")
    assert "SECRET" not in caught.value.message


@pytest.mark.parametrize(
    "other",
    [
        state(one(attributes={"id": "other"})),
        state(one(status="tainted")),
        state(one(schema_version=1)),
        state(one(index_key=0)),
        state(one(deposed="0abc")),
        state(one(dependencies=["t.m"])),
        state(one(create_before_destroy=True)),
        state(one(sensitive_attributes=[[]])),
        state(one(identity={"id": 1})),
        state(one(), mode="data"),
        state(one(), outputs={"a": {"value": 1, "type": "number"}}),
    ],
)
def test_what_decides_is_in_the_digest(other: bytes) -> None:
    assert digest(other) != digest(state(one()))


def test_what_does_not_decide_is_not() -> None:
    marks = [[{"type": "get_attr", "value": "a"}], [{"type": "get_attr", "value": "b"}]]
    left = state(one(private="YQ==", sensitive_attributes=marks, dependencies=["a", "b"]), serial=7)
    right = state(one(sensitive_attributes=marks[::-1], dependencies=["b", "a"]), check_results=None)
    assert digest(left) == digest(json.dumps(json.loads(right), indent=2).encode())


def data_source(attributes: dict[str, Any], *path: Any) -> bytes:
    steps = [{"type": "get_attr", "value": step} if isinstance(step, str) else step for step in path]
    return state(one(attributes=attributes, sensitive_attributes=[steps] if steps else []), mode="data")


INDEX = {"type": "index", "value": {"value": 1, "type": "number"}}
IN_SET = {"type": "index", "value": {"value": {"a": 1}, "type": ["object", {"a": "number"}]}}


@pytest.mark.parametrize(
    ("left", "right", "path"),
    [
        ({"x": "1"}, {"x": "2"}, ("x",)),
        ({"x": [0, {"y": 1}]}, {"x": [0, {"y": 2}]}, ("x", INDEX, "y")),
        ({"x": {"value": [0, 1], "type": 1}}, {"x": {"value": [0, 2], "type": 1}}, ("x", INDEX)),
        ({"x": [{"a": 1}]}, {"x": [{"a": 2}]}, ("x", IN_SET)),
        ({"auth_token": "1"}, {"auth_token": "2"}, ()),
        ({"x": ["2026-01-01T00:00:00Z"]}, {"x": ["2026-01-01T00:00:01Z"]}, ()),
    ],
)
def test_secrets_and_times_of_data_sources_may_change(left: Any, right: Any, path: tuple[Any, ...]) -> None:
    assert digest(data_source(left, *path)) == digest(data_source(right, *path))
    assert digest(data_source(left | {"z": 1}, *path)) != digest(data_source(right, *path))


def test_what_else_data_sources_say_may_not() -> None:
    assert digest(data_source({"x": "true"})) != digest(data_source({"x": "rm -rf"}))
    assert digest(data_source({"x": "2026-01-01T00:00:00Z; rm"})) != digest(data_source({"x": "2026-01-01T00:00:00Z"}))
    assert digest(data_source({"x": "1", "y": "1"}, "x")) != digest(data_source({"x": "1", "y": "2"}, "x"))
