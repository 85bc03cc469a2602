"""What the policy says of emergencies is read strictly, and errors name what to do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iacgate import strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.policy.emergencies import (
    PLACE,
    AnnounceText,
    EmergencyText,
    RateText,
    SoloText,
    is_webhook,
    strictest,
    wrongs,
)
from iacgate.vocabulary import Severity
from tests.conftest import ROOT


def read(text: bytes) -> EmergencyText:
    return strictyaml.convert(text, EmergencyText, "policy.yaml", SettingsInvalid, "mend it")


def said(text: bytes) -> list[tuple[str, str]]:
    return [(strictyaml.place(text, "policy.yaml", *item.path), item.text) for item in wrongs(read(text))]


def test_what_nobody_says_is_strict() -> None:
    text = EmergencyText()
    assert (text.seats, text.review_seats) == ({"on-call": 1}, {"infra": 1, "security": 1})
    assert (text.valid_hours, text.review_hours, text.solo) == (4, 48, None)
    assert text.rate == RateText(3, 30)
    assert list(wrongs(text)) == []
    assert read(b"{}") == text


def test_solo_has_limits_where_it_names_none() -> None:
    found = read(b"solo: {}\nannounce: {command: [mail]}").solo
    assert found == SoloText("on-call", Severity.HIGH, 10, 1, 30)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"seats: {on-call: 1}\nvalid_hours: 25", "line 2: Expected `int` <= 24"),
        (b"review_hours: 0", "Expected `int` >= 1"),
        (b"solo: {uses: 0}", "Expected `int` >= 1"),
        (b"solo:\n  role: on-call\n  days: 400\n", "line 3: Expected `int` <= 365"),
        (b"solo: {severity: grave}", "Invalid enum value"),
        (b"rate: {uses: 3, hours: 1}", "unknown field `hours`"),
        (b"announce: {mail: ops@example.com}", "unknown field `mail`"),
        (b"announce: {command: mail ops@example.com}", "Expected `array`"),
        (b"degraded: s3://bucket", "unknown field `degraded`"),
    ],
)
def test_what_is_not_of_the_form_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read(text)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (b"valid_hours: 4\nseats: {}", "line 2", "`seats` asks for nobody"),
        (b"review_seats: {}", "line 1", "`review_seats` asks for nobody"),
        (b"review_seats: {infra: 2}", "line 1", "asks for the seat security, which `review_seats` does not have"),
        (b"announce: {command: [mail]}\nsolo:\n  severity: none\n", "line 3", "could apply nothing"),
        (b"valid_hours: 4\nsolo: {}", "line 2", "`announce` names no way"),
        (b"announce:\n  webhook: http://example.com/x\n", "line 2", "no address to which an announcement"),
        (b"announce:\n  command: [./tell.sh]\n", "line 2", "none that can be started"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_line(text: bytes, place: str, says: str) -> None:
    ((where, found),) = said(text)
    assert where == f"policy.yaml, {place}"
    assert says in found


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.com/services/T00/B00/x",
        f"https://hooks.example.com/services/{PLACE}",
        f"https://hooks.example.com:8443/x?key={PLACE}&a=b",
        "http://127.0.0.1:8065/hooks/x",
        "http://localhost/x",
    ],
)
def test_addresses_to_which_an_announcement_is_sent(address: str) -> None:
    assert is_webhook(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/x",
        "http://127.0.0.1.example.com/x",
        "http://localhost@example.com/x",
        "https://example.com",
        "https://user:word@example.com/x",
        "https://example.com\\@example.org/x",
        "https:///x",
        "HTTPS://example.com/x",
        "ftp://example.com/x",
        "https://example.com/x#y",
        "https://example.com/x y",
        "https://example.com/x\n",
        "https://example.com/ä",
        "https://example.com/\U0001f600",
        f"https://{PLACE}.example.com/x",
        f"https://example.com/{PLACE}/{PLACE}",
        "https://example.com/{HOME}",
    ],
)
def test_addresses_to_which_nothing_is_sent(address: str) -> None:
    assert not is_webhook(address)
    assert list(wrongs(EmergencyText(announce=AnnounceText(webhook=address)))) != []


@pytest.mark.parametrize(
    ("command", "fine"),
    [
        (["mail", "-s", "Emergency", "ops@example.com"], True),
        (["/usr/bin/logger"], True),
        ([""], False),
        (["bin/tell"], False),
        (["../tell"], False),
        ([".tell"], False),
        (["-c"], False),
        (["mail", "a\0b"], False),
    ],
)
def test_commands_that_can_be_started(command: list[str], fine: bool) -> None:
    assert (list(wrongs(EmergencyText(announce=AnnounceText(command=command)))) == []) is fine


roles = st.dictionaries(st.sampled_from(["infra", "on-call", "security"]), st.integers(1, 3), min_size=1)
texts = st.builds(
    EmergencyText,
    seats=roles,
    valid_hours=st.integers(1, 24),
    review_hours=st.integers(1, 720),
    review_seats=roles.map(lambda seats: {"security": 1, **seats}),
    solo=st.sampled_from([None, SoloText()]),
    rate=st.builds(RateText, st.integers(1, 100), st.integers(1, 365)),
    announce=st.sampled_from([AnnounceText(command=["mail"]), AnnounceText("https://example.com/x")]),
)


@given(st.lists(texts, min_size=1, max_size=4))
def test_the_strictest_of_several_asks_at_least_for_what_each_does(given_texts: list[EmergencyText]) -> None:
    found = strictest(given_texts)
    assert list(wrongs(found)) == []
    for text in given_texts:
        assert all(found.seats[role] >= count for role, count in text.seats.items())
        assert all(found.review_seats[role] >= count for role, count in text.review_seats.items())
        assert (found.valid_hours, found.review_hours) <= (text.valid_hours, found.review_hours)
        assert found.review_hours <= text.review_hours
        assert (found.rate.uses, -found.rate.days) <= (text.rate.uses, -found.rate.days)
        assert found.rate.days >= text.rate.days
        assert found.solo is None or text.solo is not None


def test_one_alone_is_the_strictest_as_it_stands() -> None:
    text = EmergencyText(solo=SoloText(), announce=AnnounceText(command=["mail"]))
    assert strictest([text, text]) == text
    assert strictest([text, msgspec.structs.replace(text, valid_hours=2)]).solo is None


def test_the_policy_of_the_documentation_is_valid() -> None:
    page = (ROOT / "docs" / "emergencies.md").read_text(encoding="utf-8")
    block = page.partition("In `policy.yaml`")[2].partition("```yaml\n")[2].partition("```")[0]
    content = strictyaml.load(block.encode(), "policy.yaml", SettingsInvalid)
    text = msgspec.convert(content["environments"]["prod"]["emergency"], EmergencyText)
    assert list(wrongs(text)) == []
    assert text.solo == SoloText()
    assert (text.seats, text.valid_hours, text.review_hours) == (EmergencyText().seats, 4, 48)
