from __future__ import annotations

import pytest

from iacgate.errors import SettingsInvalid
from iacgate.policy.environments import Environment, Policy, read_policy, weigh
from iacgate.vocabulary import Severity

POLICY = read_policy(
    b"environments:\n  prod: {tier: prod}\n  bank: {tier: prod, shift: 1}\n  dev: {tier: other, shift: -2, keep: [a]}",
    "policy.yaml",
)


def test_each_environment_has_its_weight() -> None:
    assert weigh(POLICY, "dev") == Environment(tier="other", shift=-2, keep=["a"])
    assert weigh(POLICY, "prod").shift == 0


def test_an_unknown_environment_is_the_strictest_production() -> None:
    unknown = weigh(POLICY, "")
    assert (unknown.tier, unknown.shift) == ("prod", 1)
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
        (b"environments: {prod: {tier: prod, demands: {high: {seats: {}}}}}", "high asks for nobody"),
        (b"environments: {prod: {tier: prod, demands: {high: {seats: {infra: 0}}}}}", "Expected `int` >= 1"),
        (b"environments: {prod: {tier: prod, demands: {grave: {seats: {infra: 1}}}}}", "Invalid enum value"),
        (b"fail_on: high", "unknown field `fail_on`"),
    ],
)
def test_what_makes_no_sense_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_policy(text, "policy.yaml")
    assert says in caught.value.message


STRICT = read_policy(
    b"""environments:
  one: {tier: prod, demands: {high: {seats: {infra: 2}, valid_hours: 24}}, deny: critical}
  two: {tier: prod, demands: {high: {seats: {security: 2}, binding: exact}}}
""",
    "policy.yaml",
)


def test_an_unknown_environment_asks_for_what_any_production_asks() -> None:
    unknown = weigh(STRICT, "")
    for name in ("one", "two"):
        known = weigh(STRICT, name)
        for severity in Severity:
            asked, least = unknown.demand(severity), known.demand(severity)
            assert all(asked.seats[role] >= count for role, count in least.seats.items())
            assert asked.valid_hours <= least.valid_hours or not least.seats
            assert asked.binding == "exact" or least.binding == "fingerprint"
    assert unknown.deny is Severity.CRITICAL


def test_outside_production_nothing_is_demanded_unless_the_policy_says_so() -> None:
    assert not weigh(POLICY, "dev").demand(Severity.CRITICAL).seats
    assert weigh(POLICY, "prod").demand(Severity.LOW).seats == {}
    assert weigh(POLICY, "prod").demand(Severity.MEDIUM).seats == {"infra": 1}
