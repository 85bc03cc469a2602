"""The configuration to which undoing goes back: with the real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell.previous import MAX_LOCK, previous_at
from tests.support.gitrepo import GitRepo

PROTECTED = 'resource "a" "b" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'


@pytest.fixture
def repository(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    (found.root / "stack").mkdir()
    (found.root / "stack" / ".terraform.lock.hcl").write_text("# first\n")
    found.commit("alice", stack__main=PROTECTED)
    (found.root / "stack" / ".terraform.lock.hcl").write_text("# second\n")
    found.commit("alice", stack__main='resource "a" "c" {}\n')
    return found


def test_a_commit_before_has_its_sources_and_its_lock_file(repository: GitRepo) -> None:
    found = previous_at(str(repository.root / "stack"), "HEAD~1")
    assert found.commit == repository.git("rev-parse", "HEAD~1")
    assert found.ancestor is True
    assert found.lock == b"# first\n"
    assert found.snapshot is not None
    assert found.snapshot.lifecycle("a.b", "prevent_destroy") is True
    assert found.snapshot.resource("a.c") == []


def test_what_is_changed_and_not_committed_is_not_looked_at(repository: GitRepo) -> None:
    (repository.root / "stack" / ".terraform.lock.hcl").write_text("# third\n")
    assert previous_at(str(repository.root / "stack"), "HEAD").lock == b"# second\n"


def test_a_commit_that_comes_after_what_is_planned_is_no_way_back(repository: GitRepo) -> None:
    folder = str(repository.root / "stack")
    assert previous_at(folder, "HEAD", "HEAD~1").ancestor is False
    repository.git("checkout", "-q", "-b", "side", "HEAD~1")
    repository.commit("bob", stack__main=PROTECTED + "# x\n")
    assert previous_at(folder, "main", "side").ancestor is False
    assert previous_at(folder, "main~1", "side").ancestor is True


def test_going_back_to_the_planned_commit_itself_undoes_nothing(repository: GitRepo) -> None:
    assert previous_at(str(repository.root / "stack"), "HEAD").ancestor is False


def test_a_merged_branch_comes_before(repository: GitRepo) -> None:
    repository.git("checkout", "-q", "-b", "side", "HEAD~1")
    repository.commit("bob", other__main="# x\n")
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merged", "side")
    assert previous_at(str(repository.root / "stack"), "side").ancestor is True


def test_a_stack_that_is_new_has_neither_sources_nor_a_lock_file(repository: GitRepo) -> None:
    repository.commit("alice", new__main='resource "a" "d" {}\n')
    found = previous_at(str(repository.root / "new"), "HEAD~1")
    assert found.lock is None
    assert found.snapshot is not None
    assert list(found.snapshot.resources()) == []


@pytest.mark.parametrize("ref", ["nowhere", "--output=x", "HEAD:stack", "", "HEAD^{tree}", "a b"])
def test_a_name_that_is_no_commit_is_refused(repository: GitRepo, ref: str) -> None:
    with pytest.raises(UsageInvalid) as caught:
        previous_at(str(repository.root / "stack"), ref)
    assert caught.value.hint
    assert not (repository.root / "stack" / "x").exists()


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageInvalid):
        previous_at(str(tmp_path), "HEAD")


def test_a_lock_file_that_is_a_link_or_too_large_is_none(repository: GitRepo) -> None:
    lock = repository.root / "stack" / ".terraform.lock.hcl"
    lock.unlink()
    lock.symlink_to("/etc/hostname")
    repository.commit("alice")
    assert previous_at(str(repository.root / "stack"), "HEAD").lock is None
    lock.unlink()
    lock.write_text("#" * (MAX_LOCK + 1))
    repository.commit("alice")
    assert previous_at(str(repository.root / "stack"), "HEAD").lock is None
