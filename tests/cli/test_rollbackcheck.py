"""``iacgate rollback check`` as a process: exit codes, streams, formats, and the real terraform and git."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_preview import change, plan_json
from tests.conftest import PLANS, Run
from tests.support.gitrepo import GitRepo
from tests.support.terraform import AWS, Workspace, install, terraform_or_skip
from tests.test_schemas import validator

SCENARIOS = sorted(path.name for path in PLANS.iterdir())
CREATE = PLANS / "create-only" / "plan.json"
DATABASE = PLANS / "destroy-database" / "plan.json"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_it_prints_is_valid_and_its_exit_code_says_whether_it_is_ready(iacgate: Run, scenario: str) -> None:
    done = iacgate("rollback", "check", PLANS / scenario / "plan.json", "--format", "json")
    assert done.stderr == b""
    document = json.loads(done.stdout)
    validator("rollback.schema.json").validate(document)
    assert done.returncode == (12 if document["report"]["readiness"] == "not-ready" else 0)


def test_both_exit_codes_are_there(iacgate: Run) -> None:
    assert iacgate("rollback", "check", CREATE).returncode == 0
    assert iacgate("rollback", "check", DATABASE).returncode == 12


def test_a_plan_file_with_its_json_tells_more(iacgate: Run) -> None:
    folder = PLANS / "mixed"
    done = iacgate("rollback", "check", folder / "tfplan", "--plan-json", folder / "plan.json", "--format", "json")
    assert {check["id"] for check in json.loads(done.stdout)["report"]["checks"]} & {"RB013", "RB014", "RB017"} == set()


def test_standard_input(iacgate: Run) -> None:
    done = iacgate("rollback", "check", "-", stdin=CREATE.read_bytes())
    assert done.returncode == 0
    assert b"Can it be undone: standard input" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), b"PLAN"),
        ((CREATE, "--format", "yaml"), b"yaml"),
        ((CREATE, CREATE, "--plan-json", CREATE), b"exactly one PLAN"),
        ((CREATE, "--previous", ""), b"names no commit"),
        ((CREATE, "--previous", "HEAD"), b"git"),
        ((CREATE, "--config", "x", "--no-config"), b"contradict"),
    ],
)
def test_what_cannot_be_done_is_refused(iacgate: Run, tmp_path: Path, arguments: tuple[Any, ...], says: bytes) -> None:
    where = ("--source", tmp_path) if "HEAD" in arguments else ()
    done = iacgate("rollback", "check", *arguments, *where)
    assert done.returncode == 2
    assert done.stdout == b""
    assert says in done.stderr


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format_version": "9.0"}'])
def test_what_is_no_plan_is_refused(iacgate: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(data)
    done = iacgate("rollback", "check", "plan.json")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"plan.json" in done.stderr


def test_an_unreadable_plan_does_not_hide_the_others(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b"{")
    done = iacgate("rollback", "check", "broken.json", DATABASE, CREATE, "--format", "json")
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 2
    assert b"broken.json" in done.stderr


def test_the_worst_of_several_counts(iacgate: Run) -> None:
    assert iacgate("rollback", "check", DATABASE, CREATE).returncode == 12
    assert iacgate("rollback", "check", CREATE, DATABASE).returncode == 12
    assert iacgate("rollback", "check", CREATE, CREATE).returncode == 0


def test_colour(iacgate: Run) -> None:
    assert b"\x1b" not in iacgate("rollback", "check", DATABASE).stdout
    assert b"\x1b[" in iacgate("rollback", "check", DATABASE, "--color", "always").stdout
    assert b"\x1b" not in iacgate("rollback", "check", DATABASE, NO_COLOR="1", FORCE_COLOR="").stdout
    assert b"\x1b" not in iacgate("rollback", "check", DATABASE, "--color", "never").stdout


def test_nothing_secret_is_printed(iacgate: Run, tmp_path: Path) -> None:
    secret, key = "correct-horse-battery", "AKIAIOSFODNN7EXAMPLE"
    hidden = change(
        f'aws_db_instance.a["{secret}"]',
        ("delete", "create"),
        before={"password": secret, "skip_final_snapshot": True, "identifier": secret, "tags": {"k": key}},
        after={"password": "x" * 9, "skip_final_snapshot": secret},
        before_sensitive={"password": True},
        after_sensitive={"password": True},
    )
    named = change(f'aws_secretsmanager_secret.a["{key}"]', ("delete",), before={"recovery_window_in_days": secret})
    (tmp_path / "plan.json").write_bytes(plan_json(hidden, named))
    for output in ("text", "json"):
        done = iacgate("rollback", "check", "plan.json", "--format", output, "--all")
        assert done.returncode == 12
        for text in (secret.encode(), key.encode(), b"x" * 9):
            assert text not in done.stdout + done.stderr
        assert b"(sensitive)" in done.stdout


# With the real terraform and git.

HEAD = f"""terraform {{
  required_providers {{
    aws = {{
      source  = "{AWS.removeprefix("registry.terraform.io/")}"
      version = "%s"
    }}
  }}
}}
"""
BUCKET = 'resource "aws_s3_bucket" "a" {\n  bucket        = "%s"\n  force_destroy = %s\n%s}\n'
PROTECTED = "  lifecycle {\n    prevent_destroy = true\n  }\n"


class Stack:
    """A stack in a git repository, planned with the real terraform."""

    def __init__(self, root: Path, run: Run) -> None:
        self.git = GitRepo(root / "repository")
        self.terraform = terraform_or_skip()
        self.installation = install(root / "installed", terraform=self.terraform)
        self.workspace = Workspace(self.git.root, self.installation)
        self._run = run
        (self.git.root / ".gitignore").write_text(".terraform/\n*.tfstate*\ntfplan\n")

    def commit(self, *parts: str) -> None:
        self.workspace.write_files({"main.tf": "\n".join(parts)})
        self.workspace.init("-upgrade")
        self.git.commit("alice")

    def check(self, *more: str) -> tuple[int, dict[str, Any]]:
        plan = self.workspace.plan()
        (self.git.root.parent / "plan.json").write_bytes(self.workspace.show_json(plan))
        done = self._run(
            "rollback", "check", plan, "--plan-json", self.git.root.parent / "plan.json", "--format", "json", *more
        )
        assert done.stderr == b""
        return done.returncode, json.loads(done.stdout)["report"]


@pytest.fixture
def stack(tmp_path: Path, iacgate: Run) -> Stack:
    if shutil.which("git") is None:
        pytest.skip("needs git on PATH, which is not there")
    found = Stack(tmp_path, iacgate)
    found.commit(HEAD % "1.0.0", BUCKET % ("first", "false", PROTECTED))
    found.workspace.apply()
    return found


def ids(report: dict[str, Any], part: str = "checks") -> set[str]:
    return {item["id"] for item in report[part]}


def test_a_change_of_a_tag_is_ready_on_paper(stack: Stack) -> None:
    stack.commit(HEAD % "1.0.0", (BUCKET % ("first", "true", PROTECTED)))
    code, report = stack.check("--previous", "HEAD~1")
    assert (code, report["readiness"]) == (0, "ready-on-paper")
    assert not {"RB010", "RB011", "RB012", "RB013", "RB014", "RB016", "RB017", "RB018", "RB023"} & ids(report)
    assert not {"RB010", "RB011", "RB012", "RB013", "RB014", "RB016", "RB018", "RB023"} & ids(report, "not_checked")


def test_a_replacement_meets_what_the_previous_configuration_protects(stack: Stack) -> None:
    stack.commit(HEAD % "1.1.0", BUCKET % ("second", "false", ""))
    _, report = stack.check("--previous", "HEAD~1")
    assert {"RB012", "RB018"} <= ids(report)
    (undo,) = report["undos"]
    assert (undo["action"], undo["inverse"], undo["verdict"]) == (
        "replace", "delete-create", "re-creatable-with-new-identity"
    )  # fmt: skip
    _, alone = stack.check()
    assert {"RB010", "RB012", "RB018", "RB023"} <= ids(alone, "not_checked")


def test_a_bucket_that_is_emptied_is_not_ready(stack: Stack) -> None:
    stack.commit(HEAD % "1.0.0", BUCKET % ("first", "true", ""))
    stack.workspace.apply()
    stack.commit(HEAD % "1.0.0")
    code, report = stack.check("--previous", "HEAD~1")
    assert (code, report["verdict"]) == (12, "irreversible")
    assert "RB001" in ids(report)


def test_another_backend_and_a_commit_that_comes_after(stack: Stack) -> None:
    bucket = BUCKET % ("first", "true", "")
    stack.commit(HEAD % "1.0.0", bucket)
    stack.commit(HEAD % "1.0.0", 'terraform {\n  backend "local" {}\n}\n', bucket)
    _, report = stack.check("--previous", "HEAD~1")
    assert "RB023" in ids(report)
    stack.git.git("branch", "later")
    stack.git.git("reset", "-q", "--soft", "HEAD~1")
    code, report = stack.check("--previous", "later")
    assert "RB010" in ids(report)
    assert code == 12


def test_a_lock_file_that_was_not_committed(stack: Stack) -> None:
    stack.git.git("rm", "-q", "--cached", ".terraform.lock.hcl")
    (stack.git.root / ".gitignore").write_text(".terraform*\n*.tfstate*\ntfplan\n")
    stack.commit(HEAD % "1.0.0", BUCKET % ("first", "true", PROTECTED))
    stack.commit(HEAD % "1.0.0", BUCKET % ("first", "false", PROTECTED))
    _, report = stack.check("--previous", "HEAD~1")
    assert "RB011" in ids(report)
