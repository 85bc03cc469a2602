from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.policy.schedules import MAX_CALENDARS, ScheduleText, calendar_names, override_seats, wrongs

ARN = "arn:aws:ssm:eu-central-1:123456789012:document/freezes"


def read(text: str) -> ScheduleText:
    return strictyaml.convert(text.encode(), ScheduleText, "policy.yaml", SettingsInvalid, "")


def test_a_schedule_has_defaults() -> None:
    found = read("windows: [nights]")
    assert (found.freezes, found.ssm, found.timezone) == ([], [], "UTC")
    assert found.overrides == {"infra": 1, "security": 1}
    assert list(wrongs(found)) == []


@pytest.mark.parametrize(
    "text",
    [
        "windows: ['../nights']",
        "windows: [Nights]",
        "freezes: [a/b]",
        "freezes: ['']",
        "freezes: ['a\\n']",
        f"windows: [{', '.join(['a'] * (MAX_CALENDARS + 1))}]",
        "ssm: ['arn:aws:s3:::bucket']",
        f"ssm: ['{ARN}/more']",
        "ssm: ['a b']",
        "ssm: ['-a-']",
        "timezone: ../UTC",
        "timezone: /etc/localtime",
        "timezone: ''",
        "overrides: {infra: 0}",
        "overrides: {'In fra': 1}",
        "closed: [nights]",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"policy.yaml, line 1"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [f"ssm: ['{ARN}']", "ssm: [our-freezes]", "timezone: America/Argentina/Buenos_Aires", "timezone: Etc/GMT+3"],
)
def test_names_as_they_are(text: str) -> None:
    read(text)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("{}", "", "names no calendar"),
        ("timezone: Europe/Berlin", "", "names no calendar"),
        ("windows: [a, b, a]", "windows", "'a' twice"),
        ("ssm: [abc, abc]", "ssm", "'abc' twice"),
        ("{windows: [a], freezes: [b, a]}", "freezes", "never opens"),
        ("{windows: [a], overrides: {}}", "overrides", "asks for nobody"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, key: str, says: str) -> None:
    [wrong] = wrongs(read(text))
    assert wrong.key == key
    assert says in wrong.text
    assert wrong.hint


def test_the_files_that_schedules_need() -> None:
    schedules = [read("{windows: [b, a], freezes: [c]}"), read("{freezes: [a], ssm: [our-freezes]}")]
    assert calendar_names(schedules) == ("a", "b", "c")
    assert calendar_names([]) == ()


seats = st.dictionaries(st.sampled_from(["infra", "security", "business"]), st.integers(1, 5), min_size=1)


@given(st.lists(seats, max_size=4))
def test_an_override_of_several_needs_what_each_of_them_needs(asked: list[dict[str, int]]) -> None:
    found = override_seats(ScheduleText(overrides=one) for one in asked)
    assert set(found) == {role for one in asked for role in one}
    assert all(found[role] >= count for one in asked for role, count in one.items())
    assert all(any(one.get(role) == count for one in asked) for role, count in found.items())
