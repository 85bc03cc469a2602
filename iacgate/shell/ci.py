"""What a pipeline says of its own run: recorded as it says it, and proof of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "GITHUB_ACTIONS": (
        "GITHUB_REPOSITORY",
        "GITHUB_RUN_ID",
        "GITHUB_RUN_ATTEMPT",
        "GITHUB_WORKFLOW_REF",
        "GITHUB_JOB",
        "GITHUB_EVENT_NAME",
        "GITHUB_ACTOR",
        "GITHUB_TRIGGERING_ACTOR",
        "GITHUB_SHA",
    ),
    "GITLAB_CI": (
        "CI_PROJECT_PATH",
        "CI_PIPELINE_ID",
        "CI_JOB_ID",
        "CI_PIPELINE_SOURCE",
        "GITLAB_USER_LOGIN",
        "CI_COMMIT_SHA",
    ),
    "TF_BUILD": ("SYSTEM_TEAMPROJECT", "BUILD_BUILDID", "BUILD_REQUESTEDFOREMAIL", "BUILD_SOURCEVERSION"),
    "BUILDKITE": ("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_ID", "BUILDKITE_JOB_ID", "BUILDKITE_COMMIT"),
    "JENKINS_URL": ("JOB_NAME", "BUILD_NUMBER", "GIT_COMMIT"),
}
"""By the variable that says which pipeline it is: those that name a run (each product's documentation)."""

_LONGEST: Final = 500


def run_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what names this run, by variable; outside of a pipeline, the user's name."""
    for marker, names in _NAMES.items():
        if environment.get(marker):
            return {name: environment[name][:_LONGEST] for name in names if environment.get(name)}
    return {name: environment[name][:_LONGEST] for name in ("USER",) if environment.get(name)}


def is_later_attempt(before: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Return whether this is a later attempt of a run of GitHub Actions, which runs one attempt at a time."""
    names = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB")
    same = all(before.get(name) and before.get(name) == environment.get(name) for name in names)
    then, now = before.get("GITHUB_RUN_ATTEMPT", ""), environment.get("GITHUB_RUN_ATTEMPT", "")
    return same and then.isdecimal() and now.isdecimal() and int(then) < int(now)


def in_pipeline(environment: Mapping[str, str]) -> bool:
    """Return whether this is a pipeline (the variable ``CI``, which all of them set)."""
    return environment.get("CI", "").lower() not in ("", "0", "false")
