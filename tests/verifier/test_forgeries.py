"""One thing at a time that does not hold, sealed by the gate's own key: both verifiers find it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.evidence.entry import Attempt, Entry, Intent, Reference, Settings, Standing, State
from iacgate.evidence.gatekeys import ENTRY
from iacgate.evidence.layout import entry_key
from iacgate.people.keys import parse_key
from tests.support.ledgerlife import STACK, Life
from tests.support.ledgers import SoftGate
from tests.support.sshkeys import SoftKey, blob_of, string
from tests.support.verifiers import agreed

GATE = SoftKey("gate")
NAME = parse_key(GATE.line).fingerprint
LATER = "2027-01-01T00:00:00Z"


def following(life: Life, **more: Any) -> Entry:
    """Return the next entry of the stack's chain, as it should be but for some fields."""
    head = life.ledger.look(STACK).head.newest
    assert head is not None
    right = {"event": "bypassed", "sequence": 6, "previous": head.digest, "references": {}, "details": {}}
    return msgspec.structs.replace(head.entry, **{**right, **more})


def sealed(entry: Entry) -> bytes:
    return SoftGate().sign(canonical.canonical_json(entry), ENTRY)


def state(**more: Any) -> Callable[[State], State]:
    """Return what changes fields of a state."""
    return lambda before: msgspec.structs.replace(before, **more)


INTENT = Intent("chg-1", "run-2", "e" * 64, "2026-11-23T12:00:00Z", 6)
FIELDS: dict[str, dict[str, Any]] = {
    "another predecessor": {"previous": "0" * 64},
    "an earlier time": {"time": "2026-11-23T11:59:59Z"},
    "a gap": {"sequence": 7},
    "another ledger": {"ledger": "0" * 64},
    "another stack": {"stack": "other"},
    "settings that nobody saw": {"settings": Settings("0" * 64, 1)},
    "a later version of settings": {"settings": Settings("0" * 64, 2)},
    "no such evidence": {"references": {"x": Reference("0" * 64, "", 0)}},
    "an apply that nobody allowed": {"event": "intended", "details": {"decision": 2}, "state": state(intent=INTENT)},
    "an end that nothing began": {"event": "failed"},
}
STATES: dict[str, Callable[[State], State]] = {
    "used is forgotten": state(used={}),
    "used is shortened": lambda before: msgspec.structs.replace(before, used=dict.fromkeys(before.used, "2026-11-24")),
    "used is added": lambda before: msgspec.structs.replace(before, used={**before.used, "0" * 64: LATER}),
    "a rejection is forgotten": state(rejections=()),
    "an apply is forgotten": state(applied=None),
    "an apply is begun": state(intent=INTENT),
    "a rejection is added": lambda before: msgspec.structs.replace(
        before, rejections=(*before.rejections, Standing("chg-2", "0" * 64, "2026-11-23T12:00:00Z"))
    ),
    "an attempt is added": state(attempt=Attempt("chg-1", 1, "", "")),
    "another change was applied": lambda before: msgspec.structs.replace(
        before, applied=msgspec.structs.replace(before.applied, change="chg-2") if before.applied else None
    ),
    "a key is skipped": state(skipped={"log/x": ""}),
}


@pytest.mark.parametrize("name", ["nothing", *FIELDS])
def test_a_field(tmp_path: Path, name: str) -> None:
    life = Life().live()
    said = dict(FIELDS.get(name, {}))
    entry = following(life)
    if "state" in said:
        said["state"] = said["state"](entry.state)
    entry = msgspec.structs.replace(entry, **said)
    life.store.create(entry_key(STACK, entry.sequence), sealed(entry))
    assert agreed(life.store, tmp_path) == (name == "nothing")


@pytest.mark.parametrize("name", STATES)
def test_a_state(tmp_path: Path, name: str) -> None:
    life = Life().live()
    entry = following(life)
    entry = msgspec.structs.replace(entry, state=STATES[name](entry.state))
    life.store.create(entry_key(STACK, 6), sealed(entry))
    assert not agreed(life.store, tmp_path)


def test_what_may_change_in_a_state(tmp_path: Path) -> None:
    life = Life().live()
    entry = following(life)
    longer = dict.fromkeys(entry.state.used, LATER)
    after = msgspec.structs.replace(entry.state, used=longer)
    life.store.create(entry_key(STACK, 6), sealed(msgspec.structs.replace(entry, state=after)))
    assert agreed(life.store, tmp_path)


@pytest.mark.parametrize("more", [0, 1])
def test_the_size_of_what_it_refers_to(tmp_path: Path, more: int) -> None:
    life = Life().live()
    life.store.create(f"evidence/sha256/{canonical.digest(b'x')}", b"x")
    entry = following(life, references={"x": Reference(canonical.digest(b"x"), "", 1 + more)})
    life.store.create(entry_key(STACK, 6), sealed(entry))
    assert agreed(life.store, tmp_path) == (more == 0)


@pytest.mark.parametrize("first", ["2", "3"])
def test_a_key_that_stands_twice(tmp_path: Path, first: str) -> None:
    life = Life().live()
    payload = canonical.canonical_json(following(life)).replace(
        b'"format":2,', b'"format":%s,"format":2,' % first.encode()
    )
    life.store.create(entry_key(STACK, 6), SoftGate().sign(payload, ENTRY))
    assert not agreed(life.store, tmp_path)


def signature(
    message: bytes, *, reserved: bytes = b"", namespace: str = ENTRY.namespace, hashed: str = "sha512"
) -> bytes:
    """Return an SSHSIG by the gate's key over a message, with what it should not have."""
    right = blob_of(GATE.sign(message, namespace))
    space, empty, name = string(namespace.encode()), string(b""), string(b"sha512")
    return right.replace(space + empty + name, space + string(reserved) + string(hashed.encode()), 1)


@pytest.mark.parametrize(
    "more",
    [{}, {"reserved": b"x"}, {"namespace": "iacgate-approval-v1"}, {"namespace": "git"}, {"hashed": "sha256"}],
    ids=str,
)
def test_a_signature(tmp_path: Path, more: dict[str, Any]) -> None:
    life = Life().live()
    payload = canonical.canonical_json(following(life))
    signed = signature(envelope.pre_authentication(payload, ENTRY), **more)
    data = envelope.wire(payload, NAME, signed, ENTRY)
    life.store.create(entry_key(STACK, 6), data)
    assert agreed(life.store, tmp_path) == (not more)


def test_a_signature_over_something_else(tmp_path: Path) -> None:
    life = Life().live()
    payload = canonical.canonical_json(following(life))
    other = canonical.canonical_json(following(life, commit="b" * 40))
    signed = signature(envelope.pre_authentication(other, ENTRY))
    life.store.create(entry_key(STACK, 6), envelope.wire(payload, NAME, signed, ENTRY))
    assert not agreed(life.store, tmp_path)


@pytest.mark.parametrize("spelling", [b" ", b"\n", b'{"signatures"'])
def test_another_spelling_of_the_same_envelope(tmp_path: Path, spelling: bytes) -> None:
    life = Life().live()
    data = sealed(following(life))
    found = msgspec.json.decode(data)
    turned = msgspec.json.encode(dict(reversed(found.items())))
    life.store.create(entry_key(STACK, 6), turned if spelling.startswith(b"{") else data + spelling)
    assert not agreed(life.store, tmp_path)
