"""The sources beside a plan, and as a commit has them: with the real git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.plan.source.snapshot import Place
from iacgate.shell.sources import sources_at, sources_in

MAIN = 'module "net" {\n  source = "../modules/net"\n}\n\nresource "a" "b" {\n  x = 1\n}\n'
NET = '\nresource "a" "c" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    root = tmp_path / "repository" / "stack"
    (root / ".terraform" / "modules").mkdir(parents=True)
    net = tmp_path / "repository" / "modules" / "net"
    net.mkdir(parents=True)
    (root / "main.tf").write_text(MAIN)
    (root / "notes.md").write_text('resource "no" "source" {')
    (net / "main.tf").write_text(NET)
    modules = [{"Key": "", "Source": "", "Dir": "."}, {"Key": "net", "Source": "x", "Dir": "../modules/net"}]
    (root / ".terraform" / "modules" / "modules.json").write_text(json.dumps({"Modules": modules}))
    return root


def test_a_folder_with_its_modules(stack: Path) -> None:
    found = sources_in(str(stack))
    assert found.place("a.b", "x") == Place("main.tf", 6)
    assert found.place("module.net") == Place("main.tf", 1)
    assert found.place("module.net.a.c") == Place("../modules/net/main.tf", 2)
    assert found.unread == []


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"Modules": 1}', '{"Modules": [{"Key": 1}]}', "[" * 100_000])
def test_a_manifest_that_is_not_understood_leaves_the_root_module(stack: Path, manifest: str) -> None:
    (stack / ".terraform" / "modules" / "modules.json").write_text(manifest)
    found = sources_in(str(stack))
    assert found.place("a.b") == Place("main.tf", 5)
    assert found.place("module.net.a.c") is None


def test_a_commit_has_what_it_had(stack: Path) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", "stack/main.tf", "modules")
    git(stack.parent, "commit", "-qm", "first")
    (stack.parent / "modules" / "net" / "main.tf").write_text("")
    (stack / "main.tf").unlink()
    found = sources_at(str(stack), "HEAD")
    assert found.lifecycle("module.net.a.c", "prevent_destroy") is True
    assert found.place("a.b") == Place("main.tf", 5)


@pytest.mark.parametrize("ref", ["nothing", "--output=x", "HEAD:stack", ""])
def test_a_commit_that_git_does_not_know_is_named(stack: Path, ref: str) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "commit", "-q", "--allow-empty", "-m", "first")
    with pytest.raises(UsageInvalid, match="git does not know"):
        sources_at(str(stack), ref)
    assert not (stack / "x").exists()


def test_a_folder_that_is_no_repository_is_named(stack: Path) -> None:
    with pytest.raises(UsageInvalid, match="git does not know"):
        sources_at(str(stack), "HEAD")


def test_modules_outside_the_repository_are_left_out(stack: Path) -> None:
    git(stack, "init", "-q")
    git(stack, "add", "main.tf")
    git(stack, "commit", "-qm", "first")
    found = sources_at(str(stack), "HEAD")
    assert found.place("a.b") == Place("main.tf", 5)
    assert found.place("module.net.a.c") is None
