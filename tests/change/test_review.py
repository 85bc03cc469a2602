"""Who may review an emergency, and what their reviews add up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval import attestation
from iacgate.approval.quorum import fill
from iacgate.change.emergency import Emergency
from iacgate.change.review import Review, Reviewing, read_review, reviewed, settled
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested
from tests.change.emergencies import BEGUN, PEOPLE, emergency, later
from tests.conftest import ROOT
from tests.support.approvals import NOW, WANTED, roster
from tests.support.attested import attested as signed

SAID: dict[str, Any] = {"change": "chg-1", "cause": "a disk was full", "justified": True, "follow_up": "an alarm"}
SEATS = {"infra": 1, "security": 1}


def said(person: str, **more: Any) -> Attested:
    """Return what somebody attests; cleo and dave had no part in the emergency."""
    body = {**SAID, **{name: more.pop(name) for name in SAID if name in more}}
    values = {
        "kind": "review",
        "about": "chg-1",
        "body": canonical.canonical_json(body),
        "reason": "",
        "principal": person,
        "human": True,
        "roles": frozenset({"infra", "security"}),
        "arrived": later(BEGUN, hours=1),
        "expires": later(BEGUN, days=30),
        "digest": canonical.digest(
            canonical.canonical_json([person, body, more.get("arrived", ""), more.get("human", True)])
        ),
        **more,
    }
    return Attested(**values)


def who(found: Reviewing) -> list[str]:
    return [item.principal for item in found.reviewers]


def test_two_who_agree_fill_the_seats() -> None:
    found = reviewed(emergency(), [said("dave"), said("cleo")])
    assert (who(found), found.justified, found.others) == (["cleo", "dave"], True, ())
    assert fill(SEATS, found.roles).complete
    (settled_one,) = settled([emergency()], found)
    assert (settled_one.reviewed, settled_one.justified) == (found.digest, True)
    assert len(found.digest) == 64


def test_who_said_no_has_not_agreed_because_that_expired() -> None:
    no = said("dave", justified=False, lapsed="the key of dave is not valid now")
    found = reviewed(emergency(), [no, said("cleo"), said("erin")])
    assert (who(found), found.justified) == ([], None)
    assert {item.why for item in found.others} == {
        "the key of dave is not valid now",
        "it says justified, and dave says not",
    }
    again = reviewed(emergency(), [no, said("cleo"), said("erin", justified=False)])
    assert (who(again), again.justified) == (["erin"], False)
    assert who(reviewed(emergency(), [said("dave", lapsed="it has expired"), said("cleo")])) == ["cleo"]


def test_what_arrives_signed_counts() -> None:
    item = attestation.verify(signed("review", "cleo", SAID), roster(), WANTED.ledger, NOW)
    assert isinstance(item, Attested)
    found = reviewed(emergency(time="2026-11-23T10:00:00Z"), [item])
    assert [(one.principal, one.roles) for one in found.reviewers] == [("cleo", ("infra", "security"))]


def test_nobody_reviewed_is_no_review() -> None:
    found = reviewed(emergency(), [])
    assert (found.justified, found.digest, found.roles) == (None, "", {})
    assert settled([emergency()], found) == (emergency(),)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (said("ann"), "invoked or approved"),
        (said("bob"), "invoked or approved"),
        (said("cleo", human=False), "is a machine"),
        (said("cleo", arrived=later(BEGUN, hours=-1)), "the emergency was begun at"),
        (said("cleo", change="chg-2"), "is about chg-2"),
        (said("cleo", body=b"{}"), "not of the form"),
        (said("cleo", cause=" \t"), "not of the form"),
        (said("cleo", follow_up="..."), "not of the form"),
        (said("cleo", justified="true"), "not of the form"),
        (said("cleo", body=canonical.canonical_json({**SAID, "more": 1})), "not of the form"),
    ],
)
def test_what_does_not_count_says_why(item: Attested, why: str) -> None:
    found = reviewed(emergency(), [item])
    assert (who(found), found.justified) == ([], None)
    assert why in found.others[0].why


@pytest.mark.parametrize("item", [said("cleo", about="chg-2"), said("cleo", kind="override")])
def test_what_is_about_something_else_is_none_of_ours(item: Attested) -> None:
    assert reviewed(emergency(), [item]) == Reviewing("chg-1", None, (), ())


def test_those_who_disagree_do_not_add_up() -> None:
    found = reviewed(emergency(), [said("cleo"), said("dave", justified=False, roles=frozenset({"security"}))])
    assert (who(found), found.justified) == (["dave"], False)
    assert not fill(SEATS, found.roles).complete
    assert "dave says not" in found.others[0].why


def test_who_says_both_said_that_it_was_not() -> None:
    no, yes = said("cleo", justified=False), said("cleo", arrived=later(BEGUN, hours=2))
    for items in ([no, yes], [yes, no]):
        found = reviewed(emergency(), items)
        assert (who(found), found.justified) == (["cleo"], False)


def test_one_person_counts_once() -> None:
    found = reviewed(emergency(), [said("cleo"), said("cleo", cause="another")])
    assert who(found) == ["cleo"]


def test_what_was_signed_before_it_was_begun_again_counts_no_more() -> None:
    again = emergency(latest=later(BEGUN, hours=2))
    assert who(reviewed(again, [said("cleo"), said("dave", arrived=later(BEGUN, hours=3))])) == ["dave"]


def test_a_review_settles_its_emergency_once_and_no_other() -> None:
    found = reviewed(emergency(), [said("cleo"), said("dave")])
    other, done = emergency("chg-2"), emergency(reviewed="b" * 64, justified=False)
    assert settled([other, done], found) == (other, done)
    involved = emergency(approvers=("dave",))
    assert settled([involved], found) == (involved,)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"change":"chg-1","change":"chg-2"}', b"[" * 2000])
def test_what_is_no_review_is_refused(text: bytes) -> None:
    with pytest.raises(StatementInvalid):
        read_review(text)


def test_a_review_as_long_as_it_may_be_can_be_signed() -> None:
    longest = {**SAID, "cause": "x" * 1500, "follow_up": "x" * 1500}
    assert read_review(canonical.canonical_json(longest)).cause == "x" * 1500
    assert signed("review", "cleo", longest)


def test_the_review_of_the_documentation_is_valid() -> None:
    page = (ROOT / "docs" / "emergencies.md").read_text(encoding="utf-8")
    block = page.partition("## The review")[2].partition("```json\n")[2].partition("```")[0]
    assert isinstance(read_review(block.encode()), Review)


statements = st.lists(
    st.builds(
        said,
        st.sampled_from(PEOPLE),
        justified=st.booleans(),
        human=st.booleans(),
        arrived=st.sampled_from([later(BEGUN, hours=-1), BEGUN, later(BEGUN, hours=1), later(BEGUN, hours=2)]),
    ),
    max_size=6,
)
parts = st.builds(
    emergency, invoker=st.sampled_from(PEOPLE), approvers=st.lists(st.sampled_from(PEOPLE), max_size=3).map(tuple)
)


@given(parts, statements)
def test_a_review_by_the_invoker_or_an_approver_never_counts(one: Emergency, items: list[Attested]) -> None:
    found = reviewed(one, items)
    assert not set(who(found)) & {one.invoker, *one.approvers}
    assert all(item.reviewed == "" for item in settled([one], found)) or who(found)


@given(parts, statements, statements)
def test_more_reviews_never_make_justified_of_not_justified(
    one: Emergency, items: list[Attested], more: list[Attested]
) -> None:
    before, after = reviewed(one, items), reviewed(one, [*items, *more])
    if before.justified is False:
        assert after.justified is False
        assert set(who(before)) <= set(who(after))


@given(parts, statements, st.randoms())
def test_the_order_of_reviews_never_matters(one: Emergency, items: list[Attested], random: Any) -> None:
    mixed = list(items)
    random.shuffle(mixed)
    assert reviewed(one, mixed) == reviewed(one, items)
