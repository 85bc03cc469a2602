"""From the rehearsal of the way back over the apply to the change that takes it back, with the real terraform."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_readiness import DEMANDS
from tests.cli.test_status import independent
from tests.conftest import Run
from tests.support.sshkeys import make_key, public_line


@pytest.fixture
def ready(deployed: Deployed) -> Deployed:  # noqa: F811
    """A plan under a policy that wants its way back rehearsed, and a machine that may attest it."""
    path = deployed.stack.root / ".iacgate" / "people.yaml"
    people = json.loads(path.read_text())
    key = public_line(make_key(deployed.stack.keys, "ed25519", "ci"))
    people["people"].append({"id": "ci", "kind": "machine", "keys": [{"key": key}]})
    path.write_text(json.dumps(people))
    deployed.stack.settings(
        policy=POLICY.replace("{tier: prod}", DEMANDS.replace("READINESS", "rehearsed-approximately"))
    )
    deployed.stack.commit(HIGH.replace("INPUT", "INPUT"))
    deployed.stack.command("git", "tag", "--force", "base")
    deployed.stack.commit(HIGH.replace("INPUT", "changed"))
    deployed.stack.plan()
    assert deployed.stack.iacgate("gate", "--change", "chg-1", *deployed.ledger).returncode == 11
    for person in ("ann", "bob"):
        assert deployed.stack.approve(person, "--change", "chg-1", *deployed.ledger).returncode == 0
    return deployed


def codes(life: Deployed) -> tuple[int, list[str]]:
    code, decision = life.stack.decision("--change", "chg-1", *life.ledger)
    return code, [reason["code"] for reason in decision["reasons"]]


def rehearse(life: Deployed, iacgate: Run, previous: str = "base") -> subprocess.CompletedProcess[bytes]:
    named = ("--previous", previous, "--format", "json")
    done = iacgate("rollback", "rehearse", "tfplan", *named, cwd=life.stack.root)
    (life.stack.root.parent / "rehearsal.json").write_bytes(done.stdout)
    return done


def attest(life: Deployed, iacgate: Run, who: str = "ci", name: str = "tfplan") -> subprocess.CompletedProcess[bytes]:
    signing = ("--as", who, "--key", str(life.stack.keys / who), "--inbox", str(life.stack.inbox), *life.ledger)
    file = str(life.stack.root.parent / "rehearsal.json")
    named = ("--rehearsal", file, "--change", "chg-1", "--base", "base")
    return iacgate("attest", "rehearsal", name, *named, *signing, cwd=life.stack.root)


def test_what_was_rehearsed_is_applied_and_can_be_taken_back(ready: Deployed, iacgate: Run) -> None:
    assert codes(ready) == (12, ["not-rehearsed"])
    done = rehearse(ready, iacgate)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = iacgate(
        "rollback", "check", "tfplan", "--previous", "base", "--rehearsal", "../rehearsal.json", cwd=ready.stack.root
    )
    assert (checked.returncode, b"REHEARSED, APPROXIMATELY" in checked.stdout) == (0, True), checked.stdout
    done = attest(ready, iacgate)
    assert (done.returncode, b"matches" in done.stderr) == (0, True), done.stderr
    assert codes(ready) == (0, [])
    done = ready.stack.iacgate("apply", "--change", "chg-1", *ready.ledger)
    assert done.returncode == 0, done.stderr
    assert ready.verified().problems == ()
    assert independent(ready) == (0, "")

    started = iacgate("rollback", "start", "chg-1", *ready.ledger, "-o", "../undo", cwd=ready.stack.root)
    assert started.returncode == 0, started.stderr
    runbook = (ready.stack.root.parent / "undo" / "runbook.md").read_text()
    assert "# Undo the plan" in runbook
    assert "terraform_data.a" in runbook
    written = ready.stack.root / ".iacgate" / "changes" / "undo-chg-1.yaml"
    assert f"\niacgate submit tfplan --record {written} --inbox INBOX --change undo-chg-1 --base " in runbook
    assert runbook.count("undo-chg-1 ") == 5, "branch, folder, and all three commands"
    record = (ready.stack.root / ".iacgate" / "changes" / "undo-chg-1.yaml").read_text()
    assert 'undoes: "chg-1"' in record
    assert b"Configuration before it: commit" in started.stdout
    again = iacgate("rollback", "start", "chg-1", *ready.ledger, "-o", "../undo-2", cwd=ready.stack.root)
    assert (again.returncode, b"undo-chg-1.yaml is there already" in again.stderr) == (2, True)
    other = ("--change", "undo-2", "-o", "../undo")
    again = iacgate("rollback", "start", "chg-1", *ready.ledger, *other, cwd=ready.stack.root)
    assert (again.returncode, b"nothing is overwritten" in again.stderr) == (2, True)
    nowhere = iacgate("rollback", "start", "chg-1", *ready.ledger, "-o", "undo-2", cwd=ready.stack.root.parent)
    assert (nowhere.returncode, b"There is no .iacgate folder" in nowhere.stderr) == (2, True)
    left = [path.name for path in ready.stack.root.parent.iterdir()]
    assert ("undo-2" in left, ".iacgate" in left, list((written.parent).iterdir())) == (False, False, [written])


def test_what_cannot_be_written_is_said_and_nothing_is_left_half_done(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
) -> None:
    deployed.approve()
    assert deployed.apply().returncode == 0
    change, root = deployed.entries()[-1].change, deployed.stack.root

    def start(*more: str) -> subprocess.CompletedProcess[bytes]:
        return iacgate("rollback", "start", change, *deployed.ledger, "--change", "undo-1", *more, cwd=root)

    record = root / ".iacgate" / "changes" / "undo-1.yaml"
    (root.parent / "link").symlink_to(root.parent / "nowhere")
    assert start("-o", "../link").returncode == 4
    assert not record.exists()
    record.parent.mkdir(exist_ok=True)
    record.write_text("id: undo-1\n")
    done = start("-o", "../undo")
    assert (done.returncode, b"is there already" in done.stderr) == (2, True), done.stderr
    assert not (root.parent / "undo").exists()


def test_back_to_another_commit_than_what_was_applied_is_another_way_back(ready: Deployed, iacgate: Run) -> None:
    ready.stack.command("git", "checkout", "-q", "base")
    ready.stack.command("git", "-c", "user.name=d", "-c", "user.email=d@x", "commit", "-q", "--allow-empty", "-m", "e")
    ready.stack.command("git", "tag", "aside")
    ready.stack.command("git", "checkout", "-q", "master")
    done = rehearse(ready, iacgate, previous="aside")
    assert done.returncode == 0, done.stdout + done.stderr
    done = attest(ready, iacgate)
    assert (done.returncode, b"it will not count" in done.stderr) == (0, True), done.stderr
    code, decision = ready.stack.decision("--change", "chg-1", *ready.ledger)
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (12, ["not-rehearsed"])
    assert "which was applied last" in decision["reasons"][0]["text"]
    named = ("--previous", "base", "--rehearsal", "../rehearsal.json")
    checked = iacgate("rollback", "check", "tfplan", *named, cwd=ready.stack.root)
    assert (checked.returncode, b"goes back to another commit" in checked.stderr) == (2, True), checked.stderr
    assert rehearse(ready, iacgate).returncode == 0
    assert b"it will not count" not in attest(ready, iacgate).stderr
    assert codes(ready) == (0, [])


def test_the_change_that_takes_one_back_is_not_denied_for_where_it_stands(ready: Deployed, iacgate: Run) -> None:
    """It is planned on a branch from before what it takes back, as the runbook says."""
    assert rehearse(ready, iacgate).returncode == 0
    assert attest(ready, iacgate).returncode == 0
    assert ready.stack.iacgate("apply", "--change", "chg-1", *ready.ledger).returncode == 0
    ready.stack.settings(policy=POLICY.replace("{tier: prod}", DEMANDS.replace("READINESS", "ready-on-paper")))
    policy = (ready.stack.root / ".iacgate" / "policy.yaml").read_text()
    ready.stack.command("git", "checkout", "-qf", "-b", "undo", "base")
    (ready.stack.root / ".iacgate" / "policy.yaml").write_text(policy)
    ready.stack.commit(HIGH.replace("INPUT", "INPUT") + "# taken back\n")
    ready.stack.plan()
    code, decision = ready.stack.decision("--change", "undo-1", *ready.ledger)
    assert (code, {reason["code"] for reason in decision["reasons"]}) == (11, {"seat-missing"})
    assert [check["id"] for check in decision["rollback"]["checks"]] == ["RB021"]


def test_a_clone_without_old_files_applies_what_nobody_demands_a_way_back_of(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
    tmp_path: Path,
) -> None:
    found, clone = deployed.stack, tmp_path / "clone"
    found.commit(HIGH.replace("INPUT", "first"))
    found.plan()
    deployed.approve()
    assert deployed.apply().returncode == 0
    applied = deployed.entries()[-1].commit
    found.commit(HIGH.replace("INPUT", "second"))
    found.plan()
    assert found.iacgate("submit", "--change", "chg-2").returncode == 0
    found.command("git", "config", "uploadpack.allowFilter", "true")
    found.command("git", "clone", "-q", "--filter=blob:none", f"file://{found.root}", str(clone))
    shutil.copy(found.root / "terraform.tfstate", clone)

    def call(command: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        where = ("--inbox", str(found.inbox), "--program", found._terraform, *deployed.ledger)
        return iacgate(command, "chg-2", *where, *more, cwd=clone)

    for person in ("ann", "bob"):
        signing = ("--as", person, "--key", str(found.keys / person), "--yes")
        assert call("approve", *signing).returncode == 0
    done = call("apply")
    assert done.returncode == 0, done.stderr
    assert b"how it is undone is recorded only in part" in done.stderr
    (begun,) = (item for item in deployed.entries() if item.event == "intended" and item.change == "chg-2")
    assert json.loads(deployed.piece(begun, "way-back"))["previous"] == applied


def test_of_a_change_with_two_plans_one_is_named(ready: Deployed, iacgate: Run) -> None:
    assert rehearse(ready, iacgate).returncode == 0
    assert ready.stack.iacgate("submit", "--change", "chg-1").returncode == 0
    ready.stack.command(ready.stack._terraform, "workspace", "new", "other")
    ready.stack.plan("other.tfplan")
    assert ready.stack.iacgate("submit", "--change", "chg-1", plan="other.tfplan").returncode == 0
    done = attest(ready, iacgate, name="chg-1")
    assert (done.returncode, b"has 2 plans" in done.stderr) == (2, True), done.stderr


def test_a_rehearsal_of_another_plan_is_not_attested(ready: Deployed, iacgate: Run) -> None:
    assert rehearse(ready, iacgate).returncode == 0
    ready.stack.commit(HIGH.replace("INPUT", "again"))
    ready.stack.plan()
    done = attest(ready, iacgate)
    assert (done.returncode, b"of another plan" in done.stderr) == (2, True), done.stderr


def test_who_had_a_hand_in_it_attests_for_nothing(ready: Deployed, iacgate: Run) -> None:
    assert rehearse(ready, iacgate).returncode == 0
    told = attest(ready, iacgate, "dave")
    assert (told.returncode, b"Note: dave had a hand in the change" in told.stderr) == (0, True), told.stderr
    assert codes(ready) == (12, ["not-rehearsed"])
    told = attest(ready, iacgate, "ann")
    assert (told.returncode, b"Note: " in told.stderr) == (0, False), told.stderr
    assert codes(ready) == (0, [])


def test_only_what_was_applied_is_taken_back(ready: Deployed, iacgate: Run) -> None:
    done = iacgate("rollback", "start", "chg-1", *ready.ledger, "-o", "../undo", cwd=ready.stack.root)
    assert (done.returncode, b"was never applied" in done.stderr) == (2, True), done.stderr


def test_the_change_that_takes_another_one_back_has_a_way_back_of_its_own(ready: Deployed, iacgate: Run) -> None:
    assert rehearse(ready, iacgate).returncode == 0
    assert attest(ready, iacgate).returncode == 0
    assert ready.stack.iacgate("apply", "--change", "chg-1", *ready.ledger).returncode == 0
    # Its runbook begins on the commit before, which what was applied last does not come before.
    ready.stack.command("git", "checkout", "-q", "base")
    ready.stack.plan()
    named = ("--change", "undo-chg-1", "--author", "dave", *ready.ledger)
    _, decision = ready.stack.decision(*named)
    assert {reason["code"] for reason in decision["reasons"]} == {"seat-missing", "not-rehearsed"}
    ready.stack.settings(policy=POLICY.replace("{tier: prod}", DEMANDS.replace("READINESS", "ready-on-paper")))
    ready.stack.commit(HIGH)
    ready.stack.plan()
    for person in ("ann", "bob"):
        assert ready.stack.approve(person, *named).returncode == 0
    done = ready.stack.iacgate("apply", *named)
    assert (done.returncode, b"APPLIED  undo-chg-1" in done.stdout) == (0, True), done.stdout
    started = iacgate("rollback", "start", "chg-1", *ready.ledger, "-o", "../undo", cwd=ready.stack.root)
    assert b"Note: undo-chg-1 was applied to " in started.stderr, "what is taken back is not what is there"
    assert ready.verified().problems == ()
