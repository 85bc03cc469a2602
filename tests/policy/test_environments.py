from __future__ import annotations

import pytest

from iacgate.errors import SettingsInvalid
from iacgate.policy.environments import Environment, Policy, read_policy, weigh

POLICY = read_policy(
    b"environments:\n  prod: {tier: prod}\n  bank: {tier: prod, shift: 1}\n  dev: {tier: other, shift: -2, keep: [a]}",
    "policy.yaml",
)


def test_each_environment_has_its_weight() -> None:
    assert weigh(POLICY, "dev") == Environment(tier="other", shift=-2, keep=["a"])
    assert weigh(POLICY, "prod").shift == 0


def test_an_unknown_environment_is_the_strictest_production() -> None:
    assert weigh(POLICY, "") == Environment(tier="prod", shift=1)
    assert weigh(Policy(), "") == Environment(tier="prod")


def test_a_policy_without_environments_changes_nothing() -> None:
    assert weigh(Policy(), "dev") == Environment(tier="prod")


def test_a_name_that_the_policy_does_not_have_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="no environment called 'stage'"):
        weigh(POLICY, "stage")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"environments: {prod: {tier: prod, shift: -1}}", "nothing weighs less"),
        (b"environments: {dev: {tier: other, shift: -9}}", "line 1: Expected `int`"),
        (b"environments: {dev: {tier: test}}", "Invalid enum value 'test'"),
        (b"environments: {dev: {}}", "missing required field `tier`"),
        (b"rego: {engine: docker}", "Invalid enum value 'docker'"),
        (b"fail_on: high", "unknown field `fail_on`"),
    ],
)
def test_what_makes_no_sense_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_policy(text, "policy.yaml")
    assert says in caught.value.message
