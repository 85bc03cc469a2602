"""What a plan was made from: where that cannot be told, everything counts."""

from __future__ import annotations

import json

import pytest

from iacgate.plan.source.extent import Extent, assigned, extent

MODULES = [
    {"Key": "", "Dir": "."},
    {"Key": "net", "Source": "../modules/net", "Dir": "../modules/net"},
    {"Key": "vpc", "Source": "example/vpc/aws", "Dir": ".terraform/modules/vpc"},
]
MAIN = b'module "net" {\n  source = "../modules/net"\n}\n'
MEMBERS = {
    "tfconfig/m-/main.tf": MAIN,
    "tfconfig/m-net/main.tf": b"merge(var.all...)",
    "tfconfig/m-vpc/main.tf": b"",
}


def found(*modules: object, **members: bytes) -> Extent | None:
    named = {f"tfconfig/m-/{name}.tf": data for name, data in members.items()}
    return extent({**MEMBERS, **named, "tfconfig/modules.json": json.dumps(modules or MODULES).encode()})


def test_the_folders_of_the_stack_and_its_local_modules() -> None:
    assert found() == Extent((".", "../modules/net"), {"main.tf": MAIN, "../modules/net/main.tf": b"merge(var.all...)"})


@pytest.mark.parametrize(
    "source",
    [
        b'x = file("${path.module}/../x.json")',
        b'x = templatefile("..", {})',
        b'x = file("/builds/x.json")',
        b'x = file( "/builds/x.json")',
        b"x = dirname(path.module)",
        b'x = "${path.cwd}/x"',
        b'data "external" "x" {}',
        b'  provisioner "local-exec" {}',
        b'{"data": {"external": {}}}',
        b'  source = "../x"\n  y = "../z"',
    ],
)
def test_what_reads_elsewhere_may_have_read_anything(source: bytes) -> None:
    assert found(x=source) is None


@pytest.mark.parametrize(
    "source", [b'source = "../x"', b'"source": "../x"', b'x = file("${path.module}/x")', b"x = [for y in z : y...]"]
)
def test_what_stays_in_its_folder_is_known(source: bytes) -> None:
    assert found(x=source) is not None


@pytest.mark.parametrize(
    "modules",
    [
        [MODULES[1]],
        [{"Key": ""}],
        [MODULES[0], MODULES[1]],
        [*MODULES, {"Key": "x", "Source": "/builds/x", "Dir": ".terraform/modules/x"}],
        [*MODULES, {"Key": "x", "Source": "file:///builds/x", "Dir": ".terraform/modules/x"}],
        [*MODULES, {"Key": "x", "Source": "x", "Dir": "/builds/x"}],
        [1],
    ],
)
def test_a_manifest_that_does_not_tell_all(modules: list[object]) -> None:
    assert found(*modules) is None


def test_no_manifest_and_no_sources_tell_nothing() -> None:
    assert extent(MEMBERS) is extent({}) is extent({**MEMBERS, "tfconfig/modules.json": b"{"}) is None
    assert extent({"tfconfig/modules.json": json.dumps(MODULES).encode()}) is None
    assert extent({**MEMBERS, "tfconfig/odd": b"", "tfconfig/modules.json": json.dumps(MODULES).encode()}) is None


def test_what_terraform_loads_by_itself_assigns() -> None:
    files = {
        "terraform.tfvars": b"size = 1\ntags = {\n  inner = 2\n}\n# no = 1\n",
        "b.auto.tfvars": b"count = 2\n",
        "c.auto.tfvars.json": b'{"json": 1}',
        "d.auto.tfvars.json": b"[1]",
        "e.auto.tfvars": b"}\nevil = 1\n",
        "prod.tfvars": b"prod = 1\n",
        "sub/terraform.tfvars": b"sub = 1\n",
    }
    assert assigned(files) == {"size", "tags", "count", "json"}
