"""What a pattern's file may say."""

from __future__ import annotations

import re

import pytest

from iacgate import strictyaml
from iacgate.change.patterns import MAX_BYTES, AllowedChange, PatternText, read_pattern
from iacgate.errors import SettingsInvalid
from tests.conftest import ROOT
from tests.support.standard import TEXT, digest, pattern
from tests.test_schemas import validator

PAGE = (ROOT / "docs" / "standard-changes.md").read_text(encoding="utf-8")


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_pattern_is_known_by_its_name_and_the_bytes_of_its_file() -> None:
    found = pattern()
    assert (found.name, found.digest) == ("web-size", digest())
    assert found.text.limits.resources == 2
    assert pattern(TEXT + "\n").digest != found.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("environments: [prod, dev]", "environments: []", "line 2: Expected `array` of length >= 1"),
        ("environments: [prod, dev]\n", "", "missing required field `environments`"),
        ("until: 2027-06-30\n", "", "missing required field `until`"),
        ("until: 2027-06-30", "until: 2027-02-30", "line 3: '2027-02-30' is not a date"),
        ("until: 2027-06-30", "until: never", "line 3: Expected `str` matching"),
        ("severity: medium", "severity: high", "line 4: Invalid enum value 'high'"),
        ("severity: medium\n", "", "missing required field `severity`"),
        ("uses: 4, ", "", "line 5: Object missing required field `uses`"),
        ("uses: 4", "uses: 0", "line 5: Expected `int` >= 1"),
        ("hours: 24, ", "", "missing required field `hours`"),
        ("resources_per_window: 4", "resources_per_window: 1", "line 5: fewer resources in the window than in one use"),
        ("providers: [registry.terraform.io/hashicorp/aws]", "providers: [aws]", "line 6: Expected `str` matching"),
        ("providers: [registry.terraform.io/hashicorp/aws]", "providers: []", "line 6: Expected `array`"),
        ("types: [aws_autoscaling_group]\n", "types: [aws_*]\n", "line 9: Expected `str` matching"),
        ("actions: [update]", "actions: [forget]", "line 10: Invalid enum value 'forget'"),
        ("actions: [update]", "actions: []", "line 10: Expected `array`"),
        ("    attributes: [desired_capacity, tags]\n", "", "line 9: update needs `attributes`"),
        ("attributes: [desired_capacity, tags]", "attributes: []", "line 11: Expected `array`"),
        ("attributes: [desired_capacity, tags]", "attributes: [tags, '*']", "line 11: 'after.*' is not a reference"),
        ("computed: [arn]", "computed: ['']", "line 12: Expected `str` of length >= 1"),
        ("sensitive: [token]", "sensitive: [tok en]", "line 13: 'after.tok en' is not a reference"),
        ("at_most: 20", "at_least_most: 20", "line 14: .*is not a condition"),
        ("value: after.desired_capacity", "value: afterwards.x", "line 14: 'afterwards.x' starts at"),
        ("matches: ^tmp-", "matches: '(a+)+'", "line 20: "),
        ("actions: [delete]", "actions: [delete]\n    attributes: [name]", "says nothing of an object that is deleted"),
        ("{types: [aws_autoscaling_group], attributes", "{types: [aws_autoscaling_group], paths", "line 23: .*paths"),
        ("attributes: [desired_capacity]}", "attributes: [a b]}", "line 23: 'after.a b' is not a reference"),
        ("description: The size", "description: ' '\nprivileged: true #", "unknown field `privileged`"),
    ],
)
def test_what_is_incomplete_boundless_or_unknown_is_refused_with_its_line(old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"^web-size.yaml.*{says}") as caught:
        pattern(changed(old, new))
    assert caught.value.hint


def test_a_pattern_says_why_it_is_safe() -> None:
    text = changed("The size of a web group, up to twenty, which a balancer takes note of by itself.", "' '")
    with pytest.raises(SettingsInvalid, match="line 1: it does not say why this is safe"):
        pattern(text)


@pytest.mark.parametrize("name", ["", "Web", "../web", "web size", "w" * 64, "-web", "web\n"])
def test_its_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(SettingsInvalid, match="is no name of a pattern"):
        read_pattern(TEXT.encode(), name, "x.yaml")


def test_nobody_reads_a_long_one() -> None:
    with pytest.raises(SettingsInvalid, match="more than 65536 bytes"):
        read_pattern(TEXT.encode() + b"#" * MAX_BYTES, "web", "web.yaml")


def shown() -> dict[str, str]:
    """Return the patterns that the documentation shows, by name."""
    return dict(re.findall(r"([a-z-]+)\.yaml`:\n\n```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


def test_the_patterns_of_the_documentation_are_valid_and_fit_their_schema() -> None:
    assert set(shown()) == {"web-size", "preview-queue"}
    assert PAGE.count("```yaml") == 2
    schema = validator("pattern.schema.json")
    for name, text in shown().items():
        assert read_pattern(text.encode(), name, f"{name}.yaml").text.limits.uses > 0
        schema.validate(strictyaml.load(text.encode(), name, SettingsInvalid))
    schema.validate(strictyaml.load(TEXT.encode(), "web-size", SettingsInvalid))
    assert not schema.is_valid({"something": 1})


def test_the_page_has_a_row_for_every_field() -> None:
    for kind in (PatternText, AllowedChange):
        for field in kind.__struct_fields__:
            assert f"\n| `{field}` |" in PAGE
