"""Who had a hand in a change, as the forge tells it.

What a commit says of its author is what somebody typed. The forge knows more: who opened the pull
request, whose account pushed each version of its branch, who started the run by hand. None of it
is proof that somebody did nothing, so everything only ever counts against: whoever stands here
cannot approve, and whoever is unknown denies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

MERGE_IDENTITY: Final = "web-flow"
"""The account that commits at GitHub when somebody clicks; its verified signature says so."""

_CO_AUTHOR: Final = re.compile(r"^[^\S\n]*co-authored-by:(.*)$", re.IGNORECASE | re.MULTILINE)
_SIGNED_BY_ANOTHER: Final = ("bad_email", "invalid")
"""Reasons of GitHub's: the signature is somebody else's, or of something else."""
_STARTED_BY_THE_FORGE: Final = ("pull_request", "pull_request_target", "pull_request_review", "merge_group")
"""Events whose actor pushed, reviewed or merged: the first is a pusher, the others had no hand in the change."""
_STARTED_BY_A_MERGE: Final = ("push", "workflow_run")


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit of a pull request.

    ``author`` and ``committer`` are the logins of the accounts that the forge found for the e-mails, empty
    where it found none. ``verified`` is about the committer alone: it says nothing of the author.
    """

    sha: str
    author: str
    committer: str
    author_email: str
    committer_email: str
    message: str
    verified: bool
    reason: str


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request, with all of its commits.

    Logins are empty where an account is gone, ``head_repository`` where the fork is; ``created`` is when it was opened.
    """

    number: int
    created: str
    author: str
    state: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str
    fork: bool
    merged: bool
    merged_by: str
    merge_commit_sha: str
    labels: tuple[str, ...]
    body: str
    commits: tuple[Commit, ...]


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a branch was moved: by whom (empty: an account that is gone), how, when, and to which commit."""

    actor: str
    kind: str
    instant: str
    before: str
    after: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a pipeline: by which event, who started it and who started this attempt (empty where nobody says)."""

    event: str
    actor: str
    triggering_actor: str
    attempt: int
    head_sha: str


def accounts(pull_request: PullRequest, pushes: Sequence[Push], run: Run | None) -> tuple[str, ...]:
    """Return everybody who had a hand in a change, each once, in the order in which they are found.

    1. the author of the pull request
    2. authors, committers and co-authors of its commits; the forge's own identity only where it is not verified
    3. whoever moved its branch, since it was last created where that is sure; when the head's own push is not
       among them, somebody unknown
    4. who started the run by hand, or ran it again (``run`` is ``None`` where there is none)

    Whoever merged it is not among them: merging is no authorship.

    A login never has an ``@``. What has one is an e-mail of somebody without an account. What is unknown is a
    phrase with blanks in it, which is nobody's account and nobody's e-mail, so that it denies. Resolve each as
    what it is, and never as an id of people.yaml: accounts can be named after somebody's id.
    """
    found = [
        pull_request.author or _unknown("the author of the pull request, whose account is gone"),
        *(name for commit in pull_request.commits for name in _of_commit(commit)),
        *_of_pushes(pull_request, pushes),
        *(_of_run(pull_request, run) if run else ()),
    ]
    each: dict[str, str] = {}
    for name in found:
        each.setdefault(name.casefold(), name)
    return tuple(each.values())


def _unknown(what: str) -> str:
    return f"somebody unknown ({what})"


def _of_commit(commit: Commit) -> Iterator[str]:
    """Yield who made a commit: by account, or by e-mail where the forge knows no account."""
    named = f"commit {commit.sha[:12]}"
    if commit.author.casefold() == MERGE_IDENTITY:
        yield _unknown(f"{named} says that {MERGE_IDENTITY} wrote it")  # nobody verifies an author
    else:
        yield commit.author or _email(commit.author_email, f"the author of {named}")
    if commit.committer.casefold() != MERGE_IDENTITY:
        yield commit.committer or _email(commit.committer_email, f"the committer of {named}")
    elif not commit.verified:
        yield _unknown(f"{named} says that {MERGE_IDENTITY} committed it, and is not verified")
    if commit.reason in _SIGNED_BY_ANOTHER:
        yield _unknown(f"the signature of {named} is not its committer's: {commit.reason}")
    for trailer in _CO_AUTHOR.findall(commit.message):
        yield _email(trailer.rpartition("<")[2].partition(">")[0].strip(), f"a co-author of {named}")


def _email(text: str, whose: str) -> str:
    """Return an e-mail; what does not look like one could pass for a login, and so stays unknown."""
    return text if "@" in text and text.isprintable() else _unknown(f"{whose}, without e-mail")


def _of_pushes(pull_request: PullRequest, pushes: Sequence[Push]) -> Iterator[str]:
    """Yield who moved the branch; deleting it puts nothing into it."""
    moves = [push for push in _of_this_branch(pull_request, pushes) if push.kind != "branch_deletion"]
    for push in moves:
        yield push.actor or _unknown(f"who pushed {push.after[:12]}, whose account is gone")
    if not any(push.after == pull_request.head_sha for push in moves):
        yield _unknown(f"who pushed {pull_request.head_sha[:12]}, which the forge does not tell")


def _of_this_branch(pull_request: PullRequest, pushes: Sequence[Push]) -> Sequence[Push]:
    """Return the pushes without those to an earlier branch of the same name, where it is sure which these are.

    It is where the branch was created before the pull request was opened, and neither created again since then nor
    deleted in between. What was pushed to the earlier one and is still in the pull request stays its pusher's.
    """
    created = [push.instant for push in pushes if push.kind == "branch_creation"]
    begin = max(created, default="")
    gone = any(push.kind == "branch_deletion" and begin <= push.instant <= pull_request.created for push in pushes)
    if not created or gone or begin >= pull_request.created:
        return pushes
    kept = {pull_request.head_sha, *(commit.sha for commit in pull_request.commits)}
    return [push for push in pushes if push.instant >= begin or push.after in kept]


def _of_run(pull_request: PullRequest, run: Run) -> Iterator[str]:
    """Yield who started a run by hand: not who pushed, reviewed or merged, and the forge started it then."""
    merge = (
        run.event in _STARTED_BY_A_MERGE
        and pull_request.merged
        and run.head_sha == pull_request.merge_commit_sha
        and run.actor != ""
        and run.actor == pull_request.merged_by
    )
    if not merge and run.event not in _STARTED_BY_THE_FORGE:
        yield run.actor or _unknown("who started the run")
    if run.attempt > 1 or run.triggering_actor not in ("", run.actor):
        yield run.triggering_actor or _unknown("who started the run again")
