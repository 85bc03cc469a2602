"""What terraform prints: shown as it comes, and kept with times; both redacted.

What is born during an apply (a password that a provider draws) is known only afterwards, from the new state: it is
looked for before the log is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from iacgate.evidence.scrub import Scrubber

MAX_KEPT: Final = 64 << 20
"""Bytes of a log that are kept; of more, the beginning and the end."""

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
        self._size = 0
        self._in_key = 0
        self._withheld = False

    def line(self, line: bytes) -> None:
        """Take a line without its end, and show it at once."""
        self._size += len(line) + 1
        self._lines.append((self._clock(), line))
        if self._size > 2 * MAX_KEPT:
            self._shorten()
        if not self._is_in_key(line):
            self._show(self._scrubber.clean(line) + b"\n")

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
        cleaned = Scrubber(self._secrets).clean(b"\n".join(line for _, line in self._lines)).split(b"\n")
        if len(cleaned) != len(self._lines):  # a secret of several lines became one word
            return b"\n".join(cleaned) + b"\n"
        return b"".join(
            b"%s %s\n" % (time.encode(), line) for (time, _), line in zip(self._lines, cleaned, strict=True)
        )

    def _shorten(self) -> None:
        """Keep the beginning and the end of a log that is far too long."""
        quarter = len(self._lines) // 4
        self._lines = [*self._lines[:quarter], (self._clock(), _CUT), *self._lines[-quarter:]]
        self._size = sum(len(line) + 1 for _, line in self._lines)
