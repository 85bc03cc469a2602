"""What no plan shows: a script that somebody runs by hand, from its record to its end, with git and ssh-keygen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iacgate.evidence.entry import Entry
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Draft, Ledger, Piece
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.people.roster import read_roster
from iacgate.render.decision import as_json
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.conftest import ROOT, Run
from tests.support.sshkeys import make_key, public_line

POLICY = """mode: enforce
environments:
  prod:
    tier: prod
    emergency: {seats: {infra: 1}, review_seats: {security: 1}}
    demands:
      medium: {seats: {infra: 1}, record: [justification]}
      high: {seats: {infra: 1, security: 1}, record: [justification, rollback_plan]}
  lab: {tier: other}
"""
STACKS = """stacks:
  - {name: shop, environment: prod, backend: {type: s3, key: shop}, account: "123456789012"}
  - {name: toys, environment: lab, backend: {type: s3, key: toys}}
"""
PEOPLE = {"ann": ["infra"], "bob": ["security"], "dave": ["infra", "security"]}
RECORD = ".iacgate/changes/db-1.yaml"
PARTS = ("--set", "justification=Orders hang", "--set", "rollback_plan=Run back.sql")


class Shop:
    """A repository with a script in it, people who sign, and a ledger; no terraform."""

    def __init__(self, root: Path, run: Run, gate_key: Path) -> None:
        self.root, self.keys, self.inbox, self.place = (root / name for name in ("shop", "keys", "inbox", "ledger"))
        self.run, self.gate_key = run, gate_key
        for folder in (self.root / ".iacgate", self.root / "sql", self.keys, self.inbox):
            folder.mkdir(parents=True)
        people = [
            {
                "id": person,
                "emails": [f"{person}@example.com"],
                "roles": roles,
                "keys": [{"key": public_line(make_key(self.keys, "ed25519", person))}],
            }
            for person, roles in PEOPLE.items()
        ]
        (self.root / ".iacgate" / "people.yaml").write_text(json.dumps({"people": people}))
        (self.root / ".iacgate" / "policy.yaml").write_text(POLICY)
        (self.root / ".iacgate" / "stacks.yaml").write_text(STACKS)
        self.git("init", "-q")
        self.commit("settings", "ann")
        self.git("tag", "base")

    def git(self, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.keys)}
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, env=environment)

    def commit(self, message: str, person: str = "dave") -> None:
        self.git("add", "-A")
        who = ("-c", f"user.name={person}", "-c", f"user.email={person}@example.com", "-c", "commit.gpgsign=false")
        self.git(*who, "commit", "-qm", message)

    def request(self, *more: str, stack: str = "shop", severity: str = "high", code: int = 0) -> None:
        """Write the record of what is done by hand, and commit it with its script."""
        (self.root / "steps.md").write_text("1. Stop the queue\n2. Run fix.sql\n")
        if not (self.root / "sql" / "fix.sql").exists():
            (self.root / "sql" / "fix.sql").write_text("update orders set state = 1;\n")
        by_hand = ("--stack", stack, "--procedure", "steps.md", "--script", "sql/fix.sql", "--severity", severity)
        done = self.run("request", "db-1", *by_hand, *PARTS, *more, "--no-input", cwd=self.root)
        assert done.returncode == code, (done.stdout, done.stderr)
        self.commit("a script")

    def iacgate(self, command: str, *more: str, name: str = RECORD) -> subprocess.CompletedProcess[bytes]:
        where = ("--inbox", str(self.inbox), "--base", "base", "--ledger", str(self.place))
        return self.run(command, name, *where, *more, cwd=self.root)

    def decision(self, *more: str, name: str = RECORD) -> tuple[int, dict[str, Any]]:
        done = self.iacgate("gate", "--format", "json", *more, name=name)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["decision"]

    def reasons(self, *more: str, name: str = RECORD) -> tuple[int, list[str]]:
        code, decision = self.decision(*more, name=name)
        return code, [reason["code"] for reason in decision["reasons"]]

    def approve(self, person: str, *more: str, command: str = "approve") -> subprocess.CompletedProcess[bytes]:
        if not self.place.exists():  # the gate makes the ledger
            self.iacgate("gate")
        return self.iacgate(command, "--as", person, "--key", str(self.keys / person), "--yes", *more)

    def attest(self, what: str, person: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        signing = ("--as", person, "--key", str(self.keys / person), "--inbox", str(self.inbox))
        done = self.run("attest", what, "db-1", *signing, "--ledger", str(self.place), *more, cwd=self.root)
        assert done.returncode == 0, done.stderr
        return done

    def settle(self) -> subprocess.CompletedProcess[bytes]:
        done = self.run("settle", "db-1", "--inbox", str(self.inbox), "--ledger", str(self.place), cwd=self.root)
        assert done.returncode == 0, done.stderr
        return done

    def standing(self) -> tuple[str, list[str]]:
        done = self.run("status", "db-1", "--ledger", str(self.place), "--format", "json", cwd=self.root)
        (found,) = json.loads(done.stdout)["changes"]
        return found["stage"], found["waits"]

    def problems(self) -> tuple[list[str], list[str]]:
        """Return what is wrong with the ledger, as our verifier has it, and as the independent one has it."""
        replayer = Replayer(lambda files: read_roster(files["people.yaml"], "people.yaml"), as_json)
        ours = Verifier(Ledger(FolderStore(self.place, clock=now)), replayer, Wanted()).run().problems
        program = [sys.executable, str(ROOT / "tests" / "verifier" / "verify_ledger.py"), str(self.place)]
        theirs = subprocess.run(program, check=False, capture_output=True).stdout.decode().splitlines()
        return [str(item) for item in ours], theirs

    def newest(self) -> Entry:
        ledger = Ledger(FolderStore(self.place, clock=now))
        (folder,) = (path for path in (self.place / "log").iterdir() if path.name != "ledger")
        path = min(folder.iterdir())
        return ledger.keys.open(path.read_bytes(), path.name).entry


DONE = ("done", "dave", "--outcome", "applied", "--notes", "214 rows, as counted before")


@pytest.fixture
def shop(tmp_path: Path, iacgate: Run, gate_key: Path) -> Shop:
    return Shop(tmp_path, iacgate, gate_key)


def test_a_script_from_its_record_to_its_end(shop: Shop) -> None:
    shop.request()
    code, decision = shop.decision()
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["seat-missing"] * 2)
    assert decision["target"] == {
        **dict.fromkeys(("workspace", "lineage"), ""),
        "stack": "shop",
        "environment": "prod",
        "backend": {},
        "account": "123456789012",
    }
    assert (decision["severity"], decision["not_bound"], set(decision["subjects"])) == ("high", [], {"record", "tree"})
    assert shop.standing()[0] == "requested"
    own = shop.approve("dave")
    assert (own.returncode, b"dave had a hand in this change" in own.stderr) == (11, True)
    for person in ("ann", "bob"):
        done = shop.approve(person)
        assert (done.returncode, b"    | 2. Run fix.sql\n    runs sql/fix.sql  sha256 " in done.stderr) == (0, True)
    assert shop.reasons(name="db-1") == (0, []), "a change is found by its name, too"
    assert shop.standing() == ("approved", ["somebody to do it by hand, and iacgate attest done"])
    shop.attest(*DONE)
    assert b"applied, says dave" in shop.settle().stdout
    assert shop.standing() == ("applied", ["iacgate attest verified"])
    entry = shop.newest()
    assert (len(entry.state.used), entry.state.applied, entry.state.base) == (2, None, "")
    assert shop.reasons()[1] == ["seat-missing"] * 2, "the approvals are used up"
    shop.attest("verified", "ann")
    shop.settle()
    assert shop.standing()[0] == "verified"
    shop.attest("closed", "ann")
    shop.settle()
    assert shop.standing()[0] == "closed"
    assert shop.problems() == ([], [])


def test_another_script_is_not_what_was_approved(shop: Shop) -> None:
    shop.request()
    for person in ("ann", "bob"):
        assert shop.approve(person).returncode == 0
    (shop.root / "sql" / "fix.sql").write_text("drop table orders;\n")
    shop.commit("another script")
    done = shop.iacgate("gate")
    assert (done.returncode, b"sql/fix.sql is another one than the record says" in done.stderr) == (14, True)
    shop.request()
    code, decision = shop.decision()
    assert (code, {item["code"] for item in decision["approvals"]}) == (11, {"binding"})
    (shop.root / "sql" / "fix.sql").unlink()
    shop.commit("none")
    assert shop.iacgate("gate").returncode == 14


def test_what_nobody_committed_is_denied(shop: Shop) -> None:
    (shop.root / ".gitignore").write_text("sql/\n")
    shop.request()
    assert "sources-uncommitted" in shop.reasons()[1]


def test_whoever_asks_for_it_does_not_approve_it(shop: Shop) -> None:
    shop.request("--set", "requested_by=ann")
    assert b"ann had a hand in this change" in shop.approve("ann").stderr
    shop.request("--set", "requested_by=mallory", code=14)
    assert {"author-unknown", "requester-unknown"} <= set(shop.reasons()[1])


def test_who_wrote_only_the_script_does_not_approve_it(shop: Shop) -> None:
    (shop.root / "sql" / "fix.sql").write_text("update orders set state = 2;\n")
    shop.commit("by bob", "bob")
    shop.request()
    assert b"bob had a hand in this change" in shop.approve("bob").stderr


def test_nobody_knows_who_wrote_it_without_a_base(shop: Shop) -> None:
    shop.request()
    done = shop.run("gate", RECORD, "--inbox", shop.inbox, cwd=shop.root)
    assert (done.returncode, b"no commit is named with --base" in done.stdout) == (11, True)


def test_production_weighs_it_at_least_medium_and_elsewhere_it_is_as_it_says(shop: Shop) -> None:
    shop.request(severity="low")
    code, decision = shop.decision()
    assert (code, decision["severity"], decision["seats"]) == (11, "medium", {"infra": 1})
    shop.request(severity="low", stack="toys")
    code, decision = shop.decision()
    assert (code, decision["severity"], decision["target"]["environment"]) == (0, "low", "lab")
    shop.request(severity="low", stack="nowhere")
    code, decision = shop.decision()
    assert (code, decision["severity"], decision["target"]["stack"]) == (11, "medium", "")


def test_the_record_says_what_is_demanded_and_its_schedule_holds(shop: Shop) -> None:
    shop.request("--set", "rollback_plan=TODO", "--not-before", PAST, "--not-after", PAST_TOO, code=14)
    assert shop.reasons()[1] == ["seat-missing"] * 2 + ["record-part-missing", "outside-its-schedule"]
    assert shop.reasons("--type", "standard")[1][-1] == "pattern-unknown"


PAST, PAST_TOO = "2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"


def test_a_rejection_denies_and_a_withdrawn_change_is_not_done(shop: Shop) -> None:
    shop.request()
    for person in ("ann", "bob"):
        shop.approve(person)
    assert shop.approve("bob", "--reason", "wait", command="reject").returncode == 0
    assert "rejected" in shop.reasons()[1]
    shop.attest(*DONE)
    assert b"it is requested, and only what is" in shop.settle().stderr
    assert shop.approve("bob", command="withdraw").returncode == 0
    shop.attest("withdrawn", "ann")
    assert "ended" in shop.reasons()[1]


def test_done_once_is_done_and_a_failure_takes_new_approvals(shop: Shop) -> None:
    shop.request()
    for person in ("ann", "bob"):
        shop.approve(person)
    assert shop.reasons() == (0, [])
    shop.attest("done", "ann", "--outcome", "failed", "--notes", "a lock timed out")
    settled = shop.settle()
    assert (b"failed, says ann" in settled.stdout, b"whose own approval counted" in settled.stderr) == (True, True)
    assert shop.standing()[0] == "failed"
    shop.attest(*DONE)
    assert b"was used up: gate it again" in shop.settle().stderr
    assert shop.reasons()[1] == ["seat-missing"] * 2
    for person in ("ann", "bob"):
        shop.approve(person)
    assert shop.reasons() == (0, [])
    shop.attest(*DONE)
    shop.settle()
    assert shop.standing()[0] == "applied"
    assert shop.settle().stdout == b"Nothing new was attested.\n"
    assert shop.problems() == ([], [])


def test_what_was_said_before_it_was_allowed_is_not_recorded_as_what_followed(shop: Shop) -> None:
    shop.request()
    assert shop.reasons()[0] == 11
    shop.attest(*DONE)
    assert b"Left out" in shop.settle().stderr
    shop.attest("verified", "dave")
    for path in (shop.inbox / "approvals" / "db-1").iterdir():  # they came three minutes ago
        os.utime(path, (path.stat().st_mtime - 180,) * 2)
    for person in ("ann", "bob"):
        shop.approve(person)
    assert shop.reasons() == (0, [])
    assert b", before it was approved at " in shop.settle().stderr
    assert shop.standing()[0] == "approved", "nobody has done it yet"
    shop.attest(*DONE)
    assert shop.reasons() == (0, []), "to ask once more takes nothing back"
    shop.settle()
    assert shop.standing()[0] == "applied"
    assert b"verified, says dave: it was said at " in shop.settle().stderr
    assert shop.standing()[0] == "applied"
    shop.attest("verified", "dave")
    shop.settle()
    assert shop.standing()[0] == "verified"
    assert shop.problems() == ([], [])


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("review", "../../x", "--cause", "a", "--justified", "--follow-up", "b"), b"names no change"),
        (("review", "db-1", "--cause", "a" * 1501, "--justified", "--follow-up", "b"), b"1,500 characters at most"),
        (("review", "db-1", "--cause", "a\udcff", "--justified", "--follow-up", "b"), b"no text in UTF-8"),
        (("withdrawn", "db-1", "--reason", "a" * 513), b"--reason has 513 characters, 512 at most"),
    ],
)
def test_what_cannot_be_attested_is_said(shop: Shop, more: tuple[str, ...], what: bytes) -> None:
    signing = ("--as", "ann", "--key", str(shop.keys / "ann"), "--inbox", str(shop.inbox))
    done = shop.run("attest", *more, *signing, cwd=shop.root)
    assert (done.returncode, what in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("name", ["", "../..", "a/b"])
def test_only_changes_are_settled(shop: Shop, name: str) -> None:
    shop.request()
    shop.reasons()
    done = shop.run("settle", name, "--inbox", str(shop.inbox), "--ledger", str(shop.place), cwd=shop.root)
    assert (done.returncode, b"names no change" in done.stderr) == (2, True), done.stderr


def test_a_draft_in_a_file_of_another_name_is_no_draft_of_the_change_that_it_names(shop: Shop) -> None:
    shop.request()
    (shop.root / ".iacgate" / "changes" / "copy.yaml").write_text((shop.root / RECORD).read_text())
    shop.commit("a copy")
    shop.reasons()
    done = shop.run("status", "--ledger", str(shop.place), "--format", "json", cwd=shop.root)
    found = {item["change"]: (item["stage"], item["waits"]) for item in json.loads(done.stdout)["changes"]}
    assert found.keys() == {"db-1", "copy"}
    waits = "the record in copy.yaml is about db-1: mend its id, or the name of the file"
    assert found["copy"] == ("draft", [waits])


def test_an_emergency_by_hand_waits_for_its_review(shop: Shop) -> None:
    shop.request("--incident", "INC-7", "--invoker", "dave")
    assert shop.approve("ann").returncode == 0
    assert shop.reasons() == (0, [])
    shop.attest(*DONE)
    shop.settle()
    (emergency,) = shop.newest().state.emergencies
    assert (emergency.change, emergency.approvers, emergency.reviewed) == ("db-1", ("ann",), "")
    assert shop.problems() == ([], [])


def test_nothing_by_hand_is_applied_or_handed_over(shop: Shop) -> None:
    shop.request()
    for command in ("apply", "submit"):
        done = shop.iacgate(command)
        assert (done.returncode, b"is done by hand: there is no plan of it" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("place", [RECORD, "sql/fix.sql"])
def test_nothing_is_read_through_a_link(shop: Shop, place: str) -> None:
    shop.request()
    path = shop.root / place
    path.rename(shop.root / "elsewhere")
    path.symlink_to(shop.root / "elsewhere")
    shop.commit("a link")
    done = shop.iacgate("gate")
    assert (done.returncode, b"reached by a link" in done.stderr) == (14, True)


def test_a_record_of_nothing_by_hand_is_no_change_by_itself(shop: Shop) -> None:
    (shop.root / "other.yaml").write_text("id: db-1\n")
    done = shop.iacgate("gate", name="other.yaml")
    assert (done.returncode, b"says nothing that is done by hand" in done.stderr) == (14, True)


def test_no_record_takes_the_place_of_a_plan_that_was_handed_over(shop: Shop) -> None:
    shop.request(stack="toys", severity="low")
    assert shop.reasons(name="db-1") == (0, [])
    (shop.inbox / "plans" / "db-1" / "0").mkdir(parents=True)
    (shop.inbox / "plans" / "db-1" / "0" / "change.json").write_text("{}")
    assert shop.iacgate("gate", name="db-1").returncode == 2


@pytest.mark.parametrize("forged", [{"decision": 1}, {"used": "forgotten"}, {"to": "verified"}])
def test_what_was_done_otherwise_than_recorded_is_found_by_both(shop: Shop, forged: dict[str, Any]) -> None:
    shop.request()
    shop.reasons()
    for person in ("ann", "bob"):
        shop.approve(person)
    assert shop.reasons() == (0, [])
    shop.attest(*DONE)
    copy = shop.place.parent / "before"
    subprocess.run(["cp", "-a", str(shop.place), str(copy)], check=True)
    shop.settle()
    entry = shop.newest()
    shop.place = copy
    ledger = Ledger(FolderStore(copy, clock=now), signer=SshGate(shop.gate_key))
    details = {**entry.details, **{name: value for name, value in forged.items() if name in entry.details}}
    evidence = shop.place.parent / "ledger" / "evidence" / "sha256"
    pieces = {name: Piece((evidence / item.digest).read_bytes()) for name, item in entry.references.items()}
    draft = Draft(
        event="transition",
        stack=entry.stack,
        change="db-1",
        settings=entry.settings,
        details=details,
        pieces=pieces,
        advance=lambda state, *_: state if "used" in forged else entry.state,
    )
    ledger.append(draft)
    ours, theirs = shop.problems()
    assert ours, forged
    assert theirs, forged
