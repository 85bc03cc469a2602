"""An HTTP proxy that fails as networks and servers fail, at the request that a test names, and records all of them.

The client talks to the proxy as to the server itself, and the Host header goes through unchanged: signatures of S3
cover it, and the server takes whatever name it is called by.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Final, Literal
from urllib.parse import urlsplit

Kind = Literal["drop", "hang", "truncate", "corrupt", "answer"]

CODES: Final = {
    403: "AccessDenied",
    404: "NotFound",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    500: "InternalError",
    503: "SlowDown",
}
"""What S3 calls these errors."""

SECRET: Final = "what-the-server-says-is-not-repeated"
_HOP_BY_HOP: Final = {"connection", "expect", "keep-alive", "proxy-connection", "transfer-encoding"}
_HANG_AT_MOST: Final = 30.0


@dataclass(frozen=True)
class Fault:
    """What happens to requests.

    Attributes:
        kind: ``drop`` closes the connection, ``hang`` does not answer before it is closed by the client, ``truncate``
            leaves out the second half of the body, ``corrupt`` changes its first byte, ``answer`` is the proxy's own.
        number: the number of the first request that it happens to, from 1, of those that have the method.
        times: to how many requests in a row it happens.
        method: an HTTP method; empty for all.
        forward: whether the server gets the request nevertheless. What changes an answer always forwards.
        status: that of the proxy's own answer.
        body: that of the proxy's own answer; without it, an error as S3 words it.
    """

    kind: Kind
    number: int = 1
    times: int = 1
    method: str = ""
    forward: bool = False
    status: int = 500
    body: bytes | None = None


@dataclass
class Seen:
    """A request: ``start`` and ``end`` are instants of a clock that never goes back; the end is before the answer."""

    method: str
    path: str
    query: str
    start: float
    end: float = 0.0
    faulty: bool = False


@dataclass
class Proxy:
    """The proxy, as a test sees it. ``pause`` seconds go by in every request, so that those made together overlap."""

    endpoint: str
    pause: float = 0.0
    requests: list[Seen] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _over: Event = field(default_factory=Event)

    def fail(self, *faults: Fault) -> None:
        """From now on, and counted from now on, fail like this and no longer as before."""
        with self._lock:
            self.requests.clear()
            self._faults[:] = faults

    def rounds(self) -> int:
        """Return how many requests had to wait for one another, the longest row of those that do not overlap."""
        rounds, end = 0, float("-inf")
        for seen in sorted(self.requests, key=lambda one: one.end):
            if seen.start >= end:
                rounds, end = rounds + 1, seen.end
        return rounds

    def begins(self, method: str, target: str) -> tuple[Seen, Fault | None]:
        """Record a request, and return what happens to it."""
        url = urlsplit(target)
        with self._lock:
            seen = Seen(method, url.path, url.query, time.monotonic())
            self.requests.append(seen)
            fault = next((one for one in self._faults if self._hits(one, method)), None)
            seen.faulty = fault is not None
        return seen, fault

    def hang(self) -> None:
        """Wait until the test is over, at most."""
        self._over.wait(_HANG_AT_MOST)

    def end(self) -> None:
        """Let go of what hangs."""
        self._over.set()

    def _hits(self, fault: Fault, method: str) -> bool:
        number = sum(one.method == fault.method or not fault.method for one in self.requests)
        return fault.method in {"", method} and fault.number <= number < fault.number + fault.times


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@contextmanager
def faulty(upstream: str, *, pause: float = 0.0) -> Iterator[Proxy]:
    """Run a proxy in front of ``http://host:port`` on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}", pause)
    server.RequestHandlerClass = type("Handler", (_Handler,), {"proxy": proxy, "upstream": urlsplit(upstream).netloc})
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.end()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: str

    def _serve(self) -> None:
        seen, fault = self.proxy.begins(self.command, self.path)
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            time.sleep(self.proxy.pause)
            answer = self._answer(body, fault)
            seen.end = time.monotonic()
            self._send(answer, fault)
        except (OSError, HTTPException):  # one of the two has gone
            seen.end = seen.end or time.monotonic()
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names are those of http.server

    def _answer(self, body: bytes, fault: Fault | None) -> _Answer:
        if fault is None or fault.forward or fault.kind in {"truncate", "corrupt"}:
            answer = self._forwarded(body)
        if fault and fault.kind == "answer":
            return _own_answer(fault)
        if fault and fault.kind == "hang":
            self.proxy.hang()
        if fault and fault.kind in {"hang", "drop"}:
            raise ConnectionAbortedError
        return answer

    def _forwarded(self, body: bytes) -> _Answer:
        connection = HTTPConnection(self.upstream, timeout=_HANG_AT_MOST)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in _passed_on(self.headers):
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return _Answer(answer.status, _passed_on(answer.headers), answer.read())
        finally:
            connection.close()

    def _send(self, answer: _Answer, fault: Fault | None) -> None:
        body = answer.body
        if fault and fault.kind == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:] if body else body
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if answer.status not in {204, 304} and self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault and fault.kind == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _own_answer(fault: Fault) -> _Answer:
    code = CODES.get(fault.status, "Unknown")
    said = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    return _Answer(fault.status, [("Content-Type", "application/xml")], said if fault.body is None else fault.body)


def _passed_on(headers: Message) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP]
