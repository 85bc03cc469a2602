"""No plain digest of an original reaches a statement or the ledger, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iacgate import canonical
from iacgate.approval import envelope
from iacgate.approval.statement import encode, make_statement
from iacgate.cli.approve import _about
from iacgate.cli.sealed import Sought, look_into, subjects_of, under
from iacgate.cli.surroundings import Around
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import read_plan
from iacgate.risk.assess import assess
from iacgate.risk.context import Context
from iacgate.risk.packs import RuleSet
from iacgate.sealing import Seal
from iacgate.shell.inbox import Inbox
from iacgate.shell.shipped import shipped_packs
from tests.cli.test_apply import BOTH, Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, Stack, stack  # noqa: F401 - a fixture
from tests.cli.test_handed import done_by, submitted
from tests.conftest import ROOT
from tests.support.approvals import TARGET, WANTED, predicate
from tests.support.memorystore import MemoryStore
from tests.verifier.verify_ledger import Verifier

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{80,}={0,2}")


def unfolded(data: bytes) -> Iterator[bytes]:
    """Yield some bytes, and whatever is in them as base64, however deep."""
    yield data
    for found in _BASE64.findall(data):
        yield from unfolded(base64.b64decode(found[: len(found) // 4 * 4]))


class Originals:
    """The digests of a plan file, of its JSON, of what it does and of the state that is there, by name."""

    def __init__(self, stack: Stack) -> None:  # noqa: F811 - a fixture
        stack.show()
        data, text = ((stack.root / name).read_bytes() for name in ("tfplan", "tfplan.json"))
        plan_file = read_plan_file(data, "tfplan")
        self.digests = {
            "plan file": canonical.digest(data),
            "plan JSON": canonical.digest(text),
            "fingerprint": fingerprint(read_plan(text, "json"), plan_file).digest,
        }
        self.see_state(stack)

    def see_state(self, stack: Stack) -> None:  # noqa: F811 - a fixture
        self.digests[f"state {len(self.digests)}"] = canonical.digest((stack.root / "terraform.tfstate").read_bytes())

    def found_in(self, folder: Path) -> set[str]:
        """Return which of them stand in the files of a folder: as text, as its beginning alone, or as bytes."""
        content = [part for path in folder.rglob("*") if path.is_file() for part in unfolded(path.read_bytes())]
        return {
            name
            for name, digest in self.digests.items()
            if any(digest[:16].encode() in part or bytes.fromhex(digest) in part for part in content)
        }


def handed_over(deployed: Deployed) -> None:  # noqa: F811 - a fixture
    """Hand a plan over, have the ledger begun, and have the plan approved: all from its name."""
    stack = deployed.stack  # noqa: F811 - the fixture's
    submitted(stack)
    inbox = ("--inbox", str(stack.inbox), *deployed.ledger)
    assert done_by(stack, "gate", "chg-17", *inbox, *stack.base).returncode == 11
    for person in BOTH:
        done = done_by(stack, "approve", "chg-17", *inbox, person=person)
        assert (done.returncode, b"under the seal" in done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize("plan", ["chg-17", "tfplan"])
def test_the_ledger_holds_no_plain_digest_of_an_original(deployed: Deployed, plan: str) -> None:  # noqa: F811
    stack = deployed.stack  # noqa: F811 - the fixture's
    originals = Originals(stack)
    handed_over(deployed)
    change = () if plan == "chg-17" else ("--change", "chg-17")
    gate = stack.iacgate("gate", *deployed.ledger, *change, plan=plan)
    assert (gate.returncode, b"has no seal" in gate.stderr) == (0, False), gate.stdout + gate.stderr
    done = stack.iacgate("apply", *deployed.ledger, *change, plan=plan)
    assert done.returncode == 0, done.stdout + done.stderr
    originals.see_state(stack)
    (seal,) = (stack.inbox / "seals").iterdir()
    originals.digests["the seal itself"] = seal.read_text()
    assert deployed.events() == ["decided", "decided", "decided", "intended", "applied"]
    assert originals.found_in(deployed.place) == set()
    assert originals.found_in(stack.inbox / "approvals") == set()
    details = deployed.entries()[-1].details
    assert str(details["beforeDigest"]).startswith("hmac-sha256:")
    assert str(details["afterDigest"]).startswith("hmac-sha256:")
    assert deployed.verified().problems == ()
    verifier = Verifier(deployed.place, {})
    verifier.run("")
    assert verifier.findings == []
    out = stack.root.parent / "out"
    done = done_by(stack, "evidence", "export", "chg-17", *deployed.ledger, "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert originals.found_in(out) == set()
    assert done_by(stack, "evidence", "verify", "--offline", str(out)).returncode == 0
    (deployed.place / "seals").mkdir()  # somebody keeps both in one folder
    (deployed.place / "seals" / "stack-x=").write_text("1" * 64)
    done_by(stack, "evidence", "copy", str(deployed.place), str(out.parent / "copy"))
    assert {path.name for path in (out.parent / "copy").iterdir()} == {"genesis.json", "log", "evidence"}


def test_without_a_seal_plain_digests_are_recorded_and_said_so(deployed: Deployed) -> None:  # noqa: F811
    """This shows as well that such digests are found where they are."""
    originals = Originals(deployed.stack)
    done = deployed.stack.iacgate("gate", *deployed.ledger, "--plan-json", "tfplan.json")
    assert (done.returncode, b"has no seal in this inbox" in done.stderr) == (11, True), done.stderr
    assert originals.found_in(deployed.place) == {"plan file", "plan JSON", "fingerprint"}
    assert not (deployed.stack.inbox / "seals").exists(), "a gate makes none"


def test_an_identical_re_plan_keeps_its_approvals_under_a_seal(stack: Stack) -> None:  # noqa: F811
    for person in BOTH:
        assert stack.approve(person).returncode == 0
    (seal,) = (stack.inbox / "seals").iterdir()
    assert re.fullmatch("[0-9a-f]{64}", seal.read_text())
    before = stack.decision()[1]
    stack.plan("tfplan.again")
    code, decision = stack.decision(plan="tfplan.again")
    assert (code, decision["allowed"], decision["change"]) == (0, True, before["change"])
    assert decision["fingerprint"] == before["fingerprint"]
    assert decision["subjects"]["plan-file"] != before["subjects"]["plan-file"]
    seal.write_text("1" * 64)
    code, decision = stack.decision()
    assert (code, decision["approvals"]) == (11, []), "a change that nobody named is another one under another seal"


def test_approvals_that_were_signed_without_the_seal_say_why_they_do_not_count(stack: Stack) -> None:  # noqa: F811
    text = b""
    for person in BOTH:
        done = done_by(stack, "approve", "tfplan", *stack.base, "--output", "-", "--change", "chg-17", person=person)
        assert (done.returncode, b"plain: no inbox is named" in done.stderr) == (0, True), done.stderr
        text += done.stdout
    (stack.root / "signed.txt").write_bytes(text)
    submitted(stack)
    gate = stack.iacgate("gate", "--approval", "signed.txt", plan="chg-17")
    says = b"does not count (binding): it is for another plan, or was signed without the seal of this inbox"
    assert (gate.returncode, gate.stdout.count(says)) == (11, 2), gate.stdout


def test_what_was_handed_over_brings_its_seal_to_whoever_has_no_inbox(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    done = stack.iacgate("submit", "--change", "chg-17", "--output", "chg.zip")
    assert done.returncode == 0, done.stderr
    text, settings = b"", ("--config", str(stack.root / ".iacgate"))
    for person in BOTH:
        name = str(stack.root / "chg.zip")
        done = done_by(stack, "approve", name, *settings, "--output", "-", person=person, cwd=tmp_path)
        assert (done.returncode, b"under the seal" in done.stderr) == (0, True), done.stderr
        text += done.stdout
    (tmp_path / "signed.txt").write_bytes(text)
    gate = stack.iacgate("gate", "--approval", str(tmp_path / "signed.txt"), "--change", "chg-17")
    assert (gate.returncode, b"ALLOWED" in gate.stdout) == (0, True), gate.stdout + gate.stderr


def test_a_plan_in_the_inbox_has_no_name_that_its_digest_tells(stack: Stack) -> None:  # noqa: F811
    first, second = submitted(stack), submitted(stack)
    said = [json.loads((place / "change.json").read_bytes()) for place in (first, second)]
    assert said[0] == said[1], "the seal stays"
    digest = canonical.digest((first / "tfplan").read_bytes())
    sealed = Seal(bytes.fromhex(said[0]["seal"])).of(digest)[:12]
    assert (sealed == digest[:12], first == second) == (False, False)
    assert {place.name.partition("-")[0] for place in (first, second)} == {sealed}


def test_a_planner_who_chooses_the_seal_wins_no_approval(stack: Stack) -> None:  # noqa: F811
    """The approvals are for the plan under the inbox's own seal."""
    submitted(stack)
    for person in BOTH:
        assert done_by(stack, "approve", "chg-17", "--inbox", str(stack.inbox), person=person).returncode == 0
    stack.commit(HIGH.replace("INPUT", "something else"))
    stack.plan()
    said = submitted(stack) / "change.json"
    said.write_bytes(said.read_bytes().replace(json.loads(said.read_bytes())["seal"].encode(), b"1" * 64))
    gate = stack.iacgate("gate", plan="chg-17")
    assert (gate.returncode, gate.stdout.count(b"does not count (binding)")) == (11, 2), gate.stdout


def test_a_state_that_somebody_wrote_over_is_seen_under_the_seal(deployed: Deployed) -> None:  # noqa: F811
    _apply_one_and_plan_another(deployed, touch=True)
    done = deployed.apply("--no-verify")
    assert (done.returncode, b"The state moved without the gate" in done.stderr) == (0, True), done.stderr
    assert deployed.events()[-3:] == ["bypassed", "intended", "applied"]


@pytest.mark.parametrize("seal", ["1" * 64, ""])
def test_a_state_that_was_recorded_under_another_seal_is_no_bypass(deployed: Deployed, seal: str) -> None:  # noqa: F811
    _apply_one_and_plan_another(deployed, touch=False, seal=seal)
    done = deployed.apply("--no-verify")
    said = b"Not compared: the state's digest, recorded under another seal" in done.stderr
    assert (done.returncode, said, b"moved without" in done.stderr) == (0, True, False), done.stderr
    assert deployed.events()[-3:] == ["decided", "intended", "applied"]
    assert deployed.verified().problems == ()


def test_lineage_and_serial_are_compared_whatever_the_seals(deployed: Deployed) -> None:  # noqa: F811
    _apply_one_and_plan_another(deployed, touch=False, seal="1" * 64, taint=True)
    done = deployed.apply("--no-verify")
    assert (done.returncode, b"The state moved without the gate" in done.stderr) == (0, True), done.stderr
    assert "bypassed" in deployed.events()


def _apply_one_and_plan_another(
    deployed: Deployed,  # noqa: F811 - a fixture
    *,
    touch: bool,
    seal: str | None = None,
    taint: bool = False,
) -> None:
    """Apply a change, do something to the state or to the seal, and have a further change approved."""
    stack = deployed.stack  # noqa: F811 - the fixture's
    deployed.approve()
    assert deployed.apply().returncode == 0
    state = stack.root / "terraform.tfstate"
    if touch:  # lineage and serial stay
        state.write_bytes(state.read_bytes() + b"\n")
    if taint:
        stack.command(stack._terraform, "taint", "terraform_data.a")
    (kept,) = (stack.inbox / "seals").iterdir()
    if seal is not None:
        kept.unlink()
    if seal:
        kept.write_text(seal)
    stack.commit(HIGH.replace("INPUT", "once more"))
    stack.plan()
    stack.base = ()
    deployed.approve()


# What is made under a seal, for many seals

PLANS = ROOT / "fixtures" / "plans" / "mixed"
PLAN_FILE, PLAN_JSON = ((PLANS / name).read_bytes() for name in ("tfplan", "plan.json"))
PLAN = read_plan(PLAN_JSON, "plan.json")
LOADED: Any = SimpleNamespace(plan_file=read_plan_file(PLAN_FILE, "tfplan"))
CONTEXT = Context(plan_file=LOADED.plan_file, plan_file_sha256=canonical.digest(PLAN_FILE))
JUDGED = assess(PLAN, RuleSet(shipped_packs()), CONTEXT)
PLAIN = (canonical.digest(PLAN_FILE), canonical.digest(PLAN_JSON), fingerprint(PLAN, LOADED.plan_file).digest)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_a_statement_under_a_seal_holds_no_plain_digest(key: bytes) -> None:
    seal = Seal(key)
    assessment = under(seal, JUDGED)
    subjects = subjects_of(LOADED, assessment, Around(tree="d" * 40))
    wanted = msgspec.structs.replace(WANTED, subjects=subjects, fingerprint=assessment.plan.fingerprint)
    change: Any = SimpleNamespace(wanted=wanted, assessment=assessment, plan_file=LOADED.plan_file)
    payload = encode(make_statement([subjects], predicate("ann", plans=(_about(change),))))
    assert [seal.of(digest).encode() in payload for digest in PLAIN] == [True] * 3
    assert not any(digest[:16].encode() in payload for digest in PLAIN)
    for data in (payload, canonical.canonical_json(assessment), envelope.pre_authentication(payload)):
        assert not any(digest.encode() in data for digest in PLAIN)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", "chg-1"]), st.booleans())
def test_what_arrived_is_found_under_every_seal_in_two_rounds(key: bytes, named: str, carried: bool) -> None:
    store = MemoryStore()
    inbox, seal = Inbox(store), Seal(key)
    store.create("seals/stack-payments=", seal.text.encode())
    sought = Sought(
        chain="payments",
        target=TARGET,
        fingerprint=PLAIN[2],
        change=named,
        carried=seal.text if carried else "",
        inbox=True,
        make=False,
    )
    change = look_into(inbox, sought).change
    assert (change == named) == bool(named)
    assert canonical.digest(canonical.canonical_json([TARGET, PLAIN[2]]))[:20] not in change
    inbox.put(change, b"{}")
    store.calls.clear()
    found = look_into(inbox, sought)
    assert (found.seal.text, [item.data for item in found.received]) == (seal.text, [b"{}"])
    first, second = store.calls[:-1], store.calls[-1]
    assert sorted(kind for kind, _ in first) == (["list"] if carried else ["list", "read"])
    assert second[0] == "read"


def test_an_inbox_that_nobody_named_is_asked_for_no_seal() -> None:
    store = MemoryStore()
    sought = Sought("payments", TARGET, PLAIN[2], "", "", inbox=False, make=True)
    assert look_into(Inbox(store), sought).seal.name == ""
    assert not any(key.startswith("seals/") for _, key in store.calls)
