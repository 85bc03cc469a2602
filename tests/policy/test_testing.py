"""What policy.yaml demands of tests and of promotion."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.policy import testing
from iacgate.policy.testing import (
    CheckText,
    DemandedCheck,
    PromotionText,
    demanded_promotion,
    demanded_tests,
)
from iacgate.vocabulary import Severity
from tests.conftest import ROOT

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
UNIT = CheckText("Unit tests", "acme-ci")


def text(required: dict[Severity, list[str]], **more: Any) -> testing.TestsText:
    return testing.TestsText(required, **more)


def read(said: str) -> testing.TestsText:
    return strictyaml.convert(said.encode(), testing.TestsText, "policy.yaml", SettingsInvalid, "")


def test_what_a_severity_demands_holds_for_all_above_it() -> None:
    asked = text({Severity.LOW: ["lint"], Severity.HIGH: ["unit", "smoke"]}, attesters=["ci"])
    assert demanded_tests([asked], Severity.NONE) == testing.NO_TESTS
    assert demanded_tests([asked], Severity.MEDIUM).names == ("lint",)
    assert demanded_tests([asked], Severity.CRITICAL).names == ("lint", "smoke", "unit")
    assert demanded_tests([], Severity.CRITICAL) == testing.NO_TESTS


def test_of_several_environments_the_strictest_holds() -> None:
    one = text({Severity.LOW: ["unit"]}, max_age_hours=48, attesters=["ci", "build"], attached=True)
    other = text({Severity.LOW: ["smoke"]}, max_age_hours=12, attesters=["ci"])
    found = demanded_tests([one, other], Severity.HIGH)
    assert (found.names, found.max_age_hours, found.attached) == (("smoke", "unit"), 12, False)
    assert found.attesters == (("build", "ci"), ("ci",))
    silent = text({Severity.CRITICAL: ["load"]}, max_age_hours=1, attesters=["nobody"])
    assert demanded_tests([one, silent], Severity.HIGH) == demanded_tests([one], Severity.HIGH)


def test_a_check_run_stands_for_a_test_where_each_that_demands_it_says_so() -> None:
    one = text({Severity.LOW: ["unit"]}, checks={"unit": UNIT})
    check = DemandedCheck("unit", "Unit tests", "acme-ci")
    assert demanded_tests([one], Severity.LOW).checks == (check,)
    assert demanded_tests([one, one], Severity.LOW).checks == (check,)
    assert demanded_tests([one, text({Severity.LOW: ["smoke"]})], Severity.LOW).checks == (check,)
    assert demanded_tests([one, text({Severity.LOW: ["unit"]})], Severity.LOW).checks == ()
    another = text({Severity.LOW: ["unit"]}, checks={"unit": CheckText("Unit tests", "github-actions")})
    assert demanded_tests([one, another], Severity.LOW).checks == ()


@pytest.mark.parametrize(
    ("asked", "path", "says"),
    [
        (text({}), ("required",), "`tests` demands no test"),
        (text({Severity.HIGH: []}), ("required", "high"), "high demands no test"),
        (text({Severity.HIGH: ["unit"]}, checks={"smoke": UNIT}), ("checks", "smoke"), "no severity demands"),
        (
            text({Severity.HIGH: ["unit"]}, checks={"unit": CheckText("a\nb", "acme-ci")}),
            ("checks", "unit"),
            "cannot be shown",
        ),
    ],
)
def test_what_makes_no_sense_is_said(asked: testing.TestsText, path: tuple[str, ...], says: str) -> None:
    (found,) = testing.problems(asked)
    assert (found.path, says in found.text, bool(found.hint)) == (path, True, True)
    assert list(testing.problems(text({Severity.HIGH: ["unit"]}, checks={"unit": UNIT}))) == []


@pytest.mark.parametrize(
    "said",
    [
        "max_age_hours: 24",
        "required: {urgent: [unit]}",
        "required: {high: unit}",
        "required: {high: [Unit tests]}",
        'required: {high: ["unit\\n"]}',
        "required: {high: [unit]}\nmax_age_hours: 0",
        "required: {high: [unit]}\nattached: maybe",
        "required: {high: [unit]}\nattested: [ci]",
        "required: {high: [unit]}\nchecks: {unit: {name: Unit}}",
        "required: {high: [unit]}\nchecks: {unit: {name: Unit, app: Acme CI}}",
        "required: {high: [unit]}\nchecks: {unit: {name: '', app: acme-ci}}",
    ],
)
def test_what_is_not_of_the_form_is_refused(said: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"policy\.yaml, line"):
        read(said)


@pytest.mark.parametrize("said", ["{}", "days: 0", "days: 366", "days: 7.5", "days: 7\nroots: true"])
def test_a_promotion_says_for_how_long(said: str) -> None:
    with pytest.raises(SettingsInvalid):
        strictyaml.convert(said.encode(), PromotionText, "policy.yaml", SettingsInvalid, "")


def test_of_several_promotions_the_strictest_holds() -> None:
    assert demanded_promotion([]) is None
    assert demanded_promotion([PromotionText(30)]) == PromotionText(30)
    assert demanded_promotion([PromotionText(30, root=True), PromotionText(7)]) == PromotionText(7, root=True)


def test_the_settings_of_the_documentation_are_valid() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    block = page.partition("```yaml\n")[2].partition("```")[0]
    prod = yaml.safe_load(block)["environments"]["prod"]
    tests = msgspec.convert(prod["tests"], testing.TestsText)
    assert list(testing.problems(tests)) == []
    assert demanded_tests([tests], Severity.HIGH).names == ("integration", "unit")
    assert msgspec.convert(prod["promotion"], PromotionText).days == 14


TEXTS = st.builds(
    testing.TestsText,
    st.dictionaries(st.sampled_from(list(Severity)), st.lists(st.sampled_from(["unit", "smoke", "load"]), max_size=2)),
    st.integers(1, 48),
    st.lists(st.sampled_from(["ci", "build"]), max_size=2),
    st.booleans(),
    st.dictionaries(st.sampled_from(["unit", "smoke"]), st.sampled_from([UNIT, CheckText("S", "acme-ci")])),
)
SEVERITIES = st.sampled_from(list(Severity))


@untimed
@given(st.lists(TEXTS, max_size=3), SEVERITIES, SEVERITIES)
def test_more_severe_never_demands_less(texts: list[testing.TestsText], one: Severity, other: Severity) -> None:
    low, high = sorted((one, other), key=lambda severity: severity.rank)
    assert set(demanded_tests(texts, low).names) <= set(demanded_tests(texts, high).names)


@untimed
@given(st.lists(TEXTS, max_size=3), TEXTS, SEVERITIES)
def test_a_further_environment_never_makes_anything_easier(
    texts: list[testing.TestsText], more: testing.TestsText, severity: Severity
) -> None:
    before, after = demanded_tests(texts, severity), demanded_tests([*texts, more], severity)
    assert set(before.names) <= set(after.names)
    if before.names:
        assert after.max_age_hours <= before.max_age_hours
        assert set(before.attesters) <= set(after.attesters)
        assert before.attached or not after.attached
        known = {check for check in after.checks if check.test in before.names}
        assert known <= set(before.checks)
