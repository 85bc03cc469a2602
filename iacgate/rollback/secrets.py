"""Values that undoing needs and no plan shows: what is sensitive, and what is written only and never stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import UNSET, Raw, UnsetType

from iacgate.plan import strict
from iacgate.plan.model import ChangeBody

_VERSIONS: Final = ("_wo_version", "_wo_revision")
"""How providers name what says that a write-only argument changed, which is itself never stored (Terraform, "Use
write-only arguments"; hashicorp/kubernetes has revisions)."""

MAX_NAMES: Final = 5


def needed(body: ChangeBody, where: str, *, made_anew: bool) -> tuple[str, ...]:
    """Return the top-level attributes whose old value undoing needs and nobody can see, a few of them.

    ``made_anew`` says that undoing makes the object again, which needs all of them; else it needs those that change.
    """
    masked = _may_be_masked(body.before_sensitive)
    if not masked and not _names_write_only(body.before):
        return ()
    before, after = _object(body.before, where), _object(body.after, where)
    names = {name for name in _write_only(before) if made_anew or before.get(name) != after.get(name)}
    if masked:
        mask = strict.decode_value(body.before_sensitive, where)  # type: ignore[arg-type] # `masked` says that it is set
        hidden = before.keys() if mask is True else _covered(mask)
        names |= {
            name for name in hidden if before.get(name) is not None and (made_anew or _differs(name, before, after))
        }
    return tuple(sorted(names)[:MAX_NAMES])


def _may_be_masked(mask: Raw | UnsetType) -> bool:
    return mask is not UNSET and b"true" in bytes(mask)


def _names_write_only(raw: Raw | UnsetType) -> bool:
    return raw is not UNSET and any(ending.encode() in bytes(raw) for ending in _VERSIONS)


def _object(raw: Raw | UnsetType, where: str) -> dict[str, Any]:
    value = None if raw is UNSET else strict.decode_value(raw, where)
    return value if isinstance(value, dict) else {}


def _write_only(before: dict[str, Any]) -> Iterator[str]:
    for name, value in before.items():
        if name.endswith(_VERSIONS) and value is not None:
            yield name


def _covered(mask: Any) -> Iterator[str]:
    for name, inner in mask.items() if isinstance(mask, dict) else ():
        if inner is True or _any(inner):
            yield name


def _any(mask: Any) -> bool:
    if isinstance(mask, dict):
        return any(map(_any, mask.values()))
    return any(map(_any, mask)) if isinstance(mask, list) else mask is True


def _differs(name: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    return bool(before.get(name) != after.get(name))
