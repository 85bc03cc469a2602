"""What is not a plain resource change, and how findings come together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.errors import PackInvalid
from iacgate.plan.reader import read_plan
from iacgate.plan.source.snapshot import Snapshot
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.context import ALONE, Context
from iacgate.risk.packs import RuleSet, make_pack
from iacgate.risk.rule import Match, RuleText
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Action, Certainty, Severity

PACKS = shipped_packs()
RULES = RuleSet(PACKS)


def change(
    address: str, actions: tuple[str, ...], before: Any = None, after: Any = None, **more: Any
) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    body = {"actions": list(actions), "before": before, "after": after, **more.pop("change", {})}
    return {"address": address, "mode": "managed", "type": kind, "name": name, "change": body, **more}


def judge(*changes: dict[str, Any], rules: RuleSet = RULES, **members: Any) -> Assessment:
    content = {"format_version": "1.2", "terraform_version": "1.14.0", "resource_changes": list(changes), **members}
    return assess(read_plan(json.dumps(content).encode(), "plan"), rules)


def found(assessment: Assessment) -> dict[str, Certainty]:
    inner = (finding for item in assessment.changes for finding in item.findings)
    return {finding.rule: finding.certainty for finding in (*assessment.findings, *inner)}


BUCKET = {"force_destroy": True, "tags": {"a": "b"}}
DELETE = change("aws_s3_bucket.a", ("delete",), BUCKET)
TAGS = change("aws_s3_bucket.b", ("update",), {"tags": {}}, {"tags": {"a": "b"}})


def test_worst_first() -> None:
    result = judge(TAGS, DELETE)
    assert [item.address for item in result.changes] == ["aws_s3_bucket.a", "aws_s3_bucket.b"]
    assert result.severity is result.changes[0].severity is Severity.CRITICAL
    assert result.changes[1].severity is Severity.NONE


def test_a_deferred_delete_is_seen_and_possible() -> None:
    known = {"root_module": {"resources": [{"mode": "managed", "type": "aws_s3_bucket", "name": "a"}]}}
    put_off = [{"reason": "provider_config_unknown", "resource_change": DELETE}]
    result = judge(deferred_changes=put_off, configuration=known)
    assert result.severity is Severity.CRITICAL
    assert result.counts.deferred == 1
    assert set(found(result).values()) == {Certainty.POSSIBLE}


def test_an_action_without_any_resource_change() -> None:
    result = judge(
        action_invocations=[{"address": "action.aws_lambda_invoke.x", "type": "aws_lambda_invoke", "name": "x"}]
    )
    assert "terraform-action-invoked" in found(result)


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"errored": True}, "terraform-plan-errored"),
        ({"complete": False}, "terraform-plan-incomplete"),
        ({"checks": [{"address": {"to_display": "check.a"}, "status": "fail"}]}, "terraform-check-failed"),
        ({"checks": [{"address": {"to_display": "check.a"}, "status": "error"}]}, "terraform-check-errored"),
        (
            {"checks": [{"address": {"kind": "check", "to_display": "check.a"}, "status": "unknown"}]},
            "terraform-check-unknown",
        ),
        ({"resource_drift": [TAGS]}, "terraform-drift"),
        (
            {"configuration": {"provider_config": {"x": {"full_name": "evil.example/a/b"}}}},
            "terraform-provider-registry",
        ),
    ],
)
def test_findings_of_the_plan(members: dict[str, Any], rule: str) -> None:
    assert rule in found(judge(**members))
    assert rule not in found(judge())


@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (change("aws_db_instance.a", ("forget",), {}), "terraform-forget"),
        (change("aws_db_instance.a", ("create", "forget"), {}, {}), "terraform-forget"),
        (change("aws_db_instance.a", ("delete",), {}, deposed="12345678"), "terraform-deposed-destroyed"),
        (change("acme_thing.a", ("delete",), {}), "terraform-unknown-type-destroyed"),
        (change("acme_thing.a", ("delete", "create"), {}, {}), "terraform-unknown-type-destroyed"),
        (change("aws_s3_bucket.a", ("no-op",), {}, {}, change={"importing": {"id": "x"}}), "terraform-import"),
        (
            change("aws_s3_bucket.a", ("update",), {}, {}, previous_address="aws_s3_bucket.z"),
            "terraform-moved-and-changed",
        ),
    ],
)
def test_findings_of_unusual_changes(item: dict[str, Any], rule: str) -> None:
    assert rule in found(judge(item))


@pytest.mark.parametrize("values", [{}, {"before": None, "after": None}])
def test_an_object_that_the_plan_does_not_show_is_unknown(values: dict[str, Any]) -> None:
    item = {**change("aws_db_instance.a", ("delete",)), "change": {"actions": ["delete"], **values}}
    assert found(judge(item))["aws-db-instance-destroyed"] is Certainty.POSSIBLE
    item = {**change("aws_iam_policy.a", ("create",)), "change": {"actions": ["create"], **values}}
    assert found(judge(item))["aws-iam-policy-admin"] is Certainty.POSSIBLE


def test_drift_that_the_plan_was_computed_from_overlaps() -> None:
    relevant = [{"resource": "aws_s3_bucket.b", "attribute": ["id"]}]
    assert "terraform-drift-overlaps" in found(judge(resource_drift=[TAGS], relevant_attributes=relevant))
    assert "terraform-drift-overlaps" not in found(judge(resource_drift=[TAGS]))


def test_what_the_configuration_leaves_to_the_provider_is_not_this_changes_risk() -> None:
    item = change("aws_security_group.a", ("create",), None, {"name": "a"}, change={"after_unknown": {"ingress": True}})
    expressions = {"name": {"constant_value": "a"}}

    def configured(more: dict[str, Any]) -> dict[str, Any]:
        resource = {
            "mode": "managed",
            "type": "aws_security_group",
            "name": "a",
            "expressions": {**expressions, **more},
        }
        return {"root_module": {"resources": [resource]}}

    assert judge(item, configuration=configured({})).severity is Severity.LOW
    wired = judge(item, configuration=configured({"ingress": {"references": ["x.y"]}}))
    assert wired.severity is Severity.CRITICAL
    assert judge(item).severity is Severity.CRITICAL, "where the plan does not tell, nothing is left to the provider"


def test_secrets_are_not_in_findings() -> None:
    item = change(
        "aws_db_instance.a",
        ("update",),
        {"password": "0ld-s3cret", "backup_retention_period": 7},
        {"password": "n3w-s3cret", "backup_retention_period": 1},
        change={"before_sensitive": {"password": True}, "after_sensitive": {"password": True}},
    )
    repeated = change('aws_s3_bucket.b["n3w-s3cret"]', ("delete",), {"force_destroy": True})
    text = repr(judge(item, repeated, output_changes={"o": {"actions": ["update"], "before": "0ld-s3cret"}}))
    assert "s3cret" not in text


def test_an_unmasked_copy_of_a_secret_is_unknown_to_rules() -> None:
    secret = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    source = change(
        "terraform_data.a", ("update",), {"input": secret}, {"input": 1}, change={"before_sensitive": {"input": True}}
    )
    copy = change("aws_iam_policy.a", ("create",), None, {"policy": secret})
    assert found(judge(source, copy))["aws-iam-policy-admin"] is Certainty.POSSIBLE


def text(name: str, severity: Severity, **match: Any) -> RuleText:
    return RuleText(
        id=name, title="T", severity=severity, why="W.", references=["https://example.com"], match=Match(**match)
    )


def test_a_rule_set_without_rules_is_refused() -> None:
    with pytest.raises(PackInvalid, match="no rule"):
        RuleSet([])
    with pytest.raises(PackInvalid, match="no rule"):
        RuleSet([make_pack("empty", "1", [])])


def test_two_rules_of_one_name_are_refused() -> None:
    twice = [make_pack(name, "1", [text("same", Severity.LOW, types=["a"])]) for name in ("one", "two")]
    with pytest.raises(PackInvalid, match="same"):
        RuleSet(twice)


def test_a_rule_of_severity_none_only_makes_its_type_known() -> None:
    harmless = make_pack(
        "mine", "1", [text("mine-harmless", Severity.NONE, types=["acme_thing"], actions=[Action.DELETE])]
    )
    known = {"root_module": {"resources": [{"mode": "managed", "type": "acme_thing", "name": "a"}]}}
    result = judge(change("acme_thing.a", ("delete",), {}), rules=RuleSet([*PACKS, harmless]), configuration=known)
    assert result.severity is Severity.NONE
    assert found(result) == {}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([DELETE, TAGS, change("acme_x.y", ("delete",), {})]),
        unique_by=lambda item: str(item["address"]),
    ),
    st.sampled_from([severity for severity in Severity if severity is not Severity.NONE]),
    st.sampled_from(["aws_s3_bucket", "acme_x", "aws_*"]),
)
def test_another_rule_never_lowers_the_severity(changes: list[dict[str, Any]], severity: Severity, kind: str) -> None:
    more = make_pack("mine", "1", [text("mine-rule", severity, types=[kind], actions=[Action.UPDATE])])
    assert judge(*changes, rules=RuleSet([*PACKS, more])).severity.rank >= judge(*changes).severity.rank


def test_what_is_forgotten_and_made_anew_meets_the_rules_for_what_is_made() -> None:
    group = {"ingress": [{"cidr_blocks": ["0.0.0.0/0"], "from_port": 22, "to_port": 22, "protocol": "tcp"}]}
    result = judge(change("aws_security_group.a", ("forget", "create"), {"ingress": []}, group))
    assert found(result)["aws-security-group-admin-port-open"] is Certainty.CERTAIN


def test_secrets_of_action_invocations_are_found_elsewhere() -> None:
    action = {
        "address": "action.a.b",
        "type": "a",
        "config_values": {"key": "s3cr3t-of-action"},
        "config_sensitive": {"key": True},
    }
    bucket = change("aws_s3_bucket.s3cr3t-of-action", ("delete",), {})
    result = judge(bucket, action_invocations=[action])
    assert result.changes[0].address == "aws_s3_bucket.(sensitive)"


def test_sources_that_were_not_understood_are_said() -> None:
    plan = read_plan(b'{"format_version":"1.2","resource_changes":[]}', "plan")
    result = assess(plan, RULES, Context(snapshot=Snapshot({"": {"main.tf": b"resource {"}})))
    assert found(result) == {"terraform-source-unread": Certainty.CERTAIN}


def test_a_provisioner_that_only_the_sources_show_is_found() -> None:
    sources = {"": {"main.tf": b'resource "terraform_data" "a" {\n  provisioner "local-exec" {}\n}'}}
    data = {"format_version": "1.2", "resource_changes": [change("terraform_data.a", ("create",), None, {})]}
    result = assess(read_plan(json.dumps(data).encode(), "plan"), RULES, Context(snapshot=Snapshot(sources)))
    assert "terraform-provisioner-local-exec" in found(result)


REMOVED = b"""removed {
  from = terraform_data.a
  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }
}
"""
GONE = change("terraform_data.a", ("delete",), {}, action_reason="delete_because_no_resource_config")
UNSEEN = "terraform-removed-unseen"
RUNS = "terraform-provisioner-local-exec"


def rules_of(*changes: dict[str, Any], context: Context = ALONE, **members: Any) -> set[str]:
    """Return the rules that find something in a plan of the builtin provider, by their names."""
    content = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": list(changes), **members}
    return set(found(assess(read_plan(json.dumps(content).encode(), "plan"), RULES, context)))


@pytest.mark.parametrize("given", ["snapshot", "beside"])
def test_a_program_that_a_removed_block_runs_is_found(given: str) -> None:
    sources = Snapshot({"": {"main.tf": REMOVED}})
    context = Context(snapshot=sources) if given == "snapshot" else Context(beside=sources)
    rules = rules_of(GONE, context=context)
    assert RUNS in rules
    assert UNSEEN not in rules


def test_a_removed_block_whose_object_is_gone_already_runs_nothing() -> None:
    assert RUNS not in rules_of(context=Context(beside=Snapshot({"": {"main.tf": REMOVED}})))


def test_a_removed_block_that_is_not_understood_may_run_for_whatever_is_destroyed() -> None:
    odd = REMOVED.replace(b"terraform_data.a", b"terraform_data /* x */ .b")
    assert RUNS in rules_of(GONE, context=Context(snapshot=Snapshot({"": {"main.tf": odd}})))


def test_without_sources_nobody_can_tell_what_a_removed_block_runs() -> None:
    still = {"root_module": {"resources": [{"mode": "managed", "type": "terraform_data", "name": "a"}]}}
    made = change("terraform_data.a", ("create",), None, {})
    assert UNSEEN in rules_of(GONE)
    assert UNSEEN in rules_of(GONE, terraform_version="")
    assert UNSEEN not in rules_of(GONE, configuration=still)
    assert UNSEEN not in rules_of(GONE, terraform_version="1.8.5")
    assert UNSEEN not in rules_of(made)


@pytest.mark.parametrize("files", [{}, {"main.tf": b"resource {"}])
def test_sources_that_say_nothing_are_none(files: dict[str, bytes]) -> None:
    assert UNSEEN in rules_of(GONE, context=Context(beside=Snapshot({"": files})))


@pytest.mark.parametrize(
    ("actions", "declared", "revealed"),
    [
        (["update"], {}, True),
        (["update"], {"sensitive": False}, True),
        (["update"], {"sensitive": True}, False),
        (["create"], {}, False),
        (["delete"], {}, False),
    ],
)
def test_an_output_is_secret_from_now_on_only_where_it_is_declared_so(
    actions: list[str], declared: dict[str, Any], *, revealed: bool
) -> None:
    marks = {"before_sensitive": True, "after_sensitive": True}  # Terraform has one mark, and shows it twice
    rules = rules_of(
        output_changes={"o": {"actions": actions, "before": "a", "after": "a", **marks}},
        configuration={"root_module": {"outputs": {"o": declared}}},
    )
    assert ("terraform-output-revealed" in rules) is revealed


def thing(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Return a change of a type of its own, from single choices."""
    action = {"create": ("create",), "update": ("update",), "replace": ("delete", "create")}[values["action"]]
    body = {"after_unknown": values["unknown"], "after_sensitive": values["sensitive"]}
    before = None if values["action"] == "create" else values["before"]
    return change(f"acme_thing.t{number}", action, before, {**values["after"], "name": f"t{number}"}, change=body)


RULES_OF_THINGS = RuleSet(
    [
        make_pack(
            "things",
            "1",
            [
                text("things-open", Severity.HIGH, types=["acme_thing"], when={"value": "after.open", "equals": True}),
                text("things-added", Severity.LOW, types=["acme_thing"], when={"value": "added.open", "equals": True}),
                text(
                    "things-left",
                    Severity.MEDIUM,
                    types=["acme_thing"],
                    when={"value": "after.open", "left_to_provider": True},
                ),
            ],
        )
    ]
)
OBJECTS = st.sampled_from([{}, {"open": True}, {"open": False}])
MASKS = st.sampled_from([{}, {"open": True}, {"open": False}])
THINGS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["create", "update", "replace"]),
        "before": OBJECTS,
        "after": OBJECTS,
        "unknown": MASKS,
        "sensitive": MASKS,
    }
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(THINGS, st.booleans()), min_size=2, max_size=6))
def test_a_change_is_judged_the_same_alone_and_among_others_like_it(items: list[tuple[dict[str, Any], bool]]) -> None:
    def configured(*numbers: int) -> dict[str, Any]:
        resources = [
            {
                "mode": "managed",
                "type": "acme_thing",
                "name": f"t{number}",
                "expressions": {"open": {"references": ["x.y"]}} if items[number][1] else {},
            }
            for number in numbers
        ]
        return {"root_module": {"resources": resources}}

    changes = [thing(number, values) for number, (values, _) in enumerate(items)]
    together = judge(*changes, rules=RULES_OF_THINGS, configuration=configured(*range(len(items))))
    by_address = {item.address: item for item in together.changes}
    for number, item in enumerate(changes):
        (alone,) = judge(item, rules=RULES_OF_THINGS, configuration=configured(number)).changes
        assert by_address[item["address"]].findings == alone.findings


AWS = [pack for pack in PACKS if pack.name == "aws"]
OTHERS = [pack for pack in PACKS if pack.name != "aws"]


@pytest.mark.parametrize(
    "actions",
    [("create",), ("update",), ("delete",), ("delete", "create"), ("forget",), ("create", "forget")],
    ids=" ".join,
)
def test_what_a_pack_knows_that_is_left_out_is_said_and_unknown(actions: tuple[str, ...]) -> None:
    changes = change("aws_s3_bucket.a", actions, {"a": 1}, {"a": 2})
    result = judge(changes, rules=RuleSet(OTHERS, AWS))
    assert result.severity.rank >= Severity.MEDIUM.rank
    assert "terraform-pack-left-out" in found(result)
    assert ("delete" in actions) == ("terraform-unknown-type-destroyed" in found(result))
    assert "aws" not in [pack.name for pack in result.packs]
    assert "terraform-pack-left-out" not in found(judge(changes))


def test_what_no_pack_knows_or_another_one_does_is_not_left_out() -> None:
    ours = make_pack("ours", "1", [RuleText("ours", "", Severity.NONE, "", [], Match(types=["aws_s3_bucket"]))])
    for rules, item in (
        (RuleSet(OTHERS, AWS), change("acme_thing.a", ("update",), {"a": 1}, {"a": 2})),
        (RuleSet(OTHERS, AWS), change("google_sql_database.a", ("update",), {"a": 1}, {"a": 2})),
        (RuleSet(OTHERS, AWS), change("aws_s3_bucket.a", ("no-op",), {"a": 1}, {"a": 1})),
        (RuleSet([*OTHERS, ours], AWS), change("aws_s3_bucket.a", ("update",), {"a": 1}, {"a": 2})),
    ):
        assert "terraform-pack-left-out" not in found(judge(item, rules=rules))


@given(st.sampled_from(sorted({name for pack in AWS for rule in pack.rules for name in rule.match.types})))
def test_no_type_of_a_pack_that_is_left_out_is_known(name: str) -> None:
    assert RuleSet(OTHERS, AWS).leaves_out(name) == "aws"
    assert not RuleSet(OTHERS, AWS).knows(name)
