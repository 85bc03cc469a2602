"""The part of plan JSON that is held against the plan file, as structs.

What is not declared here is skipped undecoded. Duplicate keys, the format version and
the encoding of the JSON are the business of :mod:`iacgate.plan.reader`. Field names
follow ``internal/command/jsonplan/{plan,action_invocations}.go`` and
``internal/command/jsonchecks`` of hashicorp/terraform.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.plan.model import ChangeBody, ResourceEntry

NULL: Final = Raw(b"null")


class ShownVariable(msgspec.Struct):
    """A root module variable: set by somebody, or the default."""

    value: Raw = NULL


class Declared(msgspec.Struct):
    """The declaration of a variable in ``configuration``."""

    default: Raw | UnsetType = UNSET


class RootModule(msgspec.Struct):
    """The root module in ``configuration``."""

    variables: dict[str, Declared] | None = None


class Configuration(msgspec.Struct):
    """The configuration, as far as defaults of variables are concerned."""

    root_module: RootModule | None = None


class ShownDeferred(msgspec.Struct):
    """A change that is put off."""

    reason: str
    resource_change: ResourceEntry


class Lifecycle(msgspec.Struct):
    """A change of a resource that sets off an action; ``on_failure`` from Terraform 1.15."""

    triggering_resource_address: str = ""
    action_trigger_event: str = ""
    action_trigger_block_index: int = 0
    actions_list_index: int = 0
    on_failure: str | UnsetType = UNSET


class Invoke(msgspec.Struct):
    """Somebody asked for an action by name."""

    calling_resource_address: str = ""


class ShownInvocation(msgspec.Struct):
    """A provider action that apply will run."""

    address: str = ""
    type: str = ""
    name: str = ""
    provider_name: str = ""
    config_values: Raw = NULL
    config_sensitive: Raw | UnsetType = UNSET
    config_unknown: Raw | UnsetType = UNSET
    lifecycle_action_trigger: Lifecycle | None = None
    invoke_action_trigger: Invoke | None = None

    @property
    def trigger(self) -> tuple[str | int, ...]:
        """What sets it off, in the order of :attr:`iacgate.plan.saved.FileInvocation.trigger`."""
        if self.invoke_action_trigger is not None:
            return ("invoke", self.invoke_action_trigger.calling_resource_address)
        trigger = self.lifecycle_action_trigger or Lifecycle()
        return (
            trigger.action_trigger_event,
            trigger.triggering_resource_address,
            trigger.action_trigger_block_index,
            trigger.actions_list_index,
        )


class ShownDeferredInvocation(msgspec.Struct):
    """A provider action that is put off."""

    reason: str
    action_invocation: ShownInvocation


class CheckAddress(msgspec.Struct):
    """Where a check stands; instances have no kind of their own."""

    to_display: str
    kind: str = ""


class Problem(msgspec.Struct):
    """Why a check failed."""

    message: str


class CheckInstance(msgspec.Struct):
    """The result for one instance."""

    address: CheckAddress
    status: str
    problems: list[Problem] | None = None


class ShownCheck(msgspec.Struct):
    """The result for one configuration object that has checks."""

    address: CheckAddress
    status: str
    instances: list[CheckInstance] | None = None


class Relevant(msgspec.Struct):
    """An attribute of something that drifted, and that the plan depends on."""

    resource: str
    attribute: list[Any]


class Shown(msgspec.Struct):
    """Plan JSON, as far as it is compared."""

    terraform_version: str | UnsetType = UNSET
    variables: dict[str, ShownVariable] | None = None
    resource_drift: list[ResourceEntry] | None = None
    resource_changes: list[ResourceEntry] | None = None
    deferred_changes: list[ShownDeferred] | None = None
    deferred_action_invocations: list[ShownDeferredInvocation] | None = None
    output_changes: dict[str, ChangeBody] | None = None
    action_invocations: list[ShownInvocation] | None = None
    configuration: Configuration | None = None
    relevant_attributes: list[Relevant] | None = None
    checks: list[ShownCheck] | None = None
    timestamp: str | UnsetType = UNSET
    applyable: bool | UnsetType = UNSET
    complete: bool | UnsetType = UNSET
    errored: bool | UnsetType = UNSET

    @property
    def declared(self) -> Mapping[str, Declared]:
        """The declarations of root module variables, by name."""
        if self.configuration is None or self.configuration.root_module is None:
            return {}
        return self.configuration.root_module.variables or {}


_decoder = msgspec.json.Decoder(Shown)


def decode_shown(plan_json: bytes) -> Shown:
    """Return what is compared.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError, RecursionError: it is not plan JSON.
    """
    return _decoder.decode(plan_json)
