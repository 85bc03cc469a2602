"""What is not a plan is named, in one sentence, with the file's name and a hint."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from iacgate.errors import PlanUnreadable
from iacgate.plan.reader import read_plan

PLAN = {"format_version": "1.2", "terraform_version": "1.11.4", "planned_values": {}, "resource_changes": []}


def refused(data: bytes) -> PlanUnreadable:
    with pytest.raises(PlanUnreadable) as caught:
        read_plan(data, "dir/my file")
    return caught.value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"plan_format_version": "0.2"}, "redacted plan export"),
        ({"remote_plan_format": 1, "run_id": "run-1"}, "cloud plan bookmark"),
        ({"encrypted_data": "x", "meta": {}}, "encrypted by OpenTofu"),
        ({"version": 4, "serial": 1, "lineage": "x", "resources": []}, "is a Terraform state"),
        ({"version": 3, "modules": []}, "version 3 or older"),
        ({"format_version": "1.0", "provider_schemas": {}}, "provider schemas"),
        ({"format_version": "1.0", "terraform_version": "1.5.0", "values": {}}, "prints of a state"),
        ({"Records": []}, "CloudTrail"),
        ({"ChangeSetName": "x", "Changes": []}, "CloudFormation"),
        ({"@level": "info", "@message": "x"}, "log of a run"),
        ({"resource_changes": []}, "says no `format_version`"),
        ({"planned_values": {}}, "says no `format_version`"),
        ({"configuration": {}}, "says no `format_version`"),
        ({"format_version": "", "resource_changes": []}, "says no `format_version`"),
        ({"format_version": "1.2"}, "not a Terraform plan"),
        ({}, "not a Terraform plan"),
        ([], "a list"),
        ([PLAN], "a list"),
        ("text", "a string"),
        (json.dumps(PLAN), "a string"),
        (None, "null"),
        (True, "a boolean"),
        (5, "a number"),
        (1.5, "a number"),
        ({**PLAN, "format_version": "2.0"}, "'2.0' is not one that iacgate knows"),
        ({**PLAN, "format_version": "1"}, "'1' is not one"),
        ({**PLAN, "format_version": "1.²"}, "is not one"),
        ({**PLAN, "format_version": "\x1b[31m1.2"}, r"'\x1b[31m1.2' is not one"),
        ({**PLAN, "format_version": 1.2}, "not as Terraform writes it"),
        ({**PLAN, "resource_changes": {}}, "not as Terraform writes it"),
        ({**PLAN, "errored": "true"}, "not as Terraform writes it"),
    ],
)
def test_json_of_another_kind(content: Any, says: str) -> None:
    for data in (json.dumps(content).encode(), gzip.compress(json.dumps(content).encode())):
        is_text = content is not None and not isinstance(content, (bool, int, float))
        error = refused(data) if is_text else refused_value(data)
        assert error.message.startswith("dir/my file: ")
        assert says in error.message
        assert error.message.endswith(".")
        assert error.hint
        assert error.exit_code == 3
        assert error.message.isprintable()


def refused_value(data: bytes) -> PlanUnreadable:
    """Return the error for a bare value; these look like text to a human, and are."""
    return refused(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"PK\x03\x04" + bytes(40), "saved plan file (zip)"),
        (b"tfplan\x02" + bytes(40), "0.11 or older"),
        (bytes(range(40)), "is binary"),
        (b"\x7fELF" + bytes(40), "is binary"),
        (b"Terraform will perform the following actions:\n", "is text"),
        (b"Error: no plan\n", "is text"),
        (b"<html></html>", "is text"),
        (json.dumps(PLAN).encode()[:-1], "cut off"),
        (json.dumps(PLAN).encode()[:40], "cut off"),
        (json.dumps(PLAN).encode() * 2, "goes on after"),
        (json.dumps(PLAN).encode() + b"\nDone", "goes on after"),
        (b'{"@level":"info"}\n{"@level":"info"}', "log of a run"),
        (b"[" * 99999, "nested too deeply"),
        (b'{"a":' * 99999, "nested too deeply"),
        (b'{"format_version":"1.2","x":"\xff"}', "UTF-8"),
        (b'{"format_version":"\xff"}', "UTF-8"),
        (b"{'format_version': '1.2'}", "not valid"),
        (b'{"format_version":NaN}', "not valid"),
    ],
)
def test_what_is_not_one_json_document(data: bytes, says: str) -> None:
    error = refused(data)
    assert error.message.startswith("dir/my file: ")
    assert says in error.message
    assert error.hint
    assert error.message.isprintable()


def test_a_plan_that_failed_before_anything_was_planned_is_a_plan() -> None:
    data = {"format_version": "1.2", "terraform_version": "1.11.4", "errored": True}
    assert read_plan(json.dumps(data).encode(), "plan").completeness.errored is True


@pytest.mark.parametrize("member", ["resource_changes", "planned_values"])
def test_an_empty_plan_is_a_plan(member: str) -> None:
    left_out = {"resource_changes", "planned_values"} - {member}
    data = {name: value for name, value in PLAN.items() if name not in left_out}
    assert list(read_plan(json.dumps(data).encode(), "plan").resource_changes()) == []


def test_content_is_never_repeated() -> None:
    for text in (b'{"password":"hunter2"', b"hunter2\n", b'["hunter2"]', b'{"hunter2":1}', b'"hunter2"'):
        assert "hunter2" not in refused(text).message
