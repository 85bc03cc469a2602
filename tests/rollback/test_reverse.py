from __future__ import annotations

from typing import Any

import pytest

from iacgate.plan.redaction import Redactor
from iacgate.plan.source.snapshot import Snapshot
from iacgate.rollback.checks import Ground, Previous
from iacgate.rollback.declared import declared_in
from iacgate.rollback.reverse import ReversePlan, reverse_of
from tests.rollback.plans import change, plan_of, report_of, resource, reversed_plan, stored


def order(reverse: ReversePlan) -> list[str]:
    return [step.address for step in reverse.steps]


def snapshot(text: str, **modules: str) -> Snapshot:
    files = {f"module.{name}.": {f"{name}/main.tf": body.encode()} for name, body in modules.items()}
    return Snapshot({"": {"main.tf": text.encode()}, **files})


def test_what_was_made_is_taken_away_dependents_first() -> None:
    root = {
        "resources": [resource("aws_a.vpc"), resource("aws_a.net", "aws_a.vpc.id"), resource("aws_a.vm", "aws_a.net")]
    }
    found = reversed_plan(plan_of([change(f"aws_a.{name}", "create") for name in ("vpc", "net", "vm")], root))
    assert order(found) == ["aws_a.vm", "aws_a.net", "aws_a.vpc"]
    assert [step.number for step in found.steps] == [1, 2, 3]
    assert [step.waits_for for step in found.steps] == [(), (1,), (2,)]


def test_what_was_deleted_is_made_again_before_its_dependents_as_the_state_knows_them() -> None:
    state = [stored("aws_a.vpc"), stored("aws_a.net", "aws_a.vpc"), stored("aws_a.vm", "aws_a.net", "aws_a.vpc")]
    found = reversed_plan(plan_of([change(f"aws_a.{name}", "delete") for name in ("vm", "net", "vpc")], {}, state))
    assert order(found) == ["aws_a.vpc", "aws_a.net", "aws_a.vm"]
    assert not any(step.order_unknown for step in found.steps)


def test_data_is_restored_before_dependents_are_made_again() -> None:
    kept = {"skip_final_snapshot": False, "final_snapshot_identifier": "last", "deletion_protection": False}
    state = [stored("aws_db_instance.z"), stored("aws_a.app", "aws_db_instance.z")]
    changes = [change("aws_a.app", "delete"), change("aws_db_instance.z", "delete", before=kept, after=None)]
    found = reversed_plan(plan_of(changes, {}, state))
    assert order(found) == ["aws_db_instance.z", "aws_a.app"]
    assert found.steps[0].point
    assert "--db-snapshot-identifier last" in found.steps[0].steps[0]


def test_an_unchanged_resource_between_two_passes_the_order_on() -> None:
    root = {"resources": [resource("aws_a.x"), resource("aws_a.mid", "aws_a.x"), resource("aws_a.b", "aws_a.mid")]}
    changes = [change("aws_a.x", "create"), change("aws_a.mid", "no-op"), change("aws_a.b", "create")]
    assert order(reversed_plan(plan_of(changes, root))) == ["aws_a.b", "aws_a.x"]


def test_depends_on_a_whole_module_counts() -> None:
    inner = {"resources": [resource("aws_a.z")]}
    root = {
        "resources": [resource("aws_a.app", depends_on=["module.m"])],
        "module_calls": {"m": {"module": {"module_calls": {"n": {"module": inner}}}}},
    }
    changes = [change("module.m.module.n.aws_a.z", "create"), change("aws_a.app", "create")]
    found = reversed_plan(plan_of(changes, root))
    assert order(found) == ["aws_a.app", "module.m.module.n.aws_a.z"]
    assert found.steps[1].waits_for == (1,)


def test_what_a_provider_is_configured_with_outlives_the_objects_of_the_provider() -> None:
    root = {"resources": [resource("aws_a.cluster"), resource("aws_a.zpod", provider_config_key="k8s")]}
    providers = {"k8s": {"name": "k8s", "expressions": {"host": {"references": ["aws_a.cluster.endpoint"]}}}}
    changes = [change("aws_a.cluster", "create"), change("aws_a.zpod", "create")]
    assert order(reversed_plan(plan_of(changes, root, providers=providers))) == ["aws_a.zpod", "aws_a.cluster"]


def test_a_new_user_is_changed_back_before_what_it_uses_is_deleted_and_terraform_does_otherwise() -> None:
    root = {"resources": [resource("aws_a.used"), resource("aws_a.zuser", "aws_a.used")]}
    plan = plan_of([change("aws_a.used", "create"), change("aws_a.zuser", "update")], root, [stored("aws_a.zuser")])
    user, used = reversed_plan(plan).steps
    assert (user.address, used.address) == ("aws_a.zuser", "aws_a.used")
    assert any("Terraform deletes it before" in note for note in used.notes)
    assert not user.notes


def test_a_circle_is_told_and_broken_nowhere() -> None:
    root = {"resources": [resource("aws_a.a", "aws_a.b"), resource("aws_a.b", "aws_a.a"), resource("aws_a.c")]}
    found = reversed_plan(plan_of([change(f"aws_a.{name}", "create") for name in "abc"], root))
    assert found.cycles == (("aws_a.a", "aws_a.b"),)
    assert [bool(step.order_unknown) for step in found.steps] == [True, True, False]


def test_the_order_behind_a_local_is_said_not_to_be_known() -> None:
    root = {"resources": [resource("aws_a.a", "local.names"), resource("aws_a.b"), resource("aws_a.c", "local.names")]}
    changes = [change("aws_a.a", "create"), change("aws_a.b", "create"), change("aws_a.c", "update")]
    found = reversed_plan(plan_of(changes, root, [stored("aws_a.c")]))
    assert {step.address for step in found.steps if "local" in step.order_unknown} == {"aws_a.a"}


def test_what_is_nowhere_has_no_known_order() -> None:
    (step,) = reversed_plan(plan_of([change("aws_a.gone", "delete")])).steps
    assert "neither the configuration nor the state" in step.order_unknown


def test_what_was_moved_keeps_what_it_depended_on() -> None:
    state = [stored("aws_a.net"), stored("aws_a.old", "aws_a.net")]
    changes = [change("aws_a.new", "no-op", previous="aws_a.old"), change("aws_a.net", "update")]
    root = {"resources": [resource("aws_a.new"), resource("aws_a.net")]}
    found = reversed_plan(plan_of(changes, root, state))
    assert [(step.address, step.target) for step in found.steps] == [
        ("aws_a.net", "aws_a.net"),
        ("aws_a.new", "aws_a.old"),
    ]
    assert found.steps[1].waits_for == (1,)


def test_instances_that_part_keep_both_what_they_depended_on() -> None:
    state = [stored("aws_a.net"), stored("aws_a.old[0]", "aws_a.net"), stored("aws_a.old[1]", "aws_a.net")]
    changes = [
        change("aws_a.net", "update"),
        change("aws_a.a", "update", previous="aws_a.old[0]"),
        change("aws_a.b", "update", previous="aws_a.old[1]"),
    ]
    found = reversed_plan(plan_of(changes, {}, state))
    assert order(found) == ["aws_a.net", "aws_a.a", "aws_a.b"]
    assert [step.waits_for for step in found.steps] == [(), (1,), (1,)]


@pytest.mark.parametrize("state", [None, 1, [1], [{"address": 1, "depends_on": 1}], [{"depends_on": [1, None, {}]}]])
def test_a_state_of_another_shape_tells_nothing_and_breaks_nothing(state: Any) -> None:
    (step,) = reversed_plan(plan_of([change("aws_a.gone", "delete")], {}, state)).steps
    assert step.order_unknown


@pytest.mark.parametrize(
    ("entry", "how", "kind"),
    [
        (change("aws_a.x", "create"), "configuration", None),
        (change("aws_a.x", "no-op", previous="aws_a.y"), "overlay", "moved"),
        (change("aws_a.x", "no-op", importing={"id": "i"}), "overlay", "removed"),
        (change("aws_a.x", "forget", before={"id": "i-1"}, after=None), "overlay", "import"),
        (change("aws_a.x", "forget", before={}, after=None), "by-hand", "import"),
        (change("aws_a.x", "delete", deposed="0a1b"), "nothing", None),
        (change("aws_a.x", "delete", previous="aws_a.y"), "configuration", None),
    ],
)
def test_how_each_is_undone(entry: dict[str, Any], how: str, kind: str | None) -> None:
    (step,) = reversed_plan(plan_of([entry])).steps
    assert (step.how, step.block.kind if step.block else None) == (how, kind)


def test_an_import_that_also_changes_is_said_to_stay_changed() -> None:
    imported = change("aws_a.x", "update", importing={"id": "i"}, before={"a": 1}, after={"a": 2})
    (step,) = reversed_plan(plan_of([imported])).steps
    assert any("stays changed" in note for note in step.notes)


def test_an_import_beside_other_instances_is_left_to_a_person() -> None:
    changes = [change('aws_a.x["a"]', "no-op"), change('aws_a.x["b"]', "no-op", importing={"id": "i"})]
    (step,) = reversed_plan(plan_of(changes)).steps
    assert step.block
    assert (step.how, step.block.command) == ("by-hand", "terraform state rm 'aws_a.x[\"b\"]'")


def test_an_id_that_is_a_secret_elsewhere_is_not_written() -> None:
    plan = plan_of([change("aws_a.x", "forget", before={"id": "hunter2hunter2"}, after=None)])
    (step,) = reversed_plan(plan, redactor=Redactor(["hunter2hunter2"])).steps
    assert step.block
    assert step.how == "by-hand"
    assert "hunter2" not in step.block.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("last-1", "last-1"),
        ("arn:aws:rds:eu:1:snapshot:x", "arn:aws:rds:eu:1:snapshot:x"),
        (7, "7"),
        ("$(reboot)", "FINAL_SNAPSHOT_IDENTIFIER"),
        ("a b", "FINAL_SNAPSHOT_IDENTIFIER"),
        ("--force", "FINAL_SNAPSHOT_IDENTIFIER"),
        ("x\nreboot", "FINAL_SNAPSHOT_IDENTIFIER"),
        ("pre-hunter2hunter2", "FINAL_SNAPSHOT_IDENTIFIER"),
        (["a"], "FINAL_SNAPSHOT_IDENTIFIER"),
        (True, "FINAL_SNAPSHOT_IDENTIFIER"),
    ],
)
def test_steps_have_the_values_of_the_object_where_they_are_plain_words(value: Any, shown: str) -> None:
    before = {"skip_final_snapshot": False, "final_snapshot_identifier": value, "deletion_protection": False}
    plan = plan_of([change("aws_db_instance.x", "delete", before=before, after=None)])
    (step,) = reversed_plan(plan, redactor=Redactor(["hunter2hunter2"])).steps
    assert step.steps[0].endswith(f"--db-snapshot-identifier {shown}")
    assert step.steps[1].endswith("--dbi-resource-id RESOURCE_ID")


@pytest.mark.parametrize(
    ("mask", "redactor"), [({"resource_id": True}, Redactor()), ({}, Redactor(["db-very-secret"]))]
)
def test_a_sensitive_value_is_not_filled_in(mask: dict[str, bool], redactor: Redactor) -> None:
    before: dict[str, Any] = {"skip_final_snapshot": False, "final_snapshot_identifier": "last"}
    before["resource_id"] = "db-very-secret"
    plan = plan_of([change("aws_db_instance.x", "delete", before=before, before_sensitive=mask, after=None)])
    (step,) = reversed_plan(plan, redactor=redactor).steps
    assert step.steps[0].endswith(" last")
    assert step.steps[1].endswith(" RESOURCE_ID")


def test_two_objects_of_which_the_same_is_known_keep_their_own_values() -> None:
    kept = {"skip_final_snapshot": False, "final_snapshot_identifier": "one", "deletion_protection": False}
    changes = [
        change(f"aws_db_instance.{name}", "delete", before={**kept, "resource_id": f"db-{name}"}, after=None)
        for name in "ab"
    ]
    found = [step.steps[1].rpartition(" ")[2] for step in reversed_plan(plan_of(changes)).steps]
    assert found == ["db-a", "db-b"]


def test_the_previous_configuration_decides_whether_a_block_is_needed() -> None:
    sources = snapshot(
        'resource "aws_a" "x" {}\nmodule "m" { source = "./m" }\nmodule "far" { source = "x/y/z" }', m=""
    )
    declares = declared_in(sources)
    assert declares("aws_a.x") is True
    assert declares("aws_a.y") is False
    assert declares("module.none.aws_a.y") is False
    assert declares("module.far.aws_a.y") is None
    assert declared_in(None)("aws_a.x") is None
    assert declared_in(snapshot("}{"))("aws_a.x") is None


def test_an_import_that_the_previous_configuration_has_too_is_left_to_a_person() -> None:
    previous = Previous(commit="0" * 40, ancestor=True, snapshot=snapshot('resource "aws_a" "x" {}'))
    (step,) = reversed_plan(plan_of([change("aws_a.x", "no-op", importing={"id": "i"})]), previous).steps
    assert step.how == "by-hand"


def test_the_whole_says_where_it_starts() -> None:
    plan = plan_of([change("aws_a.x", "create")])
    previous = Previous(commit="ab" * 20, ancestor=True, lock=b"")
    ground = Ground(previous=previous)
    found = reverse_of(plan, report_of(plan, ground), ground, sha256="cd" * 32, folder="stacks/one")
    assert (found.sha256, found.start.previous, found.start.folder) == ("cd" * 32, "ab" * 20, "stacks/one")
    assert (found.start.locked, found.start.serial) == (True, None)
    assert reversed_plan(plan).sha256 == plan.sha256
    assert reversed_plan(plan).start.locked is None


def test_a_plan_that_changes_nothing_has_no_steps() -> None:
    found = reversed_plan(plan_of([change("aws_a.x", "no-op")]))
    assert (found.steps, found.blocks, found.cycles) == ((), (), ())
