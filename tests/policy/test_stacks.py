from __future__ import annotations

from typing import Any

import msgspec
import pytest

from iacgate.errors import SettingsInvalid, UsageInvalid
from iacgate.policy.stacks import Placed, Stacks, by_backend, place, read_stacks

TEXT = b"""
stacks:
  - name: payments
    environment: prod
    backend: {type: s3, bucket: state, key: payments.tfstate}
  - name: payments-dev
    environment: dev
    backend: {type: s3, bucket: state, key: payments.tfstate}
    workspace: dev
"""
STACKS = read_stacks(TEXT, "stacks.yaml")
CONFIG: dict[str, Any] = {"bucket": "state", "key": "payments.tfstate", "region": "eu-central-1", "access_key": None}


def test_the_backend_and_workspace_decide() -> None:
    assert place(STACKS, "", ("s3", CONFIG, "dev")) == Placed("payments-dev", "dev", "by its backend and workspace")
    assert place(STACKS, "payments", ("s3", CONFIG, "default")).environment == "prod"


@pytest.mark.parametrize(
    ("backend_type", "config", "workspace"),
    [
        ("gcs", CONFIG, "default"),
        ("s3", {**CONFIG, "key": "other"}, "default"),
        ("s3", {"bucket": "state"}, "default"),
        ("s3", CONFIG, "other"),
        ("local", {"path": None}, "default"),
    ],
)
def test_what_nobody_mapped_belongs_to_no_stack(backend_type: str, config: dict[str, Any], workspace: str) -> None:
    assert by_backend(STACKS, backend_type, config, workspace) is None
    assert place(STACKS, "", (backend_type, config, workspace)).environment == ""
    with pytest.raises(UsageInvalid, match="is not in"):
        place(STACKS, "payments", (backend_type, config, workspace))


def test_the_caller_cannot_choose_another_stack_than_the_plan_files() -> None:
    with pytest.raises(UsageInvalid, match="belongs to 'payments', not to 'payments-dev'"):
        place(STACKS, "payments-dev", ("s3", CONFIG, "default"))


def test_a_stack_brings_its_account() -> None:
    stacks = read_stacks(TEXT.replace(b"environment: dev", b"environment: dev\n    account: '12'"), "stacks.yaml")
    assert place(stacks, "", ("s3", CONFIG, "dev")).account == "12"
    assert place(stacks, "payments-dev", None).account == "12"
    assert place(stacks, "payments", ("s3", CONFIG, "default")).account == ""


@pytest.mark.parametrize("account", ["12345678901", "1234567890123"])
def test_an_account_of_aws_with_a_digit_too_many_or_too_few_is_refused(account: str) -> None:
    text = TEXT.replace(b"environment: dev", b"environment: dev\n    account: '%s'" % account.encode())
    says = f"line 6: the account '{account}' has {len(account)} digits, and one of AWS has 12"
    with pytest.raises(SettingsInvalid, match=f"^stacks.yaml, {says}"):
        read_stacks(text, "stacks.yaml")


@pytest.mark.parametrize(
    ("account", "backend"),
    [
        ("123456789012", "s3"),
        ("1234567890", "s3"),
        ("1234567890123456", "s3"),  # Alibaba Cloud
        ("32555940559", "gcs"),
        ("1042297524028", "gcs"),
        ("32555940559", "http"),
        ("gate-3255594", "s3"),
        ("\u0661" * 11, "s3"),
        ("", "s3"),
    ],
)
def test_what_can_be_the_account_of_some_cloud_is_taken(account: str, backend: str) -> None:
    content = {"name": "a", "environment": "b", "backend": {"type": backend, "key": "x"}, "account": account}
    (stack,) = read_stacks(msgspec.json.encode({"stacks": [content]}), "stacks.yaml").stacks
    assert stack.account == account


def test_a_stack_brings_its_files_of_variables() -> None:
    text = TEXT.replace(b"environment: dev", b"environment: dev\n    variables: [b.tfvars, env/a.tfvars.json]")
    stacks = read_stacks(text, "stacks.yaml")
    assert place(stacks, "", ("s3", CONFIG, "dev")).variables == ("b.tfvars", "env/a.tfvars.json")
    assert place(stacks, "payments-dev", None).variables == ("b.tfvars", "env/a.tfvars.json")
    assert place(stacks, "payments", ("s3", CONFIG, "default")).variables == ()


def test_a_change_goes_from_stack_to_stack() -> None:
    text = TEXT.replace(b"environment: prod", b"environment: prod\n    promotes_from: payments-dev")
    assert [stack.promotes_from for stack in read_stacks(text, "stacks.yaml").stacks] == ["payments-dev", ""]


def test_a_plan_json_takes_the_callers_word_and_says_so() -> None:
    assert place(STACKS, "", None).environment == ""
    placed = place(STACKS, "payments-dev", None)
    assert (placed.environment, placed.how) == ("dev", "named on the command line; the plan's JSON does not tell")


def test_an_unknown_name_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(UsageInvalid) as caught:
        place(STACKS, "nope", None)
    assert "payments, payments-dev" in caught.value.hint
    with pytest.raises(UsageInvalid):
        place(Stacks([]), "nope", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace(b"payments-dev", b"payments"), "two stacks are called"),
        (TEXT.replace(b"    workspace: dev\n", b""), "one state could belong to"),
        (TEXT.replace(b"key: payments.tfstate}\n    workspace", b"region: x}\n    workspace"), ""),
        (b"stacks: [{name: a, environment: b, backend: {type: s3}}]", "lacks"),
        (b"stacks: [{name: a, environment: b, backend: {bucket: s3, key: x}}]", "lacks"),
        (b"stacks: [{name: '', environment: b, backend: {type: s3, key: x}}]", "lacks"),
        (TEXT.replace(b"environment: dev", b"environment: dev\n    account: 12"), "line 8: Expected `str`, got `int`"),
        (
            TEXT.replace(b"environment: dev", b"environment: dev\n    promotes_from: test"),
            "line 6: .* 'test', and no stack",
        ),
        (
            TEXT.replace(b"environment: dev", b"environment: dev\n    promotes_from: payments-dev"),
            "line 6: 'payments-dev' promotes from 'payments-dev', which has no beginning",
        ),
        (
            TEXT.replace(b"environment: dev", b"environment: dev\n    promotes_from: payments").replace(
                b"environment: prod", b"environment: prod\n    promotes_from: payments-dev"
            ),
            "line 3: 'payments' promotes from 'payments-dev' promotes from 'payments', which",
        ),
        *(
            (
                TEXT.replace(b"environment: dev", b"environment: dev\n    variables: [a.tfvars, %s]" % path),
                "line 6: .* is no path of a file",
            )
            for path in (b"../a.tfvars", b"/a", b"a/", b"./a", b"a//b", b'"a\\nb"')
        ),
        (TEXT.replace(b"environment: dev", b"environment: dev\n    variables: a.tfvars"), "Expected `array`"),
        (b"stacks:\n  - name: a\n    enviroment: b\n", "line 3: Object contains unknown field `enviroment`"),
    ],
)
def test_a_file_that_could_mean_two_things_is_refused(text: bytes, says: str) -> None:
    if not says:
        assert len(read_stacks(text, "stacks.yaml").stacks) == 2  # another workspace keeps them apart
        return
    with pytest.raises(SettingsInvalid, match=says):
        read_stacks(text, "stacks.yaml")
