"""What an IAM policy document newly allows.

Documents are JSON inside a string. They are read as AWS's "IAM JSON policy grammar" has
them: one value may stand for a list of one, actions are case-insensitive and may hold
``*`` and ``?``. A document that does not parse is unknown, never harmless.
"""

from __future__ import annotations

import functools
import re
from fnmatch import translate
from typing import Any, Final

import msgspec

from iacgate import strictjson
from iacgate.conditions.refs import Ref, Subject, has_hidden, parse_path
from iacgate.conditions.values import Answer, Hidden, Value
from iacgate.errors import PackInvalid

MAX_DOCUMENT: Final = 1 << 20
_DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT: Final = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()
)
"""The elements of the grammar. Another spelling of one must not pass for its absence."""

ESCALATION: Final = (
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:deleterolepermissionsboundary",
    "iam:deleteuserpermissionsboundary",
    "iam:passrole",
    "iam:putgrouppolicy",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:putuserpermissionsboundary",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
)
"""Actions that let their holder gain more rights than were given, on resources not named one by one
(Rhino Security Labs, "AWS IAM Privilege Escalation Methods")."""


class Statement(msgspec.Struct, frozen=True):
    """One ``Allow`` statement, normalised: lists, actions in lower case."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    public: bool
    conditional: bool


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
    principals = item.get("Principal")
    return Statement(
        actions=tuple(text.lower() for text in _texts(item.get("Action"))),
        not_actions=tuple(text.lower() for text in _texts(item.get("NotAction"))),
        resources=_texts(item.get("Resource")),
        not_resources=_texts(item.get("NotResource")),
        public="NotPrincipal" in item or _is_public(principals),
        conditional=bool(item.get("Condition")),
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


def _everything(patterns: tuple[str, ...]) -> bool:
    """Return whether a pattern takes in all: ``*``, ``*:*``, ``?*``, or an ARN of wildcards in any partition."""
    return any("*" in pattern and all(map(_is_wild, _parts(pattern))) for pattern in patterns)


def _parts(pattern: str) -> list[str]:
    parts = pattern.split(":")
    return parts[2:] if parts[0] == "arn" and len(parts) > 2 else parts


def _is_wild(part: str) -> bool:
    return set(part) <= {"*", "?"}


def _broad(statement: Statement) -> bool:
    return _everything(statement.resources) or bool(statement.not_resources)


def admin(found: list[Statement]) -> frozenset[str]:
    """Every action on every resource; ``NotAction`` on every resource, too."""
    return frozenset(
        "every action on every resource"
        for statement in found
        if _broad(statement) and (_everything(statement.actions) or statement.not_actions)
    )


def service_wildcard(found: list[Statement]) -> frozenset[str]:
    """Every action of one service, on every resource."""
    return frozenset(
        action
        for statement in found
        if _broad(statement)
        for action in statement.actions
        if _everything((action.partition(":")[2],)) and not _everything((action,))
    )


def escalation(found: list[Statement]) -> frozenset[str]:
    """Actions with which the holder can gain more rights, on resources given by a wildcard."""
    allowed: set[str] = set()
    for statement in found:
        if statement.not_resources or any(_has_wildcard(resource) for resource in statement.resources):
            for pattern in statement.actions:
                if not _everything((pattern,)):
                    allowed.update(_expand(pattern))
            if statement.not_actions and not _broad(statement):  # on every resource, it is `admin` already
                allowed.update(set(ESCALATION).difference(*map(_expand, statement.not_actions)))
    return frozenset(allowed)


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _expand(pattern: str) -> list[str]:
    if not _has_wildcard(pattern):
        return [pattern] if pattern in ESCALATION else []
    found = re.compile(translate(pattern.replace("[", "[[]")))
    return [action for action in ESCALATION if found.match(action)]


def public(found: list[Statement]) -> frozenset[str]:
    """Anybody may use it: a principal ``*`` and no condition."""
    return frozenset(
        action
        for statement in found
        if statement.public and not statement.conditional
        for action in statement.actions or ("everything else",)
    )


GRANTS: Final = {"admin": admin, "service_wildcard": service_wildcard, "escalation": escalation, "public": public}
"""What the ``grants`` condition can look for."""


class Grants:
    """The compiled ``grants`` condition: what does the document at a path newly allow?"""

    def __init__(self, spec: Any, where: str) -> None:
        if not isinstance(spec, dict) or set(spec) != {"policy", "newly"} or spec["newly"] not in tuple(GRANTS):
            raise PackInvalid(
                f"{where}: `grants` wants `policy` (a path) and `newly` (one of {', '.join(GRANTS)}).",
                hint="See docs/rules.md.",
            )
        self._policy = parse_path(spec["policy"], where)
        self._before = Ref(text=self._policy.text, root="before", steps=self._policy.steps)
        self.reads = self._policy.reads
        self._find = GRANTS[spec["newly"]]

    def answer(self, subject: Subject) -> Answer:
        """Return whether something is newly granted; unknown where a document cannot be seen or read."""
        if self._policy.absent(subject):
            return False
        documents = self._policy.values(subject)
        if documents == self._before.values(subject) and not has_hidden(documents):
            return False
        now, unsure = self._granted(documents)
        if not now:
            return None if unsure else False
        then, unsure_then = self._granted(self._before.values(subject))
        if now - then:
            return None if unsure_then else True
        return None if unsure else False

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return where the documents stand, with what they newly grant."""
        now, _ = self._granted(self._policy.values(subject))
        then, _ = self._granted(self._before.values(subject))
        new = ", ".join(sorted(now - then)[:5])
        return [
            (path, value if isinstance(value, Hidden) else new or value)
            for path, value in self._policy.locate(subject)
            if value is not None
        ]

    def _granted(self, documents: list[Value]) -> tuple[frozenset[str], bool]:
        granted: frozenset[str] = frozenset()
        unsure = False
        for document in documents:
            unsure = unsure or has_hidden(document)
            if isinstance(document, Hidden) or document is None or (isinstance(document, str) and not document.strip()):
                continue
            try:
                found = statements(document) if isinstance(document, str) else statements_in(document)
                granted |= self._find(found)
            except Unreadable:
                unsure = True
        return granted, unsure
