"""Read the saved plan file itself: what ``terraform plan -out`` wrote.

No program is started: ``terraform show`` would run the providers of the folder that it
stands in. What this reader does not know it refuses, by name. How the fields are read
follows ``internal/plans/planfile/tfplan.go`` of hashicorp/terraform and
opentofu/opentofu.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from iacgate.canonical import digest
from iacgate.errors import PlanUnreadable
from iacgate.plan import container
from iacgate.plan.planmessage import decode_message, field_numbers
from iacgate.plan.planparts import (
    keyed,
    read_apply_time,
    read_backend,
    read_check,
    read_deferred,
    read_deferred_invocation,
    read_invocation,
    read_outputs,
    read_path,
    read_resource,
    read_variables,
)
from iacgate.plan.planproto import Product
from iacgate.plan.saved import PlanFile
from iacgate.plan.wire import Malformed, read_fields

FORMAT_VERSION: Final = 3
"""The only version of the plan format since Terraform 0.12."""

OLDEST: Final = (1, 1)
"""Before Terraform 1.1 addresses were split into fields and 15 held provider hashes."""

_RELEASE: Final = re.compile(r"\A(\d{1,4})\.(\d{1,4})\.\d[\w.+-]*\Z", re.ASCII)
_IDENTIFIER: Final = re.compile(rb"\A[^\W\d][\w-]*\Z")
_LOCK_WRITERS: Final = ((b'"terraform init"', Product.TERRAFORM), (b'"tofu init"', Product.OPENTOFU))
_TERRAFORM_FIELDS: Final = frozenset(range(25, 33))
_OPENTOFU_FIELDS: Final = frozenset({6})
_AMBIGUOUS_FIELD: Final = 22
_STACKS: Final = b"type.googleapis.com/tfstackplan."


class _State(msgspec.Struct):
    """What we need of the state in the plan: which state the plan was made from."""

    version: int
    serial: int
    lineage: str


def is_plan_file(data: bytes) -> bool:
    """Return whether some bytes begin as a zip does; they may still be no plan."""
    return data.startswith(container.MAGIC)


def read_plan_file(data: bytes, name: str) -> PlanFile:
    """Return what a saved plan file says.

    Args:
        data: the bytes of the file.
        name: what the file is called in messages.

    Raises:
        PlanUnreadable: it is not a saved plan, damaged, encrypted, a bookmark of a plan
            elsewhere, or holds anything that this reader does not know. No value of the
            plan is in the message.
    """
    shown = ascii(name)
    if not is_plan_file(data):
        raise _not_a_zip(data, shown)
    try:
        return _read(container.read_members(data))
    except Malformed as error:
        raise PlanUnreadable(
            f"{shown} {error}",
            hint="Make the plan again with `terraform plan -out=FILE` and pass that file, unchanged.",
        ) from None


def _not_a_zip(data: bytes, shown: str) -> PlanUnreadable:
    """Return the error that names what the file is instead."""
    if data.startswith(b"tfplan"):
        return PlanUnreadable(f"{shown} is a plan of Terraform before 0.12", hint="Use Terraform 1.1 or later.")
    if _STACKS in data[:256]:
        return PlanUnreadable(f"{shown} is a plan of a Terraform Stack", hint="Stacks are planned and applied by HCP.")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        found = None
    keys = set(found) if isinstance(found, dict) else set()
    if "encryption_version" in keys or {"encrypted_data", "meta"} <= keys:
        return PlanUnreadable(
            f"{shown} is an encrypted OpenTofu plan (encryption_version), which cannot be read without its key",
            hint="Plan without `plan` encryption in the job that runs iacgate, and keep the file off shared storage.",
        )
    if "remote_plan_format" in keys:
        return PlanUnreadable(
            f"{shown} is a bookmark of a plan in HCP Terraform (remote_plan_format), not the plan",
            hint="Only a plan that is made and applied locally can be bound to its approval.",
        )
    if {"format_version", "planned_values"} & keys:
        return PlanUnreadable(f"{shown} is plan JSON, not a saved plan file", hint="Pass what `plan -out` wrote.")
    return PlanUnreadable(f"{shown} is not a saved plan file (not a zip)", hint="Pass what `plan -out` wrote.")


def _read(members: dict[str, bytes]) -> PlanFile:
    data, lock = members[container.PLAN], members.get(container.LOCK)
    product = _product(data, lock)
    plan = decode_message("Plan", _check_version(data), product)
    release = _check_release(plan.get("terraform_version", ""))
    state = _read_state(members[container.STATE])
    flagged = product is Product.TERRAFORM and release >= (1, 8)
    digests = {name: digest(content) for name, content in members.items()}
    sources = {name: content for name, content in members.items() if name.startswith(container.SOURCES)}
    return PlanFile(
        version=FORMAT_VERSION,
        terraform_version=plan["terraform_version"],
        product=product,
        mode=plan.get("ui_mode", "normal"),
        **read_backend(plan),
        variables=read_variables(plan.get("variables", [])),
        apply_time_variables=read_apply_time(plan),
        targets=tuple(plan.get("target_addrs", ())),
        excludes=tuple(plan.get("exclude_addrs", ())),
        action_targets=tuple(plan.get("action_target_addrs", ())),
        force_replace=tuple(plan.get("force_replace_addrs", ())),
        errored=plan.get("errored", False),
        complete=plan.get("complete", False) if flagged else None,
        applyable=plan.get("applyable", False) if flagged else None,
        timestamp=plan.get("timestamp", ""),
        serial=state.serial,
        lineage=state.lineage,
        prior_state=members[container.STATE],
        members=digests,
        configuration={name: digests[name] for name in sources},
        sources=sources,
        lock_file=lock,
        changes=keyed("resource_changes", [read_resource(raw) for raw in plan.get("resource_changes", [])]),
        drift=keyed("resource_drift", [read_resource(raw) for raw in plan.get("resource_drift", [])]),
        deferred=tuple(read_deferred(raw) for raw in plan.get("deferred_changes", [])),
        outputs=read_outputs(plan.get("output_changes", [])),
        action_invocations=tuple(read_invocation(raw) for raw in plan.get("action_invocations", [])),
        deferred_action_invocations=tuple(
            read_deferred_invocation(raw) for raw in plan.get("deferred_action_invocations", [])
        ),
        checks=tuple(read_check(raw) for raw in plan.get("check_results", [])),
        relevant_attributes=tuple(
            (raw.get("resource", ""), read_path(raw.get("attr", {}))) for raw in plan.get("relevant_attributes", [])
        ),
    )


def _product(data: bytes, lock: bytes | None) -> Product:
    """Return who wrote the plan: who wrote its lock file, else who has its fields."""
    header = (lock or b"").split(b"\n", 1)[0]
    for words, product in _LOCK_WRITERS:
        if words in header:
            return product
    numbers = field_numbers(data)
    if numbers & _TERRAFORM_FIELDS:
        return Product.TERRAFORM
    if numbers & _OPENTOFU_FIELDS:
        return Product.OPENTOFU
    if _AMBIGUOUS_FIELD in numbers:  # a variable's name, or a message that begins with a line feed
        names = [value for number, value in read_fields(data) if number == _AMBIGUOUS_FIELD]
        is_name = all(isinstance(value, bytes) and _IDENTIFIER.match(value) for value in names)
        return Product.OPENTOFU if is_name else Product.TERRAFORM
    return Product.EITHER


def _check_version(data: bytes) -> bytes:
    """Refuse other formats before their fields are read as ours."""
    try:
        versions = [value for number, value in read_fields(data) if number == 1]
    except Malformed as error:
        raise Malformed(f"is damaged: Plan {error}") from None
    if versions != [FORMAT_VERSION]:
        found = versions[0] if versions and isinstance(versions[0], int) else "none"
        raise Malformed(f"has the plan format version {found}; only {FORMAT_VERSION} is known")
    for number, value in read_fields(data):
        if number == 14 and isinstance(value, bytes):
            _check_release(value.decode("utf-8", "replace"))
    return data


def _check_release(version: str) -> tuple[int, int]:
    match = _RELEASE.match(version)
    if match is None:
        raise Malformed("does not say which version of Terraform or OpenTofu made it")
    release = int(match[1]), int(match[2])
    if release < OLDEST:
        raise Malformed(f"was made by Terraform {version}; 1.1 or later is needed")
    return release


def _read_state(data: bytes) -> _State:
    try:
        state = msgspec.json.decode(data, type=_State)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        raise Malformed("has a member tfstate that is not a state") from None
    if state.version != 4:
        raise Malformed(f"has a state of version {state.version}; only 4 is known")
    return state
