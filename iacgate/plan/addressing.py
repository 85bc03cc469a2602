"""The parts of a resource address, held against what the JSON says that they are.

Rules look at ``type``, ``mode`` and ``index``; Terraform acts on the address. Grammar:
``internal/addrs`` of hashicorp/terraform; keys are quoted as HCL quotes them.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import UNSET, UnsetType

from iacgate.plan.model import ResourceEntry

_IDENTIFIER: Final = r"[^\W\d][\w-]*"
_KEY: Final = r'\[(?:\d+|\*|"(?:[^"\\]|\\.)*")\]'
_ADDRESS: Final = re.compile(
    rf"(?P<module>(?:module\.{_IDENTIFIER}(?:{_KEY})?\.)*)(?:(?P<mode>data|ephemeral|action)\.)?"
    rf"(?P<type>{_IDENTIFIER})\.(?P<name>{_IDENTIFIER})(?P<key>{_KEY})?",
    re.DOTALL,
)
_PROVIDER: Final = re.compile(
    rf'(?:module\.{_IDENTIFIER}(?:{_KEY})?\.)*provider\["(?P<name>[^"\\]+)"\](?:\.{_IDENTIFIER})?', re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_TEMPLATE: Final = re.compile(r"\$\$\{|%%\{")
_SHORT: Final = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def provider_name(configuration: str) -> str:
    """Return the provider of a provider configuration's address, or "" if it is none."""
    match = _PROVIDER.fullmatch(configuration)
    return match["name"] if match else ""


def is_data(address: str) -> bool:
    """Return whether an address is that of a data source."""
    match = _ADDRESS.fullmatch(address)
    return match is not None and match["mode"] == "data"


def action_parts(address: str) -> tuple[str, str]:
    """Return type and name of the address of an action, or two empty strings."""
    match = _ADDRESS.fullmatch(address)
    return (match["type"], match["name"]) if match and match["mode"] == "action" else ("", "")


def instance_keys(address: str, deposed: str = "") -> list[tuple[str, str, str, str, str | int | None, str]]:
    """Return module, mode, type, name, key and deposed key that an address means.

    There are two readings for ``${`` in a key, and none of what is no address.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return []
    module, mode = match["module"].removesuffix("."), match["mode"] or "managed"
    found = [None if isinstance(key, UnsetType) else key for key in _readings(match["key"])]
    return [(module, mode, match["type"], match["name"], key, deposed) for key in dict.fromkeys(found)]


def wrong_parts(address: str, entry: ResourceEntry) -> list[str]:
    """Return which fields of a JSON entry contradict the address of the plan file."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return ["address"]
    expected = {
        "module_address": match["module"].removesuffix("."),
        "mode": match["mode"] or "managed",
        "type": match["type"],
        "name": match["name"],
    }
    wrong = [field for field, value in expected.items() if (getattr(entry, field) or "") != value]
    if entry.index not in _readings(match["key"]) or isinstance(entry.index, bool):
        wrong.append("index")
    if (entry.index_unknown is True) != (match["key"] == "[*]"):
        wrong.append("index_unknown")
    return wrong


def _readings(key: str | None) -> list[str | int | UnsetType | None]:
    """Return the index that an instance key means; none is absent or null.

    Before Terraform 1.0 ``${`` in a key was not doubled, so a string has two readings.
    """
    if key is None or key == "[*]":
        return [UNSET, None]
    text = key[1:-1]
    if not text.startswith('"'):
        return [int(text)] if len(text) < 20 else []
    plain = _ESCAPE.sub(_unescape, text[1:-1])
    return [plain, _ESCAPE.sub(_unescape, _TEMPLATE.sub(lambda found: found[0][1:], text[1:-1]))]


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code is None:
        return _SHORT.get(match[4], match[4])
    return chr(int(code, 16)) if int(code, 16) < 0x110000 else "\ufffd"
