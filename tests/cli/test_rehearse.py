"""``iacgate rollback rehearse`` as a user calls it: what it prints, how it exits, and what it leaves behind."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import PLANS, Run
from tests.rollback.rehearsing import Scenario, Stack, environment_of
from tests.rollback.scenarios import KEEP, data, db
from tests.schemas import FOLDER
from tests.support.stateserver import state_server
from tests.support.terraform import AWS, Installation, install, terraform_or_skip
from tests.support.testprovider import CALLS

REMOVED = "removed {\n  from = terraform_data.b\n  lifecycle {\n    destroy = false\n  }\n}\n"
IMPORT = 'import {\n  to = terraform_data.b\n  id = "b"\n}\n'
SECRETS = ("old-secret-1", "new-secret-2", "given-secret-3")
SECRET = 'variable "p" {\n  sensitive = true\n}\n' + data("s", "var.p")


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("rehearse") / "terraform", terraform=terraform_or_skip(), sources=(AWS,))


class Called:
    """A stack, and the program called in it; nothing may be left of what it does."""

    def __init__(self, iacgate: Run, installation: Installation, root: Path, scratch: Path) -> None:
        self._iacgate, self._installation, self._root, self.scratch = iacgate, installation, root, scratch

    def stack(self, scenario: Scenario) -> Stack:
        return Stack(self._root / "stack", self._installation, scenario)

    def call(self, stack: Stack, *arguments: str | Path, **more: str) -> tuple[int, str, str]:
        environment = {**environment_of(stack), "TMPDIR": str(self.scratch), "HOME": str(self._root), **more}
        command = ("rollback", "rehearse", "tfplan", "--previous", stack.previous, *arguments)
        done = self._iacgate(*command, cwd=stack.root, **environment)
        assert list(self.scratch.iterdir()) == []
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def json(self, stack: Stack, *arguments: str | Path, **more: str) -> tuple[int, dict[str, Any]]:
        code, out, said = self.call(stack, *arguments, "--format", "json", **more)
        assert out, said
        answer = json.loads(out)
        Draft202012Validator(json.loads((FOLDER / "rehearsal.schema.json").read_bytes())).validate(answer)
        return code, answer


@pytest.fixture
def called(iacgate: Run, installation: Installation, tmp_path: Path) -> Iterator[Called]:
    with tempfile.TemporaryDirectory() as scratch:  # providers make their sockets there, whose paths must be short
        yield Called(iacgate, installation, tmp_path, Path(scratch))


def test_a_way_back_that_matches_is_told_and_the_working_tree_does_not_count(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1") + data("gone", "1"), data("a", "2") + data("new", "1")))
    stack.workspace.write_files({"main.tf": "nothing { of this", "more.tf": "is looked at"})
    code, out, _ = called.call(stack)
    assert code == 0
    assert out == (
        "The way back matches: it is the reverse of this plan.\n"
        f"  Rehearsed with Terraform {stack.forward.terraform_version}, back to {stack.previous[:12]}.\n"
        "Would be destroyed on the way back: 1\n  terraform_data.new\n"
        "Would be made on the way back: 1\n  terraform_data.gone\n"
        "Would be changed on the way back: 1\n  terraform_data.a\n"
        "Approximate, since the plan leaves values open until apply:\n  terraform_data.a\n  terraform_data.new\n"
    )


def test_programs_get_what_they_need(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    code, answer = called.json(stack)
    assert code == 0
    assert answer["schema"] == "iacgate.rehearsal/1"
    assert answer["outcome"] == "matches"
    assert answer["previous"] == stack.previous
    assert answer["steps"] == [{"address": "terraform_data.a", "actions": ["update"]}]
    assert answer["approximate"] == ["terraform_data.a"]


def test_prevent_destroy_in_the_previous_configuration_is_not_ready(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1", KEEP), data("a", "1", 'triggers_replace = ["x"]')))
    code, out, _ = called.call(stack)
    assert code == 12
    assert out.startswith("The way back FAILS.\n")
    assert "terraform plan: " in out
    assert "Instance cannot be destroyed" in out


def test_a_provider_that_the_previous_lock_file_lacks_is_named(called: Called) -> None:
    stack = called.stack(
        Scenario({"a.tf": data("a", "1"), ".terraform.lock.hcl": "# nothing is locked\n"}, db("b") + data("a", "1"))
    )
    code, out, said = called.call(stack)
    assert code == 12, said
    assert "terraform init: " in out
    assert f"The plan's objects need '{AWS}', which the previous lock file does not have" in out


def test_what_the_previous_configuration_ignores_does_not_come_back(called: Called) -> None:
    ignoring = data("a", "1", "lifecycle {\n    ignore_changes = [input]\n  }")
    code, answer = called.json(called.stack(Scenario(ignoring, data("a", "2"))))
    assert code == 12
    assert answer["outcome"] == "differs"
    assert answer["differences"] == [{"address": "terraform_data.a", "expected": ["update"], "rehearsed": []}]


def test_a_value_that_comes_back_as_another_one_is_named_and_a_secret_is_not_shown(called: Called) -> None:
    before = {"main.tf": SECRET + data("a", '{ x = "old", y = var.p }')}
    after = {"main.tf": SECRET + data("a", '{ x = "new", y = "open" }')}
    stack = called.stack(Scenario(before, after, variables={"TF_VAR_p": SECRETS[0]}))
    (stack.root / "other.tfvars").write_text(f'p = "{SECRETS[1]}"\n')
    code, answer = called.json(stack, "--var-file", "other.tfvars")
    assert code == 12
    places = [
        (item["address"], item.get("path"), item.get("before"), item.get("after")) for item in answer["differences"]
    ]
    assert ("terraform_data.a", "input.y", "(sensitive)", "(sensitive)") in places
    assert not any(secret in json.dumps(answer) for secret in SECRETS)


def test_secrets_are_not_in_what_a_failure_says(called: Called) -> None:
    condition = 'condition = !startswith(var.q, "x")\n      error_message = "got ${var.q}"'
    check = f"lifecycle {{\n    precondition {{\n      {condition}\n    }}\n  }}"
    before = SECRET + 'variable "q" {\n  default = "y"\n}\n' + data("a", "1", check)
    stack = called.stack(Scenario(before, SECRET + data("a", "2"), variables={"TF_VAR_p": SECRETS[2]}))
    code, out, _ = called.call(stack, TF_VAR_q=f"x and {SECRETS[2]}")
    assert code == 12
    assert "got x and (sensitive)" in out


def test_a_secret_that_only_the_environment_has_is_not_in_what_a_failure_says(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    condition = 'condition = length(nonsensitive(var.p)) == 0\n      error_message = "got ${nonsensitive(var.p)}"'
    check = f"lifecycle {{\n    precondition {{\n      {condition}\n    }}\n  }}"
    stack.workspace.write_files({"main.tf": SECRET + data("a", "1", check)})
    stack.previous = stack.repository.commit("ann")
    code, out, _ = called.call(stack, TF_VAR_p=SECRETS[2])
    assert code == 12
    assert "got (sensitive)" in out


def test_a_variable_without_a_value_is_named_and_can_be_given(called: Called) -> None:
    needing = {"main.tf": 'variable "size" {}\n' + data("a", "var.size"), "prod.tfvars": 'size = "7"\n'}
    after = {"main.tf": data("a", '"8"'), "prod.tfvars": 'size = "9"\n'}
    scenario = Scenario(needing, after, variables={"TF_VAR_size": "7"})
    stack = called.stack(scenario)
    del stack.workspace.variables["TF_VAR_size"]
    stack.plan = stack.workspace.plan()
    code, _, said = called.call(stack)
    assert code == 2
    assert "'size'" in said
    assert "--var-file" in said
    code, answer = called.json(stack, "--var-file", "prod.tfvars")
    assert (code, answer["outcome"]) == (0, "matches"), "the file is the one of the previous commit"


def test_imports_are_left_out_unless_reading_is_allowed(called: Called) -> None:
    forgetting = Scenario(data("a", "1") + data("b", "1"), data("a", "2") + REMOVED, overlay={"undo.tf": IMPORT})
    stack = called.stack(forgetting)
    folder = stack.root.parent / "overlay"
    folder.mkdir()
    (folder / "undo.tf").write_text(IMPORT)
    code, answer = called.json(stack, "--overlay", folder)
    assert (code, answer["outcome"]) == (0, "matches")
    assert answer["not_rehearsed"] == ["terraform_data.b"]
    assert len(answer["overlay_sha256"]) == 64
    _, out, _ = called.call(stack, "--overlay", folder)
    assert out.endswith("Not rehearsed:\n  terraform_data.b\n")
    code, answer = called.json(stack, "--overlay", folder, "--allow-reads")
    assert {"address": "terraform_data.b", "actions": ["import", "update"]} in answer["steps"], answer


def test_an_overlay_has_nothing_but_its_three_kinds_of_blocks(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    folder = stack.root.parent / "overlay"
    folder.mkdir()
    assert called.call(stack, "--overlay", folder)[0] == 2
    (folder / "undo.tf").write_text(data("a", "1"))
    code, _, said = called.call(stack, "--overlay", folder)
    assert code == 2
    assert "something else than moved, removed and import" in said


def test_no_backend_is_asked(called: Called) -> None:
    with state_server() as server:
        backend = f'terraform {{\n  backend "http" {{\n    address = "{server.address}/state"\n  }}\n}}\n'
        stack = called.stack(Scenario(backend + data("a", "1"), backend + data("a", "2")))
        asked = len(server.requests)
        assert asked, "the stack itself uses it"
        code, answer = called.json(stack)
        assert (code, answer["outcome"]) == (0, "matches")
        assert len(server.requests) == asked


def test_what_somebody_committed_in_place_of_terraforms_own_folder_does_not_count(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    with state_server() as server:
        backend = {"type": "http", "config": {"address": f"{server.address}/state"}, "hash": 1}
        noted = {"version": 3, "terraform_version": "1.11.4", "backend": backend}
        stack.workspace.write_files({".terraform/terraform.tfstate": json.dumps(noted), "main.tf": data("a", "1")})
        stack.repository.git("add", "-fA", ".terraform")
        stack.previous = stack.repository.commit("ann")
        code, answer = called.json(stack)
        assert (code, answer["outcome"]) == (0, "matches")
        assert server.requests == []


def test_an_environment_that_leads_terraform_elsewhere_is_not_passed_on(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    place = stack.root.parent / "elsewhere"
    leading = {"TF_CLI_ARGS": "-bogus", "TF_CLI_ARGS_plan": "-target=x.y", "TF_DATA_DIR": str(place)}
    code, answer = called.json(stack, **leading, TF_WORKSPACE="other", TF_LOG="trace", TF_LOG_PATH=str(place))
    assert (code, answer["outcome"], len(answer["steps"])) == (0, "matches", 1)
    assert not place.exists()


def test_no_provider_does_anything_but_plan(called: Called) -> None:
    lines = ('engine = "postgres"', "skip_final_snapshot = true")
    same, other = db("same", *lines), db("other", *lines)
    stack = called.stack(Scenario(same + db("gone", *lines), same.replace("true", "false") + other))
    calls = stack.root.parent / "calls"
    code, answer = called.json(stack, **{CALLS: str(calls)})
    assert (code, answer["outcome"], len(answer["steps"])) == (0, "matches", 3)
    assert not calls.exists()
    stack.workspace.variables[CALLS] = str(calls)
    stack.workspace.plan(name="again")
    assert set(calls.read_text().split()) == {"read"}, "what is written down is what is done"


def test_a_cloud_block_is_replaced_too(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    cloud = 'terraform {\n  cloud {\n    organization = "nobody"\n    workspaces {\n      name = "x"\n    }\n  }\n}\n'
    stack.workspace.write_files({"main.tf": data("a", "1"), "cloud.tf": cloud})
    stack.previous = stack.repository.commit("ann")
    code, answer = called.json(stack)
    assert (code, answer["outcome"]) == (0, "matches")


@pytest.mark.parametrize("name", ["zzzzz_override.tf", "zzzzz.x_override.tf", "zzzzz_override.tf.json"])
def test_an_override_file_that_would_count_more_than_ours_is_refused(called: Called, name: str) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    with state_server() as server:
        backend = json.dumps({"terraform": {"backend": {"http": {"address": f"{server.address}/state"}}}})
        if name.endswith(".tf"):
            backend = f'terraform {{\n  backend "http" {{\n    address = "{server.address}/state"\n  }}\n}}\n'
        stack.workspace.write_files({name: backend})
        stack.previous = stack.repository.commit("ann")
        code, _, said = called.call(stack)
        assert code == 2
        assert "override file" in said
        assert server.requests == []


def test_a_state_that_somebody_committed_is_not_taken_for_the_one_to_go_back_from(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    state = (stack.root / "terraform.tfstate").read_text()
    names = ("terraform.tfstate", "terraform.tfstate.backup", "terraform.tfstate.d/default/terraform.tfstate")
    stack.workspace.write_files(dict.fromkeys(names, state) | {"main.tf": data("a", "1")})
    stack.repository.git("add", "-fA")
    stack.previous = stack.repository.commit("ann")
    code, answer = called.json(stack)
    assert (code, answer["outcome"]) == (0, "matches"), answer["why"]


def test_an_overlay_hides_no_difference_behind_an_import_that_is_left_out(called: Called) -> None:
    ignoring = data("a", "1", "lifecycle {\n    ignore_changes = [input]\n  }")
    stack = called.stack(Scenario(ignoring, data("a", "2")))
    folder = stack.root.parent / "overlay"
    folder.mkdir()
    (folder / "undo.tf").write_text(IMPORT.replace("terraform_data.b", "terraform_data.a"))
    code, answer = called.json(stack, "--overlay", folder)
    assert (code, answer["outcome"]) == (12, "differs")
    assert answer["not_rehearsed"] == ["terraform_data.a"]


def test_links_of_the_commit_lead_nowhere(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    victim = stack.root.parent / "victim"
    victim.write_text("whole")
    for name in ("zzzz_iacgate_override.tf", "iacgate_overlay_0.tf"):
        (stack.root / name).symlink_to(victim)
    stack.repository.git("add", "-fA")
    stack.previous = stack.repository.commit("ann")
    assert called.call(stack)[0] in {2, 3}
    assert victim.read_text() == "whole"


@pytest.mark.parametrize(("signal", "code"), [("INT", 130), ("TERM", 130), ("HUP", 130)])
def test_interrupted_it_leaves_nothing_behind(called: Called, signal: str, code: int) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    program = stack.root.parent / "slow"
    mark = stack.root.parent / "pid"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in\n*" plan "*) echo $$ > {mark}; kill -{signal} $PPID; exec sleep 600;;\nesac\n'
        f'exec {stack.workspace.installation.terraform} "$@"\n'
    )
    program.chmod(0o755)
    found, _, _ = called.call(stack, "--program", program)
    assert found == code
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_what_cannot_be_rehearsed(called: Called, iacgate: Run) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    of_json = iacgate("rollback", "rehearse", PLANS / "mixed" / "plan.json", "--previous", "HEAD")
    assert of_json.returncode == 2
    assert b"terraform plan -out" in of_json.stderr
    assert iacgate("rollback", "rehearse", "-", "--previous", "HEAD").returncode == 2
    stack.previous = "nowhere"
    code, _, said = called.call(stack)
    assert code == 2
    assert "'nowhere'" in said


def test_a_stack_that_is_new_has_nothing_to_go_back_to(called: Called) -> None:
    stack = called.stack(Scenario(data("a", "1"), data("a", "2")))
    inner = stack.root / "inner"
    inner.mkdir()
    (inner / "main.tf").write_text(data("a", "1"))
    stack.repository.commit("ann")
    code, _, said = called.call(stack, "--chdir", inner)
    assert code == 2
    assert "has no folder 'inner'" in said
