from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from tests.conftest import PLANS, ROOT, Run
from tests.schemas import FOLDER, SCHEMAS, encoded
from tests.schemawords import WORDS

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


DESCRIBED = [
    f"{name}.schema.json"
    for name in (
        "apply attestation change decision doctor entries entry pattern people policy record stacks statement "
        "suppressions verification".split()
    )
]


def properties(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    schema = json.loads((FOLDER / name).read_bytes())
    owners = {**schema["$defs"], "": schema}
    return [
        (owner, field, said) for owner, part in owners.items() for field, said in part.get("properties", {}).items()
    ]


@pytest.mark.parametrize("name", DESCRIBED)
def test_an_editor_can_say_what_each_field_is(name: str) -> None:
    schema = json.loads((FOLDER / name).read_bytes())
    assert schema["title"]
    assert schema["description"]
    assert [field for owner, field, said in properties(name) if not said.get("description")] == [], (
        "tests/schemawords.py"
    )


def test_no_word_is_about_a_field_that_is_gone() -> None:
    fields = {field for name in DESCRIBED for _, field, _ in properties(name)}
    assert {field for words in WORDS.values() for field in words} <= fields


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_expressions_and_words_are_not_pythons(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert "\\\\Z" not in text
    assert "``" not in text
    assert not re.search(r":\w+:`", text)


@pytest.mark.parametrize(
    ("name", "key"), [("policy", "In `policy.yaml`"), ("stacks", "## stacks.yaml"), ("people", "## people.yaml")]
)
def test_the_settings_of_the_documentation_fit_their_schema(name: str, key: str) -> None:
    documents = [(ROOT / "docs" / file).read_text(encoding="utf-8") for file in ("approvals.md", "settings.md")]
    block = (
        next(text for text in documents if key in text).partition(key)[2].partition("```yaml\n")[2].partition("```")[0]
    )
    schema = validator(f"{name}.schema.json")
    schema.validate(strictyaml.load(block.encode(), name, SettingsInvalid))
    assert not schema.is_valid({"something": 1})
