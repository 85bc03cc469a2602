"""Terraform's http backend on a free port of this machine: states by path, who asked for them, and locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class StateServer:
    """States by path, every request as method and path, and the passwords that came with them."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.authorizations: set[str] = set()
        self.broken = False
        self.address = ""


@contextmanager
def state_server() -> Iterator[StateServer]:
    """Serve states until the block ends."""
    server = StateServer()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            server.requests.append((self.command, path))
            server.authorizations.add(self.headers.get("Authorization", ""))
            found = server.states.get(path) if self.command == "GET" else b""
            if self.command == "POST" and not server.broken:
                server.states[path] = given
            broken = server.broken and self.command == "POST"
            self.send_response(403 if broken else 404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def do_GET(self) -> None:
            self._any()

        def do_POST(self) -> None:
            self._any()

        def do_LOCK(self) -> None:
            self._any()

        def do_UNLOCK(self) -> None:
            self._any()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"http://127.0.0.1:{listening.server_port}"
    Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
