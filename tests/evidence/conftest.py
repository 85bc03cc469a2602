"""Stores for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from iacgate.evidence.s3 import S3Store
from iacgate.evidence.s3call import Timing
from tests.support.seaweed import Seaweed

QUICK = Timing(connect=2.0, read=0.5, attempts=1)
"""For servers that do not answer."""


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of processes that a test starts; the server's part comes from :func:`bucket`."""
    return {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith(("AWS", "COV"))}


@pytest.fixture
def bucket(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Callable[..., S3Store]:
    """Make a bucket that is fit for evidence, and return a store in it; boto3 finds the server by its environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)

    def make(*, prefix: str = "/some/where", **more: Any) -> S3Store:
        return S3Store(f"s3://{s3.bucket()}{prefix}", days=1, **more)

    return make
