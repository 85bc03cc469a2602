"""Which types hold no data, by what the rules that ship say of deleting them."""

from __future__ import annotations

import pytest

from iacgate.risk.packs import RuleSet, make_pack
from iacgate.risk.rule import Match, RuleText
from iacgate.shell.knowledge import shipped_knowledge
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Action, Severity

RULES = RuleSet(shipped_packs())


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("aws_security_group", Severity.LOW),
        ("aws_security_group_rule", Severity.NONE),
        ("aws_iam_policy", Severity.NONE),
        ("aws_iam_role_policy_attachment", Severity.NONE),
        ("aws_lb", Severity.MEDIUM),
        ("google_project_iam_member", Severity.NONE),
        ("kubernetes_role", Severity.LOW),
        ("kubernetes_ingress_v1", Severity.MEDIUM),
        ("azurerm_network_security_group", Severity.LOW),
    ],
)
def test_rules_about_what_is_opened_or_granted_do_not_make_a_type_one_that_holds_data(
    name: str, harm: Severity
) -> None:
    assert RULES.stateless(name) is harm


def test_what_ships_of_undoing_says_what_a_medium_severity_does_not() -> None:
    """Models, accounts and machines hold what no configuration makes anew, however mild the rules find their end."""
    for name in ("aws_bedrock_custom_model", "aws_cognito_user", "google_compute_instance_from_template"):
        assert RULES.stateless(name) is Severity.MEDIUM
        (entry,) = shipped_knowledge().about(name)
        assert entry.text.destroyed is not None


@pytest.mark.parametrize("name", ["aws_dax_cluster", "aws_fsx_file_cache", "azurerm_data_lake_store", "unheard_of"])
def test_what_holds_data_or_is_not_known_is_not_stateless(name: str) -> None:
    assert RULES.stateless(name) is None


def rules(*texts: RuleText) -> RuleSet:
    return RuleSet([make_pack("test", "1", texts)])


def rule(number: int, severity: Severity, *actions: Action, when: dict[str, object] | None = None) -> RuleText:
    match = Match(types=["a_thing"], actions=list(actions), when=when)
    return RuleText(id=f"rule-{number}", title="A", severity=severity, why="B.", references=["c"], match=match)


def test_a_type_that_is_known_for_updates_only_is_not_known_to_hold_no_data() -> None:
    assert rules(rule(1, Severity.LOW, Action.UPDATE)).stateless("a_thing") is None
    assert rules(rule(1, Severity.LOW, Action.REPLACE)).stateless("a_thing") is None


def test_the_worst_that_can_be_said_of_a_deletion_counts_whatever_it_depends_on() -> None:
    depends = rule(2, Severity.CRITICAL, Action.DELETE, when={"value": "before.size", "at_least": 1})
    assert rules(rule(1, Severity.LOW, Action.DELETE), depends).stateless("a_thing") is None
    fact = rule(2, Severity.CRITICAL, when={"value": "change.reason", "equals": "delete_because_count_index"})
    assert rules(rule(1, Severity.LOW, Action.DELETE), fact).stateless("a_thing") is None


def test_a_rule_about_many_types_by_a_prefix_knows_none_of_them() -> None:
    match = Match(types=["a_*"], actions=[Action.DELETE])
    broad = RuleText(id="broad", title="A", severity=Severity.LOW, why="B.", references=["c"], match=match)
    assert rules(broad).stateless("a_thing") is None
    assert rules(broad, rule(1, Severity.NONE, Action.DELETE)).stateless("a_thing") is Severity.LOW


def test_a_rule_that_needs_something_to_be_there_afterwards_says_nothing_of_a_deletion() -> None:
    opened = rule(2, Severity.CRITICAL, when={"value": "after.open", "equals": True})
    assert rules(rule(1, Severity.LOW, Action.DELETE), opened).stateless("a_thing") is Severity.LOW
    assert rules(opened).stateless("a_thing") is None
