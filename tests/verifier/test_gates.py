"""Whose entries count: both verifiers agree on the keys of gates, as far as a library for them is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate import trust
from iacgate.approval import envelope
from iacgate.approval.envelope import Kind
from iacgate.evidence.advance import after_settings
from iacgate.evidence.entry import Settings
from iacgate.evidence.gatekeys import PinnedKey, prehashed
from iacgate.evidence.ledger import Draft, Ledger, Piece
from iacgate.people.kms import parse_pem
from iacgate.people.roster import read_roster
from tests.support.kmskeys import kms_key
from tests.support.ledgerlife import STACK
from tests.support.ledgers import NONCE, SoftGate, ledger_in
from tests.support.memorystore import MemoryStore
from tests.support.verifiers import agreed, ours_holds, theirs


@pytest.mark.parametrize(
    ("times", "holds"),
    [
        ({}, True),
        ({"since": "2026-11-23", "until": "2026-11-23"}, True),
        ({"until": "2026-11-22"}, False),
        ({"since": "2026-11-24"}, False),
        ({"since": "2026-11-23T12:00:01Z"}, False),
        ({"revoked": "2026-11-24T00:00:00Z"}, True),
        ({"revoked": "2026-11-23T12:00:00Z"}, False),
        ({"kind": "human"}, False),
        ({"roles": ["infra"]}, False),
    ],
    ids=str,
)
def test_gates_that_people_yaml_names(tmp_path: Path, times: dict[str, Any], holds: bool) -> None:
    person: dict[str, Any] = {"id": "gate-2", "kind": "machine", "roles": ["gate"]}
    key = {"key": SoftGate("second").key.line, **{name: times[name] for name in times if name not in person}}
    said = {**person, **{name: times[name] for name in times if name in person}, "keys": [key]}
    store = MemoryStore()
    seen = settled(ledger_in(store), {"people.yaml": msgspec.json.encode({"people": [said]})})
    whoever = read_roster(msgspec.json.encode({"people": [{**person, "keys": [{"key": key["key"]}]}]}), "people.yaml")
    Ledger(store, signer=SoftGate("second"), roster=whoever).append(Draft(event="bypassed", stack=STACK, settings=seen))
    assert agreed(store, tmp_path) == holds


def test_a_people_yaml_that_is_not_json_makes_no_further_gates_known(tmp_path: Path) -> None:
    """Ours reads YAML. The other verifier cannot, and says so by a finding, never by silence."""
    text = (
        f"people:\n- id: gate-2\n  kind: machine\n  roles: [gate]\n  keys: [{{key: {SoftGate('second').key.line}}}]\n"
    )
    store, files = MemoryStore(), {"people.yaml": text.encode()}
    seen = settled(ledger_in(store), files)
    Ledger(store, signer=SoftGate("second"), roster=read_roster(text.encode(), "people.yaml")).append(
        Draft(event="bypassed", stack=STACK, settings=seen)
    )
    assert ours_holds(store)
    (found,) = theirs(store, tmp_path)
    assert found.endswith("sealed with a key that is no gate's, or was not then")


def test_a_gate_in_kms_is_not_verified_with_ssh_keygen(tmp_path: Path) -> None:
    """KMS keys are no keys of SSH: the other verifier says of each entry that it cannot verify it."""
    store, key = MemoryStore(), kms_key("gate")

    class Gate:
        pinned = PinnedKey(**key.entry)

        def secret(self, purpose: str) -> bytes:
            raise NotImplementedError

        def sign(self, payload: bytes, kind: Kind) -> bytes:
            message = prehashed(envelope.pre_authentication(payload, kind), kind)
            return envelope.wire(payload, parse_pem(key.entry["public"]).identifier, key.sign(message), kind)

    Ledger(store, signer=Gate(), make=lambda: NONCE).append(Draft(event="bypassed", stack=STACK))
    assert ours_holds(store)
    found = theirs(store, tmp_path)
    assert any("cannot be verified here" in what for what in found)


def settled(ledger: Ledger, files: dict[str, bytes]) -> Settings:
    """Record that the ledger saw settings of some files."""
    seen = Settings(trust.bundle_digest(files), 1)
    pieces = {"settings": Piece(msgspec.json.encode(files))}
    ledger.append(
        Draft(
            event="settings",
            stack="",
            settings=seen,
            pieces=pieces,
            advance=lambda state, *_: after_settings(state, seen),
        )
    )
    return seen
