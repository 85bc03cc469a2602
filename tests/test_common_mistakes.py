"""The mistakes that auditors of SOC 2 CC8.1 name most often: each is refused, and the words say what to do."""

from __future__ import annotations

from typing import Any

import msgspec

from iacgate.approval.duties import Author
from iacgate.change.emergency import Emergency
from iacgate.change.promotion import promotion
from iacgate.change.record import Incident, Record
from iacgate.change.testing import Asked
from iacgate.gate import Circumstances, Decision
from iacgate.policy.demands import DEFAULTS, demanded
from iacgate.policy.emergencies import EmergencyText, SoloText
from iacgate.vocabulary import Severity
from tests.support.approvals import NOW, WANTED, signed
from tests.test_gate import AUTHORS, decided

TREE = WANTED.subjects["tree"]
PARTS = ("description", "justification", "testing_plan", "rollback_plan")
DEMAND = msgspec.structs.replace(demanded(DEFAULTS, Severity.HIGH), record=PARTS)
WHOLE: dict[str, Any] = {
    "description": "Two more workers",
    "justification": "Orders wait",
    "testing_plan": "Ran in staging",
    "rollback_plan": "Set it back",
}


def about(record: Record | None, **more: Any) -> dict[str, Any]:
    digest = record.digest if record else ""
    return {
        "demand": DEMAND,
        "wanted": msgspec.structs.replace(WANTED, record=digest, change_type=record.type if record else "normal"),
        "circumstances": Circumstances(record=record, **more),
    }


def approved(record: Record | None, **more: Any) -> Decision:
    """Return the decision about a change that two independent people signed."""
    said: dict[str, Any] = {"record": record.digest} if record else {}
    if record and record.type != "normal":
        said["change_type"] = record.type
    return decided(signed("ann", **said), signed("bob", **said), **about(record, **more))


def refusal(decision: Decision, code: str, exit_code: int) -> str:
    assert decision.blocks
    found = [reason for reason in decision.reasons if reason.code == code]
    assert found, [reason.code for reason in decision.reasons]
    assert {reason.exit_code for reason in found} == {exit_code}
    return " ".join(reason.text for reason in found)


RECORD = Record(id="chg-1", **WHOLE)


def test_what_is_whole_passes() -> None:
    assert approved(RECORD).allowed


def test_no_request() -> None:
    text = refusal(approved(None), "record-missing", 14)
    assert "The change has no record, which must say: description, justification, testing_plan, rollback_plan" in text
    assert "iacgate request chg-1" in text


def test_no_testing() -> None:
    tests = Asked(names=("unit",), tree=TREE, max_age_hours=24)
    text = refusal(approved(RECORD, tests=tests), "test-missing", 14)
    assert text == "The test unit does not count: it has no result: run it, and have CI attest it."


def test_self_approval() -> None:
    decision = decided(signed("dave", record=RECORD.digest), signed("bob", record=RECORD.digest), **about(RECORD))
    assert "The seat infra is empty: could be ann, cleo." in refusal(decision, "seat-missing", 11)
    assert [item.why for item in decision.approvals if not item.counts] == ["dave had a hand in this change"]


def test_self_deploy() -> None:
    wanted = msgspec.structs.replace(WANTED, record=RECORD.digest, authors=frozenset({"dave", "ann"}))
    authors = (*AUTHORS, Author("ann", "ann", why="deploys it"))
    both = (signed("ann", record=RECORD.digest), signed("bob", record=RECORD.digest))
    decision = decided(*both, **{**about(RECORD), "wanted": wanted}, authors=authors, deployer="ann")
    assert "The seat infra is empty" in refusal(decision, "seat-missing", 11)
    assert ("ann", "deploys it") in [(author.principal, author.why) for author in decision.authors]


def emergency(change: str, time: str, **more: Any) -> Emergency:
    said = {"incident": "INC-7", "invoker": "dave", "approvers": ("ann",), "sequence": 1, **more}
    return Emergency(change=change, time=time, latest=time, **said)


def test_emergencies_as_a_habit() -> None:
    late = (emergency("fix-1", "2026-11-01T00:00:00Z"),)
    text = refusal(approved(RECORD, emergencies=late), "review-overdue", 14)
    assert "fix-1 (INC-7, due 2026-11-03T00:00:00Z)" in text
    assert "iacgate attest review" in text
    alone = Record(
        id="chg-1",
        type="emergency",
        justification="It is down",
        emergency=Incident(incident="INC-8", invoker="dave", solo=True),
    )
    policy = EmergencyText(solo=SoloText(role="infra"))
    before = (emergency("fix-1", "2026-11-20T00:00:00Z", solo=True, reviewed="1" * 64),)
    decision = approved(alone, emergency=policy, emergencies=before)
    assert "it happened 1 times in 30 days" in refusal(decision, "solo", 11)
    often = (emergency(f"fix-{number}", "2026-11-20T00:00:00Z", reviewed="1" * 64) for number in range(3))
    assert any("3 emergencies in 30 days" in item for item in approved(RECORD, emergencies=tuple(often)).warnings)


def test_testing_in_production() -> None:
    nowhere = promotion(None, [], stack_from="shop-test", days=14, root=False, now=NOW)
    text = refusal(approved(RECORD, promotion=nowhere), "not-promoted", 14)
    assert text.startswith("The change was not promoted: ")


def test_records_without_tests_or_a_way_back() -> None:
    for part in ("testing_plan", "rollback_plan"):
        for says in ("TODO", "", "n/a", "-"):
            lacking = approved(Record(id="chg-1", **{**WHOLE, part: says}))
            text = refusal(lacking, "record-part-missing", 14)
            assert text.startswith(f"The record does not say its {part}: how it ")


def test_a_record_that_nobody_approved() -> None:
    other = Record(id="chg-1", **{**WHOLE, "rollback_plan": "Restore the snapshot"})
    decision = decided(signed("ann", record=other.digest), signed("bob", record=other.digest), **about(RECORD))
    assert "The seat infra is empty" in refusal(decision, "seat-missing", 11)
    assert all("change record" in item.why for item in decision.approvals)
