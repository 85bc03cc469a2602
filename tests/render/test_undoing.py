"""Whether a plan can be undone, as people and programs read it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate.render.plain import width
from iacgate.render.undoing import MAX_REVERSIBLE, UndoingDocument, as_json, as_text, one_line, total_line
from iacgate.rollback.checks import Ground
from iacgate.rollback.rehearsed import Rehearsed
from iacgate.rollback.report import Watch
from iacgate.rollback.verdict import Because, Check, NotChecked, RollbackReport, Undo
from iacgate.vocabulary import Action, Readiness, Reversibility
from tests.support.undoing import SHIPPED, change, judged, plan_of

GOLDEN = Path(__file__).parent / "undoing.txt"
HOSTILE = "b##vso[x]\n::error::\x1b[31m\x9b31m\u202eg\U000e0041\x7f\r größe"
DATABASE = {"skip_final_snapshot": True, "deletion_protection": True, "backup_retention_period": 0}
KEPT = {"skip_final_snapshot": False, "final_snapshot_identifier": "last", "deletion_protection": False}
CREATE = change("aws_iam_policy.a", "create", None, {"name": "a"})


def text(report: RollbackReport, *, colour: bool = False, columns: int = 0, everything: bool = False) -> str:
    return as_text(UndoingDocument("plan", "0" * 64, report), colour=colour, columns=columns, everything=everything)


def mixed() -> RollbackReport:
    """Return a report in which every verdict and every level stands."""
    report = judged(
        change("aws_db_instance.orders", "delete", DATABASE),
        change("aws_db_instance.archive", "delete", KEPT),
        change("unheard_of.thing", "delete", {"id": "1"}),
        change("aws_security_group.web", "delete", {"id": "sg-1"}),
        change("aws_iam_policy.deploy", "no-op", {"id": "a"}, {"id": "a"}, previous_address="aws_iam_policy.ci"),
        change("aws_iam_policy.new", "create", None, {"name": "a"}),
    )
    return msgspec.structs.replace(report, knowledge="0" * 64)


def test_a_report_reads_as_it_was_read() -> None:
    shown = text(mixed())
    if os.environ.get("IACGATE_WRITE_GOLDENS"):
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


def test_a_reason_is_explained_once() -> None:
    assert text(mixed()).count("The deletion takes what the state says") == 2  # of two databases


def hostile() -> RollbackReport:
    because = Because(text=HOSTILE, values=(f"a = {HOSTILE}",), entry="a-thing", why=HOSTILE, confidence=("memory",))
    undos = tuple(
        Undo(
            address=f"a.{HOSTILE}", type=HOSTILE, action=Action.DELETE, verdict=verdict, inverse="create",
            reasons=(because,), deposed=HOSTILE, previous_address=HOSTILE, point=HOSTILE, steps=(HOSTILE,),
        )
        for verdict in Reversibility
    )  # fmt: skip
    levels: tuple[Any, ...] = ("block", "high", "medium")
    checks = tuple(Check("RB001", level, HOSTILE, HOSTILE, HOSTILE) for level in levels)
    return RollbackReport(
        Readiness.NOT_READY, Reversibility.IRREVERSIBLE, undos, checks, (NotChecked("RB010", HOSTILE),), (HOSTILE,), "0"
    )


def test_no_name_can_make_a_terminal_or_a_log_obey() -> None:
    document = UndoingDocument(HOSTILE, "0" * 64, hostile())
    shown = as_text(document, colour=False, columns=0)
    assert all(line.isprintable() for line in shown.splitlines())
    assert "\x1b" not in shown
    assert "##vso[" not in shown
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert "größe" in shown


def test_no_name_can_make_a_program_read_something_else() -> None:
    document = UndoingDocument(HOSTILE, "0" * 64, hostile())
    line = as_json(document)
    assert b"##" not in line
    assert line.endswith(b"\n")
    assert line.decode().rstrip("\n").isprintable()
    read = json.loads(line)
    assert read["plan"] == HOSTILE
    assert read["schema"] == "iacgate.rollback/1"
    assert {undo["address"] for undo in read["report"]["undos"]} == {f"a.{HOSTILE}"}


def test_one_line_is_one_line() -> None:
    for undo in hostile().undos:
        assert one_line(undo).isprintable()
    assert total_line(hostile()).isprintable()
    assert total_line(judged()) == "Undo: ready-on-paper (none)."


def test_colour_is_only_where_it_is_asked_for() -> None:
    assert "\x1b" not in text(mixed())
    assert "\x1b[1;31mIRREVERSIBLE\x1b[0m" in text(mixed(), colour=True)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_lines_fit_the_terminal(columns: int) -> None:
    folded = text(mixed(), columns=columns)
    assert max(map(width, folded.splitlines())) <= columns
    assert "".join(folded.split()) == "".join(text(mixed()).split()), "nothing is cut off"


def test_what_can_simply_be_undone_is_counted_beyond_some() -> None:
    entries = [change(f"aws_iam_policy.a{number}", "create", None, {}) for number in range(MAX_REVERSIBLE + 5)]
    report = judged(*entries)
    short, whole = text(report), text(report, everything=True)
    assert "... and 5 more; --all lists them" in short
    assert "more; --all" not in whole
    assert whole.count(": create; delete") == MAX_REVERSIBLE + 5


def test_what_cannot_be_undone_is_never_cut_off() -> None:
    entries = [change(f"unheard_of.a{number}", "delete", {}) for number in range(MAX_REVERSIBLE * 3)]
    assert text(judged(*entries)).count("UNKNOWN  unheard_of.") == MAX_REVERSIBLE * 3


def test_what_is_from_memory_is_counted_by_changes() -> None:
    because = Because(text="it is gone", entry="a-thing", confidence=("memory",))
    undo = Undo("a.b", "a", Action.DELETE, Reversibility.IRREVERSIBLE, "create", (because, because))
    report = msgspec.structs.replace(judged(CREATE), undos=(undo,))
    assert "1 verdicts are from what nobody checked" in text(report)
    assert "from memory" in text(report)
    assert "nobody checked" not in text(judged(CREATE))


@pytest.mark.parametrize(
    ("rehearsed", "says"),
    [
        (None, "READY ON PAPER"),
        (Rehearsed("0" * 64, "a" * 40, "matches"), "REHEARSED: "),
        (Rehearsed("0" * 64, "a" * 40, "matches", ("a.b",)), "REHEARSED, APPROXIMATELY"),
        (Rehearsed("0" * 64, "a" * 40, "failed", (), "no"), "NOT READY"),
    ],
)
def test_the_total_is_never_more_than_was_tried(rehearsed: Rehearsed | None, says: str) -> None:
    report = Watch(plan_of(CREATE), SHIPPED, lambda _: None).report(Ground(), rehearsed)
    assert text(report).splitlines()[1].startswith(says)
