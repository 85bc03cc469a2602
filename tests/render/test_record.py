"""The record of a change for people: whoever signs it sees all of it."""

from __future__ import annotations

import msgspec

from iacgate.change.record import Answer, Record
from iacgate.render.record import as_lines
from iacgate.vocabulary import Reversibility

ANSWERS = {
    "aws_db_instance.orders": Answer(
        why="The nightly snapshot is enough", verdict=Reversibility.IRREVERSIBLE, recovery_point="rds:orders-1"
    ),
    "RB011": Answer(why="One provider only"),
}


def test_whoever_signs_sees_what_is_answered_for_undoing_and_what_is_taken_back() -> None:
    text = "\n".join(as_lines(Record(id="chg-1", undo=ANSWERS, undoes="chg-0")))
    assert "  takes back      chg-0" in text
    assert "  undo            aws_db_instance.orders: irreversible, recovery point rds:orders-1" in text
    assert "    | The nightly snapshot is enough" in text
    assert "  undo            RB011\n    | One provider only" in text


def test_no_answer_obeys_or_passes_for_a_line_of_ours() -> None:
    hostile = {"a\n  approve   ann  counts\x1b[1m": Answer(why="one\n##vso[x]\nundo \u202e", recovery_point="p\nq")}
    lines = list(as_lines(Record(id="chg-1", undo=hostile)))
    assert all(line.isprintable() for line in lines)
    assert not any(line.lstrip().startswith(("approve", "##vso")) for line in lines)


def test_every_part_of_a_record_is_shown() -> None:
    assert {field.name for field in msgspec.structs.fields(Record)} == {
        *("id", "type", "description", "justification", "ticket", "impact", "security_impact", "testing_plan"),
        *("rollback_plan", "requested_by", "schedule", "pattern", "emergency", "manual", "undo", "undoes"),
    }, "show it in as_lines, too"
