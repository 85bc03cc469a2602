"""A change's ticket from the record to the decision and the ledger, with the real terraform, git and ssh-keygen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, stack  # noqa: F401 - a fixture
from tests.cli.test_status import independent
from tests.conftest import Run
from tests.support.github import REPOSITORY, FakeGitHub
from tests.support.ticketsystems import CREDENTIALS, TOKEN, FakeJira

POLICY = """mode: enforce
environments:
  prod:
    tier: prod
    ticket_check: CHECK
    emergency: {seats: {infra: 1}}
    demands:
      high: {seats: {infra: 1, security: 1}, record: [ticket]}
"""
NAMED = ("--change", "chg-1")


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    found = FakeJira()
    with found.serving():
        yield found


def settled(life: Deployed, iacgate: Run, check: str, ticket: str) -> None:
    """Write the policy, and a record that names a ticket; sign the settings, and plan."""
    life.stack.settings(policy=POLICY.replace("CHECK", check))
    done = iacgate("request", "chg-1", "--set", f"ticket={ticket}", "--no-input", cwd=life.stack.root)
    assert done.returncode == 0, done.stderr
    trust_root = life.stack.sign_settings("ann", "bob")
    life.stack.commit(HIGH.replace("INPUT", "changed"))
    life.stack.command("git", "branch", "trusted")
    life.stack.trusted, life.stack.trust_root = ("--trusted", "trusted"), trust_root
    life.stack.plan()


def approved(life: Deployed, *named: str) -> None:
    for person in ("ann", "bob"):
        done = life.stack.approve(person, *named, *life.ledger)
        assert done.returncode == 0, done.stderr


def reasons(life: Deployed, *named: str) -> tuple[int, list[str]]:
    code, decision = life.stack.decision(*named, *life.ledger)
    return code, [reason["code"] for reason in decision["reasons"]]


def test_a_change_is_applied_when_its_ticket_is_there_and_open(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
    jira: FakeJira,
) -> None:
    settled(deployed, iacgate, f"{{provider: jira, url: '{jira.url}/jira'}}", "OPS-17")
    deployed.stack.environment = CREDENTIALS
    assert reasons(deployed, *NAMED) == (11, ["seat-missing", "seat-missing", "ticket-unknown"])
    asked = len(jira.asked)
    approved(deployed, *NAMED)
    assert len(jira.asked) == asked, "whoever approves asks nobody"
    assert reasons(deployed, *NAMED) == (14, ["ticket-unknown"])
    jira.has("OPS-17", "done")
    assert reasons(deployed, *NAMED) == (14, ["ticket-closed"])
    assert deployed.stack.iacgate("apply", *NAMED, *deployed.ledger).returncode == 14
    jira.has("OPS-17")
    done = deployed.stack.iacgate("apply", *NAMED, *deployed.ledger)
    assert (done.returncode, b"in progress (jira, http://127.0.0.1:" in done.stdout) == (0, True), done.stderr
    assert deployed.verified().problems == ()
    assert independent(deployed) == (0, "")
    kept = [path for path in deployed.place.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []
    assert kept


def test_settings_that_nobody_signed_send_the_credentials_nowhere(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
    jira: FakeJira,
) -> None:
    jira.has("OPS-17")
    settled(deployed, iacgate, f"{{provider: jira, url: '{jira.url}/jira'}}", "OPS-17")
    deployed.stack.environment, deployed.stack.trusted, deployed.stack.trust_root = CREDENTIALS, (), ""
    assert reasons(deployed, *NAMED)[1][-1] == "ticket-unreachable"
    assert jira.asked == []


def test_a_system_that_does_not_answer_denies_and_an_emergency_does_not_wait_for_it(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
) -> None:
    settled(deployed, iacgate, "{provider: jira, url: 'http://127.0.0.1:1'}", "OPS-17")
    assert reasons(deployed, *NAMED)[1][-1] == "ticket-unreachable"
    approved(deployed, *NAMED)
    code, codes = reasons(deployed, *NAMED)
    assert (code, codes) == (14, ["ticket-unreachable"])
    path = deployed.stack.root.parent / "fix-1.yaml"
    said = ("--incident", "INC-7", "--invoker", "dave", "--set", "justification=It is down", "--set", "ticket=OPS-17")
    done = iacgate("request", "fix-1", *said, "--no-input", "--output", path, cwd=deployed.stack.root)
    assert done.returncode == 0, done.stderr
    fix = ("--change", "fix-1", "--record", str(path))
    assert deployed.stack.approve("ann", *fix, *deployed.ledger).returncode == 0
    code, decision = deployed.stack.decision(*fix, *deployed.ledger)
    assert (code, decision["tickets"][0]["answer"]) == (0, "unreachable")
    assert "an emergency does not wait for that" in decision["warnings"][-1]
    assert deployed.verified().problems == ()


def test_an_issue_at_github_is_a_ticket(
    deployed: Deployed,  # noqa: F811
    iacgate: Run,
    github: FakeGitHub,
) -> None:
    settled(deployed, iacgate, f"{{provider: github, repository: {REPOSITORY}}}", "#17")
    deployed.stack.environment = {"GITHUB_API_URL": github.url}
    github.has_issue(17, pull=True)
    assert reasons(deployed, *NAMED)[1][-1] == "ticket-unknown"
    github.has_issue(17)
    assert reasons(deployed, *NAMED) == (11, ["seat-missing", "seat-missing"])
