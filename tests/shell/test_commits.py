"""The commits that made a change: the real git and ssh-keygen, and `git verify-commit` as the oracle."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iacgate.approval.duties import of_commits
from iacgate.approval.gitcommit import History
from iacgate.errors import UsageInvalid
from iacgate.people.roster import Roster, read_roster
from iacgate.shell import commits
from iacgate.shell.commits import history
from iacgate.shell.git import Repository
from tests.support.approvals import NOW
from tests.support.gitrepo import GitRepo
from tests.support.sshkeys import KINDS, blob_of, make_key, public_line, sign

HERE = ("stack", "modules/net")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    found = GitRepo(tmp_path / "repository")
    found.commit("ann", stack__main="a", stack__other="a", modules__net__main="a", elsewhere__main="a")
    found.git("tag", "base")
    return found


def since(repo: GitRepo, base: str = "base", places: tuple[str, ...] = HERE) -> History:
    return history(Repository(repo.root / "stack", "HEAD"), base, places)


def ids(repo: GitRepo, places: tuple[str, ...] = HERE, base: str = "base") -> set[str]:
    return {commit.id for commit in since(repo, base, places).commits}


def test_commits_that_touch_what_the_plan_was_made_from_count(repo: GitRepo) -> None:
    one = repo.commit("bob", stack__main="b")
    two = repo.commit("cleo", modules__net__deep__er="b")
    other = repo.commit("dave", elsewhere__main="b")
    repo.commit("eve", empty=True)
    assert ids(repo) == {one, two}
    assert ids(repo, ()) == {one, two, other}
    assert ids(repo, HERE, "HEAD") == set()


def test_what_was_taken_back_counts_too(repo: GitRepo) -> None:
    made = [repo.commit("bob", stack__main="b"), repo.commit("cleo", stack__main="a")]
    (repo.root / "stack" / "other.tf").unlink()
    made.append(repo.commit("dave"))
    assert ids(repo) == set(made)


def test_a_branch_whose_work_was_dropped_counts(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("bob", stack__main="b")
    repo.git("checkout", "-q", "main")
    repo.commit("cleo", elsewhere__main="b")
    repo.merge("side", "dave", "-s", "ours")
    assert ids(repo) == {side, repo.git("rev-parse", "HEAD")}  # whoever dropped it had a hand, too


def test_a_merge_that_takes_old_content_back_is_its_maker_s(repo: GitRepo) -> None:
    """A comment by somebody else in the same file does not explain it."""
    old = repo.git("rev-parse", "HEAD")
    repo.commit("ann", stack__main="mended")
    repo.git("tag", "-f", "base")
    comment = repo.commit("dave", stack__main="mended # and said")
    repo.git("checkout", "-q", "-b", "side", old)
    repo.commit("bob", elsewhere__main="x")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    repo.git("checkout", "side", "--", "stack/main.tf")
    merge = repo.commit("bob")
    assert ids(repo) == {comment, merge}


def test_a_merge_that_only_merges_is_nobody_s_hand(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    made = {repo.commit("bob", stack__main="b")}
    repo.git("checkout", "-q", "main")
    made.add(repo.commit("cleo", stack__other="b"))
    repo.merge("side", "dave")
    assert ids(repo) == made


def test_a_merge_with_content_of_its_own_is_its_maker_s(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    made = {repo.commit("bob", stack__main="b")}
    repo.git("checkout", "-q", "main")
    made.add(repo.commit("cleo", elsewhere__main="b"))
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    evil = repo.commit("dave", stack__other="evil")
    assert ids(repo) == {*made - ids(repo, ("elsewhere",)), evil}


def test_a_merge_that_reverts_what_the_base_has_is_its_maker_s(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("bob", stack__other="b")
    repo.git("checkout", "-q", "main")
    repo.commit("cleo", stack__main="a fix")
    repo.git("tag", "-f", "base")
    repo.git("checkout", "-q", "side")
    ours = repo.merge("main", "dave", "-s", "ours")
    assert ids(repo) == {side, ours}


def test_replaced_commits_grafts_and_configuration_change_nothing(repo: GitRepo, tmp_path: Path) -> None:
    key = make_key(tmp_path, "ed25519", "bob")
    one = repo.commit("bob", key=key, modules__net__main="b")
    repo.git("checkout", "-q", "-b", "side", "base")
    side = repo.commit("ann", stack__other="b")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    evil = repo.commit("dave", stack__third="evil")
    two = repo.commit("cleo", stack__main="c")
    blank = repo.git("commit-tree", f"{two}^{{tree}}", "-p", "base", "-m", "x", who=repo.identity("eve"))
    repo.git("replace", two, blank)
    (repo.root / ".git" / "info" / "grafts").write_text(f"{two} {repo.git('rev-parse', 'base')}\n")
    for name, value in (
        ("log.showSignature", "true"),
        ("log.mailmap", "true"),
        ("log.diffMerges", "off"),
        ("log.follow", "true"),
        ("diff.relative", "true"),
        ("diff.external", "/nonexistent/program"),
        ("diff.ignoreSubmodules", "all"),
        ("color.ui", "always"),
        ("gpg.program", "/nonexistent/program"),
        ("core.attributesFile", "/nonexistent/file"),
        ("i18n.logOutputEncoding", "UTF-16"),
    ):
        repo.git("config", name, value)
    (repo.root / ".mailmap").write_text("Ann <ann@example.com> <bob@example.com>\n")
    found = since(repo)
    assert {commit.id for commit in found.commits} == {one, side, evil, two}
    people = ("ann", "bob", "cleo", "dave")
    assert {commit.author for commit in found.commits} == {f"{name}@example.com" for name in people}


def test_odd_paths_are_read_as_paths(repo: GitRepo) -> None:
    odd = repo.root / "stack" / f":100644 {'1' * 40}\n{'2' * 40} \x01"
    odd.write_text("x")
    one = repo.commit("bob")
    assert ids(repo) == {one}


def test_a_submodule_that_says_to_be_ignored_is_not(repo: GitRepo) -> None:
    (repo.root / ".gitmodules").write_text('[submodule "x"]\n  path = stack/x\n  url = x\n  ignore = all\n')
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},stack/x")
    repo.git("add", ".gitmodules")
    repo.git("commit", "-qm", "x")
    repo.git("tag", "-f", "base")
    repo.git("update-index", "--cacheinfo", f"160000,{'2' * 40},stack/x")
    repo.git("commit", "-qm", "y", who=repo.identity("eve"))
    assert [commit.author for commit in since(repo).commits] == ["eve@example.com"]


def test_a_history_that_is_cut_off_is_an_error(repo: GitRepo, tmp_path: Path) -> None:
    for text in "bcd":
        repo.commit("bob", stack__main=text)
    place = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth", "2", "--no-single-branch", f"file://{repo.root}", str(place))
    shallow = Repository(place, "HEAD")
    assert len(history(shallow, "HEAD^", HERE).commits) == 1
    repo.git("-C", str(place), "fetch", "-q", "--depth", "1", "origin", "tag", "base")
    with pytest.raises(UsageInvalid, match="shallow clone") as caught:
        history(shallow, "base", HERE)
    assert "fetch" in caught.value.hint.lower()


def test_a_range_too_long_and_a_commit_too_large_are_errors(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("bob", stack__main="b")
    repo.commit("bob", "", "x" * 2_000, stack__main="c")
    monkeypatch.setattr(commits, "MAX_COMMITS", 1)
    with pytest.raises(UsageInvalid, match="more than 1 commits since 'base'"):
        since(repo)
    monkeypatch.setattr(commits, "MAX_COMMITS", 2)
    monkeypatch.setattr(commits, "MAX_COMMIT", 2_000)
    with pytest.raises(UsageInvalid, match="A commit has more than"):
        since(repo)


def test_the_source_of_a_cherry_pick_is_found_where_it_is(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    first = repo.commit("bob", stack__main="b")
    repo.git("checkout", "-q", "-b", "between", "base")
    repo.git("cherry-pick", "-x", first, who=repo.identity("x", "robot"))
    second = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", "-n", second)
    repo.commit("robot", "", f"(cherry picked from commit {second})")
    gone, blob = "1" * 40, repo.git("rev-parse", "HEAD:stack/main.tf")
    repo.commit("ann", "", *(f"(cherry picked from commit {name})" for name in (gone, blob, "main")), stack__other="c")
    found = since(repo)
    assert {name: commit.author for name, commit in found.picked.items()} == {
        first: "bob@example.com",
        second: "bob@example.com",
    }


SIGNED = ("good", "tampered", "re-encoded", "wrong namespace", "stripped", "two signatures", "other key")


def changed(repo: GitRepo, keys: Path, how: str) -> None:
    """Put a commit that was signed well, and changed afterwards."""
    raw = repo.raw()
    head, _, rest = raw.partition(b"gpgsig ")
    armored = rest[: rest.index(b"-----END")] + b"-----END SSH SIGNATURE-----"
    bare = head + rest[len(armored) + 1 :]

    def with_signature(text: str) -> bytes:
        lines = text.strip("\n").replace("\n", "\n ").encode()
        return head + b"gpgsig " + lines + b"\n" + rest[len(armored) + 1 :]

    plain = armored.replace(b"\n ", b"\n").decode()
    if how == "tampered":
        repo.put(raw.replace(b"change", b"chance"))
    elif how == "re-encoded":
        lines = plain.split("\n")
        body = "".join(lines[1:-1])
        repo.put(
            with_signature("\n".join([lines[0], *(body[at : at + 64] for at in range(0, len(body), 64)), lines[-1]]))
        )
    elif how == "wrong namespace":
        repo.put(with_signature(sign(keys / "bob", bare, "file")))
    elif how == "stripped":
        repo.put(bare)
    elif how == "two signatures":
        repo.put(head + b"gpgsig " + armored + b"\ngpgsig " + rest)
    elif how == "other key":
        repo.put(with_signature(sign(keys / "stranger", bare, "git")))
    assert blob_of(plain).startswith(b"SSHSIG")


def verified_by_git(repo: GitRepo, keys: Path) -> bool:
    """Return what `git verify-commit` says."""
    allowed = keys / "allowed"
    allowed.write_text(f'bob@example.com namespaces="git" {public_line(keys / "bob")}\n')
    options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    command = ["git", "-C", str(repo.root), *options, "verify-commit", "HEAD"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def roster_of(keys: Path) -> Roster:
    bob = {"id": "bob", "emails": ["bob@example.com"], "keys": [{"key": public_line(keys / "bob")}]}
    ann = {"id": "ann", "emails": ["ann@example.com"]}
    return read_roster(json.dumps({"people": [ann, bob]}).encode(), "people.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_signs_commits(repo: GitRepo, tmp_path: Path, kind: str) -> None:
    make_key(tmp_path, kind, "bob")
    repo.commit("ann", key=tmp_path / "bob", stack__main="b")
    assert verified_by_git(repo, tmp_path)
    found = of_commits(since(repo), roster_of(tmp_path), NOW)
    assert ({author.principal for author in found.authors}, found.unsigned) == ({"ann", "bob"}, ())


@pytest.mark.parametrize("how", SIGNED)
def test_we_take_no_signature_that_git_does_not(repo: GitRepo, tmp_path: Path, how: str) -> None:
    for name in ("bob", "stranger"):
        make_key(tmp_path, "ed25519", name)
    repo.commit("ann", key=tmp_path / "bob", stack__main="b")
    changed(repo, tmp_path, how)
    found = of_commits(since(repo), roster_of(tmp_path), NOW)
    ours = found.unsigned == ()
    assert ({author.principal for author in found.authors} == {"ann", "bob"}) == ours
    # Git takes base64 of any width, and the first of several signatures; ssh-keygen writes neither.
    expected = {"good": (True, True), "re-encoded": (False, True), "two signatures": (False, True)}
    assert (ours, verified_by_git(repo, tmp_path)) == expected.get(how, (False, False))


def test_what_is_signed_is_what_git_takes_for_it(repo: GitRepo, tmp_path: Path) -> None:
    make_key(tmp_path, "ed25519", "bob")
    repo.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("ann", "", "größe", key=tmp_path / "bob", stack__main="b")
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={tmp_path / 'bob'}")
    repo.git(*signing, "tag", "-s", "-m", "signed\n\ngpgsig x", "signed")
    repo.git("checkout", "-q", "main")
    repo.commit("ann", key=tmp_path / "bob", stack__other="b")
    repo.git(*signing, "merge", "-q", "-S", "--no-ff", "--no-commit", "signed", who=repo.identity("ann"))
    repo.write(stack__third="x")
    repo.git("add", "-A")
    repo.git(*signing, "commit", "-q", "-S", "-m", "merged", who=repo.identity("ann"))
    assert b"mergetag" in repo.raw()
    assert b"encoding ISO-8859-1" in repo.raw()
    assert verified_by_git(repo, tmp_path)
    found = since(repo)
    assert (len(found.commits), of_commits(found, roster_of(tmp_path), NOW).unsigned) == (3, ())


def test_a_name_that_a_pushed_tag_shadows_names_nothing(repo: GitRepo) -> None:
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert Repository(repo.root, "origin/main").commit == repo.git("rev-parse", "HEAD")
    repo.git("tag", "origin/main", "HEAD")
    with pytest.raises(
        UsageInvalid, match=r"could be refs/(tags|remotes)/origin/main or refs/(tags|remotes)/origin/main"
    ):
        Repository(repo.root, "origin/main")
    assert Repository(repo.root, "refs/remotes/origin/main").commit == repo.git("rev-parse", "HEAD")


def test_a_submodule_is_no_repository_to_trust(repo: GitRepo, tmp_path: Path) -> None:
    other = GitRepo(tmp_path / "other")
    other.commit("eve", stack__main="a")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "sub")
    with pytest.raises(UsageInvalid, match="is a submodule"):
        Repository(repo.root / "sub", "HEAD")
    repo.git("worktree", "add", "-q", str(tmp_path / "tree"))
    assert Repository(tmp_path / "tree", "HEAD").commit == repo.git("rev-parse", "HEAD")


def test_a_folder_that_begins_with_a_blank_is_another_folder(repo: GitRepo) -> None:
    (repo.root / " stack").mkdir()
    (repo.root / " stack" / "main.tf").write_text("a")
    repo.commit("eve")
    assert Repository(repo.root / " stack", "HEAD").folder == " stack"


def test_git_that_prints_without_end_is_stopped(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iacgate.shell.git.MAX_OUTPUT", 10)
    with pytest.raises(UsageInvalid, match="git was stopped"):
        Repository(repo.root, "HEAD")


def test_a_missing_object_is_an_error(repo: GitRepo) -> None:
    one = repo.commit("bob", stack__main="b")
    repository = Repository(repo.root, "HEAD")
    (repo.root / ".git" / "objects" / one[:2] / one[2:]).unlink()
    with pytest.raises(UsageInvalid, match="git does not know"):
        history(repository, "base", HERE)
