"""A fresh checkout is exactly the tree of the commit, or none."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest

from iacgate.apply.checkout import checkout
from iacgate.errors import ApplyRefused
from iacgate.shell.git import Repository
from tests.support.gitrepo import GitRepo


@pytest.fixture
def repository(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    found.commit("ann", stack__main="a = 1\r\n", stack__inner__deep="b", modules__m__main="c")
    return found


def checked_out(repository: GitRepo, folder: str = "stack", *, needs: tuple[str, ...] = ("",)) -> Path:
    target = repository.root.parent / "fresh"
    return checkout(Repository(repository.root / folder, "HEAD"), target, needs=needs)


def object_of(kind: str, data: bytes) -> bytes:
    return zlib.compress(b"%s %d\0" % (kind.encode(), len(data)) + data)


def place_of(repository: GitRepo, name: str) -> Path:
    return repository.root / ".git" / "objects" / name[:2] / name[2:]


def tree(repository: GitRepo, *entries: tuple[str, bytes, str]) -> None:
    """Commit a tree of one's own making, whatever git thinks of it."""
    data = b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(blob) for mode, name, blob in entries)
    name = hashlib.sha1(b"tree %d\0" % len(data) + data).hexdigest()
    path = place_of(repository, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(object_of("tree", data))
    commit = repository.git("commit-tree", name, "-m", "hostile", who=repository.identity("eve"))
    repository.git("update-ref", "HEAD", commit)


def blob(repository: GitRepo, data: bytes) -> str:
    return repository.git("hash-object", "-w", "--stdin", given=data)


def test_it_is_what_git_says_it_is(repository: GitRepo, tmp_path: Path) -> None:
    (repository.root / "stack" / "run.sh").write_text("#!/bin/sh\n")
    (repository.root / "stack" / "run.sh").chmod(0o755)
    (repository.root / "stack" / "link").symlink_to("../modules/m/main.tf")
    (repository.root / "stack" / "ünïcode \n\\name").write_text("x")
    (repository.root / "stack" / "twin").write_text("x")
    repository.commit("ann", empty=True)
    folder = checked_out(repository)
    assert folder == tmp_path / "fresh" / "stack"
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o700
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (folder / "link").read_text() == "c"
    again = GitRepo(tmp_path / "again")
    again.git("--work-tree", str(tmp_path / "fresh"), "-c", "core.autocrlf=false", "add", "-A")
    assert again.git("write-tree") == repository.git("rev-parse", "HEAD^{tree}")


def test_nothing_that_the_commit_says_about_git_is_obeyed(repository: GitRepo, tmp_path: Path) -> None:
    root = repository.root
    (root / ".gitattributes").write_text("* filter=evil eol=crlf export-subst ident\nstack/inner export-ignore\n")
    (root / "stack" / "main.tf").write_text("a = 1\n")  # of another length, or git looks at it again only sometimes
    (root / "stack" / "x.tf").write_text("$Format:%H$ $Id$\n")
    (root / ".git" / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hook\n")
    (root / ".git" / "hooks" / "post-checkout").chmod(0o755)
    repository.commit("ann", empty=True)
    repository.git("config", "filter.evil.smudge", f"touch {tmp_path}/smudged; cat")
    (root / "stack" / "main.tf").write_text("not committed")
    (root / "stack" / "untracked.tf").write_text("not committed")
    folder = checked_out(repository)
    assert (folder / "main.tf").read_bytes() == b"a = 1\n", "as it was committed, and not with eol=crlf"
    assert (folder / "x.tf").read_bytes() == b"$Format:%H$ $Id$\n"
    assert (folder / "inner" / "deep.tf").exists()
    assert not (folder / "untracked.tf").exists()
    assert not (tmp_path / "hook").exists()
    assert not (tmp_path / "smudged").exists()
    assert not (root / ".git" / "worktrees").exists()


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../outside", "../../../repository/stack/main.tf", "inner/../../.."]
)
def test_a_link_out_of_it_is_refused(repository: GitRepo, target: str) -> None:
    (repository.root / "stack" / "link").symlink_to(target)
    repository.commit("ann", empty=True)
    with pytest.raises(ApplyRefused, match="leads out"):
        checked_out(repository)


def test_a_link_out_of_it_through_another_is_refused(repository: GitRepo) -> None:
    (repository.root / "stack" / "inner" / "up").symlink_to("../..")
    (repository.root / "link").symlink_to("stack/inner/up/../outside")
    repository.commit("ann", empty=True)
    with pytest.raises(ApplyRefused, match="leads out"):
        checked_out(repository)


def test_a_circle_of_links_is_refused(repository: GitRepo) -> None:
    (repository.root / "a").symlink_to("b")
    (repository.root / "b").symlink_to("a")
    repository.commit("ann", empty=True)
    with pytest.raises(ApplyRefused, match="leads out"):
        checked_out(repository)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "link", "missing/" * 600])
def test_a_link_out_of_it_that_no_plan_needs_is_left_out(repository: GitRepo, target: str) -> None:
    tree(
        repository,
        ("120000", b"link", blob(repository, target.encode())),
        ("120000", b"fine", blob(repository, b"stack/main.tf")),
        ("40000", b"stack", repository.git("rev-parse", "HEAD:stack")),
    )
    folder = checked_out(repository, needs=("stack",))
    assert (folder / "main.tf").exists()
    assert not (folder.parent / "link").is_symlink()
    assert (folder.parent / "fine").read_bytes() == b"a = 1\r\n"


@pytest.mark.parametrize("target", ["/etc", "../..", "link"])
def test_a_link_that_a_plan_needs_leads_out_over_none_that_is_left_out(repository: GitRepo, target: str) -> None:
    (repository.root / "link").symlink_to(target)
    (repository.root / "stack" / "in").symlink_to("../link/passwd")
    repository.commit("ann", empty=True)
    with pytest.raises(ApplyRefused, match=r"leads out.*stack/in"):
        checked_out(repository, needs=("stack",))


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"a/b", b"", b"x" * 256])
def test_a_name_that_leads_elsewhere_is_refused(repository: GitRepo, name: bytes) -> None:
    tree(repository, ("100644", name, blob(repository, b"x")))
    with pytest.raises(ApplyRefused, match="a file named"):
        checked_out(repository, "")


def test_a_name_that_is_there_twice_is_refused(repository: GitRepo) -> None:
    """First a link, and then a folder of the same name, whose files would be written through it."""
    tree(
        repository,
        ("120000", b"a", blob(repository, b"stack")),
        ("40000", b"a", repository.git("rev-parse", "HEAD:stack")),
    )
    with pytest.raises(ApplyRefused, match="a file named 'a'"):
        checked_out(repository, "")


def test_an_unknown_mode_is_refused(repository: GitRepo) -> None:
    tree(repository, ("100666", b"a", blob(repository, b"x")))
    with pytest.raises(ApplyRefused, match="damaged"):
        checked_out(repository, "")


@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_an_object_that_is_not_what_its_id_says_is_refused(repository: GitRepo, kind: str) -> None:
    """Git does not look, where it is only asked for an object."""
    name = repository.git("rev-parse", "HEAD:stack/main.tf" if kind == "blob" else "HEAD:stack")
    other = b"evil = 1" if kind == "blob" else b"100644 evil.tf\0" + bytes.fromhex(blob(repository, b"x"))
    path = place_of(repository, name)
    path.chmod(0o600)
    path.write_bytes(object_of(kind, other))
    assert (
        b"evil"
        in subprocess.run(
            ["git", "-C", str(repository.root), "cat-file", kind, name], capture_output=True, check=True
        ).stdout
    )
    with pytest.raises(ApplyRefused, match="not what its id says"):
        checked_out(repository)


def test_what_is_not_there_is_refused(repository: GitRepo) -> None:
    place_of(repository, repository.git("rev-parse", "HEAD:stack/main.tf")).unlink()
    with pytest.raises(ApplyRefused, match="not all there"):
        checked_out(repository)


@pytest.mark.parametrize(("needs", "refused"), [(("",), True), (("stack",), True), (("modules/m",), False)])
def test_a_submodule_that_the_plan_needs_is_refused(repository: GitRepo, needs: tuple[str, ...], refused: bool) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},stack/vendor")
    repository.git("commit", "-q", "-m", "x", who=repository.identity("ann"))
    if refused:
        with pytest.raises(ApplyRefused, match="submodule"):
            checked_out(repository, needs=needs)
    else:
        assert not (checked_out(repository, needs=needs) / "vendor").exists()


def test_a_pointer_in_place_of_a_file_is_refused(repository: GitRepo) -> None:
    (repository.root / "stack" / "lambda.zip").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    repository.commit("ann", empty=True)
    with pytest.raises(ApplyRefused, match="Git LFS"):
        checked_out(repository)


def test_what_is_too_much_is_refused(repository: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iacgate.apply.checkout.MAX_FILES", 3)
    with pytest.raises(ApplyRefused, match="more than 3 files"):
        checked_out(repository)


def test_a_file_that_is_too_large_is_refused(repository: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository.root / "stack" / "large").write_text("x" * 2000)
    repository.commit("ann", empty=True)
    monkeypatch.setattr("iacgate.apply.checkout.MAX_FILE", 1000)
    with pytest.raises(ApplyRefused, match="too large"):
        checked_out(repository)


def test_copies_count_as_often_as_they_are_there(repository: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (repository.root / "stack" / str(number)).write_text("x" * 100)
    repository.commit("ann", empty=True)
    monkeypatch.setattr("iacgate.apply.checkout.MAX_TOTAL", 1900)
    with pytest.raises(ApplyRefused, match="too large"):
        checked_out(repository)


def test_batches(repository: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iacgate.apply.checkout._BATCH", 2)
    folder = checked_out(repository)
    assert (folder / "main.tf").read_bytes() == b"a = 1\r\n"
    assert (folder.parent / "modules" / "m" / "main.tf").read_text() == "c"


def test_a_folder_that_is_there_is_refused(repository: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    with pytest.raises(ApplyRefused, match="fresh"):
        checked_out(repository)


def test_a_stack_that_is_not_in_the_commit_is_refused(repository: GitRepo) -> None:
    (repository.root / "new").mkdir()
    with pytest.raises(ApplyRefused, match="no folder 'new'"):
        checked_out(repository, "new")


def test_a_repository_with_longer_ids(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    subprocess.run(["git", "init", "-q", "--object-format=sha256", "-b", "main", str(root)], check=True)
    found = GitRepo(root)
    found.commit("ann", stack__main="a = 1")
    assert (checked_out(found) / "main.tf").read_text() == "a = 1"
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["stack"]
