"""The gate asks the forge who had a hand in a pull request, and which commits it made itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_attacks import Attacked
from tests.conftest import Run
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub, sha


@pytest.fixture
def asked(tmp_path: Path, iacgate: Run, github: FakeGitHub) -> Attacked:
    """A company whose people have accounts, and a pull request of dave's."""
    found = Attacked(tmp_path, iacgate)
    people = found.people()["people"]
    found.write_people({"people": [{**person, "forge": [f"gh-{person['id']}"]} for person in people]})
    found.commit("accounts")
    github.has_pull(17, author="gh-dave")
    github.has_commit(17, "head", author="gh-dave", committer="gh-dave")
    github.has_push("head", actor="gh-dave")
    return found


def gate(asked: Attacked, github: FakeGitHub, **environment: str) -> tuple[int, dict[str, Any], str]:
    done = asked._run(
        *("gate", *asked.options(), "--pull-request", "17", "--format", "json"),
        cwd=asked.root,
        **{"GITHUB_API_URL": github.url, "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY, **environment},
    )
    said = done.stderr.decode()
    assert TOKEN not in said + done.stdout.decode()
    return done.returncode, json.loads(done.stdout)["decision"] if done.stdout else {}, said


def test_the_author_of_the_pull_request_had_a_hand_and_others_had_not(asked: Attacked, github: FakeGitHub) -> None:
    asked.approved()
    code, decision, said = gate(asked, github)
    assert (code, decision["allowed"]) == (0, True), said
    assert {author["said"] for author in decision["authors"]} == {"gh-dave", "dave@example.com"}


@pytest.mark.parametrize("how", ["push", "run", "re-run", "co-author"])
def test_whoever_pushed_or_started_the_run_does_not_approve(asked: Attacked, github: FakeGitHub, how: str) -> None:
    asked.approved()
    run = {}
    if how == "push":
        github.has_push("head", actor="gh-ann", kind="force_push")
    elif how == "co-author":
        github.has_commit(
            17, "more", author="gh-dave", committer="gh-dave", message="x\n\nCo-authored-by: A <ann@example.com>"
        )
    else:
        run = {"GITHUB_RUN_ID": "5"}
        starter = {"actor": {"login": "gh-ann"}, "triggering_actor": {"login": "gh-ann"}, "event": "workflow_dispatch"}
        again = {"actor": {"login": "gh-dave"}, "triggering_actor": {"login": "gh-ann"}, "run_attempt": 2}
        github.has_run(5, **(starter if how == "run" else again))
    code, decision, _ = gate(asked, github, **run)
    assert code == 11
    whys = [item["why"] for item in decision["approvals"] if item["code"] == "independence"]
    assert whys == ["ann had a hand in this change"]


def test_an_account_of_nobody_denies_also_one_that_is_named_like_an_id(asked: Attacked, github: FakeGitHub) -> None:
    asked.approved()
    github.has_push("head", actor="bob")
    code, decision, _ = gate(asked, github)
    assert code == 11
    assert [reason["code"] for reason in decision["reasons"]] == ["author-unknown"]
    assert "bob" in decision["reasons"][0]["text"]


def test_what_the_forge_does_not_tell_is_an_error_and_no_pass(asked: Attacked, github: FakeGitHub) -> None:
    asked.approved()
    github.answers(404)
    code, decision, said = gate(asked, github)
    assert (code, decision) == (3, {})
    assert github.url.removeprefix("http://") in said
    code, decision, said = gate(asked, github, GITHUB_REPOSITORY="")
    assert (code, "GITHUB_REPOSITORY is not set" in said) == (2, True)
    code, decision, said = gate(asked, github, GITHUB_RUN_ID="1/../2")
    assert (code, "is no number" in said) == (2, True)


def test_commits_that_the_forge_made_need_no_signature(asked: Attacked, github: FakeGitHub) -> None:
    signed = "{tier: prod, demands: {high: {seats: {infra: 1, security: 1}, signed_commits: true}}}"
    (asked.settings / "policy.yaml").write_text(f"mode: enforce\nenvironments:\n  prod: {signed}\n")
    people = asked.people()["people"]
    forge = {"id": "github", "kind": "machine", "platform": True, "emails": ["noreply@github.com"]}
    asked.write_people({"people": [*people, forge]})
    asked.commit("signed commits")
    asked.company._git("reset", "-q", "--soft", "base")
    asked.company._git(
        "-c", "user.email=noreply@github.com", "commit", "-qm", "squashed", "--author=D <dave@example.com>"
    )
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=asked.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    asked.approved()
    code, decision, _ = gate(asked, github)
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["author-unknown", "commit-unsigned"])
    github.has_pull(17, author="gh-dave", merged=True, merged_by={"login": "gh-cleo"}, merge_commit_sha=head)
    github.has_commit(17, "head", author="gh-dave", committer="gh-dave")
    code, decision, _ = gate(asked, github)
    assert (code, decision.get("allowed")) == (0, True), decision["reasons"]
    assert sha("head") != head
