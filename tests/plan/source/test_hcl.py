from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.plan.source.hcl import MAX_FILE, Attribute, parse

NATIVE = b"""\
# a comment: resource "x" "y" {}
resource "aws_security_group" "web" {
  name     = "web"
  internal = true
  tags     = { a = "b" }
  text     = "x${var.a}"

  dynamic "ingress" {
    for_each = var.rules
    content { from_port = 1 }
  }
  provisioner "local-exec" {
    command = <<EOT
  } resource "trap" "trap" {
EOT
  }
  lifecycle {
    prevent_destroy = true
  }
}
variable pw { sensitive = true }
"""


def test_native_syntax() -> None:
    parsed = parse("main.tf", NATIVE)
    assert parsed.whole
    group, variable = parsed.blocks
    assert (group.kind, group.labels, group.line) == ("resource", ("aws_security_group", "web"), 2)
    assert group.attributes == {
        "name": Attribute(3, "web"),
        "internal": Attribute(4, True),
        "tags": Attribute(5, None),
        "text": Attribute(6, None),
    }
    assert [(block.kind, block.labels, block.line) for block in group.blocks] == [
        ("dynamic", ("ingress",), 8),
        ("provisioner", ("local-exec",), 12),
        ("lifecycle", (), 17),
    ]
    assert [block.literal("prevent_destroy") for block in group.of_kind("lifecycle")] == [True]
    assert (variable.kind, variable.labels, variable.literal("sensitive")) == ("variable", ("pw",), True)


def test_json_syntax() -> None:
    content = {
        "//": "a comment",
        "resource": {
            "aws_security_group": {
                "web": {
                    "name": "web",
                    "text": "x${var.a}",
                    "dynamic": {"ingress": {"for_each": "${var.rules}"}},
                    "provisioner": [{"local-exec": {"command": "x"}}],
                    "lifecycle": {"prevent_destroy": True},
                }
            }
        },
        "variable": [{"pw": {"sensitive": True}}],
    }
    parsed = parse("main.tf.json", json.dumps(content, indent=1).encode())
    assert parsed.whole
    group, variable = parsed.blocks
    assert (group.kind, group.labels, group.line) == ("resource", ("aws_security_group", "web"), 5)
    assert group.attributes == {"name": Attribute(6, "web"), "text": Attribute(7, None)}
    assert sorted((block.kind, block.labels) for block in group.blocks) == [
        ("dynamic", ("ingress",)),
        ("lifecycle", ()),
        ("provisioner", ("local-exec",)),
    ]
    assert (variable.labels, variable.literal("sensitive")) == (("pw",), True)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("main.tf", b'resource "a" "b" {'),
        ("main.tf", b"{" * 1000),
        ("main.tf", b"\xff\xfe"),
        ("main.tf.json", b"["),
        ("main.tf.json", b"[]"),
        ("main.tf.json", b'{"resource":{},"resource":{}}'),
        ("main.tf", b" " * (MAX_FILE + 1)),
    ],
)
def test_what_was_not_understood_is_said(path: str, data: bytes) -> None:
    assert not parse(path, data).whole


def test_what_only_names_something_keeps_its_text() -> None:
    source = b'a {\n  b = aws_x.y["k"].z\n  c = aws_x . y\n  d = aws_x.y + 1\n  e = "aws_x.y"\n  f = 1.5\n}\n'
    (block,) = parse("main.tf", source).blocks
    texts = {name: item.reference for name, item in block.attributes.items()}
    assert texts == {"b": 'aws_x.y["k"].z', "c": "aws_x . y", "d": "", "e": "", "f": ""}


def test_labels_are_read_as_terraform_reads_them() -> None:
    source = rb'a "local\u002dexec" "x\U0000002dy" "\Uffffffff" {}'
    assert parse("main.tf", source).blocks[0].labels == ("local-exec", "x-y", r"\Uffffffff")


@pytest.mark.parametrize("inner", [{"local-exec": {"command": "x"}}, [{"local-exec": [{"command": "x"}]}]])
def test_removed_blocks_are_read_in_the_json_syntax(inner: Any) -> None:
    content = {"removed": [{"from": "a.b", "lifecycle": {"destroy": True}, "provisioner": inner}]}
    (block,) = parse("main.tf.json", json.dumps(content).encode()).blocks
    assert (block.kind, block.labels, block.literal("from")) == ("removed", (), "a.b")
    assert [item.labels for item in block.of_kind("provisioner")] == [("local-exec",)]


def test_numbers_with_exponents_are_understood() -> None:
    parsed = parse("main.tf", b'resource "a" "b" {\n  x = 1e300\n  y = 1.5E+3\n  z = -2e-3\n}\n')
    assert parsed.whole
    assert [(name, item.line) for name, item in parsed.blocks[0].attributes.items()] == [("x", 2), ("y", 3), ("z", 4)]


def test_an_empty_file_is_whole() -> None:
    assert parse("main.tf", b"").whole
    assert parse("main.tf.json", b"{}").whole


@given(st.sampled_from(["main.tf", "main.tf.json"]), st.one_of(st.binary(), st.text('ab{}"= \n$%[]').map(str.encode)))
def test_whatever_stands_in_a_file_is_read_or_said(path: str, data: bytes) -> None:
    parse(path, data)


def test_functions_are_found_wherever_they_are_called() -> None:
    source = b"""
locals {
  a = "x ${core::templatefile ( "t", {})}"
  b = file /* a comment */ ("x")
  c = "file(not a call)"
  # filebase64("x")
  d = <<EOT
${ fileexists("y") }
EOT
}
"""
    assert parse("main.tf", source).functions == {"templatefile", "file", "fileexists"}
    hidden = b'{"locals":{"a":"${\\u0066ile(x)}","b":"filemd5(x)"}}'
    found = parse("main.tf.json", hidden).functions
    assert "file" in found
    assert "filemd5" not in found
