"""The decision: every reason is reported, and nothing that is added ever loosens it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval.counting import Received, Wanted
from iacgate.approval.duties import Author, Unsigned
from iacgate.approval.quorum import Seated
from iacgate.change.opening import ChangeCalendar
from iacgate.change.record import Incident, Manual, Record, Span
from iacgate.change.tickets import Ticket
from iacgate.errors import SettingsInvalid
from iacgate.gate import Circumstances, Decision, Inputs, decide
from iacgate.gate.schedule import schedule_at
from iacgate.policy.demands import DEFAULTS, demanded
from iacgate.policy.emergencies import EmergencyText, SoloText
from iacgate.policy.schedules import ScheduleText
from iacgate.render.decision import as_text
from iacgate.risk.assessment import Assessment
from iacgate.vocabulary import Severity
from tests.risk.test_assess import judge
from tests.support.approvals import NOW, WANTED, roster, signed, withdrawal
from tests.support.attested import attested

HOURS = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//EN\r
BEGIN:VEVENT\r
UID:hours\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260101T090000Z\r
DTEND:20260101T150000Z\r
RRULE:FREQ=DAILY\r
SUMMARY:Office hours\r
END:VEVENT\r
END:VCALENDAR\r
"""
FREEZE = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//EN\r
BEGIN:VEVENT\r
UID:freeze\r
DTSTAMP:20260101T000000Z\r
DTSTART;VALUE=DATE:20261224\r
DTEND;VALUE=DATE:20261227\r
SUMMARY:Year end\r
END:VEVENT\r
END:VCALENDAR\r
"""
ROSTER = roster()
PLAN = judge()
AUTHORS = (Author("dave@example.com", "dave"),)


def assessment(severity: Severity, *, errored: bool = False) -> Assessment:
    plan = msgspec.structs.replace(PLAN.plan, errored=errored)
    return msgspec.structs.replace(PLAN, severity=severity, plan=plan)


def inputs(*received: Received, severity: Severity = Severity.HIGH, errored: bool = False, **more: Any) -> Inputs:
    demand = demanded(DEFAULTS, severity)
    given_inputs = Inputs(
        assessment=assessment(severity, errored=errored),
        wanted=msgspec.structs.replace(WANTED, severity=severity),
        demand=demand,
        deny=None,
        authors=AUTHORS,
        received=received,
        mode="enforce",
        now=NOW,
    )
    return msgspec.structs.replace(given_inputs, **more)


def decided(*received: Received, **more: Any) -> Decision:
    return decide(inputs(*received, **more), ROSTER)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_two_independent_people_allow_what_is_high() -> None:
    decision = decided(signed("ann"), signed("bob"))
    assert (decision.allowed, decision.blocks, decision.exit_code, decision.reasons) == (True, False, 0, ())
    assert decision.filled == (Seated("infra", "ann"), Seated("security", "bob"))


def test_who_could_fill_an_empty_seat_is_said() -> None:
    decision = decided(signed("ann"))
    assert (decision.allowed, decision.exit_code, codes(decision)) == (False, 11, ["seat-missing"])
    assert [(seat.role, seat.could) for seat in decision.missing] == [("security", ("bob", "cleo"))]
    assert "could be bob, cleo" in decision.reasons[0].text


def test_the_right_assignment_is_found() -> None:
    assert decided(signed("cleo"), signed("ann")).allowed
    assert decided(signed("cleo"), signed("bob")).allowed
    assert not decided(signed("cleo")).allowed


def test_an_author_does_not_count_and_is_told_so() -> None:
    decision = decided(signed("dave"), signed("ann"))
    assert codes(decision) == ["seat-missing"]
    assert [item.why for item in decision.approvals if not item.counts] == ["dave had a hand in this change"]


def test_all_reasons_are_reported_and_the_lowest_exit_code_wins() -> None:
    decision = decided(
        signed("bob", decision="reject"),
        errored=True,
        deny=Severity.MEDIUM,
        authors=(Author("eve@example.com", ""),),
    )
    assert codes(decision) == ["plan-errored", "risk", "author-unknown", "rejected", "seat-missing", "seat-missing"]
    assert decision.exit_code == 10


def test_unknown_authors_deny_where_somebody_must_sign_only() -> None:
    assert codes(decided(signed("ann"), signed("bob"), authors=())) == ["authors-unknown"]
    assert codes(decided(signed("ann"), signed("bob"), authors=(Author("x", ""),))) == ["author-unknown"]
    assert decided(authors=(), severity=Severity.LOW).allowed


def test_commits_are_signed_where_that_is_demanded() -> None:
    demand = msgspec.structs.replace(demanded(DEFAULTS, Severity.HIGH), signed_commits=True)
    both = (signed("ann"), signed("bob"))
    item = Unsigned("1a2b3c4d5e6f", "it has no signature")
    assert decided(*both, unsigned=(item,)).allowed
    assert decided(*both, demand=demand, unsigned=()).allowed
    denied = decided(*both, demand=demand, unsigned=(item, item))
    assert (codes(denied), denied.exit_code) == (["commit-unsigned"] * 2, 11)
    assert "1a2b3c4d5e6f is not signed by anybody known: it has no signature" in denied.reasons[0].text
    unknown = decided(*both, demand=demand)
    assert codes(unknown) == ["commit-unsigned"]
    assert "name --base" in unknown.reasons[0].text


def test_who_had_a_hand_stands_in_the_decision() -> None:
    assert decided().authors == AUTHORS
    text = as_text(decided(authors=(Author("SHA256:x", "dave", "key", "1a2b", "signed"),)), "p", "", colour=False)
    assert "  dave         signed (key: SHA256:x), commit 1a2b\n" in text


def test_a_role_that_nobody_holds_denies() -> None:
    approvals = [signed(person, severity=Severity.CRITICAL) for person in ("ann", "bob", "cleo")]
    decision = decided(*approvals, severity=Severity.CRITICAL)
    assert [(seat.role, seat.could) for seat in decision.missing] == [("business", ()), ("operations", ())]
    assert "nobody who could is left" in decision.reasons[0].text


def test_observing_decides_the_same_and_blocks_nothing() -> None:
    observed, enforced = decided(mode="observe"), decided()
    assert (observed.allowed, observed.blocks, observed.exit_code) == (False, False, 0)
    assert observed.reasons == enforced.reasons
    assert enforced.blocks


def test_an_identical_re_plan_keeps_its_approvals_and_another_plan_does_not() -> None:
    both = (signed("ann"), signed("bob"))
    again = msgspec.structs.replace(WANTED, subjects={**WANTED.subjects, "plan-file": "9" * 64, "plan-json": "8" * 64})
    assert decided(*both, wanted=again).allowed
    other = msgspec.structs.replace(WANTED, fingerprint="9" * 64)
    assert {item.code for item in decided(*both, wanted=other).approvals} == {"binding"}


def test_a_plans_json_alone_is_denied_unless_the_policy_does_with_it() -> None:
    both = (signed("ann"), signed("bob"))
    denied, allowed = decided(*both, plan_file=False), decided(*both, plan_file=False, json_only_allowed=True)
    assert (codes(denied), denied.exit_code) == (["json-only"], 10)
    assert allowed.allowed
    for decision in (denied, allowed):
        assert decision.not_bound == ("backend", "workspace", "state lineage", "sources", "lock file", "variables")
    assert decided(*both).not_bound == ()
    assert codes(decided(plan_file=False, json_only_allowed=True)) == ["seat-missing", "seat-missing"]


EMERGENCY = Record(
    id="chg-1", type="emergency", justification="It is down", emergency=Incident(incident="INC-7", invoker="dave")
)
AS_EMERGENCY: dict[str, Any] = {
    "wanted": msgspec.structs.replace(WANTED, change_type="emergency", record=EMERGENCY.digest),
    "circumstances": Circumstances(record=EMERGENCY),
}


def test_an_approval_of_one_type_does_not_count_for_another() -> None:
    both = (signed("ann", record=EMERGENCY.digest), signed("bob", record=EMERGENCY.digest))
    decision = decided(*both, **AS_EMERGENCY)
    assert ({item.code for item in decision.approvals}, decision.change_type) == ({"type"}, "emergency")
    signed_so: dict[str, Any] = {"change_type": "emergency", "record": EMERGENCY.digest}
    assert decided(signed("ann", **signed_so), signed("bob", **signed_so), **AS_EMERGENCY).allowed
    assert (
        decided(signed("bob", decision="reject", change_type="standard"), **AS_EMERGENCY).reasons[0].code == "rejected"
    )


def circumstances(**more: Any) -> dict[str, Any]:
    record = Record(id="chg-1", **more)
    return {
        "circumstances": Circumstances(record=record, ticket="OPS-[0-9]+"),
        "wanted": msgspec.structs.replace(WANTED, record=record.digest),
    }


RECORDED = msgspec.structs.replace(demanded(DEFAULTS, Severity.NONE), record=("justification", "ticket"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["record-missing"]),
        (circumstances(), ["record-part-missing"] * 2),
        (circumstances(justification="TODO", ticket="OPS-1"), ["record-part-missing"]),
        (circumstances(justification="It is slow", ticket="17"), ["record-part-missing"]),
        (circumstances(justification="It is slow", ticket="OPS-1"), []),
        (circumstances(justification="It is slow", ticket="OPS-1", requested_by="ann@example.com"), []),
        (circumstances(justification="It is slow", ticket="OPS-1", requested_by="eve"), ["requester-unknown"]),
    ],
)
def test_a_record_says_what_is_demanded(more: dict[str, Any], expected: list[str]) -> None:
    decision = decided(demand=RECORDED, severity=Severity.NONE, **more)
    assert (codes(decision), decision.exit_code) == (expected, 14 if expected else 0)


def test_without_a_record_the_output_says_all_that_it_must_say_and_how() -> None:
    (reason,) = decided(demand=RECORDED, severity=Severity.NONE).reasons
    assert reason.text.endswith("must say: justification, ticket. Write it: iacgate request chg-1")


def recorded(now: str = NOW, wanted: Wanted = WANTED, **more: Any) -> list[str]:
    given_record = Record(**{"id": "chg-1", **more})
    return codes(
        decided(severity=Severity.NONE, now=now, wanted=wanted, circumstances=Circumstances(record=given_record))
    )


def test_a_record_is_of_this_change_and_type() -> None:
    emergency = msgspec.structs.replace(WANTED, change_type="emergency")
    incident = Incident(incident="INC-7", invoker="eve")
    assert recorded() == []
    assert recorded(id="chg-2") == ["record-of-another"]
    assert recorded(wanted=emergency) == ["record-part-missing", "record-of-another-type"]
    unjustified = recorded(wanted=emergency, type="emergency", emergency=incident)
    assert unjustified == ["record-part-missing", "invoker-unknown"]
    assert codes(decided(severity=Severity.NONE, wanted=emergency)) == ["emergency-unrecorded"]


TICKET = Ticket(
    name="OPS-7",
    provider="jira",
    place="https://jira.example.com",
    must_be_open=True,
    answer="found",
    state="in progress",
    open=True,
)


def ticketed(*tickets: Ticket, emergency: bool = False) -> Decision:
    kind: dict[str, Any] = {"type": "emergency", "emergency": Incident("INC-7", "ann")} if emergency else {}
    record = Record(id="chg-1", ticket="OPS-7", justification="It is down", **kind)
    wanted = msgspec.structs.replace(WANTED, change_type=record.type)
    found = Circumstances(record=record, ticket_checks=tickets)
    return decided(severity=Severity.NONE, wanted=wanted, circumstances=found)


def test_a_ticket_that_every_system_knows_as_open_lets_it_pass() -> None:
    decision = ticketed(TICKET, msgspec.structs.replace(TICKET, provider="servicenow"))
    assert (decision.allowed, len(decision.tickets)) == (True, 2)
    assert "  ticket OPS-7          in progress (jira, https://jira.example.com)\n" in (
        as_text(decision, "p", "", colour=False)
    )


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (
            {"answer": "not-found", "open": False, "why": "it is nowhere"},
            "ticket-unknown",
            "is not there: it is nowhere",
        ),
        ({"answer": "not-found"}, "ticket-unknown", "Mend its name in the record"),
        ({"open": False, "state": "done"}, "ticket-closed", "is closed (done)"),
        ({"answer": "unreachable", "why": "no answer"}, "ticket-unreachable", "could not be looked up: no answer."),
    ],
)
def test_a_ticket_that_one_system_does_not_know_as_open_denies(more: dict[str, Any], code: str, says: str) -> None:
    decision = ticketed(TICKET, msgspec.structs.replace(TICKET, **more))
    assert (codes(decision), decision.exit_code, decision.warnings) == ([code], 14, ())
    assert decision.reasons[0].text.startswith("The ticket OPS-7 (jira, https://jira.example.com) ")
    assert says in decision.reasons[0].text


def test_a_closed_ticket_does_where_it_need_not_be_open() -> None:
    assert ticketed(msgspec.structs.replace(TICKET, open=False, must_be_open=False)).allowed


def test_an_emergency_does_not_wait_for_a_system_and_is_warned() -> None:
    silent = msgspec.structs.replace(TICKET, answer="unreachable", why="no answer")
    decision = ticketed(silent, emergency=True)
    assert (codes(decision), decision.allowed) == ([], True)
    (warning,) = decision.warnings
    assert warning.endswith("could not be looked up, and an emergency does not wait for that: no answer.")
    assert ticketed(TICKET, emergency=True).warnings == ()
    unknown = ticketed(msgspec.structs.replace(TICKET, answer="not-found"), emergency=True)
    assert codes(unknown) == ["ticket-unknown"], "a system that answers is listened to"
    assert codes(ticketed(msgspec.structs.replace(TICKET, open=False), emergency=True)) == ["ticket-closed"]


def test_outside_of_its_own_schedule_a_change_waits() -> None:
    span = Span("2026-11-23T13:00:00Z", "2026-11-23T14:00:00Z")
    decision = decided(severity=Severity.NONE, circumstances=Circumstances(record=Record(id="chg-1", schedule=span)))
    assert (codes(decision), decision.exit_code) == (["outside-its-schedule"], 13)
    assert "from 2026-11-23T13:00:00Z on" in decision.reasons[0].text
    assert recorded("2026-11-23T13:00:00Z", schedule=span) == []


CALENDARS = {"calendars/hours.ics": HOURS, "calendars/freeze.ics": FREEZE}
SCHEDULE = ScheduleText(windows=["hours"], freezes=["freeze"])


def timed(*received: Received, now: str, text: ScheduleText = SCHEDULE, **more: Any) -> Decision:
    found = Circumstances(
        schedule=schedule_at([text], CALENDARS, now), override_seats={"infra": 1, "security": 1}, **more
    )
    return decided(*received, severity=Severity.NONE, now=now, circumstances=found)


def test_outside_of_a_window_it_is_said_when_it_opens() -> None:
    assert timed(now="2026-11-23T12:00:00Z").allowed
    decision = timed(now="2026-11-23T16:00:00Z")
    assert (codes(decision), decision.exit_code) == (["closed"], 13)
    assert "It is open next at 2026-11-24T09:00:00Z" in decision.reasons[0].text
    frozen = timed(now="2026-12-24T12:00:00Z")
    assert (codes(frozen), frozen.exit_code) == (["closed"], 13)
    assert "2026-12-27T09:00:00Z" in frozen.reasons[0].text


def test_a_change_calendar_that_is_closed_denies() -> None:
    calendar = ChangeCalendar("releases", open=False, next_change="2026-11-24T00:00:00Z", at=NOW)
    assert codes(timed(now=NOW, change_calendars=(calendar,))) == ["closed"]
    assert timed(now=NOW, change_calendars=(msgspec.structs.replace(calendar, open=True),)).allowed


LATE = "2026-11-23T16:00:00Z"
SAYS = {"from": "2026-11-23T15:00:00Z", "until": "2026-11-23T17:00:00Z", "why": "customers are down"}


def test_people_who_had_no_hand_in_it_override_a_calendar_and_that_is_listed() -> None:
    both = (attested("override", "ann", SAYS), attested("override", "bob", SAYS))
    decision = timed(*both, now=LATE)
    assert (decision.allowed, len(decision.exceptions)) == (True, 1)
    assert "Overridden by ann (customers are down), bob (customers are down)" in decision.exceptions[0]
    assert "  ! " in as_text(decision, "p", "", colour=False)
    assert codes(timed(both[0], now=LATE)) == ["closed", "override-incomplete"]
    assert codes(timed(*both, now="2026-11-23T17:00:00Z")) == ["closed"]
    assert timed(*both, now=NOW).exceptions == ()


@pytest.mark.parametrize(
    "other",
    [
        attested("override", "dave", SAYS),
        attested("override", "robot", SAYS),
        attested("override", "bob", SAYS, about="chg-2"),
        attested("override", "bob", SAYS, key="ann"),
        attested("override", "bob", {**SAYS, "until": "2026-12-23T17:00:00Z"}),
        attested("review", "bob", SAYS),
        signed("bob"),
    ],
)
def test_nothing_else_overrides_a_calendar(other: Received) -> None:
    assert codes(timed(attested("override", "ann", SAYS), other, now=LATE)) == ["closed", "override-incomplete"]


def test_a_calendar_that_is_not_there_closes() -> None:
    with pytest.raises(SettingsInvalid, match=r"calendars/gone\.ics is not there"):
        timed(now=NOW, text=ScheduleText(windows=["gone"]))


def test_a_change_that_was_withdrawn_is_not_applied() -> None:
    both = (signed("ann"), signed("bob"))
    said = attested("transition", "cleo", {"to": "withdrawn"}, reason="not needed")
    decision = decided(*both, said)
    assert (codes(decision), decision.exit_code) == (["ended"], 14)
    assert "cleo says that it is withdrawn (not needed)" in decision.reasons[0].text
    for other in (
        attested("transition", "robot", {"to": "withdrawn"}),
        attested("transition", "nora", {"to": "withdrawn"}),
        attested("transition", "cleo", {"to": "withdrawn"}, about="chg-2"),
        attested("transition", "cleo", {"to": "withdrawn"}, key="stranger"),
        attested("transition", "cleo", {"to": "verified"}),
    ):
        assert decided(*both, other).allowed


def test_an_approval_is_bound_to_the_record() -> None:
    record = Record(id="chg-1", justification="It is slow")
    more: dict[str, Any] = {
        "wanted": msgspec.structs.replace(WANTED, record=record.digest),
        "circumstances": Circumstances(record=record),
    }
    assert decided(signed("ann", record=record.digest), signed("bob", record=record.digest), **more).allowed
    (one, other) = decided(signed("ann"), signed("bob", record="9" * 64), **more).approvals
    assert one.code == other.code == "binding"
    assert "change record" in one.why


def test_what_is_attested_stands_beside_the_approvals_and_fills_no_seat() -> None:
    decision = decided(
        signed("ann"), attested("review", "bob", {"cause": "x"}), attested("tests", "bob", {}, key="eve")
    )
    assert codes(decision) == ["seat-missing"]
    found = sorted((item.kind, item.principal, bool(item.why)) for item in decision.attestations)
    assert found == [("review", "bob", False), ("tests", "bob", True)]
    assert [item.principal for item in decision.approvals] == ["ann"]


INFRA = (frozenset({"infra"}),)


@pytest.mark.parametrize(
    ("deployer", "deployers", "code"),
    [
        ("", (), ""),
        ("eve", (), ""),
        ("", INFRA, "deployer-unknown"),
        ("eve", INFRA, "deployer-unknown"),
        ("ann", INFRA, ""),
        ("gh-ann", INFRA, ""),
        ("ANN@example.com", INFRA, ""),
        ("arn:aws:iam::1:role/robot", INFRA, ""),
        ("bob", INFRA, "deployer-not-allowed"),
        ("dave", INFRA, ""),
        ("bob", (frozenset({"infra", "bob"}),), ""),
        ("ann", (*INFRA, frozenset({"cleo"})), "deployer-not-allowed"),
        ("cleo", (*INFRA, frozenset({"cleo"})), ""),
    ],
)
def test_whoever_deploys_may(deployer: str, deployers: tuple[frozenset[str], ...], code: str) -> None:
    decision = decided(signed("ann"), signed("bob"), deployer=deployer, deployers=deployers)
    assert codes(decision) == [code] * bool(code)
    assert (decision.allowed, decision.exit_code) == (not code, 11 if code else 0)
    if code:
        assert "infra" in decision.reasons[0].text


def test_who_deploys_is_checked_also_where_nobody_must_sign() -> None:
    decision = decided(severity=Severity.LOW, deployers=INFRA)
    assert codes(decision) == ["deployer-unknown"]
    assert decided(severity=Severity.LOW, deployers=INFRA, deployer="ann").deployer == "ann"


def test_to_deploy_makes_nobody_an_author() -> None:
    assert decided(signed("ann"), signed("bob"), deployer="ann", deployers=INFRA).allowed


NO = signed("bob", decision="reject", arrived="2026-11-23T11:10:00Z")
TAKEN_BACK = withdrawal("bob", NO, signed("bob"), arrived="2026-11-23T11:20:00Z")
ENVELOPES = [
    *map(signed, ("ann", "bob", "cleo", "dave", "robot", "nora")),
    NO,
    TAKEN_BACK,
    signed("ann", fingerprint="1" * 64),
    Received(b"junk", "2026-11-23T11:00:00Z"),
]
APPROVALS = [index for index, item in enumerate(ENVELOPES) if item not in (NO, TAKEN_BACK)]
"""Everything but who says no: to delete a rejection or a withdrawal is what the inbox must not let anybody do."""

some = st.sets(st.integers(0, len(ENVELOPES) - 1))
severities = st.sampled_from(list(Severity))


@given(some, severities, severities)
def test_a_worse_plan_is_never_allowed_where_a_better_one_is_not(
    chosen: set[int], one: Severity, other: Severity
) -> None:
    low, high = sorted((one, other), key=lambda severity: severity.rank)
    received = [ENVELOPES[index] for index in chosen]
    assert decided(*received, severity=low).allowed or not decided(*received, severity=high).allowed


@given(some, severities, st.sampled_from(APPROVALS))
def test_taking_an_approval_away_never_allows(chosen: set[int], severity: Severity, gone: int) -> None:
    received = [ENVELOPES[index] for index in chosen]
    fewer = [item for item in received if item != ENVELOPES[gone]]
    assert decided(*received, severity=severity).allowed or not decided(*fewer, severity=severity).allowed


@given(some, severities)
def test_the_same_inputs_give_the_same_bytes(chosen: set[int], severity: Severity) -> None:
    received = [ENVELOPES[index] for index in sorted(chosen)]
    first = canonical.canonical_json(decided(*received, severity=severity))
    assert first == canonical.canonical_json(decided(*reversed(received), severity=severity))


@given(some, severities)
def test_more_authors_never_allow(chosen: set[int], severity: Severity) -> None:
    received = [ENVELOPES[index] for index in chosen]
    wanted = msgspec.structs.replace(WANTED, severity=severity, authors=frozenset({"dave", "ann"}))
    more = decided(*received, severity=severity, wanted=wanted)
    assert decided(*received, severity=severity).allowed or not more.allowed


@given(some, severities, st.sampled_from(["", "ann", "bob", "eve"]), st.sampled_from(["infra", "bob", "nobody"]))
def test_to_say_who_may_deploy_never_allows(chosen: set[int], severity: Severity, deployer: str, who: str) -> None:
    received = [ENVELOPES[index] for index in chosen]
    asked = decided(*received, severity=severity, deployer=deployer, deployers=(frozenset({who}),))
    assert decided(*received, severity=severity, deployer=deployer).allowed or not asked.allowed


def test_without_the_ledger_only_an_emergency_with_a_record_goes_on_and_that_is_said() -> None:
    lost = Circumstances(record=EMERGENCY, lost="s3://first: no answer.")
    emergency = {**AS_EMERGENCY, "circumstances": lost}
    signed_so: dict[str, Any] = {"change_type": "emergency", "record": EMERGENCY.digest}
    decision = decided(signed("ann", **signed_so), signed("bob", **signed_so), **emergency)
    assert decision.allowed
    assert "could not be reached: s3://first: no answer. Not known: approvals that were used up" in decision.warnings[0]
    normal = decided(signed("ann"), signed("bob"), circumstances=Circumstances(lost="no answer"))
    assert codes(normal) == ["ledger-unreachable"]
    incident = Incident(incident="INC-7", invoker="dave", solo=True)
    alone = msgspec.structs.replace(lost, record=msgspec.structs.replace(EMERGENCY, emergency=incident))
    assert "ledger-unreachable" in codes(decided(**{**emergency, "circumstances": alone}))
    assert decided(**AS_EMERGENCY).warnings == ()


MANUAL = Record(id=WANTED.change, manual=Manual("payments", Severity.HIGH, "Run fix.sql", {"fix.sql": "a" * 64}))


def by_hand(written: Record | None = MANUAL, **more: Any) -> Inputs:
    digest = MANUAL.digest
    wanted = {"subjects": {"record": digest}, "fingerprint": digest, "record": digest, **more}
    return inputs(
        wanted=msgspec.structs.replace(WANTED, **wanted),
        plan_file=False,
        circumstances=Circumstances(record=written),
    )


def held_against(given_inputs: Inputs) -> list[str]:
    return [reason.code for reason in decide(given_inputs, ROSTER).reasons if reason.code != "seat-missing"]


def test_what_is_done_by_hand_needs_no_plan_and_is_bound_by_its_record() -> None:
    assert held_against(by_hand()) == []
    assert decide(by_hand(), ROSTER).not_bound == ()


@pytest.mark.parametrize(
    "other",
    [
        by_hand(None),
        by_hand(msgspec.structs.replace(MANUAL, manual=None)),
        by_hand(msgspec.structs.replace(MANUAL, ticket="OPS-2")),
        by_hand(fingerprint="9" * 64),
        by_hand(record="9" * 64),
        by_hand(subjects={"record": "9" * 64}),
        by_hand(severity=Severity.LOW),
        by_hand(target=msgspec.structs.replace(WANTED.target, stack="orders")),
    ],
)
def test_what_is_done_by_hand_is_nothing_but_what_its_record_says(other: Inputs) -> None:
    assert held_against(other) == ["by-hand-unbound"]


def test_nobody_acts_alone_by_hand() -> None:
    incident = Incident(incident="INC-7", invoker="ann", solo=True)
    alone = msgspec.structs.replace(MANUAL, type="emergency", justification="It is down", emergency=incident)
    found = Circumstances(record=alone, emergency=EmergencyText(solo=SoloText(role="infra")), emergencies=())
    digests: dict[str, Any] = {"subjects": {"record": alone.digest}, "fingerprint": alone.digest}
    wanted = msgspec.structs.replace(WANTED, record=alone.digest, change_type="emergency", **digests)
    given_inputs = inputs(wanted=wanted, plan_file=False, circumstances=found)
    assert "solo" in held_against(given_inputs)
    by_plan = msgspec.structs.replace(alone, manual=None)
    planned = msgspec.structs.replace(found, record=by_plan)
    whole = msgspec.structs.replace(WANTED, record=by_plan.digest, change_type="emergency")
    assert "solo" not in held_against(inputs(wanted=whole, circumstances=planned))


def test_no_plan_has_the_record_of_something_by_hand() -> None:
    assert held_against(inputs(circumstances=Circumstances(record=MANUAL))) == ["record-by-hand"]
