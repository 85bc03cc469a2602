"""Where a change stands follows from what is on record of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.change.lifecycle import Ending, Stage, Step, Transition, ended, refused, stage, transitions
from iacgate.people.attested import Attested

TIME = "2026-11-23T12:00:00Z"


def step(event: str, **more: Any) -> Step:
    return Step(event, TIME, **more)


ALLOWED, DENIED = step("decided", allowed=True), step("decided")
INTENDED, FAILED = step("intended"), step("failed")
APPLIED, DONE = step("applied"), step("applied", done=True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], "draft"),
        ([DENIED], "requested"),
        ([DENIED, ALLOWED], "approved"),
        ([ALLOWED, DENIED], "requested"),
        ([ALLOWED, INTENDED], "applying"),
        ([ALLOWED, INTENDED, APPLIED], "applied"),
        ([ALLOWED, INTENDED, DONE], "verified"),
        ([ALLOWED, INTENDED, FAILED], "failed"),
        ([ALLOWED, INTENDED, step("interrupted")], "failed"),
        ([ALLOWED, INTENDED, FAILED, ALLOWED], "failed"),
        ([ALLOWED, INTENDED, FAILED, ALLOWED, INTENDED, DONE], "verified"),
        ([ALLOWED, INTENDED, APPLIED, ALLOWED], "applied"),
        ([ALLOWED, INTENDED, APPLIED, step("transition", to="verified")], "verified"),
        ([ALLOWED, step("transition", to="withdrawn")], "withdrawn"),
        ([ALLOWED, step("transition", to="withdrawn"), ALLOWED], "withdrawn"),
        ([DONE, step("transition", to="closed")], "closed"),
        ([DONE, step("transition", to="rolled back")], "rolled back"),
        ([DONE, step("transition", to="elsewhere")], "verified"),
        ([step("repaired"), step("bypassed")], "draft"),
        ([ALLOWED, step("transition", to="applied")], "applied"),
        ([ALLOWED, step("transition", to="failed"), ALLOWED], "failed"),
        ([ALLOWED, step("transition", to="failed"), ALLOWED, step("transition", to="applied")], "applied"),
        ([ALLOWED, step("transition", to="applied"), step("transition", to="verified")], "verified"),
    ],
)
def test_where_it_stands(steps: list[Step], expected: Stage) -> None:
    assert stage(steps) == expected


STEPS = [ALLOWED, DENIED, INTENDED, FAILED, APPLIED, DONE, *(step("transition", to=to) for to in get_args(Ending))]


@given(st.lists(st.sampled_from(STEPS)))
def test_nothing_but_an_apply_or_who_did_it_by_hand_makes_it_applied(steps: list[Step]) -> None:
    if not any("applied" in (item.event, item.to) for item in steps):
        assert stage(steps) != "applied"
        assert stage([item for item in steps if item.event != "transition"]) != "verified"


STANDING: dict[Stage, list[Step]] = {
    "draft": [],
    "requested": [DENIED],
    "approved": [DENIED, ALLOWED],
    "applying": [ALLOWED, INTENDED],
    "applied": [ALLOWED, INTENDED, APPLIED],
    "failed": [ALLOWED, INTENDED, FAILED],
    "verified": [ALLOWED, INTENDED, DONE],
    "closed": [ALLOWED, INTENDED, DONE, step("transition", to="closed")],
    "withdrawn": [ALLOWED, step("transition", to="withdrawn")],
    "rolled back": [ALLOWED, INTENDED, DONE, step("transition", to="rolled back")],
}


@pytest.mark.parametrize("to", get_args(Ending))
@pytest.mark.parametrize("now", get_args(Stage))
def test_people_bring_it_only_where_it_can_go(to: Ending, now: Stage) -> None:
    possible = {
        ("withdrawn", "draft"),
        ("withdrawn", "requested"),
        ("withdrawn", "approved"),
        ("verified", "applied"),
        *(("closed", stage_) for stage_ in ("applied", "verified", "failed", "rolled back")),
        *(("rolled back", stage_) for stage_ in ("applied", "verified", "failed", "closed")),
        *((outcome, stage_) for outcome in ("applied", "failed") for stage_ in ("approved", "failed")),
    }
    assert (refused(Transition(to, "chg-2"), TIME, STANDING[now]) == "") is ((to, now) in possible)


def test_what_rolled_it_back_is_named() -> None:
    assert "which change" in refused(Transition("rolled back"), TIME, STANDING["applied"])


EARLIER, LATER = "2026-11-23T11:59:59Z", "2026-11-23T12:00:01Z"


@pytest.mark.parametrize(
    ("to", "now"),
    [
        ("verified", "applied"),
        ("closed", "failed"),
        ("closed", "rolled back"),
        ("rolled back", "verified"),
        ("applied", "approved"),
        ("failed", "approved"),
    ],
)
def test_what_was_said_before_it_could_be_said_changes_nothing(to: Ending, now: Stage) -> None:
    assert "say it again" in refused(Transition(to, "chg-2"), EARLIER, STANDING[now])
    assert refused(Transition(to, "chg-2"), TIME, STANDING[now]) == "", "of one second, nobody knows which was first"


def test_a_change_is_withdrawn_before_a_gate_knows_it_and_done_after_it_was_let_pass_first() -> None:
    assert refused(Transition("withdrawn"), EARLIER, STANDING["approved"]) == ""
    again = [DENIED, ALLOWED, Step("decided", LATER, allowed=True)]
    assert refused(Transition("applied"), TIME, again) == "", "to ask the gate once more takes nothing back"
    failed = [ALLOWED, step("transition", to="failed"), Step("decided", LATER, allowed=True)]
    assert "before it was approved at" in refused(Transition("applied"), TIME, failed)


def attested(to: str, arrived: str = TIME, **more: Any) -> Attested:
    said: dict[str, Any] = {
        "kind": "transition",
        "about": "chg-1",
        "body": canonical.canonical_json({"to": to}),
        "reason": "",
        "principal": "ann",
        "human": True,
        "roles": frozenset({"infra"}),
        "arrived": arrived,
        "expires": "2027-01-01T00:00:00Z",
        "digest": "1" * 64,
        **more,
    }
    return Attested(**said)


def test_what_ends_a_change_is_said_by_a_human_about_it() -> None:
    assert ended([attested("withdrawn", reason="not needed")], "chg-1") == (
        "ann says that it is withdrawn (not needed)"
    )
    assert ended([attested("withdrawn", lapsed="it has expired")], "chg-1") != "", "nobody wants it because of that"
    assert ended([attested("verified")], "chg-1") == ""
    for other in (
        attested("withdrawn", about="chg-2"),
        attested("withdrawn", human=False),
        attested("withdrawn", roles=frozenset()),
        attested("withdrawn", kind="tests"),
        attested("gone"),
        attested("withdrawn", body=b'{"to":"withdrawn","more":1}'),
    ):
        assert ended([other], "chg-1") == ""
        assert transitions([other], "chg-1") == ()
