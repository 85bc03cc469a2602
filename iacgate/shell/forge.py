"""Asking a forge: JSON over HTTPS, read only, bounded in size, time and number, and the token goes to one host.

What comes back is for the caller to check; nothing here trusts a link or a redirect further than its path.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import msgspec

from iacgate import strictjson
from iacgate.errors import ForgeFailed, UsageInvalid

if TYPE_CHECKING:
    import requests

TIMEOUTS: Final = (5, 30)
"""Seconds to connect, and between two parts of an answer."""
MAX_SECONDS: Final = 120
"""Seconds for one answer as a whole."""
MAX_BYTES: Final = 10 << 20
"""Bytes of one answer, unpacked."""
MAX_PAGES: Final = 20
PER_PAGE: Final = 100
MAX_ATTEMPTS: Final = 4
MAX_WAIT: Final = 60
"""Seconds that a rate limit may ask to wait; for longer ones, somebody should rather know."""
MAX_REDIRECTS: Final = 3

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NO_ANSWER: Final = 0
_PASSING: Final = (_NO_ANSWER, 502, 503, 504)
_AGAIN: Final = "Try again; if it stays so, look at the forge's status page."


class Answer(msgspec.Struct, frozen=True):
    """An answer: its status, its headers by lower-case name, and its body; status 0 where there is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    problem: str = ""


class Client:
    """Asks one forge; ``token`` may be empty, ``sleep`` waits so many seconds, ``clock`` gives the seconds since 1970.

    With a ``user``, who has no colon in his name, the token is his password (HTTP Basic, RFC 7617).
    Raises :class:`UsageInvalid` where the address is not one that a token may be sent to, or the token is none.
    """

    def __init__(
        self,
        base: str,
        token: str,
        *,
        headers: Mapping[str, str],
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        user: str = "",
    ) -> None:
        self._base = _address(base)
        self._token = _checked_token(token)
        self._user = user
        self._headers = headers
        self._sleep = sleep
        self._clock = clock
        self._opened: requests.Session | None = None
        self.host = self._base.netloc

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON at a path below the base.

        Raises :class:`ForgeFailed` where there is none.
        """
        return self._json(self._asked(self._below(path, query)))

    def answer(self, path: str, query: Mapping[str, str], *, patient: bool) -> Answer:
        """Return the answer at a path below the base, whatever its status is; redirects are not followed.

        Who is ``patient`` waits for what passes by itself. Raises :class:`ForgeFailed` where it is out of bounds.
        """
        url = self._below(path, query)
        return self._patiently(url) if patient else self._once(url)

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """Yield the JSON of each page of a list, following the links to the next one.

        Raises :class:`ForgeFailed`, also where there are more than ``MAX_PAGES``: the rest would be missing in silence.
        """
        url = self._below(path, {**query, "per_page": str(PER_PAGE)})
        for _ in range(MAX_PAGES):
            answer = self._asked(url)
            yield self._json(answer)
            following = _next(answer.headers.get("link", ""))
            if not following:
                return
            url = self._here(url, following, "the next page")
        raise self._failed(
            f"{path}: more than {MAX_PAGES} pages of {PER_PAGE}.", "Nothing is left out in silence: ask for less."
        )

    def _below(self, path: str, query: Mapping[str, str]) -> str:
        asked = f"?{urlencode(query)}" if query else ""
        return f"{self._base.geturl()}{path}{asked}"

    def _here(self, url: str, leads_to: str, what: str) -> str:
        """Return the address to which another one leads, with our own host in it; raise where it names another.

        Whatever two parsers make of a hostile address, the token goes to the host that was given.
        """
        with contextlib.suppress(ValueError):
            parts = urlsplit(urljoin(url, leads_to))
            if _origin(parts) == _origin(self._base):
                return parts._replace(netloc=self._base.netloc, fragment="").geturl()
        raise self._failed(f"{what} is at another host, where the token does not go.", "Name the forge's own address.")

    def _asked(self, url: str) -> Answer:
        """Return the answer with status 200, redirected on this host at most."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._patiently(url)
            if answer.status == 200:
                return answer
            if answer.status not in _REDIRECTS:
                raise self._refused(answer, url)
            url = self._here(url, answer.headers.get("location", ""), "a redirect")
        raise self._failed("it redirects in circles.", _AGAIN)

    def _patiently(self, url: str) -> Answer:
        """Return the last answer: what passes by itself is waited for, if it is not long."""
        for attempt in range(1, MAX_ATTEMPTS):
            answer = self._once(url)
            pause = waiting_time(answer, attempt, self._clock())
            if pause is None:
                return answer
            if pause > MAX_WAIT:
                end = datetime.fromtimestamp(self._clock() + pause, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                raise self._failed(
                    f"too many requests; it answers again from {end} on.", "Run it again then, or with another token."
                )
            self._sleep(pause)
        return self._once(url)

    def _once(self, url: str) -> Answer:
        """Return what one request brings; never an error of the library, whose text could show the token."""
        import requests  # noqa: PLC0415 - slow to load, and few commands ask a forge
        import urllib3  # noqa: PLC0415 - as above

        try:
            with self._session().get(url, stream=True, timeout=TIMEOUTS, allow_redirects=False) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, self._body(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return Answer(_NO_ANSWER, {}, b"", type(error).__name__)

    def _body(self, response: requests.Response) -> bytes:
        """Return the body, unpacked; raise where it is too large, or comes too slowly."""
        body, end = bytearray(), self._clock() + MAX_SECONDS
        while part := response.raw.read1(1 << 16, decode_content=True):
            body += part
            if len(body) > MAX_BYTES:
                raise self._failed(f"an answer has more than {MAX_BYTES >> 20} MiB.", "Look at what answers there.")
            if self._clock() > end:
                raise self._failed(f"an answer takes longer than {MAX_SECONDS} seconds.", _AGAIN)
        return bytes(body)

    def _session(self) -> requests.Session:
        import requests  # noqa: PLC0415 - slow to load, and few commands ask a forge

        class Session(requests.Session):
            def get_redirect_target(self, resp: requests.Response) -> None:
                """See no redirects: to prepare one, the library would read the body of any size."""

        if self._opened is None:
            self._opened = Session()
            self._opened.headers.update({"User-Agent": "iacgate", **self._headers})
            self._opened.auth = self._authorised  # set in any case: without it, requests looks into ~/.netrc
            self._opened.trust_env = self._base.scheme == "https"  # proxies and certificates of the machine
        return self._opened

    def _authorised(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._user:
            pair = base64.b64encode(f"{self._user}:{self._token}".encode()).decode()
            request.headers["Authorization"] = f"Basic {pair}"
        elif self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _json(self, answer: Answer) -> Any:
        try:
            return strictjson.decode(answer.body)
        except (ValueError, RecursionError) as error:  # the text could be anything, so that none of it is shown
            raise self._failed(f"the answer is not valid JSON ({type(error).__name__}).", _AGAIN) from None

    def _refused(self, answer: Answer, url: str) -> ForgeFailed:
        path = urlsplit(url).path
        if answer.status == _NO_ANSWER:
            return self._failed(
                f"no answer ({answer.problem}).", "Look at the address (GITHUB_API_URL) and the network."
            )
        if answer.status == 401:
            return self._failed("it does not take the token.", "Give it a valid one in GITHUB_TOKEN or GH_TOKEN.")
        if answer.status in (403, 404):
            return self._failed(
                f"{path}: not there, or the token may not read it ({answer.status}).",
                "Look at the name, and at what the token (GITHUB_TOKEN or GH_TOKEN) may read.",
            )
        return self._failed(f"{path}: it answers {answer.status}.", _AGAIN)

    def _failed(self, what: str, hint: str) -> ForgeFailed:
        return ForgeFailed(f"{self.host}: {what}", hint=hint)


def waiting_time(answer: Answer, attempt: int, now: float) -> float | None:
    """Return how many seconds to wait before the same request is made again; ``None`` where it should not be.

    GitHub's limits: ``Retry-After``, or no remaining requests before an instant; with 403 as well as 429.
    """
    if answer.status in (403, 429):
        after = re.fullmatch(r"\d{1,6}", answer.headers.get("retry-after", ""), re.ASCII)
        if after:
            return float(after[0])
        reset = re.fullmatch(r"\d{1,10}", answer.headers.get("x-ratelimit-reset", ""), re.ASCII)
        if reset and answer.headers.get("x-ratelimit-remaining") == "0":
            return max(1.0, float(reset[0]) - now)
    return float(2 ** (attempt - 1)) if answer.status in (*_PASSING, 429) else None


def _address(base: str) -> SplitResult:
    """Return the parts of the base; only what listens on this machine, as tests do, is asked without TLS."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(base.rstrip("/"))
        plain = parts.port != 0 and not parts.query and not parts.fragment and "@" not in parts.netloc
        if plain and parts.hostname and (parts.scheme == "https" or _is_local(parts)):
            return parts
    raise UsageInvalid(
        "The address of the forge is not one to which a token may be sent.",
        hint="Name it in GITHUB_API_URL as https://HOST/api/v3; GitHub's own is https://api.github.com.",
    )


def _is_local(parts: SplitResult) -> bool:
    with contextlib.suppress(ValueError):
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    return False


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _checked_token(token: str) -> str:
    """Return the token; what cannot stand in a header would be shown by the library's error about it."""
    if token and not re.fullmatch(r"[\x21-\x7e]{1,1024}", token):
        raise UsageInvalid("The forge's token has characters that no token has.", hint="Mend GITHUB_TOKEN or GH_TOKEN.")
    return token


def _next(link: str) -> str:
    """Return the address of the next page in a ``Link`` header (RFC 8288); empty where it names none."""
    for address, parameters in re.findall(r"<([^<>]*)>((?:\s*;[^,<]*)*)", link):
        if re.search(r';\s*rel\s*=\s*"?next"?\s*(?:;|$)', parameters):
            return str(address)
    return ""
