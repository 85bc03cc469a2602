"""What only a bucket has: versions and markers, a lock, objects in parts, a clock of its own."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iacgate import instants
from iacgate.errors import EvidenceInvalid
from iacgate.evidence.s3 import S3Store, parse_url
from iacgate.evidence.s3call import Bucket
from iacgate.evidence.store import Stored, together
from tests.evidence.conftest import Make, at, bucket_at
from tests.support.faulty import Proxy
from tests.support.seaweed import STRANGER, Seaweed


def shown(found: list[Stored]) -> list[tuple[str, int, bool]]:
    return [(one.key, one.size, one.marker) for one in found]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://buc.ket-1/a/b", ("buc.ket-1", "a/b")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
    ],
)
def test_addresses(url: str, parts: tuple[str, str]) -> None:
    assert parse_url(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "s3:/bucket",
        "s3://",
        "s3:///a",
        "s3://b",
        "s3://Bucket/a",
        "S3://bucket/a",
        "s3://bucket//a",
        "s3://bucket/a//b",
        "s3://bucket/a//",
        "s3://bucket/../a",
        "s3://bucket/a?b",
        "s3://bucket/a b",
        "s3://user:secret@bucket/a",
        "s3://bucket\n",
        "s3://bucket/a\n",
        "https://bucket/a",
        "s3://bücket",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(EvidenceInvalid):
        parse_url(url)


def test_without_a_prefix_and_beside_another_one(bucket: Make, s3: Seaweed) -> None:
    store = bucket(prefix="")
    inner = S3Store(f"{store.name}/some", days=1)
    assert store.create("some/a", b"1")
    assert store.create("some-more/a", b"22")
    assert shown(store.listing("")) == [("some-more/a", 2, False), ("some/a", 1, False)]
    assert shown(inner.listing("")) == [("a", 1, False)]
    assert inner.read("a", 1) == b"1"
    assert (store.name, inner.name) == (f"s3://{at(store)['Bucket']}", f"{store.name}/some")


def test_markers_are_seen_and_what_they_hide_can_be_read(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    assert store.create("a", b"1")
    s3.client().delete_object(**at(store, "a"))
    assert store.read("a", 9) is None
    marker, version = store.listing("")
    assert shown([marker, version]) == [("a", 0, True), ("a", 1, False)]
    assert store.read("a", 9, version.version) == b"1"
    assert store.read("a", 9, marker.version) is None


def test_overwritten_versions_are_seen_the_newest_first(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    assert store.create("a", b"1")
    assert store.create("b", b"1")
    s3.client().put_object(**at(store, "a"), Body=b"22")
    s3.client().put_object(**at(store, "a"), Body=b"333")
    found = store.listing("")
    assert shown(found) == [("a", 3, False), ("a", 2, False), ("a", 1, False), ("b", 1, False)]
    assert [store.read("a", 9, one.version) for one in found[:3]] == [b"333", b"22", b"1"]
    assert store.read("a", 9) == b"333"
    assert shown(store.listing("", 2)) == [("a", 3, False), ("a", 2, False)]
    assert not store.create("a", b"4")


def test_what_is_locked_stays(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    assert store.create("a", b"1")
    assert store.create("large", b"x" * (5 << 20) + b"y")
    large = bucket(part=5 << 20)
    assert large.create("large", b"x" * (5 << 20) + b"y")
    for one, key in ((store, "a"), (store, "large"), (large, "large")):
        (found,) = one.listing(key)
        for client in (s3.client(), s3.client(STRANGER)):
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(**at(one, key), VersionId=found.version)
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(**at(one, key), VersionId=found.version, BypassGovernanceRetention=True)
        assert one.read(key, 9 << 20)


def test_names_that_are_no_keys_are_shown_and_not_read(bucket: Make, s3: Seaweed) -> None:
    store = bucket()
    strange = ["+ plus", "<&>", "a%2Fb", "é", "\N{SNOWMAN}"]
    for name in strange:
        s3.client().put_object(**at(store, name), Body=b"")
    assert [one.key for one in store.listing("")] == strange
    with pytest.raises(EvidenceInvalid):
        store.read("+ plus", 1)


def test_a_listing_of_many_takes_several_calls_and_one_with_a_limit_one(
    bucket: Make, s3: Seaweed, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bucket_at(bucket, proxy, monkeypatch)
    keys = [f"n/{number:06}" for number in range(1010)]
    assert all(together([partial(store.create, key, b"") for key in keys]))
    s3.client().delete_object(**at(store, "n/000999"))
    proxy.fail()
    found = store.listing("n/")
    assert len(proxy.requests) == 2
    assert [one.key for one in found] == sorted([*keys, "n/000999"])
    assert shown(found)[999:1001] == [("n/000999", 0, True), ("n/000999", 0, False)]
    proxy.fail()
    assert [one.key for one in store.listing("n/", 3)] == keys[:3]
    assert [one.key for one in store.listing("n/", 5000)] == keys[:1000]  # one call has no more
    assert len(proxy.requests) == 2


def test_many_bytes_are_written_in_parts_and_once(
    bucket: Make, s3: Seaweed, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bucket_at(bucket, proxy, monkeypatch, part=5 << 20)
    data = os.urandom(11 << 20)
    assert store.create("a", data)
    assert [one.method for one in proxy.requests] == ["POST", "PUT", "PUT", "PUT", "POST"]
    assert store.read("a", len(data)) == data
    assert not store.create("a", data[1:])
    assert store.read("a", len(data)) == data
    assert len(store.listing("")) == 1
    assert not s3.client().list_multipart_uploads(Bucket=at(store)["Bucket"]).get("Uploads")


def test_what_is_there_is_written_in_parts_by_none_of_many_threads(bucket: Make) -> None:
    # Which of several is first, SeaweedFS does not decide for parts: under load, more than one was told so. What is
    # written in parts is named after its digest, so that they would all write the same.
    store = bucket(part=5 << 20)
    data = b"x" * (5 << 20)
    assert store.create("a", data + b"first")
    written = together([partial(store.create, "a", data + b"%d" % who) for who in range(4)])
    assert written == [False] * 4
    assert store.read("a", 9 << 20) == data + b"first"
    assert len(store.listing("")) == 1


def test_the_time_is_the_store_s(bucket: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bucket_at(bucket, proxy, monkeypatch)
    now = store.now()
    assert instants.is_instant(now)
    assert store.now() >= now
    assert store.listing("") == []
    assert len(proxy.requests) == 2  # one call for the time, and one of the test's


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("Sun, 31 Jan 2027 12:00:00 GMT", "2027-01-31T12:00:00Z"),
        ("Tue, 29 Feb 2028 23:59:59 GMT", "2028-02-29T23:59:59Z"),
    ],
)
def test_dates_as_they_must_be(bucket: Make, date: str, time: str) -> None:
    assert bucket()._bucket._instant(date) == time


@pytest.mark.parametrize(
    "date",
    [
        "",
        "2027-01-31T12:00:00Z",
        "Sun, 31 Jan 2027 12:00:00 +0100",
        "Sun, 31 Feb 2027 12:00:00 GMT",
        "Sun, 31 Foo 2027 12:00:00 GMT",
        "Sunday, 31-Jan-27 12:00:00 GMT",
        "Sun, 31 Jan 2027 24:00:00 GMT",
        "Sun, 31 Jan 2027 12:00:00 GMT ",
        "Sun, ٣١ Jan 2027 12:00:00 GMT",
    ],
)
def test_dates_that_are_none(bucket: Make, date: str) -> None:
    with pytest.raises(EvidenceInvalid, match="no time"):
        bucket()._bucket._instant(date)


def test_a_key_of_kms_is_asked_for(bucket: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def call(_: Bucket, __: str, method: str, more: dict[str, Any], *___: object) -> dict[str, Any]:
        asked.append((method, more))
        return {"UploadId": "u", "ETag": "e"}

    monkeypatch.setattr(Bucket, "call", call)
    store = S3Store("s3://bucket", kms_key="arn:key", part=1)
    assert store.create("a", b"1")
    assert store.create("a", b"12")
    assert {method for method, more in asked if more.get("SSEKMSKeyId") == "arn:key"} == {
        "put_object",
        "create_multipart_upload",
    }
    assert all(more.get("ServerSideEncryption") == "aws:kms" for _, more in asked if "SSEKMSKeyId" in more)
