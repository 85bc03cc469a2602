"""A pattern is a closed world: everything that a plan can do and the pattern does not name takes it out."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from iacgate.change.patternfit import MAX_MISFITS, fit
from iacgate.errors import PackInvalid, PlanUnreadable
from iacgate.plan.saved import FileInvocation
from iacgate.vocabulary import Severity
from tests.support.standard import NOW, SOURCE, TEXT, Planned, capacity, change, pattern, queue, still, whys

WEB = "aws_autoscaling_group.web"
BEFORE = change()["change"]["before"]


def outside(*changes: dict[str, Any], **members: Any) -> list[str]:
    return whys(Planned(*changes, **members).fit())


def after(**more: Any) -> dict[str, Any]:
    return change(after={**BEFORE, "desired_capacity": 3, **more})


def test_a_plan_that_stays_inside_fits_and_says_of_which_file() -> None:
    found = Planned(change(), queue(), still(), output_changes={"capacity": capacity()}).fit()
    assert (found.fits, found.pattern, found.digest) == (True, "web-size", pattern().digest)
    assert (found.resources, found.misfits, found.more) == (2, (), 0)


def test_what_is_outside_is_named_with_its_address() -> None:
    assert outside(change(), change("aws_instance.other", "delete", after=None)) == [
        "aws_instance.other: delete of aws_instance is not in the pattern"
    ]


@pytest.mark.parametrize("changes", [[], [still()]])
def test_a_plan_that_changes_nothing_fits_no_pattern(changes: list[dict[str, Any]]) -> None:
    assert outside(*changes) == ["plan: it changes nothing"]


def test_outputs_alone_are_a_change() -> None:
    found = Planned(still(), output_changes={"capacity": capacity()}).fit()
    assert (found.fits, found.resources) == (True, 0)


# 1. the pattern itself


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"now": "2027-06-30T23:59:59Z"}, []),
        ({"now": "2027-07-01T00:00:00Z"}, ["plan: the pattern ended on 2027-06-30"]),
        ({"now": "2025-06-20T00:00:00Z"}, ["plan: the pattern ends on 2027-06-30, more than two years from now"]),
        ({"environment": "dev"}, []),
        ({"environment": "test"}, ["plan: the pattern is not for the environment test"]),
        ({"environment": ""}, ["plan: its environment is not known"]),
        ({"severity": Severity.NONE}, []),
        ({"severity": Severity.MEDIUM}, []),
        ({"severity": Severity.HIGH}, ["plan: its severity is high, and the pattern allows medium at most"]),
    ],
)
def test_a_pattern_is_for_a_time_environments_and_severities(more: dict[str, Any], says: list[str]) -> None:
    assert whys(Planned(change()).fit(**more)) == says


# 2 to 4. the plan as a whole


def test_json_alone_fits_nothing() -> None:
    found = fit(pattern(), Planned(change()).plan(), None, Severity.LOW, "prod", NOW)
    assert whys(found) == ["plan: only its JSON is there, which shows neither its options nor its sources"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"errored": True}, ["plan: it stopped with an error"]),
        ({"complete": False}, ["plan: it is not complete"]),
        ({"applyable": False}, ["plan: it cannot be applied"]),
        ({"complete": None, "applyable": None}, []),
    ],
)
def test_only_a_whole_plan_fits(members: dict[str, Any], says: list[str]) -> None:
    planned = Planned(change(), **members)
    assert whys(planned.fit()) == says
    planned.file = {"errored": False, "complete": None, "applyable": None}  # either of the two is enough
    assert whys(planned.fit()) == says


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"errored": True}, "plan: it stopped with an error"),
        ({"complete": False}, "plan: it is not complete"),
        ({"applyable": False}, "plan: it cannot be applied"),
        ({"mode": "destroy"}, "plan: its mode is destroy"),
        ({"mode": "refresh-only"}, "plan: its mode is refresh-only"),
        ({"targets": (WEB,)}, "plan: it was made with -target"),
        ({"excludes": (WEB,)}, "plan: it was made with -exclude"),
        ({"force_replace": (WEB,)}, "plan: it was made with -replace"),
        ({"action_targets": ("action.a.b",)}, "plan: it was made with -invoke"),
        (
            {"apply_time_variables": ("token",)},
            "var.token: its value is never stored in a plan and is given again at apply",
        ),
        (
            {"state_store_provider": "example.com/a/b 1.0.0"},
            "plan: it uses the provider example.com/a/b, which is not in the pattern",
        ),
    ],
)
def test_no_option_of_the_plan_is_inside(fields: dict[str, Any], says: str) -> None:
    planned = Planned(change())
    planned.file = fields
    assert whys(planned.fit()) == [says]


# 5. resource changes


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (change(mode="data"), "update of what is data, not managed"),
        (change(deposed="00000001"), "it is about a deposed object"),
        (change(previous_address="aws_autoscaling_group.old"), "it moves from aws_autoscaling_group.old"),
        (change(importing={"id": "i"}), "it is imported"),
        (change(generated_config="resource {}"), "its configuration is generated"),
        (change(provider_name="example.com/evil/aws"), "its provider, example.com/evil/aws, is not in the pattern"),
        (change(provider_name=""), "its provider, which is not named, is not in the pattern"),
        (change(WEB, "delete", "create"), "replace of aws_autoscaling_group is not in the pattern"),
        (change(WEB, "create", "delete"), "replace of aws_autoscaling_group is not in the pattern"),
        (change(WEB, "create"), "create of aws_autoscaling_group is not in the pattern"),
        (change(WEB, "forget"), "forget of aws_autoscaling_group is not in the pattern"),
        (change(WEB, "create", "forget"), "forget-and-create of aws_autoscaling_group is not in the pattern"),
        (change("aws_autoscaling_group.gone"), "the sources in the plan file do not have it"),
        (change(before=None), "the plan does not show an object before the change"),
        (change(after=None), "the plan does not show an object after the change"),
        (change(after_unknown=True), "the whole object is known only after apply"),
        (change(before_identity={"id": 1}, after_identity={"id": 2}), "the identity of the object differs"),
        (change(after=BEFORE), "it is updated, and the plan does not show what differs"),
        (after(name="api"), "name differs, which the pattern does not allow"),
        (after(desired_capacity=21), "the condition of the pattern is false"),
        (after(desired_capacity="9" * 99), "the condition of the pattern is false"),
        (change(replace_paths=[["name"]]), "name forces a replacement, which the pattern does not allow"),
        (change(replace_paths=["name"]), "something forces a replacement"),
    ],
)
def test_a_resource_change_outside_by_one_step_is_outside(entry: dict[str, Any], says: str) -> None:
    found = outside(entry, still())
    assert any(line.startswith(f"{entry['address']}: {says}") for line in found), found


@pytest.mark.parametrize("actions", [["read"], ["open"]])
def test_what_is_read_at_apply_is_outside(actions: list[str]) -> None:
    entry = change("data.aws_ami.it", *actions, mode="data", type="aws_ami", before=None)
    assert any("it is decided again at apply" in line for line in outside(change(), entry))


def test_a_no_op_that_differs_is_not_believed() -> None:
    entry = still()
    entry["change"]["after"]["name"] = "other"
    assert outside(change(), entry) == [f"{entry['address']}: no-op of aws_autoscaling_group is not in the pattern"]
    entry = still()
    entry["change"]["after_unknown"] = {"name": True}
    assert len(outside(change(), entry)) == 1


def test_a_no_op_that_is_written_in_another_order_is_one() -> None:
    entry = still()
    entry["change"]["after"] = dict(reversed(entry["change"]["after"].items()))
    assert outside(change(), entry) == []


@pytest.mark.parametrize("more", [{"deposed": "00000001"}, {"previous_address": "a.b"}, {"importing": {"id": "i"}}])
def test_a_no_op_that_does_something_is_a_change(more: dict[str, Any]) -> None:
    entry = still()
    (entry["change"] if "importing" in more else entry).update(more)
    assert outside(change(), entry) != []


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({"after_unknown": {"arn": True}}, True),
        ({"after_unknown": {"desired_capacity": True}}, False),
        ({"after_unknown": {"tags": {"a": True}}}, False),
        ({"after_unknown": {"surprise": True}}, False),
    ],
)
def test_what_only_apply_will_know_is_inside_where_the_pattern_names_it(more: dict[str, Any], *, fits: bool) -> None:
    name = next(iter(more["after_unknown"]))
    new = {key: value for key, value in BEFORE.items() if key != name} | {"desired_capacity": 3}
    if name == "desired_capacity":
        del new["desired_capacity"]
    assert Planned(change(after=new, **more)).fit().fits is fits


def test_what_the_configuration_wires_to_an_unknown_is_outside_although_the_pattern_names_it() -> None:
    source = SOURCE.replace('name             = "web"', 'name = "web"\n  arn = aws_eip.x.id')
    new = {**BEFORE, "desired_capacity": 3}
    del new["arn"]
    entry = change(after=new, after_unknown={"arn": True})
    assert outside(entry) == []
    assert outside(entry, source=source) == [
        f"{WEB}: arn is known only after apply, and comes from the configuration, not from the provider"
    ]


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({"before_sensitive": {"token": True}, "after_sensitive": {"token": True}}, True),
        ({"before_sensitive": {"tags": {"a": True}}, "after_sensitive": {"tags": {"a": True}}}, True),
        ({"before_sensitive": {"tags": {"a": True}}}, False),
        ({"after_sensitive": {"tags": True}}, False),
        ({"after_sensitive": {"desired_capacity": True}}, False),
    ],
)
def test_a_secret_that_differs_is_outside_unless_the_pattern_names_it(more: dict[str, Any], *, fits: bool) -> None:
    assert Planned(change(**more)).fit().fits is fits


def test_a_secret_that_the_pattern_names_may_differ() -> None:
    entry = after(token="swordfish-2")
    entry["change"]["before"]["token"] = "swordfish-1"
    entry["change"]["before_sensitive"] = entry["change"]["after_sensitive"] = {"token": True}
    assert outside(entry) == []
    entry["change"]["before_sensitive"] = entry["change"]["after_sensitive"] = {}
    assert outside(entry) == [f"{WEB}: token differs, which the pattern does not allow"]


def test_elements_of_lists_differ_at_their_own_paths() -> None:
    text = TEXT.replace("[desired_capacity, tags]", "['rules[*].note', desired_capacity]")
    rules = [{"note": "x", "open": False}, {"note": "y", "open": False}]

    def fits(now: list[dict[str, Any]]) -> bool:
        entry = change(before={**BEFORE, "rules": rules}, after={**BEFORE, "rules": now})
        return Planned(entry).fit(pattern(text)).fits

    assert fits([{"note": "z", "open": False}, {"note": "y", "open": False}])
    assert not fits([{"note": "x", "open": True}, {"note": "y", "open": False}])
    assert not fits([*rules, {"note": "z", "open": False}])
    assert not fits(rules[:1])


def test_what_is_created_may_be_anything_that_is_seen() -> None:
    assert outside(queue()) == []
    assert outside(queue(after={"name": "jobs", "policy": "{}"})) == []
    assert outside(queue(after_sensitive={"name": True})) == ["aws_sqs_queue.jobs: name is set, and is sensitive"]
    assert outside(queue(after_unknown={"id": True, "policy": True})) == [
        "aws_sqs_queue.jobs: policy is known only after apply, which the pattern does not allow"
    ]


def test_what_is_created_may_be_restricted() -> None:
    found = pattern(TEXT.replace("computed: [id, url]", "computed: [id, url]\n    attributes: [name]"))
    assert Planned(queue(after={"name": "jobs", "tags": None, "rules": []})).fit(found).fits
    assert whys(Planned(queue()).fit(found)) == ["aws_sqs_queue.jobs: delay is set, which the pattern does not allow"]


@pytest.mark.parametrize(("name", "fits"), [("tmp-1", True), ("orders", False)])
def test_what_is_deleted_must_meet_the_condition_as_it_is(name: str, *, fits: bool) -> None:
    entry = change("aws_sqs_queue.old", "delete", before={"name": name}, after=None)
    assert Planned(entry).fit().fits is fits


@pytest.mark.parametrize("mask", ["after_unknown", "after_sensitive"])
def test_a_condition_that_is_unknown_disqualifies(mask: str) -> None:
    text = TEXT.replace("computed: [arn]", "computed: [arn, size]").replace("[token]", "[token, size]")
    found = pattern(text.replace("value: after.desired_capacity, at_most: 20", "value: after.size, at_most: 20"))
    new = {**BEFORE, "desired_capacity": 3, **({} if mask == "after_unknown" else {"size": 1})}
    entry = change(before={**BEFORE, "size": 1}, after=new)
    entry["change"][mask] = {"size": True}
    assert whys(Planned(entry).fit(found)) == [
        f"{WEB}: whether the condition of the pattern holds is known only after apply, or a secret"
    ]


def test_a_secret_that_is_repeated_without_a_mark_is_not_seen_by_a_condition() -> None:
    found = pattern(TEXT.replace("value: after.desired_capacity, at_most: 20", "value: after.tags.a, matches: ^sword"))
    entry = after(tags={"a": "swordfish-1"})
    assert Planned(entry).fit(found).fits
    entry["change"]["before"]["token"] = entry["change"]["after"]["token"] = "swordfish-1"
    entry["change"]["before_sensitive"] = entry["change"]["after_sensitive"] = {"token": True}
    assert not Planned(entry).fit(found).fits


def test_one_entry_must_allow_a_change_wholly() -> None:
    split = """\
  - {types: [aws_autoscaling_group], actions: [update], attributes: [desired_capacity]}
  - {types: [aws_autoscaling_group], actions: [update], attributes: [tags]}
outputs"""
    start = TEXT.partition("allow:\n")[0]
    found = pattern(start + "allow:\n" + split + ": []\n")
    assert Planned(change()).fit(found).fits
    assert Planned(change(after={**BEFORE, "tags": {}})).fit(found).fits
    assert whys(Planned(after(tags={})).fit(found)) == [f"{WEB}: tags.a differs, which the pattern does not allow"]


def test_what_the_configuration_sets_and_the_plan_does_not_show_may_be_write_only() -> None:
    source = SOURCE.replace('name             = "web"', 'name = "web"\n  password_wo = var.p')
    assert outside(change(), source=source) == [
        f"{WEB}: password_wo is set by the configuration, and the plan shows nothing of it"
    ]
    found = pattern(TEXT.replace("sensitive: [token]", "unseen: [password_wo]"))
    assert Planned(change(), source=source).fit(found).fits


def test_a_resource_that_changes_has_no_provisioners() -> None:
    runs = '  provisioner "local-exec" {\n    command = "true"\n  }\n}\n'
    source = SOURCE.replace("  desired_capacity = 3\n}\n", "  desired_capacity = 3\n" + runs)  # of api, which is still
    assert outside(change(), still(), source=source) == []
    source = SOURCE.replace('  tags             = { a = "b" }\n}\n', '  tags = { a = "b" }\n' + runs)
    assert outside(change(), still(), source=source) == [f"{WEB}: it has provisioners, which may run"]


def test_one_use_has_only_so_many_resources() -> None:
    assert outside(change(), change("aws_autoscaling_group.api", after=after()["change"]["after"]), queue()) == [
        "plan: it has 3 resource changes, and one use may have 2"
    ]


# 6 to 11. what is no resource change


def test_what_only_the_plan_file_shows_is_outside() -> None:
    planned = Planned(change())
    more = msgspec.structs.replace(planned.plan_file().changes[0], address="data.a.b", actions=("delete",))
    planned.file = {"changes": (*planned.plan_file().changes, more)}
    assert whys(planned.fit()) == [
        "data.a.b: the plan file has delete of it, which the changes of the JSON do not show"
    ]


def test_a_plan_file_that_does_something_else_is_outside() -> None:
    planned = Planned(change())
    planned.file = {"changes": (msgspec.structs.replace(planned.plan_file().changes[0], actions=("delete",)),)}
    assert whys(planned.fit()) == [f"{WEB}: the plan file has delete of it, which the changes of the JSON do not show"]


def test_deferred_changes_are_outside() -> None:
    deferred = [{"reason": "instance_count_unknown", "resource_change": change("aws_autoscaling_group.api")}]
    says = ["aws_autoscaling_group.api: it is deferred (instance_count_unknown)"]
    assert outside(change(), deferred_changes=deferred) == says
    planned = Planned(change())
    of_file = planned.plan_file().changes[0]
    planned.file = {
        "deferred": (
            msgspec.structs.replace(of_file, address="aws_autoscaling_group.api", deferred="instance_count_unknown"),
        )
    }
    assert whys(planned.fit()) == says


@pytest.mark.parametrize("member", ["action_invocations", "deferred_action_invocations"])
def test_provider_actions_are_outside(member: str) -> None:
    action = {"address": "action.aws_lambda_invoke.x", "type": "aws_lambda_invoke", "name": "x"}
    entry = action if member == "action_invocations" else {"reason": "unknown", "action_invocation": action}
    says = ["action.aws_lambda_invoke.x: a provider action runs, which no pattern allows"]
    assert outside(change(), **{member: [entry]}) == says
    planned = Planned(change())
    planned.file = {member: (FileInvocation("action.aws_lambda_invoke.x", "", None, (), ("invoke", "")),)}
    assert whys(planned.fit()) == says


def test_outputs_change_only_where_the_pattern_names_them() -> None:
    assert outside(change(), output_changes={"capacity": capacity(after_unknown=True)}) == []
    assert outside(change(), output_changes={"other": capacity(actions=["no-op"], after=2)}) == []
    for more in ({}, {"actions": ["delete"]}, {"actions": ["no-op"]}):
        assert outside(change(), output_changes={"other": capacity(**more)}) == [
            "output.other: the output changes, which the pattern does not allow"
        ]
    planned = Planned(change(), output_changes={"other": capacity()})
    planned.file["outputs"] = planned.plan_file().outputs
    planned.json["output_changes"] = {}
    assert whys(planned.fit()) == ["output.other: the output changes, which the pattern does not allow"]


@pytest.mark.parametrize("declared", [True, False])
def test_an_output_does_not_reveal_a_secret(*, declared: bool) -> None:
    source = SOURCE
    if declared:
        source = SOURCE.replace('output "capacity" {', 'output "capacity" {\n  sensitive = true')
    planned = Planned(change(), source=source, output_changes={"capacity": capacity(before_sensitive=True)})
    planned.json["configuration"]["root_module"]["outputs"]["capacity"]["sensitive"] = declared
    says = ["output.capacity: it holds or held a secret, and is not declared as sensitive"]
    assert whys(planned.fit()) == ([] if declared else says)
    if declared:  # both must say it
        planned.json["configuration"]["root_module"]["outputs"]["capacity"]["sensitive"] = False
        assert whys(planned.fit()) == says
        planned.json["configuration"]["root_module"]["outputs"]["capacity"]["sensitive"] = True
        planned.source = source.replace("sensitive = true", "sensitive = false")
        assert whys(planned.fit()) == says


def test_drift_is_outside_unless_the_pattern_names_it() -> None:
    assert outside(change(), resource_drift=[change()]) == []
    for drift, says in (
        (after(tags=None), "tags drifted, which the pattern does not allow"),
        (change(WEB, "delete", after=None), "it drifted (delete), which the pattern does not allow"),
        (change(previous_address="a.b"), "it drifted (update), which the pattern does not allow"),
        (change("aws_autoscaling_group.web", type="aws_instance"), "it drifted (update)"),
        (change(before_sensitive={"desired_capacity": True}), "desired_capacity drifted"),
        (change(after_unknown={"desired_capacity": True}), "desired_capacity drifted"),
    ):
        found = outside(change(), resource_drift=[drift])
        assert len(found) == 1
        assert found[0].startswith(f"{WEB}: {says}")
    planned = Planned(change())
    planned.file = {"drift": (planned.plan_file().changes[0],)}
    assert whys(planned.fit()) == [f"{WEB}: the plan file has update of it, which the drifts of the JSON do not show"]


@pytest.mark.parametrize("status", ["pass", "fail", "error", "unknown", ""])
def test_every_check_has_passed(status: str) -> None:
    check = {"address": {"kind": "check", "name": "up", "to_display": "check.up"}, "status": status}
    found = outside(change(), checks=[check])
    assert (found == []) is (status == "pass")
    assert all(line.startswith("check.up: a check or a condition has not passed") for line in found)


def test_a_check_that_passes_with_problems_has_not() -> None:
    check = {
        "address": {"kind": "check", "to_display": "check.up"},
        "status": "pass",
        "instances": [{"problems": [{"message": "down"}]}],
    }
    assert outside(change(), checks=[check]) == ["check.up: a check or a condition has not passed (fail)"]


# 12 and 13. the configuration


def test_every_provider_in_use_is_in_the_pattern() -> None:
    other = still("random_pet.x")
    other["provider_name"] = "registry.terraform.io/hashicorp/random"
    says = ["plan: it uses the provider registry.terraform.io/hashicorp/random, which is not in the pattern"]
    assert outside(change(), other) == says
    planned = Planned(change(), other)
    planned.file = {"changes": planned.plan_file().changes[:1]}
    assert whys(planned.fit()) == says
    planned = Planned(change())
    planned.file = {"drift": Planned(other).plan_file().changes}
    assert whys(planned.fit())[0] == says[0]
    planned = Planned(change())
    named = {"name": "random", "full_name": "registry.terraform.io/hashicorp/random"}
    planned.json["configuration"]["provider_config"]["random"] = named
    assert whys(planned.fit()) == says
    planned.json["configuration"]["provider_config"]["random"] = {"name": "random"}
    assert whys(planned.fit()) == ["plan: it uses the provider random, which is not in the pattern"]


@pytest.mark.parametrize(
    "line",
    [
        'assume_role {\n    role_arn = "arn:x"\n  }',
        "assume_role = local.x",
        'dynamic "assume_role" {\n    for_each = [1]\n    content {}\n  }',
    ],
)
def test_a_provider_block_sets_only_what_the_pattern_names(line: str) -> None:
    source = SOURCE.replace('region = "eu-central-1"', f'region = "eu-central-1"\n  alias = "x"\n  {line}')
    assert outside(change(), source=source) == [
        "plan: a provider block sets assume_role, which the pattern does not allow"
    ]
    more = 'provider "aws" {\n  alias = "b"\n  ' + line + "\n}\n"
    assert len(outside(change(), source=SOURCE + more)) == 1


def test_a_provider_block_of_the_json_syntax_is_looked_at_too() -> None:
    planned = Planned(change())
    planned.more_sources["tfconfig/m-/x.tf.json"] = b'{"provider": {"aws": [{"endpoints": {"sts": "http://x"}}]}}'
    assert whys(planned.fit()) == ["plan: a provider block sets endpoints, which the pattern does not allow"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "x.tf",
            'removed {\n  from = a.b\n  provisioner "local-exec" {\n    command = "x"\n    when = destroy\n  }\n}\n',
        ),
        ("x.tf.json", '{"removed": [{"from": "a.b", "provisioner": {"local-exec": {"command": "x"}}}]}'),
    ],
)
def test_a_removed_block_runs_no_programs(name: str, source: str) -> None:
    planned = Planned(change())
    planned.more_sources[f"tfconfig/m-/{name}"] = source.encode()
    assert whys(planned.fit()) == ["plan: a `removed` block of its configuration can run programs"]
    for plain in ({"tfconfig/m-/x.tf": b"removed {\n  from = a.b\n}\n"}, {"tfconfig/m-/x.tf.json": b'{"removed": {}}'}):
        planned.more_sources = plain
        assert planned.fit().fits


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            'module "m" {\n  source = "git::https://example.com/m?ref=main"\n}\n',
            "module.m: its source names a branch, a tag or a range of versions, which may name other code at apply",
        ),
        ('locals {\n  x = file("${path.module}/x")\n}\n', "main.tf: file read files again at apply"),
        ("resource {{{", "main.tf: this configuration file was not understood: only the plan's JSON tells of it"),
        ('ephemeral "a" "b" {}\n', "ephemeral.a.b: it is opened again at apply and may answer otherwise"),
    ],
)
def test_what_no_digest_binds_is_outside(source: str, says: str) -> None:
    assert says in outside(change(), source=SOURCE + source)


# the answer


def test_no_secret_is_in_what_is_said() -> None:
    entry = change(
        'aws_instance.x["swordfish-1"]',
        after={**BEFORE, "swordfish-1": 1},
        type="aws_autoscaling_group",
        name="x",
        index="swordfish-1",
    )
    entry["change"]["before"]["token"] = entry["change"]["after"]["token"] = "swordfish-1"
    entry["change"]["before_sensitive"] = entry["change"]["after_sensitive"] = {"token": True}
    found = outside(entry)
    assert found
    assert not any("swordfish" in line for line in found)


def test_a_sensitive_variable_is_a_secret_too() -> None:
    planned = Planned(after(**{"swordfish-1": "x"}), variables={"p": {"value": "swordfish-1"}})
    planned.json["configuration"]["root_module"]["variables"] = {"p": {"sensitive": True}}
    assert len(whys(planned.fit())) == 1
    assert "swordfish" not in whys(planned.fit())[0]


def test_so_many_are_named_and_the_rest_is_counted_the_plan_first() -> None:
    many = [change(f"aws_instance.i{number}", "delete", after=None) for number in range(150)]
    found = Planned(*many).fit(severity=Severity.HIGH)
    assert (len(found.misfits), found.more, found.fits) == (MAX_MISFITS, 52, False)
    assert [item.address for item in found.misfits[:2]] == ["plan", "plan"]


def test_a_name_without_end_makes_no_sentence_without_end() -> None:
    (misfit, *_) = Planned(change(provider_name="x" * 9000)).fit().misfits
    assert len(misfit.why) == 500


def test_the_answer_can_be_recorded() -> None:
    found = Planned(change(), queue(), change("aws_instance.other")).fit()
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_the_plan_that_was_given_stays_as_it_is() -> None:
    planned = Planned(change())
    plan = planned.plan()
    fit(pattern(), plan, planned.plan_file(), Severity.LOW, "prod", NOW)
    assert plan.snapshot is None


@pytest.mark.parametrize("tags", [b'{"a":1,"a":2}', b'{"a":' * 700 + b"1" + b"}" * 700, b"[" * 5000])
def test_a_plan_that_cannot_be_read_fits_nothing(tags: bytes) -> None:
    planned = Planned(change(before_sensitive={"tags": True}, after_sensitive={"tags": True}))
    plan = planned.plan()
    text = re.sub(rb'{"a": ?"b"}', tags, bytes((plan.document.resource_changes or [])[0]))
    plan.document = msgspec.structs.replace(plan.document, resource_changes=[msgspec.Raw(text)])
    with pytest.raises(PlanUnreadable):
        fit(pattern(), plan, planned.plan_file(), Severity.LOW, "prod", NOW)


def test_a_pattern_that_nobody_read_is_held_to_the_same() -> None:
    found = pattern()
    entry = msgspec.structs.replace(found.text.allow[0], attributes=["*"])
    with pytest.raises(PackInvalid):
        Planned(change()).fit(pattern(allow=[entry]))
