"""A stack in a git repository, its saved plan, and all that a run of it needs: real git, real terraform."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iacgate.apply import cliconfig, execute
from iacgate.apply.checkout import checkout
from iacgate.apply.surroundings import child_environment
from iacgate.canonical import digest
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.saved import PlanFile
from iacgate.shell.git import Repository
from tests.support.gitrepo import GitRepo
from tests.support.terraform import Installation, Workspace


@dataclass
class Stack:
    """One stack in the folder ``stack`` of a repository.

    Attributes:
        root: a folder for everything.
        installation: where terraform finds its providers.
        lines: what terraform printed in runs.
        given: variables of the machine, which terraform may or may not see.
    """

    root: Path
    installation: Installation
    lines: list[bytes] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repository = GitRepo(self.root / "repository")
        self.workspace = Workspace(self.repository.root / "stack", self.installation)
        (self.repository.root / ".gitignore").write_text(".terraform/\n*.tfstate*\n*plan\n")

    @property
    def folder(self) -> Path:
        """The stack's folder as its operator has it."""
        return self.workspace.root

    def commit(self, files: Mapping[str, str]) -> None:
        """Write the stack's files, initialise and commit them."""
        self.workspace.write_files(files)
        self.workspace.init()
        self.repository.commit("ann")

    def plan(self, *options: str) -> bytes:
        """Return the bytes of a new saved plan."""
        return self.workspace.plan(*options).read_bytes()

    def private(self, name: str = "private") -> Path:
        """Return a private folder with a CLI configuration in it."""
        folder = self.root / name
        folder.mkdir(mode=0o700)
        cliconfig.write(folder, self.installation.config)
        return folder

    def environment(self, private: Path, **options: tuple[str, ...]) -> dict[str, str]:
        """Return what terraform sees."""
        machine = {"PATH": os.environ["PATH"], "HOME": str(self.installation.home), **self.given}
        return child_environment(machine, "run-1", private, **options)

    def run(self, name: str = "private", **options: tuple[str, ...]) -> execute.Run:
        """Return a run in a fresh checkout of the commit."""
        private = self.private(name)
        folder = checkout(Repository(self.folder, "HEAD"), private / "checkout")
        environment = self.environment(private, **options)
        return execute.Run(self.installation.terraform, folder, self.folder, private, environment, self.lines.append)

    def apply(self, plan: bytes, name: str = "private", **options: tuple[str, ...]) -> execute.Applied:
        """Initialise and apply a plan in a fresh checkout."""
        run = self.run(name, **options)
        execute.initialise(run, read(plan))
        return execute.apply_plan(run, plan, digest(plan), read(plan))

    @property
    def printed(self) -> str:
        """All that terraform printed."""
        return b"\n".join(self.lines).decode()


def read(plan: bytes) -> PlanFile:
    """Return what the bytes of a saved plan say."""
    return read_plan_file(plan, "tfplan")
