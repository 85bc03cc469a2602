"""Every spelling under which a secret is looked for in what is kept.

A program may print a secret in any form; these are the forms that programs around Terraform do print:
JSON (also inside JSON), HCL, HTML and a shell's quotes, percent-encoding, hexadecimal, and base64 at every
alignment, so that a secret is found inside a longer text that was encoded as a whole.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from iacgate.plan.search import SHORTEST, Span
from iacgate.plan.secrecy import json_spellings, worth_hiding

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LEFT_ALONE: Final = tuple(
    _UNRESERVED | frozenset(others) for others in ("", "/", "!'()*", "!#$&'()*+,/:;=?@", "$&+:=@", "$&+,;=", "/:", "+/")
)
"""What encoders leave: Python's two, JavaScript's two, Go's for paths and for users, and two mixtures."""

MAX_FORM: Final = 1 << 10
"""Bytes of one form; what is longer is looked for in pieces, so that a part of it is found, too."""

_WRAPPED: Final = (64, 76)
"""Line lengths of wrapped base64 (RFC 7468, RFC 2045)."""


def spellings(secrets: Iterable[str]) -> dict[bytes, Span]:
    """Return every form of the secrets that are worth hiding, and of each of their lines.

    With each come the characters before and after it that hold some bits of the secret, for
    :class:`iacgate.plan.search.Finder`.
    """
    found: dict[bytes, Span] = {}
    for part in {part for secret in secrets for part in parts(secret)}:
        for text in _written(part):
            found.setdefault(_bytes(text), (0, 0))
        for text in _quoted(part):
            for form, around in _base64(_bytes(text), twice=True):
                found.setdefault(form, around)
        found |= dict.fromkeys(_hexadecimal(_bytes(part)), (0, 0))
    return {piece: around for form, around in found.items() for piece in _pieces(form)}


def _pieces(form: bytes) -> Iterator[bytes]:
    if SHORTEST <= len(form) <= MAX_FORM:
        yield form
    elif len(form) > MAX_FORM:
        yield from (form[start : start + MAX_FORM] for start in range(0, len(form) - MAX_FORM, MAX_FORM))
        yield form[-MAX_FORM:]


def parts(secret: str) -> Iterator[str]:
    """Yield a secret and its lines, as far as they are worth hiding; white space at their ends is not."""
    for part in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if worth_hiding(part):
            yield part


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _written(text: str) -> Iterator[str]:
    """Yield the text as languages and formats quote it."""
    once = {text, *_quoted(text)}
    yield from once
    yield from (twice for form in once if form != text for twice in _quoted(form))
    yield text.replace("${", "$${").replace("%{", "%%{")  # HCL
    yield text.replace("'", "'\\''")
    yield text.replace("'", "'\"'\"'")
    yield html.escape(text)
    yield html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")  # Go
    for left in _LEFT_ALONE:
        yield from _percent(text, left)


def _quoted(text: str) -> set[str]:
    plain = json.dumps(text)[1:-1]
    return {*json_spellings(text), plain, plain.replace("/", "\\/")}


def _percent(text: str, left: frozenset[str]) -> Iterator[str]:
    for form in ("%{:02X}", "%{:02x}"):
        encode = _encoder(form, left)
        encoded = "".join(map(encode, text))
        yield encoded
        yield encoded.replace("%20", "+")


def _encoder(form: str, left: frozenset[str]) -> Callable[[str], str]:
    return lambda character: character if character in left else "".join(map(form.format, _bytes(character)))


def _base64(data: bytes, *, twice: bool = False) -> Iterator[tuple[bytes, Span]]:
    """Yield base64 of the data as it stands inside base64 of something longer, and wrapped into lines.

    Three bytes are four characters, so that there are three alignments. A character at the border holds
    bits of both neighbours, and is said to belong to it.
    """
    for before in range(3):
        coded = base64.b64encode(bytes(before) + data).rstrip(b"=")
        bits = 8 * (before + len(data))
        first, last = (8 * before + 5) // 6, bits // 6
        inner, around = coded[first:last], (int(before > 0), int(bits % 6 > 0))
        yield from ((form, around) for form in _alphabets(inner))
        if twice:  # Kubernetes keeps a registry's credentials so
            yield from _base64(inner)
    lines = base64.b64encode(data)
    for width in _WRAPPED:
        yield from ((lines[start : start + width], (0, 0)) for start in range(0, len(lines), width))


def _alphabets(coded: bytes) -> Iterator[bytes]:
    """Yield base64 in both alphabets, and percent-encoded."""
    yield coded
    yield coded.replace(b"+", b"-").replace(b"/", b"_")
    yield coded.replace(b"+", b"%2B").replace(b"/", b"%2F")
    yield coded.replace(b"+", b"%2b").replace(b"/", b"%2f")


def _hexadecimal(data: bytes) -> Iterator[bytes]:
    yield data.hex().encode()
    yield data.hex().upper().encode()
