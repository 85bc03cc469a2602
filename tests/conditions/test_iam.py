from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.conditions.iam import MAX_DOCUMENT, Grants
from iacgate.conditions.values import SENSITIVE, UNKNOWN, Answer, Value


def allow(**fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **fields}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def grants(newly: str, after: Value, before: Value = None) -> Answer:
    condition = Grants({"policy": "policy", "newly": newly}, "test")
    return condition.answer({"before": None if before is None else {"policy": before}, "after": {"policy": after}})


ADMIN = document(allow(Action="*"))


@pytest.mark.parametrize(
    ("newly", "after", "answer"),
    [
        ("admin", ADMIN, True),
        ("admin", document(allow(Action=["s3:GetObject", "*:*"], Resource=["*"])), True),
        ("admin", json.dumps({"Statement": allow(Action="*")}), True),
        ("admin", document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), True),
        ("admin", document(allow(Action="*", Resource="arn:aws:s3:::a/*")), False),
        ("admin", document({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a"}), True),
        ("admin", document({"Effect": "Deny", "Action": "*", "Resource": "*"}), False),
        ("admin", document(allow(Action="?*", Resource="**")), True),
        ("admin", document(allow(Action="*", Resource="arn:aws:*")), True),
        ("admin", document(allow(Action="*", Resource="arn:*:*:*:*:*")), True),
        ("admin", {"Statement": [allow(Action="*")]}, True),
        ("admin", {"Statement": 1}, None),
        ("admin", document(allow()), False),
        ("admin", "", False),
        ("admin", None, False),
        ("admin", UNKNOWN, None),
        ("admin", SENSITIVE, None),
        ("admin", "{", None),
        ("admin", "[]", None),
        ("admin", '{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}', None),
        ("admin", '{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}', None),
        ("admin", document(allow(Action=[1])), None),
        ("admin", "[" * 5000 + "]" * 5000, None),
        ("admin", " " * MAX_DOCUMENT + ADMIN, None),
        ("service_wildcard", document(allow(Action="s3:*")), True),
        ("service_wildcard", document(allow(Action="s3:Get*")), False),
        ("service_wildcard", document(allow(Action="s3:*", Resource="arn:aws:s3:::a")), False),
        ("escalation", document(allow(Action="iam:PassRole")), True),
        ("escalation", document(allow(Action="IAM:passrole")), True),
        ("escalation", document(allow(Action="iam:Pass*")), True),
        ("escalation", document(allow(Action="iam:PassRol?")), True),
        ("escalation", document(allow(Action="iam:PassRole", Resource="arn:aws:iam::1:role/app")), False),
        ("escalation", document(allow(Action="iam:GetRole")), False),
        ("public", document(allow(Principal="*")), True),
        ("public", document(allow(Principal={"AWS": "*"})), True),
        ("public", document(allow(Principal={"AWS": ["arn:aws:iam::1:root", "*"]})), True),
        ("public", document(allow(Principal={"Service": "ec2.amazonaws.com"})), False),
        ("public", document(allow(Principal="*", Condition={"StringEquals": {"aws:SourceAccount": "1"}})), False),
        (
            "public",
            document({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "s3:*", "Resource": "*"}),
            True,
        ),
    ],
)
def test_what_is_granted(newly: str, after: Value, answer: Answer) -> None:
    assert grants(newly, after) is answer


def test_what_was_granted_before_is_not_new() -> None:
    assert grants("admin", document(allow(Action=["*"], Sid="x")), before=ADMIN) is False
    assert (
        grants("escalation", document(allow(Action=["iam:PassRole"])), before=document(allow(Action="iam:Pass*")))
        is False
    )
    assert grants("escalation", document(allow(Action="iam:*")), before=document(allow(Action="iam:PassRole"))) is True


def test_what_was_not_known_before_does_not_excuse() -> None:
    assert grants("admin", ADMIN, before=SENSITIVE) is True


def test_documents_inside_a_list() -> None:
    condition = Grants({"policy": "inline[*].policy", "newly": "admin"}, "test")
    assert (
        condition.answer({"before": None, "after": {"inline": [{"policy": document(allow())}, {"policy": ADMIN}]}})
        is True
    )
    assert condition.answer({"before": None, "after": {"inline": UNKNOWN}}) is None


def test_what_is_new_is_located() -> None:
    condition = Grants({"policy": "policy", "newly": "escalation"}, "test")
    after = {"policy": document(allow(Action=["iam:PassRole", "iam:CreateAccessKey"]))}
    assert condition.locate({"before": None, "after": after}) == [("policy", "iam:createaccesskey, iam:passrole")]
