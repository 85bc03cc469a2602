"""What a plan was made from: where that cannot be told, everything counts."""

from __future__ import annotations

import json

import pytest

from iacgate.plan.source.extent import Extent, extent, local_files

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
        b"data external x {}",
        b'{"data": {"external": {}}}',
        b'x = file("${path.module}/${local.source}")\nlocals { source = "../shared/x" }',
        b'  source = "${path.module}/../shared/lambda.zip"',
        b'x = file("${path.module}/\\u002e./x")',
        b'x = "..${local.slash}x"',
        b'x = trimsuffix(abspath(path.module), "/stack")',
        b"x = file(local.p)",
        b'x = file( # comment\n"/builds/x")',
        b'x = fileset(path.module, "*")',
        b'x = file("${path.root}/x")',
        b'  source = "../x"',
        b'  source = "../x"\n  y = "../z"',
    ],
)
def test_what_reads_elsewhere_may_have_read_anything(source: bytes) -> None:
    assert found(x=source) is None


@pytest.mark.parametrize(
    "source",
    [
        b'  source = "../modules/net"',
        b'x = file("${path.module}/x.json")',
        b'x = templatefile("${path.module}/files/x.tpl", {})',
        b"x = [for y in z : y...]",
        b'filename = "/aws/lambda/x"',
    ],
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
        [*MODULES, {"Key": "x", "Source": "example/x/aws", "Dir": "../modules/x"}],
        [MODULES[0], {**MODULES[1], "Dir": ".terraform/modules/net"}, MODULES[2]],
        [MODULES[0], {**MODULES[1], "Dir": "../modules/other"}, MODULES[2]],
        [{"Key": "", "Dir": "../other"}, *MODULES[1:]],
        [*MODULES, MODULES[1]],
        [*MODULES, {"Key": "none.x", "Source": "./x", "Dir": "x"}],
        [1],
    ],
)
def test_a_manifest_that_does_not_tell_all(modules: list[object]) -> None:
    assert found(*modules) is None


def test_no_manifest_and_no_sources_tell_nothing() -> None:
    assert extent(MEMBERS) is extent({}) is extent({**MEMBERS, "tfconfig/modules.json": b"{"}) is None
    assert extent({"tfconfig/modules.json": json.dumps(MODULES).encode()}) is None
    assert extent({**MEMBERS, "tfconfig/odd": b"", "tfconfig/modules.json": json.dumps(MODULES).encode()}) is None


def test_a_module_stands_where_its_source_says_seen_from_its_caller() -> None:
    inner = {"Key": "net.inner", "Source": "./inner", "Dir": "../modules/net/inner"}
    assert found(inner, *MODULES) is not None
    assert found(*MODULES, {**inner, "Dir": "../modules/inner"}) is None


def test_a_source_may_be_spelt_longer_than_terraform_records_it() -> None:
    members = {**MEMBERS, "tfconfig/m-/main.tf": MAIN.replace(b"../modules/net", b"../modules/net/")}
    members["tfconfig/modules.json"] = json.dumps(MODULES).encode()
    assert sorted(local_files(members)) == ["../modules/net/main.tf", "main.tf"]


def test_a_local_module_is_not_fetched_because_the_manifest_says_so() -> None:
    """Whoever makes the plan file writes its manifest: the call in the sources tells what the module is."""
    lying = [MODULES[0], {"Key": "net", "Source": "example/net/aws", "Dir": ".terraform/modules/net"}, MODULES[2]]
    members = {**MEMBERS, "tfconfig/modules.json": json.dumps(lying).encode()}
    assert extent(members) is None
    assert "(module net)/main.tf" in local_files(members)


def test_local_files_are_those_of_the_repository() -> None:
    members = {**MEMBERS, "tfconfig/modules.json": json.dumps(MODULES).encode()}
    assert sorted(local_files(members)) == ["../modules/net/main.tf", "main.tf"]
    lying = [MODULES[0], {**MODULES[1], "Dir": ".terraform/modules/net"}, MODULES[2]]
    members["tfconfig/modules.json"] = json.dumps(lying).encode()
    assert sorted(local_files(members)) == ["(module net)/main.tf", "(module vpc)/main.tf", "main.tf"]
