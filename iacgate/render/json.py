"""The assessment, and whether the plan can be undone, as JSON, as ``docs/schemas/preview.schema.json`` describes it."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate.render.plain import harmless_json
from iacgate.risk.assessment import Assessment
from iacgate.rollback.verdict import RollbackReport

SCHEMA: Final = "iacgate.preview/1"


_encoder: Final = msgspec.json.Encoder()


def render(assessment: Assessment, report: RollbackReport) -> bytes:
    """Return one line of JSON, in which a terminal or a CI log finds nothing to obey."""
    if any(change.differences or change.more_differences for change in assessment.changes):
        changes = [msgspec.structs.replace(each, differences=(), more_differences=0) for each in assessment.changes]
        assessment = msgspec.structs.replace(assessment, changes=tuple(changes))  # they are kept for people only
    head = b'{"schema":"%s",' % SCHEMA.encode()
    rollback = b',"rollback":' + _encoder.encode(report) + b"}"
    return harmless_json(head + _encoder.encode(assessment)[1:-1] + rollback) + b"\n"
