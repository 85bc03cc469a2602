from __future__ import annotations

from typing import Any

import pytest

from iacgate.plan.binding import modules, provisioners
from iacgate.plan.configured import configured_attributes
from iacgate.plan.source.merge import add_sources
from iacgate.plan.source.snapshot import Snapshot

SOURCES = {
    "": {
        "main.tf": b"""
resource "a" "b" {
  x = 1
  dynamic "rule" {}
  provisioner "local-exec" {}
}
variable "pw" { sensitive = true }
variable "odd" { ephemeral = var.x }
variable "plain" { sensitive = false }
module "net" {
  source  = "acme/net/aws"
  version = "~> 1.0"
}
"""
    },
    "module.net.": {"main.tf": b'resource "c" "d" { y = 1 }\nephemeral "e" "f" {}'},
}


@pytest.mark.parametrize("shown", [{}, {"root_module": None}, {"root_module": {"resources": {}, "module_calls": []}}])
def test_what_the_json_leaves_out_is_added(shown: dict[str, Any]) -> None:
    add_sources(shown, Snapshot(SOURCES))
    assert configured_attributes(shown) == {"a.b": {"x", "rule"}, "module.net.c.d": {"y"}}
    assert list(provisioners(shown)) == [("a.b", "local-exec")]
    root = shown["root_module"]
    assert root["variables"]["pw"] == {"sensitive": True}
    assert root["variables"]["odd"] == {"ephemeral": True}
    assert root["variables"]["plain"] == {}
    assert (root["module_calls"]["net"]["source"], root["module_calls"]["net"]["version_constraint"]) == (
        "acme/net/aws",
        "~> 1.0",
    )
    inner = dict(modules(shown))["module.net."]
    assert [item["mode"] for item in inner["resources"]] == ["managed", "ephemeral"]


def test_what_the_json_says_stays() -> None:
    resource = {
        "mode": "managed",
        "type": "a",
        "name": "b",
        "provisioners": [{"type": "local-exec"}, {"type": "file"}],
        "expressions": {"x": {"references": ["c.d"]}, "z": {}},
    }
    shown: dict[str, Any] = {"root_module": {"resources": [resource], "variables": {"plain": {"sensitive": True}}}}
    add_sources(shown, Snapshot(SOURCES))
    assert configured_attributes(shown)["a.b"] == {"x", "z", "rule"}
    assert shown["root_module"]["resources"][0]["expressions"]["x"] == {"references": ["c.d"]}
    assert list(provisioners(shown)) == [("a.b", "local-exec"), ("a.b", "file")]
    assert shown["root_module"]["variables"]["plain"] == {"sensitive": True}


def test_an_edited_source_is_the_one_that_counts() -> None:
    shown = {"root_module": {"module_calls": {"net": {"source": "./net", "version_constraint": "1.0.0"}}}}
    add_sources(shown, Snapshot(SOURCES))
    assert shown["root_module"]["module_calls"]["net"] == {
        "source": "acme/net/aws",
        "version_constraint": "~> 1.0",
        "module": {
            "resources": [
                {"mode": "managed", "type": "c", "name": "d", "expressions": {"y": {}}},
                {"mode": "ephemeral", "type": "e", "name": "f", "expressions": {}},
            ]
        },
    }
