"""The record of a change: what it lacks is said, and what it says is what approvals are bound to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate.change.record import (
    Incident,
    Manual,
    Record,
    Span,
    front_matter,
    missing_parts,
    outside,
    read_record,
    scaffold,
)
from iacgate.errors import RecordInvalid
from iacgate.vocabulary import RECORD_PARTS, Severity

WHOLE: dict[str, Any] = {
    "description": "Two more workers",
    "justification": "Orders wait for ten minutes",
    "ticket": "OPS-17",
    "impact": "None for customers; costs 40 a month",
    "security_impact": "None: the same image in the same network",
    "testing_plan": "Ran in staging for a day",
    "rollback_plan": "Set the count back to 3",
    "requested_by": "ann",
    "schedule": Span("2027-01-31T20:00:00Z", "2027-01-31T22:00:00Z"),
}


def read(text: str) -> Record:
    return read_record(text.encode(), "changes/chg-1.yaml")


def missing(record: Record | None, *parts: str, ticket: str = "") -> list[str]:
    return [item.part for item in missing_parts(record, parts or RECORD_PARTS, ticket)]


def test_a_whole_record_lacks_nothing() -> None:
    assert missing(Record(id="chg-1", **WHOLE), ticket="OPS-[0-9]+") == []


@pytest.mark.parametrize("text", ["none: the same image", "0", "Nothing opens", "Naomi asked", "Test it", "всё то же"])
def test_a_short_text_that_says_something_is_there(text: str) -> None:
    assert missing(Record(id="c", **{**WHOLE, "justification": text})) == []


def test_without_a_record_all_that_is_demanded_is_missing() -> None:
    assert missing(None) == list(RECORD_PARTS)
    assert missing(None, "ticket", "impact") == ["ticket", "impact"]
    assert missing_parts(None, [], "") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "TODO", "TODO: why", "tbd.", "n/a", "N/A", "-", "...", "xxxx", "?", "none"),
        *("\u200b", "N/A\u200b", "—", "…", "***", "n.a.", "N / A", "(none)", "Nothing.", "nil"),
    ],
)
def test_a_text_that_says_nothing_is_missing(text: str) -> None:
    assert missing(Record(id="c", **{**WHOLE, "justification": text})) == ["justification"]


def test_a_ticket_has_the_form_that_the_policy_says() -> None:
    (wrong,) = missing_parts(Record(id="c", ticket="17"), ["ticket"], "OPS-[0-9]+")
    assert wrong.how == "'17' is no ticket here: its name looks like OPS-[0-9]+"
    assert missing(Record(id="c", ticket="OPS-17\n"), "ticket", ticket="OPS-[0-9]+") == ["ticket"]


@given(st.sampled_from(RECORD_PARTS), st.data())
def test_taking_a_part_away_never_makes_a_record_whole(part: str, data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.sampled_from(RECORD_PARTS)))
    record = Record(id="c", **{name: value for name, value in WHOLE.items() if name in kept})
    less = Record(id="c", **{name: value for name, value in WHOLE.items() if name in kept - {part}})
    assert set(missing(record)) <= set(missing(less))
    assert part in missing(less)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: c\nwhy: because\n", "line 2: Object contains unknown field `why`"),
        ("id: c\nid: d\n", "a key stands twice"),
        ("id: ../c\n", "line 1"),
        ("id: c\ntype: emergency\n", "line 2: an emergency names its incident"),
        ("id: c\nemergency: {incident: INC-1, invoker: ann}\n", "an emergency names its incident"),
        ("id: c\ntype: standard\n", "line 2: a standard change names its `pattern`"),
        ("id: c\nschedule: {not_before: tonight, not_after: tomorrow}\n", "line 2: its times are no instants"),
        (
            "id: c\nschedule: {not_before: 2027-01-02T00:00:00Z, not_after: 2027-01-01T00:00:00Z}\n",
            "ends before it begins",
        ),
        (f"id: c\ndescription: {'x' * 5000}\n", "line 2"),
        (f"id: c\n{'# x' * 30_000}\n", "more than 64 KiB"),
        ("id: c\ntype: standard\npattern: p\nmanual: {stack: s, severity: low, procedure: x}\n", "fits no pattern"),
        *(
            (
                f"id: c\nmanual: {{stack: s, severity: low, procedure: x, files: {{'{name}': {'a' * 64}}}}}\n",
                "is no path",
            )
            for name in ("../x.sql", "/etc/x.sql", "a//x.sql", "a/./x.sql", "a\\x.sql", "")
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(RecordInvalid) as error:
        read(text)
    assert error.value.message.startswith("changes/chg-1.yaml")
    assert expected in error.value.message
    assert error.value.exit_code == 14


def test_the_digest_is_of_what_it_says() -> None:
    record = read("id: c\nticket: OPS-1\ndescription: more\n")
    assert record.digest == read("# note\ndescription: 'more'\nticket:   OPS-1\nid: c\nimpact: ''\n").digest
    assert record.digest != read("id: c\nticket: OPS-2\ndescription: more\n").digest


def test_front_matter_is_what_stands_between_lines_at_the_beginning() -> None:
    assert front_matter("---\nid: c\n---\nProse\n---\n") == b"id: c\n"
    assert front_matter("\n---\r\nid: c\r\n---\r\n") == b"id: c\n"
    assert front_matter("---\nid: c\nProse") is None
    assert front_matter("Prose\n---\nid: c\n---\n") is None
    assert front_matter("") is None


def test_its_own_schedule_says_when_it_may_be_applied() -> None:
    record = Record(id="c", **WHOLE)
    assert outside(record, "2027-01-31T20:00:00Z") == outside(record, "2027-01-31T22:00:00Z") == ""
    assert "from 2027-01-31T20:00:00Z on" in outside(record, "2027-01-31T19:59:59Z")
    assert "ended 2027-01-31T22:00:00Z" in outside(record, "2027-01-31T22:00:01Z")
    assert outside(None, "2027-01-31T22:00:01Z") == outside(Record(id="c"), "2027-01-31T22:00:01Z") == ""


prose = st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable() or "\n" in text)


@given(prose, prose, st.booleans())
def test_a_scaffold_reads_back_as_what_it_was_made_from(one: str, other: str, solo: bool) -> None:
    emergency = Incident(incident=one, invoker=other, solo=solo)
    for record in (
        Record(id="c", description=one, ticket=other, schedule=WHOLE["schedule"]),
        Record(id="c", type="emergency", justification=one, emergency=emergency),
        Record(id="c", type="standard", pattern=one),
        Record(id="c", manual=Manual(one, Severity.HIGH, other, {"sql/it's: one.sql": "a" * 64})),
    ):
        assert read(scaffold(record, [])) == record


def test_a_scaffold_asks_for_what_is_demanded_and_is_not_taken_for_it() -> None:
    text = scaffold(Record(id="c", ticket="OPS-1"), ["justification", "ticket", "schedule"])
    assert 'justification: "TODO: why the business needs it"\n' in text
    assert "# impact:  who notices" in text
    assert missing(read(text), "justification", "ticket", "schedule") == ["justification", "schedule"]
