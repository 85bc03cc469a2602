"""Where evidence is kept: objects by key, written once.

A store knows nothing of what it holds. There are two: a folder (:mod:`iacgate.evidence.folderstore`) and a
bucket of S3 (:mod:`iacgate.evidence.s3`), with the same keys, so that one is a copy of the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from iacgate import canonical
from iacgate.errors import EvidenceInvalid

MAX_LISTED: Final = 1_000_000
"""Versions in one listing; more of them raise."""

MAX_OBJECT: Final = 2 << 30
"""Bytes of one object."""

_SEGMENT: Final = re.compile(r"(?!\.)[A-Za-z0-9._%=-]{1,200}")
_TOGETHER: Final = 16
"""So many calls are under way at the same time."""

T = TypeVar("T")


class Stored(msgspec.Struct, frozen=True):
    """One version of one object, as a listing shows it.

    ``version`` is the store's name for it, empty where a store has no versions; ``modified`` is the instant at
    which the store saw it arrive, and ``nanoseconds`` what came on top of that second: 0 where a store does not know.
    With ``marker``, it says that the object was deleted, and has no content.
    """

    key: str
    version: str
    size: int
    modified: str
    marker: bool = False
    nanoseconds: int = 0


class Store(Protocol):
    """Objects by key. A key is segments of letters, digits and ``._%=-`` between slashes.

    Every method raises :class:`iacgate.errors.EvidenceInvalid` where the store does not answer, or not what
    can be: nothing is ever taken for absent because of an error.
    """

    @property
    def name(self) -> str:
        """What people call it: a folder's path, or ``s3://bucket/prefix``."""

    @property
    def independent(self) -> bool:
        """Whether whoever can write to it cannot also change or remove what is there."""

    def now(self) -> str:
        """Return the time by the store's own clock, which nobody who uses it can set."""

    def create(self, key: str, data: bytes) -> bool:
        """Write an object that is not there; return whether it was written, and was not there before.

        Where an answer was lost, it may be there although ``False`` comes back: compare what is read.
        """

    def read(self, key: str, limit: int, version: str = "") -> bytes | None:
        """Return an object, or one version of it; ``None`` where there is none. More than ``limit`` bytes raise."""

    def listing(self, prefix: str, limit: int = 0) -> list[Stored]:
        """Return the versions of all keys that begin with a prefix, by key, the newest of a key first.

        At most ``limit`` of them, the first, in one call of the store; 0 for all. What others have put there is
        shown, too, with keys that are none: a key that comes from a listing is hostile.
        """

    def unprotected(self, items: Sequence[Stored]) -> list[str]:
        """Return the keys of those objects that could be removed now, where the store is one that prevents that."""

    def problems(self) -> list[str]:
        """Return what makes it unfit for evidence, in sentences; empty where nothing does."""


def check_key(key: str) -> str:
    """Return a key; raises :class:`EvidenceInvalid` for one that could lead elsewhere."""
    if not all(map(_SEGMENT.fullmatch, key.split("/"))) or len(key) > 900:
        raise EvidenceInvalid(f"{key!r} is no key of a store.", hint="Report this.")
    return key


def check_prefix(prefix: str) -> str:
    """Return the beginning of a key, or nothing; raises :class:`EvidenceInvalid` for what could lead elsewhere."""
    folder, slash, rest = prefix.rpartition("/")
    if slash:
        check_key(folder)
    if rest:
        check_key(rest)
    return prefix


def byte_order(key: str) -> bytes:
    """Return what keys are ordered by: their bytes, as S3 orders them, not folder by folder."""
    return key.encode("utf-8", "surrogatepass")


def read_named(store: Store, key: str, limit: int, digest: str) -> bytes | None:
    """Return that version of an object which has a digest; where none has, the newest, whatever it is.

    So nobody hides evidence by deleting it, or by writing over it, where the store keeps versions. Raises as the
    store does where no version can be read.
    """
    problem = None
    try:
        data = store.read(key, limit)
    except EvidenceInvalid as error:  # perhaps only the newest is too large
        data, problem = None, error
    if data is not None and canonical.digest(data) == digest:
        return data
    for item in store.listing(key):
        if item.key == key and item.version and not item.marker and item.size <= limit:
            older = store.read(key, limit, item.version)
            if older is not None and canonical.digest(older) == digest:
                return older
    if problem:
        raise problem
    return data


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return what some calls return, made at the same time; the first error is raised."""
    if len(calls) < 2:
        return [call() for call in calls]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most runs use no store

    with ThreadPoolExecutor(min(_TOGETHER, len(calls))) as pool:
        return list(pool.map(lambda call: call(), calls))
