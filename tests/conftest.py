"""What all tests share: where things are, and how to run the program as a user does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings

from tests.support.corpus import corpus_folder
from tests.support.github import FakeGitHub
from tests.support.openapi import Description, description_file
from tests.support.sarif import schema_file
from tests.support.seaweed import Seaweed, program, seaweed, seaweed_or_skip
from tests.support.sshkeys import make_key

ROOT = Path(__file__).resolve().parents[1]
PLANS = ROOT / "fixtures" / "plans"

settings.register_profile(
    "steady",
    parent=settings.default,
    deadline=None,  # how fast a machine is says nothing about what is right
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real plans from public repositories, where it is there."""
    folder = corpus_folder()
    if not folder.is_dir():
        pytest.skip("needs the corpus of real plans (IACGATE_CORPUS), which is not here")
    return folder


@pytest.fixture(scope="session")
def gate_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of the tests' gate; where there is no ssh-keygen, only its name."""
    folder = tmp_path_factory.mktemp("gate")
    return make_key(folder, "ed25519", "gate") if shutil.which("ssh-keygen") else folder / "gate"


@pytest.fixture
def iacgate(tmp_path: Path, gate_key: Path) -> Run:
    """Run the program as a process of its own, with an environment that holds nothing of ours."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        ours = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "IACGATE_GATE_KEY": str(gate_key)}
        inherited = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")}
        return subprocess.run(
            [sys.executable, "-m", "iacgate", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=cwd or tmp_path,
            timeout=120,
            env={**inherited, **ours, **environment},
        )

    return run


@pytest.fixture(scope="session")
def description() -> Description | None:
    """GitHub's description of its API, where it is there."""
    path = description_file()
    return Description(path) if path else None


@pytest.fixture
def github(description: Description | None) -> Iterator[FakeGitHub]:
    """A GitHub of our own, held against GitHub's description where that is there."""
    fake = FakeGitHub(description)
    with fake.serving():
        yield fake
    assert fake.problems == []


@pytest.fixture(scope="session")
def s3() -> Iterator[Seaweed]:
    """An S3 server of our own, where it is there; one for each worker."""
    with seaweed(seaweed_or_skip()) as server:
        yield server


def pytest_configure() -> None:
    """What is demanded and missing (terraform, SeaweedFS, GitHub's description, a schema) fails the run at once."""
    if os.environ.get("IACGATE_REQUIRE_SEAWEED") and program() is None:
        raise pytest.UsageError("IACGATE_REQUIRE_SEAWEED is set, and SeaweedFS (weed) is neither installed nor on PATH")
    if os.environ.get("IACGATE_REQUIRE_OPENAPI") and description_file() is None:
        raise pytest.UsageError("IACGATE_REQUIRE_OPENAPI is set, and IACGATE_GITHUB_OPENAPI names no file")
    if os.environ.get("IACGATE_REQUIRE_SARIF") and schema_file() is None:
        raise pytest.UsageError("IACGATE_REQUIRE_SARIF is set, and IACGATE_SARIF_SCHEMA names no file")
    if os.environ.get("IACGATE_REQUIRE_TERRAFORM") and shutil.which("terraform") is None:
        raise pytest.UsageError("IACGATE_REQUIRE_TERRAFORM is set, and terraform is not on PATH")
    if os.environ.get("IACGATE_REQUIRE_TERRAFORM") and shutil.which("ssh-keygen") is None:
        raise pytest.UsageError("IACGATE_REQUIRE_TERRAFORM is set, and ssh-keygen is not on PATH")
