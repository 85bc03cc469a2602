"""The policies that ship allow what iacgate calls, and deny what each identity may not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from iacgate import canonical
from iacgate.evidence import s3call
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Draft, Ledger, Piece
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.render.decision import as_json
from iacgate.shell.equipment import bucket_points
from iacgate.shell.inbox import Inbox
from iacgate.shell.livereads import READS
from tests.support import iam
from tests.support.iam import Request
from tests.support.ledgerlife import roster_of
from tests.support.ledgers import NONCE, SoftGate
from tests.support.seaweed import Seaweed

IDENTITIES: Final = ("planner", "approver", "gate", "deployer", "auditor")
READER: Final = "rollback-reader"
"""What a role needs besides, whichever it is, that asks whether undoing would work."""

RESOURCES: Final = ("ledger-bucket", "plans-bucket", "data-key", "gate-key", "oidc-trust")
SETTINGS: Final = ("encryption", "ledger-lock", "plans-lifecycle")
"""These are no policies: the AWS CLI takes them for settings of a bucket."""

ACTIONS: Final = frozenset(
    """
    s3:* s3:AbortMultipartUpload s3:BypassGovernanceRetention s3:DeleteBucket s3:DeleteBucketPolicy s3:DeleteObject
    s3:DeleteObjectTagging s3:DeleteObjectVersion s3:DeleteObjectVersionTagging s3:GetBucketObjectLockConfiguration
    s3:GetBucketPolicy s3:GetBucketPolicyStatus s3:GetBucketPublicAccessBlock s3:GetBucketVersioning
    s3:GetEncryptionConfiguration s3:GetObject s3:GetObjectRetention s3:GetObjectVersion s3:ListBucket
    s3:ListBucketVersions s3:PutBucketAcl s3:PutBucketObjectLockConfiguration s3:PutBucketOwnershipControls
    s3:PutBucketPolicy s3:PutBucketPublicAccessBlock s3:PutBucketVersioning s3:PutEncryptionConfiguration
    s3:PutLifecycleConfiguration s3:PutObject s3:PutObjectAcl s3:PutObjectLegalHold s3:PutObjectRetention
    s3:PutObjectVersionAcl s3:PutReplicationConfiguration s3:ReplicateDelete s3:ReplicateObject
    kms:CancelKeyDeletion kms:Decrypt kms:DescribeKey kms:DisableKeyRotation kms:EnableKey kms:EnableKeyRotation
    kms:GenerateDataKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:GetPublicKey kms:ListResourceTags
    kms:PutKeyPolicy kms:Sign kms:TagResource kms:UntagResource kms:UpdateKeyDescription
    sts:AssumeRole sts:SetSourceIdentity sts:AssumeRoleWithWebIdentity
    """.split()
)
"""Actions that there are (Service Authorization Reference): a misspelt one allows or denies nothing, in silence."""

LIVE: Final = frozenset(action for calls in READS.values() for action in calls.values() if action)
"""What live questions need, and all of it only reads: no content of an object, a table or a secret."""

CALLS: Final = {
    "ListObjectVersions": "s3:ListBucketVersions",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetBucketPolicyStatus": "s3:GetBucketPolicyStatus",
    "GetBucketAcl": "s3:GetBucketAcl",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
"""What a call needs, where its parameters do not decide (Amazon S3 API reference, "Permissions" of each)."""

NOT_AT_AMAZON: Final = ("GetBucketPolicyStatus", "GetBucketAcl")
"""Only asked where a server does not know the block of public access."""

LEDGER, PLANS = "arn:aws:s3:::acme-ledger", "arn:aws:s3:::acme-plans"
BUCKETS: Final = {LEDGER: "ledger-bucket", PLANS: "plans-bucket"}
DATA_KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/1111abcd-12ab-34cd-56ef-1234567890ab"
CREATES: Final = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}


def may(who: str, request: Request) -> bool:
    bucket = request.resource.partition("/")[0]
    return iam.allowed(who, request, [iam.policy(who), iam.policy(BUCKETS[bucket])])


# Grammar


@pytest.mark.parametrize("name", iam.names())
def test_every_file_is_a_policy_or_settings(name: str) -> None:
    assert name in (*IDENTITIES, READER, *RESOURCES, *SETTINGS)
    if name in SETTINGS:
        return
    found = iam.policy(name)
    assert found.keys() == {"Version", "Statement"}
    assert found["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in found["Statement"]]
    assert len(set(sids)) == len(sids)
    for statement in found["Statement"]:
        check_statement(statement, has_principal=name in RESOURCES, has_resource=name != "oidc-trust")


def check_statement(statement: Mapping[str, Any], *, has_principal: bool, has_resource: bool) -> None:
    assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
    assert statement["Effect"] in ("Allow", "Deny")
    assert statement.keys() <= {"Sid", "Effect", "Principal", "Action", "Resource", "NotResource", "Condition"}
    assert ("Principal" in statement) == has_principal
    assert (len({"Resource", "NotResource"} & statement.keys()) == 1) == has_resource
    actions = statement["Action"]
    assert set(as_list(actions)) <= ACTIONS | LIVE
    only_reads = set(as_list(actions)) <= LIVE
    resources = statement.get("Resource", statement.get("NotResource", []))
    for resource in resources if isinstance(resources, list) else [resources]:
        assert (
            resource == "*"
            or (resource == "arn:aws:s3:::*" and only_reads)
            or re.fullmatch(r"arn:aws:(s3:::[a-z-]+(/[a-z*./-]+)?|iam::\d{12}:role/\w+)", resource)
        )
    if statement["Effect"] == "Allow":
        own = "Principal" in statement  # the policy of a key is about that key
        assert resources != "*" or own or only_reads, "what is about everything only reads"
        assert "s3:*" not in actions
        assert statement.get("Principal") != "*"


def test_no_placeholder_is_forgotten() -> None:
    text = " ".join(str(iam.policy(name)) for name in iam.names())
    assert set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", text)) == set()
    page = (iam.FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(name in page for name in iam.PLACEHOLDERS)
    assert all(f"({name}.json)" in page for name in iam.names())


# What the code calls


class Recorder:
    """The calls that a process makes of S3, as requests of IAM at the buckets of the policies."""

    def __init__(self, buckets: Mapping[str, str]) -> None:
        self._buckets = buckets
        self._lock = threading.Lock()
        self.requests: list[tuple[str, Request]] = []

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        with self._lock:
            self.requests += [(model.name, request) for request in requests(model.name, params, self._buckets)]


def requests(name: str, params: Mapping[str, Any], buckets: Mapping[str, str]) -> Iterator[Request]:
    """Yield what a call needs."""
    bucket = buckets[params["Bucket"]]
    resource = f"{bucket}/{params['Key']}" if "Key" in params else bucket
    if name in ("GetObject", "HeadObject"):
        yield Request("s3:GetObjectVersion" if "VersionId" in params else "s3:GetObject", resource)
        if name == "HeadObject":
            yield Request("s3:GetObjectRetention", resource)
        return
    context = {"s3:prefix": params["Prefix"]} if "Prefix" in params else {}
    if CALLS[name] == "s3:PutObject":
        context["s3:ObjectCreationOperation"] = str(name in ("PutObject", "CompleteMultipartUpload")).lower()
        context |= {"s3:if-none-match": params["IfNoneMatch"]} if "IfNoneMatch" in params else {}
    yield Request(CALLS[name], resource, context)


class World:
    """A ledger's bucket and an inbox, and what each identity does with them."""

    def __init__(self, s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        self._ledger, self._plans = s3.bucket(days=400), s3.bucket(locked=False)
        self._made = s3call._client
        self._patch = monkeypatch

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        recorder = Recorder({self._ledger: LEDGER, self._plans: PLANS})

        def client(timing: Any) -> Any:
            made = self._made(timing)
            made.meta.events.register("before-parameter-build.s3", recorder.note)
            return made

        self._patch.setattr(s3call, "_client", client)
        yield recorder
        self._patch.setattr(s3call, "_client", self._made)

    def ledger(self, **more: Any) -> Ledger:
        return Ledger(S3Store(f"s3://{self._ledger}", part=5 << 20), ahead=["payments", ""], **more)

    @property
    def inbox(self) -> Inbox:
        return Inbox(S3Store(f"s3://{self._plans}", locked=False))

    def planner(self) -> None:
        self.ledger().look("payments")
        self.inbox.received("chg-1")
        assert self.inbox.seal("payments", make=True).name
        self.inbox.put_plan("chg-1", "0" * 20, {"tfplan": b"plan", "plan.json": b"{}", "change.json": b"{}"})

    def approver(self, folder: Path) -> None:
        self.ledger().look("payments")
        self.inbox.received("chg-1")
        assert self.inbox.fetch_plans("chg-1", folder)
        assert self.inbox.seal("payments", make=True).name
        self.inbox.put("chg-1", b"{}")

    def gate(self, folder: Path) -> None:
        ledger = self.ledger(signer=SoftGate(), make=lambda: NONCE)
        self.inbox.received("chg-1")
        self.inbox.fetch_plans("chg-1", folder)
        self.inbox.seal("payments", make=False)
        pieces = {"decision": Piece(b"{}"), "large": Piece(b"x" * (11 << 20), "text/plain")}
        ledger.append(Draft(event="settings", stack=""))
        ledger.append(Draft(event="bypassed", stack="payments", pieces=pieces), ledger.look("payments"))
        ledger.append(Draft(event="bypassed", stack="payments", pieces=pieces))
        ledger.store.now()
        self.inbox.store.problems()  # these two are what `iacgate doctor` asks
        bucket_points(f"s3://{self._ledger}")

    def deployer(self, folder: Path) -> None:
        look = self.ledger().look("payments")
        assert look.head.newest is not None
        reference = look.head.newest.entry.references["decision"]
        self.ledger().evidence(reference.digest, reference.size)
        assert self.inbox.fetch_plans("chg-1", folder)
        assert self.inbox.seal("payments", make=False).name

    def auditor(self) -> None:
        assert Verifier(self.ledger(), Replayer(roster_of, as_json), Wanted()).run().problems == ()


@pytest.fixture
def recorded(s3: Seaweed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, list[tuple[str, Request]]]:
    """What each identity calls, in the order of a change's life."""
    world, found = World(s3, monkeypatch), {}
    doing: dict[str, Callable[[], None]] = {
        "gate, first": lambda: world.gate(tmp_path),
        "planner": world.planner,
        "approver": lambda: world.approver(tmp_path / "a"),
        "gate": lambda: world.gate(tmp_path / "g"),
        "deployer": lambda: world.deployer(tmp_path / "d"),
        "auditor": world.auditor,
    }
    for folder in "agd":
        (tmp_path / folder).mkdir()
    for who, does in doing.items():
        with world.recording() as recorder:
            does()
        found[who] = recorder.requests
    return found


def test_each_identity_may_do_what_iacgate_does_and_nothing_of_it_is_left_over(
    recorded: dict[str, list[tuple[str, Request]]],
) -> None:
    for label, calls in recorded.items():
        who = label.partition(",")[0]
        assert calls, label
        refused = [(name, request) for name, request in calls if name not in NOT_AT_AMAZON and not may(who, request)]
        assert refused == [], label
    both = {name for name, _ in recorded["gate, first"]}
    assert {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObject"} <= both
    for who in IDENTITIES:
        made = [calls for label, calls in recorded.items() if label.partition(",")[0] == who]
        used = {request.action for calls in made for _, request in calls}
        granted = {action for one in iam.policy(who)["Statement"] for action in as_list(one["Action"])}
        assert granted - used <= NOT_BY_THESE[who], (who, granted - used)


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


ALWAYS: Final = {"s3:ListBucket", "s3:GetObjectVersion", "s3:GetObject", "s3:GetBucketPublicAccessBlock"}
"""The first makes S3 say of an object that it is not there, instead of that nobody may know."""

NOT_BY_THESE: Final = {
    "planner": {*ALWAYS, "s3:AbortMultipartUpload"},
    "approver": ALWAYS,
    "gate": {*ALWAYS, "s3:AbortMultipartUpload"},
    "deployer": {*ALWAYS, "sts:AssumeRole", "sts:SetSourceIdentity"},
    "auditor": {*ALWAYS, "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus"},
}


# What nobody may


LOG, GENESIS = f"{LEDGER}/log/stack-payments=/9999999998.json", f"{LEDGER}/genesis.json"
EVIDENCE: Final = f"{LEDGER}/evidence/sha256/{canonical.digest(b'')}"
PLAN, APPROVAL = f"{PLANS}/plans/chg-1/0/tfplan", f"{PLANS}/approvals/chg-1/0.approval.json"
SEAL: Final = f"{PLANS}/seals/stack-payments="
WRITERS: Final = {
    LOG: ("gate",),
    GENESIS: ("gate",),
    EVIDENCE: ("gate",),
    PLAN: ("planner",),
    APPROVAL: ("approver",),
    SEAL: ("planner", "approver"),
}


@pytest.mark.parametrize("who", IDENTITIES)
@pytest.mark.parametrize("resource", [*WRITERS, f"{LEDGER}/other", f"{PLANS}/other"])
def test_those_who_write_each_place(who: str, resource: str) -> None:
    creates, writes = Request("s3:PutObject", resource, CREATES), who in WRITERS.get(resource, ())
    assert may(who, creates) == writes
    bucket = iam.policy(BUCKETS[resource.partition("/")[0]])
    generous = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    assert iam.allowed(who, creates, [generous, bucket]) == writes, "the bucket says so, too"


@pytest.mark.parametrize("who", [*IDENTITIES, "break-glass", "stranger"])
@pytest.mark.parametrize("resource", WRITERS)
def test_nobody_overwrites_deletes_or_weakens(who: str, resource: str) -> None:
    bucket = resource.partition("/")[0]
    generous = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    policies = [generous, iam.policy(BUCKETS[bucket])]
    overwrites = Request("s3:PutObject", resource, {"s3:ObjectCreationOperation": "true"})
    assert not iam.allowed(who, overwrites, policies)
    for action in (
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "s3:PutObjectRetention",
    ):
        assert iam.allowed(who, Request(action, resource), policies) == (who == "break-glass")
    for action in ("PutBucketVersioning", "PutBucketObjectLockConfiguration", "PutBucketPolicy", "DeleteBucketPolicy"):
        assert iam.allowed(who, Request(f"s3:{action}", bucket), policies) == (who == "break-glass")
    plain = Request("s3:GetObject", resource, {"aws:SecureTransport": "false"})
    assert not iam.allowed(who, plain, policies)


def test_another_encryption_is_refused() -> None:
    header = "s3:x-amz-server-side-encryption"
    own = {**CREATES, header: "aws:kms", f"{header}-aws-kms-key-id": DATA_KEY}
    assert may("gate", Request("s3:PutObject", LOG, own))
    assert not may("gate", Request("s3:PutObject", LOG, {**own, f"{header}-aws-kms-key-id": "arn:other"}))
    assert not may("gate", Request("s3:PutObject", LOG, {**CREATES, header: "AES256"}))


@pytest.mark.parametrize("who", [*IDENTITIES, "stranger"])
def test_plans_are_read_by_those_who_need_them(who: str) -> None:
    reads = Request("s3:GetObjectVersion", PLAN)
    readers = ("approver", "gate", "deployer")
    assert who == "stranger" or may(who, reads) == (who in readers)
    generous = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    assert iam.allowed(who, reads, [generous, iam.policy("plans-bucket")]) == (who in readers)


@pytest.mark.parametrize("who", [*IDENTITIES, "stranger"])
def test_who_only_reads_evidence_reads_no_seal(who: str) -> None:
    readers = ("planner", "approver", "gate", "deployer")
    generous = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    reads = Request("s3:GetObject", SEAL)
    assert who == "stranger" or may(who, reads) == (who in readers)
    for request in (reads, Request("s3:GetObjectVersion", SEAL)):
        assert iam.allowed(who, request, [generous, iam.policy("plans-bucket")]) == (who in readers)


@pytest.mark.parametrize("who", ["gate", "deployer"])
def test_who_makes_no_seal_is_told_that_there_is_none(who: str) -> None:
    """S3 says so of an object only to those who may list its bucket; to others, that they may not know."""
    assert may(who, Request("s3:ListBucket", PLANS))


@pytest.mark.parametrize("who", [*IDENTITIES, "break-glass", "stranger"])
def test_only_the_gate_signs_and_only_whole_messages(who: str) -> None:
    key = [iam.policy("gate-key")]
    right = {"kms:MessageType": "RAW", "kms:SigningAlgorithm": "ECDSA_SHA_256"}
    signs = Request("kms:Sign", DATA_KEY, right)
    assert iam.allowed(who, signs, key) == (who == "gate")
    assert not iam.allowed(who, Request("kms:Sign", DATA_KEY, {**right, "kms:MessageType": "DIGEST"}), key)
    own = [iam.policy(who)] if who in IDENTITIES else []
    generous = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
    assert iam.allowed(who, signs, [*own, *key, generous]) == (who == "gate")


@pytest.mark.parametrize("who", IDENTITIES)
def test_the_key_that_encrypts_serves_the_buckets_only(who: str) -> None:
    key, through = [iam.policy("data-key")], {"kms:CallerAccount": iam.ACCOUNT}
    through["kms:ViaService"] = "s3.eu-central-1.amazonaws.com"
    assert iam.allowed(who, Request("kms:Decrypt", DATA_KEY, through), key)
    assert not iam.allowed(who, Request("kms:Decrypt", DATA_KEY), key)
    writes = who in ("planner", "approver", "gate")
    assert iam.allowed(who, Request("kms:GenerateDataKey", DATA_KEY, through), key) == writes
    for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey"):
        assert not iam.allowed(who, Request(action, DATA_KEY), key)


def test_only_the_deployer_reaches_the_cloud() -> None:
    takes = Request("sts:AssumeRole", iam.PLACEHOLDERS["PRODUCTION_ROLE_ARN"])
    assert [who for who in IDENTITIES if iam.allowed(who, takes, [iam.policy(who)])] == ["deployer"]


def test_the_settings_of_the_buckets_are_what_a_ledger_wants() -> None:
    rule = iam.policy("ledger-lock")["Rule"]["DefaultRetention"]
    assert (rule["Mode"], rule["Days"]) == ("COMPLIANCE", 400)
    (encryption,) = iam.policy("encryption")["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": DATA_KEY}
    plans, parts = iam.policy("plans-lifecycle")["Rules"]
    assert (plans["Filter"]["Prefix"], plans["Expiration"]["Days"]) == ("plans/", 30)
    assert parts["AbortIncompleteMultipartUpload"]


# Live questions


def test_the_reader_may_see_what_live_questions_ask_for_and_nothing_else() -> None:
    statements = iam.policy(READER)["Statement"]
    assert {action for one in statements for action in as_list(one["Action"])} == LIVE
    assert all(one["Effect"] == "Allow" for one in statements)
    state, other = "arn:aws:s3:::acme-state", "arn:aws:s3:::acme-invoices"
    database = "arn:aws:rds:eu-central-1:123456789012:db:orders"
    for action, resource, right in (
        ("s3:ListBucketVersions", state, True),
        ("s3:GetBucketVersioning", other, True),
        ("rds:DescribeDBSnapshots", database, True),
        ("kms:DescribeKey", DATA_KEY, True),
        ("s3:ListBucketVersions", other, False),
        ("s3:GetObject", f"{state}/terraform.tfstate", False),
        ("s3:GetObjectVersion", f"{state}/terraform.tfstate", False),
        ("secretsmanager:GetSecretValue", "*", False),
        ("kms:Decrypt", DATA_KEY, False),
        ("rds:CreateDBSnapshot", database, False),
    ):
        assert iam.allowed("planner", Request(action, resource), [iam.policy(READER)]) == right, action
