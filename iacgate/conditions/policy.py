"""IAM policy documents: their statements, normalised, and what their patterns take in.

Documents are JSON inside a string. They are read as AWS's "IAM JSON policy grammar" has
them: one value may stand for a list of one, actions are case-insensitive and may hold
``*`` and ``?``. A document that does not parse is unknown, never harmless.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from iacgate import canonical, strictjson
from iacgate.conditions.network import WORLD, size, source_spans
from iacgate.conditions.refs import has_hidden

MAX_DOCUMENT: Final = 1 << 16
"""Characters; the longest that AWS takes are 32 KiB (key policies)."""

_MAX_PATTERN: Final = 1000
OTHER_THAN: Final = "all but "
_DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT: Final = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()
)
"""The elements of the grammar. Another spelling of one must not pass for its absence."""

_CALLER_KEYS: Final = frozenset(
    (
        "aws:principalaccount aws:principalarn aws:principalorgid aws:principalorgpaths aws:sourceaccount "
        "aws:sourcearn aws:sourceip aws:sourceorgid aws:sourceorgpaths aws:sourceowner aws:sourcevpc aws:sourcevpce "
        "aws:userid aws:username events:creatoraccount elasticfilesystem:accesspointarn "
        "elasticfilesystem:accessedviamounttarget kms:calleraccount lambda:eventsourcetoken s3:dataaccesspointaccount "
        "s3:dataaccesspointarn"
    ).split()
)
"""Condition keys that say who is calling, or from where (Amazon S3 User Guide, "The meaning of public", and
the services' own keys in the Service Authorization Reference)."""

_CALLER_OPERATORS: Final = frozenset(
    "stringequals stringequalsignorecase stringlike arnequals arnlike ipaddress bool".split()
)


class Statement(msgspec.Struct, frozen=True):
    """One ``Allow`` statement, normalised: lists, actions in lower case.

    ``condition`` is its condition block as canonical JSON, empty where there is none.
    ``names_callers`` is whether that block admits only callers that it names.
    """

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    public: bool
    condition: str
    names_callers: bool


class Unreadable(ValueError):
    """The document does not follow the policy grammar."""


@functools.lru_cache(maxsize=64)
def statements(document: str) -> list[Statement]:
    """Return the ``Allow`` statements of a document; several rules ask for the same one.

    Raises :class:`Unreadable` where it does not follow the grammar.
    """
    if len(document) > MAX_DOCUMENT:
        raise Unreadable("too long")
    try:
        content = strictjson.decode(document.encode())
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON, or a key stands twice") from error
    return statements_in(content)


def statements_in(content: Any) -> list[Statement]:
    """Return the ``Allow`` statements of a document that is JSON already.

    Raises :class:`Unreadable` where it does not follow the grammar.
    """
    if not isinstance(content, dict) or not content.keys() <= _DOCUMENT:
        raise Unreadable("not an object of the grammar's elements")
    found = content.get("Statement", [])
    return [
        _statement(item)
        for item in (found if isinstance(found, list) else [found])
        if not (isinstance(item, dict) and item.get("Effect") == "Deny")
    ]


def _statement(item: Any) -> Statement:
    if not isinstance(item, dict) or item.get("Effect") != "Allow" or not item.keys() <= _STATEMENT:
        raise Unreadable("a statement without an effect, or with elements that the grammar lacks")
    condition = item.get("Condition")
    if has_hidden(condition):
        raise Unreadable("a condition that cannot be seen")
    return Statement(
        actions=tuple(text.lower() for text in _texts(item.get("Action"))),
        not_actions=tuple(text.lower() for text in _texts(item.get("NotAction"))),
        resources=_texts(item.get("Resource")),
        not_resources=_texts(item.get("NotResource")),
        public="NotPrincipal" in item or _is_public(item.get("Principal")),
        condition=canonical.canonical_json(condition).decode() if condition else "",
        names_callers=_names_callers(condition),
    )


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(text, str) for text in values):
        raise Unreadable("a list of something else than strings")
    return tuple(values)


def _is_public(principals: Any) -> bool:
    if isinstance(principals, dict):
        return any("*" in _texts(value) for kind, value in principals.items() if kind in ("AWS", "*"))
    if principals is not None and not isinstance(principals, str):
        raise Unreadable("principals that are neither a string nor a mapping")
    return principals == "*"


def _names_callers(condition: Any) -> bool:
    """Return whether one of the tests, all of which must hold, admits named callers only.

    A negative operator, ``...IfExists`` and ``ForAllValues:`` also hold for callers that nobody named.
    """
    return isinstance(condition, dict) and any(
        operator.lower().removeprefix("foranyvalue:") in _CALLER_OPERATORS
        and isinstance(tests, dict)
        and any(key.lower() in _CALLER_KEYS and _are_named(_as_texts(values)) for key, values in tests.items())
        for operator, tests in condition.items()
    )


def _as_texts(values: Any) -> list[str]:
    return [str(value).lower() for value in (values if isinstance(values, list) else [values])]


def _are_named(values: list[str]) -> bool:
    ranges = [source_spans(value) or ((), ()) for value in values]
    wide = (
        size(span for v4, _ in ranges for span in v4) >= WORLD[4]
        or size(span for _, v6 in ranges for span in v6) >= WORLD[6]
    )
    return bool(values) and not wide and not any(value == "false" or _is_any(value) for value in values)


def _is_any(value: str) -> bool:
    return all(map(is_wild, value.removeprefix("arn:aws").split(":")))


def is_wild(text: str) -> bool:
    """Return whether a text is made of wildcards only."""
    return set(text) <= {"*", "?"}


def has_wildcard(pattern: str) -> bool:
    """Return whether a pattern names more than one thing."""
    return "*" in pattern or "?" in pattern


def is_everything(pattern: str) -> bool:
    """Return whether a pattern takes in all: ``*``, ``*:*``, ``?*``, or an ARN whose service and resource are wild.

    An account or a region does not narrow an ARN: both are the ones that the policy stands in.
    """
    parts = pattern.split(":", 5)
    if len(parts) > 1 and matching(parts[0], ("arn",)):
        parts = [parts[2], parts[5]] if len(parts) == 6 else parts[2:] or parts[1:]
    return "*" in pattern and all(map(is_wild, parts))


def covers(pattern: str, other: str) -> bool:
    """Return whether a pattern surely takes in all that another one does."""
    if pattern in (other, "*"):
        return True
    if pattern.startswith(OTHER_THAN) or not has_wildcard(pattern) or len(pattern) > _MAX_PATTERN:
        return False
    return _glob(pattern, other)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern takes in."""
    return [name for name in names if name == pattern or (has_wildcard(pattern) and _glob(pattern, name))]


def _glob(pattern: str, text: str) -> bool:
    """Return whether the pattern matches; a ``*`` in the text is matched by a ``*`` only.

    The one that regular expressions offer takes time without bound for patterns made to be slow.
    """
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        step = pattern[at] if at < len(pattern) else ""
        if step == "*":
            star, resume = at, place
            at += 1
        elif step and (step == text[place] or (step == "?" and text[place] != "*")):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return is_wild(pattern[at:]) and "?" not in pattern[at:]
