"""Which results of required tests count: the newest, of this tree, by whoever may."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.approval import attestation
from iacgate.change import testing, testrun
from iacgate.change.junit import Report
from iacgate.change.testing import Asked, Check, CheckRun
from iacgate.people.attested import Attested
from tests.support.approvals import WANTED, roster
from tests.support.attested import attested as signed

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TREE, OTHER = "d" * 40, "e" * 40
COMMIT = "c" * 40
NOW = "2026-11-23T12:00:00Z"
ASKED = Asked(
    names=("unit",),
    tree=TREE,
    commits=(COMMIT,),
    max_age_hours=24,
    checks=(Check("unit", "Unit tests", "acme-ci"),),
)


def run(**more: Any) -> testrun.TestRun:
    """Return a green run that ended an hour ago."""
    made = testrun.run_of(
        Report(10, 0, 0, 2, "2026-11-23T10:30:00Z", "a" * 64), name="unit", tree=TREE, finished="2026-11-23T11:00:00Z"
    )
    return msgspec.structs.replace(made, **more)


def said(found: testrun.TestRun | dict[str, Any], **more: Any) -> Attested:
    """Return what robot, a machine, attests; it arrives at once."""
    body = canonical.canonical_json(found)
    values: dict[str, Any] = {
        "kind": "tests",
        "about": "chg-1",
        "body": body,
        "reason": "",
        "principal": "robot",
        "human": False,
        "roles": frozenset({"ci"}),
        "arrived": getattr(found, "finished", "2026-11-23T11:00:00Z"),
        "expires": "2026-12-23T00:00:00Z",
        "digest": canonical.digest(body),
    }
    return Attested(**{**values, **more})


def by_hand(found: testrun.TestRun) -> Attested:
    return said(found, principal="ann", human=True, roles=frozenset({"infra"}))


def told(**more: Any) -> CheckRun:
    """Return a green check run that ended an hour ago."""
    green = CheckRun("Unit tests", "acme-ci", COMMIT, "2026-11-23T10:30:00Z", "2026-11-23T11:00:00Z", "success")
    return msgspec.structs.replace(green, **more)


def verdict(*given: Attested | CheckRun, now: str = NOW, **more: Any) -> testing.TestVerdict:
    asked = msgspec.structs.replace(ASKED, **more)
    attested = [item for item in given if isinstance(item, Attested)]
    (found,) = testing.checked(asked, attested, [item for item in given if isinstance(item, CheckRun)], now)
    return found


LAPSED = "it has expired"


@pytest.mark.parametrize("bad", [{"failures": 1}, {"tests": 0, "skipped": 0}])
def test_a_red_run_goes_on_counting_when_its_signature_has_expired(bad: dict[str, int]) -> None:
    green = said(run(finished="2026-11-23T10:40:00Z"))
    red = said(run(**bad), lapsed=LAPSED)
    assert verdict(green, red).code in ("failed", "empty")
    newer = said(run(finished="2026-11-23T11:10:00Z"))
    assert verdict(green, red, newer).counts, "a newer one replaces it"


def test_a_green_run_of_which_the_signature_has_expired_counts_for_nothing_and_hides_nothing() -> None:
    old = said(run(), lapsed=LAPSED)
    found = verdict(old)
    assert (found.code, found.counts) == ("stale", False)
    assert "it has expired: run it again" in found.why
    assert verdict(said(run(finished="2026-11-23T10:40:00Z")), old).counts


def test_a_green_run_of_this_tree_counts_and_says_who_attested_it() -> None:
    item = said(run())
    found = verdict(item)
    assert (found.code, found.counts, found.by, found.by_hand, found.why) == ("counts", True, "robot", False, "")
    assert (found.statement, found.report, found.tests, found.source) == (item.digest, "a" * 64, 10, "junit")
    assert (found.test, found.tree, found.started) == ("unit", TREE, "2026-11-23T10:30:00Z")


@pytest.mark.parametrize(
    ("item", "code", "says"),
    [
        (said(run(failures=1)), "failed", "1 failures in 10 tests"),
        (said(run(errors=2, tests=0, skipped=0)), "failed", "2 failures in 0 tests"),
        (said(run(tests=0, skipped=0)), "empty", "no test ran"),
        (said(run(tests=3, skipped=3)), "empty", "3 were skipped"),
        (said(run(tree=OTHER)), "other-tree", "of another tree"),
        (said(run(), principal="ann", human=True), "attached", "ann attached it by hand"),
        (said(run(started="2026-11-22T11:59:59Z")), "stale", "more than 24 hours ago"),
        (
            said(run(finished="2026-11-23T11:06:00Z"), arrived="2026-11-23T11:00:00Z"),
            "time",
            "ended after that arrived",
        ),
        (said({"name": "unit", "version": 2}), "unreadable", "robot"),
        (said(run(name="other")), "missing", "run it"),
        (said({"name": "other", "version": 2}), "missing", "run it"),
        (said(run(), kind="review"), "missing", "run it"),
        (told(conclusion="failure"), "failed", "failure"),
        (told(conclusion="invented"), "failed", "invented"),
        (told(conclusion="skipped"), "empty", "skipped"),
        (told(conclusion="neutral"), "empty", "neutral"),
        (told(conclusion="", completed=""), "running", "wait"),
        (told(conclusion="", completed="", started=""), "running", "wait"),
        (told(commit="b" * 40), "other-tree", "of another commit"),
        (told(app="github-actions"), "missing", "run it"),
        (told(name="unit tests"), "missing", "run it"),
        (told(started="2026-11-22T11:59:59Z"), "stale", "more than 24 hours ago"),
        (told(started="", completed="2026-11-22T11:59:59Z"), "stale", "more than 24 hours ago"),
        (told(completed="2026-11-23T12:05:01Z"), "time", "in the future"),
    ],
)
def test_what_does_not_count_says_why(item: Attested | CheckRun, code: str, says: str) -> None:
    found = verdict(item)
    assert (found.code, found.counts) == (code, False)
    assert says in found.why


def test_a_check_run_of_the_named_app_counts() -> None:
    found = verdict(told())
    assert (found.code, found.by, found.source, found.statement) == ("counts", "acme-ci", "check-run", "")
    assert found.report == canonical.digest(canonical.canonical_json(told()))
    assert verdict(told(), commits=("b" * 40, COMMIT)).counts
    assert verdict(told(), checks=()).code == "missing"
    assert verdict(told(), commits=()).code == "other-tree"


def test_the_age_is_counted_from_the_beginning_to_the_second() -> None:
    assert verdict(said(run(started="2026-11-22T12:00:00Z"))).counts
    assert verdict(said(run(started="2026-11-22T12:00:00Z")), now="2026-11-23T12:00:01Z").code == "stale"
    assert verdict(said(run()), max_age_hours=1).code == "stale"


def test_yesterdays_report_is_not_new_because_it_is_attested_today() -> None:
    yesterday = Report(10, 0, 0, 0, "2026-11-22T10:00:00Z", "a" * 64)
    found = testrun.run_of(yesterday, name="unit", tree=TREE, finished="2026-11-23T11:59:00Z")
    assert verdict(said(found)).code == "stale"


def test_a_later_red_run_outweighs_an_earlier_green_one() -> None:
    red = run(failures=1, finished="2026-11-23T11:30:00Z")
    assert verdict(said(run()), said(red)).code == "failed"
    assert verdict(said(red), said(run())).code == "failed"
    again = run(finished="2026-11-23T11:31:00Z")
    assert verdict(said(again), said(red)).counts
    assert verdict(said(run()), told(completed="2026-11-23T11:30:00Z", conclusion="failure")).code == "failed"
    assert verdict(said(red), told(completed="2026-11-23T11:31:00Z")).counts


def test_of_two_in_one_second_the_red_one_decides() -> None:
    assert verdict(said(run()), said(run(failures=1))).code == "failed"
    assert verdict(said(run(failures=1)), said(run())).code == "failed"


def test_a_check_run_that_began_later_is_waited_for() -> None:
    again = told(started="2026-11-23T11:30:00Z", completed="", conclusion="")
    assert verdict(told(), again).code == "running"
    early = told(started="2026-11-23T10:00:00Z", completed="", conclusion="")
    assert verdict(told(), early).counts


def test_an_old_green_run_that_is_delivered_again_stays_old() -> None:
    red = said(run(failures=1, finished="2026-11-23T11:30:00Z"))
    late = msgspec.structs.replace(said(run()), arrived="2026-11-23T11:59:00Z")
    assert verdict(late, red).code == "failed"


def test_a_clock_that_is_ahead_holds_up_nobody_for_long() -> None:
    ahead = said(run(finished="2026-11-23T15:00:00Z"), arrived="2026-11-23T11:00:00Z")
    assert verdict(ahead, said(run(finished="2026-11-23T11:01:00Z"))).counts


def test_who_may_attest() -> None:
    item = said(run())
    assert verdict(item, attesters=(("ci",),)).counts
    assert verdict(item, attesters=(("robot",),)).counts
    assert verdict(item, attesters=(("ci",), ("robot", "other"))).counts
    found = verdict(item, attesters=(("ci",), ("release", "build")))
    assert (found.code, found.why) == ("unattested", "robot attests it, and may not: who may is build, release")
    assert verdict(said(run(failures=1)), attesters=(("build",),)).code == "unattested"


def test_what_a_human_attaches_counts_where_the_policy_says_so_and_is_shown() -> None:
    item = by_hand(run())
    assert verdict(item).code == "attached"
    found = verdict(item, attached=True)
    assert (found.code, found.by_hand, found.by, found.why) == ("counts", True, "ann", "ann attached it by hand")
    assert verdict(item, attached=True, attesters=(("ci",),)).code == "unattested"
    assert verdict(item, attached=True, attesters=(("ci", "infra"),)).counts


def test_who_may_not_attest_decides_nothing() -> None:
    red = by_hand(run(failures=1, finished="2026-11-23T11:30:00Z"))
    assert verdict(said(run()), red).counts
    assert verdict(said(run()), said(run(tree=OTHER, failures=1, finished="2026-11-23T11:30:00Z"))).counts
    assert verdict(said(run()), said({"name": "unit"}, human=True)).counts


def test_what_cannot_be_read_of_somebody_who_may_is_no_pass() -> None:
    """A later version may have said red with it."""
    later = said({"name": "unit", "version": 2}, arrived="2026-11-23T11:30:00Z")
    assert verdict(said(run()), later).code == "unreadable"
    assert verdict(said(run(finished="2026-11-23T11:31:00Z")), later).counts


def test_where_no_tree_is_known_nothing_counts() -> None:
    found = verdict(said(run()), told(), tree="")
    assert (found.code, found.tree) == ("missing", "")
    assert "not known which tree" in found.why


def test_each_required_test_has_one_verdict() -> None:
    asked = msgspec.structs.replace(ASKED, names=("unit", "smoke", "unit"))
    found = testing.checked(asked, [said(run())], [], NOW)
    assert [(item.test, item.code) for item in found] == [("smoke", "missing"), ("unit", "counts")]
    assert testing.checked(msgspec.structs.replace(ASKED, names=()), [said(run())], [told()], NOW) == ()


def test_what_was_really_signed_counts() -> None:
    body = msgspec.to_builtins(run())
    found = [
        attestation.verify(signed("tests", person, body, arrived="2026-11-23T11:00:00Z"), roster(), WANTED.ledger, NOW)
        for person in ("robot", "ann")
    ]
    given_ = [item for item in found if isinstance(item, Attested)]
    assert len(given_) == 2
    assert verdict(*given_).by == "robot"
    assert verdict(given_[1]).code == "attached"


def test_verdicts_can_be_recorded_and_read_back() -> None:
    found = testing.checked(ASKED, [said(run())], [told()], NOW)
    assert msgspec.json.decode(canonical.canonical_json(found), type=tuple[testing.TestVerdict, ...]) == found
    assert msgspec.json.decode(canonical.canonical_json(ASKED), type=Asked) == ASKED
    assert msgspec.json.decode(canonical.canonical_json(told()), type=CheckRun) == told()


def test_the_digest_of_what_counts() -> None:
    def digest(*given: Attested | CheckRun, **more: Any) -> str:
        return testing.digest([verdict(*given, **more)])

    assert testing.digest([]) == ""
    green = digest(said(run()))
    assert green == digest(said(run(tests=11, finished="2026-11-23T11:45:00Z", report="b" * 64))) == digest(told())
    assert green == digest(said(run()), now="2026-11-23T12:01:00Z")
    red = digest(said(run(failures=1)))
    assert red == digest()
    hand = digest(by_hand(run()), attached=True)
    elsewhere = digest(said(run(tree=OTHER)), tree=OTHER)
    both = testing.digest(testing.checked(msgspec.structs.replace(ASKED, names=("unit", "x")), [said(run())], [], NOW))
    assert len({green, red, hand, elsewhere, both, ""}) == 6


MINUTES = st.integers(0, 24 * 60 * 2).map(lambda count: instants.at(instants.seconds(NOW) - count * 60))
TWO = msgspec.structs.replace(ASKED, names=("smoke", "unit"), checks=(*ASKED.checks, Check("smoke", "S", "acme-ci")))


@st.composite
def runs(draw: st.DrawFn, /, **fixed: Any) -> Attested:
    """Draw what somebody attests, some of it nonsense."""
    finished = draw(MINUTES)
    found = run(
        name=draw(st.sampled_from(["unit", "smoke"])),
        tree=draw(st.sampled_from([TREE, OTHER])),
        started=instants.at(instants.seconds(finished) - draw(st.integers(0, 3600))),
        finished=finished,
        tests=draw(st.integers(0, 3)),
        failures=draw(st.integers(0, 1)),
        skipped=draw(st.integers(0, 3)),
    )
    found = msgspec.structs.replace(found, **fixed)
    human = draw(st.booleans())
    return said(
        found,
        principal="ann" if human else draw(st.sampled_from(["robot", "other"])),
        human=human,
        roles=frozenset(draw(st.sets(st.sampled_from(["ci", "infra"])))),
        arrived=draw(MINUTES),
    )


CHECKS = st.builds(
    CheckRun,
    st.sampled_from(["Unit tests", "S"]),
    st.sampled_from(["acme-ci", "other"]),
    st.sampled_from([COMMIT, "b" * 40]),
    MINUTES | st.just(""),
    MINUTES | st.just(""),
    st.sampled_from(["success", "failure", "skipped", ""]),
)
ASKING = st.builds(
    msgspec.structs.replace,
    st.just(TWO),
    attached=st.booleans(),
    attesters=st.sampled_from([(), (("ci",),), (("robot", "ann"),)]),
    max_age_hours=st.integers(1, 48),
)
GIVEN = st.lists(runs(), max_size=6)
TOLD = st.lists(CHECKS, max_size=4)


def counting(asked: Asked, attested: list[Attested], checks: list[CheckRun]) -> dict[str, bool]:
    return {item.test: item.counts for item in testing.checked(asked, attested, checks, NOW)}


@untimed
@given(ASKING, GIVEN, TOLD, runs(failures=1) | CHECKS.filter(lambda item: item.conclusion != "success"))
def test_a_failing_result_never_turns_a_denial_into_a_pass(
    asked: Asked, attested: list[Attested], checks: list[CheckRun], red: Attested | CheckRun
) -> None:
    before = counting(asked, attested, checks)
    more = ([*attested, red], checks) if isinstance(red, Attested) else (attested, [*checks, red])
    after = counting(asked, *more)
    assert all(before[name] for name, counts in after.items() if counts)


@untimed
@given(ASKING, GIVEN, TOLD, st.data())
def test_a_result_that_is_gone_never_makes_another_test_count(
    asked: Asked, attested: list[Attested], checks: list[CheckRun], data: st.DataObject
) -> None:
    if not attested:
        return
    gone = data.draw(st.integers(0, len(attested) - 1))
    its = testrun.named(attested[gone].body)
    before = counting(asked, attested, checks)
    after = counting(asked, [item for number, item in enumerate(attested) if number != gone], checks)
    assert {name: counts for name, counts in after.items() if name != its} == {
        name: counts for name, counts in before.items() if name != its
    }


@untimed
@given(ASKING, st.lists(runs(tree=OTHER, failures=0), max_size=6), TOLD)
def test_a_report_of_another_tree_never_counts(asked: Asked, attested: list[Attested], checks: list[CheckRun]) -> None:
    elsewhere = [msgspec.structs.replace(item, commit="b" * 40) for item in checks]
    assert not any(counting(asked, attested, elsewhere).values())


@untimed
@given(ASKING, GIVEN, TOLD, st.randoms(use_true_random=False))
def test_the_order_decides_nothing(asked: Asked, attested: list[Attested], checks: list[CheckRun], random: Any) -> None:
    before = testing.checked(asked, attested, checks, NOW)
    random.shuffle(attested)
    random.shuffle(checks)
    assert testing.checked(asked, attested + attested[:1], checks, NOW) == before


@untimed
@given(ASKING, GIVEN, TOLD)
def test_a_stricter_policy_never_lets_more_count(
    asked: Asked, attested: list[Attested], checks: list[CheckRun]
) -> None:
    """Fewer hours, that is: fewer attesters can take away the red run that decides."""
    before = counting(asked, attested, checks)
    after = counting(msgspec.structs.replace(asked, max_age_hours=1), attested, checks)
    assert all(before[name] for name, counts in after.items() if counts)


@untimed
@given(ASKING, GIVEN, TOLD)
def test_what_counts_is_green_and_by_somebody_who_may(
    asked: Asked, attested: list[Attested], checks: list[CheckRun]
) -> None:
    for found in testing.checked(asked, attested, checks, NOW):
        if found.counts and found.source == "junit":
            item = next(item for item in attested if item.digest == found.statement and item.principal == found.by)
            body = testrun.read_run(item.body)
            assert (body.failures, body.errors, body.tree, body.name) == (0, 0, TREE, found.test)
            assert body.tests > body.skipped
            assert asked.attached or not item.human
        elif found.counts:
            assert any(check.conclusion == "success" and check.app == found.by for check in checks)
