"""A standard pattern, and plans that stay inside of it or leave it: JSON and plan file that agree."""

from __future__ import annotations

import copy
import json
from typing import Any, Final

import msgspec

from iacgate import canonical
from iacgate.change.patternfit import Fit, fit
from iacgate.change.patterns import Pattern, read_pattern
from iacgate.plan.planproto import Product
from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.saved import FileChange, FileOutput, PlanFile
from iacgate.vocabulary import Severity

NOW: Final = "2026-11-23T12:00:00Z"
AWS: Final = "registry.terraform.io/hashicorp/aws"

TEXT: Final = f"""\
description: The size of a web group, up to twenty, which a balancer takes note of by itself.
environments: [prod, dev]
until: 2027-06-30
severity: medium
limits: {{uses: 4, hours: 24, resources: 2, resources_per_window: 4}}
providers: [{AWS}]
provider_settings: [region]
allow:
  - types: [aws_autoscaling_group]
    actions: [update]
    attributes: [desired_capacity, tags]
    computed: [arn]
    sensitive: [token]
    when: {{value: after.desired_capacity, at_most: 20}}
  - types: [aws_sqs_queue]
    actions: [create]
    computed: [id, url]
  - types: [aws_sqs_queue]
    actions: [delete]
    when: {{value: before.name, matches: ^tmp-}}
outputs: [capacity]
drift:
  - {{types: [aws_autoscaling_group], attributes: [desired_capacity]}}
"""

SOURCE: Final = """\
provider "aws" {
  region = "eu-central-1"
}
resource "aws_autoscaling_group" "web" {
  name             = "web"
  desired_capacity = 3
  tags             = { a = "b" }
}
resource "aws_autoscaling_group" "api" {
  name             = "api"
  desired_capacity = 3
}
resource "aws_sqs_queue" "jobs" {
  name = "jobs"
}
resource "aws_instance" "other" {
  ami = "ami-1"
}
output "capacity" {
  value = aws_autoscaling_group.web.desired_capacity
}
"""


def pattern(text: str = TEXT, **more: Any) -> Pattern:
    """Return the pattern; ``more`` are other fields of its text, which are not checked."""
    found = read_pattern(text.encode(), "web-size", "web-size.yaml")
    return msgspec.structs.replace(found, text=msgspec.structs.replace(found.text, **more))


def change(address: str = "aws_autoscaling_group.web", *actions: str, **more: Any) -> dict[str, Any]:
    """Return an entry of ``resource_changes``: by default, a group grows from two to three.

    What ``more`` has in common with the members of an entry goes there, all else into its ``change``.
    """
    resource_type, _, name = address.rpartition(".")
    before = {"name": "web", "arn": "arn:1", "desired_capacity": 2, "tags": {"a": "b"}, "token": None}
    entry: dict[str, Any] = {
        "address": address,
        "mode": "managed",
        "type": resource_type,
        "name": name,
        "provider_name": AWS,
        "change": {
            "actions": list(actions) or ["update"],
            "before": before,
            "after": {**before, "desired_capacity": 3},
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": {},
        },
    }
    members = {"mode", "type", "provider_name", "deposed", "previous_address", "module_address", "index"}
    for field, value in more.items():
        (entry if field in members else entry["change"])[field] = value
    return entry


def still(address: str = "aws_autoscaling_group.api") -> dict[str, Any]:
    """Return an entry that does nothing."""
    before = {"name": "api", "arn": "arn:2", "desired_capacity": 2, "tags": None, "token": None}
    return change(address, "no-op", before=before, after=dict(before))


def queue(**more: Any) -> dict[str, Any]:
    """Return the creation of a queue."""
    body = {"before": None, "after": {"name": "jobs", "delay": 0}, "after_unknown": {"id": True, "url": True}}
    return change("aws_sqs_queue.jobs", "create", **{**body, **more})


def capacity(**more: Any) -> dict[str, Any]:
    """Return the change of an output."""
    body = {"actions": ["update"], "before": 2, "after": 3, "after_unknown": False}
    return {**body, "before_sensitive": False, "after_sensitive": False, **more}


class Planned:
    """A plan: members of its JSON, its sources, and fields of its plan file."""

    def __init__(self, *changes: dict[str, Any], source: str = SOURCE, **members: Any) -> None:
        self.source = source
        self.more_sources: dict[str, bytes] = {}
        self.file: dict[str, Any] = {}
        self.json: dict[str, Any] = {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "resource_changes": copy.deepcopy(list(changes)),
            "configuration": _configuration(),
            "applyable": True,
            "complete": True,
            "errored": False,
            **copy.deepcopy(members),
        }

    def plan(self) -> Plan:
        """Return what the JSON says."""
        return read_plan(json.dumps(self.json).encode(), "plan")

    def plan_file(self) -> PlanFile:
        """Return a plan file that says the same."""
        sources = {"tfconfig/m-/main.tf": self.source.encode(), "tfconfig/modules.json": b"[]", **self.more_sources}
        said: dict[str, Any] = {
            "version": 3,
            "terraform_version": "1.11.4",
            "product": Product.TERRAFORM,
            "mode": "normal",
            "backend_type": "local",
            "workspace": "default",
            "backend_config": {},
            "state_store_provider": "",
            "variables": {},
            "timestamp": "",
            "serial": 1,
            "lineage": "l",
            "prior_state": b"{}",
            "members": {},
            "configuration": {},
            "sources": sources,
            "lock_file": None,
            "changes": tuple(map(_of_file, self.json["resource_changes"])),
            "drift": tuple(map(_of_file, self.json.get("resource_drift", []))),
            "outputs": tuple(_output(*item) for item in self.json.get("output_changes", {}).items()),
            **{flag: self.json.get(flag) for flag in ("complete", "applyable")},
            "errored": bool(self.json.get("errored")),
            **self.file,
        }
        empty: dict[str, Any] = {name: () for name in PlanFile.__struct_fields__ if name not in said}
        return PlanFile(**said, **empty)

    def fit(self, found: Pattern | None = None, *, environment: str = "prod", now: str = NOW, **more: Any) -> Fit:
        """Return how the plan fits the pattern."""
        severity = more.get("severity", Severity.LOW)
        return fit(found or pattern(), self.plan(), self.plan_file(), severity, environment, now)


def _of_file(entry: dict[str, Any]) -> FileChange:
    body = entry["change"]
    return FileChange(
        address=entry["address"],
        deposed=entry.get("deposed", ""),
        previous_address=entry.get("previous_address", ""),
        provider=f'provider["{entry["provider_name"]}"]',
        actions=tuple(body["actions"]),
        before=body.get("before"),
        after=body.get("after"),
        before_sensitive=(),
        after_sensitive=(),
        importing=None,
        generated_config="",
        replace_paths=(),
        action_reason="",
        before_identity=None,
        after_identity=None,
    )


def _output(name: str, body: dict[str, Any]) -> FileOutput:
    return FileOutput(name, tuple(body["actions"]), body.get("before"), body.get("after"), sensitive=False)


def _configuration() -> dict[str, Any]:
    constant = {"constant_value": "x"}
    return {
        "provider_config": {"aws": {"name": "aws", "full_name": AWS, "expressions": {"region": constant}}},
        "root_module": {
            "outputs": {"capacity": {"expression": {"references": ["aws_autoscaling_group.web"]}}},
            "resources": [
                {
                    "address": "aws_autoscaling_group.web",
                    "mode": "managed",
                    "type": "aws_autoscaling_group",
                    "name": "web",
                    "expressions": {"name": constant, "desired_capacity": constant, "tags": constant},
                }
            ],
        },
    }


def whys(found: Fit) -> list[str]:
    """Return what is outside, as lines."""
    return [f"{item.address}: {item.why}" for item in found.misfits]


def digest(text: str = TEXT) -> str:
    """Return what signers of the pattern sign."""
    return canonical.digest(text.encode())
