"""GitHub, read: pull requests, who pushed, who started a run, and people's public keys.

Every answer is converted to a type before anything reads it; what is missing, or of another
type, stops here. REST API 2022-11-28, at github.com and at GitHub Enterprise Server.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from iacgate import instants
from iacgate.errors import ForgeFailed, UsageInvalid
from iacgate.people.hands import Commit, PullRequest, Push, Run
from iacgate.shell.forge import Client

ADDRESS: Final = "https://api.github.com"
MAX_COMMITS: Final = 250
"""Commits that GitHub tells of a pull request; it is silent about the others."""

_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_LOGIN: Final = re.compile(r"(?=.{1,39}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?:_[A-Za-z0-9]+)?", re.ASCII)
"""Letters and digits with single hyphens between them; the last part is the enterprise's of a managed account."""
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)

T = TypeVar("T")
_Login = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,100}(\[bot\])?\Z")]
_Sha = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z")]
_Short = Annotated[str, msgspec.Meta(max_length=1_000)]
_Long = Annotated[str, msgspec.Meta(max_length=1 << 18)]


class _Account(msgspec.Struct):
    """An account; GitHub writes ``{}`` as well as ``null`` where it knows none."""

    login: _Login | None = None


class _Repository(msgspec.Struct):
    full_name: Annotated[str, msgspec.Meta(pattern=rf"\A{_REPOSITORY.pattern}\Z")]


class _Branch(msgspec.Struct):
    ref: _Short
    sha: _Sha
    repo: _Repository | None


class _Label(msgspec.Struct):
    name: _Short


class _PullRequest(msgspec.Struct):
    number: int
    created_at: _Short
    user: _Account | None
    state: _Short
    base: _Branch
    head: _Branch
    merged: bool
    merged_by: _Account | None
    merge_commit_sha: _Sha | None
    labels: list[_Label]
    body: _Long | None
    commits: int


class _Signer(msgspec.Struct):
    email: _Short = ""


class _Verification(msgspec.Struct):
    verified: bool
    reason: _Short


class _GitCommit(msgspec.Struct):
    author: _Signer | None
    committer: _Signer | None
    message: str
    verification: _Verification


class _Commit(msgspec.Struct):
    sha: _Sha
    commit: _GitCommit
    author: _Account | None
    committer: _Account | None


class _Activity(msgspec.Struct):
    before: _Sha
    after: _Sha
    ref: _Short
    timestamp: _Short
    activity_type: _Short
    actor: _Account | None


class _Run(msgspec.Struct):
    event: _Short
    head_sha: _Sha
    run_attempt: int
    actor: _Account | None
    triggering_actor: _Account | None = None


class _Key(msgspec.Struct):
    id: int
    key: _Long
    title: _Long = ""


class PublishedKey(msgspec.Struct, frozen=True):
    """A key that the forge shows as somebody's: its line, what it is called there, and whether it is for signing."""

    line: str
    title: str
    signing: bool


class GitHub:
    """Reads what GitHub tells; every method raises :class:`ForgeFailed` where it does not tell all that was asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.host = client.host

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """Return a pull request with all of its commits; more than GitHub tells of are refused."""
        path = f"/repos/{checked_repository(repository)}/pulls/{number:d}"
        found = self._convert(self._client.get(path), _PullRequest, path)
        if not instants.is_instant(found.created_at):
            raise ForgeFailed(
                f"{repository}#{number} does not say when it was opened.",
                hint="Look at what answers there: it is not GitHub's API.",
            )
        if found.commits > MAX_COMMITS:
            raise ForgeFailed(
                f"{repository}#{number} has {found.commits} commits, and GitHub tells of {MAX_COMMITS} at most.",
                hint="The authors of the others would be missing: make smaller pull requests of it.",
            )
        commits = self._all(f"{path}/commits", _Commit)
        if len(commits) != found.commits or found.head.sha not in {commit.sha for commit in commits}:
            raise ForgeFailed(
                f"{repository}#{number}: GitHub does not list its {found.commits} commits up to {found.head.sha[:12]}.",
                hint="It was pushed to in this moment: run it again.",
            )
        return _pull_request(found, commits)

    def pushers(self, repository: str, ref: str, since: str = "") -> tuple[Push, ...]:
        """Return who moved a branch, newest first, force pushes included; ``since`` an instant, or ever.

        For the branch of a fork, ask the fork: ``pull_request.head_repository``.
        """
        path = f"/repos/{checked_repository(repository)}/activity"
        if not ref or not ref.isprintable():
            raise UsageInvalid(f"{ref!r} names no branch.", hint="Name it without refs/heads/.")
        pushes: list[Push] = []
        for page in self.pages(path, list[_Activity], ref=f"refs/heads/{ref}", direction="desc"):
            for activity in page:
                push = _push(activity, f"refs/heads/{ref}", path)
                if since and push.instant < since:
                    return tuple(pushes)
                pushes.append(push)
        return tuple(pushes)

    def run(self, repository: str, run_id: int) -> Run:
        """Return who started a run of GitHub Actions, and who started its last attempt."""
        path = f"/repos/{checked_repository(repository)}/actions/runs/{run_id:d}"
        found = self._convert(self._client.get(path), _Run, path)
        return Run(
            event=found.event,
            actor=_login(found.actor),
            triggering_actor=_login(found.triggering_actor),
            attempt=found.run_attempt,
            head_sha=found.head_sha,
        )

    def keys(self, login: str) -> tuple[PublishedKey, ...]:
        """Return somebody's public SSH keys, those for signing first."""
        user = checked_login(login)
        signing = self._all(f"/users/{user}/ssh_signing_keys", _Key)
        others = self._all(f"/users/{user}/keys", _Key)
        return (
            *(PublishedKey(key.key, key.title or f"signing key {key.id}", signing=True) for key in signing),
            *(PublishedKey(key.key, key.title or f"authentication key {key.id}", signing=False) for key in others),
        )

    def pages(self, path: str, kind: type[T], **query: str) -> Iterator[T]:
        """Yield each page of a list, as a type; a path or a query that a person wrote is checked by the caller."""
        for page in self._client.pages(path, **query):
            yield self._convert(page, kind, path)

    def _all(self, path: str, kind: type[T]) -> list[T]:
        return [item for page in self.pages(path, list[kind]) for item in page]  # type: ignore[valid-type] # kind is a type at run time

    def _convert(self, value: Any, kind: type[T], path: str) -> T:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:  # it names types and members, and shows no values
            raise ForgeFailed(
                f"{self.host}: {path}: {error}.", hint="Look at what answers there: it is not GitHub's API."
            ) from error


def connect(
    environment: Mapping[str, str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> GitHub:
    """Return the GitHub that an environment names (``GITHUB_API_URL``), with its token, where there is one.

    Raises :class:`UsageInvalid` where the address or the token is not one.
    """
    return GitHub(client_of(environment, sleep=sleep, clock=clock))


def client_of(environment: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], float]) -> Client:
    """Return what asks that GitHub; raises as :func:`connect` does."""
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    return Client(environment.get("GITHUB_API_URL") or ADDRESS, token, headers=_HEADERS, sleep=sleep, clock=clock)


def checked_login(login: str) -> str:
    """Return a login; raises :class:`UsageInvalid` for what GitHub would name nobody."""
    if not _LOGIN.fullmatch(login):
        raise UsageInvalid(
            f"{login!r} is no login at GitHub.", hint="Letters and digits, with single hyphens between, 39 at most."
        )
    return login


def checked_repository(name: str) -> str:
    """Return the name of a repository; raises :class:`ForgeFailed` for what GitHub would call none."""
    if not _REPOSITORY.fullmatch(name):
        raise ForgeFailed(
            f"{name!r} is no repository at GitHub." if name else "The repository is gone.",
            hint="Name it OWNER/NAME; a fork that is gone cannot be asked who pushed to it.",
        )
    return name


def _login(account: _Account | None) -> str:
    return (account.login if account else None) or ""


def _pull_request(found: _PullRequest, commits: list[_Commit]) -> PullRequest:
    head = found.head.repo.full_name if found.head.repo else ""
    base = found.base.repo.full_name if found.base.repo else ""
    return PullRequest(
        number=found.number,
        created=found.created_at,
        author=_login(found.user),
        state=found.state,
        base_ref=found.base.ref,
        base_sha=found.base.sha,
        head_ref=found.head.ref,
        head_sha=found.head.sha,
        head_repository=head,
        fork=head.casefold() != base.casefold(),
        merged=found.merged,
        merged_by=_login(found.merged_by),
        merge_commit_sha=found.merge_commit_sha or "",
        labels=tuple(label.name for label in found.labels),
        body=found.body or "",
        commits=tuple(_commit(commit) for commit in commits),
    )


def _commit(found: _Commit) -> Commit:
    written = found.commit
    return Commit(
        sha=found.sha,
        author=_login(found.author),
        committer=_login(found.committer),
        author_email=written.author.email if written.author else "",
        committer_email=written.committer.email if written.committer else "",
        message=written.message,
        verified=written.verification.verified,
        reason=written.verification.reason,
    )


def _push(found: _Activity, ref: str, path: str) -> Push:
    instant = re.sub(r"\.\d{1,9}Z\Z", "Z", found.timestamp)
    if found.ref != ref or not instants.is_instant(instant):
        raise ForgeFailed(
            f"{path}: an activity is of another branch than was asked for, or has no time.",
            hint="Look at what answers there: it is not GitHub's API.",
        )
    return Push(
        actor=_login(found.actor), kind=found.activity_type, instant=instant, before=found.before, after=found.after
    )
