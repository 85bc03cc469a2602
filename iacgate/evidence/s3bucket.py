"""What a bucket of S3 must be, so that what is in it is evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from iacgate.evidence.store import together

_NO_ENCRYPTION: Final = "ServerSideEncryptionConfigurationNotFoundError"
_NO_LOCK: Final = "ObjectLockConfigurationNotFoundError"
_NO_POLICY: Final = "NoSuchBucketPolicy"
_NO_BLOCK: Final = "NoSuchPublicAccessBlockConfiguration"
_NOT_KNOWN_TO_IT: Final = {"NotImplemented", "MethodNotAllowed"}

ANSWERS: Final = {_NO_ENCRYPTION, _NO_LOCK, _NO_POLICY, _NO_BLOCK, "AccessDenied", *_NOT_KNOWN_TO_IT}
"""Errors of S3 that answer a question about a bucket, if only with: not known."""

_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Answer(msgspec.Struct, frozen=True):
    """What S3 says about a bucket: the answer, or the code of an error that is one of :data:`ANSWERS`."""

    said: Mapping[str, Any]
    code: str = ""


Ask: TypeAlias = Callable[[str], Answer]
"""Calls a method of boto3's client, by its name, with the bucket alone."""


def problems(ask: Ask, name: str, *, days: int, encrypted: bool) -> list[str]:
    """Return what is wrong with a bucket or cannot be known, in sentences.

    It wants versions, encryption by default (unless all that is written is ``encrypted``), nobody from outside, and
    with ``days``, a lock that nobody can shorten, for so many days at least.
    """
    checks = [lambda: _versions(ask), lambda: _public(ask)]
    if not encrypted:
        checks.append(lambda: _encryption(ask))
    if days:
        checks.append(lambda: _lock(ask, days))
    return [f"{name}: {sentence}" for found in together(checks) for sentence in found]


def _versions(ask: Ask) -> list[str]:
    answer = ask("get_bucket_versioning")
    if answer.code:
        return [_unknown("it keeps versions", answer, "s3:GetBucketVersioning")]
    return [] if answer.said.get("Status") == "Enabled" else ["it keeps no versions; enable versioning."]


def _encryption(ask: Ask) -> list[str]:
    answer = ask("get_bucket_encryption")
    if answer.code and answer.code != _NO_ENCRYPTION:
        return [_unknown("it encrypts", answer, "s3:GetEncryptionConfiguration")]
    rules = answer.said.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    if any(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules):
        return []
    return ["it does not encrypt by default; set an encryption."]


def _lock(ask: Ask, days: int) -> list[str]:
    answer = ask("get_object_lock_configuration")
    if answer.code and answer.code != _NO_LOCK:
        return [_unknown("it locks objects", answer, "s3:GetBucketObjectLockConfiguration")]
    lock = answer.said.get("ObjectLockConfiguration", {})
    if lock.get("ObjectLockEnabled") != "Enabled":
        return ["it locks no objects; enable object lock."]
    rule = lock.get("Rule", {}).get("DefaultRetention", {})
    if rule.get("Mode") != "COMPLIANCE":
        return ["its default retention is not COMPLIANCE, so that objects can be removed; set it."]
    kept = rule.get("Days", 0) + 365 * rule.get("Years", 0)
    return [] if kept >= days else [f"it locks objects for {kept} days only; make it {days} at least."]


def _public(ask: Ask) -> list[str]:
    """Look at the block of public access; where a server has none, at what it would block."""
    answer = ask("get_public_access_block")
    if answer.code in _NOT_KNOWN_TO_IT:
        return _policy(ask("get_bucket_policy_status")) + _acl(ask("get_bucket_acl"))
    if answer.code and answer.code != _NO_BLOCK:
        return [_unknown("it blocks public access", answer, "s3:GetBucketPublicAccessBlock")]
    block = answer.said.get("PublicAccessBlockConfiguration", {})
    missing = [one for one in _BLOCKS if block.get(one) is not True]
    return [f"it does not block public access ({', '.join(missing)})."] if missing else []


def _policy(answer: Answer) -> list[str]:
    public = answer.said.get("PolicyStatus", {}).get("IsPublic")
    if answer.code == _NO_POLICY or public is False:
        return []
    if public is True:
        return ["its policy lets everybody in."]
    return [_unknown("its policy lets everybody in", answer, "s3:GetBucketPolicyStatus")]


def _acl(answer: Answer) -> list[str]:
    if answer.code or "Grants" not in answer.said:
        return [_unknown("its access list lets everybody in", answer, "s3:GetBucketAcl")]
    kinds = [grant.get("Grantee", {}).get("Type") for grant in answer.said["Grants"]]
    return ["its access list lets groups in that anybody can be in."] if "Group" in kinds else []


def _unknown(what: str, answer: Answer, right: str) -> str:
    return f"whether {what} is not known ({answer.code or 'no answer'}); allow {right}."
