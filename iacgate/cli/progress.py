"""A line of progress for what takes longer than a second; silent where nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self, TextIO

from iacgate.render.plain import harmless

_PATIENCE: Final = 1.0
_EVERY: Final = 0.2


class Progress:
    """Tells on a terminal how far something is; writes nothing elsewhere, and nothing in the first second.

    ``done`` says what is counted. It is told every so ``often``: a clock costs more than a step may.
    """

    def __init__(self, stream: TextIO, what: str, done: str = "changes judged", often: int = 64) -> None:
        self._stream = stream
        self._done, self._often = done, often
        self._what = harmless(what)
        self._watched = stream.isatty()
        self._next = time.monotonic() + _PATIENCE
        self._shown = False

    def step(self, done: int, total: int) -> None:
        """Say how many of all are done, not more often than a person can read."""
        if self._watched and not done % self._often and (now := time.monotonic()) >= self._next:
            self._next = now + _EVERY
            self._shown = True
            self._stream.write(f"\r{self._what}: {done:,} of {total:,} {self._done}\x1b[K")
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
