"""What a saved plan file says, as values.

They hold variables, backend credentials and resource values without any redaction: no
``repr`` here shows one, and no value may go into a message.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from iacgate.conditions.values import Value
from iacgate.plan.planproto import Product

PathSteps: TypeAlias = tuple[Value, ...]
"""Attribute names, map keys, list indexes; an object where the step is an element of a set."""


class _Unprinted(msgspec.Struct, frozen=True):
    """A struct whose ``repr`` shows its class alone."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class FileImporting(_Unprinted, frozen=True):
    """What is imported: an id, an identity, or something that only apply will know."""

    id: str
    unknown: bool
    identity: Value


class FileChange(_Unprinted, frozen=True):
    """One change of a resource instance as the plan file has it.

    ``previous_address`` and ``deposed`` are empty where there is none. ``provider`` is
    the address of the provider *configuration*, with module and alias. Numbers in
    ``before`` and ``after`` are described at :func:`iacgate.plan.ctyvalue.decode_value`;
    ``after`` is the same object as ``before`` in a no-op.
    """

    address: str
    deposed: str
    previous_address: str
    provider: str
    actions: tuple[str, ...]
    before: Value
    after: Value
    before_sensitive: tuple[PathSteps, ...]
    after_sensitive: tuple[PathSteps, ...]
    importing: FileImporting | None
    generated_config: str
    replace_paths: tuple[PathSteps, ...]
    action_reason: str
    before_identity: Value
    after_identity: Value
    deferred: str = ""

    def __repr__(self) -> str:
        return f"<FileChange {ascii(self.address)} {','.join(self.actions)}>"


class FileOutput(_Unprinted, frozen=True):
    """The change of one root module output; ``sensitive`` before, after or both."""

    name: str
    actions: tuple[str, ...]
    before: Value
    after: Value
    sensitive: bool


class FileInvocation(_Unprinted, frozen=True):
    """A provider action that apply will run (Terraform 1.14).

    ``trigger`` is what sets it off: event, resource, block index, action index and what
    happens on failure, or ``("invoke", calling resource)`` where it was asked for by name.
    """

    address: str
    provider: str
    config: Value
    sensitive: tuple[PathSteps, ...]
    trigger: tuple[str | int, ...]
    deferred: str = ""


class FileCheckObject(_Unprinted, frozen=True):
    """The result for one instance of what has checks."""

    address: str
    status: str
    problems: tuple[str, ...]


class FileCheck(_Unprinted, frozen=True):
    """The result for one configuration object that has checks."""

    kind: str
    address: str
    status: str
    objects: tuple[FileCheckObject, ...]


class PlanFile(_Unprinted, frozen=True, kw_only=True):
    """A saved plan file: everything that decides what ``apply`` does with it.

    ``backend_config`` (with the provider's own configuration for a state store) may hold
    credentials. ``applyable`` and ``complete`` are ``None`` where the program that wrote
    the plan has no such flags. ``members`` has the SHA-256 of every member of the zip,
    ``configuration`` those of the ``tfconfig/`` snapshot, ``sources`` their bytes.
    ``prior_state`` has the bytes of ``tfstate``, which Terraform takes as what is.
    ``product`` is read from the plan and not proven: it is for messages and for the
    meaning of numbers that the products give out differently.
    """

    version: int
    terraform_version: str
    product: Product
    mode: str
    backend_type: str
    workspace: str
    backend_config: dict[str, Value]
    state_store_provider: str
    variables: dict[str, Value]
    apply_time_variables: tuple[str, ...]
    targets: tuple[str, ...]
    excludes: tuple[str, ...]
    action_targets: tuple[str, ...]
    force_replace: tuple[str, ...]
    errored: bool
    complete: bool | None
    applyable: bool | None
    timestamp: str
    serial: int
    lineage: str
    prior_state: bytes
    members: dict[str, str]
    configuration: dict[str, str]
    sources: dict[str, bytes]
    lock_file: bytes | None
    changes: tuple[FileChange, ...]
    drift: tuple[FileChange, ...]
    deferred: tuple[FileChange, ...]
    outputs: tuple[FileOutput, ...]
    action_invocations: tuple[FileInvocation, ...]
    deferred_action_invocations: tuple[FileInvocation, ...]
    checks: tuple[FileCheck, ...]
    relevant_attributes: tuple[tuple[str, PathSteps], ...]

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version of the program that wrote the plan."""
        major, minor = self.terraform_version.split(".")[:2]
        return int(major), int(minor)

    def __repr__(self) -> str:
        return f"<PlanFile {self.product or 'plan'} {ascii(self.terraform_version)}, {len(self.changes)} changes>"
