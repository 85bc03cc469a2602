"""From approvals to an apply and its evidence, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iacgate.evidence.advance import after_intent
from iacgate.evidence.entry import Entry, Intent
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.evidence.report import Report
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.people.roster import read_roster
from iacgate.render.decision import as_json
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.cli.test_gate import HIGH, Stack, stack  # noqa: F401 - a fixture

BOTH = ("ann", "bob")


class Deployed:
    """A stack with a ledger, and the commands of whoever deploys."""

    def __init__(self, stack: Stack, place: Path, gate_key: Path) -> None:  # noqa: F811
        self.stack, self.place, self.gate_key = stack, place, gate_key
        self.ledger = ("--ledger", str(place))

    def approve(self) -> None:
        self.stack.iacgate("gate", *self.ledger)
        for person in BOTH:
            done = self.stack.approve(person, *self.ledger)
            assert done.returncode == 0, done.stderr

    def apply(self, *more: str) -> subprocess.CompletedProcess[bytes]:
        return self.stack.iacgate("apply", *self.ledger, *more)

    def entries(self) -> list[Entry]:
        ledger = Ledger(FolderStore(self.place, clock=now))
        (folder,) = (path for path in (self.place / "log").iterdir() if path.name != "ledger")
        files = sorted(folder.iterdir(), reverse=True)
        return [ledger.keys.open(path.read_bytes(), path.name).entry for path in files]

    def events(self) -> list[str]:
        return [entry.event for entry in self.entries()]

    def verified(self) -> Report:
        ledger = Ledger(FolderStore(self.place, clock=now))
        replayer = Replayer(lambda files: read_roster(files["people.yaml"], "people.yaml"), as_json)
        return Verifier(ledger, replayer, Wanted()).run()

    def state(self) -> Any:
        return json.loads((self.stack.root / "terraform.tfstate").read_bytes())

    def piece(self, entry: Entry, name: str) -> bytes:
        return (self.place / "evidence" / "sha256" / entry.references[name].digest).read_bytes()


@pytest.fixture
def deployed(stack: Stack, tmp_path: Path, gate_key: Path) -> Deployed:  # noqa: F811
    return Deployed(stack, tmp_path / "ledger", gate_key)


def test_what_was_approved_is_applied_and_recorded(deployed: Deployed) -> None:
    deployed.approve()
    done = deployed.apply("--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["schema"], said["event"], said["outcome"]) == ("iacgate.apply/1", "applied", "applied")
    assert (said["fresh_plan"], said["exit_code"]) == ("empty", 0)
    assert deployed.events() == ["decided", "decided", "intended", "applied"]
    applied = deployed.entries()[-1]
    assert applied.details["afterSerial"] == deployed.state()["serial"]
    assert applied.details["beforeSerial"] != applied.details["afterSerial"]
    log = deployed.piece(applied, "log").decode()
    assert "Apply complete!" in log
    assert log.splitlines()[0][:4].isdigit()
    assert b"Apply complete!" in done.stderr, "shown as it comes"
    assert len(applied.state.used) == 2
    assert deployed.verified().problems == ()


def test_nothing_is_applied_that_was_not_allowed(deployed: Deployed) -> None:
    before = deployed.state()
    done = deployed.apply()
    assert (done.returncode, b"DENIED" in done.stdout) == (11, True)
    assert deployed.state() == before
    assert deployed.events() == ["decided"]


def test_without_a_ledger_nothing_is_applied(deployed: Deployed) -> None:
    done = deployed.stack.iacgate("apply")
    assert (done.returncode, b"Without evidence nothing is applied" in done.stderr) == (2, True)


def test_approvals_count_for_one_apply(deployed: Deployed) -> None:
    deployed.approve()
    assert deployed.apply("--no-verify").returncode == 0
    deployed.stack.plan("again")
    done = deployed.stack.iacgate("gate", *deployed.ledger, plan="tfplan")
    assert (done.returncode, b"an earlier apply of the change used it up" in done.stdout) == (11, True)


def test_whoever_signed_twice_has_no_approval_to_spare(deployed: Deployed) -> None:
    deployed.approve()
    for person in BOTH:
        assert deployed.stack.approve(person, *deployed.ledger).returncode == 0
    assert deployed.apply("--no-verify").returncode == 0
    assert len(deployed.entries()[-1].state.used) == 4
    done = deployed.stack.iacgate("gate", *deployed.ledger)
    assert (done.returncode, done.stdout.count(b"an earlier apply of the change used it up")) == (11, 4)


def test_a_plan_that_is_stale_is_not_applied(deployed: Deployed) -> None:
    deployed.approve()
    deployed.stack.command(deployed.stack._terraform, "taint", "terraform_data.a")
    before = deployed.state()
    done = deployed.apply()
    assert (done.returncode, b"The state is not the one" in done.stderr) == (11, True), done.stderr
    assert deployed.state() == before
    assert deployed.events() == ["decided", "decided"]


def test_a_state_that_moved_without_the_gate_is_recorded(deployed: Deployed) -> None:
    deployed.approve()
    assert deployed.apply().returncode == 0
    deployed.stack.command(deployed.stack._terraform, "taint", "terraform_data.a")
    deployed.stack.commit(HIGH.replace("INPUT", "once more"))
    deployed.stack.plan()
    deployed.stack.base = ()
    deployed.approve()
    done = deployed.apply("--no-verify")
    assert (done.returncode, b"The state moved without the gate" in done.stderr) == (0, True), done.stderr
    assert deployed.events()[-3:] == ["bypassed", "intended", "applied"]
    assert deployed.verified().problems == ()


def test_a_failed_apply_is_recorded_as_one(deployed: Deployed) -> None:
    failing = 'resource "terraform_data" "b" {\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
    deployed.stack.commit(HIGH.replace("INPUT", "changed") + failing)
    deployed.stack.plan()
    deployed.approve()
    done = deployed.apply()
    assert done.returncode == 20, done.stdout + done.stderr
    assert deployed.events()[-2:] == ["intended", "failed"]
    failed = deployed.entries()[-1]
    assert failed.details["outcome"] == "terraform failed"
    assert failed.state.attempt is not None
    assert failed.state.used == {}
    assert deployed.verified().problems == ()


def test_an_apply_that_has_not_ended_on_record_stops_the_next(deployed: Deployed, gate_key: Path) -> None:
    deployed.approve()
    assert deployed.stack.iacgate("gate", *deployed.ledger).returncode == 0
    decided = deployed.entries()[-1]

    def began(state: Any, sequence: int, instant: str) -> Any:
        return after_intent(state, Intent(decided.change, "run-1", "f" * 64, {}, instant, sequence), allowed=True)

    ledger = Ledger(FolderStore(deployed.place, clock=now), signer=SshGate(gate_key))
    draft = Draft(
        event="intended",
        stack=decided.stack,
        change=decided.change,
        settings=decided.settings,
        commit=decided.commit,
        tree=decided.tree,
        details={"decision": decided.sequence, "run": "run-1"},
        advance=began,
    )
    ledger.append(draft)
    done = deployed.apply("--no-verify")
    assert (done.returncode, b"has not said how that ended" in done.stderr) == (11, True)
    done = deployed.apply("--no-verify", "--resume")
    assert done.returncode == 0, done.stderr
    assert deployed.events()[-5:] == ["intended", "decided", "interrupted", "intended", "applied"]
    assert deployed.verified().problems == ()


def test_who_deploys_approves_nothing(deployed: Deployed) -> None:
    deployed.approve()
    done = deployed.apply("--deployer", "ann")
    assert (done.returncode, b"ann had a hand in this change" in done.stdout) == (11, True), done.stdout


def test_secrets_of_the_plan_and_of_the_new_state_are_not_kept(deployed: Deployed) -> None:
    text = (
        'variable "password" {\n  type = string\n  default = "correct-horse-battery"\n  sensitive = true\n}\n'
        'resource "terraform_data" "b" {\n  input = var.password\n'
        '  provisioner "local-exec" {\n    command = "echo it is $(echo correct-horse)-battery"\n  }\n}\n'
    )
    deployed.stack.commit(HIGH.replace("INPUT", "changed") + text)
    deployed.stack.plan()
    deployed.approve()
    done = deployed.apply("--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"it is (sensitive)" in done.stdout
    for path in deployed.place.rglob("*"):
        assert not path.is_file() or b"correct-horse-battery" not in path.read_bytes(), path
    assert b"correct-horse-battery" not in done.stdout + done.stderr


def test_a_store_that_fails_after_the_apply_is_made_up_for(deployed: Deployed, tmp_path: Path) -> None:
    """The result waits, and `evidence push` stores it."""
    hook = tmp_path / "away"
    text = (
        'resource "terraform_data" "b" {\n  provisioner "local-exec" {\n'
        f'    command = "mv {deployed.place} {hook}"\n  }}\n}}\n'
    )
    deployed.stack.commit(HIGH.replace("INPUT", "changed") + text)
    deployed.stack.plan()
    deployed.approve()
    done = deployed.apply("--no-verify", "--format", "json")
    assert done.returncode == 21, done.stderr
    assert json.loads(done.stdout)["event"] == "applied"
    assert b"iacgate evidence push" in done.stderr
    hook.rename(deployed.place)
    assert deployed.events()[-1] == "intended"
    done = deployed.stack._run("evidence", "push", cwd=deployed.stack.root)
    assert done.returncode == 0, done.stderr
    assert deployed.events()[-1] == "applied"
    assert str(deployed.entries()[-1].details["afterDigest"]).startswith("hmac-sha256:")
    assert deployed.verified().problems == ()
    assert deployed.stack._run("evidence", "push", cwd=deployed.stack.root).returncode == 0
    assert deployed.events()[-2:] == ["intended", "applied"], "once"


def test_in_a_pipeline_a_folder_is_no_evidence_for_production(deployed: Deployed) -> None:
    where = ("--inbox", str(deployed.stack.inbox), *deployed.stack.base, *deployed.ledger)
    done = deployed.stack._run("gate", "tfplan", *where, "--program", "terraform", cwd=deployed.stack.root, CI="true")
    assert (done.returncode, done.stdout, b"a folder is no evidence" in done.stderr) == (4, b"", True)


def test_a_hostile_environment_does_not_reach_terraform(deployed: Deployed, tmp_path: Path) -> None:
    """Attack 26."""
    deployed.approve()
    elsewhere = tmp_path / "elsewhere.tfstate"
    where = ("--inbox", str(deployed.stack.inbox), *deployed.stack.base, *deployed.ledger, "--no-verify")
    done = deployed.stack._run(
        "apply",
        "tfplan",
        *where,
        cwd=deployed.stack.root,
        TF_CLI_ARGS_apply=f"-state={elsewhere}",
        TF_WORKSPACE="other",
        TF_REATTACH_PROVIDERS="{}",
        TF_DATA_DIR=str(tmp_path / "data"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not elsewhere.exists()
    assert deployed.events()[-1] == "applied"


def test_an_apply_of_a_part_is_no_base_for_what_comes_next(deployed: Deployed) -> None:
    """Attack 28: what ann wrote is merged, a small part of it is applied, and now it rides in dave's plan."""
    stack = deployed.stack  # noqa: F811 - the fixture's
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    (stack.root / "main.tf").write_text(HIGH.replace("INPUT", "by ann") + 'resource "terraform_data" "tiny" {}\n')
    stack.command("git", *who, "commit", "-qam", "by ann")
    stack.command(stack._terraform, "plan", "-input=false", "-out=tfplan", "-refresh-only")
    stack.iacgate("apply", *deployed.ledger, "--no-verify")
    stack.command(stack._terraform, "plan", "-input=false", "-out=tfplan", "-target=terraform_data.tiny")
    done = stack.iacgate("apply", *deployed.ledger)
    assert done.returncode in (0, 10, 11, 22), done.stderr
    stack.commit(HIGH.replace("INPUT", "by dave") + 'resource "terraform_data" "tiny" {}\n')
    stack.plan()
    done = stack.approve("ann", *deployed.ledger)
    assert (done.returncode, b"ann had a hand in this change" in done.stderr) == (11, True)


def test_each_workspace_has_a_chain_of_its_own(deployed: Deployed) -> None:
    stack = deployed.stack  # noqa: F811 - the fixture's
    deployed.stack.iacgate("gate", *deployed.ledger)
    stack.command(stack._terraform, "workspace", "new", "other")
    stack.plan()
    deployed.stack.iacgate("gate", *deployed.ledger)
    assert len(list((deployed.place / "log").iterdir())) == 2


def test_a_rejection_right_before_terraform_starts_stops_it(deployed: Deployed, tmp_path: Path) -> None:
    deployed.approve()
    stack = deployed.stack  # noqa: F811 - the fixture's
    stack.show()
    key, inbox = stack.keys / "bob", stack.inbox
    command = (
        f"{sys.executable} -m iacgate reject tfplan --plan-json tfplan.json --inbox {inbox} --as bob --key {key} --yes"
    )
    program = tmp_path / "terraform"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" init "*) (cd {stack.root} && {command} --base base) >/dev/null 2>&1;; esac\n'
        f'exec {stack._terraform} "$@"\n'
    )
    program.chmod(0o755)
    before = deployed.state()
    where = ("--inbox", str(inbox), *stack.base, *deployed.ledger, "--plan-json", "tfplan.json")
    passed = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = stack._run(
        "apply", "tfplan", *where, "--program", program, "--allow-env", "IAC_TEST", cwd=stack.root, **passed
    )
    assert (done.returncode, b"bob rejects the change" in done.stderr) == (11, True), done.stdout + done.stderr
    assert deployed.state() == before
    assert deployed.events()[-1] == "decided"


def test_a_window_that_is_closed_loses_no_result(deployed: Deployed) -> None:
    command = 'command = "seq 2000; sleep 2; seq 9"'
    slow = f'resource "terraform_data" "b" {{\n  provisioner "local-exec" {{\n    {command}\n  }}\n}}\n'
    deployed.stack.commit(HIGH.replace("INPUT", "changed") + slow)
    deployed.stack.plan()
    deployed.approve()
    stack = deployed.stack  # noqa: F811 - the fixture's
    where = ["--inbox", str(stack.inbox), *stack.base, *deployed.ledger, "--no-verify"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(stack.keys), "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-m", "iacgate", "apply", "tfplan", *where, "--gate-key", str(deployed.gate_key)],
        cwd=stack.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=60)
    assert deployed.events()[-1] == "applied"
    log = deployed.piece(deployed.entries()[-1], "log")
    assert b"Apply complete!" in log
