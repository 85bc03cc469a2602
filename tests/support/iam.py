"""What policies of AWS allow: as much of IAM's evaluation as the shipped policies use, and not more.

Source: AWS IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators". In one
account, something is allowed where an identity's policy or a resource's allows it, and none denies it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.conftest import ROOT

FOLDER: Final = ROOT / "docs" / "iam"
ACCOUNT: Final = "123456789012"
PLACEHOLDERS: Final = {
    "LEDGER_BUCKET": "acme-ledger",
    "PLANS_BUCKET": "acme-plans",
    "STATE_BUCKET": "acme-state",
    "PRODUCTION_ROLE_ARN": "arn:aws:iam::210987654321:role/deploy",
    "DATA_KEY_ID": "1111abcd-12ab-34cd-56ef-1234567890ab",
    "OWNER/REPOSITORY": "acme/infrastructure",
    "ENVIRONMENT": "production",
    "ACCOUNT": ACCOUNT,
    "REGION": "eu-central-1",
}
Policy = Mapping[str, Any]


class Request(NamedTuple):
    """One thing that somebody does: an action, on what, and what IAM knows about it."""

    action: str
    resource: str
    context: Mapping[str, str] = {}


def policy(name: str) -> Policy:
    """Return one of the shipped policies, with values instead of its placeholders."""
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    for placeholder, value in PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    found: Policy = json.loads(text)
    return found


def names() -> list[str]:
    """Return the names of all shipped files."""
    return sorted(path.stem for path in Path(FOLDER).glob("*.json"))


def role(name: str) -> str:
    """Return the ARN of an identity's role."""
    return f"arn:aws:iam::{ACCOUNT}:role/iacgate-{name}"


def allowed(who: str, request: Request, policies: Iterable[Policy]) -> bool:
    """Return whether the role of a name may do something, by policies of its own and of what it touches."""
    context = {"aws:PrincipalArn": role(who), "aws:SecureTransport": "true", **request.context}
    effects = {
        statement["Effect"]
        for one in policies
        for statement in one["Statement"]
        if _matches(statement, request, context)
    }
    return effects == {"Allow"}


def _matches(statement: Policy, request: Request, context: Mapping[str, str]) -> bool:
    named = "Resource" in statement
    resources = _list(statement["Resource" if named else "NotResource"])
    here = any(fnmatchcase(request.resource, one) for one in resources) == named
    does = any(fnmatchcase(request.action.lower(), one.lower()) for one in _list(statement["Action"]))
    conditions = statement.get("Condition", {})
    holds = all(
        _holds(operator, context.get(key), _list(values))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )
    return here and does and holds and _is_principal(statement.get("Principal"), context["aws:PrincipalArn"])


def _is_principal(principal: Any, who: str) -> bool:
    if principal is None or principal == "*":
        return True
    return bool({"*", who} & set(_list(principal.get("AWS", []))))


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    """Return whether a condition holds; one that is negated also does where there is no such value."""
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    positive = operator.replace("Not", "")
    if positive not in ("Bool", "StringEquals", "StringLike", "ArnEquals"):
        raise ValueError(f"this evaluator knows no {operator}")
    matches = value is not None and any(
        fnmatchcase(value, one) if positive in ("StringLike", "ArnEquals") else value == one for one in wanted
    )
    return matches != (positive != operator)


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
