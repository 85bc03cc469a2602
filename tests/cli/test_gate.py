"""From denial to approvals to allow, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iacgate.approval import envelope
from tests.conftest import Run
from tests.support.sshkeys import make_key, public_line, sign
from tests.support.terraform import terraform_or_skip

HIGH = """resource "terraform_data" "a" {
  input = "INPUT"
}

check "never" {
  assert {
    condition     = terraform_data.a.id == "nothing"
    error_message = "It never holds."
  }
}
"""
POLICY = "mode: enforce\nenvironments:\n  prod: {tier: prod}\n"
PEOPLE = {"ann": ["infra"], "bob": ["security"], "dave": ["infra", "security"]}


class Stack:
    """A stack in a git repository, with settings, people and their keys."""

    def __init__(self, root: Path, run: Run, terraform: str) -> None:
        self.root = root / "repository"
        self.keys = root / "keys"
        self.inbox = root / "inbox"
        self.trusted: tuple[str, ...] = ()
        self.trust_root = ""
        self.environment: dict[str, str] = {}
        self.base: tuple[str, ...] = ("--base", "base")
        self._run, self._terraform = run, terraform
        for folder in (self.root / ".iacgate", self.keys, self.inbox):
            folder.mkdir(parents=True)
        people = [self._person(person, roles) for person, roles in PEOPLE.items()]
        people.append({"id": "forge", "kind": "machine", "platform": True, "emails": ["noreply@forge.example.com"]})
        (self.root / ".iacgate" / "people.yaml").write_text(json.dumps({"people": people}))
        (self.root / ".iacgate" / "policy.yaml").write_text(POLICY)
        (self.root / ".gitignore").write_text(".terraform/\n*.tfstate*\ntfplan*\n")
        self.command("git", "init", "-q")
        self.commit(HIGH.replace('== "nothing"', '!= ""'))
        self.command("git", "tag", "base")
        self.command(terraform, "init", "-input=false")
        self.command(terraform, "apply", "-auto-approve", "-input=false")

    def _person(self, person: str, roles: list[str]) -> dict[str, Any]:
        key = make_key(self.keys, "ed25519", person)
        return {"id": person, "emails": [f"{person}@example.com"], "roles": roles, "keys": [{"key": public_line(key)}]}

    def command(self, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.keys), "CHECKPOINT_DISABLE": "1"}
        environment |= (
            {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@nowhere"} if "--allow-empty" in arguments else {}
        )
        subprocess.run(arguments, cwd=self.root, check=True, capture_output=True, env=environment)

    def commit(self, text: str) -> None:
        (self.root / "main.tf").write_text(text)
        who = ("-c", "user.name=Dave", "-c", "user.email=dave@example.com", "-c", "commit.gpgsign=false")
        self.command("git", "add", ".")
        self.command("git", *who, "commit", "-qm", "change")

    def squash(self, author: str, committer: str = "noreply@forge.example.com", *trailers: str) -> None:
        """Put everything since the base into one commit, as a forge does that merges a pull request."""
        self.command("git", "reset", "-q", "--soft", "base")
        message = "\n".join(["merged", "", *trailers])
        who = ("-c", "user.name=Forge", "-c", f"user.email={committer}", "-c", "commit.gpgsign=false")
        self.command("git", *who, "commit", "-qm", message, f"--author={author} <{author}@example.com>")

    def plan(self, name: str = "tfplan") -> None:
        self.command(self._terraform, "plan", "-input=false", f"-out={name}")

    def iacgate(self, command: str, *more: str, plan: str = "tfplan") -> subprocess.CompletedProcess[bytes]:
        where = ("--inbox", str(self.inbox), *self.base, "--program", self._terraform, *self.trusted)
        known = {**self.environment, "IACGATE_TRUST_ROOT": self.trust_root}
        return self._run(command, plan, *where, *more, cwd=self.root, **known)

    def sign_settings(self, *people: str) -> str:
        """Sign the settings in the working tree; return their digest."""
        said = b""
        for person in people:
            done = self._run("trust", "sign", "--as", person, "--key", self.keys / person, "--yes", cwd=self.root)
            assert done.returncode == 0, done.stderr
            said = done.stdout
        return said.decode().split("of the settings, ")[1][:64]

    def settings(self, **files: str) -> None:
        """Put other settings into the next commit."""
        for name, text in files.items():
            (self.root / ".iacgate" / f"{name}.yaml").write_text(text)

    def show(self) -> None:
        """Write the plan file's JSON beside it."""
        shown = subprocess.run(
            [self._terraform, "show", "-json", "tfplan"], cwd=self.root, check=True, capture_output=True
        )
        (self.root / "tfplan.json").write_bytes(shown.stdout)

    def decision(self, *more: str, plan: str = "tfplan") -> tuple[int, dict[str, Any]]:
        done = self.iacgate("gate", "--format", "json", *more, plan=plan)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["decision"]

    def approve(self, person: str, *more: str, plan: str = "tfplan") -> subprocess.CompletedProcess[bytes]:
        return self.iacgate("approve", "--as", person, "--key", str(self.keys / person), "--yes", *more, plan=plan)


@pytest.fixture
def stack(tmp_path: Path, iacgate: Run) -> Stack:
    found = Stack(tmp_path, iacgate, terraform_or_skip())
    found.commit(HIGH.replace("INPUT", "changed"))
    found.plan()
    return found


def test_the_life_of_a_change(stack: Stack) -> None:
    code, decision = stack.decision()
    assert (code, decision["seats"]) == (11, {"infra": 1, "security": 1})
    assert [seat["could"] for seat in decision["missing"]] == [["ann"], ["bob"]]

    own = stack.approve("dave")
    assert (own.returncode, b"dave had a hand in this change" in own.stderr) == (11, True)
    assert stack.decision()[0] == 11

    for person in ("ann", "bob"):
        assert stack.approve(person).returncode == 0
    code, decision = stack.decision()
    assert (code, decision["allowed"], decision["reasons"]) == (0, True, [])

    stack.plan("tfplan.again")
    code, decision = stack.decision(plan="tfplan.again")
    assert (code, decision["allowed"]) == (0, True)

    stack.commit(HIGH.replace("INPUT", "changed again"))
    stack.plan()
    code, decision = stack.decision()
    assert (code, decision["allowed"]) == (11, False)


def test_a_squash_by_the_forge_keeps_approvals_and_authors(stack: Stack) -> None:
    for person in ("ann", "bob"):
        assert stack.approve(person).returncode == 0
    stack.squash("dave")
    stack.command("git", "commit", "-q", "--allow-empty", "-m", "again", "--author=dave <dave@example.com>")
    assert stack.decision()[0] == 0  # git's own identity committed, and changed nothing
    stack.squash("dave", "noreply@forge.example.com", "Co-authored-by: Bob <BOB@example.com>")
    code, decision = stack.decision()
    assert (code, [item["why"] for item in decision["approvals"] if item["code"] == "independence"]) == (
        11,
        ["bob had a hand in this change"],
    )
    stack.squash("dave", "bob@example.com")
    assert stack.decision()[0] == 11
    stack.squash("eve")
    code, decision = stack.decision()
    assert (code, {reason["code"] for reason in decision["reasons"]}) == (11, {"author-unknown"})


def test_a_rejection_denies_until_it_is_withdrawn(stack: Stack) -> None:
    for person in ("ann", "bob"):
        assert stack.approve(person).returncode == 0
    signing = ("--as", "bob", "--key", str(stack.keys / "bob"), "--yes")
    assert stack.iacgate("reject", *signing, "--reason", "wait").returncode == 0
    code, decision = stack.decision()
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["rejected"])
    assert stack.iacgate("withdraw", *signing).returncode == 0
    assert "rejected" not in [reason["code"] for reason in stack.decision()[1]["reasons"]]
    for path in stack.inbox.glob("*/*"):
        path.touch()
    assert [item["code"] for item in stack.decision()[1]["approvals"]].count("withdrawn") == 2
    again = stack.iacgate("withdraw", *signing)
    assert (again.returncode, b"bob signed nothing" in again.stderr) == (11, True)
    assert stack.iacgate("reject", *signing).returncode == 0
    for path in stack.inbox.glob("*/*"):
        path.touch()
    assert "rejected" in [reason["code"] for reason in stack.decision()[1]["reasons"]]


def test_what_could_not_count_is_not_signed(stack: Stack) -> None:
    stranger = make_key(stack.keys, "ed25519", "stranger")
    done = stack.iacgate("approve", "--as", "ann", "--key", str(stranger), "--yes")
    assert (done.returncode, b"the key is nobody's" in done.stderr) == (11, True)
    done = stack.iacgate("approve", "--as", "ann", "--key", str(stack.keys / "bob"), "--yes")
    assert (done.returncode, b"it says ann, and the key is bob's" in done.stderr) == (11, True)
    done = stack.iacgate("approve", "--as", "eve", "--key", str(stranger), "--yes")
    assert (done.returncode, b"Nobody in people.yaml is called 'eve'" in done.stderr) == (2, True)
    done = stack.iacgate("approve", "--as", "ann", "--key", str(stack.keys / "nothing"), "--yes")
    assert (done.returncode, b"did not sign" in done.stderr) == (2, True)
    assert not (stack.inbox / "approvals").exists()


def test_asked_and_not_answered_signs_nothing(stack: Stack) -> None:
    done = stack.iacgate("approve", "--as", "ann", "--key", str(stack.keys / "ann"))
    assert done.returncode in {11, 130}
    assert b"The plan itself" in done.stderr
    assert not (stack.inbox / "approvals").exists()


def test_a_tree_that_no_commit_has_is_not_gated(stack: Stack) -> None:
    (stack.root / "main.tf").write_text(HIGH.replace("INPUT", "not committed"))
    done = stack.iacgate("gate")
    assert (done.returncode, b"changes that no commit has" in done.stderr) == (2, True)


def test_a_plan_json_alone_is_denied_where_somebody_must_sign(stack: Stack) -> None:
    stack.show()
    code, decision = stack.decision(plan="tfplan.json")
    assert (code, "json-only" in [reason["code"] for reason in decision["reasons"]]) == (10, True)


def test_nobody_chooses_the_stack_of_a_plan_json(stack: Stack) -> None:
    (stack.root / ".iacgate" / "stacks.yaml").write_text(
        "stacks: [{name: dev, environment: dev, backend: {type: s3, key: dev}}]"
    )
    (stack.root / ".iacgate" / "policy.yaml").write_text(f"{POLICY}  dev: {{tier: other}}\n")
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.show()
    done = stack.iacgate("gate", "--stack", "dev", plan="tfplan.json")
    assert (done.returncode, b"takes nobody's word" in done.stderr) == (2, True)
    done = stack.iacgate("gate", "--stack", "dev")
    assert (done.returncode, b"is not in stacks.yaml, not to 'dev'" in done.stderr) == (2, True)


def test_a_plan_json_may_be_gated_where_the_policy_says_so(stack: Stack) -> None:
    lab = "  lab: {tier: other, json_only: true, demands: {low: {seats: {infra: 1}}}}\n"
    stack.settings(
        policy=POLICY + lab,
        stacks="stacks: [{name: lab, environment: lab, backend: {type: s3, key: lab}, account: '7'}]",
    )
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.show()
    code, decision = stack.decision(plan="tfplan.json")
    assert (code, "json-only" in [reason["code"] for reason in decision["reasons"]]) == (10, True)  # as production
    code, decision = stack.decision("--stack", "lab", plan="tfplan.json")
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["seat-missing"])
    assert stack.approve("ann", "--stack", "lab", plan="tfplan.json").returncode == 0
    done = stack.iacgate("gate", "--stack", "lab", plan="tfplan.json")
    assert done.returncode == 0
    assert (
        b"nothing binds this to its backend, workspace, state lineage, sources, lock file or variables" in done.stdout
    )
    assert stack.decision(plan="tfplan.json")[0] == 10


def test_every_production_does_with_json_or_none(stack: Stack) -> None:
    stack.settings(policy=POLICY.replace("tier: prod", "tier: prod, json_only: true"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.show()
    for person in ("ann", "bob"):
        assert stack.approve(person, plan="tfplan.json").returncode == 0
    assert stack.decision(plan="tfplan.json")[0] == 0


def test_a_type_of_change_has_its_own_demands_and_approvals(stack: Stack) -> None:
    emergency = "{emergency: {demands: {high: {seats: {infra: 1}}}}}"
    stack.settings(policy=POLICY.replace("tier: prod", f"tier: prod, change_types: {emergency}"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    record = stack.root.parent / "record.yaml"
    record.write_text("{id: one, type: emergency, justification: down, emergency: {incident: INC-7, invoker: dave}}")
    recorded = ("--change", "one", "--record", str(record))
    assert stack.approve("ann", "--change", "one").returncode == 0
    code, decision = stack.decision(*recorded)
    assert (code, decision["seats"], [item["code"] for item in decision["approvals"]]) == (
        11,
        {"infra": 1},
        ["binding"],
    )
    assert stack.approve("ann", *recorded).returncode == 0
    code, decision = stack.decision(*recorded)
    assert (code, decision["change_type"]) == (0, "emergency")
    code, decision = stack.decision(*recorded, "--type", "normal")
    assert (code, [reason["code"] for reason in decision["reasons"]][-1]) == (11, "record-of-another-type")
    code, decision = stack.decision("--change", "one")
    assert (code, decision["seats"]) == (11, {"infra": 1, "security": 1})
    signing = ("--as", "bob", "--key", str(stack.keys / "bob"), "--yes", "--change", "one")
    assert stack.iacgate("reject", *signing, "--type", "standard").returncode == 0
    code, decision = stack.decision(*recorded)
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["rejected"])
    assert stack.iacgate("gate", "--type", "urgent").returncode == 2


def test_whoever_deploys_is_one_who_may(stack: Stack) -> None:
    stack.settings(policy=POLICY.replace("tier: prod", "tier: prod, deployers: [infra, forge]"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    for person in ("ann", "bob"):
        assert stack.approve(person).returncode == 0
    for who, reasons in (
        ("", ["deployer-unknown"]),
        ("eve", ["deployer-unknown"]),
        ("bob", ["seat-missing", "deployer-not-allowed"]),
        ("ann@example.com", ["seat-missing"]),  # who deploys approves nothing
        ("dave@example.com", []),
        ("forge", []),
    ):
        code, decision = stack.decision("--deployer", who)
        assert (code, [reason["code"] for reason in decision["reasons"]]) == (11 if reasons else 0, reasons)


def test_an_approval_for_one_account_does_not_count_in_another(stack: Stack) -> None:
    backend = 'terraform {\n  backend "local" {\n    path = "shop.tfstate"\n  }\n}\n'
    stack.settings(
        stacks="stacks: [{name: shop, environment: prod, backend: {type: local, path: shop.tfstate}, account: '111'}]"
    )
    stack.commit(backend + HIGH.replace("INPUT", "changed"))
    stack.command(terraform_or_skip(), "init", "-input=false", "-migrate-state", "-force-copy")
    stack.plan()
    for person in ("ann", "bob"):
        done = stack.approve(person)
        assert (done.returncode, b"account     111" in done.stderr) == (0, True)
    assert stack.decision()[0] == 0
    (path,) = [
        path for path in stack.inbox.glob("approvals/*/*.json") if b"ann" in envelope.parse(path.read_bytes()).payload
    ]
    statement = json.loads(envelope.parse(path.read_bytes()).payload)
    assert statement["predicate"]["plans"][0]["target"]["account"] == "111"
    statement["predicate"]["plans"][0]["target"]["account"] = "222"
    payload = json.dumps(statement).encode()
    signature = sign(stack.keys / "ann", envelope.pre_authentication(payload), envelope.NAMESPACE)
    path.write_bytes(envelope.seal(payload, signature))
    code, decision = stack.decision()
    assert (code, [item["why"] for item in decision["approvals"] if item["code"] == "binding"]) == (
        11,
        ["it is for another account"],
    )


@pytest.mark.parametrize("change", ["../x", "a/b", ".hidden", "x" * 200, "a\nb"])
def test_a_change_has_a_plain_name(stack: Stack, change: str) -> None:
    done = stack.approve("ann", "--change", change)
    assert (done.returncode, b"names no change" in done.stderr) == (2, True)
    assert not (stack.inbox / "approvals").exists()


def test_observing_blocks_nothing(stack: Stack) -> None:
    (stack.root / ".iacgate" / "policy.yaml").write_text(POLICY.replace("enforce", "observe"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    done = stack.iacgate("gate")
    assert done.returncode == 0
    assert b"WOULD BE DENIED" in done.stdout
    assert b"Observing only" in done.stdout


@pytest.fixture
def signed(tmp_path: Path, iacgate: Run) -> Stack:
    """A stack whose settings are signed on the branch ``main``, and a change on another."""
    found = Stack(tmp_path, iacgate, terraform_or_skip())
    found.trust_root = found.sign_settings("ann", "bob")
    found.commit(HIGH.replace('== "nothing"', '!= ""'))
    found.command("git", "branch", "-f", "main")
    found.command("git", "tag", "-f", "base")
    found.command("git", "checkout", "-q", "-b", "change")
    found.trusted = ("--trusted", "main")
    found.commit(HIGH.replace("INPUT", "changed"))
    found.plan()
    return found


def test_signed_settings_decide_whatever_the_change_says(signed: Stack) -> None:
    code, decision = signed.decision()
    assert (code, decision["trusted"]) == (11, True)
    (signed.root / ".iacgate" / "policy.yaml").write_text("mode: observe\n")
    signed.commit(HIGH.replace("INPUT", "changed"))
    assert signed.decision()[0] == 11
    for person in ("ann", "bob"):
        assert signed.approve(person).returncode == 0
    code, decision = signed.decision()
    assert (code, decision["allowed"], decision["trusted"]) == (0, True, True)


def test_settings_that_nobody_signed_decide_nothing(signed: Stack) -> None:
    (signed.root / ".iacgate" / "policy.yaml").write_text("mode: observe\n")
    signed.commit(HIGH.replace("INPUT", "changed"))
    signed.command("git", "branch", "-f", "main", "HEAD")
    done = signed.iacgate("gate")
    assert (done.returncode, b"not the newest version that was signed" in done.stderr) == (15, True)
    signed.sign_settings("dave")
    signed.commit(HIGH.replace("INPUT", "changed"))
    signed.command("git", "branch", "-f", "main", "HEAD")
    done = signed.iacgate("gate")
    assert (done.returncode, b"lacks signatures" in done.stderr) == (15, True)
    signed.sign_settings("ann", "bob")
    signed.commit(HIGH.replace("INPUT", "changed"))
    signed.command("git", "branch", "-f", "main", "HEAD")
    done = signed.iacgate("gate")
    assert done.returncode == 0, done.stderr
    assert b"Observing only" in done.stdout


def test_the_first_version_is_pinned(signed: Stack) -> None:
    signed.trust_root = "1" * 64
    done = signed.iacgate("gate")
    assert (done.returncode, b"not the pinned one" in done.stderr) == (15, True)
    signed.trust_root = ""
    done = signed.iacgate("gate")
    assert (done.returncode, b"IACGATE_TRUST_ROOT is not set" in done.stderr) == (15, True)


def test_where_signed_settings_are_pinned_no_others_decide(signed: Stack) -> None:
    signed.trusted = ()
    for done in (signed.iacgate("gate"), signed.approve("ann")):
        assert (done.returncode, b"--trusted names no branch" in done.stderr) == (15, True)


def test_a_repository_that_cannot_be_asked_is_not_none(stack: Stack) -> None:
    stack.base = ()
    for name in ("index", "HEAD"):
        broken = stack.root / ".git" / name
        kept = broken.read_bytes()
        broken.write_bytes(b"junk")
        done = stack.iacgate("gate")
        assert (done.returncode, done.stdout, b"git does not know" in done.stderr) == (2, b"", True), name
        broken.write_bytes(kept)


def test_the_chain_can_be_verified_by_itself(signed: Stack, iacgate: Run) -> None:
    done = iacgate("trust", "verify", "--ref", "main", "--root", signed.trust_root, cwd=signed.root)
    assert (done.returncode, b"are version 1" in done.stdout) == (0, True)
    assert iacgate("trust", "verify", "--ref", "main", cwd=signed.root).returncode == 15


def test_what_changes_in_the_settings_is_said_in_words(signed: Stack, iacgate: Run) -> None:
    done = iacgate("trust", "diff", "main", cwd=signed.root)
    assert (done.returncode, done.stdout) == (0, b"The settings say the same.\n")
    (signed.root / ".iacgate" / "policy.yaml").write_text("mode: observe\n")
    done = iacgate("trust", "diff", "main", cwd=signed.root)
    assert b"! the mode changes from enforce to observe" in done.stdout
    signed.commit(HIGH.replace("INPUT", "changed"))
    assert iacgate("trust", "diff", "main", "HEAD", cwd=signed.root).stdout == done.stdout


def test_a_signature_of_the_settings_that_would_not_count_is_not_written(signed: Stack, iacgate: Run) -> None:
    before = sorted((signed.root / ".iacgate" / "trust").rglob("*"))
    people = json.loads((signed.root / ".iacgate" / "people.yaml").read_text())
    people["people"].append(signed._person("eve", ["infra", "security"]))
    (signed.root / ".iacgate" / "people.yaml").write_text(json.dumps(people))
    for person, key in (("eve", "eve"), ("ann", "bob"), ("ann", "eve")):
        done = iacgate("trust", "sign", "--as", person, "--key", signed.keys / key, "--yes", cwd=signed.root)
        assert (done.returncode, b"This would not count" in done.stderr) == (11, True)
    assert sorted((signed.root / ".iacgate" / "trust").rglob("*")) == before
    arguments = ("trust", "sign", "--as", "ann", "--key", signed.keys / "ann", "--yes")
    assert iacgate(*arguments, cwd=signed.root).returncode == 0


def test_whoever_approves_is_shown_what_differs(stack: Stack) -> None:
    quiet = stack.approve("ann").stderr.decode().partition("Without findings (1):")[2]
    assert '~ terraform_data.a\n               ~ input: "INPUT" -> "changed"\n' in quiet


def test_whoever_signs_settings_is_shown_what_changes_and_asked(signed: Stack, iacgate: Run) -> None:
    folder = signed.root / ".iacgate"
    before = sorted((folder / "trust").rglob("*"))
    people = json.loads((folder / "people.yaml").read_text())
    people["people"].append(signed._person("eve", ["infra", "security"]))
    (folder / "people.yaml").write_text(json.dumps(people))
    (folder / "policy.yaml").write_text("mode: observe\n")
    arguments = ("trust", "sign", "--as", "ann", "--key", signed.keys / "ann")
    for answer, code, says in ((b"", 130, b"Interrupted"), (b"n\n", 11, b"Nothing was signed.")):
        done = iacgate(*arguments, stdin=answer, cwd=signed.root)
        assert (done.returncode, done.stdout, says in done.stderr) == (code, b"", True)
        head, *lines = done.stderr.decode().partition("Sign this as ann?")[0].splitlines()
        assert head == "Version 2 of the settings, against the one before:"
        assert {"! eve is new", "! eve gains the role infra", "! the mode changes from enforce to observe"} < set(lines)
        assert sorted((folder / "trust").rglob("*")) == before
    done = iacgate(*arguments, stdin=b"y\n", cwd=signed.root)
    assert (done.returncode, b"Signed version 2 of the settings" in done.stdout) == (0, True)
    second = iacgate("trust", "sign", "--as", "bob", "--key", signed.keys / "bob", cwd=signed.root)
    assert second.stderr.startswith(head.encode())  # the same for the one who signs after him


def test_whoever_signs_the_first_settings_is_shown_what_they_say(stack: Stack, iacgate: Run) -> None:
    stack.settings(stacks='stacks: [{name: "a\\e[2J", environment: prod, backend: {type: s3, key: a}}]')
    done = iacgate("trust", "sign", "--as", "ann", "--key", stack.keys / "ann", cwd=stack.root)
    text = done.stderr.decode()
    assert (done.returncode, "\x1b" in text) == (130, False)
    lines = text.partition("Sign this as ann?")[0].splitlines()
    assert lines[:2] == ["The first version of the settings:", "The gate blocks what it denies."]
    assert "! ann is new" in lines
    assert any(line.startswith("! ann gains the key SHA256:") for line in lines)
    assert any("high     needs 1 infra, 1 security" in line for line in lines)
    assert not any(line.startswith("! the mode") for line in lines)  # it is said above, and not against a default
