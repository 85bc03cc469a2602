"""A file behind a link, as a reviewer gets one: nothing of it is trusted."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

from iacgate.errors import UsageInvalid

MAX_BYTES: Final = 1 << 30
MAX_SECONDS: Final = 600
TIMEOUTS: Final = (5, 30)
"""Seconds to connect, and between two pieces of the answer."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def is_link(name: str) -> bool:
    """Return whether a name is a link."""
    return name.startswith(("https://", "http://"))


def download(link: str) -> bytes:
    """Return what is behind a link.

    Credentials are neither looked up nor sent. Raises :class:`UsageInvalid`, without naming the link's query
    (which may hold a signature), where it is not encrypted on its whole way, too large, or not there.
    """
    import requests  # noqa: PLC0415 - few plans come from a link, and it is slow to load
    import urllib3  # noqa: PLC0415 - as above

    place = _place(link)
    _check_way(link)
    try:
        with requests.get(link, stream=True, timeout=TIMEOUTS, auth=lambda request: request) as answer:
            for passed in (*answer.history, answer):
                _check_way(str(passed.url))
            if answer.status_code != 200:
                raise UsageInvalid(f"{place}: the answer is {answer.status_code}.", hint="Has the link expired?")
            data, end = bytearray(), time.monotonic() + MAX_SECONDS
            while piece := answer.raw.read1(1 << 16, decode_content=True):  # what is there: no waiting for more
                data += piece
                if time.monotonic() > end:
                    raise UsageInvalid(f"{place}: slower than {MAX_SECONDS} seconds.", hint="Download it yourself.")
                if len(data) > MAX_BYTES:
                    raise UsageInvalid(f"{place}: larger than {MAX_BYTES >> 20} MiB.", hint="Download it yourself.")
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise UsageInvalid(f"{place}: no answer ({type(error).__name__}).", hint="Try it in a browser.") from error
    return bytes(data)


def _check_way(link: str) -> None:
    parts = urlsplit(link)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise UsageInvalid(f"{_place(link)}: not encrypted.", hint="Use a link that begins with https://.")


def _place(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
