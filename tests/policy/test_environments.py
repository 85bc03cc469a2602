from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import SettingsInvalid
from iacgate.policy.demands import Demand, DemandText, TypeText
from iacgate.policy.environments import Environment, OtherType, Policy, deployers, read_policy, rehearsers, weigh
from iacgate.vocabulary import CHANGE_TYPES, ChangeType, Severity

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
        (b"trust: {}", "line 1: `trust` asks for nobody"),
        (b"environments:\n  dev: {tier: other}\n  prod:\n    tier: prod\n    shift: -1\n", "line 5: the environment"),
        (b"environments:\n  dev: {tier: other}\n  prod:\n    tier: test\n", "line 4: Invalid enum value 'test'"),
        (
            b"environments:\n  prod:\n    tier: prod\n    change_types:\n      standard:\n        demands:\n"
            b"          medium: {seats: {}}\n          critical: {seats: {}}\n",
            "line 8: the environment 'prod': a change of type standard and severity critical asks for nobody",
        ),
        (b"environments: {prod: {tier: prod, change_types: {normal: {demands: {}}}}}", "Invalid enum value 'normal'"),
        (b"environments: {prod: {tier: prod, change_types: {standard: {}}}}", "missing required field `demands`"),
        (b"environments: {prod: {tier: prod, packs: []}}", "names no rule pack"),
        (
            b"environments:\n  prod:\n    tier: prod\n    packs:\n    - aws\n    - awz\n",
            "line 6: Invalid enum value 'awz'",
        ),
        (b"environments: {prod: {tier: prod, deployers: [Ann Lee]}}", "Expected `str` matching regex"),
        (
            b"environments:\n  prod:\n    tier: prod\n    json_only: true\n    demands:\n"
            b"      high: {seats: {infra: 1}, binding: exact}\n",
            "line 6: the environment 'prod': `binding: exact` wants the plan file",
        ),
        (
            b"environments: {dev: {tier: other, json_only: true, change_types: {emergency: {demands: "
            b"{low: {seats: {infra: 1}, binding: exact}}}}}}",
            "`json_only` does without it",
        ),
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
            asked, least = unknown.demand(severity, "normal"), known.demand(severity, "normal")
            assert all(asked.seats[role] >= count for role, count in least.seats.items())
            assert asked.valid_hours <= least.valid_hours or not least.seats
            assert asked.binding == "exact" or least.binding == "fingerprint"
    assert unknown.deny is Severity.CRITICAL


def test_outside_production_nothing_is_demanded_unless_the_policy_says_so() -> None:
    assert not weigh(POLICY, "dev").demand(Severity.CRITICAL, "normal").seats
    assert weigh(POLICY, "prod").demand(Severity.LOW, "normal").seats == {}
    assert weigh(POLICY, "prod").demand(Severity.MEDIUM, "normal").seats == {"infra": 1}


TYPES = read_policy(
    b"""environments:
  prod:
    tier: prod
    change_types:
      standard: {demands: {medium: {seats: {}}, high: {seats: {infra: 1}}}}
      emergency: {demands: {high: {seats: {infra: 1, duty: 1}, valid_hours: 4}}}
  dev: {tier: other, change_types: {standard: {demands: {critical: {seats: {}}}}}}
""",
    "policy.yaml",
).environments["prod"]


@pytest.mark.parametrize(
    ("change_type", "severity", "seats", "hours"),
    [
        ("normal", Severity.MEDIUM, {"infra": 1}, 168),
        ("normal", Severity.HIGH, {"infra": 1, "security": 1}, 168),
        ("standard", Severity.MEDIUM, {}, 168),
        ("standard", Severity.HIGH, {"infra": 1}, 168),
        ("standard", Severity.CRITICAL, {"infra": 1, "security": 1, "operations": 1, "business": 1}, 168),
        ("emergency", Severity.MEDIUM, {"infra": 1}, 168),
        ("emergency", Severity.HIGH, {"infra": 1, "duty": 1}, 4),
        (
            "emergency",
            Severity.CRITICAL,
            {"infra": 1, "security": 1, "operations": 1, "business": 1, "duty": 1},
            4,
        ),
    ],
)
def test_a_type_demands_what_it_says_and_else_what_a_normal_change_does(
    change_type: ChangeType, severity: Severity, seats: dict[str, int], hours: int
) -> None:
    demand = TYPES.demand(severity, change_type)
    assert (dict(demand.seats), demand.valid_hours) == (seats, hours)


severities = st.sampled_from(list(Severity))
types = st.sampled_from(CHANGE_TYPES)


OTHERS: list[OtherType] = ["standard", "emergency"]


def texts(least: int) -> st.SearchStrategy[DemandText]:
    return st.builds(
        DemandText,
        st.dictionaries(st.sampled_from(["infra", "security", "duty"]), st.integers(1, 3), min_size=least),
        st.integers(1, 500),
        st.sampled_from(["exact", "fingerprint"]),
    )


def entries(draw: st.DrawFn) -> dict[OtherType, TypeText]:
    """Return entries that ``policy.yaml`` may have: nobody only below high."""
    found: dict[OtherType, TypeText] = {}
    for name in draw(st.sets(st.sampled_from(OTHERS), min_size=1)):
        low = draw(st.dictionaries(st.sampled_from([Severity.NONE, Severity.LOW, Severity.MEDIUM]), texts(0)))
        high = draw(st.dictionaries(st.sampled_from([Severity.HIGH, Severity.CRITICAL]), texts(1)))
        found[name] = TypeText({**low, **high})
    return found


@st.composite
def productions(draw: st.DrawFn) -> Environment:
    return Environment(
        tier="prod",
        demands=draw(st.dictionaries(severities, texts(1))),
        change_types=entries(draw),
        deployers=draw(st.lists(st.sampled_from(["ann", "bob", "infra"]), max_size=2)),
        json_only=draw(st.booleans()),
    )


def no_less(more: Demand, less: Demand) -> bool:
    seats = all(more.seats.get(role, 0) >= count for role, count in less.seats.items())
    bound = more.binding == "exact" or less.binding == "fingerprint"
    return not less.seats or (seats and bound and more.valid_hours <= less.valid_hours)


@given(productions(), severities, severities, types)
def test_more_severe_never_asks_for_less_of_any_type(
    environment: Environment, one: Severity, other: Severity, change_type: ChangeType
) -> None:
    low, high = sorted((one, other), key=lambda severity: severity.rank)
    assert no_less(environment.demand(high, change_type), environment.demand(low, change_type))


@given(productions(), types, st.sampled_from([Severity.HIGH, Severity.CRITICAL]))
def test_no_type_asks_for_nobody_from_high_on_in_production(
    environment: Environment, change_type: ChangeType, severity: Severity
) -> None:
    assert environment.demand(severity, change_type).seats


@given(st.lists(productions(), min_size=1, max_size=3), severities, types)
def test_a_type_never_makes_an_unmapped_environment_ask_for_less_than_production(
    environments: list[Environment], severity: Severity, change_type: ChangeType
) -> None:
    policy = Policy(environments={str(index): item for index, item in enumerate(environments)})
    unknown = weigh(policy, "")
    for environment in environments:
        assert no_less(unknown.demand(severity, change_type), environment.demand(severity, change_type))
        assert environment.json_only or not unknown.json_only
        assert not environment.deployers or frozenset(environment.deployers) in deployers(policy, "")


@given(productions(), severities, types)
def test_an_unmapped_environment_asks_for_what_the_only_production_asks(
    environment: Environment, severity: Severity, change_type: ChangeType
) -> None:
    policy = Policy(environments={"prod": environment, "dev": Environment(tier="other", deployers=["eve"])})
    assert weigh(policy, "").demand(severity, change_type).seats == environment.demand(severity, change_type).seats


def test_an_unmapped_environment_asks_by_type_for_what_any_production_asks() -> None:
    policy = read_policy(
        b"""environments:
  a: {tier: prod, change_types: {standard: {demands: {medium: {seats: {}}, high: {seats: {infra: 1}}}}}}
  b: {tier: prod, change_types: {standard: {demands: {medium: {seats: {}}, high: {seats: {duty: 2}}}}}}
""",
        "policy.yaml",
    )
    unknown = weigh(policy, "")
    assert unknown.demand(Severity.HIGH, "standard").seats == {"infra": 1, "duty": 2}
    assert unknown.demand(Severity.MEDIUM, "standard").seats == {}
    assert unknown.demand(Severity.MEDIUM, "normal").seats == {"infra": 1}


def test_who_may_deploy_is_who_may_everywhere_where_nobody_says_where() -> None:
    text = b"environments: {a: {tier: prod, deployers: [ann]}, b: {tier: prod, deployers: [infra]}, c: {tier: prod}}"
    policy = read_policy(text, "policy.yaml")
    assert deployers(policy, "a") == (frozenset({"ann"}),)
    assert deployers(policy, "c") == ()
    assert deployers(policy, "") == (frozenset({"ann"}), frozenset({"infra"}))


@pytest.mark.parametrize("more", ["readiness: answered", "record: [ticket]", "valid_hours: 4, record: [ticket]"])
def test_asking_production_for_more_drops_no_seat(more: str) -> None:
    every = ", ".join(f"{severity}: {{{more}}}" for severity in ("low", "medium", "high", "critical"))
    text = f"environments: {{prod: {{tier: prod, demands: {{{every}}}}}}}"
    environment = read_policy(text.encode(), "policy.yaml").environments["prod"]
    for severity in Severity:
        assert environment.demand(severity, "normal").seats == Environment("prod").demand(severity, "normal").seats
        assert weigh(Policy(environments={"prod": environment}), "").demand(severity, "normal").seats == (
            environment.demand(severity, "normal").seats
        )


def test_whose_rehearsals_count_is_whose_do_everywhere_where_nobody_says_where() -> None:
    text = b"environments: {a: {tier: prod, rehearsers: [ci]}, b: {tier: prod, rehearsers: [robot]}, c: {tier: prod}}"
    policy = read_policy(text, "policy.yaml")
    assert rehearsers(policy, "a") == (frozenset({"ci"}),)
    assert rehearsers(policy, "c") == ()
    assert rehearsers(policy, "") == (frozenset({"ci"}), frozenset({"robot"}))


def test_json_alone_will_do_only_where_every_production_says_so() -> None:
    assert not weigh(Policy(), "").json_only
    for text, allowed in ((b"a: {tier: prod, json_only: true}", True), (b"b: {tier: other, json_only: true}", False)):
        assert weigh(read_policy(b"environments: {" + text + b"}", "p"), "").json_only is allowed
    both = b"environments: {a: {tier: prod, json_only: true}, b: {tier: prod}}"
    assert not weigh(read_policy(both, "p"), "").json_only
