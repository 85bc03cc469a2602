"""What holds of every pattern and every plan: nothing from outside comes in, and less never allows more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.change.patternfit import fit
from iacgate.change.patterns import AllowedChange, PatternText
from iacgate.errors import PlanUnreadable
from iacgate.plan.agreement import check_agreement
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.saved import PlanFile
from iacgate.vocabulary import ACTIONS, Action, Severity
from tests.conftest import PLANS
from tests.plan import savedplans
from tests.support.corpus import plans
from tests.support.standard import NOW, Planned, capacity, change, pattern, queue, still
from tests.support.terraform import AWS, install, terraform_or_skip

BEFORE = change()["change"]["before"]
LISTS = [list(actions) for actions, action in ACTIONS.items() if action is not Action.NO_OP]
VALUES = st.none() | st.booleans() | st.integers(4, 9) | st.text("xyz", max_size=2) | st.just({"k": [1]})

INSIDE = st.fixed_dictionaries(
    {},
    optional={
        "grow": st.integers(3, 20).map(lambda size: change(after={**BEFORE, "desired_capacity": size})),
        "tag": VALUES.map(
            lambda tags: change("aws_autoscaling_group.api", after={**BEFORE, "desired_capacity": 2, "tags": [tags]})
        ),
        "queue": st.just(queue()),
    },
).filter(lambda found: 0 < len(found) < 3)
"""Some resource changes that stay inside."""


def of_another_type(name: str, actions: list[str]) -> dict[str, Any]:
    return change(f"aws_instance.{name}", *actions)


def with_another_action(actions: list[str]) -> dict[str, Any]:
    return change("aws_autoscaling_group.api", *actions)


def at_another_path(name: str, value: Any) -> dict[str, Any]:
    return change("aws_autoscaling_group.api", after={**BEFORE, name: value})


OUTSIDE = st.one_of(
    st.builds(of_another_type, st.text("ab", min_size=1, max_size=3), st.sampled_from(LISTS)),
    st.builds(with_another_action, st.sampled_from([item for item in LISTS if item != ["update"]])),
    st.builds(at_another_path, st.sampled_from(["name", "arn", "token", "new"]), VALUES.filter(lambda value: value)),
    st.builds(lambda mode: change("aws_autoscaling_group.api", mode=mode), st.sampled_from(["data", "ephemeral", "x"])),
    st.builds(lambda key: change("aws_autoscaling_group.api", deposed=key), st.text("01", min_size=1, max_size=8)),
    st.builds(lambda name: change("aws_autoscaling_group.api", provider_name=name), st.text("a/.", max_size=5)),
)
"""A resource change that does not."""

MEMBERS: list[tuple[str, Any]] = [
    ("output_changes", {"secret": capacity()}),
    ("output_changes", {"secret": capacity(actions=["delete"])}),
    ("resource_drift", [change("aws_instance.other")]),
    ("resource_drift", [change(after={**BEFORE, "name": "x"})]),
    ("deferred_changes", [{"reason": "unknown", "resource_change": change("aws_autoscaling_group.api")}]),
    ("action_invocations", [{"address": "action.a.b", "type": "a", "name": "b"}]),
    ("checks", [{"address": {"to_display": "check.x"}, "status": "unknown"}]),
    ("errored", True),
    ("complete", False),
    ("applyable", False),
]
OPTIONS: list[tuple[str, Any]] = [
    ("mode", "destroy"),
    ("targets", ("a.b",)),
    ("excludes", ("a.b",)),
    ("force_replace", ("a.b",)),
    ("action_targets", ("action.a.b",)),
    ("apply_time_variables", ("x",)),
]
LINES = [
    'provider "aws" {\n  profile = "x"\n}\n',
    'ephemeral "a" "b" {}\n',
    'module "m" {\n  source = "acme/m/aws"\n}\n',
    'locals {\n  x = templatefile("x", {})\n}\n',
]


@settings(deadline=None)
@given(INSIDE)
def test_what_is_inside_fits(inside: dict[str, Any]) -> None:
    assert Planned(*inside.values(), still("aws_autoscaling_group.idle")).fit().fits


@settings(deadline=None)
@given(INSIDE.filter(lambda found: "tag" not in found), OUTSIDE, st.booleans())
def test_a_resource_change_from_outside_never_fits(inside: dict[str, Any], entry: dict[str, Any], first: bool) -> None:
    changes = [entry, *inside.values()] if first else [*inside.values(), entry]
    found = Planned(*changes).fit(pattern(limits=msgspec.structs.replace(pattern().text.limits, resources=9)))
    assert entry["address"] in {item.address for item in found.misfits}


@settings(deadline=None)
@given(INSIDE, st.sampled_from(MEMBERS))
def test_nothing_else_from_outside_ever_fits(inside: dict[str, Any], member: tuple[str, Any]) -> None:
    assert not Planned(*inside.values(), **dict([member])).fit().fits


@settings(deadline=None)
@given(INSIDE, st.sampled_from(OPTIONS))
def test_no_option_ever_fits(inside: dict[str, Any], option: tuple[str, Any]) -> None:
    planned = Planned(*inside.values())
    planned.file = dict([option])
    assert not planned.fit().fits


@settings(deadline=None)
@given(INSIDE, st.sampled_from(LINES))
def test_no_configuration_from_outside_ever_fits(inside: dict[str, Any], line: str) -> None:
    planned = Planned(*inside.values())
    planned.source += line
    assert not planned.fit().fits


@settings(deadline=None)
@given(INSIDE, st.lists(OUTSIDE, max_size=1), st.data())
def test_the_order_of_resource_changes_never_matters(
    inside: dict[str, Any], outside: list[dict[str, Any]], data: st.DataObject
) -> None:
    changes = list({item["address"]: item for item in (*inside.values(), *outside, still("a.b"))}.values())
    assert Planned(*changes).fit() == Planned(*data.draw(st.permutations(changes))).fit()


def fewer(items: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(items), unique_by=repr, min_size=1) if items else st.just([])


CONDITIONS: list[dict[str, Any]] = [{"value": "change.imported", "equals": False}, {"changed": "tags"}]


@st.composite
def narrower_entry(draw: st.DrawFn, entry: AllowedChange) -> AllowedChange:
    when: dict[str, Any] | None = entry.when
    if draw(st.booleans()):
        more: dict[str, Any] = draw(st.sampled_from(CONDITIONS))
        when = more if when is None else {"all": [when, more]}
    attributes = entry.attributes
    if attributes is not None:
        attributes = draw(fewer(attributes))
    elif "create" in entry.actions and draw(st.booleans()):
        attributes = ["name"]
    return msgspec.structs.replace(
        entry,
        types=draw(fewer(entry.types)),
        actions=draw(fewer(list(entry.actions))),
        attributes=attributes,
        computed=draw(st.sampled_from([entry.computed, entry.computed[:1], []])),
        sensitive=draw(st.sampled_from([entry.sensitive, []])),
        when=when,
    )


@st.composite
def narrower(draw: st.DrawFn) -> PatternText:
    """A pattern that allows less than, or as much as, the one of the tests."""
    text = pattern().text
    entries = draw(fewer(text.allow))
    return msgspec.structs.replace(
        text,
        environments=draw(fewer(text.environments)),
        until=draw(st.sampled_from(["2026-11-22", "2026-11-23", text.until])),
        severity=draw(st.sampled_from(["low", "medium"])),
        limits=msgspec.structs.replace(text.limits, resources=draw(st.integers(1, text.limits.resources))),
        provider_settings=draw(st.sampled_from([[], text.provider_settings])),
        allow=[draw(narrower_entry(entry)) if draw(st.booleans()) else entry for entry in entries],
        outputs=draw(st.sampled_from([[], text.outputs])),
        drift=draw(st.sampled_from([[], text.drift])),
    )


UNKNOWN = queue(after_unknown={"id": True, "url": True, "x": True})
ANY = st.lists(
    st.one_of(
        OUTSIDE,
        INSIDE.map(lambda found: next(iter(found.values()))),
        st.sampled_from(
            [
                UNKNOWN,
                change("aws_sqs_queue.old", "delete", before={"name": "tmp-1"}, after=None),
                change(before_sensitive={"token": True}, after={**BEFORE, "token": "x"}),
            ]
        ),
    ),
    max_size=2,
    unique_by=lambda entry: entry["address"],
)


@settings(max_examples=150, deadline=None)
@given(narrower(), ANY, st.booleans(), st.booleans(), st.sampled_from(["prod", "dev"]), st.sampled_from(list(Severity)))
def test_a_narrower_pattern_never_lets_more_fit(
    text: PatternText,
    changes: list[dict[str, Any]],
    output: bool,
    drift: bool,
    environment: str,
    severity: Severity,
) -> None:
    planned = Planned(*changes)
    if output:
        planned.json["output_changes"] = {"capacity": capacity()}
    if drift:
        planned.json["resource_drift"] = [change()]
    wide = pattern()
    narrow = msgspec.structs.replace(wide, text=text)
    if planned.fit(narrow, environment=environment, severity=severity).fits:
        assert planned.fit(wide, environment=environment, severity=severity).fits


# plans that Terraform made


def names_in(plan: Plan) -> list[str]:
    """Return every name at the top of an object before or after a change, as a path where it can be one."""
    found: set[str] = set()
    for item in plan.resource_changes():
        for raw in (item.body.before, item.body.after, item.body.after_unknown):
            value = None if isinstance(raw, msgspec.UnsetType) else msgspec.json.decode(raw)
            found.update(value if isinstance(value, dict) else ())
    return sorted(name for name in found if name.isidentifier())


def broad(plan: Plan, actions: list[Any]) -> Any:
    """Return a pattern that allows as much as one can of what a plan does."""
    names = names_in(plan) or ["x"]
    changes = [*plan.resource_changes(), *plan.drift()]
    entry = {"types": sorted({item.type for item in changes}) or ["none"], "attributes": names}
    allowed = {"actions": actions, "computed": names, "sensitive": names, "unseen": names}
    only_deletes = [{"types": entry["types"], "actions": ["delete"]}] if "delete" in actions else []
    text = {
        "description": "everything",
        "environments": ["dev"],
        "until": "2027-06-30",
        "severity": "medium",
        "limits": {"uses": 1, "hours": 1, "resources": 1000, "resources_per_window": 1000},
        "providers": sorted({item.provider for item in changes} | {"terraform.io/builtin/terraform"}),
        "provider_settings": ["region", "features"],
        "allow": [{**entry, **allowed}, *only_deletes],
        "outputs": [item.name for item in plan.outputs()],
        "drift": [entry],
    }
    found = msgspec.convert(text, PatternText)
    return msgspec.structs.replace(pattern(), text=found)


ALL = ["create", "update", "delete", "replace"]


def held(plan: Plan, file: PlanFile | None, actions: list[str]) -> Any:
    return fit(broad(plan, actions), plan, file, Severity.LOW, "dev", NOW)


def test_every_plan_of_the_corpus_is_held_against_a_pattern(corpus: Path) -> None:
    seen = destroying = 0
    for path in plans(corpus):
        try:
            plan = read_plan(path.read_bytes(), path.name)
            gone = [item.address for item in plan.resource_changes() if item.action.destroys]
            found = held(plan, None, ["update"])
        except PlanUnreadable:
            continue
        except msgspec.ValidationError:
            continue  # its providers have short names, or its types none, so that no pattern can name them
        seen += 1
        destroying += bool(gone)
        assert not found.fits
        assert found.more or {*gone} <= {item.address for item in found.misfits}, path
    assert seen > 300
    assert destroying > 30


@pytest.mark.parametrize("name", savedplans.pairs())
def test_a_saved_plan_with_deletes_never_fits_where_only_updates_do(name: str) -> None:
    data, text = savedplans.pair(name)
    plan, file = read_plan(text, name), read_plan_file(data, name)
    found = held(plan, file, ["update"])
    others = [item for item in plan.resource_changes() if item.action not in (Action.NO_OP, Action.UPDATE)]
    assert not (found.fits and others)


INSIDE_OF_ALL = frozenset(
    """
    create_simple deep_nesting delete_count_index delete_each_key delete_no_module delete_no_resource_config
    hostile_for_each_keys hostile_strings modules_nested_with_keys numbers outputs_only removed_block_destroy_true
    replace_by_triggers replace_cannot_update replace_create_before_destroy replace_tainted sensitive_values
    update_in_place
    """.split()
)
"""Plans that do only what a pattern can allow; the others move, import, forget, read, fail or wire unknown values."""


@pytest.mark.parametrize("name", savedplans.pairs())
def test_a_broad_pattern_takes_in_what_one_can_allow_and_nothing_else(name: str) -> None:
    data, text = savedplans.pair(name)
    found = held(read_plan(text, name), read_plan_file(data, name), ALL)
    assert found.fits is (name in INSIDE_OF_ALL), found


@pytest.mark.parametrize("name", sorted(path.name for path in PLANS.iterdir()))
def test_fixture_plans(name: str) -> None:
    plan = read_plan((PLANS / name / "plan.json").read_bytes(), name)
    found = held(plan, read_plan_file((PLANS / name / "tfplan").read_bytes(), name), ALL)
    wanted = {
        "admin-policy": True,
        "create-only": True,
        "destroy-database": True,
        "destroy-protected-database": True,
        "open-ssh": True,
        "replace-database": True,
        "sensitive": True,
    }
    assert found.fits is wanted.get(name, False), found
    assert not held(plan, None, ALL).fits


SCALE = """
description: More disk, up to 200 GiB.
environments: [dev]
until: 2027-06-30
severity: low
limits: {uses: 1, hours: 1, resources: 1, resources_per_window: 1}
providers: [registry.terraform.io/hashicorp/aws]
allow:
  - types: [aws_db_instance]
    actions: [update]
    attributes: [allocated_storage]
    when: {all: [{value: after.allocated_storage, at_most: 200}, {not: {lowered: allocated_storage}}]}
"""
MAIN = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_db_instance" "orders" {
  identifier        = "orders"
  allocated_storage = SIZE
  engine            = "postgres"
  engine_version    = "16.3"
}
"""


def test_a_change_of_the_real_terraform_fits_and_the_same_with_a_step_beside_it_does_not(tmp_path: Path) -> None:
    installation = install(tmp_path / "installed", terraform=terraform_or_skip(), sources=[AWS])
    work = installation.workspace(tmp_path / "work", {"main.tf": MAIN.replace("SIZE", "100")})
    work.init()
    work.apply()

    def tried(edit: Callable[[str], str]) -> list[str]:
        work.write_files({"main.tf": edit(MAIN)})
        made = work.plan()
        text = work.show_json(made)
        file = read_plan_file(made.read_bytes(), "tfplan")
        check_agreement(file, text, "tfplan")
        found = fit(pattern(SCALE), read_plan(text, "tfplan"), file, Severity.LOW, "dev", NOW)
        return [f"{item.address}: {item.why}" for item in found.misfits]

    assert tried(lambda text: text.replace("SIZE", "150")) == []
    region = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
    assert tried(lambda text: text.replace("SIZE", "50").replace("16.3", "16.4") + region) == [
        "plan: a provider block sets region, which the pattern does not allow",
        "aws_db_instance.orders: engine_version differs, which the pattern does not allow",
        "aws_db_instance.orders: the condition of the pattern is false",
    ]
