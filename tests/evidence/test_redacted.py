from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.errors import EvidenceInvalid, PlanUnreadable
from iacgate.evidence.redacted import redacted_plan
from iacgate.plan.reader import read_plan
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.packs import RuleSet
from iacgate.risk.survey import survey
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity
from tests.conftest import PLANS
from tests.judge import findings
from tests.support.corpus import plans
from tests.support.printed import holds
from tests.support.terraform import install, terraform_or_skip

RULES = RuleSet(shipped_packs())
KEY = bytes(range(32))
MARK = re.compile(r"\(sensitive(?: hmac-sha256:[0-9a-f]{16})?\)")

REFUSED = {
    "plans/GoogleCloudPlatform+terraform-validator/test__read_planned_assets__tf0_12plan.applied.json",
    "plans/GoogleCloudPlatform+terraform-validator/test__read_planned_assets__tf1_0plan.applied.json",
}
"""Plans with a key that stands twice in what does not change: judged without being read, but never stored."""


def judged(data: bytes) -> Assessment:
    return assess(read_plan(data, "plan"), RULES, differences_from=Severity.NONE)


def same(old: Assessment, new: Assessment) -> None:
    """Hold two assessments of the same plan against each other: all but what identifies the bytes is the same."""
    assert sorted(map(str, findings(new))) == sorted(map(str, findings(old)))
    assert (new.severity, new.counts, in_order(new)) == (old.severity, old.counts, in_order(old))


def in_order(assessment: Assessment) -> list[Any]:
    """Return the changes, the differences of each in one order: a key that is covered has another place in a map."""
    return [
        msgspec.structs.replace(change, differences=tuple(sorted(change.differences, key=str)))
        for change in assessment.changes
    ]


def strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(strings, value.values()))
    if isinstance(value, list):
        return set().union(*map(strings, value))
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("folder", sorted(path.name for path in PLANS.iterdir() if path.is_dir()))
def test_the_stored_plan_is_judged_as_the_plan(folder: str) -> None:
    data = (PLANS / folder / "plan.json").read_bytes()
    stored = redacted_plan(data, KEY)
    same(judged(data), judged(stored))
    assert redacted_plan(stored, KEY) == stored
    assert canonical.canonical_json(json.loads(stored)) == stored
    assert not holds(stored, survey(read_plan(data, "plan")).secrets)


def test_the_stored_plans_of_the_corpus_are_judged_as_the_plans(corpus: Path) -> None:
    compared, hidden, refused = 0, 0, set()
    for path in plans(corpus):
        data = path.read_bytes()
        try:
            old = judged(data)
        except PlanUnreadable:
            with pytest.raises(PlanUnreadable):
                redacted_plan(data, KEY)
            continue
        try:
            stored = redacted_plan(data, KEY)
        except PlanUnreadable:
            refused.add(str(path.relative_to(corpus)))
            continue
        same(old, judged(stored))
        assert redacted_plan(stored, KEY) == stored
        secrets = survey(read_plan(data, "plan")).secrets
        assert not holds(stored, secrets), path
        compared += 1
        hidden += bool(secrets)
    assert refused == REFUSED
    assert compared > 490
    assert hidden > 15


CONFIGURATION = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region     = "eu-central-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
}

variable "given" {
  type      = string
  sensitive = true
  default   = "default-of-given"
}

variable "pin" {
  type      = number
  sensitive = true
}

variable "users" {
  type      = map(string)
  sensitive = true
}

variable "db_password" {
  type = string
}

module "inner" {
  source = "./inner"
  given  = var.given
}

resource "aws_db_instance" "orders" {
  identifier = "orders-of-all"
  password   = "schema-says-so"
  tags       = { owner = var.given, code = var.pin, first = "harmless-tag", again = "schema-says-so" }
}

resource "aws_iam_policy" "reader" {
  name = "reader"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*", Sid = nonsensitive(var.given) }]
  })
}

resource "terraform_data" "many" {
  for_each = toset(nonsensitive(keys(var.users)))
  input    = { mine = var.users[each.key], all = var.users, code = base64encode("user:${nonsensitive(var.given)}") }
}

resource "aws_security_group" "open" {
  name = "open"
  ingress = [{
    cidr_blocks      = ["0.0.0.0/0"]
    description      = "see ${nonsensitive(urlencode(var.given))}"
    from_port        = 22
    to_port          = 22
    protocol         = "tcp"
    ipv6_cidr_blocks = []
    security_groups  = []
    self             = false
  }]

  lifecycle {
    precondition {
      condition     = nonsensitive(length(var.given)) > 3
      error_message = "too short"
    }
  }
}

output "given" {
  value     = [var.given, var.pin]
  sensitive = true
}

output "shown" {
  value = "harmless-output"
}
"""
INNER = """
variable "given" {
  type      = string
  sensitive = true
  default   = "default-of-inner"
}

resource "terraform_data" "copy" {
  input = { text = "it is ${var.given}!" }
}
"""
GIVEN = 'first "line" <&>/é\nsecond-line'
SECRETS = {
    GIVEN,
    'first "line" <&>/é',
    "second-line",
    "86420975",
    "value-of-ann",
    "user-ann",
    "schema-says-so",
    "default-of-given",
    "default-of-inner",
    "AKIAIOSFODNN7EXAMPLE",
    "by-its-name",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two plans of real Terraform: one that makes everything, and one of the next day that changes it."""
    root = tmp_path_factory.mktemp("redacted")
    files = {"main.tf": CONFIGURATION, "inner/main.tf": INNER}
    workspace = install(root / "installed", terraform=terraform_or_skip()).workspace(root / "work", files)
    workspace.variables = {
        "TF_VAR_given": GIVEN,
        "TF_VAR_pin": "86420975",
        "TF_VAR_users": '{"user-ann":"value-of-ann"}',
        "TF_VAR_db_password": "by-its-name",
    }
    workspace.init()
    plan = workspace.plan()
    first = workspace.show_json(plan)
    workspace.apply(plan)
    workspace.write_files({"main.tf": CONFIGURATION.replace("harmless-tag", "another-tag")})
    return first, workspace.show_json(workspace.plan("-replace=aws_db_instance.orders", name="second"))


def test_plans_of_real_terraform_keep_no_secret(made: tuple[bytes, bytes]) -> None:
    for data in made:
        stored = redacted_plan(data, KEY, {"user-ann"})
        assert len(holds(data, SECRETS)) == len(SECRETS)
        assert holds(stored, SECRETS) == set()
        assert holds(stored, {"orders-of-all", "harmless-output", "0.0.0.0/0"})
        plain = redacted_plan(data, KEY)
        same(judged(data), judged(plain))
        assert holds(plain, SECRETS) == {"user-ann"}  # made no secret with `nonsensitive`, and an instance key


def test_equal_secrets_are_recognised_and_only_with_the_same_key(made: tuple[bytes, bytes]) -> None:
    first, second = (json.loads(redacted_plan(data, KEY)) for data in made)

    def password(plan: dict[str, Any], side: str) -> str:
        found = {change["address"]: change["change"] for change in plan["resource_changes"]}
        return str(found["aws_db_instance.orders"][side]["password"])

    assert password(first, "after") == password(second, "before") == password(second, "after")
    assert MARK.fullmatch(password(first, "after"))
    assert password(first, "after") == f"(sensitive hmac-sha256:{canonical.keyed_digest(b'schema-says-so', KEY)[:16]})"
    other = json.loads(redacted_plan(made[0], bytes(32)))
    assert password(other, "after") != password(first, "after")
    assert canonical.digest(b"schema-says-so")[:16] not in password(first, "after")


def change(**body: Any) -> dict[str, Any]:
    return {"actions": ["create"], "before": None, "after_unknown": {}, "before_sensitive": False, **body}


def plan_of(*changes: dict[str, Any], **members: Any) -> bytes:
    entries = [
        {"address": f"x.y[{at}]", "mode": "managed", "type": "x", "name": "y", "index": at, "change": body}
        for at, body in enumerate(changes)
    ]
    return json.dumps({"format_version": "1.2", "resource_changes": entries, **members}).encode()


def after(data: bytes, **more: Any) -> Any:
    return json.loads(redacted_plan(data, KEY, **more))["resource_changes"][0]["change"]["after"]


def shape(value: Any) -> Any:
    """Return the value with marks by their kind."""
    text = json.dumps(value)
    return json.loads(re.sub(r"\(sensitive hmac-sha256:[0-9a-f]{16}\)", "(digest)", text))


@pytest.mark.parametrize(
    ("value", "mask", "stored"),
    [
        ({"a": "s3cret-value", "b": 1}, {"a": True}, {"a": "(digest)", "b": 1}),
        ({"a": "s3cret-value", "b": 1}, True, {"a": "(digest)", "b": "(sensitive)"}),
        ({"a": "short"}, {"a": True}, {"a": "(sensitive)"}),
        ({"a": "production"}, {"a": True}, {"a": "(sensitive)"}),
        ({"a": True, "b": False, "c": None, "d": 5}, True, dict.fromkeys("abd", "(sensitive)") | {"c": None}),
        ({"a": {"some-key": "s3cret-value"}}, {"a": True}, {"a": "(digest)"}),
        ({"a": ["s3cret-value", "shown"]}, {"a": [True]}, {"a": ["(digest)", "shown"]}),
        ({"a": ["s3cret-value", "shown"]}, {"a": [False, False]}, {"a": ["s3cret-value", "shown"]}),
        ({"a": ["s3cret-value"]}, {"a": {"x": True}}, {"a": "(digest)"}),
        ({"a": "s3cret-value"}, {"a": {"x": True}}, {"a": "(digest)"}),
        ({"a": "s3cret-value", "b": "s3cret-value"}, {"a": True}, {"a": "(digest)", "b": "(digest)"}),
        (
            {"a": "s3cret-value", "b": "is s3cret-value!", "c": {"s3cret-value": 1}},
            {"a": True},
            {"a": "(digest)", "b": "is (digest)!", "c": {"(digest)": 1}},
        ),
        (
            {"a": 1234567, "b": 1234567, "c": "1234567"},
            {"a": True},
            {"a": "(digest)", "b": "(digest)", "c": "(digest)"},
        ),
        (
            {"password": "short", "token": "", "secret": None},
            {},
            {"password": "(sensitive)", "token": "", "secret": None},
        ),
        ({"note": "key AKIAIOSFODNN7EXAMPLE"}, {}, {"note": "(digest)"}),
        ({"arn": "arn:AKIAIOSFODNN7EXAMPLE:x"}, {}, {"arn": "arn:(digest):x"}),
        ({"a": "s3cret-value", "b": "czNjcmV0LXZhbHVl"}, {"a": True}, {"a": "(digest)", "b": "(digest)"}),
    ],
)
def test_values_under_masks(value: Any, mask: Any, stored: Any) -> None:
    data = plan_of(change(after=value, after_sensitive=mask))
    assert shape(after(data)) == stored
    stored_change = json.loads(redacted_plan(data, KEY))["resource_changes"][0]["change"]
    assert stored_change["after_sensitive"] == mask


def test_keys_that_are_secrets_are_hidden_in_the_masks_too() -> None:
    value = {"a": "s3cret-value", "m": {"s3cret-value": "other-secret", "x": "shown"}}
    data = plan_of(change(after=value, after_sensitive={"a": True, "m": {"s3cret-value": True}}))
    stored = json.loads(redacted_plan(data, KEY))["resource_changes"][0]["change"]
    (key,) = stored["after_sensitive"]["m"]
    assert MARK.fullmatch(key)
    assert stored["after"]["m"].keys() == {key, "x"}
    same(judged(data), judged(redacted_plan(data, KEY)))


def test_the_number_that_is_secret_is_hidden_from_the_rules_as_well() -> None:
    data = plan_of(change(after={"a": 1234567, "b": 1234567.0, "c": 1234567}, after_sensitive={"a": True}))
    assert shape(after(data)) == {"a": "(digest)", "b": 1234567.0, "c": "(digest)"}
    same(judged(data), judged(redacted_plan(data, KEY)))


def test_members_that_nothing_reads_are_left_out() -> None:
    data = plan_of(
        prior_state={"values": {"outputs": {"o": {"sensitive": True, "value": "state-secret"}}}},
        planned_values={
            "root_module": {"resources": [{"values": {"a": "plan-secret"}, "sensitive_values": {"a": True}}]}
        },
        something_new={"x": "new-secret"},
        checks=[
            {
                "address": {"to_display": "a"},
                "status": "fail",
                "instances": [{"problems": [{"message": "plan-secret state-secret"}]}],
            }
        ],
    )
    stored = json.loads(redacted_plan(data, KEY))
    assert stored.keys() == {"format_version", "resource_changes", "planned_values", "checks"}
    assert stored["planned_values"] == {}
    assert shape(stored["checks"])[0]["instances"] == [{"problems": [{"message": "(digest) (digest)"}]}]


def masked(secret: str) -> dict[str, Any]:
    return change(after={"a": secret}, after_sensitive={"a": True})


def invoked(secret: str) -> dict[str, Any]:
    return {"address": "action.x.y", "type": "x", "config_values": {"a": secret}, "config_sensitive": {"a": True}}


def entry(name: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"address": f"x.{name}", "type": "x", "name": name, "mode": "managed", "change": body, **more}


def constant(value: str) -> dict[str, Any]:
    return {"constant_value": value}


CONFIGURED = {
    "provider_config": {"p": {"full_name": "p", "expressions": {"secret_key": constant("provider-secret")}}},
    "root_module": {
        "variables": {
            "v": {"sensitive": True, "default": "default-secret"},
            "e": {"ephemeral": True},
            "api_key": {"default": "named-default"},
        },
        "resources": [
            {
                "type": "x",
                "name": "y",
                "expressions": {"b": constant("output-secret"), "private_key": constant("written-secret")},
            }
        ],
    },
}


def test_what_else_a_plan_holds() -> None:
    data = plan_of(
        resource_drift=[entry("z", masked("drift-secret"))],
        deferred_changes=[{"reason": "unknown", "resource_change": entry("w", masked("deferred-secret"))}],
        action_invocations=[invoked("action-secret")],
        deferred_action_invocations=[{"reason": "unknown", "action_invocation": invoked("later-secret")}],
        output_changes={
            "o": change(after="output-secret", after_sensitive=True),
            "db_password": change(after={"x": "by-its-name"}, after_sensitive=False),
        },
        variables={
            "v": {"value": "variable-secret"},
            "e": {"value": "ephemeral-secret"},
            "api_key": {"value": "named-secret"},
            "n": {"value": "shown-value"},
        },
        relevant_attributes=[{"resource": 'x.y["output-secret"]', "attribute": ["a"]}],
        configuration=CONFIGURED,
    )
    secrets = set(re.findall(r"[a-z]+-secret", data.decode())) | {"by-its-name", "named-default"}
    stored = redacted_plan(data, KEY)
    assert len(secrets) == 13
    assert not holds(stored, secrets)
    assert holds(stored, {"shown-value"})
    same(judged(data), judged(stored))


def test_what_is_too_short_to_be_looked_for_is_hidden_where_it_is_declared() -> None:
    declared = {"v": {"sensitive": True, "default": "abc"}, "e": {"ephemeral": True}, "token": {}, "n": {}}
    data = plan_of(
        variables={name: {"value": "xyz"} for name in declared},
        configuration={"root_module": {"variables": declared}},
    )
    stored = json.loads(redacted_plan(data, KEY))
    hidden = {"value": "(sensitive)"}
    assert stored["variables"] == {"v": hidden, "e": hidden, "token": hidden, "n": {"value": "xyz"}}
    assert stored["configuration"]["root_module"]["variables"]["v"]["default"] == "(sensitive)"


def test_instance_keys_that_hold_secrets_stay_apart() -> None:
    keys = ("first-secret", "second-secret")
    entries = [entry("y", masked(key), address=f'x.y["{key}"]', index=key) for key in keys]
    data = json.dumps({"format_version": "1.2", "resource_changes": entries}).encode()
    stored = redacted_plan(data, KEY)
    assert len({item["address"] for item in json.loads(stored)["resource_changes"]}) == 2
    same(judged(data), judged(stored))


def test_types_and_names_of_attributes_stay_even_where_they_equal_a_secret() -> None:
    word = "aws_instance"
    body = change(after={word: word}, after_sensitive={word: True}, replace_paths=[[word, word, 0], "broken"])
    entries = [entry(word, body, type=word, provider_name=word)]
    data = json.dumps({"format_version": "1.2", "resource_changes": entries}).encode()
    (stored,) = json.loads(redacted_plan(data, KEY))["resource_changes"]
    assert (stored["type"], stored["provider_name"]) == (word, word)
    assert MARK.fullmatch(stored["name"])
    assert stored["change"]["after"].keys() == {word}
    assert shape(stored["change"]["replace_paths"]) == [[word, "(digest)", 0]]


def test_other_secrets_can_be_named() -> None:
    assert shape(after(plan_of(change(after={"a": "born-at-apply", "b": 1})), secrets=["born-at-apply"])) == {
        "a": "(digest)",
        "b": 1,
    }


@pytest.mark.parametrize("key", [b"", bytes(31)])
def test_a_short_key_is_refused(key: bytes) -> None:
    with pytest.raises(EvidenceInvalid) as caught:
        redacted_plan(plan_of(), key)
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        plan_of(change(after={})).replace(b'"after": {}', b'"after": {"a": 1, "a": 2}'),
        plan_of(change(after=None)).replace(b'"after": null', b'"after": ' + b"[" * 2000 + b"]" * 2000),
        plan_of(change(actions=["frobnicate"])),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        redacted_plan(data, KEY)
    assert caught.value.hint


texts = st.sampled_from(
    [
        "s3cret-value",
        'with "quotes" <&>',
        "zeile-eins\nzeile-zwei",
        "short",
        "production",
        "plain-text",
        "x s3cret-value y",
    ]
)
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(10**5, 10**7), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "password", "tags"]), trees, max_size=4)


def masks(value: Any) -> st.SearchStrategy[Any]:
    plain: st.SearchStrategy[Any] = st.booleans()
    if isinstance(value, dict):
        return plain | st.fixed_dictionaries({}, optional={key: masks(item) for key, item in value.items()})
    if isinstance(value, list):
        return plain | st.tuples(*map(masks, value)).map(list)
    return plain


def covered(value: Any, mask: Any) -> set[str]:
    """Return the texts that a mask covers and that are looked for."""
    if mask is True:
        return {text for text in strings(value) if len(text) > 5 and text != "production"}
    if isinstance(mask, dict):
        return set().union(*(covered(value[key], inner) for key, inner in mask.items()))
    return set().union(*map(covered, value, mask)) if isinstance(mask, list) else set()


@settings(max_examples=300, deadline=None)
@given(objects, objects, st.data())
def test_no_covered_text_is_left_anywhere_and_the_rules_find_the_same(
    before: dict[str, Any], later: dict[str, Any], data: st.DataObject
) -> None:
    old, new = data.draw(masks(before)), data.draw(masks(later))
    body = change(actions=["update"], before=before, after=later, before_sensitive=old, after_sensitive=new)
    plan = plan_of(body, change(after=later), output_changes={"o": change(after=before)})
    stored = redacted_plan(plan, KEY)
    values_only = covered_values(before, old) | covered_values(later, new)
    assert not holds(stored, values_only)
    assert redacted_plan(stored, KEY) == stored
    hidden = survey(read_plan(plan, "plan")).secrets
    if collapse(before, hidden) or collapse(
        later, hidden
    ):  # two keys are shown as one, and which of them is left varies
        same(without_differences(judged(plan)), without_differences(judged(stored)))
    else:
        same(judged(plan), judged(stored))


def collapse(value: Any, hidden: Collection[str]) -> bool:
    """Return whether an object has several keys that are hidden, so that a person sees one."""
    if isinstance(value, dict):
        several = sum(any(secret in key for secret in hidden) for key in value) > 1
        return several or any(collapse(item, hidden) for item in value.values())
    return isinstance(value, list) and any(collapse(item, hidden) for item in value)


def without_differences(assessment: Assessment) -> Assessment:
    changes = tuple(msgspec.structs.replace(change, differences=()) for change in assessment.changes)
    return msgspec.structs.replace(assessment, changes=changes)


def covered_values(value: Any, mask: Any) -> set[str]:
    """Return the covered texts that are values: the keys of a covered map are not looked for elsewhere."""
    return covered(without_keys(value), positions(value, mask))


def without_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return [without_keys(item) for item in value.values()]
    return [without_keys(item) for item in value] if isinstance(value, list) else value


def positions(value: Any, mask: Any) -> Any:
    if isinstance(mask, dict):
        return [positions(item, mask.get(key, False)) for key, item in value.items()]
    return [positions(item, inner) for item, inner in zip(value, mask, strict=True)] if isinstance(mask, list) else mask
