"""The decision as JSON: what somebody else wrote into it obeys nobody."""

from __future__ import annotations

import json

import msgspec

from iacgate.approval.counting import Verdict
from iacgate.gate import Decision
from iacgate.render.decision import as_json, as_text
from iacgate.rollback.verdict import RollbackReport
from iacgate.vocabulary import Readiness, Reversibility
from tests.support.approvals import WANTED
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


def test_what_is_not_bound_and_of_which_type_a_change_is_is_said() -> None:
    plain = as_text(decided(), "tfplan", "x", colour=False)
    assert "Only the plan's JSON" not in plain
    emergency = msgspec.structs.replace(WANTED, change_type="emergency")
    text = as_text(decided(plan_file=False, wanted=emergency), "tfplan.json", "x", colour=False)
    assert "emergency change chg-1" in text
    assert "nothing binds this to its backend, workspace, state lineage, sources, lock file or variables." in text


def test_whoever_is_said_to_deploy_obeys_nobody() -> None:
    text = as_text(decided(deployer=HOSTILE, deployers=(frozenset({"ann"}),)), "tfplan", "x", colour=False)
    assert "who may is ann" in text
    assert "##vso" not in text
    assert text.replace("\n", "").isprintable()


def test_a_plan_in_which_everything_can_be_undone_is_not_one_of_which_nothing_can() -> None:
    report = RollbackReport(Readiness.PAPER, Reversibility.REVERSIBLE, (), (), (), (), "0" * 64)
    text = as_text(msgspec.structs.replace(decided(), rollback=report), "tfplan", "x", colour=False)
    assert "Undo: ready-on-paper (each change can simply be undone)." in text
