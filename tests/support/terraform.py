"""Hermetic Terraform workspaces: real ``terraform``, our own provider, no network.

Nothing of the surroundings reaches Terraform: its CLI configuration, its home and its
environment are made here. The provider is a copy of :mod:`tests.support.testprovider` that
Terraform installs from a ``filesystem_mirror``, as it would a downloaded one, so that lock
files, hashes and version constraints are real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

AWS = "registry.terraform.io/hashicorp/aws"
EXAMPLE = "example.com/test/aws"
VERSIONS = ("1.0.0", "1.1.0")
TIMEOUT = 120.0
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class TerraformError(Exception):
    """Terraform ended with another status than the test expects."""


def terraform_or_skip() -> str:
    """Return the path of ``terraform``, or skip the test and say why."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("needs the real terraform on PATH, which is not there")
    return found


@dataclass(frozen=True)
class Installation:
    """A provider mirror, with the CLI configuration and the home that belong to it.

    Attributes:
        root: the folder that holds all three.
        terraform: the program to run.
    """

    root: Path
    terraform: str

    @property
    def config(self) -> Path:
        """The CLI configuration file: the mirror, and nothing else."""
        return self.root / "terraformrc"

    @property
    def home(self) -> Path:
        """The home directory that Terraform and the provider see."""
        return self.root / "home"

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment of a Terraform process."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return (
            passed_on
            | {
                "HOME": str(self.home),
                "TF_CLI_CONFIG_FILE": str(self.config),
                "TF_DATA_DIR": ".terraform",
                "TF_IN_AUTOMATION": "1",
                "TF_INPUT": "0",
                "CHECKPOINT_DISABLE": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
            }
            | dict(extra)
        )

    def workspace(self, root: Path, files: Mapping[str, str] | None = None) -> Workspace:
        """Return a new workspace in an existing or new folder, with the files written to it."""
        made = Workspace(root, self)
        made.write_files(files or {})
        return made


def install(
    root: Path,
    *,
    terraform: str,
    versions: Sequence[str] = VERSIONS,
    sources: Sequence[str] = (AWS, EXAMPLE),
    remark: str = "",
) -> Installation:
    """Install the test provider in a new folder, in each version and under each source address.

    Args:
        root: the folder, which is made.
        terraform: the program whose platform the provider is for.
        versions: what Terraform may choose from.
        sources: the addresses that the mirror serves.
        remark: text at the end of the executables, which changes their hashes and nothing else.
    """
    installation = Installation(root, terraform)
    installation.home.mkdir(parents=True)
    for source in sources:
        for version in versions:
            install_version(installation, source, version, remark)
    installation.config.write_text(_cli_config(root / "mirror"), encoding="utf-8")
    return installation


def install_version(
    installation: Installation, source: str, version: str, remark: str = "", *, schema: int = 0
) -> Path:
    """Add one version of the test provider to the mirror, and return its executable.

    ``schema`` is the version of its resources' schemas.
    """
    folder = installation.root / "mirror" / source / version / _platform(installation.terraform)
    folder.mkdir(parents=True)
    program = folder / f"terraform-provider-{source.rpartition('/')[2]}_v{version}"
    program.write_text(provider_program(version, schema) + remark, encoding="utf-8")
    program.chmod(0o755)
    return program


def provider_program(version: str, schema: int = 0) -> str:
    """Return the text of a provider executable that runs in this interpreter's environment."""
    source = Path(__file__).with_name("testprovider.py").read_text(encoding="utf-8")
    source = source.replace("SCHEMA = 0", f"SCHEMA = {schema}")
    return f"#!{sys.executable} -I\n" + source.replace('VERSION = "0.0.0"', f'VERSION = "{version}"')


def _cli_config(mirror: Path) -> str:
    path = json.dumps(str(mirror))
    return f"""disable_checkpoint = true
provider_installation {{
  filesystem_mirror {{
    path = {path}
  }}
  direct {{
    exclude = ["*/*/*"]
  }}
}}
"""


@cache
def _platform(terraform: str) -> str:
    """Return what Terraform calls this operating system and architecture."""
    said = subprocess.run(
        [terraform, "version", "-json"],
        capture_output=True,
        check=True,
        timeout=TIMEOUT,
        env={"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
    )
    return str(json.loads(said.stdout)["platform"])


@dataclass
class Workspace:
    """One root module in a folder of its own.

    Attributes:
        root: the folder.
        installation: where its providers come from.
        variables: environment variables on top of the hermetic ones, e.g. ``TF_VAR_x``.
    """

    root: Path
    installation: Installation
    variables: dict[str, str] = field(default_factory=dict)

    def write_files(self, files: Mapping[str, str]) -> None:
        """Write text files, named by their path below the folder."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def init(self, *args: str) -> None:
        """Run ``terraform init``."""
        self.run("init", "-no-color", *args)

    def plan(self, *args: str, name: str = "tfplan", fails: bool = False) -> Path:
        """Save a plan and return its path; with ``fails``, one that Terraform saves although it fails."""
        self.run("plan", "-no-color", f"-out={name}", *args, expect=1 if fails else 0)
        return self.root / name

    def show_json(self, plan: Path) -> bytes:
        """Return the JSON that Terraform prints of a saved plan."""
        return self.run("show", "-json", str(plan.relative_to(self.root)))

    def apply(self, plan: Path | None = None) -> None:
        """Apply a saved plan, or without one whatever there is to do."""
        rest = ["-auto-approve"] if plan is None else [str(plan.relative_to(self.root))]
        self.run("apply", "-no-color", *rest)

    def run(self, *args: str, expect: int = 0) -> bytes:
        """Run Terraform in the folder and return its standard output.

        Raises:
            TerraformError: it ended with another status than the expected one.
        """
        done = subprocess.run(
            [self.installation.terraform, *args],
            cwd=self.root,
            env=self.installation.environment(self.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode != expect:
            said = done.stderr.decode(errors="replace") or done.stdout.decode(errors="replace")
            raise TerraformError(f"terraform {' '.join(args)} ended with {done.returncode}:\n{said}")
        return done.stdout
