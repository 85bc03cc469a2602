"""What is announced arrives as text, where signed settings say, within bounds; how that went is a value."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from iacgate.policy.emergencies import PLACE, AnnounceText
from iacgate.shell import announce as module
from iacgate.shell.announce import SECRET_VARIABLE, Announced, announce, for_chat, for_mail, heard

MESSAGE = "Emergency: stack payments\nWhy: the database is down"


class Hook:
    """A server that takes announcements; ``over`` is set when the test is."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.over = threading.Event()


@contextlib.contextmanager
def hook(
    answer: Callable[[http.server.BaseHTTPRequestHandler, Hook], None], certified: Path | None = None
) -> Iterator[Hook]:
    found = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            with contextlib.suppress(OSError):
                answer(self, found)

        def do_GET(self) -> None:
            found.asked.append((self.path, {}, b""))  # nobody follows a redirect

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certified:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certified)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.address = (
            f"http{'s' if certified else ''}://{'localhost' if certified else '127.0.0.1'}:{server.server_port}"
        )
        try:
            yield found
        finally:
            found.over.set()
            server.shutdown()
            thread.join()


def answering(status: int, body: bytes = b"ok", **headers: str) -> Callable[..., None]:
    def answer(handler: http.server.BaseHTTPRequestHandler, _: Hook) -> None:
        handler.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, text)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def silent(_: http.server.BaseHTTPRequestHandler, server: Hook) -> None:
    server.over.wait(60)


def told(ways: AnnounceText, message: str = MESSAGE, environment: dict[str, str] | None = None) -> list[Announced]:
    given_environment = {"PATH": "/usr/bin:/bin", **(environment or {})}
    return list(announce(ways, message, given_environment, trusted=True))


def test_a_webhook_gets_one_text() -> None:
    with hook(answering(200)) as server:
        assert told(AnnounceText(webhook=f"{server.address}/hooks/x")) == [Announced("webhook", ok=True)]
    ((path, headers, body),) = server.asked
    assert (path, headers["content-type"]) == ("/hooks/x", "application/json")
    assert "authorization" not in headers
    assert json.loads(body) == {"text": f"```\n{MESSAGE}\n```"}


def test_what_is_secret_of_an_address_comes_from_one_variable() -> None:
    with hook(answering(200)) as server:
        ways = AnnounceText(webhook=f"{server.address}/services/{PLACE}")
        assert heard(tuple(told(ways, environment={SECRET_VARIABLE: "T00/B00/s3cret"})))
        ((path, _, _),) = server.asked
        assert path == "/services/T00/B00/s3cret"
        for secret in ("", "a b", "../x", "x?y", "x#y", "@example.com", "x\n"):
            (found,) = told(ways, environment={SECRET_VARIABLE: secret})
            assert not found.ok
            assert SECRET_VARIABLE in found.why
    assert len(server.asked) == 1


def test_credentials_of_the_machine_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "_session", lambda _: requests.Session())  # as it is where the way is encrypted
    with hook(answering(200)) as server:
        told(AnnounceText(webhook=f"{server.address}/x"))
    assert "authorization" not in server.asked[0][1]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (302, b"", "the answer is 302"),
        (403, b"invalid_token", "the answer is 403"),
        (500, b"", "the answer is 500"),
        (200, b"Webhook message Delivery Failed with error: 429", "was not delivered"),
    ],
)
def test_what_was_not_taken_was_not_told(status: int, body: bytes, why: str) -> None:
    with hook(answering(status, body, Location="/elsewhere")) as server:
        (found,) = told(AnnounceText(webhook=f"{server.address}/x"))
    assert (found.ok, why in found.why) == (False, True)
    assert len(server.asked) == 1


def test_a_long_answer_is_read_in_part() -> None:
    with hook(answering(200, b"x" * (1 << 20))) as server:
        assert told(AnnounceText(webhook=f"{server.address}/x")) == [Announced("webhook", ok=True)]


def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUTS", (0.3, 0.3))
    with hook(silent) as server:
        (found,) = told(AnnounceText(webhook=f"{server.address}/secret-part"))
    assert (found.ok, found.why) == (False, "no answer (ReadTimeout)")


def test_who_answers_bit_by_bit_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.3)

    def trickle(handler: http.server.BaseHTTPRequestHandler, server: Hook) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not server.over.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with hook(trickle) as server:
        (found,) = told(AnnounceText(webhook=f"{server.address}/x"))
    assert "took longer" in found.why


def test_nobody_there_is_an_answer() -> None:
    with hook(answering(200)) as server:
        pass
    (found,) = told(AnnounceText(webhook=f"{server.address}/secret-part"))
    assert (found.ok, found.why) == (False, "no answer (ConnectionError)")


def test_what_is_sent_is_encrypted_outside_of_this_machine() -> None:
    (found,) = told(AnnounceText(webhook="http://example.com/x"))
    assert "no address" in found.why


def certificate(folder: Path) -> Path:
    """Write a certificate of localhost that nobody else vouches for, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_whose_certificate_nobody_vouches_for_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    path = certificate(tmp_path)
    with hook(answering(200), path) as server:
        ways = AnnounceText(webhook=f"{server.address}/x")
        assert told(ways) == [Announced("webhook", ok=False, why="no answer (SSLError)")]
        assert server.asked == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        assert told(ways) == [Announced("webhook", ok=True)]


def program(text: str) -> AnnounceText:
    return AnnounceText(command=[sys.executable, "-c", text])


def test_a_program_gets_the_text_and_its_arguments(tmp_path: Path) -> None:
    written = tmp_path / "said"
    text = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2] + sys.stdin.read())"
    ways = AnnounceText(command=[sys.executable, "-c", text, str(written), "$(id); "])
    assert told(ways) == [Announced("command", ok=True)]
    assert written.read_text() == f"$(id); {MESSAGE}\n"


def test_a_program_sees_no_credentials_and_nothing_of_the_change(tmp_path: Path) -> None:
    written = tmp_path / "seen"
    text = f"import os, json; json.dump([dict(os.environ), os.getcwd()], open({str(written)!r}, 'w'))"
    given_environment = {
        "PATH": ".:bin::/usr/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "AWS_SECRET_ACCESS_KEY": "x",
        "GITHUB_TOKEN": "x",
        SECRET_VARIABLE: "x",
        "LD_PRELOAD": "x",
    }
    assert heard(tuple(told(program(text), environment=given_environment)))
    seen, folder = json.loads(written.read_text())
    assert seen.keys() <= {"PATH", "HOME", "LC_ALL", "LC_CTYPE"}
    assert (seen["PATH"], folder) == ("/usr/bin", "/")


@pytest.mark.parametrize(
    ("ways", "why"),
    [
        (program("import sys; sys.exit(3)"), "it ended with 3"),
        (AnnounceText(command=["no-such-program-here"]), "not on PATH"),
        (AnnounceText(command=["/no/such/program"]), "could not be started"),
        (AnnounceText(command=["./tell.sh"]), "not on PATH"),
        (AnnounceText(command=["/bin/true", "\0"]), "could not be started"),
    ],
)
def test_a_program_that_fails_has_not_told(ways: AnnounceText, why: str) -> None:
    (found,) = told(ways)
    assert (found.ok, why in found.why) == (False, True), found


def test_a_program_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.3)
    (found,) = told(program("import time; time.sleep(600)"))
    assert "took longer" in found.why


def test_one_way_that_works_is_enough_and_each_is_tried() -> None:
    with hook(answering(500)) as server:
        found = told(AnnounceText(webhook=f"{server.address}/x", command=[sys.executable, "-c", "input()"]))
    assert [(item.way, item.ok) for item in found] == [("webhook", False), ("command", True)]
    assert heard(tuple(found))
    assert not heard(tuple(found[:1]))


def test_no_way_is_nothing_told() -> None:
    assert told(AnnounceText()) == []
    assert not heard(())


def test_what_unsigned_settings_name_is_neither_asked_nor_started(tmp_path: Path) -> None:
    written = tmp_path / "here"
    with hook(answering(200)) as server:
        ways = AnnounceText(f"{server.address}/x", [sys.executable, "-c", f"open({str(written)!r}, 'w')"])
        found = announce(ways, MESSAGE, {}, trusted=False)
    assert [item.ok for item in found] == [False, False]
    assert "not signed" in found[0].why
    assert server.asked == []
    assert not written.exists()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("@everyone <!channel> <@U1>", "(at)everyone &lt;!channel&gt; &lt;(at)U1&gt;"),
        ("```\n@here", "'''\n(at)here"),
        ("[x](https://example.com) www.example.com", "[x](https[:]//example.com) www[.]example.com"),
        ("MAILTO:a@b.c", "MAILTO[:]a(at)b.c"),
        ("\x1b[31m ##[error]x", "\\e[31m # #[error]x"),
        ("a \u202ecba", "a \\u{202e}cba"),
        ("key AKIAABCDEFGHIJKLMNOP and more", "key (sensitive)"),
        ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
    ],
)
def test_nothing_hostile_is_obeyed(line: str, shown: str) -> None:
    assert for_chat(line) == f"```\n{shown}\n```"


def test_no_line_is_a_command_to_a_mailer() -> None:
    assert for_mail(".\n~!id\nx") == " .\n ~!id\nx\n"


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert for_mail("x" * 1000).rstrip("\n") == "x" * 399 + "…"
    assert for_mail("\n".join("x" * 100)).splitlines()[-1] == "(and 60 more lines)"
    assert len(for_mail("\n".join(["x" * 400] * 30))) < 3_600


@given(st.text(), st.sampled_from(["", "\n", " "]), st.text())
def test_whatever_is_told_calls_nobody_and_leads_nowhere(one: str, between: str, other: str) -> None:
    for text in (for_chat(one + between + other), for_mail(one + between + other)):
        inner = text.removeprefix("```\n").removesuffix("\n```")
        assert not {"@", "`"} & set(inner)
        assert "://" not in inner
        assert len(text) < 20_000
    assert not {"<", ">"} & set(for_chat(one + other))
