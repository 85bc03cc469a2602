"""A commit is read in few processes, and what it lacks is an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell.git import Entry, Repository
from tests.support.gitrepo import GitRepo


@pytest.fixture
def repository(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    found.commit("ann", stack__main="a = 1", stack__twin="a = 1", stack__large="b" * 2000, stack__empty="")
    (found.root / "stack" / "link.tf").symlink_to("main.tf")
    found.commit("ann")
    return found


def test_everything_below_a_folder(repository: GitRepo) -> None:
    read = Repository(repository.root, "HEAD")
    found = read.below("stack", 4000)
    assert found == {"main.tf": b"a = 1", "twin.tf": b"a = 1", "large.tf": b"b" * 2000, "empty.tf": b""}
    assert read.below("none", 4000) == {}
    with pytest.raises(UsageInvalid, match=r"stack/large\.tf: too large"):
        read.below("stack", 1000)


def test_what_is_too_large_is_not_read(repository: GitRepo) -> None:
    found = dict(Repository(repository.root / "stack", "HEAD").files(".", (".tf",), 1000))
    assert found == {"main.tf": b"a = 1", "twin.tf": b"a = 1", "large.tf": b" " * 1001, "empty.tf": b""}


@pytest.mark.parametrize(
    "read",
    [lambda read: read.below("stack", 4000), lambda read: dict(read.files("stack", (".tf",), 4000))],
    ids=["below", "files"],
)
def test_a_file_that_a_partial_clone_lacks_is_an_error(
    repository: GitRepo, read: Callable[[Repository], object]
) -> None:
    blob = repository.git("rev-parse", "HEAD:stack/large.tf")
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageInvalid, match="partial clone"):
        read(Repository(repository.root, "HEAD"))


def test_what_a_commit_has(repository: GitRepo) -> None:
    read = Repository(repository.root, "HEAD")
    blob = repository.git("rev-parse", "HEAD:stack/main.tf")
    assert Entry(b"stack/main.tf", "100644", blob) in list(read.entries())
    assert list(read.entries(["stack/main.tf"])) == [Entry(b"stack/main.tf", "100644", blob)]
    assert {entry.name for entry in read.entries(deep=False)} == {
        os.fsencode(name) for name in repository.git("ls-tree", "--name-only", "HEAD").split("\n")
    }


def test_trees_of_folders(repository: GitRepo) -> None:
    read = Repository(repository.root, "HEAD")
    assert read.trees(["stack"]) == {"stack": repository.git("rev-parse", "HEAD:stack")}
    assert read.trees([]) == {"": read.tree}
