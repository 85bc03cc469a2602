"""``kill -9`` at every step of an apply: nothing is applied twice, and what happened is on record at last.

A program in place of terraform kills the one that started it, before or after it does its work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, stack  # noqa: F401 - a fixture

COUNTING = """
resource "terraform_data" "count" {
  provisioner "local-exec" {
    command = "echo once >> COUNTS"
  }
}
"""
BEFORE = "kill -9 $PPID; exit 1"
"""The one that started it dies, and terraform does nothing."""

WITHOUT = 'kill -9 $PPID; exec TERRAFORM "$@"'
"""The one that started it dies, and terraform goes on alone."""

AFTER = 'TERRAFORM "$@"; code=$?; kill -9 $PPID; exit $code'
"""Terraform has done its work when the one that started it dies."""


class Killing:
    """A stack whose next apply is counted, and a terraform that kills."""

    def __init__(self, deployed: Deployed, folder: Path) -> None:  # noqa: F811
        self.deployed, self._folder = deployed, folder
        self._counts = folder / "counts"
        self._counts.touch()
        deployed.stack.commit(HIGH.replace("INPUT", "changed") + COUNTING.replace("COUNTS", str(self._counts)))
        deployed.stack.plan()
        deployed.approve()

    @property
    def times(self) -> int:
        return len(self._counts.read_text().split())

    def apply(self, command: str, how: str) -> subprocess.CompletedProcess[bytes]:
        """Apply with a terraform that kills at one of its commands."""
        real = self.deployed.stack._terraform
        program = self._folder / "terraform"
        program.write_text(
            f'#!/bin/sh\ncase " $* " in *" {command} "*) {how.replace("TERRAFORM", real)};; esac\nexec {real} "$@"\n'
        )
        program.chmod(0o755)
        stack = self.deployed.stack  # noqa: F811
        where = ("--inbox", str(stack.inbox), *stack.base, *self.deployed.ledger)
        shown = ("--plan-json", "tfplan.json")
        return stack._run("apply", "tfplan", *where, *shown, "--program", program, cwd=stack.root)

    def wait(self, times: int) -> None:
        """Wait until terraform, which goes on alone, has done what it does, and has let go of the state."""
        lock = self.deployed.stack.root / ".terraform.tfstate.lock.info"
        for _ in range(600):
            if self.times == times and not lock.exists():
                return
            time.sleep(0.1)
        raise AssertionError("terraform has not ended")


@pytest.fixture
def killing(deployed: Deployed, tmp_path: Path) -> Killing:  # noqa: F811
    found = Killing(deployed, tmp_path)
    deployed.stack.show()
    return found


STEPS = {
    "while providers are installed": ("init", BEFORE, 0, "decided"),
    "right before terraform applies": ("apply", BEFORE, 0, "intended"),
    "while terraform applies, which goes on": ("apply", WITHOUT, 1, "intended"),
    "when terraform has applied": ("apply", AFTER, 1, "intended"),
    "while it is planned again": ("plan", BEFORE, 1, "intended"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_applies_once_and_is_on_record(killing: Killing, step: str) -> None:
    command, how, times, newest = STEPS[step]
    done = killing.apply(command, how)
    assert done.returncode == -9
    killing.wait(times)
    ledger = killing.deployed
    assert ledger.events()[-1] == newest
    if newest == "intended":
        refused = ledger.apply("--no-verify")
        assert (refused.returncode, b"has not said how that ended" in refused.stderr) == (11, True)
        assert killing.times == times
    again = ledger.apply("--no-verify", "--resume")
    if times == 0:
        assert again.returncode == 0, again.stderr
        assert ledger.events()[-1] == "applied"
    else:
        assert (again.returncode, b"The state is not the one" in again.stderr) == (11, True)
        assert ledger.events()[-1] == "interrupted"
        assert ledger.entries()[-1].details["afterSerial"] == ledger.state()["serial"]
    assert killing.times == 1
    assert ledger.verified().problems == ()


def test_after_a_kill_a_later_attempt_of_the_same_run_goes_on(killing: Killing) -> None:
    """GitHub runs one attempt of a run at a time: the earlier one is dead."""
    run = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "apply"}
    stack = killing.deployed.stack  # noqa: F811
    where = ("--inbox", str(stack.inbox), *stack.base, *killing.deployed.ledger, "--no-verify")
    real = stack._terraform
    program = Path(killing._folder) / "terraform"
    program.write_text(f'#!/bin/sh\ncase " $* " in *" apply "*) {BEFORE};; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    first = stack._run("apply", "tfplan", *where, "--program", program, cwd=stack.root, **run, GITHUB_RUN_ATTEMPT="1")
    assert first.returncode == -9
    other = stack._run(
        "apply", "tfplan", *where, cwd=stack.root, **{**run, "GITHUB_RUN_ID": "8"}, GITHUB_RUN_ATTEMPT="2"
    )
    assert other.returncode == 11
    second = stack._run("apply", "tfplan", *where, cwd=stack.root, **run, GITHUB_RUN_ATTEMPT="2")
    assert second.returncode == 0, second.stderr
    assert killing.deployed.events()[-3:] == ["interrupted", "intended", "applied"]
    assert killing.times == 1


def test_it_is_interrupted_gracefully(killing: Killing) -> None:
    """A cancelled pipeline sends SIGTERM: terraform finishes what it is doing, and that is recorded."""
    stack = killing.deployed.stack  # noqa: F811
    slow = COUNTING.replace("echo once", "echo begun > BEGUN; sleep 3; echo once").replace(
        "COUNTS", str(killing._counts)
    )
    begun = killing._folder / "begun"
    stack.commit(HIGH.replace("INPUT", "slow") + slow.replace("BEGUN", str(begun)))
    stack.plan()
    killing.deployed.approve()
    where = ("--inbox", str(stack.inbox), *stack.base, *killing.deployed.ledger, "--no-verify")
    environment = {"PATH": os.environ["PATH"], "HOME": str(killing._folder), "PYTHONPATH": str(Path.cwd())}
    environment["IACGATE_GATE_KEY"] = str(killing.deployed.gate_key)
    process = subprocess.Popen(
        [sys.executable, "-m", "iacgate", "apply", "tfplan", *where],
        cwd=stack.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(600):
        if begun.exists():
            break
        time.sleep(0.1)
    process.terminate()
    output, complaints = process.communicate(timeout=60)
    newest = killing.deployed.entries()[-1]
    assert newest.event in ("applied", "failed"), complaints
    assert "interrupted" in str(newest.details["outcome"])
    assert process.returncode == (20 if newest.event == "failed" else 0), output + complaints
    assert killing.deployed.verified().problems == ()
