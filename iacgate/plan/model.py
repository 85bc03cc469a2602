"""What a plan says, as values.

Field meanings follow Terraform's "JSON Output Format" documentation and OpenTofu's.
``before`` and ``after`` stay undecoded (:class:`msgspec.Raw`) until something asks for
them: most of a plan does not change, and what does not change is never built.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.vocabulary import Action

Step: TypeAlias = "str | int"
Path: TypeAlias = tuple[Step, ...]
"""Where a value is: attribute names, map keys and list indexes."""


_IDLE = frozenset(action for action in Action if not action.mutates)


class Importing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is imported: an id or an identity; ``unknown`` where only apply will tell."""

    id: str | UnsetType = UNSET
    unknown: bool | UnsetType = UNSET
    identity: Any = UNSET


class ChangeBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ``change`` of a resource, an output or a drift, as the plan JSON has it.

    The order of the fields is the order in which Terraform writes them: the reader
    proves the absence of duplicate keys by encoding this again.
    """

    actions: list[str]
    before: Raw | UnsetType = UNSET
    after: Raw | UnsetType = UNSET
    after_unknown: Raw | UnsetType = UNSET
    before_sensitive: Raw | UnsetType = UNSET
    after_sensitive: Raw | UnsetType = UNSET
    replace_paths: Raw | UnsetType = UNSET
    importing: Raw | UnsetType = UNSET
    generated_config: str | UnsetType = UNSET
    before_identity: Raw | UnsetType = UNSET
    after_identity: Raw | UnsetType = UNSET


class ResourceEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``resource_changes`` or ``resource_drift``, as the plan JSON has it."""

    address: str = ""
    previous_address: str | None = ""
    module_address: str | None = ""
    mode: str = ""
    type: str = ""
    name: str = ""
    index: str | int | float | UnsetType | None = UNSET
    index_unknown: bool | UnsetType = UNSET
    provider_name: str | None = ""
    deposed: str | None = ""
    change: ChangeBody | UnsetType = UNSET
    action_reason: str | None = ""


class ResourceChange(msgspec.Struct, frozen=True):
    """One resource change: what Terraform will do to which object.

    The key is ``(address, deposed)``. ``deferred`` is the reason where Terraform put the
    change off (``deferred_changes``), else empty.
    """

    address: str
    deposed: str
    action: Action
    actions: tuple[str, ...]
    mode: str
    type: str
    name: str
    index: str | int | float | None
    module_address: str
    previous_address: str
    provider: str
    action_reason: str
    deferred: str
    body: ChangeBody

    @property
    def moved(self) -> bool:
        """Whether the object changes its address."""
        return bool(self.previous_address) and self.previous_address != self.address

    @property
    def imported(self) -> bool:
        """Whether an existing object comes under management."""
        return self.body.importing is not UNSET

    def replace_roots(self) -> frozenset[str]:
        """Return the top-level attributes that force a replacement (``replace_paths``)."""
        if self.body.replace_paths is UNSET:
            return frozenset()
        paths = msgspec.json.decode(self.body.replace_paths)
        found = paths if isinstance(paths, list) else []
        return frozenset(str(path[0]) for path in found if isinstance(path, list) and path)

    @property
    def matters(self) -> bool:
        """Whether applying it changes an object or what Terraform manages."""
        if self.action in _IDLE:
            return bool(self.previous_address or self.deferred) or self.body.importing is not UNSET
        return True


class Counts(msgspec.Struct):
    """How many resources, counted as Terraform's own ``Plan:`` line counts them."""

    imports: int = msgspec.field(name="import", default=0)
    add: int = 0
    change: int = 0
    destroy: int = 0
    forget: int = 0
    move: int = 0
    no_op: int = 0
    read: int = 0
    deferred: int = 0


class OutputChange(msgspec.Struct, frozen=True):
    """A change of a root module output."""

    name: str
    action: Action
    body: ChangeBody


class Check(msgspec.Struct, frozen=True):
    """The result of a check, a condition of a resource or output, or a variable validation."""

    address: str
    kind: str
    status: str
    problems: tuple[str, ...]


class ActionInvocation(msgspec.Struct, frozen=True):
    """A provider action that apply will run (Terraform 1.14); no resource change shows it."""

    address: str
    type: str
    provider: str
    trigger: str
    deferred: str
    secrets: tuple[str, ...] = ()


class Completeness(msgspec.Struct, frozen=True):
    """What the plan says of itself; ``None`` where it says nothing, which is not false."""

    errored: bool | None
    complete: bool | None
    applyable: bool | None
