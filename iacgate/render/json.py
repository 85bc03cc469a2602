"""The assessment as JSON, as ``docs/schemas/preview.schema.json`` describes it."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.risk.assessment import Assessment

SCHEMA: Final = "iacgate.preview/1"


_encoder: Final = msgspec.json.Encoder()


def render(assessment: Assessment) -> bytes:
    """Return one line of JSON.

    ``##[`` is written with an escape: GitHub's runner would obey it in a log.
    """
    body = _encoder.encode(assessment)
    return (b'{"schema":"%s",' % SCHEMA.encode() + body[1:]).replace(b"##[", b"##\\u005b") + b"\n"
