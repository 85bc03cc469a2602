"""Calls about one bucket of S3: errors in our own words, and the time of the store's newest answer.

Endpoint, region, profile and credentials are found as the AWS tools find them (``AWS_ENDPOINT_URL_S3``,
``AWS_PROFILE`` ...).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from iacgate import instants
from iacgate.errors import EvidenceInvalid, StoreUnreachable

_DATE: Final = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) GMT", re.ASCII)
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CALLS: Final = 16
"""Connections that are kept, as many as :func:`iacgate.evidence.store.together` uses."""

_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
_CHECK: Final = "Check credentials, profile, region and endpoint: `aws sts get-caller-identity`."
_HINTS: Final = {
    "AccessDenied": "Ask for the rights that the store needs, s3:ListBucket included: see the bucket's policy.",
    "ExpiredToken": "Sign in again.",
    "InvalidAccessKeyId": _CHECK,
    "NoSuchBucket": "Look at the store's address: bucket, account and endpoint.",
    "RequestTimeTooSkewed": "Set the clock of this machine.",
    "SignatureDoesNotMatch": _CHECK,
    "SlowDown": "Run it again, later.",
}

Said: TypeAlias = Mapping[str, Any]
"""An answer as boto3 has it."""


class Timing(msgspec.Struct, frozen=True):
    """How long is waited: seconds to connect, seconds for the next bytes, and attempts in all, with pauses between."""

    connect: float = 5.0
    read: float = 30.0
    attempts: int = 4


class Bucket:
    """Makes calls about a bucket, for any number of threads; ``address`` is what errors name.

    Raises :class:`EvidenceInvalid` where boto3 is missing or not set up.
    """

    def __init__(self, bucket: str, address: str, timing: Timing) -> None:
        self._bucket = bucket
        self._address = address
        self._newest: tuple[str, float] | None = None
        try:
            import botocore  # noqa: F401, PLC0415 - slow to load, and most runs use no bucket
        except ImportError as error:
            raise EvidenceInvalid(f"{address} needs the extra `s3`.", hint="pip install 'iacgate[s3]'") from error
        with self.errors("set up"):
            self._client = _client(timing)

    def call(
        self, what: str, method: str, more: Said, nothing: Callable[[Said], bool] = lambda _: False
    ) -> dict[str, Any] | None:
        """Make a call; return ``None`` for an error of S3 that is ``nothing``, and raise all others."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded by now

        with self.errors(what):
            try:
                answer: dict[str, Any] = getattr(self._client, method)(Bucket=self._bucket, **more)
            except ClientError as error:
                if nothing(error.response):
                    return None
                raise
        self._newest = (str(headers(answer).get("date", "")), time.monotonic())
        return answer

    def time(self) -> str | None:
        """Return the time of the newest answer, and the seconds since then; ``None`` before the first."""
        if self._newest is None:
            return None
        said, at = self._newest
        moment = datetime.fromtimestamp(instants.seconds(self._instant(said)), UTC)
        return text(moment + timedelta(seconds=time.monotonic() - at))

    def odd(self, what: str) -> EvidenceInvalid:
        """Return the error for an answer that cannot be."""
        return EvidenceInvalid(f"{self._address} answered with {what}.", hint="Look at the endpoint and the bucket.")

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Say in our own words what went wrong: those of a server or a library may hold anything."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - loaded by now
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - loaded by now
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - loaded by now

        try:
            yield
        except ClientError as error:
            why = code(error.response)
            hint = _HINTS.get(why, "See the service's status.")
            raise self._failed(what, why, hint, gone=_is_down(error.response)) from None
        except (BotoCoreError, ResponseParserError, HTTPError, ValueError, OSError) as error:
            raise self._failed(what, type(error).__name__, _CHECK, gone=_is_silent(error)) from None

    def _failed(self, what: str, why: str, hint: str, *, gone: bool) -> EvidenceInvalid:
        """Return the error of a call; ``gone`` is for a store that cannot be reached, and did not refuse the caller."""
        kind = StoreUnreachable if gone else EvidenceInvalid
        return kind(f"{self._address}: could not {what} ({why}).", hint=hint)

    def _instant(self, said: str) -> str:
        """Return a Date header (RFC 9110, IMF-fixdate) as an instant."""
        found = _DATE.fullmatch(said)
        month = _MONTHS.index(found[2]) + 1 if found and found[2] in _MONTHS else 0
        instant = f"{found[3]}-{month:02}-{found[1]}T{found[4]}Z" if found else ""
        if not instants.is_instant(instant):
            raise self.odd("no time")
        return instant


def code(answer: Said) -> str:
    """Return the code of an error of S3, or ``unknown``."""
    said = str(answer.get("Error", {}).get("Code", ""))
    return said if _CODE.fullmatch(said) else "unknown"


def _is_down(answer: Said) -> bool:
    """Return whether a server says that it is the one that cannot: a code of RFC 9110, section 15.6."""
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return isinstance(status, int) and 500 <= status <= 599


def _is_silent(error: Exception) -> bool:
    """Return whether nobody answered; a certificate that does not verify is an answer by somebody else."""
    from botocore import exceptions  # noqa: PLC0415 - loaded by now

    silent = (
        exceptions.ConnectTimeoutError,
        exceptions.ConnectionClosedError,
        exceptions.EndpointConnectionError,
        exceptions.ProxyConnectionError,
        exceptions.ReadTimeoutError,
    )
    return isinstance(error, silent)


def headers(answer: Said) -> Said:
    """Return an answer's headers, by their names in small letters."""
    found: Said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return found


def text(moment: datetime) -> str:
    """Return an instant as text, in UTC to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _client(timing: Timing) -> Any:
    """Return a client of boto3, with the bucket in the path where the endpoint is not Amazon's."""
    from boto3.session import Session  # noqa: PLC0415 - slow to load, and most runs use no bucket
    from botocore.config import Config  # noqa: PLC0415 - slow to load, and most runs use no bucket

    retries: Any = {"mode": "standard", "total_max_attempts": timing.attempts}
    config = Config(
        connect_timeout=timing.connect, read_timeout=timing.read, retries=retries, max_pool_connections=_CALLS
    )
    session = Session()
    client = session.client("s3", config=config)
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return client
    return session.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))
