"""What must not be shown, and how values are sealed before anything looks at them.

A value is hidden by path (Terraform's masks), by value (Terraform repeats a sensitive
input where no mask says so) and by look (an access key in a tag). Sealing comes before
the rules, so that a secret never reaches a condition, a finding or a log.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.conditions.refs import Reads
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Hidden, Value
from iacgate.errors import PlanUnreadable
from iacgate.plan import strict
from iacgate.plan.model import ChangeBody

HIDDEN_TEXT: Final = "(sensitive)"
MIN_SECRET: Final = 6
"""Shorter values are not looked for elsewhere: they would hide half of the plan."""

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
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\b[rs]k_live_\w{16,}|\bhvs\.[\w-]{20,}|\bnpm_\w{30,}"
    r"|(?<![\w-])eyJ[\w-]{8,4096}\.eyJ[\w-]{8,}\."
    r"|AccountKey=[\w+/=]{20,}"
    r"|[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{1,200}:[^\s/@]{1,200}@"
)

_MARKERS: Final = tuple(
    "AKIA ASIA PRIVATE ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox AIza k_live_ hvs. npm_ eyJ AccountKey= ://".split()
)
_FEW: Final = 32
_ESCAPED: Final = re.compile(r'["\\<>&\x00-\x1f\u2028\u2029]')
_GO_ESCAPES: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_encode: Final = msgspec.json.Encoder().encode


def _may_hold_credential(text: str) -> bool:
    """Return whether a text has what credentials begin with; the expression is slow to compile and to run."""
    return len(text) >= 16 and any(map(text.__contains__, _MARKERS))


@functools.cache
def _credential() -> re.Pattern[str]:
    return re.compile(_CREDENTIAL)


@functools.cache
def _secret_name(name: str) -> bool:
    name = name.lower()
    return name in _HIDDEN_NAMES or name.endswith(_HIDDEN_ENDINGS)


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and as JSON inside a string (or a quoted instance key) spells it."""
    yield secret
    if _ESCAPED.search(secret):
        text = _encode(secret)[1:-1].decode()
        yield text
        yield text.translate(_GO_ESCAPES)


class Redactor:
    """Knows the plan's secrets by value; finds them again wherever they are repeated."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(spelling for secret in secrets for spelling in _spellings(secret))
        self._by_start: dict[str, dict[int, set[str]]] = {}  # by length, the longest first
        for secret in sorted(self._secrets, key=lambda secret: (-len(secret), secret)):
            self._by_start.setdefault(secret[:MIN_SECRET], {}).setdefault(len(secret), set()).add(secret)

    def hides(self, text: str) -> bool:
        """Return whether a string is a secret, or looks like a credential."""
        if text in self._secrets:
            return True
        # Most long strings are ARNs, which hold no credentials: not looking at them is a tenth of the whole work.
        if text.startswith("arn:"):
            return False
        return _may_hold_credential(text) and _credential().search(text) is not None

    def clean(self, text: str) -> str:
        """Return the text with every secret in it replaced."""
        if len(self._by_start) > _FEW or any(start in text for start in self._by_start):
            text = self._without_secrets(text)
        return _credential().sub(HIDDEN_TEXT, text) if _may_hold_credential(text) else text

    def _without_secrets(self, text: str) -> str:
        parts: list[str] = []
        end = 0  # of what is hidden or written so far; secrets may overlap
        for position in range(len(text) - MIN_SECRET + 1):
            if length := self._secret_at(text, position):
                if position >= end:
                    parts += text[end:position], HIDDEN_TEXT
                end = max(end, position + length)
        return "".join([*parts, text[end:]])

    def _secret_at(self, text: str, position: int) -> int:
        """Return the length of the longest secret that begins at a position, 0 where there is none."""
        lengths = self._by_start.get(text[position : position + MIN_SECRET])
        if lengths is None:
            return 0
        return next((n for n, secrets in lengths.items() if text[position : position + n] in secrets), 0)

    def seal(self, value: Value) -> Value:
        """Return the value with every leaf that must not be shown replaced by a marker; works in place."""
        kind = type(value)
        if kind is str:
            return SENSITIVE if self.hides(value) else value
        if kind is dict:
            self._seal_object(value)
        elif kind is list:
            for index, item in enumerate(value):
                value[index] = self.seal(item)
        return value

    def _seal_object(self, value: dict[str, Value]) -> None:
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                if item and (_secret_name(key) or self.hides(item)):
                    value[key] = SENSITIVE
            elif kind is dict:
                self._seal_object(item)
            elif kind is list and item:
                self.seal(item)


def before_of(body: ChangeBody, redactor: Redactor, where: str) -> Value:
    """Return the sealed value before the change; ``None`` where there was no object."""
    value = _decode(body.before, where)
    return redactor.seal(_overlay(value, _mask(body.before_sensitive, where), SENSITIVE, where))


def after_of(body: ChangeBody, redactor: Redactor, where: str) -> Value:
    """Return the sealed value after the change; ``None`` where there will be no object."""
    value = _decode(body.after, where)
    value = _overlay(value, _mask(body.after_unknown, where), UNKNOWN, where)
    return redactor.seal(_overlay(value, _mask(body.after_sensitive, where), SENSITIVE, where))


def narrowed(body: ChangeBody, names: Reads, where: str) -> ChangeBody:
    """Return a change with those attributes of its objects that have one of the names; ``None`` keeps all.

    All of both objects is read, so that a plan is refused for what no rule looks at, too.
    """
    before, after = _narrowed(body.before, names, where), _narrowed(body.after, names, where)
    return msgspec.structs.replace(body, before=before, after=after)


def _narrowed(raw: Raw | UnsetType, names: Reads, where: str) -> Raw | UnsetType:
    value = None if raw is UNSET else strict.decode_object(raw, where)
    if names is None or value is None:
        return raw
    return Raw(_encode({name: value[name] for name in names if name in value}))


def texts(body: ChangeBody) -> tuple[bytes, ...]:
    """Return the text of all that :func:`before_of` and :func:`after_of` look at; equal texts give equal values."""
    masks = (body.after_unknown, body.before_sensitive, body.after_sensitive)
    return (
        _text(body.before),
        _text(body.after),
        *(text if b"true" in (text := _text(mask)) else b"" for mask in masks),
    )


def _text(raw: Raw | UnsetType) -> bytes:
    return b"" if raw is UNSET else bytes(raw)


def has_secrets(body: ChangeBody) -> bool:
    """Return whether a mask of the change covers anything."""
    before, after = body.before_sensitive, body.after_sensitive
    return (before is not UNSET and b"true" in bytes(before)) or (after is not UNSET and b"true" in bytes(after))


def marked(mask: Raw | UnsetType) -> bool:
    """Return whether a mask covers the whole value, or any part of it."""
    stack = [None if mask is UNSET else strict.decode_value(mask, "mask")]
    while stack:
        node = stack.pop()
        if node is True:
            return True
        stack += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return False


def secrets_of(body: ChangeBody, where: str) -> Iterator[str]:
    """Yield the sensitive values of a change, as strings that are worth looking for."""
    seen: tuple[bytes, bytes] | None = None
    for value, mask in ((body.before, body.before_sensitive), (body.after, body.after_sensitive)):
        if mask is UNSET or value is UNSET or b"true" not in (covered := bytes(mask)):
            continue
        if (found := (bytes(value), covered)) != seen:  # what does not change need not be read twice
            yield from masked_leaves(_decode(value, where), strict.decode_value(mask, where))
        seen = found


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
        yield from (part for part in {text, *text.splitlines()} if _worth_hiding(part))


def _worth_hiding(text: str) -> bool:
    return len(text) >= MIN_SECRET and text.lower() not in _COMMON and bool(text.strip())


def _decode(raw: Raw | UnsetType, where: str) -> Value:
    return None if raw is UNSET else strict.decode_value(raw, where)


def _mask(raw: Raw | UnsetType, where: str) -> Any:
    """Return a mask; ``False`` where its bytes show that it covers nothing."""
    if raw is UNSET or b"true" not in bytes(raw):
        return False
    return strict.decode_value(raw, where)


def _overlay(value: Value, mask: Any, marker: Hidden, where: str) -> Value:
    """Put the marker wherever the mask says true; a mask is a sparse tree, not a flag."""
    if mask is True:
        return marker
    if isinstance(mask, dict):
        return _overlay_object(value, mask, marker, where)
    if isinstance(mask, list):
        return _overlay_list(value, mask, marker, where)
    if mask in (False, None):
        return value
    raise PlanUnreadable(
        f"{where}: a mask (`after_unknown` or `*_sensitive`) is neither a boolean nor a tree of booleans.",
        hint="Make the plan JSON again with `terraform show -json PLANFILE`; do not edit it.",
    )


def _overlay_object(value: Value, mask: dict[str, Any], marker: Hidden, where: str) -> Value:
    if isinstance(value, Hidden):
        return value
    if value is not None and not isinstance(value, dict):
        # A mask of another shape hides the whole, and drops nothing.
        return value if _overlay(None, mask, marker, where) is None else marker
    result: dict[str, Value] = value if isinstance(value, dict) else {}
    touched = isinstance(value, dict)
    for key, inner in mask.items():
        if inner is True or (inner and not isinstance(inner, bool)):
            masked = _overlay(result.get(key), inner, marker, where)
            if masked is not None:
                result[key] = masked
                touched = True
    return result if touched else value


def _overlay_list(value: Value, mask: list[Any], marker: Hidden, where: str) -> Value:
    if isinstance(value, Hidden):
        return value
    if value is not None and not isinstance(value, list):
        return value if _overlay(None, mask, marker, where) is None else marker
    result: list[Value] = value if isinstance(value, list) else []
    touched = isinstance(value, list)
    for index, inner in enumerate(mask):
        if inner is True or (inner and not isinstance(inner, bool)):
            while len(result) <= index:
                result.append(None)
            result[index] = _overlay(result[index], inner, marker, where)
            touched = touched or result[index] is not None
    return result if touched else value
