from __future__ import annotations

import json

from iacgate.plan.source.snapshot import Place, Snapshot, from_members

MANIFEST = json.dumps([{"Key": "", "Dir": "."}, {"Key": "net", "Dir": "./modules/net"}, {"Key": "net.sub", "Dir": "x"}])
MEMBERS = {
    "tfconfig/modules.json": MANIFEST.encode(),
    "tfconfig/m-/main.tf": b'resource "a" "b" {\n  x = 1\n  count = 2\n  block {}\n  dynamic "d" {}\n}\n',
    "tfconfig/m-/main_override.tf": b'resource "a" "b" {\n  lifecycle {\n    prevent_destroy = true\n  }\n  y = 1\n}\n',
    "tfconfig/m-net/main.tf": b'\ndata "a" "b" {}\nvariable "v" {}\n',
    "tfconfig/m-net.sub/deep/main.tf": b'resource "a" "b" {}',
    "tfconfig/m-net.sub/README.md": b'resource "no" "source" {',
    "tfstate": b"{}",
}


def test_blocks_of_all_modules_are_found_by_address() -> None:
    snapshot = from_members(MEMBERS)
    assert [address for address, _ in snapshot.resources()] == [
        "a.b",
        "a.b",
        "module.net.data.a.b",
        "module.net.module.sub.a.b",
    ]
    assert [(item.module, item.block.labels) for item in snapshot.of_kind("variable")] == [("module.net.", ("v",))]
    assert snapshot.unread == []


def test_what_is_configured_is_the_union_with_overrides_and_dynamic_blocks() -> None:
    snapshot = from_members(MEMBERS)
    assert snapshot.configured("a.b") == {"x", "y", "block", "d"}
    assert snapshot.configured("a.nothing") == frozenset()
    assert snapshot.lifecycle("a.b", "prevent_destroy") is True
    assert snapshot.lifecycle("a.b", "create_before_destroy") is None


def test_places_are_those_of_the_stack_s_folder() -> None:
    snapshot = from_members(MEMBERS)
    assert snapshot.place("a.b") == Place("main.tf", 1)
    assert snapshot.place("a.b", "x") == Place("main.tf", 2)
    assert snapshot.place("a.b", "d") == Place("main.tf", 5)
    assert snapshot.place("a.b", "y") == Place("main_override.tf", 5)
    assert snapshot.place("a.b", "nothing") == Place("main.tf", 1)
    assert snapshot.place("module.net.data.a.b") == Place("modules/net/main.tf", 2)
    assert snapshot.place("module.net.module.sub.a.b") == Place("x/deep/main.tf", 1)
    assert snapshot.place("a.nothing") is None


def test_what_was_not_understood_is_named() -> None:
    assert Snapshot({"": {"a.tf": b"resource {"}}).unread == ["a.tf"]
    assert from_members({**MEMBERS, "tfconfig/modules.json": b"{"}).place("module.net.data.a.b") == Place("main.tf", 2)
