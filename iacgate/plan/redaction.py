"""What must not be shown, and how values are sealed before anything looks at them.

A value is hidden by path (Terraform's masks), by value (Terraform repeats a sensitive
input where no mask says so) and by look (an access key in a tag). Sealing comes before
the rules, so that a secret never reaches a condition, a finding or a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from iacgate.conditions.refs import Reads
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Hidden, Value
from iacgate.errors import PlanUnreadable
from iacgate.plan import strict
from iacgate.plan.model import ChangeBody
from iacgate.plan.search import Finder, replace
from iacgate.plan.secrecy import (
    HIDDEN_TEXT,
    MIN_SECRET,
    credential,
    is_mark,
    json_spellings,
    masked_leaves,
    may_hold_credential,
    secret_name,
    without_digests,
)

_FEW: Final = 32
_encode: Final = msgspec.json.Encoder().encode


class Redactor:
    """Knows the plan's secrets by value; finds them again wherever they are repeated."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(spelling for secret in secrets for spelling in json_spellings(secret))
        self._starts = frozenset(secret[:MIN_SECRET] for secret in self._secrets)
        self._finder = Finder({secret: (0, 0) for secret in self._secrets if len(secret) >= MIN_SECRET})

    def hides(self, text: str) -> bool:
        """Return whether a string is a secret, stands for one in a stored plan, or looks like a credential."""
        if text in self._secrets:
            return True
        # Most long strings are ARNs, which hold no credentials: not looking at them is a tenth of the whole work.
        if text.startswith("arn:"):
            return False
        return is_mark(text) or (may_hold_credential(text) and credential().search(text) is not None)

    def hides_number(self, number: float) -> bool:
        """Return whether a number is a secret."""
        return bool(self._secrets) and str(number) in self._secrets

    def clean(self, text: str) -> str:
        """Return the text with every secret in it replaced."""
        if len(self._starts) > _FEW or any(start in text for start in self._starts):
            text = replace(text, self._finder.spans(text), _hidden)
        text = credential().sub(HIDDEN_TEXT, text) if may_hold_credential(text) else text
        return without_digests(text)

    def seal(self, value: Value) -> Value:
        """Return the value with every leaf that must not be shown replaced by a marker; works in place."""
        kind = type(value)
        if kind is str:
            return SENSITIVE if self.hides(value) else value
        if kind is int or kind is float:
            return SENSITIVE if self.hides_number(value) else value
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
                if item and (secret_name(key) or self.hides(item)):
                    value[key] = SENSITIVE
            elif kind is dict:
                self._seal_object(item)
            elif kind is int or kind is float:
                value[key] = self.seal(item)
            elif kind is list and item:
                self.seal(item)


def _hidden(_: str) -> str:
    return HIDDEN_TEXT


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
