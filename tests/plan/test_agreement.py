"""The plan JSON against the plan file: real pairs agree, and every change to one is seen."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate.conditions.values import UNKNOWN
from iacgate.errors import IacgateError, PlanMismatch, PlanUnreadable
from iacgate.plan.addressing import is_data, provider_name, wrong_parts
from iacgate.plan.agreement import check_agreement
from iacgate.plan.likeness import compare_mask, compare_values, show_trail, unmasked
from iacgate.plan.model import ResourceEntry
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.saved import PlanFile
from tests.plan import savedplans
from tests.plan.savedplans import HEAD, change, saved_plan, value
from tests.support.terraform import install, terraform_or_skip

NAMES = savedplans.pairs()
ENCODER = msgspec.json.Encoder(decimal_format="number")
SECRET = "a-value-that-must-not-be-shown"


def load(plan_json: bytes) -> Any:
    return json.loads(plan_json, parse_float=Decimal)


def dump(document: Any) -> bytes:
    return ENCODER.encode(document)


def check(plan_file: bytes, document: Any) -> None:
    check_agreement(read_plan_file(plan_file, "plan"), dump(document), "plan.json")


@pytest.mark.parametrize("name", NAMES)
def test_real_pairs_agree(name: str) -> None:
    plan_file, plan_json = savedplans.pair(name)
    check_agreement(read_plan_file(plan_file, name), plan_json, name)


@pytest.mark.parametrize("name", NAMES)
def test_decoding_and_encoding_the_json_changes_nothing(name: str) -> None:
    plan_file, plan_json = savedplans.pair(name)
    check(plan_file, load(plan_json))


def test_no_pair_agrees_with_another() -> None:
    if NAMES and not isinstance(NAMES[0], str):
        pytest.skip(savedplans.ABSENT)
    plans = {name: read_plan_file(savedplans.pair(name)[0], name) for name in NAMES}
    for name, other in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True):
        with pytest.raises(PlanMismatch):
            check_agreement(plans[name], savedplans.pair(other)[1], other)


Mutation = Callable[[Any], "str | None"]
MUTATIONS: list[Mutation] = []
"""Each changes a decoded plan JSON and returns what the message must name, or None if it cannot be applied."""


def mutation(function: Mutation) -> Mutation:
    MUTATIONS.append(function)
    return function


def first_change(document: Any) -> Any:
    return next(iter(document.get("resource_changes") or ()), None)


def on_change(words: str) -> Callable[[Callable[[Any], object]], Mutation]:
    """Register a mutation of the first resource change; it returns False where it does not apply."""

    def register(function: Callable[[Any], object]) -> Mutation:
        def mutate(document: Any) -> str | None:
            entry = first_change(document)
            return None if entry is None or function(entry) is False else words

        mutate.__name__ = function.__name__
        return mutation(mutate)

    return register


@on_change("actions")
def other_actions(entry: Any) -> None:
    entry["change"]["actions"] = ["update"] if entry["change"]["actions"] != ["update"] else ["no-op"]


@on_change("missing from resource_changes")
def other_address(entry: Any) -> None:
    entry["address"] += "x"


@on_change("name in resource_changes")
def other_name(entry: Any) -> None:
    entry["name"] += "x"


@on_change("type in resource_changes")
def other_type(entry: Any) -> None:
    entry["type"] = "null_resource"


@on_change("mode in resource_changes")
def other_mode(entry: Any) -> None:
    entry["mode"] = "data" if entry["mode"] == "managed" else "managed"


@on_change("module_address in resource_changes")
def other_module(entry: Any) -> None:
    entry["module_address"] = "module.other"


@on_change("index in resource_changes")
def other_index(entry: Any) -> None:
    entry["index"] = "other"


@on_change("deposed")
def made_deposed(entry: Any) -> None:
    entry["deposed"] = "0badcafe" if entry.get("deposed") != "0badcafe" else "deadbeef"


@on_change("previous_address")
def other_previous_address(entry: Any) -> None:
    entry["previous_address"] = "terraform_data.elsewhere"


@on_change("provider_name")
def other_provider(entry: Any) -> None:
    entry["provider_name"] = "registry.terraform.io/hashicorp/null"


@on_change("action_reason")
def other_reason(entry: Any) -> None:
    entry["action_reason"] = "replace_by_request"


@on_change("importing")
def other_import(entry: Any) -> None:
    if "importing" in entry["change"]:
        del entry["change"]["importing"]
    else:
        entry["change"]["importing"] = {"id": "i-1"}


@on_change("generated_config")
def other_generated_configuration(entry: Any) -> None:
    entry["change"]["generated_config"] = "x = 1"


@on_change("replace_paths")
def other_replace_paths(entry: Any) -> None:
    entry["change"]["replace_paths"] = [["elsewhere"]]


@on_change("after")
def one_more_attribute_after(entry: Any) -> None:
    after = entry["change"].get("after")
    entry["change"]["after"] = {"added": SECRET} if after is None else {**after, "added": SECRET}


@on_change("before")
def one_more_attribute_before(entry: Any) -> None:
    before = entry["change"].get("before")
    entry["change"]["before"] = {"added": SECRET} if before is None else {**before, "added": SECRET}


@on_change("after")
def one_attribute_less_after(entry: Any) -> object:
    after = entry["change"].get("after")
    return False if not after else bool(after.popitem())


@on_change("")
def another_leaf(entry: Any) -> object:
    for side in ("before", "after"):
        holder = entry["change"].get(side)
        while isinstance(holder, dict | list) and holder:
            key: Any = next(iter(holder)) if isinstance(holder, dict) else 0
            if not isinstance(holder[key], dict | list) or not holder[key]:
                holder[key] = SECRET
                return True
            holder = holder[key]
    return False


@on_change("after_unknown")
def everything_known(entry: Any) -> object:
    known = entry["change"]["after_unknown"] in ({}, False)
    entry["change"]["after_unknown"] = {"elsewhere": True} if known else {}
    return True


@mutation
def one_change_less(document: Any) -> str | None:
    return (
        "missing from resource_changes"
        if document.get("resource_changes") and document["resource_changes"].pop(0)
        else None
    )


@mutation
def one_change_more(document: Any) -> str | None:
    entry = copy.deepcopy(first_change(document)) or {"address": "aws_x.y", "change": {"actions": ["create"]}}
    document.setdefault("resource_changes", []).append(entry | {"address": "aws_x.added"})
    return "'aws_x.added': in resource_changes, missing from the file"


@mutation
def the_same_change_twice(document: Any) -> str | None:
    entry = first_change(document)
    if entry is None:
        return None
    document["resource_changes"].append(entry)
    return "stands twice in resource_changes"


@mutation
def errored(document: Any) -> str:
    document["errored"] = not document["errored"]
    return "errored"


@mutation
def errored_left_out(document: Any) -> str:
    del document["errored"]
    return "errored"


@mutation
def complete(document: Any) -> str:
    document["complete"] = not document["complete"]
    return "complete"


@mutation
def complete_left_out(document: Any) -> str:
    del document["complete"]
    return "complete"


@mutation
def applyable(document: Any) -> str:
    document["applyable"] = not document["applyable"]
    return "applyable"


@mutation
def another_time(document: Any) -> str:
    document["timestamp"] = "2020-01-01T00:00:00Z"
    return "timestamp"


@mutation
def another_version(document: Any) -> str:
    document["terraform_version"] = "1.11.5"
    return "terraform_version"


@mutation
def a_variable_more(document: Any) -> str:
    document.setdefault("variables", {})["added"] = {"value": SECRET}
    return "'added': in variables"


@mutation
def a_variable_that_is_not_its_default(document: Any) -> str | None:
    for name in document.get("variables", {}):
        document["variables"][name] = {"value": SECRET}
        return f"'{name}'"
    return None


@mutation
def an_output_more(document: Any) -> str:
    document.setdefault("output_changes", {})["added"] = {"actions": ["create"], "before": None, "after": 1}
    return "'added': in output_changes"


@mutation
def an_output_less(document: Any) -> str | None:
    return (
        "missing from output_changes"
        if document.get("output_changes") and document["output_changes"].popitem()
        else None
    )


def first_output(document: Any) -> Any:
    return next(iter((document.get("output_changes") or {}).values()), None)


@mutation
def an_output_of_another_value(document: Any) -> str | None:
    if (output := first_output(document)) is None:
        return None
    output["after"] = SECRET
    return "after in output_changes"


@mutation
def an_output_with_another_action(document: Any) -> str | None:
    if (output := first_output(document)) is None:
        return None
    output["actions"] = ["read"]
    return "actions in output_changes"


@mutation
def an_output_whose_sensitivity_changes(document: Any) -> str | None:
    if (output := first_output(document)) is None:
        return None
    output["after_sensitive"] = not output["after_sensitive"]
    return "after_sensitive in output_changes"


@mutation
def drift_more(document: Any) -> str:
    document.setdefault("resource_drift", []).append({"address": "aws_x.added", "change": {"actions": ["update"]}})
    return "'aws_x.added': in resource_drift"


@mutation
def drift_less(document: Any) -> str | None:
    return "missing from resource_drift" if document.pop("resource_drift", None) else None


@mutation
def a_deferred_change_more(document: Any) -> str:
    entry = {"address": "aws_x.added", "change": {"actions": ["create"]}}
    document["deferred_changes"] = [{"reason": "unknown", "resource_change": entry}]
    return "'aws_x.added': in deferred_changes"


@mutation
def an_invocation_more(document: Any) -> str:
    document["action_invocations"] = [{"address": "action.a.b", "type": "a", "name": "b", "provider_name": "p"}]
    return "'action.a.b': its presence or its trigger in action_invocations"


@mutation
def a_check_more(document: Any) -> str:
    document.setdefault("checks", []).append(
        {"address": {"kind": "check", "to_display": "check.added"}, "status": "pass"}
    )
    return "'check.added': checks"


@mutation
def a_check_with_another_status(document: Any) -> str | None:
    for result in document.get("checks", ()):
        result["status"] = "pass" if result["status"] != "pass" else "fail"
        return "checks"
    return None


@mutation
def the_result_of_an_instance(document: Any) -> str | None:
    for result in document.get("checks", ()):
        result["instances"][0]["status"] = "error"
        return "checks"
    return None


@mutation
def relevant_attributes(document: Any) -> str:
    document.setdefault("relevant_attributes", []).append({"resource": "aws_x.added", "attribute": ["a"]})
    return "'aws_x.added': relevant_attributes"


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_every_change_to_the_json_is_refused(name: str, mutate: Mutation) -> None:
    plan_file, plan_json = savedplans.pair(name)
    document = load(plan_json)
    words = mutate(document)
    if words is None:
        return
    with pytest.raises(PlanMismatch) as refused:
        check(plan_file, document)
    assert SECRET not in refused.value.message
    assert "terraform show -json" in refused.value.hint
    if "more" not in refused.value.message:
        assert words in refused.value.message


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every leaf: scalars and empty containers."""
    if isinstance(node, dict | list) and node:
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(child, (*path, key))
    else:
        yield path


def replace(document: Any, path: tuple[Any, ...], wanted: Any) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = wanted


PARTS = (
    "resource_changes",
    "resource_drift",
    "output_changes",
    "variables",
    "checks",
    "relevant_attributes",
)
NAMED_IN_MESSAGES = {"address", "deposed", "to_display", "resource"}
NOT_FROM_THE_FILE = {"before_sensitive", "after_sensitive", "kind", "mode", "name", "type", "instance_key", "module"}


@pytest.mark.parametrize("name", NAMES)
def test_every_leaf_of_what_is_compared_counts(name: str) -> None:
    """Replace one leaf after the other; only further sensitive marks and parts of a check's address are free."""
    plan_file, plan_json = savedplans.pair(name)
    plan, document = read_plan_file(plan_file, name), load(plan_json)
    for path in [path for part in PARTS if part in document for path in leaves(document[part], (part,))]:
        if len(path) < 1000 and not (
            (path[0] == "checks" and path[-1] in NOT_FROM_THE_FILE)
            or (path[0] in ("resource_changes", "resource_drift") and NOT_FROM_THE_FILE & {*path[3:4]})
        ):
            changed = load(plan_json)
            replace(changed, path, SECRET)
            with pytest.raises(IacgateError) as refused:
                check_agreement(plan, dump(changed), name)
            assert SECRET not in refused.value.message or path[-1] in NAMED_IN_MESSAGES, path


@pytest.mark.skipif(not savedplans.CORPUS.is_dir(), reason=savedplans.ABSENT)
def test_a_sensitive_mark_of_the_file_that_the_json_lacks_is_refused() -> None:
    plan_file, plan_json = savedplans.pair("sensitive_values")
    document = load(plan_json)
    for entry in document["resource_changes"]:
        entry["change"]["after_sensitive"] = {}
    with pytest.raises(PlanMismatch, match=r"after_sensitive\.input"):
        check(plan_file, document)


def entry(address: str = "aws_x.y", **more: Any) -> Any:
    """Return an entry of resource_changes that creates what :func:`savedplans.change` says."""
    body = {
        "actions": ["create"],
        "before": None,
        "after": {"a": 1},
        "after_unknown": {},
        "before_sensitive": False,
        "after_sensitive": {},
    }
    body |= {name[1:]: more.pop(name) for name in list(more) if name.startswith("c")}
    rest = {"mode": "managed", "type": "aws_x", "name": "y", "provider_name": "registry.terraform.io/hashicorp/aws"}
    return {"address": address, **rest, **more, "change": body}


def document(*changes: Any, **more: Any) -> Any:
    head = {"terraform_version": "1.11.4", "timestamp": "2026-01-02T03:04:05Z", "errored": False}
    return {**head, "complete": False, "applyable": False, "resource_changes": list(changes), **more}


def agrees(fields: Any, shown: Any, product: str = "terraform") -> bool:
    try:
        check(saved_plan([*HEAD, *fields], product), shown)
    except PlanMismatch:
        return False
    return True


def test_a_data_source_that_is_dropped_from_the_state_is_not_shown() -> None:
    fields: Any = [(3, change("data.aws_x.y", action=5))]
    assert agrees(fields, document())
    assert not agrees([(3, change("aws_x.y", action=5))], document())


def test_a_mere_move_is_drift_in_refresh_only_plans_alone() -> None:
    moved: Any = (18, change(action=0, f14="aws_x.old"))
    shown = entry(cactions=["no-op"], cbefore={"a": 1}, cbefore_sensitive={}, previous_address="aws_x.old")
    assert agrees([moved], document())
    assert not agrees([moved], document(resource_drift=[shown]))
    assert agrees([(17, 2), moved], document(resource_drift=[shown]))
    assert not agrees([(17, 2), moved], document())


def test_an_ephemeral_resource_may_be_shown_but_not_as_something_else() -> None:
    fields: Any = [(3, change("ephemeral.aws_x.y", action=9, values=()))]
    shown = entry("ephemeral.aws_x.y", mode="ephemeral", cactions=["open"], cafter=None)
    plan = document()
    del plan["complete"], plan["applyable"]
    assert agrees(fields, plan, "opentofu")
    plan["resource_changes"] = [shown]
    assert agrees(fields, plan, "opentofu")
    shown["change"]["actions"] = ["no-op"]
    assert not agrees(fields, plan, "opentofu")


def test_flags_that_opentofu_does_not_have_are_refused() -> None:
    assert not agrees([], document(), "opentofu")
    assert agrees([], document(), "")
    assert not agrees([], document(complete=True), "")


def test_a_default_may_be_shown_though_nobody_set_it() -> None:
    declared = {"root_module": {"variables": {"v": {"default": 5}, "w": {}}}}
    assert agrees([], document(variables={"v": {"value": 5}}, configuration=declared))
    assert not agrees([], document(variables={"v": {"value": 6}}, configuration=declared))
    assert not agrees([], document(variables={"w": {"value": None}}, configuration=declared))
    fields: Any = [(2, [(1, "v"), (2, value([b'"number"', 6]))])]
    assert agrees(fields, document(variables={"v": {"value": 6}}, configuration=declared))
    assert not agrees(fields, document(variables={"v": {"value": 5}}, configuration=declared))
    assert not agrees(fields, document(configuration=declared))


def test_deferred_changes_and_their_reasons() -> None:
    fields: Any = [(27, [(1, [(1, 1)]), (2, change("aws_x.y[*]"))])]
    shown = entry("aws_x.y[*]", index_unknown=True)
    assert agrees(fields, document(deferred_changes=[{"reason": "instance_count_unknown", "resource_change": shown}]))
    assert not agrees(fields, document(deferred_changes=[{"reason": "unknown", "resource_change": shown}]))
    assert not agrees(fields, document())


INVOCATION: Any = [
    (1, "action.a.b"),
    (2, 'provider["registry.terraform.io/hashicorp/aws"]'),
    (4, value({"x": 1, "y": msgpack.ExtType(0, b"\0")})),
    (6, [(1, "aws_x.y"), (2, 2), (4, 1)]),
]


def shown_invocation(**more: Any) -> Any:
    trigger = {
        "triggering_resource_address": "aws_x.y",
        "action_trigger_event": "AfterCreate",
        "action_trigger_block_index": 0,
        "actions_list_index": 1,
    }
    rest = {"type": "a", "name": "b", "provider_name": "registry.terraform.io/hashicorp/aws"}
    values = {"config_values": {"x": 1}, "config_sensitive": {}, "config_unknown": {"y": True}}
    return {"address": "action.a.b", **rest, **values, "lifecycle_action_trigger": trigger, **more}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"config_values": {"x": 2}}, False),
        ({"config_values": {"x": 1, "y": 1}}, False),
        ({"config_unknown": {}}, False),
        ({"type": "c"}, False),
        ({"name": "c"}, False),
        ({"provider_name": "c"}, False),
        ({"address": "action.a.c"}, False),
        ({"lifecycle_action_trigger": None}, False),
        ({"lifecycle_action_trigger": None, "invoke_action_trigger": {}}, False),
    ],
)
def test_action_invocations(more: Any, expected: bool) -> None:
    assert agrees([(30, INVOCATION)], document(action_invocations=[shown_invocation(**more)])) is expected
    deferred = [{"reason": "deferred_prereq", "action_invocation": shown_invocation(**more)}]
    fields: Any = [(31, [(1, [(1, 5)]), (2, INVOCATION)])]
    assert agrees(fields, document(deferred_action_invocations=deferred)) is expected


@pytest.mark.parametrize(("shown", "expected"), [("ActionOnFailureHalt", True), ("ActionOnFailureContinue", False)])
def test_what_happens_when_an_action_fails(shown: str, expected: bool) -> None:
    invocation = shown_invocation()
    invocation["lifecycle_action_trigger"]["on_failure"] = shown
    assert agrees([(30, INVOCATION)], document(action_invocations=[invocation])) is expected


def test_imports_by_identity_and_unknown_ones() -> None:
    unknown: Any = [(3, change(c5=[(2, 1)]))]
    identity: Any = [(3, change(c5=[(3, value({"arn": "a"}))]))]
    assert agrees(unknown, document(entry(cimporting={"unknown": True})))
    assert not agrees(unknown, document(entry(cimporting={"id": "x"})))
    assert agrees(identity, document(entry(cimporting={"identity": {"arn": "a"}})))
    assert not agrees(identity, document(entry(cimporting={"identity": {"arn": "b"}})))
    assert not agrees(identity, document(entry()))


def test_identities_are_compared_where_they_are_shown() -> None:
    fields: Any = [(3, change(c8=value({"arn": "a"})))]
    assert agrees(fields, document(entry()))
    assert agrees(fields, document(entry(cafter_identity={"arn": "a"})))
    assert not agrees(fields, document(entry(cafter_identity={"arn": "b"})))


def test_the_message_names_three_and_counts_the_rest() -> None:
    shown = [entry(f"aws_x.n{number}\x1b", name=f"n{number}") for number in range(9)]
    with pytest.raises(PlanMismatch) as refused:
        check(saved_plan(), document(*shown))
    assert refused.value.message.count(r"\x1b': in resource_changes, missing from the file") == 3
    assert refused.value.message.endswith("; and 6 more")
    assert refused.value.exit_code == 3


def test_json_that_cannot_be_decoded_is_refused() -> None:
    plan = read_plan_file(saved_plan(), "plan")
    deep = b'{"variables":{"v":{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}"
    for broken in (b"", b"{", b"[]", b'{"errored":1}', b"\xff", deep):
        with pytest.raises(PlanUnreadable, match=r"'plan\.json' is not plan JSON that can be compared"):
            check_agreement(plan, broken, "plan.json")


FILE_UNKNOWN = msgpack.ExtType(0, b"\0")


@pytest.mark.parametrize(
    ("ours", "shown", "same"),
    [
        (1, 1, True),
        (1, Decimal("1.0"), True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (None, 0, False),
        (0.1, Decimal("0.1"), True),
        (0.1, Decimal("0.1000000000000000055511151231257827"), False),
        (0.5, Decimal("0.5"), True),
        (1e22, 10**22, True),
        ("1", 1, False),
        ("1", "1", True),
        ("12345678901234567890123", 12345678901234567890123, True),
        ("12345678901234567890123", 12345678901234567890124, False),
        ("0.30000000000000000001", Decimal("0.30000000000000000001"), True),
        ("text", 12345678901234567890123, False),
        (Decimal("1e400"), 10**400, True),
        (Decimal("1e400"), "1e400", False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": None}, {}, False),
        ({}, [], False),
        ([], {}, False),
        ("", None, False),
        (UNKNOWN, None, True),
        (UNKNOWN, 1, False),
        ({"a": UNKNOWN, "b": 1}, {"b": 1}, True),
        ({"a": UNKNOWN}, {"a": None}, False),
        ([UNKNOWN, 1], [None, 1], True),
        ([UNKNOWN], ["x"], False),
    ],
)
def test_values_are_compared_as_terraform_prints_them(ours: Any, shown: Any, same: bool) -> None:
    assert compare_values(ours, shown).same is same


@pytest.mark.parametrize(
    ("ours", "mask", "same"),
    [
        (UNKNOWN, True, True),
        (UNKNOWN, False, False),
        (1, False, True),
        (1, True, False),
        (1, 0, False),
        ({"a": UNKNOWN, "b": 1, "c": [], "d": {}}, {"a": True, "c": [], "d": {}}, True),
        ({"a": UNKNOWN, "b": []}, {"a": True}, False),
        ({"a": UNKNOWN}, {}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"z": True}, False),
        ([1, UNKNOWN], [False, True], True),
        ([1, UNKNOWN], [False], False),
        ([1], {}, False),
    ],
)
def test_masks_of_unknowns(ours: Any, mask: Any, same: bool) -> None:
    assert compare_mask(ours, mask).same is same


@pytest.mark.parametrize(
    ("mask", "path", "masked"),
    [
        ({"a": True}, ("a",), True),
        ({}, ("a",), False),
        (True, ("a",), True),
        ({"l": [False, True]}, ("l", 1), True),
        ({"l": [False, False]}, ("l", 1), False),
        ({"l": True}, ("l", 1), True),
        ({}, ("absent",), True),
        ({}, ("u", "x"), True),
        ({}, ("l", {"element": "of a set"}), False),
        ({"l": [False, True]}, ("l", {"element": "of a set"}), True),
        ({}, (), False),
        (True, (), True),
    ],
)
def test_marks_of_the_file_must_be_in_the_mask(mask: Any, path: Any, masked: bool) -> None:
    found = unmasked({"a": 1, "l": [1, 2], "u": UNKNOWN}, mask, [path])
    assert (found is msgspec.UNSET) is masked


def test_paths_are_shown_without_control_characters() -> None:
    assert (
        show_trail("after", ((((None, "tags"), "a\x1b\u202e"), 0), "plain")) == r'after.tags["a\u001b\u202e"][0].plain'
    )


def parts(address: str, **more: Any) -> list[str]:
    known = {"mode": "managed", "type": "aws_x", "name": "y"}
    return wrong_parts(address, ResourceEntry(address, **known | more))


@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("aws_x.y", {}),
        ("aws_x.y[0]", {"index": 0}),
        ('aws_x.y["a.b[0]"]', {"index": "a.b[0]"}),
        (r'aws_x.y["\"\\\n\u202e"]', {"index": '"\\\n\u202e'}),
        ('aws_x.y["$${a}%%{b}"]', {"index": "${a}%{b}"}),
        ("data.aws_x.y", {"mode": "data"}),
        ("ephemeral.aws_x.y", {"mode": "ephemeral"}),
        ('module.a["x.y"].module.b[1].aws_x.y', {"module_address": 'module.a["x.y"].module.b[1]'}),
        ("aws_x.y[*]", {"index_unknown": True}),
    ],
)
def test_the_parts_of_an_address(address: str, more: Any) -> None:
    assert parts(address, **more) == []
    assert "type" in parts(address, **more | {"type": "aws_z"})
    assert "index" in parts(address, **more | {"index": True})
    assert "module_address" in parts(address, **more | {"module_address": "module.z"})


@pytest.mark.parametrize(
    "address", ["", "aws_x", "aws_x.y[", "aws_x.y[0", 'aws_x.y["a"b"]', "aws_x.y.z", "aws_x.y[0][1]", "aws_x.y\n"]
)
def test_what_is_no_address_agrees_with_nothing(address: str) -> None:
    assert parts(address) == ["address"]


def test_a_key_cannot_pass_for_another_resource() -> None:
    address = 'module.a["b.aws_iam.x[0]"].aws_x.y'
    assert parts(address, module_address='module.a["b', type="aws_iam", name="x") == ["module_address", "type", "name"]


def test_providers_and_data_sources() -> None:
    assert provider_name('provider["registry.terraform.io/hashicorp/aws"]') == "registry.terraform.io/hashicorp/aws"
    assert provider_name('module.a["]"].provider["x/y/z"].west') == "x/y/z"
    assert provider_name("provider.aws") == ""
    assert is_data('module.a["managed"].data.aws_x.y')
    assert not is_data('module.a["data."].aws_x.y')


@pytest.mark.skipif(not savedplans.CORPUS.is_dir(), reason=savedplans.ABSENT)
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_json_is_refused_or_agrees_and_never_crashes(data: st.DataObject) -> None:
    plan_file, plan_json = savedplans.pair("mixed_everything")
    broken = bytearray(plan_json)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        check_agreement(read_plan_file(plan_file, "plan"), bytes(broken), "plan.json")
    except (PlanMismatch, PlanUnreadable) as refused:
        assert refused.hint  # noqa: PT017 - any other exception fails the test


MAIN = """
terraform {
  backend "local" { path = "states/terraform.tfstate" }
}
variable "secret" {
  type      = string
  sensitive = true
}
variable "size" { default = 1.5 }
variable "names" {
  type    = map(object({ count = number, tags = set(string) }))
  default = {
    "a.b"  = { count = 1, tags = ["z", "y"] }
    "c\\"d" = { count = 123456789012345678901234567890, tags = [] }
  }
}
variable "once" {
  type      = string
  default   = null
  ephemeral = true
}
resource "terraform_data" "first" {
  input            = { secret = var.secret, plain = "x", list = [1, var.secret, null], size = var.size }
  triggers_replace = [var.size]
}
resource "terraform_data" "counted" {
  count = 2
  input = terraform_data.first.output
}
resource "terraform_data" "each" {
  for_each = var.names
  input    = each.value
}
data "terraform_remote_state" "later" {
  backend = "local"
  config  = { path = terraform_data.first.id }
  count   = 0
}
output "secret" {
  value     = terraform_data.first.output.secret
  sensitive = true
}
output "numbers" { value = [0.1, 1e30, 1e-30, 9007199254740993, -0.5] }
output "id" { value = terraform_data.first.id }
check "size" {
  assert {
    condition     = var.size > 100
    error_message = "too small"
  }
}
"""


class Terraform:
    """A root module in which the real terraform runs, without anything of its surroundings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        program = shutil.which("terraform")
        assert program is not None
        self.program = program
        (root / "home").mkdir()
        (root / "module").mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_DATA_DIR": str(root / "data"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "TF_VAR_secret": SECRET,
        }

    def run(self, *args: str) -> bytes:
        done = subprocess.run(
            [self.program, *args],
            cwd=self.root / "module",
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def write(self, text: str) -> None:
        (self.root / "module" / "main.tf").write_text(text, encoding="utf-8")

    def plan(self, *args: str) -> tuple[bytes, bytes]:
        self.run("plan", "-no-color", "-out=saved", *args)
        return (self.root / "module" / "saved").read_bytes(), self.run("show", "-json", "saved")


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    made = Terraform(tmp_path)
    made.write(MAIN)
    made.run("init", "-no-color")
    return made


needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="needs terraform on PATH")


@needs_terraform
def test_plans_of_a_real_terraform_agree_with_their_json(terraform: Terraform) -> None:
    plan_file, plan_json = terraform.plan("-var=once=never stored")
    plan = read_plan_file(plan_file, "saved")
    check_agreement(plan, plan_json, "show")
    assert (plan.mode, plan.serial, plan.lineage, plan.workspace) == ("normal", 0, "", "default")
    assert (plan.backend_type, plan.backend_config["path"]) == ("local", "states/terraform.tfstate")
    assert plan.variables["secret"] == SECRET
    assert plan.apply_time_variables == ("once",)
    assert b"never stored" not in plan_file
    assert SECRET not in repr(plan)
    assert (plan.complete, plan.applyable, plan.errored, plan.product) == (True, True, False, "terraform")

    terraform.run("apply", "-no-color", "-var=once=never stored", "saved")
    for args, expected in (
        (("-target=terraform_data.first", "-var=size=2"), {"targets": ("terraform_data.first",), "complete": False}),
        # Terraform 1.11 has a field for what -replace names and leaves it empty; the reason tells.
        (("-replace=terraform_data.first",), {"force_replace": (), "mode": "normal"}),
        (("-destroy",), {"mode": "destroy"}),
        (("-refresh-only",), {"mode": "refresh-only"}),
        ((), {"applyable": False, "complete": True}),
    ):
        plan_file, plan_json = terraform.plan(*args)
        plan = read_plan_file(plan_file, "saved")
        check_agreement(plan, plan_json, "show")
        assert {name: getattr(plan, name) for name in expected} == expected
        assert plan.serial > 0
        assert plan.lineage
        reasons = {one.action_reason for one in plan.changes if one.address == "terraform_data.first"}
        assert ("replace_by_request" in reasons) is (args == ("-replace=terraform_data.first",))


@needs_terraform
def test_moves_and_workspaces_of_a_real_terraform(terraform: Terraform) -> None:
    terraform.run("apply", "-no-color", "-auto-approve")
    moved = "moved {\n  from = terraform_data.first\n  to = terraform_data.renamed\n}\n"
    removed = "removed {\n  from = terraform_data.counted\n  lifecycle { destroy = false }\n}\n"
    text = MAIN.replace('"first"', '"renamed"').replace("data.first", "data.renamed")
    start, end = text.index('resource "terraform_data" "counted"'), text.index('resource "terraform_data" "each"')
    terraform.write(text[:start] + text[end:] + moved + removed)
    plan_file, plan_json = terraform.plan("-var=size=3")
    plan = read_plan_file(plan_file, "saved")
    check_agreement(plan, plan_json, "show")
    by_address = {one.address: one for one in plan.changes}
    assert by_address["terraform_data.renamed"].previous_address == "terraform_data.first"
    assert by_address["terraform_data.renamed"].actions == ("delete", "create")
    assert by_address["terraform_data.counted[0]"].actions == ("forget",)

    terraform.run("workspace", "new", "-no-color", "staging")
    plan_file, plan_json = terraform.plan()
    plan = read_plan_file(plan_file, "saved")
    check_agreement(plan, plan_json, "show")
    assert plan.workspace == "staging"


@needs_terraform
def test_an_identical_plan_made_again_does_not_agree_with_the_json_of_the_first(terraform: Terraform) -> None:
    terraform.run("apply", "-no-color", "-auto-approve")
    _, first = terraform.plan("-var=size=2")
    other, _ = terraform.plan("-var=size=4")
    with pytest.raises(PlanMismatch, match="does not say what the saved plan file says"):
        check_agreement(read_plan_file(other, "saved"), first, "show")


PROVIDED = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  alias  = "west"
  region = "eu-west-1"
}
variable "word" { default = "one" }
data "aws_caller_identity" "me" {}
data "aws_caller_identity" "later" { depends_on = [aws_eip.e] }
resource "aws_eip" "e" { domain = "vpc" }
resource "aws_db_instance" "d" {
  identifier             = "db"
  allocated_storage      = 20.5
  password               = var.word
  vpc_security_group_ids = ["sg-2", "sg-1", aws_security_group.g.id, aws_eip.e.id]
}
resource "aws_security_group" "g" {
  provider = aws.west
  name     = "g"
  ingress = [
    {
      cidr_blocks = ["${aws_eip.e.public_ip}/32", "10.0.0.0/8"], description = var.word, from_port = 443
      ipv6_cidr_blocks = null, protocol = "tcp", security_groups = ["b", "a", aws_eip.e.id], self = false, to_port = 443
    },
    {
      cidr_blocks = ["0.0.0.0/0"], description = null, from_port = 0.1
      ipv6_cidr_blocks = [], protocol = "tcp", security_groups = [], self = true, to_port = 22
    },
  ]
  tags = { a = aws_eip.e.id, b = null }
}
output "all" { value = [data.aws_caller_identity.later, aws_security_group.g] }
"""


@needs_terraform
def test_plans_with_a_providers_own_schema_agree_with_their_json(tmp_path: Path) -> None:
    """Sets, sets with unknowns in them, attributes that the schema marks sensitive, aliases, data sources."""
    installed = install(tmp_path / "installed", terraform=terraform_or_skip())
    module = installed.workspace(tmp_path / "module", {"main.tf": PROVIDED})
    module.init()

    def compare(*args: str) -> PlanFile:
        saved = module.plan(*args)
        plan = read_plan_file(saved.read_bytes(), "saved")
        check_agreement(plan, module.show_json(saved), "show")
        return plan

    assert len(compare().changes) == 4
    module.apply()
    assert {one.actions for one in compare().changes} == {("no-op",)}
    assert ("update",) in {one.actions for one in compare("-var=word=two").changes}
    assert ("delete",) in {one.actions for one in compare("-destroy").changes}
    assert compare("-refresh-only").mode == "refresh-only"
    assert compare("-target=aws_eip.e").targets == ("aws_eip.e",)
