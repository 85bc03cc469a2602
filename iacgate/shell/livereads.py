"""How each kind of live question is asked of AWS, and how its answer is read: bounded, and read-only.

Sources: the API references of Amazon S3, RDS, DynamoDB, EC2, KMS, Secrets Manager and AWS Backup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from iacgate.evidence.s3call import text
from iacgate.rollback.livewords import MORE, Kind, Point, PointKind, Question

READS: Final[dict[str, dict[str, str]]] = {
    "backup": {"ListRecoveryPointsByResource": "backup:ListRecoveryPointsByResource"},
    "dynamodb": {
        "DescribeContinuousBackups": "dynamodb:DescribeContinuousBackups",
        "DescribeTable": "dynamodb:DescribeTable",
        "ListBackups": "dynamodb:ListBackups",
    },
    "ec2": {"DescribeSnapshots": "ec2:DescribeSnapshots"},
    "kms": {"DescribeKey": "kms:DescribeKey"},
    "rds": {
        "DescribeDBClusterSnapshots": "rds:DescribeDBClusterSnapshots",
        "DescribeDBClusters": "rds:DescribeDBClusters",
        "DescribeDBInstances": "rds:DescribeDBInstances",
        "DescribeDBSnapshots": "rds:DescribeDBSnapshots",
    },
    "s3": {
        "GetBucketVersioning": "s3:GetBucketVersioning",
        "HeadBucket": "s3:ListBucket",
        "ListObjectVersions": "s3:ListBucketVersions",
    },
    "secretsmanager": {"DescribeSecret": "secretsmanager:DescribeSecret"},
    "sts": {"GetCallerIdentity": ""},
}
"""Every call that is ever made, by service, and the permission that it needs; the last one needs none.

None of them reads what an object, a secret or a table holds, and none changes anything. botocore asks ``HeadBucket``
by itself to find a bucket's region.
"""

SERVICES: Final[dict[Kind, str]] = {
    "backup-recovery-points": "backup",
    "bucket-versioning": "s3",
    "dynamodb-pitr": "dynamodb",
    "ebs-snapshots": "ec2",
    "kms-key-state": "kms",
    "rds-snapshots": "rds",
    "secret": "secretsmanager",
    "state-bucket-versioned": "s3",
    "state-version": "s3",
}

MAX_ITEMS: Final = 1000
"""Recovery points of one object that are looked at."""

_PAGE: Final = 100
_PAGES: Final = 20
_LONGEST: Final = 600
"""Characters of a name, which can be an ARN."""


class Odd(ValueError):
    """An answer that is not what the API's reference says; shows nothing of it."""


class Reading(msgspec.Struct, frozen=True):
    """What an answer says: facts by name, and recovery points."""

    facts: tuple[tuple[str, str], ...] = ()
    points: tuple[Point, ...] = ()


def read(client: Any, question: Question) -> Reading:
    """Ask one question with a client of its service, and return what the answer says.

    Raises :class:`Odd` for an answer that cannot be, and whatever the client raises.
    """
    return _READERS[question.kind](client, question)


def _owner(question: Question) -> dict[str, str]:
    return {"ExpectedBucketOwner": question.account} if question.account else {}


def _versioning(client: Any, question: Question) -> Reading:
    answer = client.get_bucket_versioning(Bucket=question.subject, **_owner(question))
    return Reading((("versioning", _string(answer, "Status")),))


class NotThere(Exception):
    """What was asked about is not there, though the call succeeded."""


def _state_version(client: Any, question: Question) -> Reading:
    """Read which version of the state's object is current; to list versions needs no right to read the state."""
    key = question.argument("key")
    answer = client.list_object_versions(Bucket=question.subject, Prefix=key, MaxKeys=1, **_owner(question))
    for version in _list(answer, "Versions"):
        if version.get("Key") == key and version.get("IsLatest") is True:
            return Reading((("version", _string(version, "VersionId")),))
    raise NotThere


def _rds(client: Any, question: Question) -> Reading:
    """Read a database's snapshots, and how far its automated backups reach; those of a namesake do not count."""
    _, _, name = question.subject.rpartition(":")
    cluster = ":cluster:" in question.subject
    kind, resource = ("DBCluster", "DbClusterResourceId") if cluster else ("DBInstance", "DbiResourceId")
    describe = client.describe_db_clusters if cluster else client.describe_db_instances
    found = _list(describe(**{f"{kind}Identifier": name}), f"{kind}s")
    if len(found) != 1 or found[0].get(f"{kind}Arn") != question.subject:
        raise Odd("another database than the one that was asked for")
    database = found[0]
    method, key, arn = (
        ("describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotArn")
        if cluster
        else ("describe_db_snapshots", "DBSnapshots", "DBSnapshotArn")
    )
    points = []
    snapshots = _items(client, method, key, **{f"{kind}Identifier": name})
    for item in snapshots:
        own = item.get(resource) in (None, database.get(resource))
        if own and item.get("Status") == "available" and item.get("SnapshotCreateTime"):
            automated = item.get("SnapshotType") == "automated"
            points.append(_point("automated-snapshot" if automated else "snapshot", item, arn, "SnapshotCreateTime"))
    retention = database.get("BackupRetentionPeriod")
    days = str(retention) if isinstance(retention, int) else "not told"
    if retention and database.get("LatestRestorableTime"):
        points.append(_point("point-in-time", database, f"{kind}Arn", "LatestRestorableTime"))
    return Reading((("backup retention in days", days), *snapshots.facts), tuple(points))


def _dynamodb(client: Any, question: Question) -> Reading:
    """Read whether a table can be restored to a point in time, and its backups; those of a namesake do not count."""
    _, _, name = question.subject.rpartition("/")
    table = _dict(client.describe_table(TableName=name), "Table")
    if table.get("TableArn") != question.subject:
        raise Odd("another table than the one that was asked for")
    described = _dict(client.describe_continuous_backups(TableName=name), "ContinuousBackupsDescription")
    recovery = _dict(described, "PointInTimeRecoveryDescription")
    status = _string(recovery, "PointInTimeRecoveryStatus")
    points = []
    if status == "ENABLED" and recovery.get("LatestRestorableDateTime"):
        points.append(_point("point-in-time", {**recovery, "of": question.subject}, "of", "LatestRestorableDateTime"))
    backups = _items(client, "list_backups", "BackupSummaries", TableName=name, BackupType="ALL")
    for item in backups:
        own = item.get("TableId") in (None, table.get("TableId"))
        if own and item.get("BackupStatus") == "AVAILABLE":
            points.append(_point("snapshot", item, "BackupArn", "BackupCreationDateTime"))
    return Reading((("point-in-time recovery", status), *backups.facts), tuple(points))


def _ebs(client: Any, question: Question) -> Reading:
    _, _, name = question.subject.rpartition("/")
    filters = [{"Name": "volume-id", "Values": [name]}, {"Name": "status", "Values": ["completed"]}]
    found = _items(client, "describe_snapshots", "Snapshots", Filters=filters, OwnerIds=["self"])
    return Reading(found.facts, tuple(_point("snapshot", item, "SnapshotId", "StartTime") for item in found))


def _backup(client: Any, question: Question) -> Reading:
    found = _items(client, "list_recovery_points_by_resource", "RecoveryPoints", ResourceArn=question.subject)
    whole = [item for item in found if item.get("Status") in ("COMPLETED", "AVAILABLE")]
    return Reading(found.facts, tuple(_point("backup", item, "RecoveryPointArn", "CreationDate") for item in whole))


def _key(client: Any, question: Question) -> Reading:
    key = _dict(client.describe_key(KeyId=question.subject), "KeyMetadata")
    if key.get("Arn") != question.subject:
        raise Odd("another key than the one that was asked for")
    facts = [("state", _string(key, "KeyState"))]
    if key.get("DeletionDate") is not None:
        facts.append(("deletion", _instant(key, "DeletionDate")))
    return Reading(tuple(facts))


def _secret(client: Any, question: Question) -> Reading:
    secret = client.describe_secret(SecretId=question.subject)
    if secret.get("ARN") != question.subject:
        raise Odd("another secret than the one that was asked for")
    if secret.get("DeletedDate") is None:
        return Reading()
    return Reading((("deletion", _instant(secret, "DeletedDate")),))


_READERS: Final[dict[Kind, Callable[[Any, Question], Reading]]] = {
    "backup-recovery-points": _backup,
    "bucket-versioning": _versioning,
    "dynamodb-pitr": _dynamodb,
    "ebs-snapshots": _ebs,
    "kms-key-state": _key,
    "rds-snapshots": _rds,
    "secret": _secret,
    "state-bucket-versioned": _versioning,
    "state-version": _state_version,
}


class _Items(list[Mapping[str, Any]]):
    """What the first pages hold; ``more`` says that there are others, which nobody looks at."""

    more = False

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        return ((MORE, f"only the first {MAX_ITEMS} are looked at"),) if self.more else ()


def _items(client: Any, method: str, key: str, **parameters: Any) -> _Items:
    """Return what the pages hold, of a bounded number of pages.

    What is missing makes the newest look older than it is, and never newer.
    """
    found = _Items()
    pages = client.get_paginator(method).paginate(PaginationConfig={"PageSize": _PAGE}, **parameters)
    for number, page in enumerate(pages):
        if number >= _PAGES or len(found) >= MAX_ITEMS:
            found.more = True
            break
        found += _list(page, key)
    return found


def _point(kind: PointKind, item: Mapping[str, Any], name: str, moment: str) -> Point:
    return Point(kind, _string(item, name), _instant(item, moment))


def _instant(item: Mapping[str, Any], name: str) -> str:
    found = item.get(name)
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise Odd(f"{name} that is no time")
    return text(found)


def _string(item: Mapping[str, Any], name: str) -> str:
    found = item.get(name, "")
    if not isinstance(found, str) or len(found) > _LONGEST:
        raise Odd(f"{name} that is no name")
    return found


def _dict(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = item.get(name, {})
    if not isinstance(found, Mapping):
        raise Odd(f"{name} that holds nothing")
    return found


def _list(item: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = item.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Odd(f"{name} that is no list")
    return found
