"""What a program printed, without the secrets in it, before it is kept.

Hidden is every form of every known secret (:mod:`iacgate.evidence.spellings`) and what looks like a
credential (:func:`iacgate.plan.secrecy.credential`), private keys with their bodies. Terraform's own lines
have no colours, but those of the programs that it starts may have: control sequences (ECMA-48) are taken
out first, so that none can stand inside a secret, and none reaches the terminal of who reads the evidence.

Not found are secrets that a program changed otherwise: compressed, encrypted, encoded three times over,
split by its own line breaks or by what it prints between, or shorter than six characters.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from iacgate.evidence.spellings import MAX_FORM, spellings
from iacgate.plan.search import Finder, Span
from iacgate.plan.secrecy import HIDDEN_TEXT, MAX_CREDENTIAL, credential_bytes

_HIDDEN: Final = HIDDEN_TEXT.encode()
_STEP: Final = 1 << 16
"""So many bytes are looked at together."""

_KEY_LINE: Final = rb"(?:\\[nr]|[\r\n]){1,4}[^\r\n\\]{0,120}?[A-Za-z0-9+/]{40,76}={0,2}"
_KEY_BLOCK: Final = (
    rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
    rb"(?:(?:[^-]|-(?!----)){0,16384}-----END [A-Z ]{0,40}PRIVATE KEY-----|(?:" + _KEY_LINE + rb"){0,100})"
)
"""A private key to its end; where none comes, its lines, each with at most 120 bytes of a prefix before it."""

AHEAD: Final = max(MAX_FORM, MAX_CREDENTIAL, 22 << 10)
"""Bytes after a place that decide whether something that must be hidden begins there."""

_MAX_CONTROL: Final = 80
_ESCAPE: Final = 0x1B
_CONTROL: Final = re.compile(rb"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]")


@functools.cache
def _looks() -> re.Pattern[bytes]:
    return re.compile(_KEY_BLOCK + b"|" + credential_bytes().pattern)


class Scrubber:
    """Hides secrets in bytes of any encoding: in a whole text, or in a stream of chunks.

    What comes out does not depend on how a stream is cut into chunks. At most about 90 KiB are held back.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._finder: Finder[bytes] = Finder(spellings(secrets))
        self._stream = _Stream(self._finder)

    def clean(self, data: bytes) -> bytes:
        """Return all of a text with what must be hidden replaced by ``(sensitive)``; it is no part of the stream."""
        stream = _Stream(self._finder)
        return stream.feed(data) + stream.flush()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the stream; return what can be given out."""
        return self._stream.feed(chunk)

    def flush(self) -> bytes:
        """Return the rest of the stream; the next bytes are those of another."""
        rest = self._stream.flush()
        self._stream = _Stream(self._finder)
        return rest


class _Stream:
    """One text, of which the beginning may be gone already."""

    def __init__(self, finder: Finder[bytes]) -> None:
        self._finder = finder
        self._uncoloured = _Uncoloured()
        self._text = bytearray()  # what is not yet given out
        self._searched = 0  # no secret that begins before it is unknown
        self._sought = 0  # the same for credentials
        self._given = 0
        self._hidden = 0  # the end of what was hidden last
        self._waiting: list[Span] = []

    def feed(self, chunk: bytes) -> bytes:
        self._text += self._uncoloured.feed(chunk)
        if len(self._text) < AHEAD + _STEP:
            return b""
        return self._give(len(self._text) - AHEAD)

    def flush(self) -> bytes:
        self._text += self._uncoloured.flush()
        return self._give(len(self._text), final=True)

    def _give(self, limit: int, *, final: bool = False) -> bytes:
        """Return the text before the limit; what is hidden there begins before it."""
        text = bytes(self._text)
        spans = [*self._waiting, *self._finder.spans(text, self._searched, limit), *self._credentials(text, limit)]
        self._searched = limit
        end = limit if final else limit - 1  # what holds bits of a secret stands up to one byte before it
        parts = []
        for start, stop in sorted(span for span in spans if span[0] < end):
            if start >= self._hidden:
                parts += [text[self._given : start], _HIDDEN]
            self._hidden = max(self._hidden, stop)
            self._given = max(self._given, self._hidden)
        parts.append(text[self._given : end])
        self._given = max(self._given, end)
        self._waiting = [span for span in spans if span[0] >= end]
        self._forget(end)
        return b"".join(parts)

    def _credentials(self, text: bytes, limit: int) -> Iterator[Span]:
        while found := _looks().search(text, self._sought):
            if found.start() >= limit:
                break
            yield found.span()
            self._sought = found.end()
        self._sought = max(self._sought, limit)

    def _forget(self, count: int) -> None:
        """Drop what is given out. One byte before the limit stays, which says where a word begins."""
        del self._text[:count]
        self._searched -= count
        self._sought -= count
        self._given -= count
        self._hidden -= count
        self._waiting = [(start - count, stop - count) for start, stop in self._waiting]


class _Uncoloured:
    """Takes control sequences out of a stream."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        text = self._held + chunk
        escape = text.rfind(_ESCAPE, max(0, len(text) - _MAX_CONTROL))
        open_ended = escape >= 0 and not _CONTROL.match(text, escape)
        self._held = text[escape:] if open_ended else b""
        return _CONTROL.sub(b"", text[:escape] if open_ended else text)

    def flush(self) -> bytes:
        rest, self._held = self._held, b""
        return rest
