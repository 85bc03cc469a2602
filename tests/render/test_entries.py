"""What came of an entry is said in words, whatever its details hold."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from iacgate.render.entries import outcome, title
from tests.support.ledgerlife import STACK, Life

OPENED = Life().live().ledger.look(STACK).head.newest
RUN: Mapping[str, str | int | bool] = {"run": "run-7"}
BEFORE: Mapping[str, str | int | bool] = {"beforeExists": True, "beforeLineage": "6e1a", "beforeSerial": 3}
AFTER: Mapping[str, str | int | bool] = {"afterExists": True, "afterLineage": "6e1a", "afterSerial": 4}
ENDED: Mapping[str, str | int | bool] = {**RUN, "exitCode": 0, "signal": 0, "outcome": "applied", "freshPlan": "empty"}
FAILED = {**RUN, "exitCode": 1, "signal": 0, "outcome": "terraform failed", "freshPlan": ""}

SAID = [
    ("applied", {**ENDED, **BEFORE, **AFTER}, "serial 3 -> 4, a fresh plan is empty, exit code 0, run run-7"),
    (
        "applied",
        {**ENDED, "freshPlan": "not_empty", **BEFORE, **AFTER},
        "serial 3 -> 4, a fresh plan is not empty, exit code 0, run run-7",
    ),
    (
        "applied",
        {**ENDED, "freshPlan": "failed", "beforeExists": False, **AFTER},
        "no state -> serial 4, a fresh plan failed, exit code 0, run run-7",
    ),
    (
        "failed",
        {**FAILED, **BEFORE, "afterKnown": False},
        "terraform failed, serial 3 -> nobody knows, exit code 1, run run-7",
    ),
    (
        "failed",
        {**FAILED, "signal": 9, **BEFORE, **AFTER, "afterLineage": "other"},
        "terraform failed, serial 3 -> serial 4 of another lineage, exit code 1, run run-7",
    ),
    ("interrupted", {**RUN, **AFTER, "afterDigest": "d" * 64}, "nobody knows how it ended, now serial 4, run run-7"),
    ("interrupted", {**RUN, "afterExists": False}, "nobody knows how it ended, now no state, run run-7"),
    (
        "bypassed",
        {"beforeLineage": "6e1a", "beforeSerial": 4, "afterLineage": "6e1a", "afterSerial": 6},
        "the state moved without the gate, serial 4 -> 6",
    ),
    (
        "degraded",
        {
            "event": "applied",
            "at": "2026-11-23T12:00:00Z",
            "from": "s3://b",
            "lost": "s3://a",
            "missing": 1,
            "wrong": 0,
        },
        "applied at 2026-11-23T12:00:00Z while s3://a could not be reached, recorded in s3://b, 1 missing",
    ),
    ("applied", {}, ""),
    ("bypassed", {}, "the state moved without the gate"),
    ("interrupted", {}, "nobody knows how it ended"),
    (
        "applied",
        {"exitCode": "x", "outcome": True, "freshPlan": 3, "afterSerial": False},
        "True, now serial False, a fresh plan 3, exit code x",
    ),
]


@pytest.mark.parametrize(("event", "details", "says"), SAID)
def test_how_it_ended_is_said_in_words(event: str, details: Mapping[str, str | int | bool], says: str) -> None:
    assert OPENED is not None
    entry = msgspec.structs.replace(OPENED.entry, event=event, details=dict(details))
    assert outcome(entry) == says
    assert title(entry) == (f"{event}: {says}" if says else event)
