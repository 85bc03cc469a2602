"""What is open in a set-up: points that were looked at, each ok, open, or not known. Not known is never ok.

The policy of a ledger's bucket is read as strictly as that can be done without asking AWS: only what is surely denied
to everybody, or to everybody but some roles, counts as denied. Conditions that are not understood deny nothing here.

Source: AWS IAM user guide, "IAM JSON policy elements"; Amazon S3 user guide, "Enforce conditional writes".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from iacgate import strictjson
from iacgate.evidence.layout import EVIDENCE, GENESIS, entry_key

State: TypeAlias = Literal["ok", "open", "unknown"]

_SAMPLES: Final = (GENESIS, entry_key("stack", 1), entry_key("", 1), f"{EVIDENCE}{'0' * 64}")
"""One key of each place that a ledger has."""

_DELETES: Final = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")
_SETTINGS: Final = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
)
_UNCONDITIONAL: Final = ({"Null": {"s3:if-none-match": "true"}},)
_ONE_CALL: Final = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
"""Writes in parts name the condition in their last call only."""

_PLAIN: Final = ({"Bool": {"aws:SecureTransport": "false"}},)
_EXCEPT: Final = ("ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike")
_EVERYBODY: Final = re.compile(r"\*|.*\*.*:.*|.*:\*|.*:(role|user|assumed-role)/\*", re.DOTALL)
"""ARNs that name no principal, but all of an account, or of several."""

_TODO: Final = "Put the shipped policy on the bucket: docs/iam/ledger-bucket.json."


class Point(msgspec.Struct, frozen=True):
    """One thing that was looked at: its name, how it is, a sentence, and what to do where it is not ok."""

    name: str
    state: State
    what: str
    todo: str = ""


class Demand(msgspec.Struct, frozen=True):
    """What a bucket's policy is to deny: the actions, where, on which conditions; with none, but to some roles."""

    name: str
    what: str
    actions: tuple[str, ...]
    on_bucket: bool = False
    conditions: tuple[Mapping[str, Any], ...] = ()


DEMANDS: Final = (
    Demand("deleting", "objects are deleted", _DELETES),
    Demand("writers", "anything is written", ("s3:PutObject",)),
    Demand("overwriting", "objects are overwritten", ("s3:PutObject",), conditions=(*_UNCONDITIONAL, _ONE_CALL)),
    Demand("weakening", "its lock, its versions or this policy are changed", _SETTINGS, on_bucket=True),
    Demand("transport", "it is read without encryption", ("s3:GetObject",), conditions=_PLAIN),
)


def policy_points(text: str | None, bucket: str, prefix: str) -> list[Point]:
    """Return what the policy of a ledger's bucket denies, and what not; ``None`` where it has no policy."""
    statements = _statements(text)
    if statements is None:
        return [Point("bucket policy", "unknown", "The bucket's policy cannot be read.", _TODO)]
    return [_point(demand, statements, f"arn:aws:s3:::{bucket}", prefix) for demand in DEMANDS]


def _statements(text: str | None) -> list[Mapping[str, Any]] | None:
    if text is None:
        return []
    try:
        content = strictjson.decode(text.encode())
    except (ValueError, RecursionError):
        return None
    found = content.get("Statement") if isinstance(content, dict) else None
    found = [found] if isinstance(found, dict) else found
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None


def _point(demand: Demand, statements: Sequence[Mapping[str, Any]], bucket: str, prefix: str) -> Point:
    name = f"bucket policy: {demand.name}"
    places = (bucket,) if demand.on_bucket else tuple(f"{bucket}/{prefix}{key}" for key in _SAMPLES)
    excepted: set[str] = set()
    for action in demand.actions:
        for place in places:
            found = next(_denying(statements, demand, action, place), None)
            if found is None:
                return Point(name, "open", f"Nothing in the bucket's policy surely prevents that {demand.what}.", _TODO)
            excepted |= set(found)
    to = f", but by {', '.join(sorted(excepted))}" if excepted else ""
    return Point(name, "ok", f"The bucket's policy prevents that {demand.what}{to}.")


def _denying(
    statements: Sequence[Mapping[str, Any]], demand: Demand, action: str, place: str
) -> Iterator[tuple[str, ...]]:
    """Yield who is excepted, for each statement that denies an action at a place to everybody else."""
    for one in statements:
        everybody = one.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        if one.get("Effect") != "Deny" or not everybody or "Action" not in one or "Resource" not in one:
            continue
        if _matches(one["Action"], action, re.IGNORECASE) and _matches(one["Resource"], place):
            excepted = _excepted(one.get("Condition"), demand)
            if excepted is not None:
                yield excepted


def _excepted(condition: Any, demand: Demand) -> tuple[str, ...] | None:
    """Return who is excepted by a condition; ``None`` where it is another one than is asked for."""
    if condition is None:
        return ()
    if demand.conditions:
        return () if condition in demand.conditions else None
    if not isinstance(condition, dict) or len(condition) != 1:
        return None
    ((operator, keys),) = condition.items()
    if operator not in _EXCEPT or not isinstance(keys, dict) or list(keys) != ["aws:PrincipalArn"]:
        return None
    names = _strings(keys["aws:PrincipalArn"])
    return names if names and not any(map(_EVERYBODY.fullmatch, names)) else None


def _matches(patterns: Any, value: str, flags: re.RegexFlag = re.NOFLAG) -> bool:
    """Return whether one of a policy's patterns, where ``*`` and ``?`` stand for anything, matches."""
    expressions = (re.escape(one).replace(r"\*", ".*").replace(r"\?", ".") for one in _strings(patterns))
    return any(re.fullmatch(one, value, flags | re.DOTALL) for one in expressions)


def _strings(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(one for one in found if isinstance(one, str))
