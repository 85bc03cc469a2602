"""The assessment as JSON, as ``docs/schemas/preview.schema.json`` describes it."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.render.plain import is_hidden
from iacgate.risk.assessment import Assessment

SCHEMA: Final = "iacgate.preview/1"


_encoder: Final = msgspec.json.Encoder()


def render(assessment: Assessment) -> bytes:
    """Return one line of JSON.

    What a terminal or a CI log could obey is written with escapes: control and direction characters, and ``##``.
    """
    body = _encoder.encode(assessment)
    line = (b'{"schema":"%s",' % SCHEMA.encode() + body[1:]).replace(b"##", b"#\\u0023")
    return (line if line.isascii() else _escaped(line.decode())) + b"\n"


def _escaped(text: str) -> bytes:
    import json  # noqa: PLC0415 - most names are plain ASCII

    odd = {character for character in set(text) if not character.isascii() and is_hidden(character)} | {"\x7f"}
    table = {ord(character): json.dumps(character)[1:-1] for character in odd}
    return text.translate(table).encode()
