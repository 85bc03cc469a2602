"""Three kinds of keys sign the same envelope, and none is ever taken for another."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import sys
from datetime import timedelta
from functools import cache
from itertools import count as numbered
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sigstore
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore.models import TrustedRoot

from iacgate import canonical
from iacgate.approval import envelope, statement
from iacgate.approval.counting import Received, Verdict, count
from iacgate.errors import SignatureInvalid
from iacgate.people.identities import Prover, no_root
from iacgate.people.kms import parse_pem
from iacgate.people.roster import Roster, read_roster
from iacgate.shell.kms import MAX_MESSAGE
from iacgate.shell.sigstore import OfflineProver
from tests.support.approvals import ARRIVED, NOW, WANTED, key_of, signed
from tests.support.kmskeys import SPECS, SoftKms, kms_key, pem
from tests.support.sigstore import ISSUER, SIGNED, Sigstore, new_key
from tests.support.sshkeys import SoftKey, armor, blob_of, mpint, string

OURS, THEIRS = Sigstore(), Sigstore()
PROVE = OfflineProver(OURS.root)
WHO = {"issuer": ISSUER, "subject": "ann@example.com"}
PAYLOAD = envelope.parse(signed("ann").data).payload
PAE = envelope.pre_authentication(PAYLOAD)


def company(*entries: dict[str, Any], prove: Prover = PROVE) -> Roster:
    """Return a roster: ann with some keys, and bob with a key of each kind."""
    bobs = [{"key": key_of("bob").line}, kms_key("bob").entry, {"sigstore": {**WHO, "subject": "bob@example.com"}}]
    people = [
        {"id": "ann", "roles": ["infra"], "keys": list(entries)},
        {"id": "bob", "roles": ["infra"], "keys": bobs},
    ]
    return read_roster(msgspec.json.encode({"people": people}), "people.yaml", prove)


def wired(keyid: str, blob: bytes, payload: bytes = PAYLOAD) -> Received:
    signature = {"keyid": keyid, "sig": base64.b64encode(blob).decode()}
    text = {"payloadType": envelope.PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode()}
    return Received(json.dumps({**text, "signatures": [signature]}).encode(), ARRIVED)


def with_kms(key: SoftKms) -> Received:
    return Received(envelope.seal_kms(PAYLOAD, parse_pem(pem(key.der)), key.sign(PAE)), ARRIVED)


def with_sigstore(bundle: bytes) -> Received:
    return Received(envelope.seal_sigstore(PAYLOAD, bundle), ARRIVED)


def verdict(received: Received, roster: Roster) -> Verdict:
    (found,) = count([received], WANTED, roster, NOW).verdicts
    return found


def identifier(key: SoftKms) -> str:
    return f"kms:{canonical.digest(key.der)}"


@pytest.mark.parametrize("spec", SPECS)
def test_an_approval_with_a_key_in_kms_counts(spec: str) -> None:
    key = kms_key("ann", spec)
    assert verdict(with_kms(key), company(key.entry)).counts


def test_a_key_in_kms_that_nobody_has_verifies_nothing() -> None:
    found = verdict(with_kms(kms_key("stranger")), company(kms_key("ann").entry))
    assert (found.code, found.why) == ("key", "the key is nobody's in people.yaml")
    found = verdict(with_kms(kms_key("bob")), company(kms_key("ann").entry))
    assert (found.code, found.why) == ("principal", "it says ann, and the key is bob's")
    found = verdict(wired(identifier(kms_key("ann")), kms_key("bob").sign(PAE)), company(kms_key("ann").entry))
    assert (found.code, found.why) == ("signature", "The signature does not verify.")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({"since": "2026-11-24"}, "was not valid when it arrived"),
        ({"until": "2026-11-22"}, "was not valid when it arrived"),
        ({"until": "2026-11-23T11:30:00Z"}, "is not valid now"),
        ({"revoked": "2026-11-23T10:00:00Z"}, "is revoked"),
    ],
)
@pytest.mark.parametrize("kind", ["kms", "sigstore"])
def test_every_kind_of_key_counts_in_its_time_only(key: dict[str, str], why: str, kind: str) -> None:
    received = with_kms(kms_key("ann")) if kind == "kms" else with_sigstore(good())
    entry: dict[str, Any] = kms_key("ann").entry if kind == "kms" else {"sigstore": WHO}
    found = verdict(received, company({**entry, **key}))
    assert (found.code, why in found.why) == ("key", True)
    assert verdict(received, company({**entry, "until": "2026-11-23"})).counts


def test_a_twin_of_a_signature_is_the_same_approval() -> None:
    key = kms_key("ann")
    signature = key.sign(PAE)
    r, s = decode_dss_signature(signature)
    twin = encode_dss_signature(r, ec.SECP256R1().group_order - s)
    both = [wired(identifier(key), blob) for blob in (signature, twin)]
    counted = count(both, WANTED, company(key.entry), NOW)
    assert sorted(item.code for item in counted.verdicts) == ["counts", "single-use"]
    assert len(counted.signed_by("ann")) == 1


def ssh_signature(key: SoftKms, namespace: str = envelope.NAMESPACE) -> str:
    """Return what ssh-keygen makes with the private key of a P-256 key in KMS."""
    names = string(namespace.encode()) + string(b"") + string(b"sha512")
    data = b"SSHSIG" + names + string(hashlib.sha512(PAE).digest())
    r, s = decode_dss_signature(key.sign(data))
    blob = base64.b64decode(key.line.split()[1])
    body = string(b"ecdsa-sha2-nistp256") + string(mpint(r) + mpint(s))
    return armor(b"SSHSIG" + (1).to_bytes(4, "big") + string(blob) + names + string(body))


def test_one_private_key_is_one_kind_of_key() -> None:
    """A key that is pinned as one kind signs nothing as another, though its signature is right."""
    key = kms_key("ann")
    as_ssh = Received(envelope.seal(PAYLOAD, ssh_signature(key)), ARRIVED)
    assert verdict(as_ssh, company({"key": key.line})).counts
    assert verdict(as_ssh, company(key.entry)).code == "key"
    assert verdict(with_kms(key), company(key.entry)).counts
    assert verdict(with_kms(key), company({"key": key.line})).code == "key"


def test_a_signature_of_one_kind_is_none_of_another() -> None:
    key, rsa = kms_key("ann"), kms_key("ann", "RSA_2048")
    soft = SoftKey("ann")
    roster = company({"key": soft.line}, key.entry, rsa.entry, {"sigstore": WHO})
    ssh = blob_of(soft.sign(PAE, envelope.NAMESPACE))
    fingerprint = envelope.parse(signed("ann").data).signature.key.fingerprint  # type: ignore[union-attr] # it is SSH
    for received, code in (
        (wired(fingerprint, ssh), "counts"),
        (wired(identifier(key), ssh), "signature"),
        (wired(identifier(rsa), ssh), "signature"),
        (wired(identifier(rsa), key.sign(PAE)), "signature"),
        (wired(identifier(key), rsa.sign(PAE)), "signature"),
        (wired(identifier(key), blob_of(ssh_signature(key))), "signature"),
        (wired("sigstore", ssh), "signature"),
        (wired("sigstore", key.sign(PAE)), "signature"),
        (wired(identifier(key), good()), "signature"),
        (wired(fingerprint, good()), "envelope"),
        (wired(fingerprint, key.sign(PAE)), "envelope"),
        (wired(key.arn, key.sign(PAE)), "envelope"),
        (wired("", ssh), "envelope"),
        (wired(identifier(key).upper(), key.sign(PAE)), "envelope"),
        (wired(identifier(key) + "\n", key.sign(PAE)), "envelope"),
        (wired("sigstore ", good()), "envelope"),
        (wired("kms:" + "0" * 64, key.sign(PAE)), "key"),
    ):
        assert verdict(received, roster).code == code, received.data


def test_what_kms_returns_is_verified_before_it_is_sealed() -> None:
    with pytest.raises(SignatureInvalid, match="does not verify"):
        envelope.seal_kms(PAYLOAD, parse_pem(pem(kms_key("ann").der)), kms_key("bob").sign(PAE))


def test_the_largest_statement_is_what_kms_signs_in_one_call() -> None:
    assert len(envelope.pre_authentication(bytes(statement.MAX_BYTES))) == MAX_MESSAGE


@cache
def good() -> bytes:
    return OURS.bundle(PAE)


def test_an_approval_of_an_identity_counts() -> None:
    assert verdict(with_sigstore(good()), company({"sigstore": WHO})).counts
    build = {"issuer": ISSUER, "subject": "https://example.com/build.yml@refs/heads/main"}
    assert verdict(with_sigstore(OURS.bundle(PAE, build["subject"])), company({"sigstore": build})).counts


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("somebody asks the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refused)


def test_nobody_is_asked_to_prove_an_identity(no_network: None) -> None:
    with pytest.raises(AssertionError):
        socket.create_connection(("127.0.0.1", 1))
    fresh = OfflineProver(OURS.root)
    assert verdict(with_sigstore(good()), company({"sigstore": WHO}, prove=fresh)).counts
    assert verdict(with_sigstore(THEIRS.bundle(PAE)), company({"sigstore": WHO}, prove=fresh)).code == "signature"


def without(bundle: bytes, *path: str) -> bytes:
    content = json.loads(bundle)
    entry = content["verificationMaterial"]["tlogEntries"]
    if not path:
        entry.clear()
    else:
        place = entry[0]
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
    return json.dumps(content).encode()


def mail(*names: str) -> list[x509.GeneralName]:
    return [x509.RFC822Name(name) for name in names]


@pytest.mark.parametrize(
    ("bundle", "code", "why"),
    [
        (OURS.bundle(PAE, "eve@example.com"), "key", "nobody's"),
        (OURS.bundle(PAE, "ANN@example.com"), "key", "nobody's"),
        (OURS.bundle(PAE, "bob@example.com"), "principal", "it says ann, and the key is bob's"),
        (OURS.bundle(PAE, issuer="https://evil.example.com"), "key", "nobody's"),
        (OURS.bundle(PAE, issuer=f"{ISSUER}/"), "key", "nobody's"),
        (OURS.bundle(PAE, said=""), "signature", "one subject and one issuer"),
        (OURS.bundle(PAE, said=None), "signature", "does not verify"),
        (OURS.bundle(PAE, names=mail("eve@example.com", "ann@example.com")), "signature", "one subject"),
        (
            OURS.bundle(PAE, names=[x509.UniformResourceIdentifier("ann@example.com")]),
            "signature",
            "neither an e-mail nor a URI",
        ),
        (OURS.bundle(PAE, names=[x509.DNSName("ann")]), "signature", "neither an e-mail nor a URI"),
        (OURS.bundle(PAE + b" "), "signature", "does not verify"),
        (OURS.bundle(PAYLOAD), "signature", "does not verify"),
        (OURS.bundle(PAE, begin=SIGNED - timedelta(hours=1)), "signature", "does not verify"),
        (OURS.bundle(PAE, begin=SIGNED + timedelta(minutes=1)), "signature", "does not verify"),
        (OURS.bundle(PAE, log=new_key()), "signature", "invalid log entry"),
        (THEIRS.bundle(PAE), "signature", "does not verify"),
        (without(good()), "signature", "expected exactly one log entry"),
        (without(good(), "inclusionProof"), "signature", "inclusionProof Field required"),
        (without(good(), "inclusionProof", "checkpoint"), "signature", "checkpoint"),
        (without(good(), "inclusionPromise"), "signature", "inclusion promise"),
        (without(good(), "integratedTime"), "signature", "not enough sources of verified time"),
        (b"{}", "signature", "does not verify"),
        (b"", "signature", "does not verify"),
        (b"[" * 60_000, "envelope", "too long"),
    ],
    ids=numbered(),
)
def test_a_bundle_that_proves_nothing(bundle: bytes, code: str, why: str) -> None:
    found = verdict(with_sigstore(bundle), company({"sigstore": WHO}))
    assert (found.code, why in found.why) == (code, True), found.why


@pytest.mark.parametrize("ours", ["authority", "certificate_log", "log"])
def test_every_part_of_the_root_is_needed(ours: str) -> None:
    mixed = Sigstore()
    for name in ("authority", "certificate_log", "log"):
        setattr(mixed, name, getattr(THEIRS if name == ours else OURS, name))
    mixed._root = THEIRS._root if ours == "authority" else OURS._root
    assert verdict(with_sigstore(mixed.bundle(PAE)), company({"sigstore": WHO}, prove=OfflineProver(mixed.root))).counts
    assert verdict(with_sigstore(mixed.bundle(PAE)), company({"sigstore": WHO})).code == "signature"
    swapped = company({"sigstore": WHO}, prove=OfflineProver(mixed.root))
    assert verdict(with_sigstore(good()), swapped).code == "signature"


@pytest.mark.parametrize(
    ("prove", "why"),
    [
        (no_root, ".iacgate/sigstore/trusted_root.json is not there"),
        (OfflineProver(None), ".iacgate/sigstore/trusted_root.json is not there"),
        (OfflineProver(b""), ".iacgate/sigstore/trusted_root.json is no trusted root"),
        (OfflineProver(b"{}"), "is no trusted root"),
        (OfflineProver(OURS.root.replace(b"version=0.1", b"version=9.9")), "is no trusted root"),
    ],
)
def test_without_a_root_nothing_proves_who_signed(prove: Prover, why: str) -> None:
    found = verdict(with_sigstore(good()), company({"sigstore": WHO}, prove=prove))
    assert (found.code, why in found.why) == ("signature", True)


def test_the_root_of_the_public_instance_is_one() -> None:
    """The one that the library ships; it proves nothing that our own authority issued."""
    (shipped,) = Path(sigstore.__file__).parent.glob("_store/*sigstore.dev/trusted_root.json")
    for root in (shipped.read_bytes(), TrustedRoot.from_file(str(shipped))._inner.to_json().encode()):
        found = verdict(with_sigstore(good()), company({"sigstore": WHO}, prove=OfflineProver(root)))
        assert (found.code, "CertValidationError" in found.why) == ("signature", True), found.why


def test_without_the_extra_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    found = verdict(with_sigstore(good()), company({"sigstore": WHO}, prove=OfflineProver(OURS.root)))
    assert (found.code, "the extra `sigstore` of iacgate is not installed" in found.why) == ("signature", True)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_byte_of_what_is_signed_leaves_an_approval_counting(data: st.DataObject) -> None:
    """Bytes of the statement, whoever signed it; what is around the signature may be written otherwise."""
    received = data.draw(st.sampled_from([with_kms(kms_key("ann")), with_sigstore(good())]))
    at = data.draw(st.integers(0, len(PAYLOAD) - 1))
    change = data.draw(st.integers(1, 255))
    wire = json.loads(received.data)
    payload = bytearray(PAYLOAD)
    payload[at] ^= change
    wire["payload"] = base64.b64encode(payload).decode()
    changed = Received(json.dumps(wire).encode(), ARRIVED)
    assert not verdict(changed, company(kms_key("ann").entry, {"sigstore": WHO})).counts


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(good()) - 1), st.integers(1, 255))
def test_whatever_is_in_a_bundle_is_answered(at: int, change: int) -> None:
    """Hostile bytes never raise, and where a changed bundle still counts, it is hers: no other name comes out."""
    data = bytearray(good())
    data[at] ^= change
    found = verdict(with_sigstore(bytes(data)), company({"sigstore": WHO}))
    assert found.code in {"counts", "signature"}
    assert found.principal == "ann"
