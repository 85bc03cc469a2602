"""Where providers come from: the CLI configuration that terraform runs with, and the lock file.

The operator's own file is never handed to terraform, which reads it with another parser than ours: what was
understood of it is written anew.

Settings as in Terraform's documentation, "CLI Configuration File".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from iacgate.errors import ApplyRefused
from iacgate.plan.source.hcl import Attribute, Block, parse
from iacgate.shell.files import read_regular

CONFIG: Final = "terraform.tfrc"
"""The file's name in the private folder."""

MAX_CONFIG: Final = 64 << 10
_WRAPPER: Final = "everything"
_METHODS: Final[dict[str, str]] = {"filesystem_mirror": "path", "network_mirror": "url", "direct": ""}
"""Ways to install a provider, and the setting that each needs; ``dev_overrides`` is none that a lock file binds."""

_IGNORED: Final = frozenset({"disable_checkpoint", "disable_checkpoint_signature"})
_OWN: Final = "provider_installation {\n  direct {}\n}\n"


def write(private: Path, given: Path | None = None) -> Path:
    """Write the CLI configuration into a private folder; return where.

    ``given`` is the operator's own file, named by the operator and never found by itself; without one,
    providers come from their registries alone.

    Raises :class:`ApplyRefused` where the given file has anything that is not understood, or ``dev_overrides``.
    """
    text = _OWN if given is None else _read(given)
    path = private / CONFIG
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def check_providers(lock_file: bytes | None, providers: Sequence[str] | None) -> None:
    """Raise :class:`ApplyRefused` for a provider in a lock file that is not one of those allowed, or has no hash.

    ``providers`` are source addresses, or the beginnings of some: ``registry.terraform.io``,
    ``registry.terraform.io/hashicorp`` or ``registry.terraform.io/hashicorp/aws``. ``None``: there is no list,
    and all are; an empty list allows none.
    """
    for block in _locked(lock_file):
        address = "/".join(block.labels)
        if not block.literal("hashes"):
            raise ApplyRefused(
                f"The lock file has no hashes of {address}: nothing says which program that is.",
                hint="Run `terraform init`, and commit .terraform.lock.hcl.",
            )
        if providers is not None and not any(_begins(address, allowed) for allowed in providers):
            raise ApplyRefused(
                f"The provider {address} is not one of those allowed.", hint="Ask who allows providers to add it."
            )


def _locked(lock_file: bytes | None) -> Iterator[Block]:
    found = parse("lock.hcl", lock_file or b"")
    if not found.whole or any(block.kind != "provider" or len(block.labels) != 1 for block in found.blocks):
        raise ApplyRefused("The lock file was not understood.", hint="Run `terraform init` to write it again.")
    yield from found.blocks


def _begins(address: str, allowed: str) -> bool:
    return bool(allowed) and f"{address}/".startswith(f"{allowed.rstrip('/')}/")


def _read(path: Path) -> str:
    data = read_regular(path, MAX_CONFIG, ApplyRefused)
    if data is None:
        raise ApplyRefused(f"{path} is not there.", hint="Name the CLI configuration that there is, or none.")
    if b"dev_overrides" in data:
        raise ApplyRefused(
            f"{path} has dev_overrides, with which terraform runs a provider that no lock file knows.",
            hint="Use a filesystem_mirror and a lock file.",
        )
    # Our reader keeps no attributes outside of blocks, so that all of it is put into one.
    found = parse("given.hcl", f"{_WRAPPER} {{\n".encode() + data + b"\n}\n")
    if not found.whole or len(found.blocks) != 1 or found.functions:
        raise _not_understood(path, "it is not in HCL, or calls functions")
    return "".join(_rewritten(found.blocks[0], path))


def _rewritten(everything: Block, path: Path) -> Iterator[str]:
    for name in everything.attributes:
        if name not in _IGNORED:
            raise _not_understood(path, name)
    installations = list(everything.of_kind("provider_installation"))
    if len(installations) > 1:
        raise _not_understood(path, "a second provider_installation")
    yield from (text for block in installations for text in _installation(block, path))
    if not installations:
        yield _OWN
    for block in everything.blocks:
        if block.kind == "credentials":
            yield _credentials(block, path)
        elif block.kind != "provider_installation":
            raise _not_understood(path, block.kind)


def _installation(block: Block, path: Path) -> Iterator[str]:
    if block.labels or block.attributes or not block.blocks:
        raise _not_understood(path, "provider_installation")
    yield "provider_installation {\n"
    for method in block.blocks:
        if method.kind not in _METHODS or method.labels or method.blocks:
            raise _not_understood(path, method.kind)
        needed = _METHODS[method.kind]
        yield f"  {method.kind} {{\n"
        if needed:
            yield f"    {needed} = {_quoted(method.literal(needed), path, needed)}\n"
        for name in sorted({*method.attributes} - {needed}):
            yield f"    {name} = {_patterns(name, method.attributes[name], path)}\n"
        yield "  }\n"
    yield "}\n"


def _patterns(name: str, attribute: Attribute, path: Path) -> str:
    if name not in ("include", "exclude") or not isinstance(attribute.literal, tuple):
        raise _not_understood(path, name)
    return f"[{', '.join(_quoted(pattern, path, name) for pattern in attribute.literal)}]"


def _credentials(block: Block, path: Path) -> str:
    if len(block.labels) != 1 or {*block.attributes} != {"token"} or block.blocks:
        raise _not_understood(path, "credentials")
    host, token = _quoted(block.labels[0], path, "credentials"), _quoted(block.literal("token"), path, "token")
    return f"credentials {host} {{\n  token = {token}\n}}\n"


def _quoted(value: Any, path: Path, name: str) -> str:
    """Return a plain text as both languages read it; a relative path would be one of the commit's."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or set(value) & set('"\\$%'):
        raise _not_understood(path, name)
    if name == "path" and not value.startswith("/"):
        raise ApplyRefused(f"{path}: the mirror's path is relative.", hint="Make it absolute.")
    return json.dumps(value)


def _not_understood(path: Path, what: str) -> ApplyRefused:
    return ApplyRefused(
        f"{path} was not understood ({ascii(what)}).",
        hint="It may have provider_installation (filesystem_mirror, network_mirror, direct) and credentials.",
    )


def sources(lock_file: bytes | None) -> Iterable[str]:
    """Return the source addresses of the providers in a lock file."""
    return tuple("/".join(block.labels) for block in _locked(lock_file))
