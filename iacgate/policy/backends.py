"""What identifies a state: those settings of a backend that name it, and never a credential.

Settings as in Terraform's documentation of each backend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from iacgate.errors import SettingsInvalid

_USER: Final = re.compile(r"(?<=:)//[^/@?#]*@")
"""Name and password in an address, which are no part of what it names."""

_IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "azurerm": ("storage_account_name", "container_name", "key", "environment"),
    "consul": ("address", "datacenter", "path"),
    "cos": ("region", "bucket", "prefix", "key"),
    "gcs": ("bucket", "prefix"),
    "http": ("address",),
    "kubernetes": ("host", "namespace", "secret_suffix"),
    "local": ("path", "workspace_dir"),
    "oci": ("namespace", "bucket", "key", "region"),
    "oss": ("region", "bucket", "prefix", "key", "endpoint"),
    "pg": ("schema_name",),
    "s3": ("bucket", "key", "region", "endpoint", "endpoints", "workspace_key_prefix"),
}

KNOWN: Final = tuple(_IDENTITY)
"""The types of backend whose states can be named."""


def identity(backend_type: str, config: Mapping[str, Any], place: str | None) -> dict[str, str]:
    """Return what identifies the state that a plan will be applied to, as text by setting.

    ``place`` is the stack's folder from the root of its repository, ``None`` outside of one: a local
    backend is the same in every folder, so that it names its state by it. Raises
    :class:`SettingsInvalid` for a backend whose identity is not known: an approval that is bound
    to nothing is bound to anything.
    """
    if backend_type not in _IDENTITY:
        raise SettingsInvalid(
            f"Approvals cannot be bound to a backend of the type {backend_type!r}.",
            hint=f"Known are: {', '.join(KNOWN)}.",
        )
    if backend_type == "local" and place is None:
        raise SettingsInvalid(
            "A local state outside of a git repository has no name that an approval could be bound to.",
            hint="Keep the stack in git, or its state in a backend.",
        )
    found = {name: _text(config.get(name)) for name in _IDENTITY[backend_type]}
    if backend_type == "http" and not found["address"]:
        raise SettingsInvalid(
            "The plan does not name the address of its http backend.", hint="Set it in the configuration."
        )
    here = {"folder": place or "."} if backend_type == "local" else {}
    return {"type": backend_type, **here, **{name: text for name, text in found.items() if text}}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_text(inner)}" for name, inner in sorted(value.items()) if inner)
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return "" if value is None else _USER.sub("//", str(value))
