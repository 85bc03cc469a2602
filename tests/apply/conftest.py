"""What tests of the run share: an installation of terraform with a provider, and a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apply.stack import Stack
from tests.support.terraform import Installation, install, terraform_or_skip


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("installation") / "terraform", terraform=terraform_or_skip())


@pytest.fixture
def stack(tmp_path: Path, installation: Installation) -> Stack:
    return Stack(tmp_path, installation)
