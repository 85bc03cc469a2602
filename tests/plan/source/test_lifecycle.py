from __future__ import annotations

import pytest

from iacgate.plan.source.lifecycle import Lifted, lifted
from iacgate.plan.source.snapshot import Snapshot

PROTECTED = 'resource "a" "b" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'


def sources(text: str, **more: str) -> Snapshot:
    files = {"main.tf": text, **{f"{name}.tf": content for name, content in more.items()}}
    return Snapshot({"": {name: content.encode() for name, content in files.items()}})


@pytest.mark.parametrize(
    ("after", "how"),
    [
        ('resource "a" "b" {}', "removed"),
        ('resource "a" "b" {\n  lifecycle {}\n}', "removed"),
        (PROTECTED.replace("true", "false"), "off"),
        ('resource "a" "c" {}', "resource-removed"),
        (PROTECTED.replace("true", "var.protect"), "removed"),
    ],
)
def test_protection_that_is_gone_is_found(after: str, how: str) -> None:
    assert list(lifted(sources(PROTECTED), sources(after))) == [Lifted("a.b", how)]


def test_protection_that_stays_or_never_was_is_not() -> None:
    assert list(lifted(sources(PROTECTED), sources(PROTECTED))) == []
    assert list(lifted(sources('resource "a" "b" {}'), sources(""))) == []
    assert list(lifted(sources(PROTECTED.replace("true", "false")), sources(""))) == []
    assert list(lifted(sources(PROTECTED.replace("true", "var.x")), sources(""))) == []


def test_an_override_file_has_the_last_word() -> None:
    off = PROTECTED.replace("true", "false")
    assert list(lifted(sources(PROTECTED, z_override=off), sources(""))) == []
    assert list(lifted(sources(PROTECTED), sources(PROTECTED, z_override=off))) == [Lifted("a.b", "off")]
    assert list(lifted(sources(PROTECTED), sources(PROTECTED, a_override=off))) == [Lifted("a.b", "off")]
    assert list(lifted(sources(PROTECTED), sources(off, a_override=PROTECTED))) == []


def test_json_sources_are_compared_too() -> None:
    text = b'{"resource": {"a": {"b": {"lifecycle": {"prevent_destroy": true}}}}}'
    assert list(lifted(Snapshot({"module.m.": {"x.tf.json": text}}), Snapshot({}))) == [
        Lifted("module.m.a.b", "resource-removed")
    ]
