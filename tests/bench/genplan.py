"""Large plans, in the form and order in which Terraform prints them; the same seed gives the same bytes.

A tenth of the resources is of each of ten AWS types, about 4.4 kB of JSON each. Of all
changes 70 % do nothing, 20 % update, 7 % create, 2 % delete and 1 % replace.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

PROVIDER: Final = "registry.terraform.io/hashicorp/aws"
ARN: Final = "arn:aws:{}:eu-central-1:123456789012:{}"
PER_MODULE: Final = 250
COMPUTED: Final = frozenset({"id", "arn", "tags_all", "endpoint", "unique_id"})


def policy(*actions: str) -> str:
    """Return an IAM document that allows some actions."""
    statement = {"Action": list(actions), "Effect": "Allow", "Resource": "arn:aws:s3:::data/*", "Sid": "Main"}
    return json.dumps({"Statement": [statement], "Version": "2012-10-17"}, separators=(",", ":"))


def ingress(*cidrs: str, port: int = 443) -> dict[str, Any]:
    """Return one rule of a security group."""
    rule: dict[str, Any] = {"cidr_blocks": list(cidrs), "description": "from the office", "from_port": port}
    return rule | {"ipv6_cidr_blocks": [], "protocol": "tcp", "security_groups": [], "self": False, "to_port": port}


TYPES: Final[dict[str, dict[str, Any]]] = {
    "aws_cloudwatch_log_group": {
        "kms_key_id": ARN.format("kms", "key/a"),
        "retention_in_days": 30,
        "skip_destroy": False,
    },
    "aws_db_instance": {
        "allocated_storage": 200,
        "backup_retention_period": 14,
        "deletion_protection": True,
        "engine": "postgres",
        "engine_version": "16.3",
        "instance_class": "db.r6g.large",
        "multi_az": True,
        "password": "not-a-real-password",
        "publicly_accessible": False,
        "skip_final_snapshot": False,
        "storage_encrypted": True,
    },
    "aws_dynamodb_table": {
        "billing_mode": "PAY_PER_REQUEST",
        "deletion_protection_enabled": True,
        "hash_key": "pk",
        "point_in_time_recovery": [{"enabled": True}],
        "server_side_encryption": [{"enabled": True, "kms_key_arn": ARN.format("kms", "key/a")}],
    },
    "aws_iam_policy": {"description": "what the application may do", "path": "/", "policy": policy("s3:GetObject")},
    "aws_iam_role": {
        "assume_role_policy": policy("sts:AssumeRole"),
        "max_session_duration": 3600,
        "permissions_boundary": "",
    },
    "aws_instance": {
        "ami": "ami-0abc1234def567890",
        "associate_public_ip_address": False,
        "disable_api_termination": True,
        "instance_type": "m6i.large",
        "metadata_options": [{"http_endpoint": "enabled", "http_tokens": "required"}],
        "root_block_device": [{"encrypted": True, "iops": 3000, "volume_size": 50, "volume_type": "gp3"}],
    },
    "aws_lambda_function": {
        "environment": [{"variables": {"LOG_LEVEL": "info", "TABLE": "orders"}}],
        "handler": "app.handler",
        "memory_size": 512,
        "role": ARN.format("iam", "role/app"),
        "runtime": "python3.12",
        "timeout": 30,
    },
    "aws_s3_bucket": {
        "acl": None,
        "force_destroy": False,
        "grant": [],
        "policy": "",
        "versioning": [{"enabled": True}],
    },
    "aws_security_group": {
        "description": "managed",
        "egress": [ingress("0.0.0.0/0")],
        "ingress": [ingress("10.0.0.0/8"), ingress("10.1.0.0/16", port=8080)],
    },
    "aws_subnet": {"cidr_block": "10.0.1.0/24", "map_public_ip_on_launch": False, "vpc_id": "vpc-0123456789abcdef0"},
}
FORCING: Final = "name"
FILLER: Final[tuple[Any, ...]] = (
    *(None, False, "", [], 0, True, None, "default", "eu-central-1a", 443, False, [], None, "subnet-0123456789abcdef0"),
    *(
        [{"enabled": False, "mode": "PassThrough"}],
        ["sg-0123456789abcdef0", "sg-0fedcba9876543210"],
        {},
        "Z1BKCTXD74EZPE",
    ),
    *([{"days": 30, "enabled": True, "id": "expire", "prefix": "", "transition": []}], "2026-01-01T00:00:00Z"),
)
"""What most attributes of real resources are: null, off, empty, short."""


def resource(number: int) -> tuple[str, dict[str, Any]]:
    """Return the type and the attributes of one resource."""
    kind = sorted(TYPES)[number % len(TYPES)]
    tags = {
        "cost-center": f"cc-{number % 9}",
        "env": "prod",
        "name": f"resource-{number}",
        "team": f"team-{number % 17}",
    }
    filler = {f"setting_{index}": FILLER[(number + index) % len(FILLER)] for index in range(14)}
    ids = {
        "arn": ARN.format(kind.split("_")[1], f"{kind}/{number}"),
        "id": f"{kind}-{number:08x}",
        "name": f"r-{number}",
    }
    return kind, dict(
        sorted({**TYPES[kind], **filler, **ids, "tags": tags, "tags_all": tags, "timeouts": None}.items())
    )


def changed(kind: str, values: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return the attributes after an update: always a tag, sometimes what rules look for."""
    after = {**values, "tags": {**values["tags"], "version": "2"}, "tags_all": {**values["tags"], "version": "2"}}
    if rng.random() < 0.25:
        more: dict[str, dict[str, Any]] = {
            "aws_db_instance": {"deletion_protection": False},
            "aws_iam_policy": {"policy": policy("*")},
            "aws_security_group": {"ingress": [*values.get("ingress", []), ingress("0.0.0.0/0", port=22)]},
        }
        after |= more.get(kind, {})
    return after


def shape(values: dict[str, Any], *, computed: bool) -> dict[str, Any]:
    """Return a mask as Terraform prints it: containers stay, scalars go, computed attributes are true."""
    mask: dict[str, Any] = {name: True for name in sorted(COMPUTED) if computed and name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            mask.setdefault(name, {})
        elif isinstance(value, list) and value:
            mask.setdefault(name, [{} if isinstance(item, dict) else False for item in value])
    return dict(sorted(mask.items()))


class Entry:
    """One resource: its change, and its values in the planned and the prior state."""

    def __init__(self, number: int, action: str, rng: random.Random) -> None:
        kind, before = resource(number)
        module = f'module.team["t{number // PER_MODULE:04d}"]'
        address = f'{module}.{kind}.this["r{number}"]'
        after = changed(kind, before, rng) if action != "no-op" else before
        if action in ("create", "replace"):
            after = {name: value for name, value in after.items() if name not in COMPUTED}
        sensitive = {"password": True} if kind == "aws_db_instance" else {}
        body: dict[str, Any] = {
            "actions": ["delete", "create"] if action == "replace" else [action],
            "before": None if action == "create" else before,
            "after": None if action == "delete" else after,
            "after_unknown": shape(before, computed=action in ("create", "replace")) if action != "no-op" else {},
            "before_sensitive": False if action == "create" else shape(before, computed=False) | sensitive,
            "after_sensitive": False if action == "delete" else shape(after, computed=False) | sensitive,
        }
        if action == "replace":
            body["replace_paths"] = [[FORCING]]
        where = {"mode": "managed", "type": kind, "name": "this", "index": f"r{number}", "provider_name": PROVIDER}
        self.module = module
        self.change = {"address": address, "module_address": module, **where, "change": body}
        if action in ("delete", "replace"):
            reason = "delete_because_no_resource_config" if action == "delete" else "replace_because_cannot_update"
            self.change["action_reason"] = reason
        self.planned = (
            None if body["after"] is None else {"address": address, **where, "schema_version": 1, "values": after}
        )
        self.prior = (
            None if body["before"] is None else {"address": address, **where, "schema_version": 1, "values": before}
        )


def entries(count: int, seed: int) -> Iterator[Entry]:
    """Yield the resources of a plan, one at a time."""
    for number in range(count):
        rng = random.Random(seed * 1_000_003 + number)
        (action,) = rng.choices(["no-op", "update", "create", "delete", "replace"], [70, 20, 7, 2, 1])
        yield Entry(number, action, rng)


def configuration() -> dict[str, Any]:
    """Return the configuration: one module call, one resource of each type in it."""
    resources = [
        {
            "address": f"{kind}.this",
            "mode": "managed",
            "type": kind,
            "name": "this",
            "provider_config_key": "aws",
            "expressions": {name: {"references": [f"each.value.{name}", "each.value"]} for name in sorted(values)},
            "schema_version": 1,
            "for_each_expression": {"references": ["var.items"]},
        }
        for kind, values in sorted(TYPES.items())
    ]
    call = {
        "source": "./team",
        "expressions": {"items": {"references": ["each.value"]}},
        "module": {"resources": resources},
    }
    provider = {"name": "aws", "full_name": PROVIDER, "version_constraint": "~> 5.0"}
    return {"provider_config": {"aws": provider}, "root_module": {"module_calls": {"team": call}}}


def write_plan(path: Path, count: int, seed: int = 7) -> None:
    """Write the JSON of a plan of so many resources; memory stays flat."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(
            '{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{"root_module":{"child_modules":['
        )
        _write_modules(stream, count, seed, "planned")
        stream.write(']}},"resource_changes":[')
        for index, entry in enumerate(entries(count, seed)):
            stream.write("," * (index > 0) + _json(entry.change))
        stream.write('],"prior_state":{"format_version":"1.0","values":{"root_module":{"child_modules":[')
        _write_modules(stream, count, seed, "prior")
        stream.write(f']}}}}}},"configuration":{_json(configuration())},"timestamp":"2026-01-01T00:00:00Z",')
        stream.write('"applyable":true,"complete":true,"errored":false}\n')


def _write_modules(stream: IO[str], count: int, seed: int, which: str) -> None:
    module, first = "", True
    for entry in entries(count, seed):
        values = getattr(entry, which)
        if entry.module != module:
            stream.write("]}," * bool(module) + '{"resources":[')
            module, first = entry.module, True
        if values is not None:
            stream.write("," * (not first) + _json(values))
            first = False
    stream.write(f'],"address":{_json(module)}}}' * bool(module))


def _json(value: Any) -> str:
    """Return compact JSON with the escapes that Go writes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
