"""Envelopes as text: for a pull request, a ticket or a mail, whose transport is not trusted.

A block between two lines, found again in whatever stands around it. What is in it is verified like
everything else, so that a block which was changed on the way is one that does not count.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from iacgate.approval.envelope import MAX_BYTES
from iacgate.errors import SignatureInvalid

BEGIN: Final = "-----BEGIN IACGATE ENVELOPE-----"
END: Final = "-----END IACGATE ENVELOPE-----"
MAX_BLOCKS: Final = 200
MAX_TEXT: Final = MAX_BLOCKS * MAX_BYTES * 2
_WIDTH: Final = 76
_BLOCK: Final = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
_AROUND: Final = re.compile(r"[\s>]+")
"""White space, and what mail programs put before each line."""


def armored(envelope: bytes) -> str:
    """Return an envelope as lines of text."""
    text = base64.b64encode(envelope).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join([BEGIN, *lines, END]) + "\n"


def envelopes_in(data: bytes, name: str) -> list[bytes]:
    """Return the envelopes in a file: the file itself where it is one, or every block in its text.

    A text without any is one without approvals. Raises :class:`SignatureInvalid`, naming the file, where a block
    is not whole, or there are too many.
    """
    if len(data) > MAX_TEXT:
        raise SignatureInvalid(f"{name}: too large.", hint="Give the approvals in several files.")
    if data.lstrip()[:1] == b"{":
        return [data.strip()]
    text = data.decode("utf-8", errors="replace")
    blocks = _BLOCK.findall(text)
    if len(blocks) > MAX_BLOCKS:
        raise SignatureInvalid(f"{name}: more than {MAX_BLOCKS} envelopes.", hint="Give them in several files.")
    if text.count(BEGIN) != len(blocks):
        raise SignatureInvalid(f"{name}: an envelope that is cut off.", hint=f"Copy whole blocks, from {BEGIN} on.")
    return [_decoded(block, name) for block in blocks]


def _decoded(block: str, name: str) -> bytes:
    try:
        return base64.b64decode(_AROUND.sub("", block).encode("ascii"), validate=True)
    except ValueError as error:
        raise SignatureInvalid(f"{name}: a block that is not base64.", hint="Copy it again.") from error
