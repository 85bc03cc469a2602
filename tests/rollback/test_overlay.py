from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.plan.source.hcl import parse
from iacgate.rollback.hcltext import MAX_ADDRESS, quoted, written_address
from iacgate.rollback.overlay import FILL_IN, Surroundings, block_of, overlay_text
from iacgate.rollback.verdict import Undo
from iacgate.vocabulary import Action, Reversibility
from tests.support.terraform import install, terraform_or_skip

HOSTILE = [
    "${path.cwd}",
    "%{ if true }x%{ endif }",
    "$${a}",
    "$$${a}",
    "$",
    "a$",
    "%%{",
    "$%{",
    '"\n}\nresource "a" "b" {',
    "back\\slash\\",
    "tab\tnewline\nreturn\r",
    "\x00\x07\x1b[2J",
    "\u202egnp.exe\u2066",
    "\u2028\u2029\ufeff",
    "\U0001f600\U000e0041",
    "caf\u00e9 \u65e5\u672c",
    "",
]


def undo(**values: Any) -> Undo:
    fields: dict[str, Any] = {
        "address": "a.new",
        "type": "a",
        "action": Action.NO_OP,
        "verdict": Reversibility.REVERSIBLE,
        "inverse": "move",
        "overlay": True,
    }
    return Undo(**{**fields, **values})


def around(
    declares: Callable[[str], bool | None] = lambda _: None, instances: int = 1, imported: int = 1
) -> Surroundings:
    return Surroundings(declares, lambda _: instances, lambda _: imported, "terraform")


def has(*addresses: str) -> Callable[[str], bool | None]:
    return lambda address: address in addresses


def text_of(found: Undo, surroundings: Surroundings | None = None) -> str:
    return overlay_text([block_of(found, surroundings or around())])


def only_comments(text: str) -> bool:
    return all(not line or line.startswith("#") for line in text.split("\n"))


@pytest.mark.parametrize(
    "address",
    [
        "aws_s3_bucket.a",
        "aws_s3_bucket.a[0]",
        'aws_s3_bucket.a["x.y[0]"]',
        "module.a.aws_s3_bucket.b-c",
        'module.a["k"].module.b[3].aws_s3_bucket.c["\\"}\\n"]',
        'a.b["$${x}"]',
        'a.b["%%{x}"]',
        "a.\u00fcber",
        "a.resource",
    ],
)
def test_an_address_is_written_as_terraform_writes_it(address: str) -> None:
    assert written_address(address) == address


@pytest.mark.parametrize(("address", "written"), [('a.b["${x}"]', 'a.b["$${x}"]'), ('a.b["\u202e"]', 'a.b["\\u202e"]')])
def test_a_key_is_quoted_anew(address: str, written: str) -> None:
    assert written_address(address) == written


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a.b.c",
        "a.",
        ".a",
        "a..b",
        "a.b[",
        "a.b[x]",
        "a.b[-1]",
        'a.b["x]',
        'a.b["x"]y',
        'a.b["\\x"]',
        'a.b["\\ud800"]',
        "a.b\n}",
        "a b.c",
        "a.b c",
        "a.1",
        "a.-b",
        "a.b}",
        "a[0].b",
        "data.a.b",
        "data.a",
        "local.a",
        "var.a",
        "resource.a",
        "module.a",
        "module.a.b",
        "modul.a.b.c",
        "module[0].a.b.c",
        "a.${x}",
        "a.(sensitive value)",
        "a.b" * MAX_ADDRESS,
    ],
)
def test_what_is_no_address_of_a_resource_is_not_written(address: str) -> None:
    assert written_address(address) == ""


@given(st.text())
def test_whatever_the_key_is_the_block_stays_one_block(key: str) -> None:
    address = f"a.b[{quoted(key)}]"
    text = text_of(undo(address=address, previous_address="a.c"))
    parsed = parse("overlay.tf", text.encode())
    assert parsed.whole
    assert [block.kind for block in parsed.blocks] == ["moved"]
    assert parsed.blocks[0].attributes.keys() == {"from", "to"}


@given(st.text(), st.text())
def test_whatever_address_a_plan_has_the_overlay_stays_blocks_of_its_three_kinds(address: str, previous: str) -> None:
    found = [
        undo(address=address, previous_address=previous or "a.b"),
        undo(address=address, inverse="remove"),
        undo(address=address, action=Action.FORGET, inverse="import", import_id=previous),
    ]
    text = overlay_text([block_of(item, around()) for item in found])
    parsed = parse("overlay.tf", text.encode())
    assert parsed.whole
    assert {block.kind for block in parsed.blocks} <= {"moved", "removed", "import"}


def test_terraform_reads_back_exactly_what_is_quoted(tmp_path: Path) -> None:
    workspace = install(tmp_path / "installed", terraform=terraform_or_skip(), sources=()).workspace(tmp_path / "stack")
    lines = [f"output o{index} {{\n  value = {quoted(text)}\n}}\n" for index, text in enumerate(HOSTILE)]
    workspace.write_files({"main.tf": "".join(lines)})
    workspace.init()
    found = json.loads(workspace.show_json(workspace.plan()))["planned_values"]["outputs"]
    assert [found[f"o{index}"]["value"] for index in range(len(HOSTILE))] == HOSTILE


def test_each_block_says_why_it_is_there() -> None:
    text = overlay_text(
        [
            block_of(undo(previous_address="a.old"), around()),
            block_of(undo(address="a.found", inverse="remove"), around()),
            block_of(undo(address="a.left", action=Action.FORGET, inverse="import", import_id="i-1"), around()),
        ]
    )
    assert text == (
        "# What the previous configuration needs beside it, so that applying it undoes the plan and destroys nothing"
        " else.\n"
        "# Written by `iacgate rollback plan`. Take this file away again once it was applied.\n"
        "\n"
        "# a.new was moved from a.old: without this, it would be destroyed and made anew.\n"
        "moved {\n  from = a.new\n  to   = a.old\n}\n"
        "\n"
        "# a.found was imported: without this, it would be deleted.\n"
        "removed {\n  from = a.found\n\n  lifecycle {\n    destroy = false\n  }\n}\n"
        "\n"
        "# a.left was forgotten and stays: without this, a second one would be made.\n"
        "# The id is the attribute `id` in the state; some types are imported by something else.\n"
        'import {\n  to = a.left\n  id = "i-1"\n}\n'
    )


def test_nothing_to_mend_is_no_file() -> None:
    assert overlay_text([]) == ""
    assert overlay_text([block_of(undo(overlay=False), around()), None]) == ""


def test_instances_that_were_imported_together_have_one_block() -> None:
    found = [undo(address=f"a.many[{index}]", inverse="remove") for index in range(3)]
    text = overlay_text([block_of(item, around(instances=3, imported=3)) for item in found])
    assert text.count("removed {") == 1
    assert "from = a.many\n" in text


def test_an_instance_that_was_imported_alone_is_taken_out_by_hand() -> None:
    block = block_of(undo(address='a.many["x y"]', inverse="remove"), around(instances=3, imported=1))
    assert block
    assert block.command == "terraform state rm 'a.many[\"x y\"]'"
    assert block.by_hand
    assert only_comments(block.text)


@pytest.mark.parametrize("import_id", ["", "x" * 5_000])
def test_an_id_that_is_not_known_is_left_to_fill_in(import_id: str) -> None:
    text = text_of(undo(action=Action.FORGET, inverse="import", import_id=import_id))
    assert only_comments(text)
    assert FILL_IN in text
    assert "xxx" not in text


def test_what_was_forgotten_after_a_move_is_imported_where_it_was() -> None:
    text = text_of(undo(previous_address="a.old", action=Action.FORGET, inverse="import", import_id="i"))
    assert "to = a.old\n" in text


def test_a_deleted_object_is_not_moved() -> None:
    assert block_of(undo(previous_address="a.old", action=Action.DELETE, inverse="create"), around()) is None


@pytest.mark.parametrize(
    ("found", "declares"),
    [
        (undo(previous_address="a.old"), has("a.new")),
        (undo(action=Action.FORGET, inverse="import", import_id="i"), has()),
    ],
)
def test_no_block_where_the_previous_configuration_is_right_alone(
    found: Undo, declares: Callable[[str], bool | None]
) -> None:
    block = block_of(found, around(declares))
    assert block
    assert (block.text, block.by_hand) == ("", "")


@pytest.mark.parametrize(
    ("found", "declares", "command"),
    [
        (undo(previous_address="a.old"), has("a.new", "a.old"), "terraform state mv a.new a.old"),
        (undo(previous_address="a.old"), has(), ""),
        (undo(inverse="remove"), has("a.new"), "terraform state rm a.new"),
        (undo(action=Action.FORGET_AND_CREATE, inverse="delete", import_id="i"), has("a.new"), ""),
        (undo(action=Action.FORGET, inverse="import", import_id="i", deposed="0a"), has("a.new"), ""),
        (undo(address="a.(sensitive)", inverse="remove"), has(), ""),
    ],
)
def test_what_no_block_can_say_is_a_comment_and_left_to_a_person(
    found: Undo, declares: Callable[[str], bool | None], command: str
) -> None:
    block = block_of(found, around(declares))
    assert block
    assert only_comments(block.text)
    assert block.by_hand
    assert block.command == command


def test_from_many_to_one_is_moved_back_although_the_resource_keeps_its_name() -> None:
    text = text_of(undo(address="a.x", previous_address="a.x[0]"), around(has("a.x")))
    assert "from = a.x\n  to   = a.x[0]\n" in text


@pytest.mark.parametrize(
    ("program", "release", "block", "lifecycle"),
    [
        ("terraform", (1, 6), False, False),
        ("terraform", (1, 7), True, True),
        ("tofu", (1, 6), False, False),
        ("tofu", (1, 9), True, False),
        ("tofu", (1, 10), True, True),
    ],
)
def test_what_takes_out_of_the_state_is_what_the_release_understands(
    program: str, release: tuple[int, int], block: bool, lifecycle: bool
) -> None:
    found = block_of(undo(inverse="remove"), msgspec.structs.replace(around(), program=program, release=release))
    assert found
    assert ("\nremoved {" in found.text, "destroy = false" in found.text) == (block, lifecycle)
    assert found.command == ("" if block else f"{program} state rm a.new")
