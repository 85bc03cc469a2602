"""A bucket is fit for evidence or says why not; what cannot be known about it is said as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.evidence import s3bucket
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.s3bucket import Answer
from tests.evidence.conftest import Make, at, bucket_at
from tests.support.faulty import faulty
from tests.support.seaweed import Seaweed


def test_a_fit_bucket_has_no_problems_and_is_asked_together(
    bucket: Make, s3: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(s3.endpoint, pause=0.2) as proxy:
        store = bucket_at(bucket, proxy, monkeypatch)
        assert store.problems() == []
        assert proxy.rounds() == 3  # SeaweedFS has no block of public access: what it would block is asked, too
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)
    plans = S3Store(f"s3://{s3.bucket(locked=False)}", locked=False)
    assert plans.problems() == []
    assert not plans.independent


@pytest.mark.parametrize(
    ("made", "days", "said"),
    [
        ({"locked": False}, 1, "locks no objects"),
        ({"locked": False, "versions": False}, 1, "keeps no versions"),
        ({"mode": ""}, 1, "not COMPLIANCE"),
        ({"mode": "GOVERNANCE"}, 1, "not COMPLIANCE"),
        ({"days": 399}, 400, "for 399 days only"),
        ({"encrypted": False}, 1, "does not encrypt"),
    ],
)
def test_an_unfit_bucket(bucket: Make, s3: Seaweed, made: dict[str, Any], days: int, said: str) -> None:
    bucket()
    problems = S3Store(f"s3://{s3.bucket(**made)}", days=days).problems()
    assert any(said in problem for problem in problems), problems
    assert len(problems) == 1 + ("versions" in made)


def test_a_bucket_that_everybody_reads(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    name = at(store)["Bucket"]
    rule = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.client().put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))
    assert store.problems() == [f"{store.name}: its policy lets everybody in."]
    s3.client().delete_bucket_policy(Bucket=name)
    s3.client().put_bucket_acl(Bucket=name, ACL="public-read")
    assert ["access list" in problem for problem in store.problems()] == [True]


GOOD = {
    "get_bucket_versioning": Answer({"Status": "Enabled"}),
    "get_bucket_encryption": Answer(
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "x"}}]
            }
        }
    ),
    "get_object_lock_configuration": Answer(
        {
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 2}},
            }
        }
    ),
    "get_public_access_block": Answer({"PublicAccessBlockConfiguration": dict.fromkeys(s3bucket._BLOCKS, True)}),
    "get_bucket_policy_status": Answer({"PolicyStatus": {"IsPublic": False}}),
    "get_bucket_acl": Answer({"Grants": [{"Grantee": {"Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]}),
}


def judged(answers: dict[str, Answer]) -> list[str]:
    return s3bucket.problems(answers.__getitem__, "x", days=730, encrypted=False)


@given(st.sampled_from(sorted(GOOD)), st.sampled_from(["", *sorted(s3bucket.ANSWERS)]), st.booleans())
def test_nothing_unknown_about_a_bucket_passes(method: str, code: str, blocks: bool) -> None:
    answers = dict(GOOD) if blocks else GOOD | {"get_public_access_block": Answer({}, "NotImplemented")}
    assert judged(answers) == []
    asked = blocks or method != "get_public_access_block"
    used = asked and not (blocks and method in {"get_bucket_policy_status", "get_bucket_acl"})
    fine = (method, code) == ("get_bucket_policy_status", "NoSuchBucketPolicy") or (
        method == "get_public_access_block" and code in {"NotImplemented", "MethodNotAllowed"}
    )
    if used:
        problems = judged(answers | {method: Answer({}, code)})
        assert len(problems) == (0 if fine else 1)
        assert code != "AccessDenied" or "not known (AccessDenied)" in problems[0]


@pytest.mark.parametrize("block", s3bucket._BLOCKS)
def test_half_a_block_of_public_access_is_none(block: str) -> None:
    blocks = {"PublicAccessBlockConfiguration": dict.fromkeys(s3bucket._BLOCKS, True) | {block: False}}
    (problem,) = judged(GOOD | {"get_public_access_block": Answer(blocks)})
    assert block in problem
