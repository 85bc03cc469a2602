from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import SettingsInvalid
from iacgate.risk.suppressions import Register, Suppression, read_suppressions, takes_in

TEXT = "suppressions:\n  - {{rule: r, address: {address}, reason: {reason}, owner: {owner}, until: {until}}}\n"
GOOD = {"address": "a.b", "reason": "known", "owner": "team", "until": "2027-01-31"}
TODAY = "2026-11-23"


def read(**more: str) -> list[Suppression]:
    return read_suppressions(TEXT.format(**{**GOOD, **more}).encode(), "suppressions.yaml")


def held(*items: Suppression, rule: str = "r", address: str = "a.b") -> tuple[bool, list[str]]:
    register = Register(items, frozenset({"r", "s"}), TODAY)
    found = register.find(rule, address)
    return found is not None, [item.state for item in register.judged()]


def test_a_suppression_holds_for_its_rule_and_address_only() -> None:
    (item,) = read()
    assert held(item) == (True, ["applied"])
    assert held(item, rule="s") == (False, ["unused"])
    assert held(item, address="a.c") == (False, ["unused"])


def test_it_holds_through_its_last_day() -> None:
    assert held(*read(until="2026-11-23"))[0]
    assert held(*read(until="2026-11-22")) == (False, ["expired"])


def test_a_rule_that_does_not_exist_is_said() -> None:
    assert held(Suppression("aws-typo", "a.b", "r", "o", "2027-01-01"), rule="aws-typo") == (False, ["no such rule"])


def test_the_plan_itself_has_a_name() -> None:
    assert held(*read(address="plan"), address="")[0]
    assert not held(*read(address="plan"), address="a.b")[0]


def test_an_end_that_nobody_will_see_is_none() -> None:
    assert held(*read(until="2028-12-31"))[0]
    assert held(*read(until="2029-01-01")) == (False, ["too long"])


def test_rules_of_other_engines_are_not_ours_to_miss() -> None:
    assert held(Suppression("rego:main.deny", "a.b", "r", "o", "2027-01-01"), rule="x") == (False, ["unused"])


def test_all_addresses_of_a_change_must_be_taken_in() -> None:
    register = Register(read(address="'module.edge.*'"), frozenset({"r"}), TODAY)
    assert register.find("r", "module.edge.a.b", "module.prod.a.b") is None
    assert register.find("r", "module.edge.a.b", "module.edge.a.c") is not None


def test_the_first_that_holds_is_counted() -> None:
    register = Register([*read(), *read(address="'a.bcd*'")], frozenset({"r"}), TODAY)
    for _ in range(3):
        register.find("r", "a.b")
    register.find("r", "a.bcd")
    assert [item.findings for item in register.judged()] == [3, 1]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"until": "2027-13-01"}, "not a date"),
        ({"until": "never"}, "not a date"),
        ({"until": "31.01.2027"}, "not a date"),
        ({"reason": "' '"}, "has no reason"),
        ({"owner": "' '"}, "has no owner"),
        ({"owner": "''"}, "length >= 1"),
        ({"address": "'*'"}, "every address"),
        ({"address": "'*.*'"}, "every address"),
        ({"address": "'*_*'"}, "every address"),
        ({"address": "'*aws*'"}, "every address"),
        ({"until": "2027-02-29"}, "not a date"),
    ],
)
def test_what_is_incomplete_or_boundless_is_refused(more: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says):
        read(**more)


ADDRESSES = st.text("ab.*[", max_size=8)


@given(ADDRESSES, ADDRESSES)
def test_patterns_mean_what_the_shell_means(pattern: str, address: str) -> None:
    literal = pattern.replace("[", "[[]")
    assert takes_in(pattern, address) is fnmatch.fnmatchcase(address, literal)
