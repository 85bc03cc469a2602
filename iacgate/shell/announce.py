"""Making an emergency known: a webhook, and a program that sends a mail or a page.

Only what signed settings name is asked or started: unsigned ones may come with the change under review. What is told
holds names and reasons that anybody may have written, so that nothing in it may call people, lead somewhere, or be
shown as anything but text. How it went is a value, and nothing here raises.

Slack wants ``&``, ``<`` and ``>`` written as entities, and takes everything between the last two for commands
(``<!channel>``); Mattermost and Teams read Markdown. Between three backticks, neither sees any.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from iacgate.plan.secrecy import HIDDEN_TEXT, credential, may_hold_credential
from iacgate.policy.emergencies import PLACE, AnnounceText, is_webhook
from iacgate.render.plain import harmless

if TYPE_CHECKING:
    import requests

SECRET_VARIABLE: Final = "IACGATE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
"""The environment variable with what ``{secret}`` in a webhook stands for; no other one is ever sent anywhere."""

TIMEOUTS: Final = (5, 10)
"""Seconds to connect, and between two parts of an answer."""
MAX_SECONDS: Final = 30
"""Seconds for an answer as a whole, and for a program."""
MAX_ANSWER: Final = 4 << 10
"""Bytes of an answer that are read."""
MAX_LINES: Final = 40
MAX_LINE: Final = 400
MAX_TEXT: Final = 3_500
"""Characters; Slack shows 4,000 of a message for certain."""

_SECRET: Final = re.compile(r"[A-Za-z0-9._~%=/-]{1,500}", re.ASCII)
_MOST_READ: Final = 4 * MAX_LINE
_FAILED: Final = b"delivery failed"
"""Connectors of Teams answer 200 with this in the text."""

_PASSED_ON: Final = frozenset(
    (
        "HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR SSL_CERT_FILE SSL_CERT_DIR "
        "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy"
    ).split()
)
"""What a program sees of the environment, beside PATH and LC_*: no credentials."""

_LINKS: Final = re.compile(r"://|(?<=\bwww)\.|(?<=\bmailto):", re.IGNORECASE)


class Announced(msgspec.Struct, frozen=True):
    """One way in which it was tried: whether it was told, and why not. ``why`` names no address and no secret."""

    way: Literal["webhook", "command"]
    ok: bool
    why: str = ""


class _NotTold(Exception):
    """Why it could not be told; caught where it was tried."""


def announce(
    ways: AnnounceText, message: str, environment: Mapping[str, str], *, trusted: bool
) -> tuple[Announced, ...]:
    """Tell a message in every way that is named; return how each went, and nothing where none is named.

    Args:
        ways: what the policy names.
        message: lines of text, of any content.
        environment: ours; the program sees little of it.
        trusted: whether the settings are those that were signed. Else nothing is asked or started.
    """
    found = []
    if ways.webhook:
        found.append(_tried("webhook", lambda: _post(ways.webhook, message, environment), trusted=trusted))
    if ways.command:
        found.append(_tried("command", lambda: _run(ways.command, message, environment), trusted=trusted))
    return tuple(found)


def heard(announced: tuple[Announced, ...]) -> bool:
    """Return whether it was told in at least one way; not where none was tried."""
    return any(item.ok for item in announced)


def _tried(way: Literal["webhook", "command"], tell: Callable[[], None], *, trusted: bool) -> Announced:
    if not trusted:
        return Announced(
            way,
            ok=False,
            why="the settings are not signed, and then nothing that they name is told: sign them, and name --trusted",
        )
    try:
        tell()
    except _NotTold as error:
        return Announced(way, ok=False, why=str(error))
    except Exception as error:  # a library's own text could show the address
        return Announced(way, ok=False, why=f"it failed ({type(error).__name__})")
    return Announced(way, ok=True)


def _post(webhook: str, message: str, environment: Mapping[str, str]) -> None:
    import requests  # noqa: PLC0415 - slow to load, and emergencies are rare
    import urllib3  # noqa: PLC0415 - as above

    url = _address(webhook, environment)
    body = msgspec.json.encode({"text": for_chat(message)})
    headers = {"Content-Type": "application/json", "User-Agent": "iacgate"}
    end = time.monotonic() + MAX_SECONDS
    try:
        with (
            _session(url) as session,
            session.post(
                url,
                data=body,
                headers=headers,
                stream=True,
                timeout=TIMEOUTS,
                allow_redirects=False,
                auth=lambda request: request,  # without it, requests looks into ~/.netrc
            ) as answer,
        ):
            status, said = answer.status_code, _beginning(answer, end)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _NotTold(f"no answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise _NotTold(f"the answer is {status}")
    if _FAILED in said.lower():
        raise _NotTold("the answer says that it was not delivered")


def _session(url: str) -> requests.Session:
    import requests  # noqa: PLC0415 - as above

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> None:
            """See no redirects: to prepare one, the library would read the body of any size."""

    session = Session()
    session.trust_env = url.startswith("https:")  # proxies and certificates of the machine
    return session


def _address(webhook: str, environment: Mapping[str, str]) -> str:
    """Return where to send it, with what is secret of it."""
    if not is_webhook(webhook):
        raise _NotTold("the webhook is no address to which an announcement may be sent")
    if PLACE not in webhook:
        return webhook
    secret = environment.get(SECRET_VARIABLE, "")
    if not _SECRET.fullmatch(secret) or ".." in secret:
        raise _NotTold(f"{SECRET_VARIABLE} is not set, or is no part of an address")
    url = webhook.replace(PLACE, secret)
    if urlsplit(url).netloc != urlsplit(webhook).netloc:
        raise _NotTold(f"{SECRET_VARIABLE} is no part of an address")
    return url


def _beginning(answer: requests.Response, end: float) -> bytes:
    """Return the beginning of an answer; how long one takes that has more, nobody waits for."""
    data = bytearray()
    while len(data) < MAX_ANSWER:
        part = answer.raw.read1(MAX_ANSWER, decode_content=True)
        if not part:
            break
        data += part
        if time.monotonic() > end:
            raise _NotTold(f"the answer took longer than {MAX_SECONDS} seconds")
    return bytes(data)


def _run(command: list[str], message: str, environment: Mapping[str, str]) -> None:
    path = os.pathsep.join(
        entry for entry in environment.get("PATH", os.defpath).split(os.pathsep) if entry.startswith("/")
    )
    program = shutil.which(command[0], path=path) if "/" not in command[0] else command[0]
    if program is None or not program.startswith("/"):
        raise _NotTold(f"the program {harmless(command[0])[:MAX_LINE]} is not on PATH")
    seen = {name: text for name, text in environment.items() if name in _PASSED_ON or name.startswith("LC_")}
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            [program, *command[1:]],
            cwd="/",  # nothing in the change is named by a relative path
            env={**seen, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _NotTold(f"it could not be started ({type(error).__name__})") from None
    _feed(process, for_mail(message).encode())


def _feed(process: subprocess.Popen[bytes], text: bytes) -> None:
    try:
        process.communicate(text, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        raise _NotTold(f"it took longer than {MAX_SECONDS} seconds") from None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise _NotTold(f"it ended with {process.returncode}")


def for_mail(message: str) -> str:
    """Return a message as a program gets it: lines of harmless text, none of which is a command to a mailer."""
    return "".join(f"{re.sub('^(?=[.~])', ' ', line)}\n" for line in _lines(message))


def for_chat(message: str) -> str:
    """Return a message as a webhook gets it: harmless text between backticks, with entities as Slack wants them."""
    text = "\n".join(_lines(message)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"```\n{text}\n```"


def _lines(message: str) -> Iterator[str]:
    """Yield the lines of a message in which nothing is obeyed, with what was left out said."""
    lines, left = message.split("\n"), MAX_TEXT
    for number, line in enumerate(lines):
        text = _neutral(line)
        left -= len(text) + 1
        if number == MAX_LINES or left < 0:
            yield f"(and {len(lines) - number} more lines)"
            return
        yield text


def _neutral(line: str) -> str:
    """Return a line without credentials, that calls nobody and leads nowhere."""
    text = line[:_MOST_READ]
    found = credential().search(text) if may_hold_credential(text) else None
    text = harmless(text[: found.start()] + HIDDEN_TEXT if found else text)
    text = _LINKS.sub(lambda match: f"[{match[0][0]}]{match[0][1:]}", text).replace("@", "(at)").replace("`", "'")
    return text if len(text) <= MAX_LINE and len(line) <= _MOST_READ else f"{text[: MAX_LINE - 1]}…"
