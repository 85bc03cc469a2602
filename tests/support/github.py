"""A GitHub of our own: it remembers what it is told, and answers as GitHub does.

Where GitHub's description is at hand, every request and every answer is held against it, but for the
answers that a test asks to be wrong.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.openapi import Description

REPOSITORY: Final = "example/infra"
TOKEN: Final = "ghp_0123456789abcdefSECRET"
_NOT_FOUND: Final = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


def sha(text: str) -> str:
    """Return the id of a made-up commit."""
    return hashlib.sha1(text.encode()).hexdigest()


class Seen(NamedTuple):
    """A request that arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Wrong(NamedTuple):
    """An answer that a test asks for: no description is asked whether it is right."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class FakeGitHub:
    """One GitHub; it listens while :meth:`serving`."""

    def __init__(self, description: Description | None) -> None:
        self._description = description
        self._pulls: dict[tuple[str, int], dict[str, Any]] = {}
        self._commits: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._activity: dict[str, list[dict[str, Any]]] = {}
        self._runs: dict[tuple[str, int], dict[str, Any]] = {}
        self._keys: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._checks: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._issues: dict[tuple[str, int], dict[str, Any]] = {}
        self.max_per_page = 100
        self.next: list[Wrong | Callable[[BaseHTTPRequestHandler], None]] = []
        self.seen: list[Seen] = []
        self.problems: list[str] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Listen on a free port of this machine."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake._handle(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    # What it is told.

    def has_pull(
        self, number: int, *, author: str = "ann-example", head: str = "head", repository: str = REPOSITORY, **more: Any
    ) -> None:
        """Open a pull request; ``repository`` is the one of its branch."""
        self._commits[REPOSITORY, number] = []
        self._pulls[REPOSITORY, number] = {
            "number": number,
            "created_at": "2026-11-23T12:00:00Z",
            "user": {"login": author},
            "state": "open",
            "base": {"ref": "main", "sha": sha("base"), "repo": {"full_name": REPOSITORY}},
            "head": {"ref": "topic", "sha": sha(head), "repo": {"full_name": repository}},
            "merged": False,
            "merged_by": None,
            "merge_commit_sha": None,
            "labels": [],
            "body": None,
            "commits": 0,
            **more,
        }

    def has_commit(
        self,
        number: int,
        name: str,
        *,
        author: str | None = "ann-example",
        committer: str | None = "ann-example",
        message: str = "Change",
        verified: str = "unsigned",
        **emails: str,
    ) -> None:
        """Add a commit to a pull request; ``verified`` is GitHub's reason, ``valid`` for verified."""
        signed = {"verified": verified == "valid", "reason": verified}
        commit = {
            "author": {"name": "A", "email": emails.get("author_email", "ann@example.com")},
            "committer": {"name": "C", "email": emails.get("committer_email", "ann@example.com")},
            "message": message,
            "verification": signed,
        }
        self._commits[REPOSITORY, number].append(
            {
                "sha": sha(name),
                "commit": commit,
                "author": {"login": author} if author is not None else None,
                "committer": {"login": committer} if committer is not None else None,
            }
        )
        self._pulls[REPOSITORY, number]["commits"] += 1

    def has_push(
        self,
        after: str,
        *,
        actor: str | None = "ann-example",
        kind: str = "push",
        ref: str = "topic",
        repository: str = REPOSITORY,
        instant: str = "2026-11-23T10:00:00Z",
    ) -> None:
        """Move a branch; the newest is told first."""
        self._activity.setdefault(repository, []).insert(
            0,
            {
                "before": sha("before"),
                "after": sha(after),
                "ref": f"refs/heads/{ref}",
                "timestamp": instant,
                "activity_type": kind,
                "actor": {"login": actor} if actor is not None else None,
            },
        )

    def has_run(self, number: int, **more: Any) -> None:
        """Start a run."""
        self._runs[REPOSITORY, number] = {
            "id": number,
            "event": "pull_request",
            "head_sha": sha("head"),
            "run_attempt": 1,
            "actor": {"login": "ann-example"},
            "triggering_actor": {"login": "ann-example"},
            **more,
        }

    def has_user(
        self, login: str, *, signing: Mapping[str, str] | None = None, logging_in: tuple[str, ...] = ()
    ) -> None:
        """Register somebody, with signing keys by title, and keys to log in."""
        self._keys[login] = {
            "ssh_signing_keys": [
                {"id": number, "key": key, "title": title}
                for number, (title, key) in enumerate((signing or {}).items())
            ],
            "keys": [{"id": number, "key": key} for number, key in enumerate(logging_in)],
        }

    def has_check(self, commit: str, name: str = "unit", *, app: str | None = "acme-ci", **more: Any) -> None:
        """Run a check at a commit; its app is ``None`` where that is gone."""
        runs = self._checks.setdefault((REPOSITORY, sha(commit)), [])
        run = {
            "id": len(runs) + 1,
            "name": name,
            "head_sha": sha(commit),
            "status": "completed",
            "conclusion": "success",
            "started_at": "2026-11-23T10:00:00Z",
            "completed_at": "2026-11-23T10:05:00Z",
            "app": {"slug": app} if app is not None else None,
            **more,
        }
        runs.append(run)

    def has_issue(self, number: int, state: str = "open", *, pull: bool = False) -> None:
        """Open an issue; a pull request is one as well, and says so."""
        issue = {"number": number, "title": "\x1b[31mdo not show this", "state": state}
        links = dict.fromkeys(("diff_url", "html_url", "patch_url", "url"), f"https://github.example.com/{number}")
        self._issues[REPOSITORY, number] = {**issue, **({"pull_request": links} if pull else {})}

    def answers(self, status: int, body: bytes = b"{}", /, **headers: str) -> None:
        """Answer the next request that has no answer yet in this way; header names with ``_`` for ``-``."""
        self.next.append(Wrong(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    # How it answers.

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.seen.append(Seen(url.path, query, headers))
        if self.next:
            wrong = self.next.pop(0)
            if not isinstance(wrong, Wrong):
                wrong(handler)
            else:
                _send(handler, wrong.status, wrong.headers, wrong.body)
            return
        status, value, more = self._answer(url.path, query)
        body = json.dumps(value).encode()
        if (
            headers.get("accept") != "application/vnd.github+json"
            or headers.get("x-github-api-version") != "2022-11-28"
        ):
            self.problems.append(f"GET {url.path} does not name media type and version: {headers}")
        if self._description and (problem := self._description.problem(url.path, query, status, body)):
            self.problems.append(problem)
        _send(handler, status, more, body)

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Return status, value and headers for a path."""
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/pulls/(\d+)", path):
            return self._one("pull-request", self._pulls.get((found[1], int(found[2]))))
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/pulls/(\d+)/commits", path):
            return self._page("commit", self._commits.get((found[1], int(found[2]))), path, query)
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/activity", path):
            moves = self._activity.get(found[1])
            wanted = query.get("ref", "").removeprefix("refs/heads/")
            chosen = moves and [move for move in moves if move["ref"] == f"refs/heads/{wanted}"]
            return self._page("activity", chosen, path, query, cursor="after")
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/actions/runs/(\d+)", path):
            return self._one("workflow-run", self._runs.get((found[1], int(found[2]))))
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/commits/([0-9a-f]+)/check-runs", path):
            return self._check_runs((found[1], found[2]), path, query)
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)/issues/(\d+)", path):
            return self._one("issue", self._issues.get((found[1], int(found[2]))))
        if found := re.fullmatch(r"/users/([^/]+)/(keys|ssh_signing_keys)", path):
            schema = "key-simple" if found[2] == "keys" else "ssh-signing-key"
            user = self._keys.get(found[1])
            return self._page(schema, user[found[2]] if user else None, path, query)
        return 404, _NOT_FOUND, {}

    def _check_runs(self, of: tuple[str, str], path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Return the check runs of a commit; of each name and app the latest only, where not all are asked for."""
        runs = self._checks.get(of)
        if runs is not None and "check_name" in query:
            runs = [run for run in runs if run["name"] == query["check_name"]]
        if runs is not None and query.get("filter", "latest") == "latest":
            ordered = sorted(runs, key=lambda run: run["completed_at"] or "")
            runs = list({(run["name"], str(run["app"])): run for run in ordered}.values())
        status, value, headers = self._page("check-run", runs, path, query)
        return status, {"total_count": len(runs), "check_runs": value} if runs is not None else value, headers

    def _one(self, schema: str, known: Any) -> tuple[int, Any, dict[str, str]]:
        return (404, _NOT_FOUND, {}) if known is None else (200, self._whole(schema, known), {})

    def _page(
        self, schema: str, items: list[Any] | None, path: str, query: dict[str, str], cursor: str = "page"
    ) -> tuple[int, Any, dict[str, str]]:
        """Return one page of a list: by number, or from a cursor on, with a link to the next one."""
        if items is None:
            return 404, _NOT_FOUND, {}
        size = min(int(query.get("per_page", "30")), self.max_per_page)
        start = int(query.get("page", "1")) - 1 if cursor == "page" else int(query.get(cursor, "0"))
        first = start * size if cursor == "page" else start
        value = [self._whole(schema, item) for item in items[first : first + size]]
        if first + size >= len(items):
            return 200, value, {}
        following = str(start + 2) if cursor == "page" else str(first + size)
        link = f"{self.url}{path}?{urlencode({**query, cursor: following})}"
        return 200, value, {"Link": f'<{self.url}{path}>; rel="first", <{link}>; rel="next"'}

    def _whole(self, schema: str, known: Any) -> Any:
        return self._description.complete(schema, known) if self._description else known


def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if "Content-Length" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Content-Type", "application/json; charset=utf-8")
    handler.end_headers()
    try:
        handler.wfile.write(body)
    except ConnectionError:
        return  # whoever asked had enough
