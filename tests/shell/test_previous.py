"""The configuration to which undoing goes back, as the real git has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell.previous import previous_at
from tests.support.gitrepo import GitRepo


@pytest.fixture
def repository(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    for number in range(2):
        found.write(**{"main.tf": f'resource "terraform_data" "a" {{ input = {number} }}\n'})
        found.commit("ann")
    return found


def test_a_commit_before_the_planned_one_is_gone_back_to(repository: GitRepo) -> None:
    found = previous_at(str(repository.root), "HEAD~1")
    assert (found.ancestor, found.lock, len(found.commit)) == (True, None, 40)


def test_going_back_to_the_planned_commit_undoes_nothing(repository: GitRepo) -> None:
    assert previous_at(str(repository.root), "HEAD").ancestor is False


def test_a_commit_after_the_planned_one_does_not_come_before_it(repository: GitRepo) -> None:
    assert previous_at(str(repository.root), "HEAD", "HEAD~1").ancestor is False


def test_a_commit_that_git_does_not_know_is_said(repository: GitRepo) -> None:
    with pytest.raises(UsageInvalid, match="does not know 'nosuch'"):
        previous_at(str(repository.root), "nosuch")
