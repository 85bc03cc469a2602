from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from iacgate.errors import IacgateError
from iacgate.people.keys import parse_key
from iacgate.people.roster import Signer, read_roster
from tests.support.approvals import key_of, roster
from tests.support.kmskeys import ARN, SoftKms, kms_key, pem
from tests.support.sshkeys import SoftFido, string

ROSTER = roster()
SPKI = PublicFormat.SubjectPublicKeyInfo


def fido_line(key: SoftKms, application: bytes = b"ssh:") -> str:
    """Return a FIDO key with the same point as a key in KMS."""
    point = base64.b64decode(key.line.split()[1])[len(string(b"ecdsa-sha2-nistp256")) :]
    kind = "sk-ecdsa-sha2-nistp256@openssh.com"
    return f"{kind} {base64.b64encode(string(kind.encode()) + point + string(application)).decode()}"


def test_people_are_found_by_key_account_and_e_mail() -> None:
    found = ROSTER.by_signer(Signer("ssh", parse_key(key_of("ann").line).fingerprint))
    assert found is not None
    assert found[0].id == "ann"
    assert ROSTER.by_signer(Signer("ssh", parse_key(key_of("stranger").line).fingerprint)) is None
    assert ROSTER.by_signer(Signer("kms", parse_key(key_of("ann").line).fingerprint)) is None
    assert [person.id for person in (ROSTER.by_account("GH-Ann"), ROSTER.by_email("BOB@example.com")) if person] == [
        "ann",
        "bob",
    ]
    assert ROSTER.by_email("eve@example.com") is ROSTER.by_account("eve") is None


@pytest.mark.parametrize(
    ("email", "who"),
    [
        ("1234+gh-ann@users.noreply.github.com", "ann"),
        ("GH-Bob@users.noreply.github.com", "bob"),
        ("1234-gh-cleo@users.noreply.gitlab.com", "cleo"),
        ("1234-gh-ann@users.noreply.github.com", ""),
        ("gh-cleo@users.noreply.gitlab.com", ""),
        ("1234+gh-ann@users.noreply.example.com", ""),
        ("x+gh-ann@users.noreply.github.com", ""),
        ("1234+gh-ann@users.noreply.github.com.evil.example", ""),
        ("1234+eve@users.noreply.github.com", ""),
    ],
)
def test_an_address_that_a_forge_gives_names_the_account(email: str, who: str) -> None:
    found = ROSTER.by_email(email)
    assert (found.id if found else "") == who


def test_a_bot_has_such_an_address_too() -> None:
    bot = {"id": "dependabot", "kind": "machine", "forge": ["dependabot[bot]"]}
    found = read_roster(msgspec.json.encode({"people": [bot]}), "people.yaml")
    assert found.by_email("49699333+dependabot[bot]@users.noreply.github.com") is found.principals["dependabot"]


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
        ([ANN, {"id": "ann\n"}], "line 1: Expected `str` matching regex"),
        (
            [{"id": "ann", "keys": [{"key": "ssh-ed25519 AAAA"}]}],
            "people.yaml: ann: The key 'ssh-ed25519 AAAA' is not valid",
        ),
        ([{"id": "ann", "keys": [{"key": key_of("ann").line, "until": "soon"}]}], "'soon' is neither a day"),
        ([{"id": "ann", "keys": [{"key": key_of("ann").line, "revoked": "2026-01-01"}]}], "revoked at an instant"),
        ([{"id": "ann", "role": ["infra"]}], "unknown field `role`"),
        ([{"id": "ann", "platform": True}], "ann is human, and only machines are platforms"),
        ([{"id": "ann", "rewrites": True}], "ann is human, and only machines"),
        ([{"id": "a", "kind": "machine", "platform": True, "rewrites": True}], "cannot be a platform and rewrite"),
    ],
)
def test_what_could_make_one_human_two_is_refused(people: list[dict[str, object]], says: str) -> None:
    with pytest.raises(IacgateError) as caught:
        read_roster(msgspec.json.encode({"people": people}), "people.yaml")
    assert says in caught.value.message


KMS = kms_key("ann")
WHO = {"issuer": "https://accounts.example.com", "subject": "a@example.com"}
BUILD = {"issuer": "https://ci.example.com", "subject": "https://example.com/build.yml@refs/heads/main"}
WEAK = pem(rsa.generate_private_key(65537, 1024).public_key().public_bytes(Encoding.DER, SPKI))


def two(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": "ann", "keys": [first]}, {"id": "bob", "keys": [second]}]


def one(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": "ann", "keys": [entry]}]


def test_each_kind_of_key_is_found_by_its_own_name_only() -> None:
    entries: list[dict[str, Any]] = [{"key": key_of("ann").line}, KMS.entry, {"sigstore": WHO}, {"sigstore": BUILD}]
    people = [{"id": "ann", "emails": ["A@example.com"], "keys": entries}]
    found = read_roster(msgspec.json.encode({"people": people}), "people.yaml")
    keys = found.principals["ann"].keys
    assert [key.signer.kind for key in keys] == ["ssh", "kms", "sigstore", "sigstore"]
    for key in keys:
        assert found.by_signer(key.signer) == (found.principals["ann"], key)
        for kind in {"ssh", "kms", "sigstore"} - {key.signer.kind}:
            assert found.by_signer(msgspec.structs.replace(key.signer, kind=kind)) is None


@pytest.mark.parametrize(
    ("people", "says"),
    [
        (one({}), "people.yaml: ann: an entry of `keys` is exactly one of"),
        (one({"key": key_of("ann").line, **KMS.entry}), "exactly one of"),
        (one({"key": key_of("ann").line, "sigstore": WHO}), "exactly one of"),
        (one({**KMS.entry, "sigstore": WHO}), "exactly one of"),
        (one({"public": KMS.entry["public"]}), "both"),
        (one({"kms": KMS.arn}), "both"),
        (one({**KMS.entry, "kms": "alias/ann"}), "line 1: Expected `str` matching regex"),
        (one({**KMS.entry, "kms": KMS.arn.replace("key/", "alias/")}), "matching regex"),
        (one({**KMS.entry, "kms": KMS.arn + "\n"}), "matching regex"),
        (one({**KMS.entry, "public": WEAK}), "people.yaml: ann: The public part of the KMS key is not accepted"),
        (one({"kms": KMS.arn, "public": key_of("ann").line}), "does not stand between"),
        (two(KMS.entry, {**KMS.entry, "kms": ARN.format("b")}), "the key 'SHA256:"),
        (two(KMS.entry, {**kms_key("bob").entry, "kms": KMS.arn}), "the KMS key 'arn:aws:kms"),
        (two(KMS.entry, {"key": KMS.line}), "the key 'SHA256:"),
        (two({"key": kms_key("ann", "RSA_2048").line + " x"}, kms_key("ann", "RSA_2048").entry), "the key 'SHA256:"),
        (two(KMS.entry, {"key": fido_line(KMS)}), "the key 'SHA256:"),
        (two({"key": fido_line(KMS, b"ssh:a")}, {"key": fido_line(KMS, b"ssh:b")}), "the key 'SHA256:"),
        (two({"sigstore": WHO}, {"sigstore": {**WHO, "subject": "A@example.com"}}), "the e-mail 'a@example.com'"),
        (two({"sigstore": WHO}, {"sigstore": {**WHO, "issuer": "https://other"}}), "the e-mail 'a@example.com'"),
        (two({"sigstore": BUILD}, {"sigstore": BUILD}), "the sigstore identity 'https://ci"),
        ([ANN, {"id": "bob", "keys": [{"sigstore": WHO}]}], "the e-mail 'a@example.com' belongs to ann and to bob"),
        (one({"sigstore": {**WHO, "issuer": ""}}), "matching regex"),
        (one({"sigstore": {**WHO, "issuer": "http://accounts.example.com"}}), "matching regex"),
        (one({"sigstore": {**WHO, "subject": ""}}), "length"),
        (one({"sigstore": {**WHO, "subject": "*"}}), "neither an e-mail nor a URI"),
        (one({"sigstore": {**WHO, "subject": "a@b c"}}), "neither an e-mail nor a URI"),
        (one({"sigstore": {**WHO, "audience": "x"}}), "unknown field `audience`"),
    ],
)
def test_an_entry_is_one_key_of_one_person(people: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(IacgateError) as caught:
        read_roster(msgspec.json.encode({"people": people}), "people.yaml")
    assert says in caught.value.message
