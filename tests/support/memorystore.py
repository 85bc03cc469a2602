"""A store in memory that keeps versions as S3 does: what tests tamper with, and count the rounds of."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from iacgate.errors import EvidenceInvalid
from iacgate.evidence.store import Stored, check_key


class MemoryStore:
    """Keeps every version of every key; ``instant`` is its clock."""

    def __init__(self, instant: str = "2026-11-23T12:00:00Z", wrong: Sequence[str] = ()) -> None:
        self.instant = instant
        self.wrong = list(wrong)
        self.bare: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.versions: dict[str, list[tuple[Stored, bytes]]] = {}  # oldest first
        self._lock = threading.Lock()
        self._count = 0

    name = "memory"
    independent = True

    def now(self) -> str:
        return self.instant

    def unprotected(self, items: Sequence[Stored]) -> list[str]:
        return [item.key for item in items if item.key in self.bare]

    def problems(self) -> list[str]:
        return self.wrong

    def create(self, key: str, data: bytes) -> bool:
        with self._lock:
            self.calls.append(("create", check_key(key)))
            if self._newest(key) is not None:
                return False
            self._add(key, data, marker=False)
            return True

    def read(self, key: str, limit: int, version: str = "") -> bytes | None:
        with self._lock:
            self.calls.append(("read", check_key(key)))
            found = next(
                (data for item, data in self.versions.get(key, []) if version and item.version == version), None
            )
            found = found if version else self._newest(key)
            if found is not None and len(found) > limit:
                raise EvidenceInvalid(f"{key} is too large.", hint="Report this.")
            return found

    def listing(self, prefix: str, limit: int = 0) -> list[Stored]:
        with self._lock:
            self.calls.append(("list", prefix))
            keys = sorted(key for key in self.versions if key.startswith(prefix))
            found = [item for key in keys for item, _ in reversed(self.versions[key])]
            return found[:limit] if limit else found

    def overwrite(self, key: str, data: bytes) -> None:
        """Put a further version, as whoever may write without a condition does."""
        self._add(key, data, marker=False)

    def delete(self, key: str) -> None:
        """Put a marker, as a plain DELETE does."""
        self._add(key, b"", marker=True)

    def destroy(self, key: str) -> None:
        """Remove a key with all of its versions, as nobody may."""
        del self.versions[key]

    def replace(self, key: str, data: bytes) -> None:
        """Change the only version of a key, as nobody may."""
        (item, _), *rest = self.versions[key]
        self.versions[key] = [(msgspec.structs.replace(item, size=len(data)), data), *rest]

    def _add(self, key: str, data: bytes, *, marker: bool) -> None:
        self._count += 1
        item = Stored(key, f"v{self._count}", len(data), self.instant, marker)
        self.versions.setdefault(key, []).append((item, data))

    def _newest(self, key: str) -> bytes | None:
        item, data = self.versions.get(key, [(Stored("", "", 0, "", marker=True), b"")])[-1]
        return None if item.marker else data
