"""Addresses and texts as HCL has them: held against a grammar, and quoted anew.

Both come from a plan and are hostile: a name must not end a block, begin another one, or call a function.
"""

from __future__ import annotations

import re
from typing import Final

MAX_ADDRESS: Final = 2_000
MAX_TEXT: Final = 2_000

_KEY: Final = r'\[(?:\d{1,18}|"(?:[^"\\]|\\.)*")\]'
_PART: Final = re.compile(rf"([^\s.\[\]\"\\]+)({_KEY})?(\.|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|\$\$\{|%%\{", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_WRITTEN: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_RESERVED: Final = frozenset(
    "action count data each ephemeral local module output path resource self terraform var".split()
)


def written_address(address: str) -> str:
    """Return the address of a managed resource or instance, its keys quoted anew; empty where it is none.

    It is ``module.NAME`` any number of times, then ``TYPE.NAME``; all but the type can have a key (Terraform
    Language, "Resource Address Reference").
    """
    parts = _parts(address)
    if len(parts) < 2 or len(parts) % 2:
        return ""
    *modules, kind, name = parts
    for word, call in zip(modules[::2], modules[1::2], strict=True):
        if word != ("module", "") or not _is_name(call[0]):
            return ""
    if kind[1] or kind[0] in _RESERVED or not _is_name(kind[0]) or not _is_name(name[0]):
        return ""
    written = [text + (_key(key) if key else "") for text, key in parts]
    return ".".join(written) if all(_key(key) for _, key in parts if key) else ""


def quoted(text: str) -> str:
    """Return a text as an HCL literal that stands for exactly it (HCL Native Syntax, "Template Literals")."""
    return f'"{"".join(map(_written, text, (*text[1:], "")))}"'


def _parts(address: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(address) <= MAX_ADDRESS:
        match = _PART.match(address, at)
        if match is None:
            return []
        found.append((match[1], match[2] or ""))
        at = match.end()
    return [] if not address or address.endswith(".") else found


def _is_name(text: str) -> bool:
    """Return whether a text is an HCL identifier: a Unicode identifier in which hyphens may stand."""
    return text.replace("-", "_").isidentifier() and text[0] != "-" and text.isprintable()


def _key(key: str) -> str:
    """Return an instance key, written anew; empty where an escape in it is none of HCL."""
    if not key.startswith('["'):
        return key
    text = _unescaped(key[2:-2])
    return "" if text is None else f"[{quoted(text)}]"


def _unescaped(text: str) -> str | None:
    pieces, at = [], 0
    for match in _ESCAPE.finditer(text):
        pieces.append(text[at : match.start()])
        at = match.end()
        code = match[1] or match[2]
        if code:
            if not _is_character(int(code, 16)):
                return None
            pieces.append(chr(int(code, 16)))
        elif match[3]:
            if match[3] not in _ESCAPES:
                return None
            pieces.append(_ESCAPES[match[3]])
        else:
            pieces.append(match[0][1:])
    return "".join([*pieces, text[at:]])


def _is_character(code: int) -> bool:
    return code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF


def _written(character: str, following: str) -> str:
    if character in _WRITTEN:
        return _WRITTEN[character]
    if character in "$%" and following == "{":
        return character * 2
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
