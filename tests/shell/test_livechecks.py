"""Live questions, against moto where it has the operation, SeaweedFS for buckets, and botocore's Stubber for the rest.

The stub holds every call and every answer against botocore's own models.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from iacgate import instants
from iacgate.rollback.livequestions import state_questions
from iacgate.rollback.livewords import MORE, Answer, Kind, Point, Question
from iacgate.shell import livechecks, livereads
from iacgate.shell.livechecks import WouldNotRead, ask
from tests.support.seaweed import STRANGER, Seaweed

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
FILE_SYSTEM = ARN.format("elasticfilesystem", "file-system/fs-0123456789abcdef0")
MADE_UP = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "made/up+secret",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
OTHERS = ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MADE_UP.items():
        monkeypatch.setenv(name, value)
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cloud() -> Iterator[None]:
    with mock_aws():
        yield


def about(kind: Kind, subject: str, *arguments: tuple[str, str], account: str = ACCOUNT) -> Question:
    return Question(kind, "aws_thing.it", subject, REGION, account, arguments)


def one(question: Question) -> Answer:
    (answer,) = ask([question])
    assert answer.question == question
    return answer


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


# What is really there


def database(retention: int = 7) -> str:
    made = client("rds").create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin1",
        MasterUserPassword="made-up-secret",
        BackupRetentionPeriod=retention,
    )
    return str(made["DBInstance"]["DBInstanceArn"])


def test_a_database_tells_its_snapshots_and_how_long_its_backups_are_kept(cloud: None) -> None:
    arn = database()
    made = client("rds").create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before-the-change")
    answer = one(about("rds-snapshots", arn))
    assert (answer.why, answer.exists) == ("", True)
    assert answer.fact("backup retention in days") == "7"
    (snapshot,) = [point for point in answer.points if point.name == made["DBSnapshot"]["DBSnapshotArn"]]
    assert snapshot.kind == "snapshot"
    assert instants.is_instant(snapshot.created)


def test_a_cluster_is_asked_as_one(cloud: None) -> None:
    made = client("rds").create_db_cluster(
        DBClusterIdentifier="graph", Engine="neptune", MasterUsername="admin1", MasterUserPassword="made-up-secret"
    )
    snapshot = client("rds").create_db_cluster_snapshot(
        DBClusterIdentifier="graph", DBClusterSnapshotIdentifier="before-the-change"
    )
    answer = one(about("rds-snapshots", made["DBCluster"]["DBClusterArn"]))
    assert answer.why == ""
    assert snapshot["DBClusterSnapshot"]["DBClusterSnapshotArn"] in [point.name for point in answer.points]


def test_a_table_tells_whether_it_can_go_back_in_time_and_its_backups(cloud: None) -> None:
    tables = client("dynamodb")
    made = tables.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    question = about("dynamodb-pitr", made["TableDescription"]["TableArn"])
    assert one(question).fact("point-in-time recovery") == "DISABLED"
    assert one(question).points == ()
    tables.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    backup = tables.create_backup(TableName="orders", BackupName="before-the-change")["BackupDetails"]["BackupArn"]
    answer = one(question)
    assert answer.fact("point-in-time recovery") == "ENABLED"
    assert {(point.kind, point.name) for point in answer.points} == {
        ("point-in-time", question.subject),
        ("snapshot", backup),
    }


def test_a_volume_tells_its_own_finished_snapshots(cloud: None) -> None:
    volumes = client("ec2")
    made = [volumes.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"] for _ in range(2)]
    snapshots = [volumes.create_snapshot(VolumeId=name)["SnapshotId"] for name in made]
    answer = one(about("ebs-snapshots", ARN.format("ec2", f"volume/{made[0]}")))
    assert [(point.kind, point.name) for point in answer.points] == [("snapshot", snapshots[0])]


def test_a_key_tells_its_state_and_when_it_goes(cloud: None) -> None:
    keys = client("kms")
    arn = keys.create_key()["KeyMetadata"]["Arn"]
    assert one(about("kms-key-state", arn)).facts == (("state", "Enabled"),)
    keys.schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=7)
    answer = one(about("kms-key-state", arn))
    assert answer.fact("state") == "PendingDeletion"
    assert instants.is_instant(answer.fact("deletion"))


def test_a_secret_tells_when_it_goes_and_nothing_of_its_value(cloud: None) -> None:
    secrets = client("secretsmanager")
    arn = secrets.create_secret(Name="password", SecretString="do-not-read")["ARN"]
    assert one(about("secret", arn)).facts == ()
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    answer = one(about("secret", arn))
    assert instants.is_instant(answer.fact("deletion"))
    assert "do-not-read" not in repr(answer)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("rds-snapshots", ARN.format("rds", "db:nothing")),
        ("rds-snapshots", ARN.format("rds", "cluster:nothing")),
        ("dynamodb-pitr", ARN.format("dynamodb", "table/nothing")),
        ("kms-key-state", ARN.format("kms", "key/1111abcd-12ab-34cd-56ef-1234567890ab")),
        ("secret", ARN.format("secretsmanager", "secret:nothing-AbCdEf")),
    ],
)
def test_what_is_not_there_is_an_answer_of_its_own(cloud: None, kind: Kind, subject: str) -> None:
    answer = one(about(kind, subject))
    assert (answer.why, answer.exists, answer.points) == ("", False, ())


def test_a_namesake_in_another_account_is_not_asked_about(cloud: None) -> None:
    arn = database().replace(ACCOUNT, "999999999999")
    answer = one(about("rds-snapshots", arn, account="999999999999"))
    assert answer.why == "it is in account 999999999999, and the credentials are of another one"
    assert answer.points == ()


# Buckets


@pytest.fixture
def buckets(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return s3


def state_of(bucket: str, key: str, **more: Any) -> tuple[Question, ...]:
    return state_questions("s3", {"bucket": bucket, "key": key, "region": REGION, **more}, "default", first=False)


def test_the_state_has_a_version_where_its_bucket_keeps_them(buckets: Seaweed) -> None:
    bucket = buckets.bucket(locked=False, versions=True)
    buckets.client().put_object(Bucket=bucket, Key="a/state", Body=b"1")
    newest = buckets.client().put_object(Bucket=bucket, Key="a/state", Body=b"2")["VersionId"]
    buckets.client().put_object(Bucket=bucket, Key="a/state-of-another", Body=b"3")
    versioned, version = ask(state_of(bucket, "a/state"))
    assert (versioned.why, versioned.fact("versioning")) == ("", "Enabled")
    assert (version.why, version.fact("version")) == ("", newest)


def test_a_bucket_without_versions_says_so(buckets: Seaweed) -> None:
    bucket = buckets.bucket(locked=False, versions=False)
    buckets.client().put_object(Bucket=bucket, Key="state", Body=b"1")
    versioned, version = ask(state_of(bucket, "state"))
    assert (versioned.why, versioned.exists, versioned.fact("versioning")) == ("", True, "")
    assert version.fact("version") in ("", "null")
    (answer,) = ask([about("bucket-versioning", bucket, ("what", "object"), account="")])
    assert answer.fact("versioning") == ""


@pytest.mark.parametrize("key", ["state", "stat", "states"])
def test_a_state_that_was_deleted_or_never_was_is_not_there(buckets: Seaweed, key: str) -> None:
    bucket = buckets.bucket(locked=False, versions=True)
    for name in ("state", "states-of-others"):
        buckets.client().put_object(Bucket=bucket, Key=name, Body=b"1")
    buckets.client().delete_object(Bucket=bucket, Key="state")
    _, version = ask(state_of(bucket, key))
    assert (version.why, version.exists) == ("", False)


def test_a_bucket_that_is_not_there_is_an_answer_of_its_own(buckets: Seaweed) -> None:
    assert [(answer.why, answer.exists) for answer in ask(state_of("nothing-here", "state"))] == [("", False)] * 2


def test_who_may_not_look_learns_which_right_is_missing(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment(STRANGER).items():
        monkeypatch.setenv(name, value)
    for answer in ask(state_of(s3.bucket(locked=False), "state")):
        assert answer.why.startswith("access is denied (AccessDenied): allow s3:GetBucketVersioning")


def test_a_backend_elsewhere_is_asked_only_where_the_environment_names_it_too(buckets: Seaweed) -> None:
    bucket = buckets.bucket(locked=False)
    buckets.client().put_object(Bucket=bucket, Key="state", Body=b"1")
    here = ask(state_of(bucket, "state", endpoints={"s3": f"{buckets.endpoint}/"}))
    elsewhere = ask(state_of(bucket, "state", endpoints={"s3": "http://127.0.0.1:1"}))
    assert [answer.why for answer in here] == ["", ""]
    assert all("set AWS_ENDPOINT_URL_S3" in answer.why for answer in elsewhere)


# What botocore's stub stands for


Stub = Callable[[str], Stubber]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """Stubs of services, made as the real clients are; the caller's account is right."""
    made = livechecks._client
    stubs: dict[str, Stubber] = {}

    def of(service: str) -> Stubber:
        if service not in stubs:
            stubs[service] = Stubber(made(boto3.session.Session(), service, REGION))
            stubs[service].activate()
        return stubs[service]

    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root", "UserId": "x"}
    of("sts").add_response("get_caller_identity", identity, {})
    monkeypatch.setattr(livechecks, "_client", lambda _session, service, _region: of(service).client)
    yield of
    for name, stubber in stubs.items():
        stubber.deactivate()
        if name != "sts":
            stubber.assert_no_pending_responses()


NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)


def recovery_point(name: str, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{name}"
    return {"RecoveryPointArn": arn, "CreationDate": NOON, "Status": status, **more}


def says_backups(stub: Stub, *pages: list[dict[str, Any]]) -> None:
    for number, points in enumerate(pages):
        asked: dict[str, Any] = {"ResourceArn": FILE_SYSTEM, "MaxResults": 100}
        asked |= {"NextToken": str(number)} if number else {}
        answer: dict[str, Any] = {"RecoveryPoints": points}
        answer |= {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        stub("backup").add_response("list_recovery_points_by_resource", answer, asked)


def test_recovery_points_are_whole_and_of_every_page(stub: Stub) -> None:
    says_backups(stub, [recovery_point("a"), recovery_point("b", "PARTIAL")], [], [recovery_point("c", "AVAILABLE")])
    answer = one(about("backup-recovery-points", FILE_SYSTEM))
    assert answer.why == ""
    assert [point.name[-1] for point in answer.points] == ["a", "c"]
    assert {(point.kind, point.created) for point in answer.points} == {("backup", "2027-01-04T12:00:00Z")}


def test_pages_without_end_are_left_and_said_so(stub: Stub) -> None:
    says_backups(stub, *([] for _ in range(21)))
    answer = one(about("backup-recovery-points", FILE_SYSTEM))
    assert answer.fact(MORE)
    assert answer.points == ()


DATABASE = ARN.format("rds", "db:orders")


def says_database(stub: Stub, snapshots: list[dict[str, Any]], **more: Any) -> None:
    found = {"DBInstanceArn": DATABASE, "DbiResourceId": "db-NEW", "BackupRetentionPeriod": 7, **more}
    stub("rds").add_response("describe_db_instances", {"DBInstances": [found]}, {"DBInstanceIdentifier": "orders"})
    if snapshots:
        asked = {"DBInstanceIdentifier": "orders", "MaxRecords": 100}
        stub("rds").add_response("describe_db_snapshots", {"DBSnapshots": snapshots}, asked)


def test_snapshots_of_a_namesake_or_unfinished_do_not_count(stub: Stub) -> None:
    whole = {"DBSnapshotArn": "mine", "Status": "available", "SnapshotCreateTime": NOON, "DbiResourceId": "db-NEW"}
    others: list[dict[str, Any]] = [
        {**whole, "DBSnapshotArn": "old", "DbiResourceId": "db-OLD"},
        {**whole, "DBSnapshotArn": "growing", "Status": "creating"},
        {**whole, "DBSnapshotArn": "nightly", "SnapshotType": "automated"},
    ]
    says_database(stub, [whole, *others], LatestRestorableTime=NOON)
    assert one(about("rds-snapshots", DATABASE)).points == (
        Point("snapshot", "mine", "2027-01-04T12:00:00Z"),
        Point("automated-snapshot", "nightly", "2027-01-04T12:00:00Z"),
        Point("point-in-time", DATABASE, "2027-01-04T12:00:00Z"),
    )


def test_without_retention_there_is_no_point_in_time(stub: Stub) -> None:
    none = {"DBSnapshotArn": "x", "Status": "failed"}
    says_database(stub, [none], BackupRetentionPeriod=0, LatestRestorableTime=NOON)
    assert one(about("rds-snapshots", DATABASE)).points == ()


def test_an_answer_about_another_object_is_none(stub: Stub) -> None:
    says_database(stub, [], DBInstanceArn=DATABASE.replace("orders", "others"))
    assert one(about("rds-snapshots", DATABASE)).why == (
        "AWS answered another database than the one that was asked for: look at the endpoint"
    )


TABLE = ARN.format("dynamodb", "table/orders")


def test_backups_of_a_table_that_was_called_the_same_do_not_count(stub: Stub) -> None:
    backup: dict[str, Any] = {"TableId": "8d1d6b1c-0000-4000-8000-000000000002", "BackupStatus": "AVAILABLE"}
    backup |= {"BackupArn": f"{TABLE}/backup/01548148148148-abcdef12", "BackupCreationDateTime": NOON}
    table = {"TableArn": TABLE, "TableId": "8d1d6b1c-0000-4000-8000-000000000001"}
    stub("dynamodb").add_response("describe_table", {"Table": table}, {"TableName": "orders"})
    off = {"PointInTimeRecoveryStatus": "DISABLED"}
    described = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": off}
    stub("dynamodb").add_response(
        "describe_continuous_backups", {"ContinuousBackupsDescription": described}, {"TableName": "orders"}
    )
    asked = {"TableName": "orders", "BackupType": "ALL", "Limit": 100}
    stub("dynamodb").add_response("list_backups", {"BackupSummaries": [backup]}, asked)
    assert one(about("dynamodb-pitr", TABLE)).points == ()


def test_only_finished_snapshots_of_our_own_account_are_asked_for(stub: Stub) -> None:
    volume = "vol-0123456789abcdef0"
    asked = {
        "Filters": [{"Name": "volume-id", "Values": [volume]}, {"Name": "status", "Values": ["completed"]}],
        "OwnerIds": ["self"],
        "MaxResults": 100,
    }
    stub("ec2").add_response("describe_snapshots", {"Snapshots": [{"SnapshotId": "snap-1", "StartTime": NOON}]}, asked)
    answer = one(about("ebs-snapshots", ARN.format("ec2", f"volume/{volume}")))
    assert answer.points == (Point("snapshot", "snap-1", "2027-01-04T12:00:00Z"),)


@pytest.mark.parametrize(
    ("kind", "service", "method", "answer"),
    [
        ("kms-key-state", "kms", "describe_key", {"KeyMetadata": {"KeyId": "2", "Arn": ARN.format("kms", "key/2")}}),
        ("secret", "secretsmanager", "describe_secret", {"ARN": ARN.format("secretsmanager", "secret:another")}),
        ("dynamodb-pitr", "dynamodb", "describe_table", {"Table": {"TableArn": f"{TABLE}-of-others"}}),
    ],
)
def test_an_answer_about_another_thing_is_none(
    stub: Stub, kind: Kind, service: str, method: str, answer: dict[str, Any]
) -> None:
    stub(service).add_response(method, answer)
    assert "than the one that was asked for" in one(about(kind, TABLE)).why


def test_a_bucket_must_be_of_the_account_that_is_named_and_the_version_the_newest(stub: Stub) -> None:
    owner = {"Bucket": "states", "ExpectedBucketOwner": ACCOUNT}
    stub("s3").add_response("get_bucket_versioning", {"Status": "Enabled"}, owner)
    older = {"Key": "x", "VersionId": "older", "IsLatest": False}
    stub("s3").add_response("list_object_versions", {"Versions": [older]}, {**owner, "Prefix": "x", "MaxKeys": 1})
    place = {"bucket": "states", "key": "x", "region": REGION}
    versioned, version = ask(state_questions("s3", place, "default", first=False, account=ACCOUNT))
    assert versioned.fact("versioning") == "Enabled"
    assert (version.why, version.exists) == ("", False)


# What goes wrong


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "AccessDeniedException",
            "access is denied (AccessDeniedException): allow backup:ListRecoveryPointsByResource",
        ),
        ("ThrottlingException", "asked too often (ThrottlingException): run it again, later"),
        ("ExpiredTokenException", "credentials are not taken (ExpiredTokenException): sign in again"),
        ("InternalFailure", "AWS did not answer (InternalFailure)"),
        ("\x1b[31m", "AWS did not answer (unknown)"),
    ],
)
def test_a_refusal_is_a_reason_in_our_own_words(stub: Stub, code: str, says: str) -> None:
    stub("backup").add_client_error("list_recovery_points_by_resource", code, "do not show \x1b[31mthis")
    answer = one(about("backup-recovery-points", FILE_SYSTEM))
    assert says in answer.why
    assert answer.why.isprintable()
    assert "do not show" not in answer.why


def test_where_credentials_are_not_taken_nobody_else_is_asked(stub: Stub) -> None:
    stub("backup").add_client_error("list_recovery_points_by_resource", "ExpiredToken")
    key = about("kms-key-state", ARN.format("kms", "key/1"))
    answers = ask([about("backup-recovery-points", FILE_SYSTEM), key])
    assert answers[0].why == answers[1].why == "the credentials are not taken (ExpiredToken): sign in again"


def test_the_same_question_about_two_addresses_is_asked_once(stub: Stub) -> None:
    arn = ARN.format("kms", "key/1")
    stub("kms").add_response("describe_key", {"KeyMetadata": {"KeyId": "1", "Arn": arn, "KeyState": "Enabled"}})
    questions = [Question("kms-key-state", address, arn, REGION, ACCOUNT) for address in ("a", "b")]
    answers = ask(questions)
    assert [answer.question for answer in answers] == questions
    assert [answer.fact("state") for answer in answers] == ["Enabled"] * 2


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    answers = ask([about("kms-key-state", ARN.format("kms", "key/1")), about("backup-recovery-points", FILE_SYSTEM)])
    assert [answer.why for answer in answers] == ["there are no credentials for AWS: sign in, or set AWS_PROFILE"] * 2


def test_a_profile_that_is_not_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nothing")
    assert "(ProfileNotFound)" in one(about("backup-recovery-points", FILE_SYSTEM)).why


def test_without_a_region_nobody_is_asked() -> None:
    question = Question("kms-key-state", "a", ARN.format("kms", "key/1"))
    assert one(question).why == "no region is known: set AWS_REGION"


def test_where_nobody_answers_that_service_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, unused: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", unused)
    made: list[str] = []
    real = livereads._READERS["kms-key-state"]

    def counted(client: Any, question: Question) -> livereads.Reading:
        made.append(question.subject)
        return real(client, question)

    monkeypatch.setitem(livereads._READERS, "kms-key-state", counted)
    answers = ask([about("kms-key-state", ARN.format("kms", f"key/{number}")) for number in range(3)])
    assert {answer.why for answer in answers} == {
        "no answer from AWS (EndpointConnectionError): look at the network and the endpoint"
    }
    assert len(made) == 1


@pytest.fixture
def unused() -> str:
    """An address of this machine at which nobody listens: port 1 is reserved."""
    return "http://127.0.0.1:1"


def test_without_the_extra_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.parsers", None)
    assert one(about("secret", "x")).why == "to ask AWS needs the extra `s3`: pip install 'iacgate[s3]'"


def test_after_the_time_that_there_is_nothing_more_is_asked(stub: Stub) -> None:
    says_backups(stub, [recovery_point("a")])
    seconds = iter([0.0, 1.0, 121.0])
    questions = [about("backup-recovery-points", arn) for arn in (FILE_SYSTEM, "another")]
    answers = ask(questions, clock=lambda: next(seconds))
    assert [answer.why for answer in answers] == ["", "there was no time left after 120 seconds"]


def test_what_nobody_can_ask_is_not_asked_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    questions = [Question("secret", "a", unasked="it has no ARN"), Question("secret", "b", unasked="nor has it")]
    answers = ask(questions, progress=lambda done, total: told.append((done, total)))
    assert [answer.why for answer in answers] == ["it has no ARN", "nor has it"]
    assert told == [(0, 2), (1, 2)]


# Nothing but reading


def test_every_call_that_may_be_made_only_reads_and_reads_no_content() -> None:
    names = [name for calls in livereads.READS.values() for name in calls]
    assert all(name.startswith(("Get", "Describe", "List", "Head")) for name in names)
    assert not {"GetObject", "HeadObject", "GetSecretValue", "GetItem"} & set(names)
    assert {kind for kind, service in livereads.SERVICES.items() if service not in livereads.READS} == set()


@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        ("s3", "put_bucket_versioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
        ("s3", "get_object", {"Bucket": "b", "Key": "k"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
        ("rds", "create_db_snapshot", {"DBSnapshotIdentifier": "s", "DBInstanceIdentifier": "i"}),
        ("kms", "cancel_key_deletion", {"KeyId": "k"}),
    ],
)
def test_a_client_refuses_every_other_call_itself(service: str, method: str, parameters: dict[str, Any]) -> None:
    made = livechecks._client(boto3.session.Session(), service, REGION)
    with pytest.raises(WouldNotRead):
        getattr(made, method)(**parameters)
