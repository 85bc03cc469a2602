"""A network and a server that fail: never absent instead of an error, never written twice, no words of the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final

import msgspec
import pytest

from iacgate import instants
from iacgate.errors import EvidenceInvalid, StoreUnreachable
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.store import Stored
from tests.evidence.conftest import ONCE, SHORT, Make, at, bucket_at
from tests.support.faulty import SECRET, Fault, Proxy
from tests.support.seaweed import ADMIN, STRANGER, Seaweed

PART: Final = 5 << 20
LARGE: Final = b"x" * PART + b"y"
THERE: Final = b"there" * 50
REQUESTS: Final = {
    "create": 1,
    "create in parts": 4,
    "read": 1,
    "read absent": 1,
    "listing": 1,
    "listing of one": 1,
    "now": 1,
    "problems": 6,
}
"""So many requests has a call."""

FAULTS: Final = [
    *(Fault(kind, forward=forward) for kind in ("drop", "hang") for forward in (False, True)),
    Fault("truncate"),
    Fault("corrupt"),
    *(Fault("answer", status=status) for status in (403, 404, 409, 412, 500, 503)),
    *(Fault("answer", status=status, forward=True) for status in (409, 412, 500, 503)),
]
NUMBERS: Final = count()


class Calls:
    """All calls of a store, each time with a new key."""

    def __init__(self, store: S3Store) -> None:
        self.store = store
        self.key = f"new/{next(NUMBERS)}"

    def make(self, call: str) -> Any:
        made: dict[str, Callable[[], Any]] = {
            "create": lambda: self.store.create(self.key, THERE),
            "create in parts": lambda: self.store.create(self.key, LARGE),
            "read": lambda: self.store.read("there", 1000),
            "read absent": lambda: self.store.read("absent", 1000),
            "listing": lambda: self.store.listing("there"),
            "listing of one": lambda: self.store.listing("there", 1),
            "now": self.store.now,
            "problems": self.store.problems,
        }
        return made[call]()


def outcome(calls: Calls, call: str) -> Any:
    """Return what a call returns, or its error, which must be one that can be shown."""
    try:
        return calls.make(call)
    except EvidenceInvalid as error:
        found = error
    assert found.exit_code == 4
    assert found.hint
    said = f"{found}{found.hint}{found.__cause__}"
    assert SECRET not in said
    assert not any(secret in said for who in (ADMIN, STRANGER) for secret in who)
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.forward}")
def test_each_fault_at_each_request_of_each_call(
    bucket: Make, s3: Seaweed, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    timing = SHORT if fault.kind == "hang" else ONCE
    store = bucket_at(bucket, proxy, monkeypatch, timing=timing, part=PART)
    assert store.create("there", THERE)
    listed = store.listing("there")
    for call, requests in REQUESTS.items():
        for number in which(call, requests, fault):
            calls = Calls(S3Store(store.name, timing=timing, part=PART) if call == "now" else store)
            proxy.fail(replace(fault, number=number))
            said = outcome(calls, call)
            assert any(seen.faulty for seen in proxy.requests)
            proxy.fail()
            if call.startswith("create"):
                check_written(calls, s3, said, call, fault if number == requests else None)
            elif not isinstance(said, EvidenceInvalid):
                check_answer(call, said, listed)
                assert call == "problems" or fault.kind in {"truncate", "corrupt"}


def which(call: str, requests: int, fault: Fault) -> list[int]:
    """Return the requests that a fault is tried at; those that take as long as the time-out are fewer."""
    if fault.kind != "hang":
        return list(range(1, requests + 1))
    return [] if "parts" in call else [requests]


def check_answer(call: str, said: Any, listed: list[Stored]) -> None:
    """An answer that is no error is the right one, whatever failed."""
    match call:
        case "read":
            assert said == THERE
        case "read absent":
            assert said is None
        case "now":
            assert instants.is_instant(said)
        case "problems":
            assert any("1 days" in problem or "not known" in problem for problem in said)
        case _:
            assert said == listed


def check_written(calls: Calls, s3: Seaweed, said: Any, call: str, last: Fault | None) -> None:
    """Hold an answer against what is there: once or not at all, and once where it was said to be written."""
    data = LARGE if "parts" in call else THERE
    there = s3.client().list_object_versions(**_prefix(at(calls.store, calls.key))).get("Versions", [])
    assert len(there) == 1 if said is True or (last and last.forward) else len(there) <= 1
    assert calls.store.create(calls.key, data) is not bool(there)
    assert calls.store.read(calls.key, len(data)) == data
    assert len(calls.store.listing(calls.key)) == 1


def _prefix(names: dict[str, str]) -> dict[str, str]:
    return {"Bucket": names["Bucket"], "Prefix": names["Key"]}


def test_without_faults_each_call_has_its_requests(bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bucket_at(bucket, proxy, monkeypatch, part=PART)
    store.create("there", THERE)
    for call, requests in REQUESTS.items():
        proxy.fail()
        Calls(S3Store(store.name, part=PART) if call == "now" else store).make(call)
        assert len(proxy.requests) == requests, call


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        (Fault("drop"), True),
        (Fault("hang"), True),
        (Fault("answer", status=500), True),
        (Fault("answer", status=503), True),
        (Fault("drop", forward=True), False),
        (Fault("hang", forward=True), False),
        (Fault("answer", status=500, forward=True), False),
    ],
)
@pytest.mark.parametrize("call", ["create", "create in parts"])
def test_a_second_attempt_writes_once(
    bucket: Make, s3: Seaweed, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, call: str, fault: Fault, written: bool
) -> None:
    timing = msgspec.structs.replace(ONCE, attempts=2, read=3.0 if fault.kind == "hang" else ONCE.read)
    calls = Calls(bucket_at(bucket, proxy, monkeypatch, timing=timing, part=PART))
    proxy.fail(replace(fault, number=REQUESTS[call]))
    assert outcome(calls, call) is written
    assert len([seen for seen in proxy.requests if seen.method != "DELETE"]) == REQUESTS[call] + 1
    proxy.fail()
    check_written(calls, s3, written, call, None)


@pytest.mark.parametrize("call", ["create", "read", "read absent", "listing", "now"])
def test_attempts_end(bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    timing = msgspec.structs.replace(ONCE, attempts=2)
    calls = Calls(bucket_at(bucket, proxy, monkeypatch, timing=timing))
    proxy.fail(Fault("answer", status=503, times=99))
    with pytest.raises(EvidenceInvalid, match="SlowDown"):
        calls.make(call)
    assert len(proxy.requests) == 2


def listed(version: str = "", truncated: str = "false", more: str = "") -> bytes:
    head = f"<ListVersionsResult><IsTruncated>{truncated}</IsTruncated>{more}"
    return f"{head}{version}</ListVersionsResult>".encode()


def one(key: str = "some/where/a", size: str = "1", at: str = "2027-01-31T12:00:00Z", name: str = "1") -> str:
    said = f"<Key>{key}</Key><Size>{size}</Size><LastModified>{at}</LastModified><VersionId>{name}</VersionId>"
    return f"<Version>{said}</Version>"


STUCK: Final = "<NextKeyMarker>some/where/a</NextKeyMarker>"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no document",
        b"<html/>",
        b"<Error><Code>InternalError</Code></Error>",
        b"<ListVersionsResult/>",
        listed(truncated="true"),
        listed(one(), "true", STUCK),
        listed(one(key="elsewhere/a")),
        listed(one(size="many")),
        listed(one(size="")),
        listed(one(at="yesterday")),
        listed(one(at="0001-01-01T00:00:00+14:00")),
        listed(one(at="9999-12-31T23:59:59-14:00")),
        listed("<Version/>"),
        listed("<DeleteMarker/>"),
    ],
)
def test_what_is_no_listing(bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    store = bucket_at(bucket, proxy, monkeypatch, timing=ONCE)
    proxy.fail(Fault("answer", status=200, body=said, times=99))
    with pytest.raises(EvidenceInvalid):
        store.listing("")
    assert len(proxy.requests) <= 2
    proxy.fail(Fault("answer", status=200, body=listed(one())))
    assert [found.key for found in store.listing("")] == ["a"]


@pytest.mark.parametrize("said", [b"", b"<html/>", b"<Error><Code>InternalError</Code></Error>"])
@pytest.mark.parametrize("call", ["create", "create in parts"])
def test_a_write_without_a_receipt_was_none(
    bucket: Make, s3: Seaweed, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, call: str, said: bytes
) -> None:
    calls = Calls(bucket_at(bucket, proxy, monkeypatch, timing=ONCE, part=PART))
    proxy.fail(Fault("answer", number=REQUESTS[call], status=200, body=said))
    found = outcome(calls, call)
    assert isinstance(found, EvidenceInvalid)
    proxy.fail()
    check_written(calls, s3, found, call, None)


def test_checksums_are_looked_at_whatever_the_settings_say(
    bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    store = bucket_at(bucket, proxy, monkeypatch, timing=ONCE)
    assert store.create("there", THERE)
    proxy.fail(Fault("corrupt"))
    with pytest.raises(EvidenceInvalid, match="Checksum"):
        store.read("there", 1000)
    assert store.read("there", 1000) == THERE


@pytest.mark.parametrize(
    ("who", "address", "why"),
    [
        (STRANGER, "", "AccessDenied"),
        ((ADMIN[0], "wrong"), "", "SignatureDoesNotMatch"),
        (("AKIANOBODY", "wrong"), "", "InvalidAccessKeyId"),
        (ADMIN, "s3://no-such-bucket/a", "NoSuchBucket"),
    ],
)
def test_whoever_may_not(
    bucket: Make, s3: Seaweed, monkeypatch: pytest.MonkeyPatch, who: tuple[str, str], address: str, why: str
) -> None:
    name = address or bucket().name
    for variable, value in s3.environment(who).items():
        monkeypatch.setenv(variable, value)
    calls = Calls(S3Store(name, timing=ONCE))
    for call in REQUESTS:
        said = outcome(calls, call)
        if call == "problems" and why == "AccessDenied":
            assert len(said) == 4
            assert all("not known (AccessDenied)" in problem for problem in said)
        else:
            assert why in str(said)
            assert isinstance(said, EvidenceInvalid)


def test_nobody_listens_or_the_setting_is_none(bucket: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bucket().name
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(EvidenceInvalid, match="EndpointConnectionError"):
        S3Store(name, timing=ONCE).read("a", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "no address")
    with pytest.raises(EvidenceInvalid, match="set up"):
        S3Store(name, timing=ONCE)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(EvidenceInvalid, match="ProfileNotFound"):
        S3Store(name, timing=ONCE)


def test_no_credentials(bucket: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bucket().name
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(EvidenceInvalid, match="NoCredentialsError"):
        S3Store(name, timing=ONCE).read("a", 1)


@pytest.mark.parametrize(
    ("fault", "gone"),
    [
        (Fault("drop"), True),
        (Fault("hang"), True),
        (Fault("answer", status=500), True),
        (Fault("answer", status=503), True),
        (Fault("answer", status=403), False),
        (Fault("answer", status=404), False),
        (Fault("corrupt"), True),  # botocore takes an answer that is no XML for a status of 500
    ],
)
def test_who_does_not_answer_is_told_from_who_refuses(
    bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: Fault, gone: bool
) -> None:
    store = S3Store(bucket_at(bucket, proxy, monkeypatch).name, timing=SHORT)
    proxy.fail(fault)
    with pytest.raises(EvidenceInvalid) as raised:
        store.listing("there")
    assert isinstance(raised.value, StoreUnreachable) is gone


def test_where_nobody_listens_a_store_is_unreachable(bucket: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bucket().name
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(StoreUnreachable, match="EndpointConnectionError"):
        S3Store(name, timing=SHORT).listing("")
