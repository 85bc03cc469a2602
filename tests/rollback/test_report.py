"""From verdicts and checks to the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.errors import PlanUnreadable
from iacgate.plan.reader import read_plan
from iacgate.plan.redaction import Redactor
from iacgate.rollback.checks import Ground
from iacgate.rollback.live import LiveReport
from iacgate.rollback.report import Watch, slim
from iacgate.rollback.verdict import Check, NotChecked, RollbackReport, worst
from iacgate.vocabulary import Readiness, Reversibility
from tests.support.corpus import plans
from tests.support.undoing import RULES, SHIPPED, change, judged, plan_of, report_of

SAFE = {"skip_final_snapshot": False, "final_snapshot_identifier": "last", "deletion_protection": False}
LOST = {"skip_final_snapshot": True, "deletion_protection": False, "backup_retention_period": 0}
CREATE = change("aws_iam_policy.a", "create", None, {"name": "a"})
RESTORED = change("aws_db_instance.restored", "delete", SAFE)
GONE = change("aws_db_instance.gone", "delete", LOST)
UNHEARD = change("unheard_of.a", "delete", {"id": "1"})
ANOTHER = change("aws_security_group.a", "delete", {"id": "sg-1"})


@pytest.mark.parametrize(
    ("entries", "readiness", "verdict"),
    [
        ([CREATE], Readiness.PAPER, Reversibility.REVERSIBLE),
        ([CREATE, ANOTHER], Readiness.PAPER, Reversibility.NEW_IDENTITY),
        ([CREATE, RESTORED], Readiness.PAPER, Reversibility.DATA_RESTORE),
        ([CREATE, UNHEARD], Readiness.NOT_READY, Reversibility.UNKNOWN),
        ([CREATE, GONE], Readiness.NOT_READY, Reversibility.IRREVERSIBLE),
        ([UNHEARD, GONE, RESTORED], Readiness.NOT_READY, Reversibility.IRREVERSIBLE),
        ([], Readiness.PAPER, Reversibility.REVERSIBLE),
    ],
)
def test_the_worst_change_decides(entries: list[dict[str, Any]], readiness: Readiness, verdict: Reversibility) -> None:
    report = judged(*entries)
    assert (report.readiness, report.verdict) == (readiness, verdict)


def test_the_worst_comes_first() -> None:
    report = judged(CREATE, RESTORED, ANOTHER, UNHEARD, GONE)
    ranks = [undo.verdict.rank for undo in report.undos]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == 5
    levels = ["block high medium".split().index(check.level) for check in report.checks]
    assert levels == sorted(levels)


@given(st.permutations([CREATE, RESTORED, ANOTHER, UNHEARD, GONE]))
def test_the_order_of_a_plan_does_not_matter(entries: list[dict[str, Any]]) -> None:
    assert judged(*entries) == judged(CREATE, RESTORED, ANOTHER, UNHEARD, GONE)


def test_what_the_cloud_says_counts_and_nobody_asking_is_said() -> None:
    plan = plan_of(CREATE)
    blocked = (Check("RB015", "block", "the bucket keeps no versions", "Switch them on."),)
    asked = Watch(plan, SHIPPED, RULES.stateless).report(
        Ground(), None, LiveReport(blocked, (NotChecked("RB014", "denied"),), (), ())
    )
    assert asked.readiness is Readiness.NOT_READY
    assert "RB015" not in {item.id for item in asked.not_checked}
    assert NotChecked("RB014", "denied") in asked.not_checked
    silent = Watch(plan, SHIPPED, RULES.stateless).report(Ground(), None, LiveReport((), (), (), ()))
    assert "RB015" not in {check.id for check in silent.checks} | {item.id for item in silent.not_checked}


def test_what_is_known_is_named_by_its_digest() -> None:
    assert judged(CREATE).knowledge == SHIPPED.digest


def test_what_is_recorded_keeps_what_was_decided() -> None:
    report = judged(CREATE, RESTORED, GONE)
    recorded = slim(report)
    assert (recorded.readiness, recorded.verdict, recorded.checks) == (report.readiness, report.verdict, report.checks)
    assert [undo.address for undo in recorded.undos] == ["aws_db_instance.gone", "aws_db_instance.restored"]
    assert all(not because.why for undo in recorded.undos for because in undo.reasons)
    assert [undo.verdict for undo in recorded.undos] == [undo.verdict for undo in report.undos[:2]]
    assert msgspec.json.decode(msgspec.json.encode(recorded), type=RollbackReport) == recorded


def test_the_worst_of_nothing_is_reversible() -> None:
    assert worst(()) is Reversibility.REVERSIBLE
    assert worst((Reversibility.UNKNOWN, Reversibility.IRREVERSIBLE)) is Reversibility.IRREVERSIBLE


def test_no_secret_of_a_plan_stands_in_its_report() -> None:
    secret = "correct horse battery"
    entry = change(
        f'aws_db_instance.a["{secret}"]', "replace", {**LOST, "password": secret, "identifier": secret}, LOST,
        before_sensitive={"password": True}, previous_address=f'aws_db_instance.b["{secret}"]',
    )  # fmt: skip
    bare = change("aws_secretsmanager_secret.a", "delete", {"recovery_window_in_days": secret, "name": secret})
    report = judged(entry, bare)
    assert secret not in msgspec.json.encode(report).decode()
    assert len(report.undos) == 2


def test_what_cannot_be_read_is_refused() -> None:
    plan = plan_of(change("aws_db_instance.a", "delete", [1, 2]))
    (item,) = plan.resource_changes()
    watch = Watch(plan, SHIPPED, RULES.stateless)
    with pytest.raises(PlanUnreadable):
        watch.look(item, Redactor())


def test_every_plan_of_the_corpus_has_a_report(corpus: Path) -> None:
    seen, refused = 0, 0
    for path in plans(corpus):
        seen += 1
        try:
            plan = read_plan(path.read_bytes(), path.name)
            report = report_of(plan)
        except PlanUnreadable:
            refused += 1  # the test of the corpus says which, and why
            continue
        assert msgspec.json.decode(msgspec.json.encode(report), type=RollbackReport) == report
        expected = [change for change in (*plan.resource_changes(), *plan.deferred()) if change.mode == "managed"]
        assert len(report.undos) == sum(change.matters for change in expected), path
    assert seen > 500
    assert refused < 10
