from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.plan.source.removed import RemovedProvisioner, removed_provisioners
from iacgate.plan.source.snapshot import Place, Snapshot

RUN = 'provisioner "local-exec" { when = destroy }'


def native(written: str) -> bytes:
    return f"removed {{\n  from = {written}\n  {RUN}\n}}\n".encode()


def in_json(written: str) -> bytes:
    return json.dumps({"removed": {"from": written, "provisioner": {"local-exec": {"when": "destroy"}}}}).encode()


def addresses(files: dict[str, bytes], module: str = "") -> list[str]:
    return [item.address for item in removed_provisioners(Snapshot({module: files}))]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("aws_x.y", "aws_x.y"),
        ("aws_x . y", "aws_x.y"),
        ("aws_x.y[0]", "aws_x.y"),
        ("module.a", "module.a"),
        ("module.a[0].module.b", "module.a.module.b"),
        ("module.a.aws_x.y", "module.a.aws_x.y"),
        ("module.a.module.b.aws_x.y[1]", "module.a.module.b.aws_x.y"),
        ("module.module.aws_x.module", "module.module.aws_x.module"),
        ("aws_x", ""),
        ("aws_x.y.z", ""),
        ("module.a.y", ""),
        ("data.aws_x.y", ""),
        ("resource.aws_x.y", ""),
    ],
)
def test_what_is_removed_is_understood_or_said_not_to_be(written: str, address: str) -> None:
    assert addresses({"x.tf": native(written)}) == [address]
    assert addresses({"x.tf.json": in_json(written)}) == [address]


@pytest.mark.parametrize("written", ['aws_x.y["k"]', 'module.a["k.l"].aws_x.y', 'aws_x.y["a]b"]'])
def test_keys_of_instances_are_left_out(written: str) -> None:
    assert addresses({"x.tf": native(written)}) == addresses({"x.tf.json": in_json(written)})
    assert addresses({"x.tf": native(written)})[0].endswith("aws_x.y")


@pytest.mark.parametrize("written", ["aws_x /* c */ .y", "(aws_x.y)", "local.x ? aws_x.y : aws_x.z", '"${aws_x.y}"'])
def test_other_expressions_are_not_understood(written: str) -> None:
    assert addresses({"x.tf": native(written)}) == [""]


def test_a_block_that_names_nothing_is_not_understood() -> None:
    assert addresses({"x.tf": f"removed {{\n  {RUN}\n}}\n".encode()}) == [""]
    assert addresses({"x.tf.json": b'{"removed": {"from": 1, "provisioner": {"local-exec": {}}}}'}) == [""]


def test_addresses_in_called_modules_have_their_prefix() -> None:
    assert addresses({"x.tf": native("aws_x.y")}, "module.m.") == ["module.m.aws_x.y"]
    assert addresses({"x.tf": native("module.n")}, "module.m.") == ["module.m.module.n"]


def test_every_provisioner_is_told_with_its_file() -> None:
    source = b'removed {\n  from = a.b\n  provisioner "local-exec" {}\n  provisioner "remote-exec" {}\n}\n'
    snapshot = Snapshot({"": {"x.tf": source, "y.tf": b"removed {\n  from = a.c\n}\n"}})
    assert list(removed_provisioners(snapshot)) == [
        RemovedProvisioner("a.b", "x.tf", "local-exec"),
        RemovedProvisioner("a.b", "x.tf", "remote-exec"),
    ]


@pytest.mark.parametrize(
    ("address", "destroyed", "runs"),
    [
        ("a.b", {"a.b"}, True),
        ("a.b", {"a.bc", "module.m.a.b"}, False),
        ("module.m", {"module.m.a.b"}, True),
        ("module.m", {"module.m.module.n.a.b"}, True),
        ("module.m", {"module.mn.a.b", "a.b"}, False),
        ("", {"a.b"}, True),
        ("", set(), False),
    ],
)
def test_it_runs_where_what_it_belongs_to_is_destroyed(address: str, destroyed: set[str], *, runs: bool) -> None:
    assert RemovedProvisioner(address, "x.tf", "local-exec").runs(destroyed) is runs


def test_what_a_removed_block_names_stands_there() -> None:
    snapshot = Snapshot({"": {"x.tf": b"\n" + native("a.b"), "y.tf": native("(a.c)")}})
    assert snapshot.place("a.b") == Place("x.tf", 2)
    assert snapshot.place("a.c") is None
    assert snapshot.place("y.tf") == Place("y.tf", 1)


@given(st.text('module.data[]"\\ ab0_-/*(){}$\n'))
def test_no_provisioner_is_lost_whatever_the_block_names(written: str) -> None:
    assert len(addresses({"x.tf.json": in_json(written)})) == 1


@given(st.from_regex(re.compile(r'[a-z]\w*( ?\. ?[a-z][\w-]*|\[(\d+|"[^"\\$%\n]*")\])*', re.ASCII), fullmatch=True))
def test_no_provisioner_is_lost_in_the_native_syntax(written: str) -> None:
    snapshot = Snapshot({"": {"x.tf": native(written)}})
    assert snapshot.unread or len(list(removed_provisioners(snapshot))) == 1
