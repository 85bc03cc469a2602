"""Readiness to be undone: demanded by policy, answered for in the record, with the real terraform and ledger."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_status import independent
from tests.conftest import Run

DEMANDS = "{tier: prod, demands: {high: {seats: {infra: 1, security: 1}, readiness: READINESS}}}"
SECRET = """variable "secret" {
  sensitive = true
  default   = "INPUT-of-the-vault"
}

""" + HIGH.replace('"INPUT"', "var.secret")
RECORD = """id: chg-1
undo:
  terraform_data.a:
    why: The value before stands in the vault, in version 7 of its secret.
    verdict: reversible
"""


@pytest.fixture
def secret(deployed: Deployed) -> Deployed:  # noqa: F811
    """A plan that changes a value that nobody sees, under a policy that wants it answered for."""
    deployed.stack.settings(policy=POLICY.replace("{tier: prod}", DEMANDS.replace("READINESS", "answered")))
    deployed.stack.commit(SECRET)
    deployed.stack.command("terraform", "apply", "-auto-approve", "-input=false")
    deployed.stack.command("git", "tag", "--force", "base")
    deployed.stack.commit(SECRET.replace("INPUT", "other"))
    deployed.stack.plan()
    return deployed


def codes(life: Deployed, *more: str) -> tuple[int, list[str]]:
    code, decision = life.stack.decision("--change", "chg-1", *life.ledger, *more)
    return code, [reason["code"] for reason in decision["reasons"]]


def test_what_is_not_known_to_be_undone_is_answered_for_in_the_record(secret: Deployed) -> None:
    code, found = codes(secret)
    assert (code, found) == (11, ["seat-missing", "seat-missing", "undoing-unknown"])
    record = secret.stack.root.parent / "record.yaml"
    record.write_text(RECORD)
    named = ("--change", "chg-1", "--record", str(record), *secret.ledger)
    for person in ("ann", "bob"):
        signed = secret.stack.approve(person, *named)
        assert (signed.returncode, b"stands in the vault, in version 7" in signed.stderr) == (0, True), signed.stderr
    assert codes(secret) == (11, ["seat-missing", "seat-missing", "undoing-unknown"]), "they signed the record with it"
    code, decision = secret.stack.decision(*named)
    assert (code, decision["rollback"]["readiness"], len(decision["rollback"]["undos"])) == (0, "not-ready", 1)
    assert "of-the-vault" not in json.dumps(decision)
    done = secret.stack.iacgate("apply", *named)
    assert done.returncode == 0, done.stderr
    assert b"Undo: not-ready (1 unknown)" in done.stdout
    assert secret.verified().problems == ()
    assert independent(secret) == (0, "")


def test_an_approver_sees_what_cannot_simply_be_undone(secret: Deployed) -> None:
    shown = secret.stack.approve("ann").stderr
    assert b"undo: unknown: undoing it needs values that no plan shows: input" in shown


def test_a_rehearsal_is_demanded_and_nobody_made_one(secret: Deployed) -> None:
    secret.stack.settings(policy=POLICY.replace("{tier: prod}", DEMANDS.replace("READINESS", "rehearsed")))
    secret.stack.commit(HIGH.replace("INPUT", "third"))
    secret.stack.command("terraform", "apply", "-auto-approve", "-input=false")
    secret.stack.command("git", "tag", "--force", "base")
    secret.stack.commit(HIGH.replace("INPUT", "fourth"))
    secret.stack.plan()
    assert codes(secret) == (11, ["seat-missing", "seat-missing", "not-rehearsed"])


def test_without_a_way_back_nothing_is_ready(secret: Deployed, iacgate: Run) -> None:
    del iacgate
    secret.stack.base = ()
    _, found = codes(secret)
    assert "not-ready" in found, "RB010: nobody knows the previous configuration"


def test_whoever_writes_the_record_is_told_what_it_must_answer_for(secret: Deployed, iacgate: Run) -> None:
    asked = ("request", "chg-1", "--for", "tfplan", "--no-input")
    done = iacgate(*asked, cwd=secret.stack.root)
    said = b"Missing: undo: terraform_data.a: nobody knows whether it can be undone"
    assert (done.returncode, said in done.stderr) == (14, True), done.stderr
    written = secret.stack.root / ".iacgate" / "changes" / "chg-1.yaml"
    assert "\n# undo: {ADDRESS: " in written.read_text()
    written.write_text(RECORD)
    done = iacgate(*asked, cwd=secret.stack.root)
    assert (done.returncode, b"Missing" in done.stderr) == (0, False), done.stderr
    written.write_text(RECORD.replace("terraform_data.a", "terraform_data.b") + "  RB011: {why: It is pinned}\n")
    done = iacgate(*asked, cwd=secret.stack.root)
    said = b"Missing: undo: terraform_data.b is answered for, and the plan changes nothing there.\n"
    assert (done.returncode, said in done.stderr, b"RB011" in done.stderr) == (14, True, False), done.stderr
