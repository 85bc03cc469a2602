"""Which questions a plan raises: about each object whose data undoing it may need, and about the state itself.

What an object is comes from its ARN before the change, which names its account and region, so that an object of the
same name elsewhere is never taken for it. A plan is hostile: what is no ARN of the kind that its type has is not asked
about, and no address that it names is ever connected to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from iacgate.conditions.values import Hidden, Value
from iacgate.rollback.livewords import RECOVERY, Kind, Question, Stake
from iacgate.rollback.verdict import Undo
from iacgate.vocabulary import Reversibility

MAX_QUESTIONS: Final = 500
"""Questions of one plan; what is beyond them is not checked, and said so."""

IDENTIFYING: Final = frozenset(
    {
        "arn",
        "bucket",
        "db_cluster_snapshot_arn",
        "db_snapshot_arn",
        "delete_automated_backups",
        "final_snapshot",
        "final_snapshot_identifier",
        "id",
        "kms_key_arn",
        "kms_key_id",
        "region",
        "skip_final_backup",
        "skip_final_snapshot",
        "version_id",
    }
)
"""Attributes of an object that are looked at: all that :attr:`AtStake.before` needs to hold."""

_RDS: Final[tuple[Kind, ...]] = ("rds-snapshots", "backup-recovery-points")
_BACKUP: Final[tuple[Kind, ...]] = ("backup-recovery-points",)
_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "aws_db_instance": _RDS,
    "aws_docdb_cluster": _RDS,
    "aws_dynamodb_table": ("dynamodb-pitr", "backup-recovery-points"),
    "aws_ebs_volume": ("ebs-snapshots", "backup-recovery-points"),
    "aws_efs_file_system": _BACKUP,
    "aws_fsx_lustre_file_system": _BACKUP,
    "aws_fsx_ontap_volume": _BACKUP,
    "aws_fsx_openzfs_file_system": _BACKUP,
    "aws_fsx_windows_file_system": _BACKUP,
    "aws_instance": _BACKUP,
    "aws_kms_external_key": ("kms-key-state",),
    "aws_kms_key": ("kms-key-state",),
    "aws_kms_replica_external_key": ("kms-key-state",),
    "aws_kms_replica_key": ("kms-key-state",),
    "aws_neptune_cluster": _RDS,
    "aws_rds_cluster": _RDS,
    "aws_redshift_cluster": _BACKUP,
    "aws_s3_bucket": ("bucket-versioning", "backup-recovery-points"),
    "aws_s3_bucket_object": ("bucket-versioning",),
    "aws_s3_object": ("bucket-versioning",),
    "aws_secretsmanager_secret": ("secret",),
    "aws_timestreamwrite_table": _BACKUP,
}
"""What is asked about a type. DocumentDB and Neptune answer in the API of RDS."""

_COMPLETE: Final = frozenset(
    {
        "aws_db_instance",
        "aws_docdb_cluster",
        "aws_dynamodb_table",
        "aws_ebs_volume",
        "aws_efs_file_system",
        "aws_neptune_cluster",
        "aws_rds_cluster",
    }
)
"""Types about which every place is asked where a recovery point can be."""

_KEEPS_ITS_OWN: Final = frozenset({"aws_dynamodb_table"})
"""A table with point-in-time recovery leaves a backup for 35 days when it is deleted (DynamoDB developer guide)."""

_DOOMED: Final = {
    "aws_db_cluster_snapshot": "db_cluster_snapshot_arn",
    "aws_db_snapshot": "db_snapshot_arn",
    "aws_ebs_snapshot": "id",
}
"""Types that are recovery points themselves, and the attribute that names one as the cloud does."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]{0,20}:(?P<what>[a-z0-9-]{1,30}):(?P<region>[a-z]{2,4}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2})"
    r":(?P<account>[0-9]{12}):(?P<resource>[!-~]{1,600})",
    re.ASCII,
)
_RESOURCES: Final[dict[Kind, re.Pattern[str]]] = {
    "backup-recovery-points": re.compile(r"[a-z0-9-]+:[!-~]+"),
    "dynamodb-pitr": re.compile(r"dynamodb:table/[A-Za-z0-9_.-]{3,255}"),
    "ebs-snapshots": re.compile(r"ec2:volume/vol-[0-9a-f]{8,17}"),
    "kms-key-state": re.compile(r"kms:key/[A-Za-z0-9-]{1,64}"),
    "rds-snapshots": re.compile(r"rds:(?:db|cluster):[A-Za-z][A-Za-z0-9-]{0,62}"),
    "secret": re.compile(r"secretsmanager:secret:[A-Za-z0-9/_+=.@!-]{1,519}"),
}
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}", re.ASCII)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_MAX_KEY: Final = 1024

_NO_IDENTITY: Final = "what identifies it is not in the plan, sensitive, or no ARN of its type"


class AtStake(msgspec.Struct, frozen=True):
    """One object that a plan changes: how that can be undone, and its :data:`IDENTIFYING` attributes, sealed.

    ``before`` is what :func:`iacgate.plan.redaction.before_of` gives; without an object, nothing is asked.
    """

    undo: Undo
    before: Value


def questions_of(items: Iterable[AtStake]) -> tuple[Question, ...]:
    """Return what a plan asks about its objects, in the order of the plan, at most :data:`MAX_QUESTIONS`.

    Objects raise questions where undoing needs more than the configuration: their verdict is that data must be
    restored, or that nothing brings them back, and for what is destroyed also that nobody knows. Where nobody can ask,
    the question says why.
    """
    objects = [item for item in items if _matters(item)]
    doomed = tuple(_doomed(objects))
    questions = [question for item in objects for question in _about(item, doomed)]
    if len(questions) > MAX_QUESTIONS:
        rest = len(questions) - MAX_QUESTIONS
        more = Question("backup-recovery-points", "", unasked=f"{rest} more questions are too many for one plan")
        return (*questions[:MAX_QUESTIONS], more)
    return tuple(questions)


def _matters(item: AtStake) -> bool:
    undo = item.undo
    if undo.action.destroys:
        return undo.verdict.rank >= Reversibility.DATA_RESTORE.rank or bool(undo.point)
    wanted = undo.verdict in (Reversibility.DATA_RESTORE, Reversibility.IRREVERSIBLE) or bool(undo.point)
    return wanted and isinstance(item.before, Mapping)


def _doomed(objects: Iterable[AtStake]) -> Iterator[str]:
    for item in objects:
        name = _text(item.before, _DOOMED.get(item.undo.type, ""))
        if name and item.undo.action.destroys:
            yield name


def _about(item: AtStake, doomed: tuple[str, ...]) -> Iterator[Question]:
    undo, before = item.undo, item.before
    stake = _stake(item, doomed)
    kinds = _KINDS.get(undo.type)
    if kinds is None:
        why = f"this version knows no question about {undo.type}"
        yield Question("backup-recovery-points", undo.address, stake=stake, unasked=why)
        return
    arn = _text(before, "arn")
    arn = arn if _parts(kinds[0], arn) else ""  # what is wrong for one kind is asked about by none
    for kind in kinds:
        in_s3 = undo.type.startswith("aws_s3_")
        yield _bucket(item, kind, stake) if in_s3 else _by_arn(undo.address, kind, arn, stake)
    if RECOVERY & set(kinds):
        yield from _data_key(item, stake)


def _stake(item: AtStake, doomed: tuple[str, ...]) -> Stake:
    undo, before = item.undo, item.before
    kept = _is(before, "delete_automated_backups", value=False) and undo.type in ("aws_db_instance", "aws_rds_cluster")
    named = _is(before, "skip_final_snapshot", value=False) and _text(before, "final_snapshot_identifier") != ""
    last = _is(before, "final_snapshot", value=True) or _is(before, "skip_final_backup", value=False)
    return Stake(
        verdict=undo.verdict,
        destroyed=undo.action.destroys,
        promised=undo.verdict is Reversibility.DATA_RESTORE or bool(undo.point),
        automatic=kept or undo.type in _KEEPS_ITS_OWN,
        final=undo.action.destroys and (named or last),
        complete=undo.type in _COMPLETE,
        doomed=doomed,
    )


def _parts(kind: Kind, arn: str) -> re.Match[str] | None:
    """Return the parts of an ARN, where it is one of what a kind of question is about."""
    found = _ARN.fullmatch(arn)
    wanted = _RESOURCES.get(kind)
    return found if found and wanted and wanted.fullmatch(f"{found['what']}:{found['resource']}") else None


def _by_arn(address: str, kind: Kind, arn: str, stake: Stake, arguments: Sequence[tuple[str, str]] = ()) -> Question:
    """Return a question about what an ARN names."""
    found = _parts(kind, arn)
    if found is None:
        return Question(kind, address, stake=stake, arguments=tuple(arguments), unasked=_NO_IDENTITY)
    return Question(kind, address, arn, found["region"], found["account"], tuple(arguments), stake)


def _bucket(item: AtStake, kind: Kind, stake: Stake) -> Question:
    """Return a question about a bucket, or about the one of an object; its ARN names neither account nor region."""
    undo, before = item.undo, item.before
    name, region = _text(before, "bucket"), _text(before, "region")
    what = "bucket" if undo.type == "aws_s3_bucket" else "object"
    if not _BUCKET.fullmatch(name) or (region and not _REGION.fullmatch(region)):
        return Question(kind, undo.address, stake=stake, unasked="its bucket or region is not in the plan, or odd")
    if kind == "backup-recovery-points":
        if not region:
            return Question(kind, undo.address, stake=stake, unasked="its region is not in the plan")
        return Question(kind, undo.address, f"arn:aws:s3:::{name}", region, stake=stake)
    version = _text(before, "version_id", hidden="hidden")
    return Question(kind, undo.address, name, region, "", (("what", what), ("version", version)), stake)


def _data_key(item: AtStake, stake: Stake) -> Iterator[Question]:
    """Yield the question about the key that an object's data, and what it is restored from, is encrypted with."""
    for name in ("kms_key_id", "kms_key_arn"):
        if _text(item.before, name, hidden="hidden"):
            yield _by_arn(
                item.undo.address, "kms-key-state", _text(item.before, name), stake, (("of", "data"), ("in", name))
            )
            return


def state_questions(
    backend: str, configuration: Mapping[str, Value], workspace: str, *, first: bool, account: str = ""
) -> tuple[Question, ...]:
    """Return the questions about the state: whether its bucket has versions, and which version it is now.

    Only state in S3 is asked about (Terraform, "S3 backend"). Of the backend's configuration nothing but the place is
    read: the rest may hold credentials.

    Args:
        backend: the type of the backend, as the plan file has it.
        configuration: its configuration.
        workspace: the workspace of the plan.
        first: whether the plan was made without any state before it, so that none is right.
        account: the account that the bucket must belong to; empty for any.
    """
    arguments = (("first", "yes"),) if first else ()
    kinds: tuple[Kind, Kind] = ("state-bucket-versioned", "state-version")
    if backend != "s3":
        why = "only state in S3 is asked about"
        return tuple(Question(kind, "", arguments=arguments, unasked=why) for kind in kinds)
    bucket, region = _text(configuration, "bucket"), _text(configuration, "region")
    key = _state_key(configuration, workspace)
    odd = (region and not _REGION.fullmatch(region)) or (account and not _ACCOUNT.fullmatch(account))
    if odd or not _BUCKET.fullmatch(bucket) or not key or len(key) > _MAX_KEY:
        why = "bucket, key, region or account of the state is not known, or odd"
        return tuple(Question(kind, "", arguments=arguments, unasked=why) for kind in kinds)
    endpoint = _endpoint(configuration)
    arguments = (*arguments, ("key", key), *((("endpoint", endpoint),) if endpoint else ()))
    return tuple(Question(kind, "", bucket, region, account, arguments) for kind in kinds)


def _state_key(configuration: Mapping[str, Value], workspace: str) -> str:
    """Return the key of the state's object, which for workspaces begins with a prefix and their name."""
    key = _text(configuration, "key")
    if workspace in ("", "default") or not key:
        return key
    prefix = configuration.get("workspace_key_prefix")
    parts = ("env:" if prefix is None else _text(configuration, "workspace_key_prefix"), workspace, key)
    return "/".join(part for part in parts if part)


def _endpoint(configuration: Mapping[str, Value]) -> str:
    """Return the address that a backend asks instead of Amazon's; it is compared, and never followed."""
    endpoints = configuration.get("endpoints")
    inner = _text(endpoints, "s3", hidden="hidden") if isinstance(endpoints, Mapping) else ""
    if endpoints and not isinstance(endpoints, Mapping):
        return "odd"
    return inner or _text(configuration, "endpoint", hidden="hidden")


def _text(value: Value, name: str, *, hidden: str = "") -> str:
    """Return an attribute that is a string; ``hidden`` where it is not known or sensitive, else empty."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(found, Hidden):
        return hidden
    return found if isinstance(found, str) else ""


def _is(before: Value, name: str, *, value: bool) -> bool:
    return isinstance(before, Mapping) and before.get(name) is value
