"""The reverse of a plan, held against a plan of the way back; plans are written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.errors import UsageInvalid
from iacgate.plan.reader import Plan, read_plan
from iacgate.plan.redaction import Redactor
from iacgate.rollback.overlayread import Overlay, read_overlay
from iacgate.rollback.rehearsal import MAX_WHY, Compared, Plans, compare, why_failed

MOVED = b"moved {\n  from = x_y.b\n  to   = x_y.a\n}\n"
REMOVED = b"removed {\n  from = x_y.a\n  lifecycle {\n    destroy = false\n  }\n}\n"
IMPORT = b'import {\n  to = x_y.a\n  id = "i"\n}\n'


def change(*actions: str, address: str = "x_y.a", **body: Any) -> dict[str, Any]:
    outer: dict[str, Any] = {key: body.pop(key) for key in ("previous_address", "deposed") if key in body}
    name = address.rpartition(".")[2]
    head: dict[str, Any] = {"address": address, "mode": "managed", "type": "x_y", "name": name, **outer}
    return {**head, "change": {"actions": list(actions), **body}}


def plan(*changes: dict[str, Any], outputs: dict[str, Any] | None = None) -> Plan:
    document = {"format_version": "1.2", "resource_changes": list(changes), "output_changes": outputs or {}}
    return read_plan(json.dumps(document).encode(), "plan")


def held(forward: Plan, back: Plan, overlay: Overlay | None = None, **more: Any) -> Compared:
    return compare(Plans(forward, back, **more), overlay or Overlay(), Redactor())


def block(text: bytes) -> Overlay:
    return read_overlay({"undo.tf": text}, allow_reads=True)


FORGOTTEN, IMPORTED = change("forget"), change("no-op", importing={"id": "i"})
MOVING = change("no-op", address="x_y.b", previous_address="x_y.a")


@pytest.mark.parametrize(
    ("forward", "overlay", "back"),
    [
        (change("create"), b"", [change("delete")]),
        (change("update"), b"", [change("update")]),
        (change("delete"), b"", [change("create")]),
        (change("delete", "create"), b"", [change("create", "delete")]),
        (change("no-op"), b"", [change("no-op")]),
        (change("no-op"), b"", []),
        (FORGOTTEN, b"", [change("create")]),
        (FORGOTTEN, IMPORT, [change("no-op", importing={"id": "i"})]),
        (IMPORTED, b"", [change("delete")]),
        (IMPORTED, REMOVED, [change("forget")]),
        (MOVING, b"", [change("create"), change("delete", address="x_y.b")]),
        (MOVING, MOVED, [change("no-op", previous_address="x_y.b")]),
        (MOVING, b"", [change("no-op", previous_address="x_y.b")]),
        (change("delete", deposed="0badc0de"), b"", []),
    ],
)
def test_the_reverse_matches_and_nothing_else_does(
    forward: dict[str, Any], overlay: bytes, back: list[dict[str, Any]]
) -> None:
    blocks = block(overlay) if overlay else Overlay()
    assert held(plan(forward), plan(*back), blocks).differences == ()
    more = change("create", address="x_y.more")
    assert [item.address for item in held(plan(forward), plan(*back, more), blocks).differences] == ["x_y.more"]
    assert held(plan(forward), plan(change("update"), change("delete", address="x_y.b")), blocks).differences or (
        forward["change"]["actions"] == ["update"]
    )


@pytest.mark.parametrize("back", [[], [change("no-op")], [change("delete", "create")]])
def test_an_update_that_does_not_come_back_as_one_is_a_difference(back: list[dict[str, Any]]) -> None:
    (found,) = held(plan(change("update")), plan(*back)).differences
    assert found.expected == ("update",)
    assert found.rehearsed in {(), ("replace",)}


def test_what_was_replaced_for_another_reason_than_its_values_may_be_updated_or_stay() -> None:
    tainted, forced = change("delete", "create"), change("delete", "create", replace_paths=[["size"]])
    assert held(plan(tainted), plan()).differences == ()
    assert held(plan(tainted), plan(change("update"))).differences == ()
    assert held(plan(forced), plan()).differences
    assert held(plan(forced), plan(change("update"))).differences


def test_a_value_that_comes_back_as_another_one_is_named() -> None:
    forward = plan(change("update", before={"a": [{"b": 1}], "same": 1}, after={"a": [{"b": 2}], "same": 1}))
    back = plan(change("update", before={"a": [{"b": 2}], "same": 1}, after={"a": [{"b": 3}], "same": 1}))
    (found,) = held(forward, back).differences
    assert (found.path, found.before, found.after) == ("a[0].b", "1", "3")


@pytest.mark.parametrize(
    ("before", "after", "unknown"),
    [
        ({"id": "x", "tags": {}}, {"tags": None}, {"id": True}),
        ({"list": ["a", "b"]}, {"list": ["a", None]}, {"list": [False, True]}),
        ({"text": ""}, {"text": None}, {}),
    ],
)
def test_what_is_not_known_or_empty_comes_back(before: Any, after: Any, unknown: Any) -> None:
    back = plan(change("update", before={}, after=after, after_unknown=unknown))
    assert held(plan(change("update", before=before, after={})), back).differences == ()


def test_a_placeholder_that_stays_is_none_and_one_that_is_overwritten_is_a_difference() -> None:
    forward = plan(change("update", before={"id": "x"}, after={}, after_unknown={"id": True}))
    staying = plan(change("update", before={"id": "stands-in"}, after={"id": "stands-in"}))
    written = plan(change("update", before={"id": "stands-in"}, after={"id": "other"}))
    unknown = {"x_y.a": (("id",),)}
    assert held(forward, staying, unknown=unknown).differences == ()
    assert held(forward, staying).differences
    assert held(forward, written, unknown=unknown).differences


def test_a_secret_that_comes_back_as_another_one_is_a_difference_and_is_not_shown() -> None:
    mask = {"p": True}
    forward = plan(
        change("update", before={"p": "one"}, after={"p": "two"}, before_sensitive=mask, after_sensitive=mask)
    )
    back = plan(change("update", before={"p": "two"}, after={"p": "new"}, before_sensitive=mask, after_sensitive=mask))
    (found,) = held(forward, back).differences
    assert (found.path, found.before, found.after) == ("p", "(sensitive)", "(sensitive)")


def test_outputs_come_back_too() -> None:
    forward = plan(outputs={"o": {"actions": ["update"], "before": 1, "after": 2}})
    right = plan(outputs={"o": {"actions": ["update"], "before": 2, "after": 1}})
    wrong = plan(outputs={"o": {"actions": ["update"], "before": 2, "after": 3}})
    assert held(forward, right).differences == ()
    assert [item.address for item in held(forward, wrong).differences] == ["output.o"]
    assert [item.expected for item in held(forward, plan()).differences] == [("update",)]


def test_an_import_that_is_left_out_is_not_rehearsed() -> None:
    overlay = read_overlay({"undo.tf": IMPORT + MOVED}, allow_reads=False)
    assert overlay.files == {"undo.tf": b"\n" + MOVED}
    found = held(plan(FORGOTTEN), plan(change("create")), overlay)
    assert found.not_rehearsed == ("x_y.a",)
    assert found.differences == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("undo.tf", b'resource "x_y" "a" {\n}\n'),
        ("undo.tf", b"moved {\n"),
        ("undo.tf", b'import {\n  for_each = ["a"]\n  to = x_y.a[each.key]\n  id = "i"\n}\n'),
        ("undo.tf", b'moved {\n  from = "x_y.b"\n  to = x_y.a\n}\n'),
        ("undo.tf.json", b"{}"),
    ],
)
def test_an_overlay_that_is_not_understood_is_refused(name: str, text: bytes) -> None:
    with pytest.raises(UsageInvalid):
        read_overlay({name: text}, allow_reads=True)


def test_an_overlay_speaks_of_all_that_is_in_what_it_names() -> None:
    moved = b'moved {\n  from = module.new["k"]\n  to = module.old\n}\n'
    overlay = read_overlay({"undo.tf": moved + REMOVED}, allow_reads=True)
    assert overlay.moves_back('module.new["k"].x_y.a[0]', "module.old.x_y.a[0]")
    assert not overlay.moves_back("module.newer.x_y.a", "module.old.x_y.a")
    assert overlay.forgets('x_y.a["k"]')
    assert not overlay.forgets("x_y.ab")


def test_what_terraform_says_is_bounded_and_without_secrets_and_frames() -> None:
    said = why_failed("terraform plan", "╷\n│ Error: no\n│\n│ got hidden-1\n╵\n", Redactor(["hidden-1"]))
    assert said == "terraform plan: Error: no\ngot (sensitive)"
    assert len(why_failed("x", "y" * 10_000, Redactor())) == MAX_WHY
    assert why_failed("x", "", Redactor()) == "x: terraform said nothing"


def test_a_folder_without_an_overlay_is_not_one_that_went_wrong() -> None:
    with pytest.raises(UsageInvalid, match="no file that ends in") as raised:
        read_overlay({}, allow_reads=False)
    assert "none is needed" in raised.value.hint
