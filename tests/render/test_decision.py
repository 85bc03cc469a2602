"""The decision as JSON: what somebody else wrote into it obeys nobody."""

from __future__ import annotations

import json

import msgspec

from iacgate.approval.counting import Verdict
from iacgate.gate import Decision
from iacgate.render.decision import as_json, as_text
from tests.test_gate import decided

HOSTILE = "eve ##vso[task.complete]\x7f\u202e\u009b31m größe"


def hostile() -> Decision:
    verdict = Verdict("0" * 64, "", HOSTILE, "approve", "signature", HOSTILE)
    return msgspec.structs.replace(decided(), approvals=(verdict,))


def test_what_an_approval_claims_is_shown_and_not_obeyed() -> None:
    line = as_json(hostile()).decode()
    assert json.loads(line)["decision"]["approvals"][0]["principal"] == HOSTILE
    assert "##" not in line
    assert line.rstrip("\n").isprintable()
    assert "größe" in line
    text = as_text(hostile(), "tfplan", "iacgate approve \x1b[1mtfplan", colour=False)
    assert "##vso" not in text
    assert text.replace("\n", "").isprintable()
