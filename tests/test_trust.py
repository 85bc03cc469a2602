"""Nobody changes who decides without those who decide."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from iacgate import trust
from iacgate.approval import envelope
from iacgate.errors import TrustInvalid
from iacgate.people.roster import read_roster
from iacgate.policy.environments import read_policy
from tests.support.approvals import NOW, ROLES, key_of
from tests.support.sshkeys import SoftKey

ISSUED = "2026-11-01T12:00:00Z"
ENFORCE = b"mode: enforce\n"


def files(roles: dict[str, list[str]] = ROLES, policy: bytes = ENFORCE, **keys: dict[str, str]) -> dict[str, bytes]:
    people = [
        {"id": person, "roles": held, "keys": [{"key": key_of(person).line, **keys.get(person, {})}]}
        | ({"kind": "machine"} if person == "robot" else {})
        for person, held in roles.items()
    ]
    return {"people.yaml": msgspec.json.encode({"people": people}), "policy.yaml": policy, "trust/0001/x.json": b"{}"}


def bundle(content: dict[str, bytes]) -> trust.Bundle:
    roster, policy = read_roster(content["people.yaml"], "p"), read_policy(content["policy.yaml"], "p")
    return trust.Bundle(trust.bundle_digest(content), roster, policy)


def signature(content: dict[str, bytes], version: int, previous: str, person: str, key: str = "", **more: Any) -> bytes:
    said = {"digest": trust.bundle_digest(content), "issued": ISSUED, **more}
    payload = trust.encode(version=version, previous=previous, principal=person, reason="", **said)
    signer: SoftKey = key_of(key or person)
    return envelope.seal(payload, signer.sign(envelope.pre_authentication(payload), envelope.NAMESPACE))


FIRST = files()
ROOT = trust.bundle_digest(FIRST)
GENESIS = [signature(FIRST, 1, "", person) for person in ("ann", "bob")]
EVIL = files({**ROLES, "eve": ["infra", "security"]})
SECOND = files({**ROLES, "nora": ["security"]})


def verify(signatures: list[bytes], *contents: dict[str, bytes], root: str = ROOT, now: str = NOW) -> int:
    bundles = {found.digest: found for found in map(bundle, contents)}
    named = {f"trust/{number}": data for number, data in enumerate(signatures)}
    return trust.verify_chain(named, bundles, trust.bundle_digest(contents[-1]), root, now)


def second(content: dict[str, bytes], *people: str, **more: Any) -> list[bytes]:
    return [*GENESIS, *(signature(content, 2, ROOT, person, **more) for person in people)]


def test_a_chain_of_two_versions() -> None:
    assert verify(GENESIS, FIRST) == 1
    assert verify(second(SECOND, "ann", "bob"), FIRST, SECOND) == 2
    assert verify([*reversed(second(SECOND, "ann", "bob"))], FIRST, SECOND) == 2


def test_signatures_are_no_part_of_what_they_are_about() -> None:
    assert trust.bundle_digest({**FIRST, "trust/0002/y.json": b"x"}) == ROOT
    assert trust.bundle_digest({**FIRST, "rules/a.yaml": b""}) != ROOT


@pytest.mark.parametrize(
    ("signatures", "contents", "says"),
    [
        ([], [FIRST], "there is none"),
        (GENESIS, [FIRST, EVIL], "not the newest version"),
        (GENESIS[:1], [FIRST], "needs 2 people, and has 1"),
        ([GENESIS[0], GENESIS[0]], [FIRST], "needs 2 people, and has 1"),
        ([GENESIS[0], signature(FIRST, 1, "", "robot")], [FIRST], "has 1"),
        ([GENESIS[0], signature(FIRST, 1, "", "bob", key="stranger")], [FIRST], "has 1"),
        ([GENESIS[0], signature(FIRST, 1, "", "bob", key="ann")], [FIRST], "has 1"),
        ([GENESIS[0], signature(FIRST, 1, "", "bob", issued="2027-01-01T00:00:00Z")], [FIRST], "has 1"),
        ([GENESIS[0], signature(EVIL, 1, "", "bob")], [FIRST], "different settings"),
        ([signature(EVIL, 1, "", person) for person in ("ann", "eve")], [EVIL], "not the pinned one"),
        (second(EVIL, "eve"), [FIRST, EVIL], "lacks signatures: infra, security, of the people of version 1"),
        (second(EVIL, "ann"), [FIRST, EVIL], "lacks signatures: security"),
        (second(EVIL, "ann", "eve"), [FIRST, EVIL], "lacks signatures: security"),
        (second(SECOND, "ann", "nora"), [FIRST, SECOND], "lacks signatures: security"),
        ([*GENESIS, signature(SECOND, 3, ROOT, "ann")], [FIRST, SECOND], "have a gap"),
        ([*GENESIS, signature(SECOND, 2, "1" * 64, "ann")], [FIRST, SECOND], "does not name the version before"),
        (second(SECOND, "ann", "bob"), [SECOND], "not known"),
        ([*GENESIS, b"{}"], [FIRST], r"\.iacgate/trust/2: no signature of the settings"),
    ],
)
def test_a_chain_that_does_not_hold(signatures: list[bytes], contents: list[dict[str, bytes]], says: str) -> None:
    with pytest.raises(TrustInvalid, match=says):
        verify(signatures, *contents)


def test_a_key_that_was_revoked_does_not_decide() -> None:
    revoked = files(bob={"revoked": "2026-10-01T00:00:00Z"})
    signatures = [signature(revoked, 1, "", person) for person in ("ann", "bob")]
    with pytest.raises(TrustInvalid, match="has 1"):
        verify(signatures, revoked, root=trust.bundle_digest(revoked))


def test_one_person_is_enough_to_begin_observing() -> None:
    content = files(policy=b"mode: observe\n")
    assert verify([signature(content, 1, "", "ann")], content, root=trust.bundle_digest(content)) == 1


def test_the_policy_says_whose_seats_must_be_filled() -> None:
    first = files(policy=ENFORCE + b"trust: {business: 1}\n")
    root = trust.bundle_digest(first)
    begin = [signature(first, 1, "", person) for person in ("ann", "bob")]
    loosened = files(policy=ENFORCE + b"trust: {infra: 1}\n")
    for people, holds in ((("ann", "bob"), False), (("dave",), True)):
        signed = [*begin, *(signature(loosened, 2, root, person) for person in people)]
        if holds:
            assert verify(signed, first, loosened, root=root) == 2
        else:
            with pytest.raises(TrustInvalid, match="lacks signatures: business"):
                verify(signed, first, loosened, root=root)


def test_no_flipped_bit_of_a_signature_leaves_it_counting() -> None:
    data = bytearray(GENESIS[1])
    for at in itertools.islice(range(len(data)), 0, len(data), 7):
        flipped = bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1 :])
        with pytest.raises(TrustInvalid):
            verify([GENESIS[0], flipped], FIRST)


@pytest.mark.parametrize("name", ["people.yaml", "policy.yaml"])
def test_no_flipped_bit_of_the_settings_is_what_was_pinned(name: str) -> None:
    data = FIRST[name]
    for bit in range(0, 8 * len(data), 5):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        digest = trust.bundle_digest({**FIRST, name: bytes(flipped)})
        with pytest.raises(TrustInvalid, match="not the newest version"):
            trust.verify_chain({"trust/a": GENESIS[0], "trust/b": GENESIS[1]}, {ROOT: bundle(FIRST)}, digest, ROOT, NOW)


def test_a_key_that_has_ended_does_not_sign_by_claiming_an_earlier_time() -> None:
    first = files(ann={"until": "2026-10-31"}, cleo={})
    root = trust.bundle_digest(first)
    begin = [signature(first, 1, "", person) for person in ("bob", "cleo")]
    late = [signature(SECOND, 2, root, person, issued="2026-10-01T12:00:00Z") for person in ("ann", "bob")]
    with pytest.raises(TrustInvalid, match="claims to be older than version 1"):
        verify([*begin, *late], first, SECOND, root=root)
    in_time = [signature(SECOND, 2, root, person, issued="2026-11-02T12:00:00Z") for person in ("ann", "bob")]
    with pytest.raises(TrustInvalid, match="lacks signatures: infra"):
        verify([*begin, *in_time], first, SECOND, root=root)
