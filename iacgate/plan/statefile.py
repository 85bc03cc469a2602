"""The state inside a saved plan, or a live one, as values: Terraform's state of version 4.

Terraform takes the member ``tfstate`` of a plan as what is: what is deleted, what destroy provisioners see and what
stays in the state come from there. What this reader does not know it refuses: Go reads ``Attributes`` as
``attributes``, and the last of two, so that a name that looks harmless here could count there.

Source: ``internal/states/statefile/version4.go`` of hashicorp/terraform and opentofu/opentofu.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate import strictjson
from iacgate.errors import PlanUnreadable
from iacgate.plan import container

Key: TypeAlias = "tuple[str, str, str, str, str | int | None, str]"
"""Module, mode, type, name, instance key and deposed key of an instance."""

_MANAGED: Final = "managed"
_HINT: Final = "Make the plan again; nobody edits what is in it."


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A root output as it is stored, undecoded."""

    value: Raw | UnsetType = UNSET
    type: Raw | UnsetType = UNSET
    sensitive: bool = False

    def __repr__(self) -> str:
        return "<Output>"


class Instance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One object of a resource as it is stored; its attributes are undecoded, and no ``repr`` shows one."""

    index_key: str | int | None = None
    status: str = ""
    deposed: str = ""
    schema_version: int | UnsetType = UNSET
    attributes: Raw | UnsetType = UNSET
    attributes_flat: dict[str, str] | UnsetType | None = UNSET
    sensitive_attributes: list[Raw] | UnsetType | None = UNSET
    identity_schema_version: int | UnsetType | None = UNSET
    identity: Raw | UnsetType = UNSET
    private: str | UnsetType | None = UNSET
    dependencies: list[str] | UnsetType | None = UNSET
    create_before_destroy: bool = False
    instance_provider: str = ""

    def __repr__(self) -> str:
        return "<Instance>"


class _Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    module: str = ""
    mode: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    each: str = ""
    provider: str = ""
    instances: list[Instance] | UnsetType | None = UNSET


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    terraform_version: str | UnsetType = UNSET
    serial: int | UnsetType = UNSET
    lineage: str | UnsetType = UNSET
    outputs: dict[str, Output] | UnsetType | None = UNSET
    resources: list[_Resource] | UnsetType | None = UNSET
    check_results: Raw | UnsetType = UNSET


class Entry(msgspec.Struct, frozen=True):
    """An instance, and the provider configuration that its resource is stored with."""

    provider: str
    instance: Instance


class State(msgspec.Struct, frozen=True):
    """All instances by key, and the root outputs by name."""

    instances: dict[Key, Entry]
    outputs: dict[str, Output]

    def __repr__(self) -> str:
        return f"<State of {len(self.instances)} instances>"


_decoder: Final = msgspec.json.Decoder(_Document)
_encode: Final = msgspec.json.Encoder().encode


def read_state(data: bytes, where: str) -> State:
    """Return what a state says; no bytes are a state in which nothing is.

    Raises :class:`PlanUnreadable`, naming ``where`` and no value: it is not a state of version 4, has a name that is
    not known, or something twice.
    """
    if not data.strip():
        return State({}, {})
    if len(data) > container.MAX_TOTAL:
        raise _unreadable(where, "is too large")
    try:
        text = msgspec.json.format(data, indent=-1)
        document = _decoder.decode(text)
        if not strictjson.same_text(_encode(document), text):
            strictjson.refuse_duplicates(strictjson.pairs(text), deep=True)
    except (ValueError, RecursionError) as error:  # its text may hold what it is about
        raise _unreadable(where, f"cannot be read as one that Terraform wrote ({type(error).__name__})") from None
    if document.version != 4:
        raise _unreadable(where, f"has the version {document.version}; only 4 is known")
    return State(_instances(document, where), document.outputs or {})


def is_managed(key: Key) -> bool:
    """Return whether an instance is of a resource, not of a data source."""
    return key[1] == _MANAGED


def show_key(key: Key) -> str:
    """Return the address of an instance as one reads it; what is in quotes is escaped."""
    module, mode, kind, name, index, deposed = key
    address = f"{module}." if module else ""
    address += f"{kind}.{name}" if mode == _MANAGED else f"{mode}.{kind}.{name}"
    if index is not None:
        address += f"[{_encode(index).decode()}]"
    return f"{address} (deposed {deposed})" if deposed else address


def _instances(document: _Document, where: str) -> dict[Key, Entry]:
    found: dict[Key, Entry] = {}
    for key, entry in _each(document):
        if key in found:
            raise _unreadable(where, "has an object twice")
        if isinstance(key[4], bool):
            raise _unreadable(where, "has an instance key that is neither a number nor text")
        found[key] = entry
    return found


def _each(document: _Document) -> Iterator[tuple[Key, Entry]]:
    for one in document.resources or ():
        for instance in one.instances or ():
            key = (one.module, one.mode or "", one.type or "", one.name or "", instance.index_key, instance.deposed)
            yield key, Entry(one.provider, instance)


def _unreadable(where: str, what: Any) -> PlanUnreadable:
    return PlanUnreadable(f"{where} {what}.", hint=_HINT)
