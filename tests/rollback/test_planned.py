"""The state after a plan: known before it is applied, but for what has placeholders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.conditions.values import UNKNOWN, Hidden
from iacgate.errors import PlanUnreadable
from iacgate.plan.addressing import instance_keys, provider_name
from iacgate.plan.statefile import read_state
from iacgate.rollback.placeholders import NUMBER, TEXT, Schemas, fill, placeholder
from iacgate.rollback.planned import SavedPlan, planned_state
from tests.conftest import PLANS
from tests.rollback.rehearsing import HEAD, alike
from tests.rollback.scenarios import GROUP, data, db
from tests.support.terraform import AWS, install, terraform_or_skip

SAVED = sorted(path.parent.name for path in PLANS.glob("*/tfplan"))
TYPES = st.recursive(
    st.sampled_from(["string", "number", "bool", "dynamic"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["list", "set", "map"]), inner).map(list),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda members: ["object", members]),
        st.lists(inner, max_size=3).map(lambda members: ["tuple", members]),
    ),
    max_leaves=6,
)


def value_of(draw: st.DrawFn, kind: Any) -> Any:
    """Return a value of a type as the plan has it: anything in it may be null or unknown."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([None, UNKNOWN]))
    if kind == "dynamic":
        inner = draw(TYPES)
        return {"value": value_of(draw, inner), "type": inner}
    if isinstance(kind, str):
        return {"string": "x", "number": 1, "bool": True}[kind]
    name, inner = kind
    if name in ("list", "set"):
        return [value_of(draw, inner) for _ in range(draw(st.integers(0, 2)))]
    if name == "map":
        return {key: value_of(draw, inner) for key in draw(st.sets(st.sampled_from("xyz"), max_size=2))}
    if name == "tuple":
        return [value_of(draw, item) for item in inner]
    return {key: value_of(draw, item) for key, item in inner.items()}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    kind = draw(TYPES)
    return value_of(draw, kind), kind


def holds(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(holds, value.values()))
    return any(map(holds, value)) if isinstance(value, list) else isinstance(value, Hidden)


def fits(value: Any, kind: Any) -> bool:
    if value is None:
        return True
    if kind == "dynamic":
        return isinstance(value, dict) and value.keys() == {"value", "type"} and fits(value["value"], value["type"])
    if isinstance(kind, str):
        return isinstance(value, {"string": str, "number": int, "bool": bool}[kind])
    name, inner = kind
    if name in ("list", "set"):
        return isinstance(value, list) and all(fits(item, inner) for item in value)
    if name == "map":
        return isinstance(value, dict) and all(fits(item, inner) for item in value.values())
    if name == "tuple":
        return len(value) == len(inner) and all(map(fits, value, inner))
    return bool(value.keys() == inner.keys()) and all(fits(value[key], inner[key]) for key in inner)


@given(typed_values())
def test_nothing_stays_unknown_and_everything_is_of_its_type(pair: tuple[Any, Any]) -> None:
    value, kind = pair
    before = holds(value)
    filled, unknown = fill(value, kind)
    assert bool(unknown) == before
    assert not holds(filled)
    assert fits(filled, kind)


@given(typed_values())
def test_what_is_known_stays_as_it_is(pair: tuple[Any, Any]) -> None:
    value, kind = pair
    if not holds(value):
        before = json.dumps(value)
        assert json.dumps(fill(value, kind)[0]) == before


def test_placeholders_of_collections_have_an_element_that_others_may_refer_to() -> None:
    kind = ["list", ["object", {"a": "string", "n": "number"}]]
    assert placeholder(kind) == [{"a": TEXT, "n": NUMBER}]
    assert placeholder(["map", "bool"]) == {TEXT: False}


SCHEMA = {
    "version": 3,
    "block": {
        "attributes": {
            "id": {"type": "string", "computed": True},
            "nested": {"nested_type": {"attributes": {"x": {"type": "number"}}, "nesting_mode": "set"}},
        },
        "block_types": {
            "one": {"nesting_mode": "single", "block": {"attributes": {"y": {"type": "bool"}}}},
            "many": {"nesting_mode": "list", "block": {}},
        },
    },
}


def test_a_schema_is_read_as_a_type() -> None:
    text = {"provider_schemas": {"p": {"resource_schemas": {"t": SCHEMA}}}}
    found = Schemas(json.dumps(text).encode()).of("p", "t")
    assert found.version == 3
    members = {
        "id": "string",
        "nested": ["set", ["object", {"x": "number"}]],
        "one": ["object", {"y": "bool"}],
        "many": ["list", ["object", {}]],
    }
    assert found.type == ["object", members]


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b'{"provider_schemas": 1}'])
def test_what_is_no_schema_is_refused(text: bytes) -> None:
    with pytest.raises(PlanUnreadable):
        Schemas(text)


@pytest.mark.parametrize("inner", [{"block": 1}, {"block": {"attributes": {"a": {"nested_type": {}}}}}, None])
def test_a_schema_that_is_missing_or_damaged_is_refused(inner: Any) -> None:
    schemas = Schemas(json.dumps({"provider_schemas": {"p": {"resource_schemas": {"t": inner}}}}).encode())
    with pytest.raises(PlanUnreadable):
        schemas.of("p", "t")
    with pytest.raises(PlanUnreadable):
        schemas.of("p", "other")


def any_schemas(saved: SavedPlan) -> Schemas:
    """Return schemas in which every type of a plan is there, and takes anything."""
    providers: dict[str, Any] = {}
    for change in saved.file.changes:
        resources = providers.setdefault(provider_name(change.provider), {"resource_schemas": {}})["resource_schemas"]
        resources |= {key[2]: {"version": 1} for key in instance_keys(change.address)}
    return Schemas(json.dumps({"provider_schemas": providers}).encode())


@pytest.mark.parametrize("name", SAVED)
def test_the_state_after_every_fixture_is_one_that_can_be_read(name: str) -> None:
    saved = SavedPlan((PLANS / name / "tfplan").read_bytes(), name)
    before = read_state(saved.file.prior_state, name)
    after = read_state(planned_state(saved, any_schemas(saved)).state, name)
    gone = {change.address for change in saved.file.changes if change.actions in (("delete",), ("forget",))}
    made = [change for change in saved.file.changes if change.actions == ("create",)]
    managed = [key for key in after.instances if key[1] == "managed"]
    assert len(managed) == len([key for key in before.instances if key[1] == "managed"]) - len(gone) + len(made)


def test_it_is_the_state_that_apply_leaves(tmp_path: Path) -> None:
    installation = install(tmp_path / "terraform", terraform=terraform_or_skip(), sources=(AWS,))
    more = GROUP % ("gone", "gone") + data("kept", '"x"') + data("old", '"y"')
    workspace = installation.workspace(
        tmp_path / "stack", {"head.tf": HEAD % "1.1.0", "main.tf": db("a", "allocated_storage = 5") + more}
    )
    workspace.init()
    workspace.apply()
    changed = db("a", "allocated_storage = 6", 'password = "old-secret-1"') + db("b", "tags = { k = null }")
    outputs = (
        'output "o" {\n  value = [1.5, aws_db_instance.b.id]\n}\noutput "s" {\n  value = "x"\n  sensitive = true\n}\n'
    )
    moved = data("new", '"y"') + "moved {\n  from = terraform_data.old\n  to = terraform_data.new\n}\n"
    typed = data("typed", '{ l = tolist(["x"]), s = sensitive(toset([1, 2])), n = null }')
    workspace.write_files({"main.tf": changed + data("kept", '"x"') + moved + typed + outputs})
    plan = workspace.plan()
    planned = planned_state(
        SavedPlan(plan.read_bytes(), "tfplan"), Schemas(workspace.run("providers", "schema", "-json"))
    )
    workspace.apply(plan)
    assert set(planned.unknown) == {"aws_db_instance.b", "terraform_data.typed", "output.o"}
    mine, real = comparable(planned.state), comparable((workspace.root / "terraform.tfstate").read_bytes())
    for name, resource in mine["resources"].items():
        assert alike(resource, real["resources"][name]), (resource, real["resources"][name])
    assert alike(mine, real)


def comparable(state: bytes) -> Any:
    """Return a state by its resources; without its serial, and without the order of objects, which no plan tells."""
    document = json.loads(state)
    for resource in document["resources"]:
        for instance in resource["instances"]:
            instance.pop("dependencies", None)
            instance["sensitive_attributes"].sort(key=str)
    return {
        **document,
        "serial": 0,
        "resources": {f"{item['type']}.{item['name']}": item for item in document["resources"]},
    }
