"""What ``rollback plan`` writes, and what the real terraform makes of it.

Each experiment goes forth and back: the plan is really applied, and the previous configuration is planned again, alone
and with what was written beside it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.conftest import PLANS, ROOT, Run
from tests.support.gitrepo import GitRepo
from tests.support.terraform import Installation, Workspace, install, terraform_or_skip
from tests.test_schemas import validator

IGNORED = "*\n!*.tf\n!.gitignore\n!.terraform.lock.hcl\n!*/\n.terraform/\n"
AWS = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "1.0.0"
    }
  }
}
"""
Actions: TypeAlias = dict[str, list[str]]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("installation") / "terraform", terraform=terraform_or_skip())


@dataclass
class Journey:
    """A stack in a repository, at its previous configuration; what is planned comes next."""

    iacgate: Run
    folder: Workspace
    repository: GitRepo
    root: Path

    def forth(self, files: Mapping[str, str], *options: str) -> Path:
        """Plan another configuration, have its undoing written down, apply it, and return where that is."""
        self.put(files)
        self.repository.commit("ann")
        self.folder.init()
        plan = self.folder.plan()
        text = self.root / "plan.json"
        text.write_bytes(self.folder.show_json(plan))
        written = self.root / "rollback"
        done = self.iacgate(
            "rollback", "plan", plan, "--plan-json", text, "--previous", "HEAD~1", "-o", written, *options
        )
        assert done.returncode == 0, done.stderr.decode()
        self.said = done.stdout.decode()
        self.folder.apply(plan)
        return written

    def put(self, files: Mapping[str, str]) -> None:
        for path in self.folder.root.glob("**/*.tf"):
            path.unlink()
        self.folder.write_files(files)

    def back(self, files: Mapping[str, str]) -> tuple[Actions, dict[str, Any]]:
        """Plan a configuration; return what is done to each object, and the plan."""
        self.put(files)
        self.folder.init()
        plan = json.loads(self.folder.show_json(self.folder.plan(name="back")))
        found = plan.get("resource_changes", [])
        return {item["address"]: item["change"]["actions"] for item in found}, plan

    def addresses(self) -> set[str]:
        state = json.loads(self.folder.run("show", "-json"))
        return {item["address"] for item in state["values"]["root_module"].get("resources", [])}


Begin: TypeAlias = Callable[[Mapping[str, str]], Journey]


@pytest.fixture
def begin(iacgate: Run, installation: Installation, tmp_path: Path) -> Begin:
    def begun(files: Mapping[str, str]) -> Journey:
        repository = GitRepo(tmp_path / "repository")
        folder = installation.workspace(tmp_path / "repository" / "stacks" / "one", {".gitignore": IGNORED, **files})
        folder.init()
        folder.apply()
        repository.commit("ann")
        return Journey(iacgate, folder, repository, tmp_path)

    return begun


def overlay(written: Path) -> dict[str, str]:
    return {"overlay.tf": (written / "overlay.tf").read_text()}


def reverse_plan(written: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((written / "reverse-plan.json").read_bytes())
    validator("reverse-plan.schema.json").validate(found)
    return found


MOVES = {
    "a resource": ('resource "terraform_data" "old" {}', 'resource "terraform_data" "new" {}', "old", "new"),
    "from one to many": (
        'resource "terraform_data" "old" {}',
        'resource "terraform_data" "new" { count = 1 }',
        "old",
        "new[0]",
    ),
    "keys that are hostile": (
        'resource "terraform_data" "old" { for_each = toset(["a.b[0]"]) }',
        'resource "terraform_data" "old" { for_each = toset(["$${path.cwd}\\" } %%{x"]) }',
        'old["a.b[0]"]',
        'old["$${path.cwd}\\" } %%{x"]',
    ),
}


@pytest.mark.parametrize("case", MOVES)
def test_what_was_moved_is_destroyed_without_the_overlay_and_moved_back_with_it(begin: Begin, case: str) -> None:
    before, after, old, new = MOVES[case]
    old, new = f"terraform_data.{old}", f"terraform_data.{new}"
    journey = begin({"main.tf": before})
    written = journey.forth({"main.tf": f"{after}\nmoved {{\n  from = {old}\n  to = {new}\n}}"})
    alone, _ = journey.back({"main.tf": before})
    assert alone[new] == ["delete"]
    assert alone[old] == ["create"]
    mended, plan = journey.back({"main.tf": before, **overlay(written)})
    assert mended == {old: ["no-op"]}
    assert plan["resource_changes"][0]["previous_address"] == new
    assert reverse_plan(written)["steps"][0]["how"] == "overlay"
    journey.folder.apply(journey.folder.root / "back")
    assert journey.addresses() == {old}


def test_what_was_moved_into_a_module_with_keys_is_moved_back(begin: Begin) -> None:
    before = {"main.tf": 'resource "terraform_data" "old" { input = 1 }'}
    journey = begin(before)
    module = 'resource "terraform_data" "new" { input = 1 }'
    call = (
        'module "m" {\n  source   = "./m"\n  for_each = toset(["x"])\n}\n'
        'moved {\n  from = terraform_data.old\n  to   = module.m["x"].terraform_data.new\n}'
    )
    written = journey.forth({"main.tf": call, "m/main.tf": module})
    alone, _ = journey.back(before)
    assert alone["terraform_data.old"] == ["create"]
    mended, _ = journey.back({**before, **overlay(written)})
    assert mended == {"terraform_data.old": ["no-op"]}


def test_what_was_imported_is_deleted_without_the_overlay_and_left_alone_with_it(begin: Begin) -> None:
    before = {"main.tf": AWS + 'resource "aws_s3_bucket" "kept" { bucket = "kept" }'}
    journey = begin(before)
    imported = (
        'resource "aws_s3_bucket" "found" { bucket = "found" }\nimport {\n  to = aws_s3_bucket.found\n  id = "found"\n}'
    )
    written = journey.forth({"main.tf": f"{before['main.tf']}\n{imported}"})
    alone, _ = journey.back(before)
    assert alone["aws_s3_bucket.found"] == ["delete"]
    mended, _ = journey.back({**before, **overlay(written)})
    assert mended == {"aws_s3_bucket.found": ["forget"], "aws_s3_bucket.kept": ["no-op"]}
    journey.folder.apply(journey.folder.root / "back")
    assert journey.addresses() == {"aws_s3_bucket.kept"}


def test_what_was_imported_beside_other_instances_is_taken_out_of_the_state_by_hand(begin: Begin) -> None:
    many = AWS + 'resource "aws_s3_bucket" "many" {\n  for_each = toset([%s])\n  bucket = each.key\n}\n'
    before = {"main.tf": many % '"a"'}
    journey = begin(before)
    address = 'aws_s3_bucket.many["b"]'
    written = journey.forth({"main.tf": many % '"a", "b"' + f'import {{\n  to = {address}\n  id = "b"\n}}'})
    alone, _ = journey.back(before)
    assert alone[address] == ["delete"]
    (step,) = reverse_plan(written)["steps"]
    command = shlex.split(step["block"]["command"])
    assert command == ["terraform", "state", "rm", address]
    assert f"\n{step['block']['command']}\nterraform plan" in (written / "runbook.md").read_text()
    journey.folder.run(*command[1:])
    mended, _ = journey.back({**before, **overlay(written)})
    assert mended == {'aws_s3_bucket.many["a"]': ["no-op"]}


def test_what_was_forgotten_is_made_twice_without_the_overlay_and_imported_with_it(begin: Begin) -> None:
    before = {"main.tf": AWS + 'resource "aws_s3_bucket" "left" { bucket = "$${left}" }'}
    journey = begin(before)
    forgotten = AWS + "removed {\n  from = aws_s3_bucket.left\n  lifecycle { destroy = false }\n}"
    written = journey.forth({"main.tf": forgotten})
    alone, _ = journey.back(before)
    assert alone["aws_s3_bucket.left"] == ["create"]
    mended, plan = journey.back({**before, **overlay(written)})
    assert mended == {"aws_s3_bucket.left": ["no-op"]}
    assert plan["resource_changes"][0]["change"]["importing"] == {"id": "${left}"}


def test_an_id_that_is_sensitive_is_not_written(begin: Begin) -> None:
    variable = 'variable "name" {\n  default   = "very-secret-name"\n  sensitive = true\n}\n'
    before = {"main.tf": AWS + variable + 'resource "aws_s3_bucket" "left" { bucket = var.name }'}
    journey = begin(before)
    forgotten = AWS + variable + "removed {\n  from = aws_s3_bucket.left\n  lifecycle { destroy = false }\n}"
    written = journey.forth({"main.tf": forgotten})
    for path in written.iterdir():
        assert "very-secret-name" not in path.read_text()
    text = overlay(written)["overlay.tf"]
    assert '#   id = "FILL_IN_THE_ID"' in text
    assert all(not line or line.startswith("#") for line in text.splitlines())
    filled = re.sub(r"^# (?=import \{|  to|  id|\}$)", "", text, flags=re.MULTILINE)
    mended, plan = journey.back({**before, "overlay.tf": filled.replace("FILL_IN_THE_ID", "very-secret-name")})
    assert mended == {"aws_s3_bucket.left": ["update"]}  # only its being sensitive is updated: imports have no marks
    change = plan["resource_changes"][0]["change"]
    assert change["importing"] == {"id": "very-secret-name"}
    assert change["before"] == change["after"]


def test_a_rename_that_the_previous_configuration_has_too_needs_no_block(begin: Begin) -> None:
    journey = begin({"main.tf": 'resource "terraform_data" "old" {}'})
    renamed = 'resource "terraform_data" "new" {}\nmoved {\n  from = terraform_data.old\n  to = terraform_data.new\n}\n'
    journey.put({"main.tf": renamed})
    journey.repository.commit("ann")  # merged, and never applied
    written = journey.forth({"main.tf": renamed + 'output "more" { value = 1 }'})
    assert not (written / "overlay.tf").exists()
    (step,) = reverse_plan(written)["steps"]
    assert step["block"]["why"].endswith("the previous configuration has it at its new address already.")
    assert journey.back({"main.tf": renamed})[0] == {"terraform_data.new": ["no-op"]}


def test_the_order_is_the_one_in_which_terraform_undoes(begin: Begin) -> None:
    before = {"main.tf": 'resource "terraform_data" "z" { input = 1 }'}
    journey = begin(before)
    chain = "\n".join(
        f'resource "terraform_data" "{name}" {{ input = terraform_data.{on}.id }}' for name, on in ("az", "ba", "cb")
    )
    written = journey.forth({"main.tf": f"{before['main.tf']}\n{chain}"})
    journey.put(before)
    log = journey.folder.run("apply", "-no-color", "-auto-approve").decode()
    done = re.findall(r"^(terraform_data\.\w+): Destroying", log, re.MULTILINE)
    assert (
        [step["address"] for step in reverse_plan(written)["steps"]] == done == [f"terraform_data.{n}" for n in "cba"]
    )


def test_what_is_deleted_after_its_dependents_were_to_change_is_told(begin: Begin) -> None:
    before = {"main.tf": 'resource "terraform_data" "user" { input = "x" }'}
    journey = begin(before)
    used = 'resource "terraform_data" "used" {}\nresource "terraform_data" "user" { input = terraform_data.used.id }'
    written = journey.forth({"main.tf": used})
    first, second = reverse_plan(written)["steps"]
    assert (first["address"], second["address"]) == ("terraform_data.user", "terraform_data.used")
    assert second["waits_for"] == [1]
    assert "Terraform deletes it before it changes what uses it" in " ".join(second["notes"])
    journey.put(before)
    log = journey.folder.run("apply", "-no-color", "-auto-approve").decode()
    assert log.index("used: Destroying") < log.index("user: Modifying")  # which is what the note is about


def test_the_runbook_names_commit_folder_state_and_runs_as_it_stands(begin: Begin) -> None:
    before = {"main.tf": 'resource "terraform_data" "old" {}'}
    journey = begin(before)
    moved = 'resource "terraform_data" "new" {}\nmoved {\n  from = terraform_data.old\n  to = terraform_data.new\n}'
    written = journey.forth({"main.tf": moved})
    text = (written / "runbook.md").read_text()
    previous = journey.repository.git("rev-parse", "HEAD~1")
    state = json.loads((journey.folder.root / "terraform.tfstate").read_bytes())
    assert f"- It goes back to the commit `{previous}`" in text
    assert f"lineage `{state['lineage']}`" in text
    name = re.search(r"-b (undo-[0-9a-f]{12}) ", text)
    assert name
    for command in (f"git worktree add -b {name[1]} ../{name[1]} {previous}", f"cd ../{name[1]}/stacks/one"):
        assert f"\n{command}\n" in text
    journey.repository.git("worktree", "add", "-q", "-b", name[1], f"../{name[1]}", previous)
    place = journey.root / name[1] / "stacks" / "one"
    undone = Workspace(place, journey.folder.installation)
    undone.write_files({"iacgate-overlay.tf": overlay(written)["overlay.tf"]})
    (place / "terraform.tfstate").write_bytes((journey.folder.root / "terraform.tfstate").read_bytes())
    for words in re.findall(r"^terraform ((?:init|plan) .*)$", text, re.MULTILINE):
        undone.run(*words.split())
    (change,) = json.loads(undone.show_json(place / "tfplan"))["resource_changes"]
    assert change["change"]["actions"] == ["no-op"]


def test_the_commands_of_the_runbook_undo_the_plan_through_the_gate_as_they_stand(
    begin: Begin, iacgate: Run, gate_key: Path, tmp_path: Path
) -> None:
    if not gate_key.exists():
        pytest.skip("needs ssh-keygen, which is not there")
    backend = f'terraform {{\n  backend "local" {{\n    path = "{tmp_path / "one.tfstate"}"\n  }}\n}}\n'
    journey = begin({"main.tf": f'{backend}resource "terraform_data" "old" {{}}'})
    assert iacgate("init", journey.repository.root).returncode == 0
    journey.repository.commit("ann")
    moved = "moved {\n  from = terraform_data.old\n  to = terraform_data.new\n}\n"
    more = 'resource "terraform_data" "more" { input = terraform_data.new.id }\n'
    written = journey.forth({"main.tf": f'{backend}resource "terraform_data" "new" {{}}\n{moved}{more}'})
    assert journey.addresses() == {"terraform_data.new", "terraform_data.more"}
    commands = (written / "runbook.md").read_text().partition("```sh\n")[2].partition("```")[0]
    for word, place in (("REPOSITORY", "repository"), ("INBOX", "inbox"), ("LEDGER", "ledger")):
        commands = commands.replace(word, str(tmp_path / place))
    (tmp_path / "inbox").mkdir()
    ours = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "IACGATE_GATE_KEY": str(gate_key),
        **{f"GIT_{role}_{part}": "ann@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
    }
    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=written,
        env=journey.folder.installation.environment({}) | ours,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"\nAPPLIED " in done.stdout
    assert journey.addresses() == {"terraform_data.old"}
    assert (written / "state-before-undo.json").stat().st_mode & 0o777 == 0o600


def test_commands_of_the_runbook_have_the_options_that_they_name(iacgate: Run, tmp_path: Path) -> None:
    iacgate("rollback", "plan", PLANS / "mixed" / "plan.json", "-o", tmp_path / "out")
    text = (tmp_path / "out" / "runbook.md").read_text()
    commands = re.findall(r"^iacgate (\w+) (.*)$", text, re.MULTILINE)
    assert [name for name, _ in commands] == ["preview", "submit", "gate", "apply"]
    for name, rest in commands:
        known = iacgate(name, "--help").stdout.decode()
        for option in re.findall(r"--[\w-]+", rest):
            assert f"{option} " in known


def test_the_overlay_of_the_documentation_is_the_one_that_is_written(iacgate: Run, tmp_path: Path) -> None:
    iacgate("rollback", "plan", PLANS / "mixed" / "plan.json", "-o", tmp_path / "out")
    shown = (ROOT / "docs" / "rollback.md").read_text().partition("```hcl\n")[2].partition("```")[0]
    assert shown == (tmp_path / "out" / "overlay.tf").read_text()


def test_an_empty_name_of_the_previous_commit_is_refused(iacgate: Run, tmp_path: Path) -> None:
    done = iacgate("rollback", "plan", PLANS / "mixed" / "plan.json", "-o", tmp_path / "out", "--previous", "")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(iacgate: Run, tmp_path: Path) -> None:
    plan = PLANS / "create-only" / "plan.json"
    assert iacgate("rollback", "plan", plan, "-o", tmp_path / "new" / "er").returncode == 0
    held = {path.name: path.read_bytes() for path in (tmp_path / "new" / "er").iterdir()}
    assert set(held) == {"reverse-plan.json", "runbook.md"}
    again = iacgate("rollback", "plan", PLANS / "mixed" / "plan.json", "-o", tmp_path / "new" / "er")
    assert again.returncode == 2
    assert b"nothing is overwritten" in again.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "er").iterdir()} == held
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    assert iacgate("rollback", "plan", plan, "-o", tmp_path / "link").returncode == 2
    assert iacgate("rollback", "plan", plan, "-o", tmp_path / "empty").returncode == 0


def test_it_fails_only_where_it_is_asked_to(iacgate: Run, tmp_path: Path) -> None:
    plan = PLANS / "destroy-database" / "plan.json"
    done = iacgate("rollback", "plan", plan, "-o", tmp_path / "one")
    assert done.returncode == 0
    assert b"NOT READY" in done.stdout
    asked = iacgate("rollback", "plan", plan, "-o", tmp_path / "two", "--fail-if-not-ready")
    assert asked.returncode == 12
    assert (tmp_path / "two" / "runbook.md").is_file()
    ready = iacgate(
        "rollback", "plan", PLANS / "open-ssh" / "plan.json", "-o", tmp_path / "three", "--fail-if-not-ready"
    )
    assert ready.returncode == 0


@pytest.mark.parametrize("scenario", sorted(path.name for path in PLANS.iterdir()))
def test_every_reverse_plan_is_valid(iacgate: Run, tmp_path: Path, scenario: str) -> None:
    folder = Path("fixtures") / "plans" / scenario
    done = iacgate(
        "rollback", "plan", folder / "tfplan", "--plan-json", folder / "plan.json", "-o", tmp_path / "out", cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = reverse_plan(tmp_path / "out")
    assert [step["number"] for step in found["steps"]] == list(range(1, len(found["steps"]) + 1))
