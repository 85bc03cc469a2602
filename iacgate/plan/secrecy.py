"""What is a secret: by its name, by its look, and worth looking for elsewhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from iacgate.conditions.values import Value

HIDDEN_TEXT: Final = "(sensitive)"
MIN_SECRET: Final = 6
"""Shorter values are not looked for elsewhere: they would hide half of the plan."""

MAX_CREDENTIAL: Final = 12 << 10
"""Characters of the longest text that one of the expressions for credentials covers."""

_COMMON: Final = frozenset(
    (
        "default enabled disabled production staging development testing private public internal external primary "
        "secondary postgres postgresql mysql mariadb oracle sqlserver localhost username password terraform created "
        "managed standard premium eu-west-1 eu-central-1 us-east-1 us-east-2 us-west-1 us-west-2"
    ).split()
)
_HIDDEN_NAMES: Final = tuple(
    (
        "password passwd passphrase secret secret_string secret_key secret_access_key client_secret private_key "
        "private_key_pem api_key apikey access_token auth_token token connection_string credentials sas_token "
        "primary_access_key secondary_access_key"
    ).split()
)
_HIDDEN_ENDINGS: Final = tuple(f"_{name}" for name in _HIDDEN_NAMES)
_CREDENTIAL: Final = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,4096}|\bgithub_pat_[A-Za-z0-9_]{20,4096}|\bglpat-[\w-]{16,4096}"
    r"|\bxox[abprs]-[\w-]{10,4096}|\bAIza[\w-]{30,4096}|\b[rs]k_live_\w{16,4096}|\bhvs\.[\w-]{20,4096}"
    r"|\bnpm_\w{30,4096}"
    r"|(?<![\w-])eyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\."
    r"|AccountKey=[\w+/=]{20,4096}"
    r"|[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{1,200}:[^\s/@]{1,200}@"
)

_MARKERS: Final = tuple(
    "AKIA ASIA PRIVATE ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox AIza k_live_ hvs. npm_ eyJ AccountKey= ://".split()
)
_MARK: Final = re.compile(r"\(sensitive(?: hmac-sha256:[0-9a-f]{16})?\)")
_ESCAPED: Final = re.compile(r'["\\<>&\x00-\x1f\u2028\u2029]')
_GO_ESCAPES: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_encode: Final = msgspec.json.Encoder().encode


def mark(digest: str) -> str:
    """Return what stands for a secret in a stored plan: equal for equal secrets, by a keyed digest in hexadecimal."""
    return f"(sensitive hmac-sha256:{digest[:16]})"


def is_mark(text: str) -> bool:
    """Return whether a text stands for a secret that was taken out before."""
    return text.startswith("(sensitive") and _MARK.fullmatch(text) is not None


def without_digests(text: str) -> str:
    """Return the text with every mark in it made :data:`HIDDEN_TEXT`, which says nothing of the secret."""
    return _MARK.sub(HIDDEN_TEXT, text) if "(sensitive " in text else text


def may_hold_credential(text: str) -> bool:
    """Return whether a text has what credentials begin with; the expression is slow to compile and to run."""
    return len(text) >= 16 and any(map(text.__contains__, _MARKERS))


@functools.cache
def credential() -> re.Pattern[str]:
    """Return the expression for what looks like a credential."""
    return re.compile(_CREDENTIAL)


@functools.cache
def credential_bytes() -> re.Pattern[bytes]:
    """Return the expression of :func:`credential` for text that need not be UTF-8."""
    return re.compile(_CREDENTIAL.encode())


@functools.cache
def secret_name(name: str) -> bool:
    """Return whether an attribute's name says that its value is a secret."""
    name = name.lower()
    return name in _HIDDEN_NAMES or name.endswith(_HIDDEN_ENDINGS)


def json_spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and as JSON inside a string (or a quoted instance key) spells it."""
    yield secret
    if _ESCAPED.search(secret):
        text = _encode(secret)[1:-1].decode()
        yield text
        yield text.translate(_GO_ESCAPES)


def masked_leaves(value: Value, mask: Any) -> Iterator[str]:
    """Yield the strings that a mask covers."""
    if mask is True:
        yield from leaves(value)
    elif isinstance(mask, dict) and isinstance(value, dict):
        for key, inner in mask.items():
            yield from masked_leaves(value.get(key), inner)
    elif isinstance(mask, list) and isinstance(value, list):
        for item, inner in zip(value, mask, strict=False):
            yield from masked_leaves(item, inner)


def leaves(value: Value) -> Iterator[str]:
    """Yield the strings and long numbers of a secret value, and the lines of those that have several."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        text = str(value)
        yield from (part for part in {text, *text.splitlines()} if worth_hiding(part))


def worth_hiding(text: str) -> bool:
    """Return whether a secret is looked for elsewhere: it is neither short, nor a common word, nor a mark."""
    return len(text) >= MIN_SECRET and text.lower() not in _COMMON and bool(text.strip()) and not is_mark(text)
