"""Check runs of a commit, read from a GitHub of our own that is held against GitHub's description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iacgate.change import testing
from iacgate.change.testing import Asked, Check, CheckRun
from iacgate.errors import ForgeFailed, UsageInvalid
from iacgate.shell.checkruns import check_runs
from iacgate.shell.github import GitHub, connect
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub, sha

HEAD = sha("head")


@pytest.fixture
def reader(github: FakeGitHub) -> GitHub:
    return connect({"GITHUB_API_URL": github.url, "GITHUB_TOKEN": TOKEN}, sleep=lambda _: None)


def refusal(reader: GitHub, repository: str = REPOSITORY) -> str:
    with pytest.raises(ForgeFailed) as caught:
        check_runs(reader, repository, HEAD, ["unit"])
    assert TOKEN not in caught.value.message + caught.value.hint
    return caught.value.message


def test_all_check_runs_of_the_names_over_pages(github: FakeGitHub, reader: GitHub) -> None:
    github.max_per_page = 2
    github.has_check("head", conclusion="failure")
    github.has_check("head", completed_at="2026-11-23T10:15:00.123Z")
    github.has_check("head", app="github-actions", conclusion=None, completed_at=None, status="in_progress")
    github.has_check("head", "smoke", app=None, status="queued", conclusion=None, started_at=None, completed_at=None)
    github.has_check("head", "lint")
    github.has_check("other")
    began = "2026-11-23T10:00:00Z"
    assert check_runs(reader, REPOSITORY, HEAD, ["unit", "smoke", "unit"]) == (
        CheckRun("smoke", "", HEAD, "", "", ""),
        CheckRun("unit", "acme-ci", HEAD, began, "2026-11-23T10:05:00Z", "failure"),
        CheckRun("unit", "acme-ci", HEAD, began, "2026-11-23T10:15:00Z", "success"),
        CheckRun("unit", "github-actions", HEAD, began, "", ""),
    )
    assert [seen.query for seen in github.seen] == [
        {"check_name": "smoke", "filter": "all", "per_page": "100"},
        {"check_name": "unit", "filter": "all", "per_page": "100"},
        {"check_name": "unit", "filter": "all", "per_page": "100", "page": "2"},
    ]


def test_no_name_is_no_question(github: FakeGitHub, reader: GitHub) -> None:
    assert check_runs(reader, REPOSITORY, HEAD, []) == ()
    assert github.seen == []


def test_a_commit_without_such_a_check_has_none(github: FakeGitHub, reader: GitHub) -> None:
    github.has_check("head", "lint")
    assert check_runs(reader, REPOSITORY, HEAD, ["unit"]) == ()


def test_a_commit_that_is_not_there_is_no_empty_answer(reader: GitHub) -> None:
    assert "not there, or the token may not read it (404)" in refusal(reader)


@pytest.mark.parametrize("commit", ["", "main", HEAD[:-1], f"{HEAD}\n", f"{HEAD}/../x", HEAD.upper()])
def test_what_is_no_commit_reaches_no_address(commit: str, github: FakeGitHub, reader: GitHub) -> None:
    with pytest.raises(UsageInvalid):
        check_runs(reader, REPOSITORY, commit, ["unit"])
    assert github.seen == []


@pytest.mark.parametrize("names", [[""], ["a\nb"], [f"n{number}" for number in range(101)]])
def test_what_is_no_name_reaches_no_address(names: list[str], github: FakeGitHub, reader: GitHub) -> None:
    with pytest.raises(UsageInvalid):
        check_runs(reader, REPOSITORY, HEAD, names)
    assert github.seen == []


def test_a_hostile_repository_reaches_no_address(github: FakeGitHub, reader: GitHub) -> None:
    assert "is no repository" in refusal(reader, "../x")
    assert github.seen == []


def test_a_name_is_asked_for_to_the_letter(github: FakeGitHub, reader: GitHub) -> None:
    name = "unit & more=1 #2 / ü"
    github.has_check("head", name)
    assert [run.name for run in check_runs(reader, REPOSITORY, HEAD, [name])] == [name]


RUN: dict[str, Any] = {
    "id": 1,
    "name": "unit",
    "head_sha": HEAD,
    "status": "completed",
    "conclusion": "success",
    "started_at": "2026-11-23T10:00:00Z",
    "completed_at": "2026-11-23T10:05:00Z",
    "app": {"slug": "acme-ci"},
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"head_sha": sha("other")}, "of another commit or name"),
        ({"name": "Unit"}, "of another commit or name"),
        ({"conclusion": None}, "does not say how or when"),
        ({"completed_at": None}, "does not say how or when"),
        ({"completed_at": "soon"}, "a time that is none"),
        ({"started_at": "2026-02-30T00:00:00Z"}, "a time that is none"),
        ({"conclusion": "success\n"}, "matching regex"),
        ({"app": {"slug": "acme\nci"}}, "matching regex"),
        ({"app": "acme-ci"}, "Expected `object | null`"),
        ({"status": 1}, "Expected `str`"),
        ({"id": ...}, "missing required field `id`"),
    ],
)
def test_hostile_json_is_refused(change: dict[str, Any], says: str, github: FakeGitHub, reader: GitHub) -> None:
    run = {name: item for name, item in {**RUN, **change}.items() if item is not ...}
    github.answers(200, json.dumps({"total_count": 1, "check_runs": [run]}).encode())
    assert says in refusal(reader)


@pytest.mark.parametrize("value", [None, 1, [], {}, {"check_runs": []}, {"total_count": 0}, [RUN]])
def test_answers_of_another_shape_are_refused(value: Any, github: FakeGitHub, reader: GitHub) -> None:
    github.answers(200, json.dumps(value).encode())
    assert "127.0.0.1" in refusal(reader)


@pytest.mark.parametrize("total", [0, 2, 100])
def test_check_runs_that_are_missing_or_told_twice_are_refused(total: int, github: FakeGitHub, reader: GitHub) -> None:
    github.answers(200, json.dumps({"total_count": total, "check_runs": [RUN, RUN]}).encode())
    assert f"tells of 1 check runs, and says that there are {total}" in refusal(reader)


def test_a_conclusion_before_the_end_is_none(github: FakeGitHub, reader: GitHub) -> None:
    run = {**RUN, "status": "in_progress"}
    github.answers(200, json.dumps({"total_count": 1, "check_runs": [run]}).encode())
    (found,) = check_runs(reader, REPOSITORY, HEAD, ["unit"])
    assert (found.completed, found.conclusion) == ("", "")


def test_a_red_run_is_not_hidden_by_an_earlier_green_one(github: FakeGitHub, reader: GitHub) -> None:
    github.has_check("head", completed_at="2026-11-23T10:05:00Z")
    github.has_check("head", completed_at="2026-11-23T10:15:00Z", conclusion="failure")
    asked = Asked(
        names=("unit",), tree="d" * 40, commits=(HEAD,), max_age_hours=24, checks=(Check("unit", "unit", "acme-ci"),)
    )
    found = check_runs(reader, REPOSITORY, HEAD, [check.name for check in asked.checks])
    (verdict,) = testing.checked(asked, [], found, "2026-11-23T12:00:00Z")
    assert verdict.code == "failed"
    (verdict,) = testing.checked(asked, [], found[:1], "2026-11-23T12:00:00Z")
    assert verdict.counts
