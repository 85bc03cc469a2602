"""Changes of many kinds, by name; what each of them is about stands in its name."""

from __future__ import annotations

import json
from typing import Any

from tests.rollback.rehearsing import BOTH, Scenario, Stack


def db(name: str, *lines: str, more: str = "") -> str:
    body = "\n  ".join([f'identifier = "{name}"', *lines])
    return f'resource "aws_db_instance" "{name}" {{\n  {body}\n  {more}\n}}\n'


def data(name: str, value: str, more: str = "") -> str:
    return f'resource "terraform_data" "{name}" {{\n  input = {value}\n  {more}\n}}\n'


def edit_state(stack: Stack, change: Any) -> None:
    """Change the state of a scenario as something that went wrong would have left it."""
    path = stack.root / "terraform.tfstate"
    state = json.loads(path.read_text())
    change(state)
    state["serial"] += 1
    path.write_text(json.dumps(state))


def taint(stack: Stack) -> None:
    stack.workspace.run("taint", "terraform_data.a")


def leave_deposed(stack: Stack) -> None:
    """An old object that a replacement could not delete, which the next plan deletes."""

    def change(state: dict[str, Any]) -> None:
        (found,) = [item for item in state["resources"] if item["name"] == "a"]
        old = json.loads(json.dumps(found["instances"][0]))
        old["deposed"] = "0badc0de"
        old["attributes"]["id"] = "old"
        found["instances"].append(old)

    edit_state(stack, change)


CBD = "lifecycle { create_before_destroy = true }"
KEEP = "lifecycle { prevent_destroy = true }"
MODULE = 'module "net" {\n  source = "./mods/small"\n  size = %d\n}\n'
INSIDE = 'variable "size" { type = number }\n' + data("a", "var.size")
GROUP = 'resource "aws_security_group" "%s" {\n  name = "%s"\n}\n'

RULE = (
    'resource "aws_security_group" "g" {\n  name = "g"\n  ingress = [{ cidr_blocks = ["%s"], description = "x",'
    ' from_port = 1, ipv6_cidr_blocks = [], protocol = "tcp", security_groups = [], self = false, to_port = 2 }]\n}\n'
)

SCENARIOS: dict[str, Scenario] = {
    "create": Scenario(db("a"), db("a") + db("b"), changes={"aws_db_instance.b": ("delete",)}),
    "update": Scenario(
        db("a", 'instance_class = "small"', "allocated_storage = 5"),
        db("a", 'instance_class = "large"', "allocated_storage = 6"),
        changes={"aws_db_instance.a": ("update",)},
    ),
    "delete": Scenario(db("a") + db("b", 'tags = { x = "y" }'), db("a"), changes={"aws_db_instance.b": ("create",)}),
    "replace": Scenario(
        db("a", 'engine = "postgres"') + data("of", "aws_db_instance.a.id"),
        db("a", 'engine = "mysql"') + data("of", "aws_db_instance.a.id"),
        changes={"aws_db_instance.a": ("delete", "create")},
    ),
    "create_before_destroy": Scenario(
        db("a", 'engine = "postgres"', more=CBD) + data("of", "aws_db_instance.a.endpoint", CBD),
        db("a", 'engine = "mysql"', more=CBD) + data("of", "aws_db_instance.a.endpoint", CBD),
        changes={"aws_db_instance.a": ("create", "delete")},
    ),
    "modules": Scenario(
        {"main.tf": MODULE % 5, "mods/small/main.tf": INSIDE},
        {
            "main.tf": MODULE % 6 + data("b", "1"),
            "mods/small/main.tf": INSIDE + data("more", "1"),
        },
        changes={
            "module.net.terraform_data.a": ("update",),
            "module.net.terraform_data.more": ("delete",),
            "terraform_data.b": ("delete",),
        },
    ),
    "a module that is called no longer": Scenario(
        {"main.tf": MODULE % 5, "mods/small/main.tf": INSIDE},
        {"main.tf": data("b", "1")},
        changes={"module.net.terraform_data.a": ("create",), "terraform_data.b": ("delete",)},
    ),
    "for_each": Scenario(
        'resource "aws_s3_bucket" "b" {\n  for_each = toset(["x.y", "q\\"uote", "$${d}"])\n  bucket = "b-${each.key}"\n'
        "}\n",
        'resource "aws_s3_bucket" "b" {\n  for_each = toset(["x.y", "new", "$${d}"])\n  bucket = "b-${each.key}"\n'
        "  force_destroy = true\n}\n",
        changes={'aws_s3_bucket.b["x.y"]': ("update",), 'aws_s3_bucket.b["new"]': ("delete",)},
    ),
    "count grows": Scenario(
        'resource "terraform_data" "b" {\n  count = 2\n  input = "b-${count.index}"\n}\n',
        'resource "terraform_data" "b" {\n  count = 3\n  input = "b-${count.index}"\n}\n',
        changes={"terraform_data.b[2]": ("delete",)},
    ),
    "count shrinks": Scenario(
        'resource "terraform_data" "b" {\n  count = 3\n  input = "b-${count.index}"\n}\n',
        'resource "terraform_data" "b" {\n  count = 1\n  input = "b-${count.index}"\n}\n',
        changes={"terraform_data.b[2]": ("create",), "terraform_data.b[1]": ("create",)},
    ),
    "count appears": Scenario(
        data("a", "1"),
        data("a", "1", "count = 1"),
        changes={"terraform_data.a": ("no-op",)},
    ),
    "sensitive values": Scenario(
        'variable "p" {\n  sensitive = true\n}\n' + db("a", 'password = "old-secret-1"') + data("s", "var.p"),
        'variable "p" {\n  sensitive = true\n}\n' + db("a", 'password = "new-secret-2"') + data("s", '"x-${var.p}"'),
        variables={"TF_VAR_p": "given-secret-3"},
        changes={"aws_db_instance.a": ("update",), "terraform_data.s": ("update",)},
    ),
    "unknown values": Scenario(
        GROUP % ("a", "a") + db("a", "vpc_security_group_ids = [aws_security_group.a.id]"),
        GROUP % ("a", "a")
        + GROUP % ("b", "b")
        + db("a", "vpc_security_group_ids = [aws_security_group.a.id, aws_security_group.b.id]")
        + db("c", "vpc_security_group_ids = [aws_security_group.b.id]"),
        changes={
            "aws_db_instance.a": ("update",),
            "aws_db_instance.c": ("delete",),
            "aws_security_group.b": ("delete",),
        },
    ),
    "a literal becomes a reference": Scenario(
        data("a", '"literal"') + db("b", 'instance_class = "literal"'),
        data("a", '"other"') + db("b", "instance_class = terraform_data.a.output"),
        changes={"aws_db_instance.b": ("update",), "terraform_data.a": ("update",)},
    ),
    "values of any type": Scenario(
        data("a", '{ l = tolist(["x"]), s = toset(["y"]), m = tomap({ k = 1 }), n = null, f = 1.5 }')
        + data("b", '[1, "a", true]'),
        data("a", '{ l = tolist(["x", "z"]), s = toset(["y"]), m = tomap({ k = 2 }), n = null, f = 1e30 }')
        + data("b", '[1, "a", true]'),
        changes={"terraform_data.a": ("update",), "terraform_data.b": ("no-op",)},
    ),
    "blocks in sets": Scenario(RULE % "10.0.0.0/8", RULE % "0.0.0.0/0", changes={"aws_security_group.g": ("update",)}),
    "moved without an overlay": Scenario(
        data("a", "1"),
        data("a", "1").replace('"terraform_data" "a"', '"terraform_data" "b"')
        + "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}\n",
        changes={"terraform_data.a": ("create",), "terraform_data.b": ("delete",)},
    ),
    "moved with an overlay": Scenario(
        data("a", "1"),
        data("a", "1").replace('"terraform_data" "a"', '"terraform_data" "b"')
        + "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}\n",
        overlay={"undo.tf": "moved {\n  from = terraform_data.b\n  to = terraform_data.a\n}\n"},
        changes={"terraform_data.a": ("no-op",)},
    ),
    "moved and changed, with an overlay": Scenario(
        data("a", "5"),
        data("a", "6").replace('"terraform_data" "a"', '"terraform_data" "b"')
        + "moved {\n  from = terraform_data.a\n  to = terraform_data.b\n}\n",
        overlay={"undo.tf": "moved {\n  from = terraform_data.b\n  to = terraform_data.a\n}\n"},
        changes={"terraform_data.a": ("update",)},
    ),
    "imported without an overlay": Scenario(
        db("a"),
        db("a") + db("b") + 'import {\n  to = aws_db_instance.b\n  id = "b"\n}\n',
        changes={"aws_db_instance.b": ("delete",)},
    ),
    "imported with an overlay": Scenario(
        db("a"),
        db("a") + db("b") + 'import {\n  to = aws_db_instance.b\n  id = "b"\n}\n',
        overlay={"undo.tf": "removed {\n  from = aws_db_instance.b\n  lifecycle {\n    destroy = false\n  }\n}\n"},
        changes={"aws_db_instance.b": ("forget",)},
    ),
    "removed and not destroyed, without an overlay": Scenario(
        data("a", "1") + data("b", "1"),
        data("a", "1") + "removed {\n  from = terraform_data.b\n  lifecycle {\n    destroy = false\n  }\n}\n",
        changes={"terraform_data.b": ("create",)},
    ),
    "removed and not destroyed, with an overlay": Scenario(
        db("a") + db("b"),
        db("a") + "removed {\n  from = aws_db_instance.b\n  lifecycle {\n    destroy = false\n  }\n}\n",
        overlay={"undo.tf": 'import {\n  to = aws_db_instance.b\n  id = "b"\n}\n'},
        changes={"aws_db_instance.b": ("no-op",)},
    ),
    "outputs": Scenario(
        db("a") + 'output "same" {\n  value = "x"\n}\noutput "gone" {\n  value = [1, "a"]\n}\n'
        'output "other" {\n  value = { a = aws_db_instance.a.id }\n}\noutput "secret" {\n  value = "old-secret-1"\n'
        "  sensitive = true\n}\n",
        db("a") + db("b") + 'output "same" {\n  value = "x"\n}\noutput "new" {\n  value = aws_db_instance.b.id\n}\n'
        'output "other" {\n  value = { a = aws_db_instance.b.id }\n}\noutput "secret" {\n  value = "new-secret-2"\n'
        "  sensitive = true\n}\n",
        changes={
            "output.same": ("no-op",),
            "output.gone": ("create",),
            "output.new": ("delete",),
            "output.other": ("update",),
            "output.secret": ("update",),
        },
    ),
    "a tainted object": Scenario(
        data("a", "5"),
        data("a", "6"),
        spoil=taint,
        changes={"terraform_data.a": ("update",)},
    ),
    "a deposed object": Scenario(
        data("a", "1") + data("b", "5"),
        data("a", "1") + data("b", "6"),
        spoil=leave_deposed,
        changes={"terraform_data.b": ("update",), "terraform_data.a": ("no-op",)},
    ),
    "another version of a provider": Scenario(
        db("a", "allocated_storage = 5"),
        db("a", "allocated_storage = 6"),
        versions=("1.0.0", "1.1.0"),
        changes={"aws_db_instance.a": ("update",)},
    ),
    "a value that the previous configuration computes anew": Scenario(
        data("a", '"x"') + data("b", "{ of = terraform_data.a.id }"),
        data("a", '"x"', 'triggers_replace = ["1"]') + data("b", "{ of = terraform_data.a.id }"),
        changes={"terraform_data.a": ("delete", "create"), "terraform_data.b": ("update",)},
    ),
    "everything is destroyed": Scenario(
        data("a", "1") + data("b", "terraform_data.a.id") + 'output "o" {\n  value = terraform_data.a.id\n}\n',
        data("a", "1") + data("b", "terraform_data.a.id") + 'output "o" {\n  value = terraform_data.a.id\n}\n',
        forward=("-destroy",),
        changes={"terraform_data.a": ("create",), "terraform_data.b": ("create",), "output.o": ("create",)},
    ),
    "a workspace": Scenario(
        data("a", '"${terraform.workspace}-1"'),
        data("a", '"${terraform.workspace}-2"'),
        workspace="blue",
        changes={"terraform_data.a": ("update",)},
    ),
    "variables from a file": Scenario(
        {"main.tf": 'variable "n" {}\n' + data("a", "var.n"), "terraform.tfvars": 'n = "old"\n'},
        {"main.tf": 'variable "n" {}\n' + data("a", "var.n"), "terraform.tfvars": 'n = "new"\n'},
        changes={"terraform_data.a": ("update",)},
    ),
    "variables from the command line": Scenario(
        {"main.tf": 'variable "n" {\n  type = list(number)\n}\n' + data("a", "var.n")},
        {"main.tf": 'variable "n" {\n  type = list(number)\n}\nvariable "m" {}\n' + data("a", "[var.n, var.m]")},
        variables={"TF_VAR_n": "[1, 2]"},
        forward=("-var=m=${x}",),
        changes={"terraform_data.a": ("update",)},
    ),
    "a file beside the configuration": Scenario(
        {"main.tf": data("a", 'file("${path.module}/words/x.txt")'), "words/x.txt": "old"},
        {"main.tf": data("a", 'file("${path.module}/words/x.txt")'), "words/x.txt": "new"},
        changes={"terraform_data.a": ("update",)},
    ),
    "data sources": Scenario(
        'data "aws_caller_identity" "me" {}\n' + data("a", '"${data.aws_caller_identity.me.account_id}-1"'),
        'data "aws_caller_identity" "me" {}\n' + data("a", '"${data.aws_caller_identity.me.account_id}-2"'),
        changes={"terraform_data.a": ("update",)},
    ),
    "prevent_destroy in the previous configuration": Scenario(
        db("a", 'engine = "postgres"', more=KEEP),
        db("a", 'engine = "mysql"'),
        fails="prevent_destroy",
    ),
    "a newer schema": Scenario(
        db("a", "allocated_storage = 5"),
        db("a", "allocated_storage = 6"),
        versions=("1.1.0", "2.0.0"),
        fails="managed by newer provider version",
    ),
    "a newer schema of something new": Scenario(
        db("a"),
        db("a") + GROUP % ("new", "new"),
        versions=("1.1.0", "2.0.0"),
        forward=("-refresh=false",),
        fails="managed by newer provider version",
    ),
    "a provider configuration that the previous one has not": Scenario(
        db("a"),
        db("a") + 'provider "aws" {\n  alias = "west"\n}\n' + db("b", "provider = aws.west"),
        fails="Provider configuration not present",
    ),
    "a provider that the previous lock file has not": Scenario(
        db("a"),
        {
            "head.tf": BOTH,
            "main.tf": db("a") + 'resource "aws_eip" "b" {\n  provider = other\n  domain = "vpc"\n}\n',
        },
        fails="Provider dependency changes detected",
        step="terraform init",
    ),
}
