"""What an apply left undone when it failed needs no new signatures, three times at most; anything more does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.test_apply import BOTH, Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, stack  # noqa: F401 - a fixture

OPEN = """
resource "terraform_data" "first" {
  input = "first"
}

resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  input      = terraform_data.first.id
}
"""


class Handed:
    """A change that was handed over, and whose apply can be made to fail between two of its resources."""

    def __init__(self, deployed: Deployed, folder: Path) -> None:  # noqa: F811
        self.deployed, self._folder = deployed, folder
        self.inbox = ("--inbox", str(deployed.stack.inbox))

    def plan(self, text: str = OPEN) -> None:
        stack = self.deployed.stack  # noqa: F811
        stack.commit(HIGH.replace("INPUT", "changed") + text)
        self.again()

    def again(self) -> None:
        """Plan once more, and hand that over."""
        self.deployed.stack.plan()
        self.deployed.stack.show()
        done = self.run("submit", "tfplan", "--plan-json", "tfplan.json", "--change", "chg-7")
        assert done.returncode == 0, done.stderr

    def approve(self) -> None:
        for person in BOTH:
            key = str(self.deployed.stack.keys / person)
            done = self.run("approve", "chg-7", "--as", person, "--key", key, "--yes")
            assert done.returncode == 0, done.stderr

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        stack = self.deployed.stack  # noqa: F811
        base = stack.base if command != "approve" else ()
        return stack._run(command, *more, *self.inbox, *base, *self.deployed.ledger, cwd=stack.root)

    def fail_after_first(self) -> None:
        """Apply with a terraform that stops when the first resource is there, as a network that is lost would."""
        real = self.deployed.stack._terraform
        program = self._folder / "terraform"
        state = self.deployed.stack.root / "terraform.tfstate"
        target = "-target=terraform_data.first -target=terraform_data.a"
        program.write_text(
            f'#!/bin/sh\ncase " $* " in *" apply "*)\n'
            f"  cd {self.deployed.stack.root} && {real} apply -auto-approve -input=false {target} "
            f'-state={state} >/dev/null 2>&1; exit 1;;\nesac\nexec {real} "$@"\n'
        )
        program.chmod(0o755)
        done = self.run("apply", "chg-7", "--program", str(program))
        assert done.returncode == 20, done.stdout + done.stderr


@pytest.fixture
def handed(deployed: Deployed, tmp_path: Path) -> Handed:  # noqa: F811
    found = Handed(deployed, tmp_path)
    deployed.stack.iacgate("gate", *deployed.ledger)
    found.plan()
    found.approve()
    return found


def test_what_is_left_is_applied_with_the_same_approvals(handed: Handed) -> None:
    handed.fail_after_first()
    handed.again()
    done = handed.run("apply", "chg-7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert handed.deployed.events()[-4:] == ["failed", "decided", "intended", "applied"]
    assert handed.deployed.verified().problems == ()


def test_a_plan_that_does_something_else_needs_new_ones(handed: Handed) -> None:
    handed.fail_after_first()
    handed.plan(OPEN + 'resource "terraform_data" "more" {}\n')
    done = handed.run("gate", "chg-7")
    assert (done.returncode, b"it is for another" in done.stdout) == (11, True), done.stdout


def test_what_was_never_begun_is_no_rest(handed: Handed) -> None:
    """Without a failed apply on record, a smaller plan is another plan."""
    stack = handed.deployed.stack  # noqa: F811
    stack.command(stack._terraform, "apply", "-auto-approve", "-input=false", "-target=terraform_data.first")
    handed.again()
    done = handed.run("gate", "chg-7")
    assert (done.returncode, b"it is for another" in done.stdout) == (11, True), done.stdout


def test_approvals_that_were_of_no_use_too_often_count_no_more(handed: Handed) -> None:
    for _ in range(4):
        handed.fail_after_first()
        handed.again()
    state = handed.deployed.entries()[-1].state
    assert (state.attempt, len(state.used)) == (None, 2)
    done = handed.run("gate", "chg-7")
    assert (done.returncode, b"it is for another plan" in done.stdout) == (11, True), done.stdout
    assert handed.deployed.verified().problems == ()
