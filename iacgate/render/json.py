"""The assessment as JSON, as ``docs/schemas/preview.schema.json`` describes it."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.render.plain import harmless_json
from iacgate.risk.assessment import Assessment

SCHEMA: Final = "iacgate.preview/1"


_encoder: Final = msgspec.json.Encoder()


def render(assessment: Assessment) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey."""
    return harmless_json(b'{"schema":"%s",' % SCHEMA.encode() + _encoder.encode(assessment)[1:]) + b"\n"
