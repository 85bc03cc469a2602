from __future__ import annotations

import codecs
import contextlib
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.errors import PlanUnreadable
from iacgate.plan.reader import Plan, read_plan
from iacgate.risk.assess import assess
from iacgate.risk.packs import RuleSet
from iacgate.shell.shipped import shipped_packs
from iacgate.vocabulary import Action, Severity
from tests.conftest import PLANS

RULES = RuleSet(shipped_packs())
MIXED = (PLANS / "mixed" / "plan.json").read_bytes()


def plan(*changes: dict[str, Any], **members: Any) -> bytes:
    content = {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": list(changes), **members}
    return json.dumps(content, separators=(",", ":")).encode()


def change(address: str = "aws_s3_bucket.a", actions: tuple[str, ...] = ("update",), **more: Any) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    body = {"actions": actions, "before": {"acl": "private"}, "after": {"acl": "private"}, **more.pop("change", {})}
    return {"address": address, "mode": "managed", "type": kind, "name": name, "change": body, **more}


def walk(data: bytes) -> Plan:
    found = read_plan(data, "plan")
    assess(found, RULES, differences_from=Severity.NONE)
    return found


def addresses(data: bytes) -> list[str]:
    return [item.address for item in read_plan(data, "plan").resource_changes()]


@pytest.mark.parametrize(
    "convert",
    [
        gzip.compress,
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: data.decode().encode("utf-16-be"),
        lambda data: codecs.BOM_UTF16_BE + data.decode().replace("\n", "\r\n").encode("utf-16-be"),
        lambda data: (
            b"[command]/x/terraform-bin show -json plan\n" + data + b"\n::debug::ok\n::set-output name=stdout::" + data
        ),
        lambda data: b"\x1b[33mWarning: \x1b[0mold\n\n" + data + b"\x1b[0m\n",
        lambda data: json.dumps(json.loads(data), indent=2).encode(),
        lambda data: b"\n \t" + data + b"\n\n",
    ],
)
def test_the_same_plan_in_other_clothes(convert: Any) -> None:
    assert addresses(convert(MIXED)) == addresses(MIXED)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(MIXED)[:-20],
        b"\x1f\x8b" + MIXED,
        b"garbage\n" + MIXED,
        MIXED + b"garbage",
        MIXED + b"\n{}",
        MIXED.decode().encode("utf-16")[:-1],
        MIXED[:-3],
        MIXED.replace(b'"1.2"', b'"2.0"'),
        MIXED.replace(b'"1.2"', b'"1.x"'),
        MIXED.replace(b'"1.2"', b'"01.2"'),
        MIXED.replace(b'"1.2"', b"1.2"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(PlanUnreadable, match="plan"):
        walk(data)


def test_unknown_members_are_tolerated() -> None:
    data = plan(change(later="x", change={"later": 1}), later={"a": [1]}, format_version="1.99")
    assert addresses(data) == ["aws_s3_bucket.a"]


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"terraform_version"', '"resource_changes":[],"terraform_version"'),
        ('"mode"', '"address":"aws_s3_bucket.b","mode"'),
        ('"actions"', '"actions":["no-op"],"actions"'),
        ('"actions"', '"after":null,"actions"'),
        ('"acl"', '"acl":"public-read","acl"'),
    ],
)
def test_duplicate_keys_are_refused_wherever_a_value_is_read(pretty: bool, old: str, new: str) -> None:
    text = json.dumps(json.loads(plan(change())), indent=2 if pretty else None)
    with pytest.raises(PlanUnreadable, match="stands twice"):
        walk(text.replace(old, new, 1).encode())


def test_duplicate_keys_in_what_is_never_read_decide_nothing() -> None:
    data = plan(change(actions=("no-op",))).replace(b'"acl":"private"', b'"acl":"x","acl":"private"')
    assert walk(data).name == "plan"


def test_duplicate_actions_are_refused_on_unchanged_resources() -> None:
    data = plan(change(actions=("no-op",))).replace(b'"actions"', b'"actions":["delete"],"actions"')
    with pytest.raises(PlanUnreadable, match="stands twice"):
        walk(data)


def test_escapes_and_spellings_are_no_duplicates() -> None:
    data = plan(change(change={"after": {"a<b>&": "\u2028 <&>", "n": 1.50, "big": 2**70}})).replace(b"<", b"\\u003c")
    assert addresses(data) == ["aws_s3_bucket.a"]
    walk(data)


def test_the_same_object_twice_is_refused_and_a_deposed_one_is_another() -> None:
    with pytest.raises(PlanUnreadable, match="planned twice"):
        walk(plan(change(), change()))
    walk(plan(change(), change(deposed="12345678"), change(deposed="87654321")))


@pytest.mark.parametrize(
    "actions", [(), ("destroy",), ("delete", "update"), ("create", "delete", "create"), ("no-op", "delete")]
)
def test_unknown_actions_are_refused(actions: tuple[str, ...]) -> None:
    with pytest.raises(PlanUnreadable, match="not a list of actions"):
        walk(plan(change(actions=actions)))


@pytest.mark.parametrize(
    ("actions", "meaning"),
    [
        (("delete", "create"), Action.REPLACE),
        (("create", "delete"), Action.REPLACE),
        (("create", "forget"), Action.FORGET_AND_CREATE),
        (("forget", "create"), Action.FORGET_AND_CREATE),
        (("forget",), Action.FORGET),
    ],
)
def test_known_actions(actions: tuple[str, ...], meaning: Action) -> None:
    assert [item.action for item in read_plan(plan(change(actions=actions)), "plan").resource_changes()] == [meaning]


@pytest.mark.parametrize(
    "entry",
    [
        {"address": "a.b"},
        {"change": {"actions": ["create"]}},
        {"address": "", "change": {"actions": ["create"]}},
        {"address": None, "change": {"actions": ["create"]}},
        {"address": "a.b", "change": None},
        {"address": "a.b", "change": {"actions": "create"}},
        [],
        None,
        "a.b",
    ],
)
def test_entries_that_are_no_changes_are_refused(entry: Any) -> None:
    with pytest.raises(PlanUnreadable):
        walk(plan(entry))


@pytest.mark.parametrize("mask", ["x", 1, {"acl": "yes"}, {"acl": [1]}, ["true"]])
def test_masks_that_are_no_masks_are_refused(mask: Any) -> None:
    data = plan(change(change={"after_unknown": mask, "before_sensitive": {"x": True}}))
    if b"true" not in json.dumps(mask).encode():
        walk(data)  # a mask without a single true covers nothing, however odd it looks
        return
    with pytest.raises(PlanUnreadable, match="mask"):
        walk(data)


@pytest.mark.parametrize("value", [[], "x", 1, True])
def test_an_object_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(PlanUnreadable):
        assess(read_plan(plan(change(change={"after": value})), "plan"), RULES)


def test_what_a_plan_says_of_itself_is_not_guessed() -> None:
    says = read_plan(plan(), "plan").completeness
    assert (says.errored, says.complete, says.applyable) == (None, None, None)
    says = read_plan(plan(errored=True, complete=False, applyable=True), "plan").completeness
    assert (says.errored, says.complete, says.applyable) == (True, False, True)


@pytest.mark.parametrize("depth", [100, 400, 600, 900, 1200, 50_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_depth_is_read_or_refused_but_never_a_crash(depth: int, opening: str) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(character, "") for character in reversed(opening))
    deep, mask = (opening * depth + leaf + closing * depth for leaf in ("1", "true"))
    data = plan(change(change={"before": {"acl": 1}, "after": {"acl": 2}, "after_unknown": {"policy": 3}}))
    data = (
        data.replace(b"1}", deep.encode() + b"}")
        .replace(b"2}", deep.encode() + b"}")
        .replace(b"3}", mask.encode() + b"}")
    )
    try:
        walk(data)
    except PlanUnreadable as error:
        assert "deep" in error.message  # noqa: PT017 - either outcome is right
        assert depth > 100


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_refused_or_read_but_never_a_crash(data: st.DataObject) -> None:
    text = bytearray(MIXED)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    with contextlib.suppress(PlanUnreadable):
        walk(bytes(text))
