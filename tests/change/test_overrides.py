from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import canonical, instants
from iacgate.approval import attestation
from iacgate.change.overrides import MAX_HOURS, Overriding, overridden, override_body, read_override
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested
from tests.support.approvals import NOW, WANTED, roster
from tests.support.attested import attested

SINCE, UNTIL = "2026-11-23T11:30:00Z", "2026-11-23T14:00:00Z"
BODY = override_body(SINCE, UNTIL, "The database is full")


def said(person: str = "ann", **more: Any) -> Attested:
    """Return a verified override."""
    fields: dict[str, Any] = {
        "kind": "override",
        "about": "chg-1",
        "body": canonical.canonical_json(BODY),
        "reason": "",
        "principal": person,
        "human": True,
        "roles": frozenset({"infra"}),
        "arrived": "2026-11-23T11:00:00Z",
        "expires": UNTIL,
        "digest": person,
    }
    return Attested(**{**fields, **more})


def test_an_override_that_was_signed_holds() -> None:
    found = attestation.verify(attested("override", "bob", BODY), roster(), WANTED.ledger, NOW)
    assert isinstance(found, Attested)
    assert overridden([found], WANTED.change, NOW) == (
        Overriding("bob", found.digest, "The database is full", SINCE, UNTIL),
    )


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("2026-11-23T11:29:59Z", False),
        ("2026-11-23T11:30:00Z", True),
        ("2026-11-23T13:59:59Z", True),
        ("2026-11-23T14:00:00Z", False),
    ],
)
def test_it_holds_from_its_beginning_until_before_its_end(now: str, *, holds: bool) -> None:
    assert bool(overridden([said()], "chg-1", now)) is holds


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "review"},
        {"kind": "tests"},
        {"about": "chg-2"},
        {"human": False},
        {"lapsed": "the key of ann is not valid now"},
        {"body": b"{}"},
        {"body": b""},
        {"body": b"[" * 10_000},
        {"body": canonical.canonical_json(BODY).replace(b"}", b',"more":1}')},
        {"body": canonical.canonical_json(BODY).replace(b"}", b',"why":"twice"}')},
        {"body": canonical.canonical_json({**BODY, "until": "2026-11-26T11:30:01Z"})},
        {"body": canonical.canonical_json({**BODY, "why": " "})},
    ],
)
def test_what_is_no_override_of_this_change_does_not_count(more: dict[str, Any]) -> None:
    assert overridden([said(**more)], "chg-1", NOW) == ()
    assert len(overridden([said(**more), said("bob")], "chg-1", NOW)) == 1


def test_each_person_counts_once_by_what_arrived_first() -> None:
    later = said(digest="later", arrived="2026-11-23T11:01:00Z")
    found = overridden([later, said("bob"), said(digest="first")], "chg-1", NOW)
    assert [(one.principal, one.digest) for one in found] == [("ann", "first"), ("bob", "bob")]
    assert found == overridden([said(digest="first"), said("bob"), later], "chg-1", NOW)


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        (SINCE, SINCE, "x"),
        (UNTIL, SINCE, "x"),
        (SINCE, "2026-11-26T11:30:01Z", "x"),
        (SINCE, UNTIL, ""),
        (SINCE, UNTIL, "  "),
        (SINCE, UNTIL, "x" * 513),
        ("2026-11-23", UNTIL, "x"),
        (SINCE, "2026-02-30T00:00:00Z", "x"),
        ("2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z", "x"),
    ],
)
def test_what_could_not_count_is_not_written(since: str, until: str, why: str) -> None:
    with pytest.raises(StatementInvalid) as caught:
        override_body(since, until, why)
    assert f"{MAX_HOURS} hours" in caught.value.hint


@given(
    st.integers(0, 4_000_000_000),
    st.integers(1, MAX_HOURS * 3600),
    st.text(min_size=1, max_size=512).filter(str.strip),
)
def test_what_is_written_is_read(since: int, seconds: int, why: str) -> None:
    begin, end = instants.at(since), instants.at(since + seconds)
    found = read_override(canonical.canonical_json(override_body(begin, end, why)))
    assert (found.since, found.until, found.why) == (begin, end, why)
