"""A Jira and a ServiceNow of our own, which answer in the form that their pages show, to whoever they know."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

USER: Final = "gate@example.com"
TOKEN: Final = "s3cret-0123456789"
BASIC: Final = f"Basic {base64.b64encode(f'{USER}:{TOKEN}'.encode()).decode()}"
CREDENTIALS: Final = {"IACGATE_TICKET_USER": USER, "IACGATE_TICKET_TOKEN": TOKEN}
HOSTILE: Final = "\x1b[31mdo not show this"


class Asked(NamedTuple):
    """A request that arrived: the path as it was sent, the query, and the headers by lower-case name."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class TicketSystem:
    """What both have in common; a test may say how the next requests are answered."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.next: list[tuple[int, bytes, Mapping[str, str]]] = []
        self.url = ""
        self.over = threading.Event()

    def answers(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """Answer the next request that has no answer yet in this way."""
        self.next.append((status, body, headers))

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        """Return what it says at a path to whoever it knows."""
        raise NotImplementedError

    def hears(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        url = urlsplit(handler.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(Asked(url.path, query, headers))
        if self.next:
            status, body, more = self.next.pop(0)
        elif headers.get("authorization") not in (BASIC, f"Bearer {TOKEN}"):
            status, body, more = 401, json.dumps({"message": HOSTILE}).encode(), {}
        else:
            status, said = self.answer(url.path, query)
            body, more = json.dumps(said).encode(), {}
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **more}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Listen on a free port of this machine."""
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                system.hears(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class FakeJira(TicketSystem):
    """Issues by key, each with the key and the category of its state; below a path, as a Data Center may be."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, tuple[str, str]] = {}

    def has(self, key: str, category: str = "indeterminate", now: str = "") -> None:
        """Open an issue; ``now`` is its key by now, where it was moved."""
        self.issues[key] = (now or key, category)

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        found = re.fullmatch(r"/jira/rest/api/2/issue/([^/]+)", path)
        if not found or query != {"fields": "status"} or found[1].upper() not in self.issues:
            text = "Issue does not exist or you do not have permission to see it."
            return 404, {"errorMessages": [text], "errors": {}}
        key, category = self.issues[found[1].upper()]
        here = f"{self.url}/jira/rest/api/2"
        status = {
            "self": f"{here}/status/3",
            "description": HOSTILE,
            "iconUrl": f"{self.url}/jira/images/icons/statuses/inprogress.png",
            "name": HOSTILE,
            "id": "3",
            "statusCategory": {
                "self": f"{here}/statuscategory/4",
                "id": 4,
                "key": category,
                "colorName": "yellow",
                "name": HOSTILE,
            },
        }
        return 200, {
            "expand": "renderedFields,names,schema",
            "id": "10002",
            "self": f"{here}/issue/10002",
            "key": key,
            "fields": {"status": status},
        }


class FakeServiceNow(TicketSystem):
    """Tasks by number, with state and whether they are active; what it does not understand, it ignores.

    That is how ServiceNow treats an invalid condition: it returns what the rest of the query finds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[dict[str, str]] = []

    def has(self, number: str, state: str = "-1", active: str = "true") -> None:
        """Open a task."""
        self.tasks.append({"number": number, "state": state, "active": active, "short_description": HOSTILE})

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        if path != "/api/now/table/task":
            error = {"message": "Requested URI does not represent any resource", "detail": None}
            return 400, {"error": error, "status": "failure"}
        found = self.tasks
        for condition in query.get("sysparm_query", "").split("^"):
            name, _, value = condition.partition("=")
            if name in ("number", "state", "active"):
                found = [task for task in found if task[name].casefold() == value.casefold()]
        fields = query.get("sysparm_fields", "").split(",")
        limit = int(query.get("sysparm_limit", "10000"))
        return 200, {"result": [{name: task[name] for name in fields} for task in found[:limit]]}
