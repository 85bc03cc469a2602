"""A line of progress for what takes longer than a second; silent where nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self, TextIO

from iacgate.render.plain import harmless

_PATIENCE: Final = 1.0
_EVERY: Final = 0.2


class Progress:
    """Tells on a terminal how far the judging is; writes nothing elsewhere, and nothing in the first second."""

    def __init__(self, stream: TextIO, what: str) -> None:
        self._stream = stream
        self._what = harmless(what)
        self._watched = stream.isatty()
        self._next = time.monotonic() + _PATIENCE
        self._shown = False

    def step(self, done: int, total: int) -> None:
        """Say how many of the changes are judged, not more often than a person can read."""
        if self._watched and not done % 64 and (now := time.monotonic()) >= self._next:
            self._next = now + _EVERY
            self._shown = True
            self._stream.write(f"\r{self._what}: {done:,} of {total:,} changes judged\x1b[K")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
