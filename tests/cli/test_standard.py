"""Standard changes from the pattern to the recorded use, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from iacgate.evidence.entry import Intent, State
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_status import independent
from tests.conftest import Run

PATTERN = """description: The text of a note that nobody reads.
environments: [prod]
until: 2027-12-31
severity: low
limits: {uses: 2, hours: 24, resources: 1, resources_per_window: 2}
providers: [terraform.io/builtin/terraform]
allow:
  - types: [terraform_data]
    actions: [update]
    attributes: [input]
    computed: [output]
    when: {value: after.input, matches: "^note "}
"""
NOTE = 'resource "terraform_data" "a" {\n  input = "TEXT"\n}\n'
STACKS = "stacks: [{name: notes, environment: prod, backend: {type: local, path: notes.tfstate}}]"
BACKEND = 'terraform {\n  backend "local" {\n    path = "notes.tfstate"\n  }\n}\n'


@pytest.fixture
def life(deployed: Deployed) -> Deployed:  # noqa: F811
    """A stack of notes, with a pattern for their text, which ann and bob signed, and dave's change of one."""
    root = deployed.stack.root
    (root / "terraform.tfstate").unlink()
    (root / ".iacgate" / "patterns").mkdir()
    (root / ".iacgate" / "patterns" / "notes.yaml").write_text(PATTERN)
    deployed.stack.settings(policy=f"{POLICY}board: {{infra: 1, security: 1}}\n", stacks=STACKS)
    deployed.stack.commit(BACKEND + NOTE.replace("TEXT", "note one"))
    deployed.stack.command(deployed.stack._terraform, "init", "-input=false", "-reconfigure")
    deployed.stack.command(deployed.stack._terraform, "apply", "-auto-approve", "-input=false")
    return deployed


def sign(life: Deployed, iacgate: Run, person: str) -> subprocess.CompletedProcess[bytes]:
    key = str(life.stack.keys / person)
    return iacgate("attest", "pattern", "notes", "--as", person, "--key", key, cwd=life.stack.root)


def change(life: Deployed, iacgate: Run, name: str, text: str) -> tuple[str, ...]:
    """Commit and plan a change of the note; return how it is named to the gate."""
    path = life.stack.root.parent / f"{name}.yaml"
    done = iacgate("request", name, "--pattern", "notes", "--no-input", "--output", path, cwd=life.stack.root)
    assert done.returncode == 0, done.stderr
    life.stack.commit(BACKEND + text)
    life.stack.plan()
    return ("--change", name, "--record", str(path), *life.ledger)


def reasons(life: Deployed, *named: str) -> tuple[int, list[str], str]:
    code, decision = life.stack.decision(*named)
    return code, [reason["code"] for reason in decision["reasons"]], " ".join(r["text"] for r in decision["reasons"])


def test_a_pattern_that_the_board_signed_is_used_within_its_limits(life: Deployed, iacgate: Run) -> None:
    named = change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two"))
    code, codes, text = reasons(life, *named)
    assert (code, codes) == (11, ["pattern-unsigned"])
    assert "not signed by infra, security" in text
    for person in ("ann", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    named = change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two"))
    done = life.stack.iacgate("apply", *named)
    assert done.returncode == 0, (done.stdout, done.stderr)
    (use,) = life.entries()[-1].state.uses["notes"]
    assert (use.change, use.resources) == ("note-2", 1)
    named = change(life, iacgate, "note-3", NOTE.replace("TEXT", "note three"))
    assert life.stack.iacgate("apply", *named).returncode == 0
    named = change(life, iacgate, "note-4", NOTE.replace("TEXT", "note four"))
    code, codes, text = reasons(life, *named)
    assert (code, codes[0]) == (11, "pattern-limit"), "cut into slices, it is still too much"
    assert "it would be use 3 of the pattern in 24 hours, and 2 are allowed" in text
    assert life.verified().problems == ()
    assert independent(life) == (0, "")


def test_a_use_that_a_gate_does_not_count_is_found_by_both(life: Deployed, iacgate: Run) -> None:
    for person in ("ann", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    named = change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two"))
    assert reasons(life, *named)[0] == 0
    begin_uncounted(life)
    assert "it uses a pattern, and does not count that" in [item.what for item in life.verified().problems]
    assert "it uses a pattern, and does not count that" in independent(life)[1]


def begin_uncounted(life: Deployed) -> None:
    """Begin what the newest decision allows, as a gate does that keeps neither emergencies nor uses."""
    decided = life.entries()[-1]
    ledger = Ledger(FolderStore(life.place, clock=now), signer=SshGate(life.gate_key))

    def advance(state: State, sequence: int, instant: str) -> State:
        begun = Intent(change=decided.change, run="run-1", sequence=sequence, time=instant, fingerprint="", used={})
        return msgspec.structs.replace(state, intent=begun)

    draft = Draft(
        event="intended",
        stack=decided.stack,
        change=decided.change,
        commit=decided.commit,
        tree=decided.tree,
        settings=decided.settings,
        details={"decision": decided.sequence, "run": "run-1"},
        advance=advance,
    )
    ledger.append(draft)


def test_without_a_ledger_nobody_knows_how_often_a_pattern_was_used(life: Deployed, iacgate: Run) -> None:
    for person in ("ann", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    named = change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two"))
    code, codes, text = reasons(life, *named[: -len(life.ledger)])
    assert (code, codes) == (11, ["pattern-limit"])
    assert "no ledger tells how often it was used: name it with --ledger" in text


def test_one_step_outside_is_a_normal_change_and_the_output_says_what_left(life: Deployed, iacgate: Run) -> None:
    for person in ("ann", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    note = NOTE.replace("TEXT", "note two")
    for text, left in (
        (NOTE.replace("TEXT", "secret"), "terraform_data.a leaves the pattern notes: the condition"),
        (note + note.replace('"a"', '"b"'), "terraform_data.b leaves the pattern"),
        (note + 'output "o" {\n  value = "x"\n}\n', "output"),
    ):
        code, codes, said = reasons(life, *change(life, iacgate, "note-2", text))
        assert (code, codes[0], left in said) == (11, "outside-pattern", True), said
    code, codes, _ = reasons(life, *change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two")))
    assert (code, codes) == (0, [])
    code, codes, _ = reasons(life, "--change", "note-2", "--type", "standard", *life.ledger)
    assert (code, codes) == (11, ["pattern-unknown"])


def test_who_signed_a_pattern_writes_no_use_of_it(life: Deployed, iacgate: Run) -> None:
    path = life.stack.root / ".iacgate" / "people.yaml"
    path.write_text(path.read_text().replace('"infra", "security"', '"infra", "security", "writer"'))
    for person in ("dave", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    code, codes, text = reasons(life, *change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two")))
    assert (code, codes) == (11, ["pattern-author"])
    assert "dave signed the pattern notes, and had a hand in its use here" in text


def test_a_pattern_that_was_edited_is_signed_by_nobody(life: Deployed, iacgate: Run) -> None:
    for person in ("ann", "bob"):
        assert sign(life, iacgate, person).returncode == 0
    path: Path = life.stack.root / ".iacgate" / "patterns" / "notes.yaml"
    path.write_text(PATTERN.replace("uses: 2", "uses: 200"))
    code, codes, _ = reasons(life, *change(life, iacgate, "note-2", NOTE.replace("TEXT", "note two")))
    assert (code, codes) == (11, ["pattern-unsigned"])


def test_who_fills_no_seat_of_the_board_signs_no_pattern(life: Deployed, iacgate: Run) -> None:
    life.stack.settings(policy=f"{POLICY}board: {{business: 1}}\n")
    done = sign(life, iacgate, "ann")
    assert (done.returncode, b"fills no seat of the board: business" in done.stderr) == (11, True)
    done = iacgate("attest", "pattern", "other", "--as", "ann", "--key", "x", cwd=life.stack.root)
    assert (done.returncode, b"There are: notes." in done.stderr) == (2, True)
