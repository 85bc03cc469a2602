"""A verifier that was written from the format's page, and shares no code, finds what ours finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.evidence.gatekeys import ENTRY
from iacgate.evidence.layout import GENESIS, entry_key
from iacgate.evidence.ledger import Piece
from iacgate.gate import Decision, Missing
from iacgate.render.decision import as_json
from tests.conftest import ROOT
from tests.evidence.test_verify import FORGED, forged
from tests.support.approvals import withdrawal
from tests.support.ledgerlife import SETTINGS, STACK, Life, verified
from tests.support.ledgers import SoftGate
from tests.support.memorystore import MemoryStore
from tests.support.sshkeys import string
from tests.support.verifiers import agreed, copied, ours_holds, theirs

PROGRAM = ROOT / "tests" / "verifier" / "verify_ledger.py"
HOWS = ("destroyed", "deleted", "overwritten", "changed", "cut", "longer", "empty")


@cache
def lived() -> dict[str, Any]:
    return Life().live().store.versions


@pytest.fixture
def store() -> MemoryStore:
    found = MemoryStore()
    found.versions = {key: list(versions) for key, versions in lived().items()}
    return found


def test_a_ledger_that_nobody_touched_holds(store: MemoryStore, tmp_path: Path) -> None:
    assert agreed(store, tmp_path)
    assert not agreed(Life().store, tmp_path)


@pytest.mark.parametrize("which", sorted(lived()))
@pytest.mark.parametrize("how", HOWS)
def test_whatever_is_done_to_whatever_object(store: MemoryStore, tmp_path: Path, which: str, how: str) -> None:
    data = store.read(which, 10**7) or b""
    ways: dict[str, Callable[[], None]] = {
        "destroyed": lambda: store.destroy(which),
        "deleted": lambda: store.delete(which),
        "overwritten": lambda: store.overwrite(which, data),
        "changed": lambda: store.replace(which, data[:-3] + b"~" + data[-2:]),
        "cut": lambda: store.replace(which, data[: len(data) // 2]),
        "longer": lambda: store.replace(which, data + b" "),
        "empty": lambda: store.replace(which, b""),
    }
    ways[how]()
    # The end of a chain that is cut off is shown by checkpoints only, to nobody who looks at the store alone.
    assert agreed(store, tmp_path) == (how == "destroyed" and which == entry_key(STACK, 5))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bits(tmp_path: Path, data: st.DataObject) -> None:
    store = MemoryStore()
    store.versions = {name: list(versions) for name, versions in lived().items()}
    which = data.draw(st.sampled_from(sorted(store.versions)))
    text = bytearray(store.read(which, 10**7) or b"")
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    text[bit // 8] ^= 1 << bit % 8
    store.replace(which, bytes(text))
    assert not agreed(store, tmp_path)


def test_entries_that_change_places(store: MemoryStore, tmp_path: Path) -> None:
    first, second = entry_key(STACK, 1), entry_key(STACK, 2)
    store.versions[first], store.versions[second] = store.versions[second], store.versions[first]
    assert not agreed(store, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["other.txt", "log/elsewhere/1.json", "log/stack-payments=/x.json", "log/x", "log/stack-payments=/0000000000.json"],
)
def test_keys_that_no_ledger_has(store: MemoryStore, tmp_path: Path, name: str) -> None:
    store.create(name, b"")
    assert not agreed(store, tmp_path)


def blob(*parts: bytes) -> bytes:
    """Return an envelope whose signature is a blob of SSH's strings."""
    signed = b"SSHSIG\x00\x00\x00\x01" + b"".join(string(part) for part in parts)
    return envelope.wire(b"{}", "SHA256:", signed, ENTRY)


NAMESPACE = ENTRY.namespace.encode()
JUNK = [
    b"junk",
    b"",
    b"{}",
    b"[" * 20_000,
    b"x" * 600_000,
    blob(),
    blob(b"", NAMESPACE, b"", b"sha512", b""),
    blob(b"\x00", NAMESPACE, b"", b"sha512", b""),
    blob(string(b"sk-ssh-ed25519@openssh.com"), NAMESPACE, b"", b"sha512", b""),
    blob(SoftGate().key.blob, NAMESPACE, b"reserved", b"sha512", b"x"),
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_with_and_without_a_repair(tmp_path: Path, junk: bytes) -> None:
    life = Life().live()
    life.store.create(entry_key(STACK, 6), junk)
    assert not agreed(life.store, tmp_path)
    life.decide(life.inputs("ann"))
    assert agreed(life.store, tmp_path)
    life.store.replace(entry_key(STACK, 6), b"other")
    assert not agreed(life.store, tmp_path)


@pytest.mark.parametrize("name", FORGED)
def test_a_gate_that_lies(tmp_path: Path, name: str) -> None:
    life = Life().live()
    forged(life, **FORGED[name][0])
    assert not agreed(life.store, tmp_path)


@pytest.mark.parametrize("more", [{"format": 3}, {"tool": {"iacgate": 1}}, {"event": "approved"}, {"extra": ""}])
def test_entries_of_another_form(tmp_path: Path, more: dict[str, Any]) -> None:
    life = Life().live()
    head = life.ledger.look(STACK).head.newest
    assert head is not None
    said = {**msgspec.to_builtins(head.entry), "sequence": 6, "previous": head.digest, **more}
    life.store.create(entry_key(STACK, 6), SoftGate().sign(canonical.canonical_json(said), ENTRY))
    assert not agreed(life.store, tmp_path)


@pytest.mark.parametrize("kind", ["a stranger", "an approval"])
def test_entries_that_no_gate_sealed(tmp_path: Path, kind: str) -> None:
    life = Life().live()
    head = life.ledger.look(STACK).head.newest
    assert head is not None
    entry = msgspec.structs.replace(head.entry, sequence=6, previous=head.digest)
    gate = SoftGate("somebody else" if kind == "a stranger" else "gate")
    said = ENTRY if kind == "a stranger" else msgspec.structs.replace(ENTRY, namespace="iacgate-approval-v1")
    life.store.create(entry_key(STACK, 6), gate.sign(canonical.canonical_json(entry), said))
    assert not agreed(life.store, tmp_path)


def test_rejections_end_by_their_signers_only(tmp_path: Path) -> None:
    life = Life().live()
    (rejection,) = life.inputs(rejecting="bob").received
    life.decide(life.inputs("ann"))
    assert agreed(life.store, tmp_path)
    back = withdrawal("bob", rejection, bundle=SETTINGS.digest, ledger=life.ledger.genesis)
    life.decide(msgspec.structs.replace(life.inputs(), received=(rejection, back)))
    assert agreed(life.store, tmp_path)
    life.decide(life.inputs(rejecting="bob"), advance=lambda state, *_: state)
    assert not agreed(life.store, tmp_path)
    life = Life().live()
    life.decide(life.inputs("ann"), advance=lambda state, *_: msgspec.structs.replace(state, rejections=()))
    assert not agreed(life.store, tmp_path)


def test_outcomes_that_are_not_the_decisions(tmp_path: Path) -> None:
    life = Life()
    life.settings()
    life.decide(life.inputs("ann"), details={"allowed": True, "exitCode": 0})
    assert not agreed(life.store, tmp_path)


def test_decisions_at_another_time(tmp_path: Path) -> None:
    life = Life()
    life.settings()
    life.decide(msgspec.structs.replace(life.inputs("ann"), now="2026-11-23T11:40:00Z"))
    assert not agreed(life.store, tmp_path)


def lied(life: Life, given_inputs: Any, **said: Any) -> None:
    """Record a decision that is not the one that its inputs give, with an entry that goes along."""
    _, real = life.decide(given_inputs)
    false: Decision = msgspec.structs.replace(real, **said)
    life.decide(
        given_inputs,
        pieces={"decision": Piece(as_json(false))},
        details={"allowed": false.allowed, "exitCode": false.exit_code},
    )


def test_a_decision_with_an_empty_seat_that_allows(tmp_path: Path) -> None:
    life = Life()
    life.settings()
    lied(life, life.inputs("ann"), allowed=True, blocks=False, reasons=())
    assert not agreed(life.store, tmp_path)


def test_a_decision_that_does_not_mention_what_arrived(tmp_path: Path) -> None:
    life = Life()
    life.settings()
    given_inputs = life.inputs("ann")
    _, real = life.decide(given_inputs)
    seats = (*(Missing(seat.role, ()) for seat in real.filled), *real.missing)
    lied(life, given_inputs, approvals=(), filled=(), missing=seats)
    assert not agreed(life.store, tmp_path)
    assert theirs(life.store, tmp_path)[0].endswith("what arrived is not what its decision is about")


def test_only_whoever_makes_decisions_again_finds_one_that_was_not_the_decision(tmp_path: Path) -> None:
    """Which findings deny is the policy's: to know it takes the policy, and so our code."""
    life = Life()
    life.settings()
    risky = msgspec.structs.replace(life.inputs("ann", "bob"), deny="high")
    risky = msgspec.json.decode(canonical.canonical_json(risky), type=type(risky))
    lied(life, risky, allowed=True, blocks=False, reasons=())
    assert {problem.what for problem in verified(life.store).problems} == {
        "its decision, made again, is another one",
        "its decision demanded something else than the recorded policy does",
    }
    assert theirs(life.store, tmp_path) == []


def test_only_whoever_asks_the_store_knows_what_is_locked(store: MemoryStore, tmp_path: Path) -> None:
    store.bare = {entry_key(STACK, 2)}
    assert not ours_holds(store)
    assert theirs(store, tmp_path) == []


def test_an_approval_by_anybody_else_is_found(tmp_path: Path) -> None:
    """Verdicts are the decision's; that its approvals were signed by those people needs no policy."""
    life = Life()
    life.settings()
    given_inputs = life.inputs("ann", "bob")
    _, real = life.decide(given_inputs)
    swapped = [msgspec.structs.replace(item, principal="cleo") for item in real.approvals]
    filled = [msgspec.structs.replace(item, principal="cleo") for item in real.filled[:1]]
    life = Life()
    life.settings()
    lied(life, given_inputs, approvals=(swapped[0], *real.approvals[1:]), filled=(*filled, *real.filled[1:]))
    assert any("cleo" in what for what in theirs(life.store, tmp_path))
    assert not ours_holds(life.store)


def test_it_is_a_program(store: MemoryStore, tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    versions = tmp_path / "versions.json"
    versions.write_text(json.dumps(copied(store, place)))
    genesis = canonical.digest(store.read(GENESIS, 10**6) or b"")

    def run(*more: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(PROGRAM), str(place), *more]
        done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert run("--genesis", genesis, "--versions", str(versions)) == (0, f"6 entries, genesis {genesis}\n")
    code, said = run("--genesis", "0" * 64)
    assert (code, "not the one that was asked for" in said) == (1, True)


def test_it_shares_no_code() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    imported = {
        line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= sys.stdlib_module_names


def test_the_commands_of_the_page_verify_an_entry(store: MemoryStore, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "evidence-format.md").read_text(encoding="utf-8")
    block = page.partition("```sh\n")[2].partition("```")[0]
    copied(store, tmp_path)
    entry, line = tmp_path / entry_key(STACK, 1), SoftGate().key.line
    command = ["bash", "-euc", block]

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "ENTRY": str(path), "GATE_KEY": line},
        )

    done = run(entry)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Good") == 2
    envelope = json.loads(entry.read_bytes())
    envelope["payload"] = json.loads((tmp_path / entry_key(STACK, 2)).read_bytes())["payload"]
    entry.write_text(json.dumps(envelope))
    assert run(entry).returncode != 0
