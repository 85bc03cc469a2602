"""What GitHub tells, read from a GitHub of our own that is held against GitHub's description."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from iacgate.errors import ForgeFailed, IacgateError, UsageInvalid
from iacgate.people.hands import accounts
from iacgate.shell.github import GitHub, PublishedKey, checked_login, connect
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub, sha
from tests.support.openapi import Description


@pytest.fixture
def reader(github: FakeGitHub) -> GitHub:
    return connected(github)


def connected(github: FakeGitHub) -> GitHub:
    slept: list[float] = []
    return connect({"GITHUB_API_URL": github.url, "GITHUB_TOKEN": TOKEN}, sleep=slept.append)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ForgeFailed) as caught:
        call()
    assert TOKEN not in caught.value.message + caught.value.hint
    return caught.value.message


def test_the_fake_can_be_told_from_githubs_description(description: Description | None) -> None:
    """What is checked in all tests here is only worth something where it can fail."""
    if description is None:
        pytest.skip("needs GitHub's description of its API (IACGATE_GITHUB_OPENAPI): the fake was held against nothing")
    fine = json.dumps(description.complete("key-simple", {"id": 1, "key": "k"})).encode()
    path = "/users/ann/keys"
    assert description.problem(path, {"per_page": "100"}, 200, b"[" + fine + b"]") == ""
    assert "per_page" in description.problem(path, {"per_page": "many"}, 200, b"[]")
    assert "there is no parameter pages" in description.problem(path, {"pages": "1"}, 200, b"[]")
    assert "'id' is a required property" in description.problem(path, {}, 200, b'[{"key": "k"}]')
    assert description.problem("/users/ann/nothing", {}, 200, b"[]") != ""


def test_a_pull_request_with_its_commits_over_pages(github: FakeGitHub, reader: GitHub) -> None:
    github.max_per_page = 2
    github.has_pull(
        7,
        body="Why\n",
        labels=[{"name": "infra"}],
        merged=True,
        state="closed",
        merged_by={"login": "bob"},
        merge_commit_sha=sha("merge"),
        repository="Fork-er/infra",
    )
    for number in range(4):
        github.has_commit(7, f"c{number}")
    github.has_commit(7, "head", author=None, committer="web-flow", verified="valid", author_email="x@example.com")
    found = reader.pull_request(REPOSITORY, 7)
    assert len(github.seen) == 4
    last = found.commits[-1]
    assert [commit.sha for commit in found.commits] == [sha(name) for name in ("c0", "c1", "c2", "c3", "head")]
    assert (last.author, last.committer, last.author_email) == ("", "web-flow", "x@example.com")
    assert (last.verified, last.reason, found.commits[0].verified) == (True, "valid", False)
    assert msgspec.structs.asdict(msgspec.structs.replace(found, commits=())) == {
        "number": 7,
        "created": "2026-11-23T12:00:00Z",
        "author": "ann-example",
        "state": "closed",
        "base_ref": "main",
        "base_sha": sha("base"),
        "head_ref": "topic",
        "head_sha": sha("head"),
        "head_repository": "Fork-er/infra",
        "fork": True,
        "merged": True,
        "merged_by": "bob",
        "merge_commit_sha": sha("merge"),
        "labels": ("infra",),
        "body": "Why\n",
        "commits": (),
    }


def test_an_empty_account_is_none(github: FakeGitHub, reader: GitHub) -> None:
    github.has_pull(7)
    github.has_commit(7, "head")
    github._commits[REPOSITORY, 7][0]["author"] = {}
    found = reader.pull_request(REPOSITORY, 7)
    assert (found.commits[0].author, found.fork) == ("", False)


def test_more_commits_than_github_tells_of_are_refused(github: FakeGitHub, reader: GitHub) -> None:
    github.has_pull(7)
    github.has_commit(7, "head")
    github._pulls[REPOSITORY, 7]["commits"] = 251
    assert "has 251 commits, and GitHub tells of 250 at most" in refusal(lambda: reader.pull_request(REPOSITORY, 7))


@pytest.mark.parametrize("commits", [0, 2, 250])
def test_commits_that_are_missing_are_refused(commits: int, github: FakeGitHub, reader: GitHub) -> None:
    github.has_pull(7)
    github.has_commit(7, "head")
    github._pulls[REPOSITORY, 7]["commits"] = commits
    assert f"does not list its {commits} commits" in refusal(lambda: reader.pull_request(REPOSITORY, 7))


def test_a_head_that_moved_meanwhile_is_refused(github: FakeGitHub, reader: GitHub) -> None:
    github.has_pull(7, head="newer")
    github.has_commit(7, "head")
    assert "does not list its 1 commits up to" in refusal(lambda: reader.pull_request(REPOSITORY, 7))


def test_who_moved_a_branch_over_pages_and_since_when(github: FakeGitHub, reader: GitHub) -> None:
    github.max_per_page = 2
    github.has_push("first", actor="eve", kind="branch_creation", instant="2026-11-20T10:00:00Z")
    github.has_push("elsewhere", actor="mallory", ref="other")
    github.has_push("second", actor="bob", kind="force_push", instant="2026-11-21T10:00:00Z")
    github.has_push("gone", actor=None, instant="2026-11-22T10:00:00Z")
    github.has_push("head", actor="dependabot[bot]")
    found = reader.pushers(REPOSITORY, "topic")
    assert [(push.actor, push.kind, push.after) for push in found] == [
        ("dependabot[bot]", "push", sha("head")),
        ("", "push", sha("gone")),
        ("bob", "force_push", sha("second")),
        ("eve", "branch_creation", sha("first")),
    ]
    assert [seen.query for seen in github.seen] == [
        {"ref": "refs/heads/topic", "direction": "desc", "per_page": "100"},
        {"ref": "refs/heads/topic", "direction": "desc", "per_page": "100", "after": "2"},
    ]
    assert len(reader.pushers(REPOSITORY, "topic", since="2026-11-21T10:00:00Z")) == 3
    assert reader.pushers(REPOSITORY, "nothing") == ()


def test_a_fork_that_is_gone_cannot_be_asked(github: FakeGitHub, reader: GitHub) -> None:
    assert "The repository is gone" in refusal(lambda: reader.pushers("", "topic"))
    assert github.seen == []


@pytest.mark.parametrize("name", ["a", "a/b/c", "../x", "a/..", "a/b?x", "a/b#", "a b/c", "a/b\n", "a/%2e"])
def test_hostile_names_of_repositories_reach_no_address(name: str, github: FakeGitHub, reader: GitHub) -> None:
    assert "is no repository" in refusal(lambda: reader.pull_request(name, 1))
    assert github.seen == []


@pytest.mark.parametrize("ref", ["", "a\nb"])
def test_hostile_branches_reach_no_address(ref: str, github: FakeGitHub, reader: GitHub) -> None:
    with pytest.raises(UsageInvalid):
        reader.pushers(REPOSITORY, ref)
    assert github.seen == []


def test_an_activity_of_another_branch_is_refused(github: FakeGitHub, reader: GitHub) -> None:
    activity = {
        "before": sha("a"),
        "after": sha("b"),
        "ref": "refs/heads/other",
        "timestamp": "2026-11-23T10:00:00Z",
        "activity_type": "push",
        "actor": None,
    }
    github.answers(200, json.dumps([activity]).encode())
    assert "of another branch" in refusal(lambda: reader.pushers(REPOSITORY, "topic"))
    github.answers(200, json.dumps([{**activity, "ref": "refs/heads/topic", "timestamp": "soon"}]).encode())
    assert "has no time" in refusal(lambda: reader.pushers(REPOSITORY, "topic"))


def test_who_started_a_run_and_who_ran_it_again(github: FakeGitHub, reader: GitHub) -> None:
    github.has_run(9, run_attempt=3, event="workflow_dispatch", triggering_actor={"login": "eve"})
    found = reader.run(REPOSITORY, 9)
    assert (found.event, found.actor, found.triggering_actor, found.attempt, found.head_sha) == (
        "workflow_dispatch",
        "ann-example",
        "eve",
        3,
        sha("head"),
    )


def test_keys_for_signing_come_first(github: FakeGitHub, reader: GitHub) -> None:
    github.has_user("ann-example", signing={"laptop": "ssh-ed25519 A"}, logging_in=("ssh-rsa B",))
    assert reader.keys("ann-example") == (
        PublishedKey("ssh-ed25519 A", "laptop", signing=True),
        PublishedKey("ssh-rsa B", "authentication key 0", signing=False),
    )


@pytest.mark.parametrize(
    "login",
    ["", "-a", "a-", "a--b", "a/b", "a?b", "..", "a b", "a\n", "\u0430nn", "a" * 40, "x[bot]", "a@b", "a_", "a%2f"],
)
def test_hostile_logins_reach_no_address(login: str, github: FakeGitHub, reader: GitHub) -> None:
    with pytest.raises(UsageInvalid):
        reader.keys(login)
    assert github.seen == []


@pytest.mark.parametrize("login", ["a", "Ann-Example", "a1-b2-c3", "ann_corp", "a" * 39])
def test_logins_that_there_are(login: str) -> None:
    assert checked_login(login) == login


def whole(github: FakeGitHub) -> dict[str, Any]:
    github.has_pull(7)
    return dict(github._pulls[REPOSITORY, 7], commits=1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user": "ann"}, "Expected `object | null`, got `str`"),
        ({"user": {"login": 5}}, "Expected `str | null`, got `int`"),
        ({"user": {"login": "ann\nbob"}}, "matching regex"),
        ({"user": {"login": "ann@example.com"}}, "matching regex"),
        ({"head": {"ref": "topic", "sha": "HEAD", "repo": None}}, "matching regex"),
        ({"head": {"ref": "topic", "sha": "a" * 40, "repo": {"full_name": "../../user"}}}, "matching regex"),
        ({"created_at": "yesterday"}, "does not say when it was opened"),
        ({"commits": "1"}, "Expected `int`, got `str`"),
        ({"merged": None}, "Expected `bool`, got `null`"),
        ({"body": "x" * ((1 << 18) + 1)}, "length <= 262144"),
        ({"labels": {}}, "Expected `array`"),
        ({"user": ...}, "missing required field `user`"),
        ({"head": ...}, "missing required field `head`"),
    ],
)
def test_hostile_json_is_refused(change: dict[str, Any], says: str, github: FakeGitHub, reader: GitHub) -> None:
    value = {name: item for name, item in {**whole(github), **change}.items() if item is not ...}
    github.answers(200, json.dumps(value).encode())
    assert says in refusal(lambda: reader.pull_request(REPOSITORY, 7))


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [None], {"message": "Not Found"}])
def test_answers_of_another_shape_are_refused(value: Any, github: FakeGitHub, reader: GitHub) -> None:
    asked: list[Callable[[], Any]] = [
        lambda: reader.pull_request(REPOSITORY, 7),
        lambda: reader.run(REPOSITORY, 7),
    ]
    if value != []:
        asked += [lambda: reader.pushers(REPOSITORY, "topic"), lambda: reader.keys("ann")]
    for ask in asked:
        github.answers(200, json.dumps(value).encode())
        assert "127.0.0.1" in refusal(ask)


def test_what_is_not_there_is_said(github: FakeGitHub, reader: GitHub) -> None:
    asked: list[Callable[[], Any]] = [
        lambda: reader.pull_request(REPOSITORY, 7),
        lambda: reader.run(REPOSITORY, 7),
        lambda: reader.pushers("example/nothing", "topic"),
        lambda: reader.keys("nobody"),
    ]
    for ask in asked:
        assert "not there, or the token may not read it (404)" in refusal(ask)


def test_limits_and_failures_on_the_way_change_nothing(github: FakeGitHub, reader: GitHub) -> None:
    github.has_user("ann-example", signing={"laptop": "ssh-ed25519 A"})
    github.answers(502)
    github.answers(429, retry_after="1")
    assert [key.title for key in reader.keys("ann-example")] == ["laptop"]
    assert len(github.seen) == 4


def test_the_environment_names_forge_and_token(github: FakeGitHub) -> None:
    github.has_user("ann")
    connect({"GITHUB_API_URL": github.url, "GH_TOKEN": TOKEN}).keys("ann")
    assert github.seen[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert connect({}).host == "api.github.com"
    with pytest.raises(IacgateError):
        connect({"GITHUB_API_URL": "http://api.example.com"})


def test_everybody_who_had_a_hand_in_a_pull_request(github: FakeGitHub, reader: GitHub) -> None:
    """Eve pushes what says that ann wrote it, a bot rebases it, and cleo runs the pipeline again."""
    github.has_pull(7, author="dave")
    github.has_commit(
        7, "head", committer="web-flow", verified="valid", message="X\n\nCo-authored-by: N <n@example.com>"
    )
    github.has_push("old", actor="eve", kind="branch_creation")
    github.has_push("head", actor="rebase[bot]", kind="force_push")
    github.has_run(9, run_attempt=2, triggering_actor={"login": "cleo"})
    pull_request = reader.pull_request(REPOSITORY, 7)
    pushes = reader.pushers(pull_request.head_repository, pull_request.head_ref)
    found = accounts(pull_request, pushes, reader.run(REPOSITORY, 9))
    assert found == ("dave", "ann-example", "n@example.com", "rebase[bot]", "eve", "cleo")
