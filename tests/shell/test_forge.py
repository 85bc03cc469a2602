"""The client, against real servers on this machine: bounded in every direction, and its token goes nowhere else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from iacgate.errors import ForgeFailed, IacgateError, UsageInvalid
from iacgate.shell.forge import MAX_BYTES, MAX_PAGES, Answer, Client, waiting_time
from tests.support.github import TOKEN, FakeGitHub

NOW = 1_795_000_000


class Clock:
    """A clock that stands still until somebody sleeps, or until it is told to run at every look."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.slept: list[float] = []
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> FakeGitHub:
    """A server that is told every answer."""
    return FakeGitHub(None)


@pytest.fixture
def client(server: FakeGitHub, clock: Clock) -> Any:
    with server.serving():
        yield asking(server.url, clock)


def asking(url: str, clock: Clock, token: str = TOKEN) -> Client:
    return Client(url, token, headers={"X-Test": "1"}, sleep=clock.sleep, clock=clock)


def refusal(call: Callable[[], Any]) -> IacgateError:
    """Return the error of a call; the token is in no part of it."""
    with pytest.raises(IacgateError) as caught:
        call()
    error: BaseException | None = caught.value
    while error is not None:
        assert TOKEN not in f"{error} {error!r} {getattr(error, 'hint', '')}"
        error = error.__cause__ or error.__context__
    return caught.value


def test_the_token_and_the_headers_arrive(server: FakeGitHub, client: Client) -> None:
    server.answers(200, b'{"a": 1}')
    assert client.get("/x", ref="refs/heads/a&b=c") == {"a": 1}
    (seen,) = server.seen
    assert (seen.path, seen.query) == ("/x", {"ref": "refs/heads/a&b=c"})
    assert (seen.headers["authorization"], seen.headers["x-test"]) == (f"Bearer {TOKEN}", "1")


def test_without_a_token_nobody_elses_is_taken(
    server: FakeGitHub, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answers(200)
    server.answers(200)
    with server.serving():
        asking(server.url, clock, token="").get("/x")
        asking(server.url, clock).get("/x")
    assert "authorization" not in server.seen[0].headers
    assert server.seen[1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com",
        "http://localhost:1",
        "https://user:secret@api.example.com",
        "https://api.example.com?x=1",
        "https://",
        "https://[::1",
        "https://h:99999999",
        "ftp://127.0.0.1",
        "",
        "api.github.com",
    ],
)
def test_an_address_to_which_no_token_may_go(address: str, clock: Clock) -> None:
    error = refusal(lambda: asking(address, clock))
    assert isinstance(error, UsageInvalid)
    assert "secret" not in error.message + error.hint


def test_addresses_to_which_it_may_go(clock: Clock) -> None:
    hosts = [
        asking(url, clock).host
        for url in ("https://api.github.com/", "https://ghe.example.com/api/v3", "http://[::1]:8")
    ]
    assert hosts == ["api.github.com", "ghe.example.com", "[::1]:8"]


@pytest.mark.parametrize("end", ["\n", "\r\nX-Other: 1", " ", "\0", "\u00e9"])
def test_a_token_that_cannot_stand_in_a_header_is_not_shown(end: str, clock: Clock) -> None:
    error = refusal(lambda: asking("https://api.github.com", clock, TOKEN + end))
    assert "characters that no token has" in error.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_on_the_same_host_only(status: int, server: FakeGitHub, client: Client) -> None:
    server.answers(status, location="/repositories/1")
    server.answers(200, b"[]")
    assert client.get("/repos/a/b") == []
    assert [seen.path for seen in server.seen] == ["/repos/a/b", "/repositories/1"]


@pytest.mark.parametrize("how", ["redirect", "link"])
def test_the_token_never_goes_to_another_host(how: str, server: FakeGitHub, client: Client) -> None:
    other = FakeGitHub(None)
    with other.serving():
        for url in (
            f"{other.url}/x",
            f"//{other.url.removeprefix('http://')}/x",
            "https://127.0.0.1/x",
            f"{server.url}\\@{other.url.removeprefix('http://')}/x",
            f"{server.url}@{other.url.removeprefix('http://')}/x",
            "file:///etc/passwd",
            "http://[::1",
        ):
            if how == "redirect":
                server.answers(302, location=url)
            else:
                server.answers(200, b"[]", link=f'<{url}>; rel="next"')
            error = refusal(lambda: list(client.pages("/x")))
            assert isinstance(error, ForgeFailed), url
            assert "at another host" in error.message, url
    assert other.seen == []


def test_redirects_in_circles_end(server: FakeGitHub, client: Client) -> None:
    for _ in range(10):
        server.answers(302, location="/x")
    assert "in circles" in refusal(lambda: client.get("/x")).message
    assert len(server.seen) == 4


def test_pages_are_followed_to_the_end(server: FakeGitHub, client: Client) -> None:
    first = f'<{server.url}/x?page=1>; rel="prev", <{server.url}/x?a=1&page=2>; rel="next", </x?page=9>; rel="last"'
    server.answers(200, b"[1]", link=first)
    server.answers(200, b"[2]", link="</x?page=3>; title=t; rel=next")
    server.answers(200, b"[3]", link='</x?page=2>; rel="prev", </next>; rel="nextish"')
    assert list(client.pages("/x", ref="r")) == [[1], [2], [3]]
    assert [seen.query for seen in server.seen] == [
        {"ref": "r", "per_page": "100"},
        {"a": "1", "page": "2"},
        {"page": "3"},
    ]


def test_more_pages_than_can_be_are_refused_and_not_cut(server: FakeGitHub, client: Client) -> None:
    for _ in range(MAX_PAGES + 1):
        server.answers(200, b"[]", link='</x>; rel="next"')
    assert f"more than {MAX_PAGES} pages" in refusal(lambda: list(client.pages("/x"))).message
    assert len(server.seen) == MAX_PAGES


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_passes_is_tried_again_with_growing_pauses(
    status: int, server: FakeGitHub, client: Client, clock: Clock
) -> None:
    for _ in range(3):
        server.answers(status)
    server.answers(200, b"[]")
    assert client.get("/x") == []
    assert clock.slept == [1, 2, 4]


def test_it_is_not_tried_for_ever(server: FakeGitHub, client: Client) -> None:
    for _ in range(9):
        server.answers(502)
    assert "it answers 502" in refusal(lambda: client.get("/x")).message
    assert len(server.seen) == 4


@pytest.mark.parametrize("status", [400, 410, 422, 500, 204, 304])
def test_what_does_not_pass_is_not_tried_again(status: int, server: FakeGitHub, client: Client) -> None:
    server.answers(status, b"")
    assert f"it answers {status}" in refusal(lambda: client.get("/x")).message
    assert len(server.seen) == 1


def test_a_forge_that_is_not_there_is_named(clock: Clock) -> None:
    server = FakeGitHub(None)
    with server.serving():
        url = server.url
    error = refusal(lambda: asking(url, clock).get("/x"))
    assert "no answer (ConnectionError)" in error.message
    assert clock.slept == [1, 2, 4]


@pytest.mark.parametrize(
    ("status", "headers", "slept"),
    [
        (429, {"retry_after": "7"}, [7]),
        (403, {"retry_after": "60"}, [60]),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW + 9)}, [9]),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW - 9)}, [1]),
        (429, {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, [1]),
        (429, {}, [1]),
    ],
)
def test_short_limits_are_waited_for(
    status: int, headers: dict[str, str], slept: list[float], server: FakeGitHub, client: Client, clock: Clock
) -> None:
    server.answers(status, b"{}", **headers)
    server.answers(200, b"[]")
    assert client.get("/x") == []
    assert clock.slept == slept


@pytest.mark.parametrize(
    "headers", [{"retry_after": "61"}, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW + 61)}]
)
def test_long_limits_are_told_with_their_end(
    headers: dict[str, str], server: FakeGitHub, client: Client, clock: Clock
) -> None:
    server.answers(403, b"{}", **headers)
    assert "it answers again from 2026-11-18T11:07:41Z on" in refusal(lambda: client.get("/x")).message
    assert (clock.slept, len(server.seen)) == ([], 1)


def test_a_limit_that_stays_ends_as_an_error(server: FakeGitHub, client: Client, clock: Clock) -> None:
    for _ in range(9):
        server.answers(429, retry_after="1")
    assert "it answers 429" in refusal(lambda: client.get("/x")).message
    assert clock.slept == [1, 1, 1]


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "does not take the token"), (403, "not there, or the token"), (404, "not there, or the token")],
)
def test_what_the_token_may_not_do_is_said(status: int, says: str, server: FakeGitHub, client: Client) -> None:
    server.answers(status, json.dumps({"message": f"you sent {TOKEN}"}).encode())
    assert says in refusal(lambda: client.get("/x")).message


def test_the_limits_of_numbers() -> None:
    huge = Answer(429, {"retry-after": "9" * 400}, b"")
    assert waiting_time(huge, 1, NOW) == 1
    assert waiting_time(Answer(403, {"x-ratelimit-remaining": "5", "x-ratelimit-reset": "9"}, b""), 1, NOW) is None


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_body_is_not_read_to_its_end(packed: bool, server: FakeGitHub, client: Client) -> None:
    body = b"[" + b" " * (MAX_BYTES + 1) + b"]"
    more = {"content_encoding": "gzip"} if packed else {}
    server.answers(200, gzip.compress(body) if packed else body, **more)
    assert "more than 10 MiB" in refusal(lambda: client.get("/x")).message


def test_a_huge_body_of_a_redirect_is_not_read_either(server: FakeGitHub, client: Client) -> None:
    server.answers(302, b" " * (MAX_BYTES + 1), location="/y")
    assert "more than 10 MiB" in refusal(lambda: client.get("/x")).message
    assert len(server.seen) == 1


def test_a_packed_body_of_allowed_size_is_read(server: FakeGitHub, client: Client) -> None:
    value = [str(number) for number in range(300_000)]
    server.answers(200, gzip.compress(json.dumps(value).encode()), content_encoding="gzip")
    assert client.get("/x") == value


def test_a_body_that_drips_ends(server: FakeGitHub, client: Client, clock: Clock) -> None:
    server.answers(200, b" " * (1 << 20))
    clock.step = 70
    assert "longer than 120 seconds" in refusal(lambda: client.get("/x")).message


def test_a_body_that_ends_too_early_is_no_answer(server: FakeGitHub, client: Client) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"[]")
        handler.close_connection = True

    server.next = [cut] * 9
    error = refusal(lambda: client.get("/x"))
    assert "no answer (" in error.message
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a": 1, "a": 2}', b"[" * 100_000, b'"\xff"', b"[1] [2]", b'"\\ud800"'],
)
def test_what_is_not_json_is_refused(body: bytes, server: FakeGitHub, client: Client) -> None:
    server.answers(200, body)
    assert "not valid JSON" in refusal(lambda: client.get("/x")).message


def test_nothing_is_logged_that_shows_the_token(
    server: FakeGitHub, client: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    server.answers(502)
    server.answers(200, b"[]")
    client.get("/x")
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())
    assert TOKEN not in repr(client)
