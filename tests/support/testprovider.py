"""A provider program named ``aws`` that real Terraform can plan and apply with, offline.

It keeps nothing and calls nobody: an object exists because the state says so. What the
cloud would invent (ids, ARNs, addresses) is derived from the configured name, so that a
plan made twice says the same twice.

:mod:`tests.support.terraform` installs a copy of this file as the provider executable, with
a shebang before it, and ``VERSION`` and ``SCHEMA`` replaced; it must therefore import nothing of the project.
"""

# ruff: noqa: ARG002 (the library hands over more than a provider without a cloud needs)

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tf import runner, types
from tf.iface import DataSource, Provider, Resource
from tf.schema import Attribute, Schema

VERSION = "0.0.0"
SCHEMA = 0
ACCOUNT = "123456789012"
CALLS = "IACGATE_TEST_CALLS"
"""The environment variable that names a file: in it stands, a line each, what objects were asked to do."""

State = dict[str, Any]


def called(name: str) -> None:
    """Write down that something is done with an object, where somebody wants to know."""
    if os.environ.get(CALLS):
        with open(os.environ[CALLS], "a", encoding="utf-8") as stream:  # noqa: PTH123 - as little as can be
            stream.write(f"{name}\n")


class Object(types.TfType):  # type: ignore[misc]  # the library ships no types
    """A nested object with a fixed set of attributes, which the library itself lacks."""

    def __init__(self, /, **members: types.TfType) -> None:
        self.members = members

    def encode(self, value: Any) -> Any:
        """Return the wire form of an object; null and unknown stay what they are."""
        return value if not isinstance(value, dict) else {k: t.encode(value[k]) for k, t in self.members.items()}

    def decode(self, value: Any) -> Any:
        """Return the Python form of an object."""
        return value if not isinstance(value, dict) else {k: t.decode(value[k]) for k, t in self.members.items()}

    def tf_type(self) -> bytes:
        """Return the type as Terraform spells it."""
        members = ",".join(f'"{name}":{kind.tf_type().decode()}' for name, kind in sorted(self.members.items()))
        return b'["object",{%s}]' % members.encode()


TEXT, FLAG, NUMBER, TEXTS = types.String(), types.Bool(), types.Number(), types.List(types.String())
RULES = types.Set(
    Object(
        cidr_blocks=TEXTS,
        description=TEXT,
        from_port=NUMBER,
        ipv6_cidr_blocks=TEXTS,
        protocol=TEXT,
        security_groups=types.Set(TEXT),
        self=FLAG,
        to_port=NUMBER,
    )
)


def needs(name: str, kind: types.TfType = TEXT, *, replaces: bool = False) -> Attribute:
    """Return an attribute that must be configured."""
    return Attribute(name, kind, required=True, requires_replace=replaces)


def may(name: str, kind: types.TfType = TEXT, *, replaces: bool = False, sensitive: bool = False) -> Attribute:
    """Return an attribute that may be configured."""
    return Attribute(name, kind, optional=True, requires_replace=replaces, sensitive=sensitive)


def told(name: str) -> Attribute:
    """Return an attribute that is known only once the object exists."""
    return Attribute(name, TEXT, computed=True)


@dataclass(frozen=True)
class Kind:
    """What there is to say about one type of resource.

    Attributes:
        name: the type, without the provider's prefix.
        key: the attribute that names an object, which is also what imports go by.
        attributes: what a configuration says.
        told: what the cloud says, by attribute; ``{key}`` stands for the name.
    """

    name: str
    key: str
    attributes: tuple[Attribute, ...]
    told: Mapping[str, str]


class Remembered(Resource):  # type: ignore[misc]  # the library ships no types
    """A resource that is whatever the plan says, with what the cloud says filled in."""

    KIND: ClassVar[Kind]

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @classmethod
    def get_name(cls) -> str:
        return cls.KIND.name

    @classmethod
    def get_schema(cls) -> Schema:
        tags = may("tags", types.Map(TEXT))
        return Schema(version=SCHEMA, attributes=[*cls.KIND.attributes, tags, *map(told, cls.KIND.told)])

    def _told(self, key: str) -> State:
        return {name: text.format(key=key) for name, text in self.KIND.told.items()}

    def create(self, ctx: Any, planned: State) -> State:
        called("create")
        return {**planned, **self._told(planned[self.KIND.key])}

    def read(self, ctx: Any, current: State) -> State:
        called("read")
        return current

    def update(self, ctx: Any, current: State, planned: State) -> State:
        called("update")
        return self.create(ctx, planned)

    def delete(self, ctx: Any, current: State) -> None:
        called("delete")
        if current.get("deletion_protection"):
            ctx.diagnostics.add_error("Cannot delete protected DB Instance", "Disable deletion protection first.")

    def import_(self, ctx: Any, id: str) -> State:  # noqa: A002 (the library's own name)
        called("import")
        empty = {attribute.name: None for attribute in self.get_schema().attributes}
        return {**empty, **self._told(id), self.KIND.key: id}

    def upgrade(self, ctx: Any, version: int, old: State) -> State:
        return old


class DbInstance(Remembered):
    """A database: a secret, something that cannot change in place, and two guards."""

    KIND = Kind(
        "db_instance",
        "identifier",
        (
            needs("identifier", replaces=True),
            may("engine", replaces=True),
            may("engine_version"),
            may("instance_class"),
            may("allocated_storage", NUMBER),
            may("password", sensitive=True),
            may("publicly_accessible", FLAG),
            may("storage_encrypted", FLAG, replaces=True),
            may("backup_retention_period", NUMBER),
            may("deletion_protection", FLAG),
            may("skip_final_snapshot", FLAG),
            may("final_snapshot_identifier"),
            may("vpc_security_group_ids", types.Set(TEXT)),
        ),
        {
            "id": "db-{key}",
            "arn": f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:{{key}}",
            "endpoint": "{key}.db.example.com:5432",
        },
    )


class SecurityGroup(Remembered):
    """A firewall: ``ingress`` and ``egress`` take blocks or lists of objects, as with AWS."""

    KIND = Kind(
        "security_group",
        "name",
        (
            needs("name", replaces=True),
            may("description", replaces=True),
            may("ingress", RULES),
            may("egress", RULES),
        ),
        {"id": "sg-{key}", "arn": f"arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/sg-{{key}}"},
    )


class S3Bucket(Remembered):
    """A bucket; ``force_destroy`` decides whether its content goes with it."""

    KIND = Kind(
        "s3_bucket",
        "bucket",
        (needs("bucket", replaces=True), may("force_destroy", FLAG)),
        {"id": "{key}", "arn": "arn:aws:s3:::{key}"},
    )


class IamPolicy(Remembered):
    """A policy, whose document is a string that holds JSON."""

    KIND = Kind(
        "iam_policy",
        "name",
        (needs("name", replaces=True), needs("policy"), may("description", replaces=True)),
        {"id": f"arn:aws:iam::{ACCOUNT}:policy/{{key}}", "arn": f"arn:aws:iam::{ACCOUNT}:policy/{{key}}"},
    )


class Eip(Remembered):
    """An address that nobody knows before it is there."""

    KIND = Kind(
        "eip", "domain", (needs("domain", replaces=True),), {"id": "eipalloc-{key}", "public_ip": "203.0.113.7"}
    )


class CallerIdentity(DataSource):  # type: ignore[misc]  # the library ships no types
    """Who is asking: the one data source, always with the same answer."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @classmethod
    def get_name(cls) -> str:
        return "caller_identity"

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema(attributes=[told("account_id"), told("id")])

    def read(self, ctx: Any, config: State) -> State:
        return {"account_id": ACCOUNT, "id": ACCOUNT}


class Aws(Provider):  # type: ignore[misc]  # the library ships no types
    """The provider: a region, five kinds of resource, one data source."""

    def get_model_prefix(self) -> str:
        return "aws_"

    def full_name(self) -> str:
        return "registry.terraform.io/hashicorp/aws"

    def get_provider_schema(self, diags: Any) -> Schema:
        return Schema(attributes=[may("region"), may("access_key", sensitive=True)])

    def validate_config(self, diags: Any, config: State) -> None:
        """Accept everything."""

    def configure_provider(self, diags: Any, config: State) -> None:
        """Connect to nothing."""

    def get_resources(self) -> list[type[Resource]]:
        return [DbInstance, SecurityGroup, S3Bucket, IamPolicy, Eip]

    def get_data_sources(self) -> list[type[DataSource]]:
        return [CallerIdentity]


if __name__ == "__main__":
    runner.run_provider(Aws(), sys.argv)
