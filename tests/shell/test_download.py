"""A link is followed with bounds, and its query is never shown."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from iacgate.errors import UsageInvalid
from iacgate.shell import download as module
from iacgate.shell.download import download, is_link

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/x.zip?sig=s3cret"
        finally:
            server.shutdown()
            thread.join()


def whole(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"data" * 10)


def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def elsewhere(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://192.0.2.1/x")
    handler.end_headers()


def test_what_is_behind_a_link() -> None:
    with answering(whole) as link:
        assert is_link(link)
        assert download(link) == b"data" * 10
    assert not is_link("x.zip")


@pytest.mark.parametrize(
    ("answer", "says"), [(trickle, "slower than 0.3 seconds"), (whole, "larger than"), (elsewhere, "no answer")]
)
def test_what_takes_too_long_or_too_much(monkeypatch: pytest.MonkeyPatch, answer: Answer, says: str) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.3)
    monkeypatch.setattr(module, "TIMEOUTS", (0.3, 1))
    if answer is whole:
        monkeypatch.setattr(module, "MAX_BYTES", 20)
    with answering(answer) as link, pytest.raises(UsageInvalid, match=says) as caught:
        download(link)
    assert "s3cret" not in caught.value.message
