"""What an IAM policy document newly allows.

A grant is what is allowed, on which resources, under which condition. It is new where no
grant before the change covers it: one of the same or wider actions and resources, without
a condition or under the same one. So a narrowed policy grants nothing new, and a widened
one does, whichever of its parts was widened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from iacgate.conditions.policy import (
    OTHER_THAN,
    Statement,
    Unreadable,
    covers,
    has_wildcard,
    is_everything,
    is_wild,
    matching,
    statements,
    statements_in,
)
from iacgate.conditions.refs import Ref, Subject, has_hidden, parse_path
from iacgate.conditions.values import Answer, Hidden, Value
from iacgate.errors import PackInvalid

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
    "sts:assumerole",
)
"""Actions that let their holder gain more rights than were given, on resources not named one by one
(Rhino Security Labs, "AWS IAM Privilege Escalation Methods")."""


_MAX_GRANTS: Final = 1000
"""Of one change; more are not compared, so that a document made to be slow is not."""


class Grant(msgspec.Struct, frozen=True, order=True):
    """What is allowed on which resources (patterns), under which condition (its JSON, or nothing).

    ``doubtful`` is one that its condition may take back again.
    """

    action: str
    resource: str
    condition: str
    doubtful: bool = False

    def covered_by(self, other: Grant, *, whatever_condition: bool = False) -> bool:
        """Return whether the other allows all that this one does."""
        return (
            (whatever_condition or other.condition in ("", self.condition))
            and covers(other.action, self.action)
            and covers(other.resource, self.resource)
        )


def _is_broad(statement: Statement) -> bool:
    return any(map(is_everything, statement.resources)) or bool(statement.not_resources)


def _where(statement: Statement) -> tuple[str, ...]:
    """Return the patterns of the resources; what is named by its exceptions is one pattern."""
    return (OTHER_THAN + ", ".join(statement.not_resources),) if statement.not_resources else statement.resources


def _names_identities(resource: str) -> bool:
    """Return whether a pattern can take in several roles, users, groups or policies."""
    if resource.startswith(OTHER_THAN):
        return True
    parts = resource.split(":")
    return has_wildcard(resource) and (parts[0] != "arn" or len(parts) < 3 or bool(matching(parts[2], ("iam",))))


def _is_admin(statement: Statement) -> bool:
    return _is_broad(statement) and (any(map(is_everything, statement.actions)) or bool(statement.not_actions))


def admin(found: list[Statement]) -> Iterator[Grant]:
    """Every action on every resource; ``NotAction`` on every resource, too."""
    for statement in found:
        if _is_admin(statement):
            yield Grant("every action on every resource", "", statement.condition)


def service_wildcard(found: list[Statement]) -> Iterator[Grant]:
    """Every action of one service, on every resource."""
    for statement in filter(_is_broad, found):
        for action in statement.actions:
            service, colon, name = action.partition(":")
            if colon and name and is_wild(name) and "*" in name and not is_wild(service):
                yield Grant(action, "", statement.condition)


def escalation(found: list[Statement]) -> Iterator[Grant]:
    """Actions with which the holder can gain more rights, on resources given by a wildcard."""
    for statement in found:
        if _is_admin(statement):
            continue  # a worse grant, which has its own name
        resources = [text for text in _where(statement) if _names_identities(text)]
        if not resources:
            continue
        allowed = {action for pattern in statement.actions for action in matching(pattern, ESCALATION)}
        if statement.not_actions:
            allowed.update(set(ESCALATION).difference(*(matching(text, ESCALATION) for text in statement.not_actions)))
        for action in allowed:
            yield from (Grant(action, resource, statement.condition) for resource in resources)


def public(found: list[Statement]) -> Iterator[Grant]:
    """Anybody may use it: a principal ``*``, and no condition that says who is calling."""
    for statement in found:
        if statement.public and not statement.names_callers:
            actions = statement.actions or (OTHER_THAN + ", ".join(statement.not_actions),)
            for action in actions:
                for resource in _where(statement) or ("",):
                    yield Grant(action, resource, statement.condition, doubtful=bool(statement.condition))


GRANTS: Final[dict[str, Callable[[list[Statement]], Iterator[Grant]]]] = {
    "admin": admin,
    "service_wildcard": service_wildcard,
    "escalation": escalation,
    "public": public,
}
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
        then, unsure_then = self._granted(self._before.values(subject)) if now else (frozenset(), False)
        new = _uncovered(now, then)
        if any(not grant.doubtful for grant in _uncovered(new, then, whatever_condition=True)):
            return None if unsure_then else True
        return None if new or unsure else False

    def locate(self, subject: Subject) -> list[tuple[str, Value]]:
        """Return where the documents stand, with what they newly grant."""
        now, _ = self._granted(self._policy.values(subject))
        then, _ = self._granted(self._before.values(subject))
        new = ", ".join(sorted({grant.action for grant in _uncovered(now, then)})[:5])
        return [
            (path, value if isinstance(value, Hidden) else new or value)
            for path, value in self._policy.locate(subject)
            if value is not None
        ]

    def _granted(self, documents: list[Value]) -> tuple[frozenset[Grant], bool]:
        granted: frozenset[Grant] = frozenset()
        unsure = False
        for document in documents:
            unsure = unsure or has_hidden(document)
            if isinstance(document, Hidden) or document is None or (isinstance(document, str) and not document.strip()):
                continue
            try:
                found = statements(document) if isinstance(document, str) else statements_in(document)
                granted |= frozenset(self._find(found))
            except Unreadable:
                unsure = True
        return (granted, unsure) if len(granted) <= _MAX_GRANTS else (frozenset(), True)


def _uncovered(now: frozenset[Grant], then: frozenset[Grant], *, whatever_condition: bool = False) -> frozenset[Grant]:
    return frozenset(
        grant
        for grant in now - then
        if not any(grant.covered_by(other, whatever_condition=whatever_condition) for other in then)
    )
