"""A bucket's policy counts for what it surely denies, and for nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.evidence.openings import DEMANDS, policy_points
from tests.support import iam

BUCKET = iam.PLACEHOLDERS["LEDGER_BUCKET"]
NAMES = [f"bucket policy: {demand.name}" for demand in DEMANDS]
SHIPPED = iam.policy("ledger-bucket")


def opened(statements: Any, prefix: str = "") -> list[str]:
    """Return the names of what is open by a policy of some statements."""
    points = policy_points(json.dumps({"Version": "2012-10-17", "Statement": statements}), BUCKET, prefix)
    assert [point.name for point in points] == NAMES
    return [point.name.removeprefix("bucket policy: ") for point in points if point.state != "ok"]


def without(sid: str, **more: Any) -> list[Any]:
    """Return the shipped statements, one of them left out, or changed."""
    changed = [{**one, **more} for one in SHIPPED["Statement"] if one["Sid"] == sid]
    assert changed
    return [one for one in SHIPPED["Statement"] if one["Sid"] != sid] + (changed if more else [])


def test_the_shipped_policy_denies_all_of_it_and_says_to_whom_it_does_not() -> None:
    assert opened(SHIPPED["Statement"]) == []
    assert opened(SHIPPED["Statement"], "team/") == []
    points = policy_points(json.dumps(SHIPPED), BUCKET, "")
    assert iam.role("gate") in next(point.what for point in points if point.name.endswith("writers"))
    assert iam.role("break-glass") in next(point.what for point in points if point.name.endswith("deleting"))


@pytest.mark.parametrize(
    ("sid", "missing"),
    [
        ("NobodyDeletesOrWeakens", ["deleting", "weakening"]),
        ("OnlyTheGateWrites", ["writers"]),
        ("NothingIsOverwritten", ["overwriting"]),
        ("EncryptedTransportOnly", ["transport"]),
        ("NoOtherEncryption", []),
    ],
)
def test_what_a_policy_lacks_is_open(sid: str, missing: list[str]) -> None:
    assert opened(without(sid)) == missing


@pytest.mark.parametrize(
    "more",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": iam.role("planner")}},
        {"Action": ["s3:DeleteObject"]},
        {"Resource": f"arn:aws:s3:::{BUCKET}/log/*"},
        {"Resource": "arn:aws:s3:::another/*"},
        {"NotAction": "s3:GetObject", "Action": []},
        {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": "*"}}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": [iam.role("gate"), "arn:aws:iam::123456789012:role/*"]}}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}},
        {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": []}}},
        {"Condition": {"ArnNotEquals": {"aws:SourceArn": iam.role("gate")}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": iam.role("gate")}, "Bool": {"x:y": "true"}}},
    ],
    ids=str,
)
def test_what_does_not_surely_deny_counts_for_nothing(more: dict[str, Any]) -> None:
    assert "deleting" in opened(without("NobodyDeletesOrWeakens", **more))


def test_an_overwrite_is_denied_by_its_condition_only() -> None:
    assert opened(without("NothingIsOverwritten", Condition={"Null": {"s3:if-none-match": "true"}})) == []
    assert opened(without("NothingIsOverwritten", Condition={"Null": {"s3:if-none-match": "false"}})) == ["overwriting"]


def test_one_statement_need_be_in_no_list() -> None:
    assert opened({"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}) == []


def test_without_a_policy_all_is_open() -> None:
    assert [point.state for point in policy_points(None, BUCKET, "")] == ["open"] * len(DEMANDS)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"Statement":1}', '{"Statement":[],"Statement":[]}', "[" * 9999]
)
def test_what_is_no_policy_is_not_known(text: str) -> None:
    assert [point.state for point in policy_points(text, BUCKET, "")] == ["unknown"]
