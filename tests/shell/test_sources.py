"""The sources beside a plan, and as a commit has them: with the real git."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.plan.source.hcl import MAX_FILE
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
    assert found.place("module.net.a.c") == Place("../modules/net/main.tf", 2)  # called by a local path


def test_a_module_from_elsewhere_is_found_where_terraform_noted_it(stack: Path) -> None:
    (stack / "main.tf").write_text(MAIN.replace("../modules/net", "example/net/aws"))
    assert sources_in(str(stack)).place("module.net.a.c") == Place("../modules/net/main.tf", 2)
    (stack / ".terraform" / "modules" / "modules.json").unlink()
    assert sources_in(str(stack)).place("module.net.a.c") is None


def test_odd_files_are_passed_over(stack: Path) -> None:
    modules = stack / ".terraform" / "modules" / "modules.json"
    modules.unlink()
    os.mkfifo(modules)
    os.mkfifo(stack / "pipe.tf")
    (stack / "folder.tf").mkdir()
    (stack / "gone.tf").symlink_to("nowhere")
    assert sources_in(str(stack)).place("a.b") == Place("main.tf", 5)
    modules.unlink()
    modules.write_text(json.dumps({"Modules": [{"Key": f"m{n}", "Dir": "x" * n} for n in range(3_000)]}))
    assert sources_in(str(stack)).place("a.b") == Place("main.tf", 5)


def test_a_module_that_calls_itself_ends(stack: Path) -> None:
    (stack / "main.tf").write_text('module "m" {\n  source = "./"\n}\n' * 2)
    with pytest.raises(UsageInvalid, match="far too many"):
        sources_in(str(stack))


def test_a_repository_inside_the_repository_is_not_obeyed(stack: Path, tmp_path: Path) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", "stack/main.tf", "modules")
    git(stack.parent, "commit", "-qm", "first")
    git(stack.parent, "branch", "base")
    evil = f"""[core]
  repositoryformatversion = 1
  bare = true
[extensions]
  partialClone = origin
[remote "origin"]
  promisor = true
  url = ext::sh -c "touch% {tmp_path}/pwned"
[protocol "ext"]
  allow = always
"""
    for name, text in {"config": evil, "HEAD": "ref: refs/heads/main\n", "refs/heads/base": "1" * 40}.items():
        (stack / name).parent.mkdir(parents=True, exist_ok=True)
        (stack / name).write_text(text)
    (stack / "objects").mkdir()
    assert sources_at(str(stack), "base").lifecycle("module.net.a.c", "prevent_destroy") is True
    assert not (tmp_path / "pwned").exists()


def test_a_commit_tells_its_own_modules(stack: Path) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", "stack/main.tf", "modules")
    git(stack.parent, "commit", "-qm", "first")
    (stack / "main.tf").write_text('resource "a" "b" {}\n')
    (stack / ".terraform" / "modules" / "modules.json").unlink()
    assert sources_at(str(stack), "HEAD").lifecycle("module.net.a.c", "prevent_destroy") is True


def test_a_stack_that_is_new_has_no_sources_before(stack: Path) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "commit", "-q", "--allow-empty", "-m", "first")
    assert list(sources_at(str(stack), "HEAD").resources()) == []


def test_a_damaged_history_is_not_one_without_sources(stack: Path) -> None:
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", "stack/main.tf")
    git(stack.parent, "commit", "-qm", "first")
    tree = subprocess.check_output(["git", "-C", str(stack.parent), "rev-parse", "HEAD:stack"], text=True).strip()
    (stack.parent / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(UsageInvalid, match=tree):
        sources_at(str(stack), "HEAD")


@pytest.mark.parametrize("name", [":(glob)*", ":!stack", "-r", "st?ck"])
def test_a_folder_is_named_and_not_matched(stack: Path, name: str) -> None:
    odd = stack.parent / name
    odd.mkdir()
    (odd / "main.tf").write_text('resource "odd" "one" {\n}\n')
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", ".")
    git(stack.parent, "commit", "-qm", "first")
    assert [address for address, *_ in sources_at(str(odd), "HEAD").resources()] == ["odd.one"]


def test_a_file_too_large_is_not_read(stack: Path) -> None:
    (stack / "huge.tf").write_text(" " * (MAX_FILE + 2))
    git(stack.parent, "init", "-q")
    git(stack.parent, "add", "stack/main.tf", "stack/huge.tf")
    git(stack.parent, "commit", "-qm", "first")
    assert sources_at(str(stack), "HEAD").unread == ["huge.tf"]
    assert sources_in(str(stack)).unread == ["huge.tf"]


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
