"""The reader of saved plan files: what it reads, and what it refuses by name."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iacgate.canonical import digest
from iacgate.conditions.values import UNKNOWN
from iacgate.errors import PlanUnreadable
from iacgate.plan import container, ctyvalue
from iacgate.plan.planfile import is_plan_file, read_plan_file
from iacgate.plan.planmessage import decode_message
from iacgate.plan.planproto import ENUMS, ROWS, Kind, Product
from iacgate.plan.wire import Malformed
from tests.plan import savedplans
from tests.plan.savedplans import BACKEND, HEAD, STATE, archive, change, members, message, saved_plan, value, varint

# What the .proto files of both products say, over their histories; written down by hand from
# hashicorp/terraform internal/plans/planproto/planfile.proto (and, before 1.8,
# internal/plans/internal/planproto/planfile.proto, plans/internal/planproto/planfile.proto) and
# opentofu/opentofu internal/plans/internal/planproto/planfile.proto.
# T Terraform, O OpenTofu, B both; "map" and "many" are repeated.
PROTO_HISTORY = """
B Plan 1 version uint            | B Plan 2 variables map            | B Plan 3 resource_changes many
B Plan 4 output_changes many     | B Plan 5 target_addrs strings     | O Plan 6 exclude_addrs strings
B Plan 13 backend one            | B Plan 14 terraform_version string | B Plan 15 relevant_attributes many
B Plan 16 force_replace_addrs strings | B Plan 17 ui_mode enum       | B Plan 18 resource_drift many
B Plan 19 check_results many     | B Plan 20 errored bool            | B Plan 21 timestamp string
T Plan 22 function_results many  | O Plan 22 ephemeral_variables strings | T Plan 25 applyable bool
T Plan 26 complete bool          | T Plan 27 deferred_changes many   | T Plan 28 apply_time_variables strings
T Plan 29 state_store one        | T Plan 30 action_invocations many | T Plan 31 deferred_action_invocations many
T Plan 32 action_target_addrs strings
B Variable 1 key string          | B Variable 2 value one
B Backend 1 type string          | B Backend 2 config one            | B Backend 3 workspace string
T StateStore 1 type string       | T StateStore 2 config one         | T StateStore 3 workspace string
T StateStore 4 provider one
T Provider 1 source string       | T Provider 2 version string       | T Provider 3 config one
B ResourceAttr 1 resource string | B ResourceAttr 2 attr one
B Change 1 action enum           | B Change 2 values many            | B Change 3 before_sensitive_paths many
B Change 4 after_sensitive_paths many | B Change 5 importing one     | B Change 6 generated_config string
T Change 7 before_identity one   | T Change 8 after_identity one
B Importing 1 id string          | T Importing 2 unknown bool        | T Importing 3 identity one
B ResourceInstanceChange 7 deposed_key string  | B ResourceInstanceChange 8 provider string
B ResourceInstanceChange 9 change one          | B ResourceInstanceChange 10 private bytes
B ResourceInstanceChange 11 required_replace many | B ResourceInstanceChange 12 action_reason enum
B ResourceInstanceChange 13 addr string        | B ResourceInstanceChange 14 prev_run_addr string
T DeferredResourceInstanceChange 1 deferred one | T DeferredResourceInstanceChange 2 change one
T DeferredActionInvocation 1 deferred one      | T DeferredActionInvocation 2 action_invocation one
T Deferred 1 reason enum
B OutputChange 1 name string     | B OutputChange 2 change one       | B OutputChange 3 sensitive bool
B CheckResults 1 kind enum       | B CheckResults 2 config_addr string | B CheckResults 3 status enum
B CheckResults 4 objects many
B CheckObject 1 object_addr string | B CheckObject 2 status enum     | B CheckObject 3 failure_messages strings
T FunctionCallHash 1 key bytes   | T FunctionCallHash 2 result bytes
B DynamicValue 1 msgpack bytes
B Path 1 steps many              | B Step 1 attribute_name string    | B Step 2 element_key one
T ActionInvocationInstance 1 addr string       | T ActionInvocationInstance 2 provider string
T ActionInvocationInstance 4 config_value one  | T ActionInvocationInstance 5 sensitive_config_paths many
T ActionInvocationInstance 6 resource_action_trigger one | T ActionInvocationInstance 7 invoke_action_trigger one
T ResourceActionTrigger 1 triggering_resource_addr string | T ResourceActionTrigger 2 trigger_event enum
T ResourceActionTrigger 3 action_trigger_block_index uint | T ResourceActionTrigger 4 actions_list_index uint
T ResourceActionTrigger 5 on_failure enum      | T InvokeActionTrigger 1 calling_resource_addr string
"""
PRODUCTS = {"T": [Product.TERRAFORM], "O": [Product.OPENTOFU], "B": [Product.TERRAFORM, Product.OPENTOFU]}
HISTORY = [
    (product, row.split()[1], int(row.split()[2]), row.split()[3], row.split()[4])
    for line in PROTO_HISTORY.strip().splitlines()
    for row in line.split("|")
    for product in PRODUCTS[row.split()[0]]
]
RETIRED = ((1, "module_path"), (2, "mode"), (3, "type"), (4, "name"), (5, "str"), (6, "int"))


@pytest.mark.parametrize(("product", "name", "number", "field", "shape"), HISTORY)
def test_every_field_of_both_histories_is_known(
    product: Product, name: str, number: int, field: str, shape: str
) -> None:
    sample: Any = {"uint": 1, "bool": 1, "enum": 1, "string": "x", "strings": "x", "bytes": b"x"}.get(shape, b"")
    decoded = decode_message(name, message([(number, sample)]), product)
    (found,) = decoded.items()
    assert found[0] == field
    repeated = shape in ("many", "map", "strings")
    assert isinstance(found[1], list) is repeated
    if shape in ("one", "many", "map"):
        assert found[1] in ({}, [{}])


def test_no_field_is_known_that_the_histories_do_not_have() -> None:
    known = {
        (product, name, number, field.name)
        for name, number, field in ROWS
        for product in field.products - {Product.EITHER}
        if not field.retired
    }
    assert known == {row[:4] for row in HISTORY}


@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize("name", sorted({name for name, _, _ in ROWS}))
def test_an_unknown_field_is_refused_by_message_and_number(name: str, product: Product) -> None:
    with pytest.raises(Malformed, match=f"field 99 of {name}, which iacgate does not know"):
        decode_message(name, message([(99, 1)]), product)


@pytest.mark.parametrize(("product", "name", "number", "field", "shape"), HISTORY)
def test_a_field_of_the_other_product_is_refused(
    product: Product, name: str, number: int, field: str, shape: str
) -> None:
    (other,) = {Product.TERRAFORM, Product.OPENTOFU} - {product}
    if any(row[:3] == (other, name, number) for row in HISTORY):
        return
    with pytest.raises(Malformed, match=f"field {number} of {name}, which iacgate does not know of {other}"):
        decode_message(name, message([(number, 1 if shape in ("uint", "bool", "enum") else b"")]), other)


@pytest.mark.parametrize(("name", "number", "field"), [(name, number, field) for name, number, field in ROWS])
def test_the_wrong_wire_type_is_refused(name: str, number: int, field: Any) -> None:
    product = next(iter(field.products - {Product.EITHER}))
    wrong: Any = b"\x01" if field.kind in (Kind.UINT, Kind.BOOL, Kind.ENUM) else 1
    with pytest.raises(Malformed, match=r"wrong wire type|before 1\.1"):
        decode_message(name, message([(number, wrong)]), product)


@pytest.mark.parametrize(("number", "field"), RETIRED)
def test_addresses_in_pieces_are_refused_as_too_old(number: int, field: str) -> None:
    with pytest.raises(
        Malformed, match=rf"Terraform before 1\.1 \(field {number} of ResourceInstanceChange, {field}\)"
    ):
        decode_message("ResourceInstanceChange", message([(number, "x")]), Product.TERRAFORM)


ACTIONS = {
    0: "no-op",
    1: "create",
    2: "read",
    3: "update",
    5: "delete",
    6: "delete,create",
    7: "create,delete",
    8: "forget",
}
REASONS = [
    "replace_because_tainted",
    "replace_by_request",
    "replace_because_cannot_update",
    "delete_because_no_resource_config",
    "delete_because_wrong_repetition",
    "delete_because_count_index",
    "delete_because_each_key",
    "delete_because_no_module",
    "replace_by_triggers",
    "read_because_config_unknown",
    "read_because_dependency_pending",
    "delete_because_no_move_target",
    "read_because_check_nested",
]


def test_the_enums_of_both_histories() -> None:
    assert ENUMS["Action"] == {**ACTIONS, 9: "create,forget", 10: "forget,create"}
    shared = dict(enumerate(["", *REASONS]))
    assert ENUMS["ActionReason"] == shared | {
        14: "delete_because_enabled_false",
        15: "forgot_because_lifecycle_destroy_in_state",
        16: "forgot_because_lifecycle_destroy_in_config",
    }
    assert ENUMS["Mode"] == {0: "normal", 1: "destroy", 2: "refresh-only"}


@pytest.mark.parametrize(
    ("name", "number", "raw", "product"),
    [
        ("Change", 1, 4, Product.TERRAFORM),
        ("Change", 1, 11, Product.OPENTOFU),
        ("Change", 1, 10, Product.TERRAFORM),
        ("Change", 1, 2**32 + 5, Product.TERRAFORM),
        ("Plan", 17, 3, Product.TERRAFORM),
        ("ResourceInstanceChange", 12, 14, Product.TERRAFORM),
        ("ResourceInstanceChange", 12, 17, Product.OPENTOFU),
        ("Deferred", 1, 0, Product.TERRAFORM),
        ("CheckResults", 1, 0, Product.TERRAFORM),
        ("CheckResults", 3, 4, Product.TERRAFORM),
        ("ResourceActionTrigger", 2, 8, Product.TERRAFORM),
    ],
)
def test_an_unknown_enum_value_is_refused(name: str, number: int, raw: int, product: Product) -> None:
    with pytest.raises(Malformed, match=f"field {number} of {name} .* unknown value {raw}"):
        decode_message(name, message([(number, raw)]), product)


def test_nine_means_open_for_ephemeral_resources_and_replace_by_forgetting_for_others() -> None:
    entries: Any = [
        (3, change("ephemeral.a.b", action=9, values=())),
        (3, change('module.m["ephemeral.x"].a.b', action=9, values=({}, {}))),
    ]
    plan = read_plan_file(saved_plan([*HEAD, *entries], "opentofu"), "plan")
    assert [one.actions for one in plan.changes] == [("open",), ("create", "forget")]


def test_twenty_two_is_a_variable_to_opentofu_and_a_function_call_to_terraform() -> None:
    names: Any = [*HEAD, (22, "password")]
    hashes: Any = [*HEAD, (22, [(1, b"k" * 32), (2, b"r" * 32)])]
    for product in ("opentofu", ""):
        assert read_plan_file(saved_plan(names, product), "plan").apply_time_variables == ("password",)
    assert read_plan_file(saved_plan(hashes, ""), "plan").product is Product.TERRAFORM
    with pytest.raises(PlanUnreadable):
        read_plan_file(saved_plan(names, "terraform"), "plan")


@pytest.mark.parametrize(
    ("extra", "product", "expected"),
    [
        ([(25, 1)], "", Product.TERRAFORM),
        ([(6, "aws_x.y")], "", Product.OPENTOFU),
        ([], "", Product.EITHER),
        ([], "opentofu", Product.OPENTOFU),
    ],
)
def test_who_wrote_the_plan(extra: Any, product: str, expected: Product) -> None:
    assert read_plan_file(saved_plan([*HEAD, *extra], product), "plan").product is expected


def test_absent_flags_are_false_for_a_terraform_that_has_them_and_unknown_otherwise() -> None:
    def flags(version: str, product: str) -> tuple[bool | None, bool | None]:
        head: Any = [(1, 3), (13, BACKEND), (14, version)]
        plan = read_plan_file(saved_plan(head, product), "plan")
        return plan.complete, plan.applyable

    assert flags("1.8.0", "terraform") == (False, False)
    assert flags("1.7.5", "terraform") == (None, None)
    assert flags("1.9.0", "opentofu") == (None, None)
    assert flags("1.9.0", "") == (None, None)


FULL: Any = [
    *HEAD,
    (2, [(1, "v"), (2, value([b'"string"', "x"]))]),
    (5, "aws_x.y"),
    (16, "aws_x.z"),
    (17, 1),
    (18, change("aws_x.d", 3, ({"a": 1}, {"a": 2}))),
    (20, 1),
    (25, 1),
    (28, "secret"),
    (3, change("aws_x.y", 3, ({"a": 1}, {"a": 2}), f14="aws_x.old", f7="0badcafe", f12=2, c6="x = 1\n")),
    (3, change("aws_x.i", 0, ({"a": [1]},), c5=[(1, "i-1")], c3=[(1, [(1, "a")]), (1, [(2, value(0))])])),
    (4, [(1, "o"), (2, [(1, 1), (2, value([b'"number"', "1e400"]))]), (3, 1)]),
    (19, [(1, 3), (2, "check.c"), (3, 2), (4, [(1, "check.c"), (2, 2), (3, "no")])]),
    (27, [(1, [(1, 5)]), (2, change("aws_x.later[*]"))]),
    (30, [(1, "action.a.b"), (2, "p"), (4, value({})), (6, [(1, "aws_x.y"), (2, 2), (3, 1), (5, 1)])]),
    (31, [(1, [(1, 6)]), (2, [(1, "action.a.c"), (7, [])])]),
    (32, "action.a.b"),
]


def test_everything_in_a_plan_is_read() -> None:
    plan = read_plan_file(saved_plan(FULL), "plan")
    assert (plan.version, plan.terraform_version, plan.mode, plan.errored) == (3, "1.11.4", "destroy", True)
    assert (plan.backend_type, plan.workspace, plan.backend_config) == ("local", "default", {"path": None})
    assert (plan.serial, plan.lineage, plan.timestamp) == (7, "l", "2026-01-02T03:04:05Z")
    assert (plan.variables, plan.apply_time_variables) == ({"v": "x"}, ("secret",))
    assert (plan.targets, plan.force_replace, plan.action_targets) == (("aws_x.y",), ("aws_x.z",), ("action.a.b",))
    assert (plan.complete, plan.applyable) == (False, True)
    first, second = plan.changes
    assert (first.previous_address, first.deposed, first.action_reason) == (
        "aws_x.old",
        "0badcafe",
        "replace_by_request",
    )
    assert (first.actions, first.before, first.after, first.generated_config) == (
        ("update",),
        {"a": 1},
        {"a": 2},
        "x = 1\n",
    )
    assert second.importing is not None
    assert (second.importing.id, second.before_sensitive, second.after) == ("i-1", (("a", 0),), {"a": [1]})
    (output,) = plan.outputs
    assert (output.name, output.after, output.sensitive) == ("o", Decimal("1e400"), True)
    assert [(one.address, one.deferred) for one in plan.deferred] == [("aws_x.later[*]", "deferred_prereq")]
    assert plan.action_invocations[0].trigger == ("AfterCreate", "aws_x.y", 1, 0, "taint")
    assert [(one.trigger, one.deferred) for one in plan.deferred_action_invocations] == [(("invoke", ""), "excluded")]
    assert [(one.kind, one.status, one.objects[0].problems) for one in plan.checks] == [("check", "fail", ("no",))]
    assert [one.address for one in plan.drift] == ["aws_x.d"]


def test_the_configuration_is_digested_and_kept() -> None:
    plan = read_plan_file(saved_plan(), "plan")
    assert plan.sources == {"tfconfig/m-/main.tf": b"# nothing\n", "tfconfig/modules.json": b"[]"}
    assert plan.configuration == {name: digest(content) for name, content in plan.sources.items()}
    assert plan.members["tfstate"] == digest(STATE)
    assert plan.lock_file == savedplans.LOCKS["terraform"]


def test_a_state_store_is_a_backend_in_a_provider() -> None:
    provider = [(1, "registry.terraform.io/hashicorp/aws"), (2, "6.0.0"), (3, value({"region": "x"}))]
    head: Any = [
        (1, 3),
        (14, "1.15.0"),
        (29, [(1, "aws_s3"), (2, value({"bucket": "b"})), (3, "default"), (4, provider)]),
    ]
    plan = read_plan_file(saved_plan(head), "plan")
    assert (plan.backend_type, plan.workspace) == ("aws_s3", "default")
    assert plan.state_store_provider == "registry.terraform.io/hashicorp/aws 6.0.0"
    assert plan.backend_config == {"bucket": "b", "provider": {"region": "x"}}


def test_no_repr_shows_a_value() -> None:
    secret = "hunter2"
    backend: Any = [(1, "s3"), (2, value({"secret_key": secret})), (3, "default")]
    fields: Any = [(1, 3), (13, backend), (14, "1.11.4"), (2, [(1, "v"), (2, value([b'"string"', secret]))])]
    fields += [(3, change(values=({"password": secret},))), (4, [(1, "o"), (2, [(1, 1), (2, value(secret))])])]
    plan = read_plan_file(saved_plan(fields), "plan")
    assert secret not in repr(plan) + repr(plan.changes) + repr(plan.outputs)


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (msgpack.packb({"a": msgpack.ExtType(0, b"\0")}), {"a": UNKNOWN}),
        (msgpack.packb([msgpack.ExtType(12, b"\x81\x01\xc2")]), [UNKNOWN]),
        (msgpack.packb([b'"number"', "12345678901234567890123"]), Decimal("12345678901234567890123")),
        (
            msgpack.packb([b'["object",{"n":"number","s":"string"}]', {"n": "1e400", "s": "1"}]),
            {"n": Decimal("1e400"), "s": "1"},
        ),
        (msgpack.packb([b'["list","number"]', ["1e400", 2]]), [Decimal("1e400"), 2]),
        (msgpack.packb([b'["tuple",["string","number"]]', ["1", "2e400"]]), ["1", Decimal("2e400")]),
        (msgpack.packb({"d": [b'"dynamic"', None]}), {"d": None}),
        (msgpack.packb(0.1), 0.1),
    ],
)
def test_values(packed: bytes, expected: object) -> None:
    assert ctyvalue.decode_value(packed) == expected


def nested(levels: int) -> bytes:
    return b"\x91" * levels + b"\xc0"


@pytest.mark.parametrize(
    ("packed", "clause"),
    [
        (b"", "without bytes"),
        (b"\xc1", "not msgpack"),
        (msgpack.packb(1) + b"\x01", "not msgpack"),
        (msgpack.packb({"a": 1})[:-1], "not msgpack"),
        (b"\x82\xa1a\x01\xa1a\x02", "same key twice"),
        (msgpack.packb({1: 2}), "not msgpack"),
        (msgpack.packb(msgpack.ExtType(1, b"")), "extension 1"),
        (msgpack.packb(b"x"), "binary value"),
        (msgpack.packb([b"x"]), "binary value"),
        (msgpack.packb({"a": b"x"}), "binary"),
        (msgpack.packb([b"not json", 1]), "unreadable type"),
        (msgpack.packb([b'"number"', "abc"]), "type says number"),
        (msgpack.packb([b'"number"', "Infinity"]), "not finite"),
        (msgpack.packb([b'["object",{"n":"number"}]', {"a": 1}]), "does not fit the type"),
        (nested(1001), "deeper than 1000 levels"),
        (nested(100_000), "deeper than 1000 levels"),
    ],
)
def test_values_that_are_refused(packed: bytes, clause: str) -> None:
    with pytest.raises(Malformed, match=clause):
        ctyvalue.decode_value(packed)


def test_a_thousand_levels_are_read() -> None:
    assert ctyvalue.decode_value(nested(999)) is not None


def zip_with(name: str, content: bytes = b"x", **attributes: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for known, data in members().items():
            written.writestr(zipfile.ZipInfo(known), data)
        info = zipfile.ZipInfo(name)
        for attribute, wanted in attributes.items():
            setattr(info, attribute, wanted)
        written.writestr(info, content, info.compress_type)
    return buffer.getvalue()


def with_twice() -> bytes:
    data = archive(members() | {"tfconfig/m-/a.tf": b"1", "tfconfig/m-/b.tf": b"2"})
    return data.replace(b"m-/b.tf", b"m-/a.tf")


def encrypted() -> bytes:
    data = bytearray(archive(members()))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(magic)
        data[start + at] |= 1
    return bytes(data)


def without(name: str) -> bytes:
    return archive({known: data for known, data in members().items() if known != name})


def corrupt() -> bytes:
    data = bytearray(archive(members(), zipfile.ZIP_STORED))
    at = data.index(b"# nothing")
    data[at] ^= 1
    return bytes(data)


GOOD = saved_plan()
HEADLESS: Any = HEAD[1:]
VARIABLE: Any = (2, [(1, "v"), (2, value(None))])
OUTPUT: Any = (4, [(1, "o"), (2, [(1, 1), (2, value(1))])])
REFUSED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "not a saved plan file"),
    ("text", b"hello", "not a saved plan file"),
    ("terraform 0.11", b"tfplan\x02", "before 0.12"),
    ("plan JSON", b'{"format_version":"1.2"}', "plan JSON"),
    (
        "opentofu encryption",
        json.dumps({"meta": {}, "encrypted_data": "eA==", "encryption_version": "v0"}).encode(),
        "encryption_version",
    ),
    (
        "cloud bookmark",
        b'{"remote_plan_format": 1, "run_id": "run-x", "hostname": "app.terraform.io"}',
        "remote_plan_format",
    ),
    ("stacks", b"\x0a\x2dtype.googleapis.com/tfstackplan.PlanHeader", "plan of a Terraform Stack"),
    ("cut zip", GOOD[:-1], "truncated"),
    ("half a zip", GOOD[: len(GOOD) // 2], "truncated"),
    ("only the magic", GOOD[:4], "truncated"),
    ("data after the end", GOOD + b"x", "after its end"),
    ("data before", b"PK\x03\x04" + GOOD, "hidden data"),
    ("zip without a plan", without("tfplan"), "without the member tfplan"),
    ("zip without a state", without("tfstate"), "without the member tfstate"),
    ("a member twice", with_twice(), "twice"),
    ("an unknown member", zip_with("tfsecrets"), "'tfsecrets', which iacgate does not know"),
    ("a control character in a name", zip_with("tfconfig/\x1bx"), r"'tfconfig/\x1bx'"),
    ("a name cut by a NUL", zip_with("tfconfig/m-/a.tf").replace(b"m-/a.tf", b"m-/a.t\x00"), "read in two ways"),
    ("an encrypted member", encrypted(), "encrypted member"),
    ("bzip2", zip_with("tfconfig/m-/a.tf", compress_type=zipfile.ZIP_BZIP2), "compression method 12"),
    (
        "another name in the extra field",
        zip_with("tfconfig/m-/a.tf", extra=struct.pack("<2H", 0x7075, 0)),
        "extra field",
    ),
    ("a wrong checksum", corrupt(), "damaged zip"),
    ("a state that is none", archive(members() | {"tfstate": b"[]"}), "not a state"),
    (
        "a state of version 3",
        archive(members() | {"tfstate": b'{"version":3,"serial":1,"lineage":""}'}),
        "state of version 3",
    ),
    ("no version", saved_plan(HEADLESS), "format version none"),
    ("version 2", saved_plan([(1, 2), *HEADLESS]), "format version 2"),
    ("version 4", saved_plan([(1, 4), *HEADLESS]), "format version 4"),
    ("an unknown field", saved_plan([*HEAD, (33, 1)]), "field 33 of Plan"),
    ("an unknown field within", saved_plan([*HEAD, (3, change(c9="x"))]), "field 9 of Change"),
    ("an opaque graph of OpenTofu", saved_plan([*HEAD, (500000000, b"x")], "opentofu"), "field 500000000 of Plan"),
    ("a fixed64", saved_plan(message(HEAD) + b"\x09" + bytes(8)), "fixed64"),
    ("a cut number", saved_plan(message(HEAD) + b"\x88"), "middle of a number"),
    ("a long number", saved_plan(message(HEAD) + b"\xa0\x01" + b"\xff" * 11), "shortest"),
    ("a padded number", saved_plan(message(HEAD) + b"\xa0\x01\x81\x00"), "shortest"),
    ("a cut field", saved_plan(message(HEAD) + varint(3 << 3 | 2) + b"\x7f"), "middle of field 3"),
    ("a field twice", saved_plan([*HEAD, (14, "1.11.4")]), "more than once"),
    ("a flag that is two", saved_plan([*HEAD, (20, 2)]), "neither true nor false"),
    ("text that is no text", saved_plan([*HEAD, (5, b"\xff")]), "not UTF-8"),
    ("no backend", saved_plan([(1, 3), (14, "1.11.4")]), "backend and a state store"),
    ("no program", saved_plan([(1, 3), (13, BACKEND)]), "which version"),
    ("terraform 1.0", saved_plan([(1, 3), (13, BACKEND), (14, "1.0.11")]), "made by Terraform 1.0.11"),
    ("no address", saved_plan([*HEAD, (3, change(""))]), "without an address"),
    ("an address twice", saved_plan([*HEAD, (3, change()), (3, change())]), "'aws_x.y' twice"),
    ("too few values", saved_plan([*HEAD, (3, change(action=3))]), "1 values for the actions update"),
    ("too many values", saved_plan([*HEAD, (3, change(values=(1, 2)))]), "2 values for the actions create"),
    ("a variable twice", saved_plan([*HEAD, VARIABLE, VARIABLE]), "'v' twice"),
    ("an output twice", saved_plan([*HEAD, OUTPUT, OUTPUT]), "'o' twice"),
    (
        "both ways to name a step",
        saved_plan([*HEAD, (3, change(f11=[(1, [(1, "a"), (2, value(1))])]))]),
        "more than once",
    ),
    ("deferred without a reason", saved_plan([*HEAD, (27, [(2, change())])]), "without a reason"),
    ("a check of no kind", saved_plan([*HEAD, (19, [(2, "check.c")])]), "no kind"),
    ("an action without a trigger", saved_plan([*HEAD, (30, [(1, "action.a.b")])]), "without a trigger"),
]


@pytest.mark.parametrize(("data", "clause"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_by_name(data: bytes, clause: str) -> None:
    with pytest.raises(PlanUnreadable) as refused:
        read_plan_file(data, "my\x1bplan")
    assert clause in refused.value.message
    assert refused.value.message.startswith(r"'my\x1bplan' ")
    assert "\n" not in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == 3


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = archive(members() | {"tfconfig/m-/a.tf": bytes(container.RATIO_FROM + 1)})
    with pytest.raises(PlanUnreadable, match="500 times its size"):
        read_plan_file(bomb, "plan")


def test_the_total_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_TOTAL", 100)
    with pytest.raises(PlanUnreadable, match="unpacks to more than 100 bytes"):
        read_plan_file(GOOD, "plan")


def test_the_number_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_MEMBERS", 4)
    with pytest.raises(PlanUnreadable, match="more than 4 members"):
        read_plan_file(GOOD, "plan")


def test_a_size_that_lies_is_refused() -> None:
    data = bytearray(archive(members(), zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 1)
    with pytest.raises(PlanUnreadable):
        read_plan_file(bytes(data), "plan")


def test_sniffing() -> None:
    assert is_plan_file(GOOD)
    assert not is_plan_file(b'{"format_version"')
    assert not is_plan_file(b"")


@pytest.mark.parametrize("name", savedplans.pairs())
def test_real_plans_are_read(name: str) -> None:
    plan = read_plan_file(savedplans.pair(name)[0], name)
    assert (plan.product, plan.backend_type, plan.workspace) == (Product.TERRAFORM, "local", "default")
    assert plan.terraform_version == "1.11.4"
    assert plan.release == (1, 11)
    assert "tfconfig/m-/main.tf" in plan.configuration or name == "empty_configuration"


@pytest.mark.parametrize("path", savedplans.found_in_the_wild())
def test_plans_of_other_versions_are_read_or_refused_as_too_old(path: Path) -> None:
    try:
        plan = read_plan_file(path.read_bytes(), path.name)
    except PlanUnreadable as refused:
        assert "0.12.0-rc1; 1.1 or later is needed" in refused.message  # noqa: PT017 - the one that is too old
    else:
        assert plan.release >= (1, 4)
        assert all(one.address and one.provider for one in plan.changes)


@pytest.mark.skipif(not savedplans.CORPUS.is_dir(), reason=savedplans.ABSENT)
def test_a_real_plan_that_nests_too_deep_is_refused() -> None:
    with pytest.raises(PlanUnreadable, match=r"deeper than 1000 levels, at 'terraform_data\.a'"):
        read_plan_file(savedplans.pair("deep_nesting_1200")[0], "plan")


BASE = message(FULL)


@st.composite
def damaged(draw: st.DrawFn, base: bytes) -> bytes:
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["cut", "set", "insert", "delete"])):
            case "cut":
                del data[at:]
            case "set" if data:
                data[at] = draw(st.integers(0, 255))
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                del data[at : at + draw(st.integers(1, 8))]
    return bytes(data)


def read_or_refuse(data: bytes) -> None:
    try:
        read_plan_file(data, "plan")
    except PlanUnreadable as refused:
        assert "Traceback" not in refused.message  # noqa: PT017 - any other exception fails the test


@settings(max_examples=400, deadline=None)
@given(damaged(BASE))
@example(b"")
def test_a_damaged_plan_is_read_or_refused_and_never_crashes(data: bytes) -> None:
    read_or_refuse(saved_plan(data))
    read_or_refuse(saved_plan(data, ""))


@settings(max_examples=200, deadline=None)
@given(damaged(saved_plan(FULL)))
def test_a_damaged_zip_is_read_or_refused_and_never_crashes(data: bytes) -> None:
    read_or_refuse(data)


@pytest.mark.skipif(not savedplans.CORPUS.is_dir(), reason=savedplans.ABSENT)
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_real_plan_is_read_or_refused_and_never_crashes(data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(savedplans.pair("mixed_everything")[0])) as opened:
        real = {name: opened.read(name) for name in opened.namelist()}
    read_or_refuse(archive(real | {"tfplan": data.draw(damaged(real["tfplan"]))}))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_msgpack_is_a_value_or_refused(data: bytes) -> None:
    try:
        ctyvalue.decode_value(data)
    except Malformed as refused:
        assert str(refused).startswith("has ")  # noqa: PT017 - any other exception fails the test
