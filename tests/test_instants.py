from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import instants

moments = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)).map(lambda moment: moment.replace(microsecond=0))  # noqa: DTZ001 - UTC is added


@given(moments, moments)
def test_the_text_compares_as_the_time_does(one: datetime, other: datetime) -> None:
    first, second = (f"{moment.isoformat()}Z" for moment in (one, other))
    assert instants.is_instant(first)
    assert instants.seconds(first) == int(one.replace(tzinfo=UTC).timestamp())
    assert (first < second) is (one < other)
    assert instants.first_of(first) == instants.last_of(first) == first
    assert instants.at(instants.seconds(first)) == first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-01-31T12:00:00+01:00",
        "2027-01-31 12:00:00Z",
        "2027-13-31T12:00:00Z",
        "2027-01-31T24:00:00Z",
        "2027-01-31T12:00:00.5Z",
        "2027-01-31T12:00:00Z\n",
        "\u0662027-01-31T12:00:00Z",
    ],
)
def test_other_spellings_are_no_instants(text: str) -> None:
    assert not instants.is_instant(text)
    with pytest.raises(ValueError, match="not an instant"):
        instants.seconds(text)


def test_a_day_has_a_first_and_a_last_instant() -> None:
    assert instants.first_of("2027-01-31") == "2027-01-31T00:00:00Z"
    assert instants.last_of("2027-01-31") == "2027-01-31T23:59:59Z"
    assert not instants.is_date("2027-1-31")


def test_after_the_last_year_there_is_no_instant() -> None:
    last = instants.seconds("9999-12-31T23:59:59Z")
    assert instants.at(last) == "9999-12-31T23:59:59Z"
    with pytest.raises(ValueError, match="no instant"):
        instants.at(last + 1)
