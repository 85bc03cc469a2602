"""A store in a bucket of S3, or of what speaks as S3 does; evidence wants one with object lock.

Semantics are those of the Amazon S3 API reference: conditional writes (``If-None-Match``), ``ListObjectVersions``,
``ChecksumMode``. Amazon's S3 and SeaweedFS hold the condition on small and on multipart writes; a server that
ignores it is no store for evidence.

SeaweedFS lists folder by folder. Where a listing takes several calls, or has a limit, and the name of one folder
is the beginning of another name beside it (``log/a`` and ``log/a-b``), it leaves keys out: list one folder at a time.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, Final

from iacgate.errors import EvidenceInvalid
from iacgate.evidence import s3bucket
from iacgate.evidence.s3call import Bucket, Said, Timing, code, headers, text
from iacgate.evidence.store import MAX_LISTED, Stored, byte_order, check_key, check_prefix, together

_URL: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?))?/?", re.ASCII)
_CHUNK: Final = 1 << 20
_PAGE: Final = 1000
"""Versions of one listing that S3 returns in one call."""

_YEARS: Final = range(2000, 9000)
"""In which objects are written; the first and last years of the calendar have no UTC everywhere."""

_TAKEN: Final = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
"""What S3 says where an object is there already, or is being written by another."""

_ABSENT: Final = {"NoSuchKey", "NoSuchVersion"}


class S3Store:
    """A store at ``s3://bucket/prefix``, used by any number of threads. See :class:`iacgate.evidence.store.Store`.

    ``kms_key`` is the key that encrypts what is written, where it is not the bucket's own. With ``locked``,
    :meth:`problems` wants objects to be locked for so many ``days``. More bytes than ``part`` are written in parts.

    Raises :class:`EvidenceInvalid` for an address that is none, and where boto3 is missing or not set up.
    """

    def __init__(
        self,
        url: str,
        *,
        kms_key: str = "",
        locked: bool = True,
        days: int = 400,
        timing: Timing = Timing(),  # noqa: B008 - it is frozen
        part: int = 64 << 20,
    ) -> None:
        bucket, prefix = parse_url(url)
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._encrypt = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        self._locked = locked
        self._days = days
        self._part = part
        self._bucket = Bucket(bucket, self._name, timing)

    @property
    def name(self) -> str:
        """Its address."""
        return self._name

    @property
    def independent(self) -> bool:
        """Whether it is meant to be locked; whether it is, :meth:`problems` finds out."""
        return self._locked

    def now(self) -> str:
        """Return the time of the newest answer, and the seconds since then."""
        if (time := self._bucket.time()) is None:
            self._bucket.call("list", "list_object_versions", {"Prefix": self._prefix, "MaxKeys": 1})
            time = self._bucket.time()
        return time or ""

    def create(self, key: str, data: bytes) -> bool:
        """Write an object on the condition that it is not there."""
        name = self._prefix + check_key(key)
        if len(data) > self._part:
            return self._create_in_parts(name, data)
        more = {"Key": name, "Body": data, "ChecksumSHA256": _checksum(data), "IfNoneMatch": "*", **self._encrypt}
        return self._written(self._bucket.call("write", "put_object", more, _taken))

    def read(self, key: str, limit: int, version: str = "") -> bytes | None:
        """Return an object whose length is what S3 says, as is its checksum if it was written in one part."""
        more = {"Key": self._prefix + check_key(key), "ChecksumMode": "ENABLED"}
        if version:
            more["VersionId"] = version
        answer = self._bucket.call("read", "get_object", more, _absent)
        if answer is None:
            return None
        with self._bucket.errors("read"), closing(answer["Body"]) as body:
            return self._content(body, answer.get("ContentLength"), limit)

    def listing(self, prefix: str, limit: int = 0) -> list[Stored]:
        """Return versions and markers; of those of one key that came in the same second, the latest is the first."""
        found: list[tuple[Any, Stored]] = []
        numbers = count()
        where = {"Prefix": self._prefix + check_prefix(prefix), "MaxKeys": min(limit or _PAGE, _PAGE)}
        more = True
        while more:
            page = self._bucket.call("list", "list_object_versions", where) or {}
            found += [self._stored(item, next(numbers), marker=False) for item in page.get("Versions", [])]
            found += [self._stored(item, next(numbers), marker=True) for item in page.get("DeleteMarkers", [])]
            more = self._truncated(page) and not limit
            if more:
                where = self._next(page, where, len(found))
        return [stored for _, stored in sorted(found, key=lambda one: one[0])][: limit or None]

    def unprotected(self, items: Sequence[Stored]) -> list[str]:
        """Return the keys of those versions that no lock keeps now; nothing where the store is not to be locked."""
        if not self._locked:
            return []
        kept = together([partial(self._is_kept, item) for item in items if not item.marker])
        return [item.key for item, held in zip((i for i in items if not i.marker), kept, strict=True) if not held]

    def _is_kept(self, item: Stored) -> bool:
        """Return whether a lock that nobody can lift keeps a version now."""
        more = {"Key": self._prefix + item.key, "VersionId": item.version}
        answer = self._bucket.call("look at the lock", "head_object", more) or {}
        until = answer.get("ObjectLockRetainUntilDate")
        return answer.get("ObjectLockMode") == "COMPLIANCE" and isinstance(until, datetime) and text(until) > self.now()

    def problems(self) -> list[str]:
        """Return what makes the bucket unfit, or cannot be known; where nothing is locked, no lock is missed."""
        days = self._days if self._locked else 0
        return s3bucket.problems(self._ask, self._name, days=days, encrypted=bool(self._encrypt))

    def _create_in_parts(self, name: str, data: bytes) -> bool:
        more = {"Key": name, "ChecksumAlgorithm": "SHA256", **self._encrypt}
        started = self._bucket.call("write", "create_multipart_upload", more) or {}
        upload = {"Key": name, "UploadId": started.get("UploadId", "")}
        written = False
        try:
            parts = [self._upload(upload, at, data) for at in range(0, len(data), self._part)]
            whole = {**upload, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
            written = self._written(self._bucket.call("write", "complete_multipart_upload", whole, _taken))
        finally:
            if not written:
                with suppress(EvidenceInvalid):  # what is left of it is no object; the bucket's rules remove it
                    self._bucket.call("write", "abort_multipart_upload", upload)
        return written

    def _written(self, answer: Said | None) -> bool:
        """Return whether an object was written; whoever answers a write without its ETag is not S3."""
        if answer is not None and not answer.get("ETag"):
            raise self._bucket.odd("no receipt")
        return answer is not None

    def _upload(self, upload: Mapping[str, str], at: int, data: bytes) -> dict[str, Any]:
        """Send one part, and return what completes it."""
        piece = data[at : at + self._part]
        part = {"PartNumber": at // self._part + 1, "ChecksumSHA256": _checksum(piece)}
        answer = self._bucket.call("write", "upload_part", {**upload, **part, "Body": piece}) or {}
        return {**part, "ETag": answer.get("ETag", "")}

    def _content(self, body: Any, size: Any, limit: int) -> bytes:
        if not isinstance(size, int):
            raise self._bucket.odd("no length")
        if size > limit:
            raise self._bucket.odd(f"more than {limit} bytes")
        pieces: list[bytes] = []
        while piece := body.read(_CHUNK):  # botocore looks at length and checksum at the end only
            pieces.append(piece)
        return b"".join(pieces)

    def _stored(self, item: Said, number: int, *, marker: bool) -> tuple[Any, Stored]:
        """Return what orders a version, and the version."""
        key, version, at = item.get("Key"), item.get("VersionId"), item.get("LastModified")
        size = 0 if marker else item.get("Size")
        if not (isinstance(key, str) and isinstance(version, str) and isinstance(size, int)):
            raise self._bucket.odd("a version without key, version or size")
        if not isinstance(at, datetime) or at.year not in _YEARS or not key.startswith(self._prefix):
            raise self._bucket.odd("a version without time, or of another key")
        stored = Stored(key.removeprefix(self._prefix), version, size, text(at), marker)
        return (byte_order(key), not item.get("IsLatest"), -at.timestamp(), number), stored

    def _truncated(self, page: Said) -> bool:
        """Return whether a listing goes on; an answer that does not say so is no listing."""
        if not isinstance(page.get("IsTruncated"), bool):
            raise self._bucket.odd("a listing that does not say whether it ends")
        return bool(page["IsTruncated"])

    def _next(self, page: Said, where: Said, seen: int) -> dict[str, Any]:
        """Return where a listing goes on."""
        markers = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
        markers = {name: value for name, value in markers.items() if value}
        if "KeyMarker" not in markers or {**where, **markers} == where:
            raise self._bucket.odd("a listing that does not go on")
        if seen > MAX_LISTED:
            raise self._bucket.odd("too many objects")
        return {"Prefix": where["Prefix"], "MaxKeys": where["MaxKeys"], **markers}

    def _ask(self, method: str) -> s3bucket.Answer:
        """Ask about the bucket."""
        said = ""

        def is_answer(answer: Said) -> bool:
            nonlocal said
            said = code(answer)
            return said in s3bucket.ANSWERS

        answer = self._bucket.call("look at the bucket", method, {}, is_answer)
        return s3bucket.Answer({}, said) if answer is None else s3bucket.Answer(answer)


def parse_url(url: str) -> tuple[str, str]:
    """Return bucket and prefix of ``s3://bucket/prefix``; raises :class:`EvidenceInvalid`."""
    found = _URL.fullmatch(url)
    if found is None:
        raise EvidenceInvalid(f"{ascii(url)} is no bucket.", hint="Write s3://bucket/prefix.")
    return found[1], check_key(found[2]) if found[2] else ""


def _taken(answer: Said) -> bool:
    return code(answer) in _TAKEN


def _absent(answer: Said) -> bool:
    """Return whether S3 says that there is no object, or that this version is a marker."""
    marker = code(answer) == "MethodNotAllowed" and headers(answer).get("x-amz-delete-marker") == "true"
    return marker or code(answer) in _ABSENT


def _checksum(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
