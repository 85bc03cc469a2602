"""Plans that are handed over, approvals as text, one signature for several stacks, and what a ledger sees."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iacgate.evidence.advance import after_apply
from iacgate.evidence.entry import Applied, Entry
from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.cli.test_gate import HIGH, POLICY, Stack, signed, stack  # noqa: F401 - fixtures
from tests.conftest import Run

BOTH = ("ann", "bob")


def done_by(
    stack: Stack,  # noqa: F811 - a fixture
    command: str,
    *arguments: str,
    person: str = "",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command with the company's program, without any option that the test does not name."""
    who = ("--as", person, "--key", str(stack.keys / person), "--yes") if person else ()
    return stack._run(command, *arguments, *who, cwd=cwd or stack.root, IACGATE_TRUST_ROOT=stack.trust_root)


def submitted(stack: Stack, change: str = "chg-17") -> Path:  # noqa: F811 - a fixture
    done = stack.iacgate("submit", "--change", change)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.decode().strip().removeprefix(f"{change}: "))


def test_a_change_that_was_handed_over_needs_no_repository_to_be_approved(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    folder = submitted(stack)
    assert sorted(path.name for path in folder.iterdir()) == ["change.json", "plan.json", "tfplan"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = ("--config", str(stack.root / ".iacgate"))
    inbox = ("--inbox", str(stack.inbox))
    own = done_by(stack, "approve", "chg-17", *inbox, *settings, person="dave", cwd=elsewhere)
    assert (own.returncode, b"dave had a hand in this change" in own.stderr) == (11, True)
    for person in BOTH:
        done = done_by(stack, "approve", "chg-17", *inbox, *settings, person=person, cwd=elsewhere)
        assert done.returncode == 0, done.stderr
        assert b"written by  dave (says who handed it over)" in done.stderr
    gate = done_by(stack, "gate", "chg-17", *inbox, *stack.base)
    assert (gate.returncode, b"ALLOWED" in gate.stdout) == (0, True), gate.stdout + gate.stderr


def test_what_the_planner_says_of_the_sources_and_their_authors_decides_nothing(stack: Stack) -> None:  # noqa: F811
    said = submitted(stack) / "change.json"
    content = json.loads(said.read_bytes())
    said.write_text(json.dumps({**content, "authors": ["ann@example.com"]}))
    inbox = ("--inbox", str(stack.inbox))
    assert done_by(stack, "approve", "chg-17", *inbox, person="dave").returncode == 0
    assert done_by(stack, "approve", "chg-17", *inbox, person="bob").returncode == 0
    gate = done_by(stack, "gate", "chg-17", *inbox, *stack.base)
    assert gate.returncode == 11
    assert b"does not count (independence): dave had a hand in this change" in gate.stdout
    said.write_text(json.dumps({**content, "sources": "1" * 64}))
    done = done_by(stack, "approve", "chg-17", *inbox, person="ann")
    assert done.returncode == 0
    gate = done_by(stack, "gate", "chg-17", *inbox, *stack.base)
    assert b"it is for another version of the sources" in gate.stdout


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"format":"iacgate.change/2"}', '{"format":"x","format":"x"}', "x" * 300_000]
)
def test_what_is_said_in_another_form_is_refused(stack: Stack, content: str) -> None:  # noqa: F811
    folder = submitted(stack)
    (folder / "change.json").write_text(content)
    done = done_by(stack, "gate", str(folder), "--inbox", str(stack.inbox))
    assert (done.returncode, b"not readable as what is said of a plan" in done.stderr) == (2, True)


def test_a_change_that_nobody_handed_over_is_none(stack: Stack) -> None:  # noqa: F811
    done = done_by(stack, "gate", "chg-99", "--inbox", str(stack.inbox))
    assert (done.returncode, b"neither a plan, nor a change" in done.stderr) == (2, True)
    folder = submitted(stack)
    done = done_by(stack, "gate", str(folder), "--inbox", str(stack.inbox), "--change", "chg-1")
    assert (done.returncode, b"is about chg-17, not about chg-1" in done.stderr) == (2, True)


def test_a_plan_json_is_not_handed_over(stack: Stack) -> None:  # noqa: F811
    (stack.root / "p.json").write_text('{"format_version":"1.2","terraform_version":"1.9.0","resource_changes":[]}')
    done = stack.iacgate("submit", "--change", "chg-17", plan="p.json")
    assert (done.returncode, b"no saved plan file" in done.stderr) == (2, True)


def test_plans_travel_as_one_file_and_behind_a_link(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    done = done_by(stack, "submit", "tfplan", *stack.base, "--output", "chg.zip", "--change", "chg-17")
    assert done.returncode == 0, done.stderr
    settings = ("--config", str(stack.root / ".iacgate"), "--inbox", str(stack.inbox))
    web = tmp_path / "web"
    web.mkdir()
    (stack.root / "chg.zip").rename(web / "chg.zip")
    with served(web) as address:
        done = done_by(stack, "approve", f"{address}/chg.zip?sig=s3cret", *settings, person="ann", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        done = done_by(stack, "approve", f"{address}/none.zip?sig=s3cret", *settings, person="bob", cwd=tmp_path)
        assert (done.returncode, b"the answer is 404" in done.stderr, b"s3cret" in done.stderr) == (2, True, False)
    done = done_by(stack, "approve", str(web / "chg.zip"), *settings, person="bob", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    gate = stack.iacgate("gate", "--change", "chg-17")
    assert gate.returncode == 0, gate.stdout + gate.stderr


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine only, for as long as the block runs."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("link", ["http://example.com/chg.zip?sig=s3cret", "http://127.0.0.1:1/chg.zip?sig=s3cret"])
def test_a_link_that_is_not_encrypted_or_leads_nowhere(iacgate: Run, link: str) -> None:
    done = iacgate("approve", link, "--inbox", "x", "--as", "ann", "--key", "k", "--config", ".")
    assert done.returncode == 2
    assert b"s3cret" not in done.stderr


def test_an_approval_travels_as_text(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    text = b"Looks good to me:\n\n"
    for person in BOTH:
        done = done_by(stack, "approve", "tfplan", *stack.base, "--output", "-", person=person)
        assert done.returncode == 0, done.stderr
        text += b"> ".join([b"", *done.stdout.splitlines(keepends=True)]) + b"\nsigned\n"
    comments = tmp_path / "comments.txt"
    comments.write_bytes(text)
    gate = stack.iacgate("gate", "--approval", str(comments))
    assert (gate.returncode, b"ALLOWED" in gate.stdout) == (0, True), gate.stdout + gate.stderr
    assert stack.iacgate("gate").returncode == 0, "it is in the inbox now"
    (stack.root / "cut.txt").write_bytes(text[:300])
    done = stack.iacgate("gate", "--approval", "cut.txt")
    assert (done.returncode, b"cut off" in done.stderr) == (3, True)


def test_signing_for_nobody_is_refused(stack: Stack) -> None:  # noqa: F811
    done = done_by(stack, "approve", "tfplan", *stack.base, person="ann")
    assert (done.returncode, b"Nobody would get what you sign" in done.stderr) == (2, True)


def test_who_could_fill_no_seat_is_told_before_signing(stack: Stack) -> None:  # noqa: F811
    policy = POLICY.replace(
        "{tier: prod}", "{tier: prod, demands: {high: {seats: {security: 1}}, medium: {seats: {security: 1}}}}"
    )
    (stack.root / ".iacgate" / "policy.yaml").write_text(policy)
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    done = stack.approve("ann")
    assert (done.returncode, b"asks for security, and ann holds none of it" in done.stderr) == (11, True)
    assert not (stack.inbox / "approvals").exists()


def test_one_signature_for_two_stacks(stack: Stack) -> None:  # noqa: F811
    orders = stack.root / "orders"
    orders.mkdir()
    (orders / "main.tf").write_text(HIGH.replace('"a"', '"b"').replace("terraform_data.a", "terraform_data.b"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    chdir = f"-chdir={orders}"
    stack.command(stack._terraform, chdir, "init", "-input=false")
    stack.command(stack._terraform, chdir, "plan", "-input=false", "-out=tfplan")
    stack.plan()
    plans = ("tfplan", "orders/tfplan")
    options = ("--inbox", str(stack.inbox), *stack.base, "--program", stack._terraform)
    without = done_by(stack, "approve", *plans, *options, person="ann")
    assert (without.returncode, b"Name their change: --change ID" in without.stderr) == (2, True)
    for name in plans:
        folder = ("--chdir", str((stack.root / name).parent))
        handed = done_by(stack, "submit", name, *options, "--change", "chg-2", *folder)
        assert handed.returncode == 0, handed.stderr
    for person in BOTH:
        done = done_by(stack, "approve", "chg-2", "--inbox", str(stack.inbox), person=person)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(b"state       ") == 2
    assert len(list((stack.inbox / "approvals" / "chg-2").iterdir())) == 2
    for name in plans:
        folder = ("--chdir", str((stack.root / name).parent))
        gate = done_by(stack, "gate", name, *options, "--change", "chg-2", *folder)
        assert gate.returncode == 0, gate.stdout + gate.stderr


def entries_in(place: Path) -> list[Entry]:
    """Return the entries of the only chain of a ledger in a folder, the oldest first."""
    ledger = Ledger(FolderStore(place, clock=now))
    (folder,) = (place / "log").iterdir()
    files = sorted(folder.iterdir(), reverse=True)
    return [ledger.keys.open(path.read_bytes(), path.name).entry for path in files]


def test_every_decision_is_recorded(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    ledger = ("--ledger", str(tmp_path / "ledger"))
    denied = stack.iacgate("gate", *ledger)
    assert denied.returncode == 11
    assert b"Recorded in " in denied.stderr
    for person in BOTH:
        assert stack.approve(person).returncode == 0
    gate = stack.iacgate("gate", *ledger)
    assert (gate.returncode, b"it names no ledger" in gate.stdout) == (11, True), "signed without the ledger's name"
    for person in BOTH:
        assert stack.approve(person, *ledger).returncode == 0
    assert stack.iacgate("gate", *ledger, "--format", "json").returncode == 0
    entries = entries_in(tmp_path / "ledger")
    assert [(item.event, item.details["allowed"]) for item in entries] == [
        ("decided", False),
        ("decided", False),
        ("decided", True),
    ]
    digest = entries[-1].references["decision"].digest
    stored = (tmp_path / "ledger" / "evidence" / "sha256" / digest).read_bytes()
    assert json.loads(stored)["decision"]["allowed"] is True


def test_a_ledger_that_was_changed_decides_nothing(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    ledger = ("--ledger", str(tmp_path / "ledger"))
    for _ in range(2):
        stack.iacgate("gate", *ledger)
    (folder,) = (tmp_path / "ledger" / "log").iterdir()
    (folder / "9999999998.json").write_bytes(b"{}")
    done = stack.iacgate("gate", *ledger)
    assert (done.returncode, done.stdout, b"does not follow the one before" in done.stderr) == (4, b"", True)


def test_who_wrote_what_was_merged_and_never_applied_has_a_hand_in_it(
    stack: Stack,  # noqa: F811
    tmp_path: Path,
    gate_key: Path,
) -> None:
    """Attack 28: ann's change was merged after the last apply, and now rides in dave's plan."""
    place = tmp_path / "ledger"
    assert stack.iacgate("gate", "--ledger", str(place)).returncode == 11
    (folder,) = (place / "log").iterdir()
    chain = folder.name.removeprefix("stack-").removesuffix("=")
    commit = subprocess.run(
        ["git", "rev-parse", "base"], cwd=stack.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    applied = Applied("chg-0", commit, "", "2026-11-23T12:00:00Z", 2)
    ledger = Ledger(FolderStore(place, clock=now), signer=SshGate(gate_key))
    ledger.append(
        Draft(event="applied", stack=chain, advance=lambda state, *_: after_apply(state, applied, None, {}, whole=True))
    )
    (stack.root / "main.tf").write_text(HIGH.replace("INPUT", "by ann"))
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    stack.command("git", *who, "commit", "-qam", "merged, and never applied")
    stack.command("git", "tag", "-f", "base")
    stack.commit(HIGH.replace("INPUT", "by dave"))
    stack.plan()
    done = stack.approve("ann", "--ledger", str(place))
    assert (done.returncode, b"ann had a hand in this change" in done.stderr) == (11, True)
    assert stack.approve("ann").returncode == 0, "without the ledger only the base tells"


def test_settings_that_are_older_than_the_ledger_has_seen_are_refused(signed: Stack, tmp_path: Path) -> None:  # noqa: F811
    """Attack 23: an older version, which still names somebody who left, is put back."""
    ledger = ("--ledger", str(tmp_path / "ledger"))
    older = subprocess.run(
        ["git", "rev-parse", "main"], cwd=signed.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert signed.iacgate("gate", *ledger).returncode == 11
    (signed.root / ".iacgate" / "policy.yaml").write_text(POLICY + "trust: {infra: 1}\n")
    signed.sign_settings("ann", "bob")
    signed.commit(HIGH.replace("INPUT", "changed"))
    signed.command("git", "branch", "-f", "main", "HEAD")
    assert signed.iacgate("gate", *ledger).returncode == 11
    signed.command("git", "branch", "-f", "main", older)
    done = signed.iacgate("gate", *ledger)
    assert (done.returncode, b"the ledger has seen version 2" in done.stderr) == (15, True)
    assert b"somebody put older ones back" in done.stderr
    signed.trusted, signed.trust_root = (), ""
    done = signed.iacgate("gate", *ledger)
    assert (done.returncode, b"these are not signed" in done.stderr) == (15, True)


def test_a_ledger_that_begins_says_so_once(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    note = b"A new ledger begins in %s, which knows of nothing before" % str(tmp_path / "ledger").encode()
    for begins in (True, False):
        done = stack.iacgate("gate", "--change", "chg-17", "--ledger", str(tmp_path / "ledger"))
        assert (done.returncode, note in done.stderr) == (11, begins), done.stderr


def test_another_ledger_is_another_matter(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    first, second = ("--ledger", str(tmp_path / "a")), ("--ledger", str(tmp_path / "b"))
    mistyped = stack.approve("ann", *first)
    assert (mistyped.returncode, b"no folder" in mistyped.stderr) == (4, True)
    assert stack.iacgate("gate", *first).returncode == 11
    for person in BOTH:
        assert stack.approve(person, *first).returncode == 0
    assert stack.iacgate("gate", *first).returncode == 0
    done = stack.iacgate("gate", *second)
    assert (done.returncode, b"a change in another ledger" in done.stdout) == (11, True)


def test_a_ledger_that_the_settings_name_is_the_only_one(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    first, second = ("--ledger", str(tmp_path / "a")), ("--ledger", str(tmp_path / "b"))
    for ledger in (first, second):
        assert stack.iacgate("gate", *ledger).returncode == 11
    genesis = Ledger(FolderStore(tmp_path / "a", clock=now)).genesis
    assert genesis.encode() in stack.iacgate("gate", *first).stderr
    (stack.root / ".iacgate" / "policy.yaml").write_text(f"{POLICY}ledger: {genesis}\n")
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    for person in BOTH:
        assert stack.approve(person).returncode == 0, "the settings tell which ledger"
    assert stack.iacgate("gate", *first).returncode == 0
    for more, says in (
        (second, b"another ledger than the settings name"),
        ((), b"--ledger names none"),
        (("--ledger", str(tmp_path / "c")), b"no folder"),
    ):
        done = stack.iacgate("gate", *more)
        assert (done.returncode, done.stdout, says in done.stderr) == (4, b"", True)


def test_the_command_for_approvers_is_complete(stack: Stack, iacgate: Run) -> None:  # noqa: F811
    submitted(stack)
    gate = done_by(stack, "gate", "chg-17", "--inbox", str(stack.inbox), *stack.base)
    line = next(line for line in gate.stdout.decode().splitlines() if line.startswith("To fill a seat: "))
    command = (
        line.removeprefix("To fill a seat: iacgate ").replace("ID", "ann").replace("FILE", str(stack.keys / "ann"))
    )
    done = iacgate(*command.split(), "--yes", cwd=stack.root)
    assert done.returncode == 0, done.stderr


def test_a_plan_of_sources_that_nobody_committed_is_denied(stack: Stack) -> None:  # noqa: F811
    """The working tree is clean again at the gate, and the plan was made from something else."""
    committed = (stack.root / "main.tf").read_text()
    (stack.root / "main.tf").write_text(committed + 'output "more" {\n  value = 1\n}\n')
    stack.plan()
    (stack.root / "main.tf").write_text(committed)
    for person in BOTH:
        assert stack.approve(person).returncode == 0
    code, decision = stack.decision()
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (11, ["sources-uncommitted"])
    assert "main.tf" in decision["reasons"][0]["text"]


def test_what_is_not_committed_is_named(stack: Stack) -> None:  # noqa: F811
    main, names = stack.root / "main.tf", ("people", "policy", "stacks")
    stack.settings(stacks="stacks: []\n")
    stack.commit(HIGH.replace("INPUT", "changed again"))
    stack.plan()
    main.write_text(f"{main.read_text()}# more\n")
    done = stack.iacgate("submit", "--change", "chg-17")
    assert (done.returncode, b"would bind another tree: main.tf.\n" in done.stderr) == (2, True), done.stderr
    for name in names:
        path = stack.root / ".iacgate" / f"{name}.yaml"
        path.write_text(f"{path.read_text()}\n# more\n")
    done = stack.iacgate("submit", "--change", "chg-17")
    three = b", ".join(b".iacgate/%s.yaml" % name.encode() for name in names)
    assert b"would bind another tree: %s and 1 more.\n" % three in done.stderr, done.stderr


def test_sources_that_a_tool_generates_are_named_by_the_policy(stack: Stack) -> None:  # noqa: F811
    (stack.root / ".gitignore").write_text(".terraform/\n*.tfstate*\ntfplan*\nbackend_generated.tf\n")
    (stack.root / "backend_generated.tf").write_text("# written by a tool\r\n")
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.plan()
    decision = stack.decision()[1]
    assert decision["reasons"][0]["code"] == "sources-uncommitted"
    (stack.root / ".iacgate" / "policy.yaml").write_text(
        POLICY.replace("{tier: prod}", "{tier: prod, generated: ['*_generated.tf']}")
    )
    (stack.root / ".iacgate" / "stacks.yaml").write_text(
        "stacks: [{name: shop, environment: prod, backend: {type: local, path: terraform.tfstate}}]\n"
    )
    backend = 'terraform {\n  backend "local" {\n    path = "terraform.tfstate"\n  }\n}\n'
    stack.commit(backend + HIGH.replace("INPUT", "changed"))
    stack.command(stack._terraform, "init", "-input=false", "-reconfigure")
    stack.plan()
    code, decision = stack.decision()
    assert (code, {reason["code"] for reason in decision["reasons"]}) == (11, {"seat-missing"})


def test_the_newest_plan_of_a_state_is_the_one_that_is_handed_over(stack: Stack) -> None:  # noqa: F811
    submitted(stack)
    stack.commit(HIGH.replace("INPUT", "changed again"))
    stack.plan()
    submitted(stack)
    inbox = ("--inbox", str(stack.inbox))
    for person in BOTH:
        done = done_by(stack, "approve", "chg-17", *inbox, person=person)
        assert (done.returncode, done.stderr.count(b"state       ")) == (0, 1), done.stderr
        assert b"an older plan of the same state" in done.stderr
    assert done_by(stack, "gate", "chg-17", *inbox, *stack.base).returncode == 0


def test_what_is_handed_over_again_counts_though_the_plan_file_is_the_same(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    record = tmp_path / "record.yaml"
    for text in ("the first words", "other words", "the first words"):
        record.write_text(f"id: chg-17\ndescription: {text}\n")
        done = stack.iacgate("submit", "--change", "chg-17", "--record", str(record))
        assert done.returncode == 0, done.stderr
        gate = done_by(stack, "gate", "chg-17", "--inbox", str(stack.inbox), *stack.base)
        assert f"  description     {text}\n" in gate.stdout.decode(), gate.stderr


def test_of_plans_that_came_at_the_same_time_both_are_named_and_either_can_be_taken(stack: Stack) -> None:  # noqa: F811
    places = [submitted(stack)]
    stack.commit(HIGH.replace("INPUT", "changed again"))
    stack.plan()
    places.append(submitted(stack))
    for place in places:
        os.utime(place / "change.json", (1_700_000_000, 1_700_000_000))
    taken, left = sorted(f"chg-17/{place.name}" for place in places)
    inbox = ("--inbox", str(stack.inbox), *stack.base)
    for name, says in (
        ("chg-17", f"Left aside: {left}, a plan of the same state as {taken}, which came at the same time."),
        (taken, ""),
        (left, ""),
    ):
        done = done_by(stack, "gate", name, *inbox)
        assert (done.returncode, says in done.stderr.decode()) == (11, True), done.stderr
        assert (b"Left aside" in done.stderr) == bool(says)
        assert (left if name == left else taken) in done.stdout.decode().splitlines()[0]
    assert f"To take it, name it: {left}." in done_by(stack, "gate", "chg-17", *inbox).stderr.decode()
    whole = str(places[0].parent)
    assert f"name it: {whole}/{left[7:]}." in done_by(stack, "gate", whole, *inbox).stderr.decode()
    done = done_by(stack, "gate", "chg-17/nothing", *inbox)
    assert (done.returncode, b"neither a plan, nor a change" in done.stderr) == (2, True)


def test_plans_of_one_state_in_one_file_are_told_apart_by_nobody(stack: Stack) -> None:  # noqa: F811
    stack.plan("tfplan.again")
    stack.show()
    options = ("--program", stack._terraform, *stack.base, "--output", "chg.zip", "--change", "chg-17")
    done = done_by(stack, "submit", "tfplan", "tfplan.again", *options)
    assert done.returncode == 0, done.stderr
    done = done_by(stack, "gate", "chg.zip", "--inbox", str(stack.inbox), *stack.base)
    says = b"1, a plan of the same state as 0, which came at the same time. To take it, hand it over by itself."
    assert (done.returncode, says in done.stderr) == (11, True), done.stderr


def test_a_change_is_gated_from_anywhere_in_its_repository(stack: Stack) -> None:  # noqa: F811
    deep = stack.root / "stacks" / "shop"
    deep.mkdir(parents=True)
    (deep / "main.tf").write_text(HIGH.replace("INPUT", "deep"))
    stack.commit(HIGH.replace("INPUT", "changed"))
    stack.command(stack._terraform, f"-chdir={deep}", "init", "-input=false")
    stack.command(stack._terraform, f"-chdir={deep}", "plan", "-input=false", "-out=tfplan")
    options = ("--inbox", str(stack.inbox), *stack.base)
    done = done_by(stack, "submit", "stacks/shop/tfplan", *options, "--change", "chg-3", "--program", stack._terraform)
    assert done.returncode == 0, done.stderr
    for person in BOTH:
        assert done_by(stack, "approve", "chg-3", "--inbox", str(stack.inbox), person=person).returncode == 0
    for folder in (stack.root, deep, stack.root / "stacks"):
        gate = done_by(stack, "gate", "chg-3", *options, cwd=folder)
        assert gate.returncode == 0, gate.stdout + gate.stderr


def test_the_type_of_a_change_is_handed_over(stack: Stack) -> None:  # noqa: F811
    record = stack.root.parent / "record.yaml"
    record.write_text("{id: chg-4, type: emergency, justification: down, emergency: {incident: INC-7, invoker: dave}}")
    assert stack.iacgate("submit", "--change", "chg-4", "--record", str(record)).returncode == 0
    inbox = ("--inbox", str(stack.inbox))
    for person in BOTH:
        done = done_by(stack, "approve", "chg-4", *inbox, person=person)
        assert (done.returncode, b"chg-4, emergency" in done.stderr) == (0, True)
        assert b"INC-7, invoked by dave" in done.stderr, "what was handed over says what kind of change it is"
    assert done_by(stack, "gate", "chg-4", *inbox, *stack.base).returncode == 0
    gate = done_by(stack, "gate", "chg-4", *inbox, *stack.base, "--type", "normal")
    assert (gate.returncode, b"it approves a change of type emergency" in gate.stdout) == (11, True)


def test_an_inbox_that_is_not_there_holds_no_rejection_and_decides_nothing(stack: Stack) -> None:  # noqa: F811
    done = done_by(stack, "gate", "tfplan", "--inbox", "mistyped", *stack.base)
    assert (done.returncode, done.stdout, b"there is no such inbox" in done.stderr) == (2, b"", True)


def test_a_rejection_says_why(stack: Stack) -> None:  # noqa: F811
    done = stack.iacgate("reject", "--as", "bob", "--key", str(stack.keys / "bob"), "--yes", "--reason", "drops it")
    assert done.returncode == 0
    assert b"bob rejects the change, and has not withdrawn that (drops it)." in stack.iacgate("gate").stdout
    assert b"rejected by bob: drops it" in stack.approve("ann").stderr


def test_what_cannot_be_written_is_said(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "file").write_text("x")
    done = done_by(stack, "approve", "tfplan", *stack.base, "--output", str(tmp_path / "file" / "x"), person="ann")
    assert (done.returncode, b"defect" in done.stderr, b"What was to be written is not." in done.stderr) == (
        4,
        False,
        True,
    )
