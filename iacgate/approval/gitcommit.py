"""A commit as git stores it: whom it names, and what its signature is over.

Read strictly, and by ourselves: git shows names through a mailmap, takes the last block of a
message only for trailers, and prints what a configuration asks for. What is signed is the
object without its signature, as in git's ``parse_buffer_signed_by_header``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

_IDENTITY: Final = re.compile(rb"[^<>]*<([^<>]*)> -?\d+ [+-]\d{4}")
_CO_AUTHOR: Final = re.compile(r"\s*co-?authored-?by\s*:(.*)", re.IGNORECASE)
_PICKED: Final = re.compile(
    r"^[^\S\n]*\(cherry picked from commit ([0-9a-f]{7,64})\)[^\S\n]*$", re.IGNORECASE | re.MULTILINE
)
"""Git writes it on a line of its own; anywhere in the message, because a squash has many messages in its own."""
_E_MAIL: Final = re.compile(r"<([^<>]*)>")
_LONGEST: Final = 254
"""Characters of an e-mail (RFC 5321, section 4.5.3.1.3); what is longer is cut, and is nobody's."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit says of itself; nothing of it is verified.

    ``author``, ``committer`` and ``co_authors`` are e-mails, or the whole text where it holds none;
    ``picked_from`` are the commits from which it says it was cherry-picked. ``signature`` is as it stands
    there (empty: none), ``signed`` the bytes that it is over.
    """

    id: str
    author: str
    committer: str
    co_authors: tuple[str, ...] = ()
    picked_from: tuple[str, ...] = ()
    signature: bytes = b""
    signed: bytes = b""


class History(msgspec.Struct, frozen=True):
    """The commits that made a change, and those from which they were picked, by the id that was written."""

    commits: tuple[Commit, ...] = ()
    picked: Mapping[str, Commit] = {}


def read_commit(name: str, data: bytes) -> Commit:
    """Return the commit in an object; ``name`` is its id.

    Whoever is not named exactly once, as git writes it, is somebody whom nobody knows.
    """
    head, blank, message = data.partition(b"\n\n")
    kept, signatures = _without_signatures(head)
    text = message.decode(errors="replace")
    return Commit(
        id=name,
        author=_named(kept, b"author"),
        committer=_named(kept, b"committer"),
        co_authors=tuple(dict.fromkeys(_co_authors(text))),
        picked_from=tuple(dict.fromkeys(found.lower() for found in _PICKED.findall(text))),
        signature=_signature(signatures, name),
        signed=b"\n".join(kept) + blank + message,
    )


def _without_signatures(head: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the lines that are signed, and the headers with signatures, each in one piece."""
    kept: list[bytes] = []
    signatures: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if inside and line.startswith(b" "):
            signatures[-1] += b"\n" + line[1:]
            continue
        inside = line.startswith(b"gpgsig")
        (signatures if inside else kept).append(line)
    return kept, signatures


def _signature(headers: list[bytes], name: str) -> bytes:
    """Return the only signature, of the kind that a repository with such ids has; several are none."""
    begin = b"gpgsig " if len(name) == 40 else b"gpgsig-sha256 "
    if len(headers) == 1 and headers[0].startswith(begin):
        return headers[0].removeprefix(begin)
    return b"\n".join(headers)


def _named(lines: list[bytes], header: bytes) -> str:
    found = [line.removeprefix(header + b" ") for line in lines if line.startswith(header + b" ")]
    match = _IDENTITY.fullmatch(found[0]) if len(found) == 1 else None
    e_mail = match[1].strip() if match else b""
    return _cut((e_mail or b" and ".join(found) or b"no " + header).decode(errors="replace"))


def _co_authors(message: str) -> Iterator[str]:
    for line in message.splitlines():
        if match := _CO_AUTHOR.match(line):
            said = match[1].strip()
            e_mails = [found.strip() for found in _E_MAIL.findall(said) if found.strip()]
            yield from map(_cut, e_mails or [said or "an empty co-author"])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
