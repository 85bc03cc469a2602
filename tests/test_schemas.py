from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.conftest import PLANS, ROOT, Run
from tests.schemas import FOLDER, SCHEMAS, encoded

SCENARIOS = sorted(path.name for path in PLANS.iterdir())


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / name).read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_what_is_published_is_what_the_code_has(name: str) -> None:
    assert (FOLDER / name).read_bytes() == encoded(name), "run `make schemas`"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_output_is_valid(iacgate: Run, scenario: str) -> None:
    done = iacgate("preview", PLANS / scenario / "plan.json", "--format", "json")
    validator("preview.schema.json").validate(json.loads(done.stdout))


def test_an_assessment_without_a_severity_is_not_valid(iacgate: Run) -> None:
    answer: dict[str, Any] = json.loads(iacgate("preview", PLANS / "mixed" / "plan.json", "--format", "json").stdout)
    del answer["severity"]
    assert not validator("preview.schema.json").is_valid(answer)


@pytest.mark.parametrize("path", sorted(ROOT.glob("rules/*/*.yaml")), ids=lambda path: path.stem)
def test_rules_are_valid(path: Any) -> None:
    if path.name != "pack.yaml":
        validator("rule.schema.json").validate(yaml.safe_load(path.read_bytes()))
