"""What terraform prints: shown as it comes, and kept with times; both redacted.

What is born during an apply (a password that a provider draws) is known only afterwards, from the new state: it is
looked for before the log is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from iacgate.apply.process import MAX_LINE
from iacgate.evidence.scrub import Scrubber

MAX_KEPT: Final = 64 << 20
"""Bytes of a log that are kept; of more, the beginning and the end."""

MAX_LONG: Final = 1 << 20
"""Bytes of a line; of a longer one nothing is shown or kept, since half a secret could stand where it is cut."""

_COST: Final = 128
"""Bytes that a line takes besides its own: its time, and what Python needs for it."""

_CUT: Final = b"... (cut)"
_WITHHELD: Final = (
    b"What terraform printed is not kept: the state could not be read, so that secrets in it are not known.\n"
)


_BEGIN, _END = b"-----BEGIN ", b"-----END "
_MAX_KEY: Final = 400
"""Lines of a private key that are not shown, whatever comes."""


class Log:
    """Takes lines, shows them, and keeps them.

    ``show`` gets what a person sees, ``clock`` says what time it is, ``secrets`` are those that are known before.
    """

    def __init__(self, secrets: Iterable[str], show: Callable[[bytes], None], clock: Callable[[], str]) -> None:
        self._secrets = frozenset(secrets)
        self._show, self._clock = show, clock
        self._scrubber = Scrubber(self._secrets)
        self._lines: list[tuple[str, bytes]] = []
        self._begun = bytearray()  # of a line whose last piece has not come
        self._too_long = False
        self._size = 0
        self._closed = False
        self._in_key = 0
        self._withheld = False

    def line(self, line: bytes) -> None:
        """Take a line without its end, or a piece as :data:`iacgate.apply.process.MAX_LINE` describes it.

        A line is shown once all of it is there. It is kept even where it cannot be shown: nobody who closes a
        window decides what the evidence has.
        """
        self._too_long = self._too_long or len(self._begun) + len(line) > MAX_LONG
        self._begun = bytearray() if self._too_long else self._begun + line
        if len(line) != MAX_LINE:
            self._end_line()

    def _end_line(self) -> None:
        line = b"(a line of more than %d KiB)" % (MAX_LONG >> 10) if self._too_long else bytes(self._begun)
        self._begun, self._too_long = bytearray(), False
        self._size += len(line) + _COST
        self._lines.append((self._clock(), line))
        if self._size > 2 * MAX_KEPT:
            self._shorten()
        if not self._is_in_key(line):
            self._show_or_not(self._scrubber.clean(line) + b"\n")

    def _show_or_not(self, text: bytes) -> None:
        """Show something; after the first time that this fails, nothing more."""
        if self._closed:
            return
        try:
            self._show(text)
        except (OSError, ValueError):  # ValueError: a closed stream
            self._closed = True

    def _is_in_key(self, line: bytes) -> bool:
        """Return whether a line is of a private key of several lines, which no line by itself shows."""
        if self._in_key:
            self._in_key = 0 if _END in line else self._in_key - 1
            return True
        if _BEGIN in line and b"PRIVATE KEY" in line and _END not in line:
            self._in_key = _MAX_KEY
        return False

    def learn(self, secrets: Iterable[str]) -> None:
        """Take further secrets, which the kept log is to hide, too."""
        self._secrets |= frozenset(secrets)

    def distrust(self) -> None:
        """Keep nothing of what was printed: not all secrets are known."""
        self._withheld = True

    def kept(self) -> bytes:
        """Return the log as it is kept: each line with its time.

        Secrets that span lines are found in the whole text, before the times come between.
        """
        if self._withheld:
            return _WITHHELD
        if self._begun or self._too_long:
            self._end_line()
        cleaned = Scrubber(self._secrets).clean(b"\n".join(line for _, line in self._lines)).split(b"\n")
        if len(cleaned) != len(self._lines):  # a secret of several lines became one word
            return b"\n".join(cleaned) + b"\n"
        return b"".join(
            b"%s %s\n" % (time.encode(), line) for (time, _), line in zip(self._lines, cleaned, strict=True)
        )

    def _shorten(self) -> None:
        """Keep the beginning and the end of a log that is far too long."""
        first = _fitting(self._lines)
        last = len(self._lines) - _fitting(reversed(self._lines))
        self._lines = [*self._lines[:first], (self._clock(), _CUT), *self._lines[last:]]
        self._size = sum(len(line) + _COST for _, line in self._lines)


def _fitting(lines: Iterable[tuple[str, bytes]]) -> int:
    """Return how many lines fit into half of what is kept."""
    room, count = MAX_KEPT // 2, 0
    for _, line in lines:
        room -= len(line) + _COST
        if room < 0:
            break
        count += 1
    return count
