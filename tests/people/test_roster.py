from __future__ import annotations

import msgspec
import pytest

from iacgate.errors import IacgateError
from iacgate.people.keys import parse_key
from iacgate.people.roster import read_roster
from tests.support.approvals import key_of, roster
from tests.support.sshkeys import SoftFido

ROSTER = roster()


def test_people_are_found_by_key_account_and_e_mail() -> None:
    found = ROSTER.by_key(parse_key(key_of("ann").line))
    assert found is not None
    assert found[0].id == "ann"
    assert ROSTER.by_key(parse_key(key_of("stranger").line)) is None
    assert [person.id for person in (ROSTER.by_account("GH-Ann"), ROSTER.by_email("BOB@example.com")) if person] == [
        "ann",
        "bob",
    ]
    assert ROSTER.by_email("eve@example.com") is ROSTER.by_account("eve") is None


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("ann", "ann"),
        ("GH-Bob", "bob"),
        ("Cleo@example.com", "cleo"),
        ("arn:aws:iam::1:role/robot", "robot"),
        ("arn:aws:iam::1:role/Robot", ""),
        ("eve", ""),
        ("", ""),
    ],
)
def test_one_word_names_a_principal(said: str, who: str) -> None:
    found = ROSTER.find(said)
    assert (found.id if found else "") == who


def test_a_word_that_could_be_two_people_is_nobody() -> None:
    people = [{"id": "ann"}, {"id": "mallory", "forge": ["ann"], "cloud": ["mallory"]}]
    found = read_roster(msgspec.json.encode({"people": people}), "people.yaml")
    assert found.find("ann") is None
    assert found.find("mallory") is found.principals["mallory"]


def test_machines_hold_no_seat() -> None:
    assert [person.id for person in ROSTER.holding("security")] == ["bob", "cleo", "dave"]


ANN = {"id": "ann", "emails": ["a@example.com"], "forge": ["ann"], "keys": [{"key": key_of("ann").line}]}
FIDO = SoftFido("sk-ssh-ed25519@openssh.com").line


@pytest.mark.parametrize(
    ("people", "says"),
    [
        ([], "there is nobody"),
        ([ANN, {"id": "ann"}], "the id 'ann' belongs to ann and to ann"),
        ([ANN, {"id": "bob", "emails": ["A@example.com"]}], "the e-mail 'a@example.com' belongs to ann and to bob"),
        ([ANN, {"id": "bob", "forge": ["ANN"]}], "the account 'ann' belongs"),
        ([ANN, {"id": "bob", "keys": [{"key": key_of("ann").line + " other comment"}]}], "the key 'SHA256:"),
        ([{"id": "ann", "keys": [{"key": FIDO}, {"key": FIDO}]}], "the key 'SHA256:"),
        ([{"id": "ann", "emails": [" "]}], "ann has an empty e-mail"),
        ([{"id": "Ann"}], "line 1: Expected `str` matching regex"),
        (
            [{"id": "ann", "keys": [{"key": "ssh-ed25519 AAAA"}]}],
            "people.yaml: ann: The key 'ssh-ed25519 AAAA' is not valid",
        ),
        ([{"id": "ann", "keys": [{"key": key_of("ann").line, "until": "soon"}]}], "'soon' is neither a day"),
        ([{"id": "ann", "keys": [{"key": key_of("ann").line, "revoked": "2026-01-01"}]}], "revoked at an instant"),
        ([{"id": "ann", "role": ["infra"]}], "unknown field `role`"),
    ],
)
def test_what_could_make_one_human_two_is_refused(people: list[dict[str, object]], says: str) -> None:
    with pytest.raises(IacgateError) as caught:
        read_roster(msgspec.json.encode({"people": people}), "people.yaml")
    assert says in caught.value.message
