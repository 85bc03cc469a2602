from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from iacgate.render.outcome import Judged, Outcome
from iacgate.render.plain import is_hidden
from iacgate.render.sarif import MAX_RESULTS, SECURITY_SEVERITY, render
from iacgate.risk.assessment import Source, Suppressed
from iacgate.risk.packs import RuleSet
from iacgate.risk.rule import RuleText
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Severity
from tests.support.assessments import HOSTILE, change, finding, full_of, judged, of_fixture, unjudged
from tests.support.sarif import schema_file

URI = re.compile(r"(?:file:///)?(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+")


def run(*outcomes: Outcome, rules: dict[str, RuleText] | None = None) -> dict[str, Any]:
    document = json.loads(render(outcomes, rules or {}))
    (only,) = document["runs"]
    assert document["version"] == "2.1.0"
    return dict(only)


def texts() -> dict[str, RuleText]:
    return {rule.id: rule.text for rule in RuleSet(shipped_packs()).rules}


def prints(*outcomes: Outcome) -> list[str]:
    return [item["partialFingerprints"]["primaryLocationLineHash"] for item in run(*outcomes)["results"]]


@pytest.fixture(scope="session")
def schema() -> Draft4Validator:
    """The schema that OASIS published, where it is there."""
    path = schema_file()
    if path is None:
        pytest.skip("needs the schema of SARIF 2.1.0 (IACGATE_SARIF_SCHEMA), which is not here")
    return Draft4Validator(json.loads(path.read_bytes()))


def test_the_published_schema_takes_what_is_written(schema: Draft4Validator) -> None:
    outcomes: list[Outcome] = [*map(of_fixture, ("mixed", "no-changes", "errored")), *map(full_of, HOSTILE), unjudged()]
    document = json.loads(render(outcomes, texts()))
    assert [error.message for error in schema.iter_errors(document)] == []
    document["runs"][0]["results"][0]["level"] = "critical"
    assert not schema.is_valid(document)


def test_results_name_rules_that_are_described_and_no_others_are() -> None:
    found = run(of_fixture("mixed"), rules=texts())
    rules = found["tool"]["driver"]["rules"]
    assert [rules[item["ruleIndex"]]["id"] for item in found["results"]] == [
        item["ruleId"] for item in found["results"]
    ]
    assert {rule["id"] for rule in rules} == {item["ruleId"] for item in found["results"]}
    text = texts()["aws-bucket-destroyed"]
    (rule,) = [rule for rule in rules if rule["id"] == text.id]
    assert rule["shortDescription"]["text"] == text.title
    assert rule["fullDescription"]["text"] == text.why
    assert rule["helpUri"] == text.references[0]
    assert all(reference in rule["help"]["markdown"] for reference in text.references)
    assert rule["properties"]["security-severity"] == SECURITY_SEVERITY[Severity.MEDIUM]


@pytest.mark.parametrize(
    ("severity", "level", "least", "most"),
    [
        (Severity.LOW, "note", 0.1, 3.9),
        (Severity.MEDIUM, "warning", 4.0, 6.9),
        (Severity.HIGH, "error", 7.0, 8.9),
        (Severity.CRITICAL, "error", 9.1, 10.0),
    ],
)
def test_severities_are_those_of_code_scanning(severity: Severity, level: str, least: float, most: float) -> None:
    found = run(judged(change("a.b", finding(severity))))
    (rule,) = found["tool"]["driver"]["rules"]
    assert found["results"][0]["level"] == level
    assert least <= float(rule["properties"]["security-severity"]) <= most


def test_a_rule_weighs_what_its_worst_finding_does() -> None:
    found = run(judged(change("a.b", finding(Severity.LOW)), change("a.c", finding(Severity.HIGH))))
    (rule,) = found["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == SECURITY_SEVERITY[Severity.HIGH]
    assert [item["level"] for item in found["results"]] == ["error", "note"]


def test_the_undoing_of_a_change_stands_with_its_findings() -> None:
    found = run(of_fixture("mixed"))["results"]
    assert {item["properties"]["address"]: item["properties"].get("undo") for item in found}[
        "aws_db_instance.orders"
    ] == "irreversible"


def test_a_finding_stands_in_its_file_and_without_one_in_the_plan() -> None:
    known = finding(source=Source("../modules/net work/main.tf", 7))
    first, second = run(judged(change("a.b", known), change("a.c", finding()), folder="stacks/one"))["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "stacks/modules/net%20work/main.tf"
    assert place["region"] == {"startLine": 7}
    place = second["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("plan.json", {"startLine": 1})


def test_fingerprints_stay_when_the_same_is_planned_again() -> None:
    one = finding(path="x", source=Source("main.tf", 7), message="a: b")
    again = msgspec.structs.replace(one, source=Source("moved.tf", 9), message="a: c")
    assert prints(judged(change("a.b", one))) == prints(judged(change("a.b", again)))


def test_fingerprints_differ_by_address_rule_path_and_object() -> None:
    one = change("a.b", finding(path="x"))
    others = [
        change("a.c", finding(path="x")),
        change("a.b", finding(path="y")),
        change("a.b", finding(path="x", rule="other")),
        change("a.b", finding(path="x"), deposed="0123abcd"),
    ]
    assert len({*prints(judged(one)), *(each for other in others for each in prints(judged(other)))}) == 5


def test_what_would_have_the_same_fingerprint_is_numbered() -> None:
    plan = judged(change("a.b", finding(path="x")))
    first, second = prints(plan, plan)
    assert (first[:-1], first[-1], second[-1]) == (second[:-1], "1", "2")


def test_what_is_suppressed_says_why_and_the_rest_that_it_is_not() -> None:
    taken = finding(suppressed=Suppressed("it is known", "ann", "2027-01-01"))
    counted, other = run(judged(change("a.b", taken, finding(Severity.LOW))))["results"]
    assert counted["suppressions"] == []
    assert other["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "it is known",
            "properties": {"owner": "ann", "until": "2027-01-01"},
        }
    ]


def test_a_plan_that_was_not_judged_is_no_success() -> None:
    assert run(of_fixture("mixed"))["invocations"] == [{"executionSuccessful": True}]
    (invocation,) = run(of_fixture("mixed"), unjudged("damaged.json"))["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "damaged.json was not judged" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_more_results_than_a_forge_takes_are_cut_from_the_mildest_and_said() -> None:
    mild = [finding(Severity.LOW, path=str(number)) for number in range(MAX_RESULTS)]
    found = run(judged(change("a.b", *mild, finding(Severity.HIGH))))
    assert (len(found["results"]), found["results"][0]["level"]) == (MAX_RESULTS, "error")
    assert found["invocations"][0]["executionSuccessful"] is False
    assert "1 of 25001" in found["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_all_plans_are_one_run() -> None:
    found = run(of_fixture("mixed"), of_fixture("destroy-database"))
    assert len(found["properties"]["plans"]) == 2
    assert {item["properties"]["address"] for item in found["results"]} >= {
        "aws_db_instance.orders",
        "aws_iam_policy.deploy",
    }


def held_inert(outcome: Judged) -> None:
    rule = RuleText(
        "x", "t", Severity.LOW, "w", ["https://example.com/<x>", "javascript:x"], texts()["aws-bucket-destroyed"].match
    )
    shown = render([outcome], {outcome.assessment.changes[0].findings[0].rule: rule}).decode().rstrip("\n")
    assert not any(map(is_hidden, shown))
    assert "##" not in shown
    for found in strings(json.loads(shown)):
        assert "](" not in found
        assert not re.search(r"\{[0-9]", found)
    for item in json.loads(shown)["runs"][0]["results"]:
        for place in item["locations"]:
            assert URI.fullmatch(place["physicalLocation"]["artifactLocation"]["uri"])
    assert "helpUri" not in shown


def strings(node: Any) -> list[str]:
    """Return the texts that a viewer looks for links in."""
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [found for item in node.values() for found in strings(item)]
    return [found for item in node for found in strings(item)] if isinstance(node, list) else []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    held_inert(full_of(text))


@given(st.text())
@example("[a](b){0}")
def test_any_name_gives_json_in_which_nothing_is_a_link(text: str) -> None:
    held_inert(full_of(text))
