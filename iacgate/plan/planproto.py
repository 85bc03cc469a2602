"""The messages of a saved plan, as a table.

One row for each field that Terraform (from 1.1) and OpenTofu (from 1.6) have ever
written. What is not in the table is refused by message and number: a field that we do
not know may decide what apply does. What the two products number alike but mean
differently has one row for each.

Sources (protobuf definitions, read through their histories):
hashicorp/terraform, ``plans/internal/planproto/planfile.proto`` (0.12 to 0.15),
``internal/plans/internal/planproto/planfile.proto`` (1.0 to 1.8),
``internal/plans/planproto/planfile.proto`` (1.8 to 1.17-dev);
opentofu/opentofu, ``internal/plans/internal/planproto/planfile.proto``.
"""

from __future__ import annotations

import enum
from typing import Any, Final, NamedTuple


class Product(enum.StrEnum):
    """Which program wrote the plan; ``EITHER`` where nothing in the file says so."""

    TERRAFORM = "terraform"
    OPENTOFU = "opentofu"
    EITHER = ""


class Kind(enum.Enum):
    """How the bytes of a field are read."""

    UINT = "uint"
    BOOL = "bool"
    ENUM = "enum"
    STRING = "string"
    BYTES = "bytes"
    MESSAGE = "message"


BOTH: Final = frozenset(Product)
TERRAFORM: Final = frozenset({Product.TERRAFORM})
OPENTOFU: Final = frozenset({Product.OPENTOFU})


class Field(NamedTuple):
    """One field: its name in the ``.proto``, how to read it, and who writes it.

    ``of`` is the message or enum; of the fields with the same ``choice`` (a protobuf
    ``oneof``) at most one is present; ``retired`` says who wrote it, long ago.
    """

    name: str
    kind: Kind
    of: str = ""
    repeated: bool = False
    products: frozenset[Product] = BOTH
    choice: str = ""
    retired: str = ""


def _text(name: str, **more: Any) -> Field:
    return Field(name, Kind.STRING, **more)


def _flag(name: str, **more: Any) -> Field:
    return Field(name, Kind.BOOL, **more)


def _enum(name: str, of: str, **more: Any) -> Field:
    return Field(name, Kind.ENUM, of, **more)


def _one(name: str, of: str, **more: Any) -> Field:
    return Field(name, Kind.MESSAGE, of, **more)


def _many(name: str, of: str, **more: Any) -> Field:
    return Field(name, Kind.MESSAGE, of, repeated=True, **more)


def _texts(name: str, **more: Any) -> Field:
    return _text(name, repeated=True, **more)


_OLD: Final = "Terraform before 1.1"

ROWS: Final[tuple[tuple[str, int, Field], ...]] = (
    ("Plan", 1, Field("version", Kind.UINT)),
    ("Plan", 2, _many("variables", "Variable")),
    ("Plan", 3, _many("resource_changes", "ResourceInstanceChange")),
    ("Plan", 4, _many("output_changes", "OutputChange")),
    ("Plan", 5, _texts("target_addrs")),
    ("Plan", 6, _texts("exclude_addrs", products=OPENTOFU)),
    ("Plan", 13, _one("backend", "Backend")),
    ("Plan", 14, _text("terraform_version")),
    # Was `map<string, Hash> provider_hashes` before 1.1; those plans are refused by their version.
    ("Plan", 15, _many("relevant_attributes", "ResourceAttr")),
    ("Plan", 16, _texts("force_replace_addrs")),
    ("Plan", 17, _enum("ui_mode", "Mode")),
    ("Plan", 18, _many("resource_drift", "ResourceInstanceChange")),
    ("Plan", 19, _many("check_results", "CheckResults")),
    ("Plan", 20, _flag("errored")),
    ("Plan", 21, _text("timestamp")),
    ("Plan", 22, _many("function_results", "FunctionCallHash", products=TERRAFORM)),
    ("Plan", 22, _texts("ephemeral_variables", products=OPENTOFU)),
    ("Plan", 25, _flag("applyable", products=TERRAFORM)),
    ("Plan", 26, _flag("complete", products=TERRAFORM)),
    ("Plan", 27, _many("deferred_changes", "DeferredResourceInstanceChange", products=TERRAFORM)),
    ("Plan", 28, _texts("apply_time_variables", products=TERRAFORM)),
    ("Plan", 29, _one("state_store", "StateStore", products=TERRAFORM)),
    ("Plan", 30, _many("action_invocations", "ActionInvocationInstance", products=TERRAFORM)),
    ("Plan", 31, _many("deferred_action_invocations", "DeferredActionInvocation", products=TERRAFORM)),
    ("Plan", 32, _texts("action_target_addrs", products=TERRAFORM)),
    # OpenTofu's `temp_execution_graph = 500000000` is left out on purpose: with it, apply follows
    # an opaque graph instead of the changes that this reader shows.
    ("Variable", 1, _text("key")),
    ("Variable", 2, _one("value", "DynamicValue")),
    ("Backend", 1, _text("type")),
    ("Backend", 2, _one("config", "DynamicValue")),
    ("Backend", 3, _text("workspace")),
    ("StateStore", 1, _text("type", products=TERRAFORM)),
    ("StateStore", 2, _one("config", "DynamicValue", products=TERRAFORM)),
    ("StateStore", 3, _text("workspace", products=TERRAFORM)),
    ("StateStore", 4, _one("provider", "Provider", products=TERRAFORM)),
    ("Provider", 1, _text("source", products=TERRAFORM)),
    ("Provider", 2, _text("version", products=TERRAFORM)),
    ("Provider", 3, _one("config", "DynamicValue", products=TERRAFORM)),
    ("ResourceAttr", 1, _text("resource")),
    ("ResourceAttr", 2, _one("attr", "Path")),
    ("Change", 1, _enum("action", "Action")),
    ("Change", 2, _many("values", "DynamicValue")),
    ("Change", 3, _many("before_sensitive_paths", "Path")),
    ("Change", 4, _many("after_sensitive_paths", "Path")),
    ("Change", 5, _one("importing", "Importing")),
    ("Change", 6, _text("generated_config")),
    ("Change", 7, _one("before_identity", "DynamicValue", products=TERRAFORM)),
    ("Change", 8, _one("after_identity", "DynamicValue", products=TERRAFORM)),
    ("Importing", 1, _text("id")),
    ("Importing", 2, _flag("unknown", products=TERRAFORM)),
    ("Importing", 3, _one("identity", "DynamicValue", products=TERRAFORM)),
    ("ResourceInstanceChange", 1, _text("module_path", retired=_OLD)),
    ("ResourceInstanceChange", 2, Field("mode", Kind.UINT, retired=_OLD)),
    ("ResourceInstanceChange", 3, _text("type", retired=_OLD)),
    ("ResourceInstanceChange", 4, _text("name", retired=_OLD)),
    ("ResourceInstanceChange", 5, _text("str", retired=_OLD)),
    ("ResourceInstanceChange", 6, Field("int", Kind.UINT, retired=_OLD)),
    ("ResourceInstanceChange", 7, _text("deposed_key")),
    ("ResourceInstanceChange", 8, _text("provider")),
    ("ResourceInstanceChange", 9, _one("change", "Change")),
    ("ResourceInstanceChange", 10, Field("private", Kind.BYTES)),
    ("ResourceInstanceChange", 11, _many("required_replace", "Path")),
    ("ResourceInstanceChange", 12, _enum("action_reason", "ActionReason")),
    ("ResourceInstanceChange", 13, _text("addr")),
    ("ResourceInstanceChange", 14, _text("prev_run_addr")),
    ("DeferredResourceInstanceChange", 1, _one("deferred", "Deferred", products=TERRAFORM)),
    ("DeferredResourceInstanceChange", 2, _one("change", "ResourceInstanceChange", products=TERRAFORM)),
    ("DeferredActionInvocation", 1, _one("deferred", "Deferred", products=TERRAFORM)),
    ("DeferredActionInvocation", 2, _one("action_invocation", "ActionInvocationInstance", products=TERRAFORM)),
    ("Deferred", 1, _enum("reason", "DeferredReason", products=TERRAFORM)),
    ("OutputChange", 1, _text("name")),
    ("OutputChange", 2, _one("change", "Change")),
    ("OutputChange", 3, _flag("sensitive")),
    ("CheckResults", 1, _enum("kind", "CheckKind")),
    ("CheckResults", 2, _text("config_addr")),
    ("CheckResults", 3, _enum("status", "CheckStatus")),
    ("CheckResults", 4, _many("objects", "CheckObject")),
    ("CheckObject", 1, _text("object_addr")),
    ("CheckObject", 2, _enum("status", "CheckStatus")),
    ("CheckObject", 3, _texts("failure_messages")),
    ("FunctionCallHash", 1, Field("key", Kind.BYTES, products=TERRAFORM)),
    ("FunctionCallHash", 2, Field("result", Kind.BYTES, products=TERRAFORM)),
    ("DynamicValue", 1, Field("msgpack", Kind.BYTES)),
    ("Path", 1, _many("steps", "Step")),
    ("Step", 1, _text("attribute_name", choice="selector")),
    ("Step", 2, _one("element_key", "DynamicValue", choice="selector")),
    ("ActionInvocationInstance", 1, _text("addr", products=TERRAFORM)),
    ("ActionInvocationInstance", 2, _text("provider", products=TERRAFORM)),
    ("ActionInvocationInstance", 4, _one("config_value", "DynamicValue", products=TERRAFORM)),
    ("ActionInvocationInstance", 5, _many("sensitive_config_paths", "Path", products=TERRAFORM)),
    (
        "ActionInvocationInstance",
        6,
        _one("resource_action_trigger", "ResourceActionTrigger", products=TERRAFORM, choice="action_trigger"),
    ),
    (
        "ActionInvocationInstance",
        7,
        _one("invoke_action_trigger", "InvokeActionTrigger", products=TERRAFORM, choice="action_trigger"),
    ),
    ("ResourceActionTrigger", 1, _text("triggering_resource_addr", products=TERRAFORM)),
    ("ResourceActionTrigger", 2, _enum("trigger_event", "TriggerEvent", products=TERRAFORM)),
    ("ResourceActionTrigger", 3, Field("action_trigger_block_index", Kind.UINT, products=TERRAFORM)),
    ("ResourceActionTrigger", 4, Field("actions_list_index", Kind.UINT, products=TERRAFORM)),
    ("ResourceActionTrigger", 5, _enum("on_failure", "OnFailure", products=TERRAFORM)),
    ("InvokeActionTrigger", 1, _text("calling_resource_addr", products=TERRAFORM)),
)
"""Message, field number, field. ``Variable`` is the entry of ``map<string, DynamicValue>``."""

ENUMS: Final[dict[str, dict[int, str]]] = {
    "Mode": {0: "normal", 1: "destroy", 2: "refresh-only"},
    # 9 is `create_then_forget` to Terraform and `open` to OpenTofu: the address tells them apart.
    "Action": {
        0: "no-op",
        1: "create",
        2: "read",
        3: "update",
        5: "delete",
        6: "delete,create",
        7: "create,delete",
        8: "forget",
        9: "create,forget",
        10: "forget,create",
    },
    "ActionReason": {
        0: "",
        1: "replace_because_tainted",
        2: "replace_by_request",
        3: "replace_because_cannot_update",
        4: "delete_because_no_resource_config",
        5: "delete_because_wrong_repetition",
        6: "delete_because_count_index",
        7: "delete_because_each_key",
        8: "delete_because_no_module",
        9: "replace_by_triggers",
        10: "read_because_config_unknown",
        11: "read_because_dependency_pending",
        12: "delete_because_no_move_target",
        13: "read_because_check_nested",
        14: "delete_because_enabled_false",
        15: "forgot_because_lifecycle_destroy_in_state",
        16: "forgot_because_lifecycle_destroy_in_config",
    },
    "DeferredReason": {
        1: "instance_count_unknown",
        2: "resource_config_unknown",
        3: "provider_config_unknown",
        4: "absent_prereq",
        5: "deferred_prereq",
        6: "excluded",
        7: "not_included",
    },
    "CheckStatus": {0: "unknown", 1: "pass", 2: "fail", 3: "error"},
    "CheckKind": {1: "resource", 2: "output_value", 3: "check", 4: "var"},
    "TriggerEvent": {
        1: "BeforeCreate",
        2: "AfterCreate",
        3: "BeforeUpdate",
        4: "AfterUpdate",
        5: "BeforeDestroy",
        6: "AfterDestroy",
        7: "Invoke",
    },
    "OnFailure": {0: "halt", 1: "taint", 2: "continue"},
}
"""What each number means, in the words of the plan JSON where it has some."""

OPENTOFU_ONLY: Final = {"Action": frozenset({10}), "ActionReason": frozenset({14, 15, 16})}
"""Numbers that Terraform has not given out: a Terraform plan with one of them is refused."""
