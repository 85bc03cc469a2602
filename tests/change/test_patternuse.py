"""How often a pattern may be used, who approved it, and who may not use it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.approval import attestation
from iacgate.change.patternfit import Fit, Misfit
from iacgate.change.patterns import Pattern
from iacgate.change.patternuse import MAX_HELD, Use, authoring, left, signers, used, within_limits
from iacgate.people.attested import Attested
from tests.support import approvals
from tests.support.attested import attested
from tests.support.standard import digest, pattern

NOW = approvals.NOW


def ago(hours: float) -> str:
    return instants.at(instants.seconds(NOW) - int(hours * 3600))


def of(resources: int, **more: Any) -> Fit:
    return Fit(**{"pattern": "web-size", "digest": digest(), "resources": resources, "misfits": (), **more})


def limited(**limits: int) -> Pattern:
    found = pattern()
    return pattern(limits=msgspec.structs.replace(found.text.limits, **limits))


def problems(*uses: Use, resources: int = 1, change: str = "chg-9", **limits: int) -> tuple[str, ...]:
    return within_limits(limited(**limits), uses, of(resources), change, NOW)


def test_the_first_use_is_within_the_limits() -> None:
    assert problems() == ()


def test_uses_are_counted_in_a_window_that_rolls() -> None:
    uses = [Use(f"chg-{number}", ago(number), 1) for number in range(1, 4)]
    assert problems(*uses) == ()
    assert problems(*uses, uses=3) == ("it would be use 4 of the pattern in 24 hours, and 3 are allowed",)
    assert problems(*uses, Use("chg-0", ago(23.9), 0)) == (
        "it would be use 5 of the pattern in 24 hours, and 4 are allowed",
    )
    assert problems(*uses, Use("chg-0", ago(24), 0)) == ()


def test_a_change_cut_into_slices_adds_up() -> None:
    slices = [Use("chg-1", ago(1), 2), Use("chg-2", ago(0.5), 1)]
    assert problems(*slices, resources=1) == ()
    assert problems(*slices, resources=2) == ("it would make 5 resource changes in 24 hours, and 4 are allowed",)


def test_slices_under_one_name_add_up_as_well() -> None:
    slices = [Use("chg-1", ago(1), 2), Use("chg-1", ago(0.5), 2)]
    assert problems(*slices, change="chg-1", uses=3) == (
        "it would make 5 resource changes in 24 hours, and 4 are allowed",
    )
    assert problems(*slices, change="chg-1", resources_per_window=9, uses=2) == (
        "it would be use 3 of the pattern in 24 hours, and 2 are allowed",
    )


def test_a_retry_of_the_same_change_is_one_use() -> None:
    failed = Use("chg-1", ago(1), 2, failed=True)
    assert problems(failed, resources=1, change="chg-1", uses=1, resources_per_window=2) == ()
    assert problems(failed, resources=1, change="chg-2", uses=1) != ()
    assert problems(msgspec.structs.replace(failed, failed=False), resources=1, change="chg-1", uses=1) != ()


def test_a_retry_after_others_that_failed_is_still_one_use_but_not_for_ever() -> None:
    failed = [Use("chg-1", ago(hours), 2, failed=True) for hours in (4, 3, 2, 1)]
    assert problems(*failed[1:], change="chg-1", uses=1) == ()
    assert problems(*failed, change="chg-1", uses=1) != ()


def test_what_was_tried_again_in_the_window_counts_as_a_whole() -> None:
    begun = [Use("chg-1", ago(30), 3, failed=True), Use("chg-1", ago(1), 1)]
    assert problems(*begun, resources=1) == ()
    assert problems(*begun, resources=2) != ()


@pytest.mark.parametrize("time", ["2027-01-01T00:00:00Z", "yesterday", ""])
def test_a_use_whose_time_makes_no_sense_counts(time: str) -> None:
    assert problems(Use("chg-1", time, 1), uses=1) != ()


@pytest.mark.parametrize(
    "fit",
    [
        of(1, pattern="other"),
        of(1, digest="0" * 64),
        of(1, misfits=(Misfit("plan", "no"),)),
    ],
)
def test_the_limits_are_asked_of_what_fits_this_very_pattern(fit: Fit) -> None:
    assert within_limits(pattern(), (), fit, "chg-1", NOW) == ("the plan does not fit the pattern web-size",)


USES = st.lists(
    st.builds(
        Use,
        st.sampled_from(["chg-1", "chg-2"]),
        st.sampled_from([ago(hours) for hours in (1, 5, 23, 25)]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(USES, st.data())
def test_the_order_of_uses_never_matters(uses: list[Use], data: st.DataObject) -> None:
    assert problems(*uses) == problems(*data.draw(st.permutations(uses)))


@settings(deadline=None)
@given(USES, st.integers(0, 3))
def test_a_use_of_another_change_never_makes_room(uses: list[Use], resources: int) -> None:
    if problems(*uses):
        assert problems(*uses, Use("chg-3", ago(2), resources))


UNTIL = "2027-06-30"


def signed(person: str, **more: Any) -> Attested:
    """Return a signature of the pattern as it is verified."""
    body = more.pop("body", {"pattern": digest(), "until": UNTIL})
    received = attested(more.pop("kind", "pattern"), person, body, about=more.pop("about", "web-size"))
    found = attestation.verify(received, approvals.roster(), approvals.WANTED.ledger, NOW)
    assert isinstance(found, Attested)
    return msgspec.structs.replace(found, **more)


def who(*statements: Attested, until: str = UNTIL, now: str = NOW) -> tuple[str, ...]:
    return signers("web-size", digest(), until, statements, now)


def test_those_who_signed_this_file_are_its_signers_each_once() -> None:
    assert who(signed("bob"), signed("ann"), signed("bob")) == ("ann", "bob")


@pytest.mark.parametrize(
    "more",
    [
        {"lapsed": "the key of ann is not valid now"},
        {"body": {"pattern": "0" * 64, "until": UNTIL}},
        {"body": {"pattern": digest(), "until": "2027-07-01"}},
        {"body": {"pattern": digest(), "until": "2027-06-29"}},
        {"body": {"pattern": digest()}},
        {"body": {"pattern": digest(), "until": UNTIL, "scope": "all"}},
        {"about": "web-size2"},
        {"kind": "review"},
        {"human": False},
        {"arrived": "2026-11-23T12:00:01Z"},
        {"expires": "2026-11-23T11:59:59Z"},
    ],
)
def test_what_is_about_anything_else_is_no_signature_of_it(more: dict[str, Any]) -> None:
    assert who(signed("ann", **more), signed("bob")) == ("bob",)


def test_a_machine_signs_no_pattern() -> None:
    assert who(signed("robot")) == ()


def test_signatures_end_with_the_pattern() -> None:
    assert who(signed("ann", expires="2028-01-01T00:00:00Z"), now="2027-06-30T23:59:59Z") == ("ann",)
    assert who(signed("ann", expires="2028-01-01T00:00:00Z"), now="2027-07-01T00:00:00Z") == ()
    assert who(signed("ann"), until="never") == ()


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_a_body_that_is_no_pattern_is_passed_over(body: bytes) -> None:
    assert who(signed("ann", body={}), msgspec.structs.replace(signed("bob"), body=body)) == ()


def test_a_body_with_a_key_twice_is_passed_over() -> None:
    body = canonical.canonical_json({"pattern": digest(), "until": UNTIL})
    twice = body[:-1] + b',"until":"' + UNTIL.encode() + b'"}'
    assert who(msgspec.structs.replace(signed("ann"), body=twice)) == ()


def test_signers_may_not_author_a_use() -> None:
    assert authoring(("ann", "bob"), {"dave", "bob"}) == ("bob",)
    assert authoring(("ann",), ()) == ()


def test_a_chain_holds_so_many_uses_and_no_more() -> None:
    uses = [Use(f"chg-{number}", "2025-01-01T00:00:00Z", 1) for number in range(MAX_HELD)]
    (problem,) = problems(*uses)
    assert "as often as a chain can hold" in problem
    assert problems(*uses[1:]) == ()


def test_the_state_of_a_chain_counts_each_use_and_marks_a_retry() -> None:
    one = used({}, "web-size", "chg-1", ago(2), 1, again=False)
    again = used(one, "web-size", "chg-1", ago(1), 1, again=True)
    assert [(use.change, use.failed) for use in again["web-size"]] == [("chg-1", True), ("chg-1", False)]
    other = used(again, "web-size", "chg-2", ago(0), 1, again=True)
    assert [use.failed for use in other["web-size"]] == [True, False, False], "another change is no retry"
    assert left(other, NOW) == other
    assert left(other, instants.at(instants.seconds(NOW) + 101 * 86_400)) == {}
