"""Stores for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from iacgate.evidence.s3 import S3Store, parse_url
from iacgate.evidence.s3call import Timing
from tests.support.faulty import Proxy, faulty
from tests.support.seaweed import Seaweed

Make: TypeAlias = Callable[..., S3Store]

ONCE = Timing(connect=5.0, read=20.0, attempts=1)
"""For servers that answer wrongly."""

SHORT = Timing(connect=5.0, read=1.0, attempts=1)
"""For servers that do not answer, and calls that take milliseconds."""


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of processes that a test starts; the server's part comes from :func:`bucket`."""
    return {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith(("AWS", "COV"))}


@pytest.fixture
def bucket(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a bucket that is fit for evidence, and return a store in it; boto3 finds the server by its environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)

    def make(*, prefix: str = "/some/where", **more: Any) -> S3Store:
        return S3Store(f"s3://{s3.bucket()}{prefix}", days=1, **more)

    return make


@pytest.fixture
def proxy(s3: Seaweed) -> Iterator[Proxy]:
    """A network that fails where it is told to."""
    with faulty(s3.endpoint) as running:
        yield running


def bucket_at(make: Make, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, **more: Any) -> S3Store:
    """Return a store whose calls go through the proxy; its bucket is made without it."""
    made = make(**more)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
    return S3Store(made.name, days=1, **more)


def at(store: S3Store, key: str = "") -> dict[str, str]:
    """Return bucket and whole key, as a client takes them."""
    bucket, prefix = parse_url(store.name)
    return {"Bucket": bucket, "Key": f"{prefix}/{key}" if prefix else key}
