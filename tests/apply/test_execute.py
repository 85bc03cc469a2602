"""Applying a saved plan with the real terraform: what was approved, where the plan says, and nothing lost."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iacgate.apply import backend, execute
from iacgate.canonical import digest
from iacgate.errors import ApplyRefused, TerraformFailed
from tests.apply.stack import Stack, read
from tests.support.stateserver import state_server

DATA = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'
WAITS = """
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "touch begun; until test -e go; do sleep 0.1; done"
  }
}
"""
DATABASE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_db_instance" "a" {
  identifier = "orders"
  password   = "made-up-secret"
}
"""


def state(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def addresses(path: Path) -> list[str]:
    return [f"{resource['type']}.{resource['name']}" for resource in state(path)["resources"]]


def test_a_local_state_is_that_of_the_operator(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    assert stack.apply(stack.plan()).ended.exit_code == 0
    assert addresses(stack.folder / "terraform.tfstate") == ["terraform_data.a"]
    stack.workspace.write_files({"main.tf": DATA.replace('"x"', '"y"')})
    stack.repository.commit("ann")
    assert stack.apply(stack.plan(), "second").ended.exit_code == 0
    assert "1 changed" in stack.printed
    assert (
        state(stack.folder / "terraform.tfstate.backup")["serial"] < state(stack.folder / "terraform.tfstate")["serial"]
    )
    assert not list(stack.root.glob("*/checkout/stack/*.tfstate*")), "none in a checkout, which is removed"


def test_the_lock_is_that_of_the_operators_state(stack: Stack) -> None:
    """Somebody else who applies at the same time is kept out, although the folders differ."""
    body = DATA.replace(
        "input", 'provisioner "local-exec" {\n command = "touch begun; until test -e go; do :; done"\n}\n input'
    )
    stack.commit({"main.tf": body})
    plan = stack.plan()
    run = stack.run()
    execute.initialise(run, read(plan))
    results: list[execute.Applied] = []
    thread = threading.Thread(target=lambda: results.append(execute.apply_plan(run, plan, digest(plan), read(plan))))
    thread.start()
    while not (run.folder / "begun").exists():
        time.sleep(0.05)
    stack.workspace.run("apply", "-no-color", "-auto-approve", expect=1)
    (run.folder / "go").touch()
    thread.join()
    assert results[0].ended.exit_code == 0
    assert not (stack.folder / ".terraform.tfstate.lock.info").exists()


def test_the_workspace_of_the_plan_is_the_one_that_is_applied_to(stack: Stack) -> None:
    """Terraform itself takes the folder's workspace: a plan that only creates goes wherever that is."""
    at_apply = 'output "w" {\n  value = terraform_data.a.id == "" ? "" : terraform.workspace\n}\n'
    stack.commit({"main.tf": DATA + at_apply})
    stack.workspace.run("workspace", "new", "blue")
    plan = stack.plan()
    assert read(plan).workspace == "blue"
    assert stack.apply(plan).ended.exit_code == 0
    found = state(stack.folder / "terraform.tfstate.d" / "blue" / "terraform.tfstate")
    assert found["outputs"]["w"]["value"] == "blue"
    assert not (stack.folder / "terraform.tfstate").exists()


def test_other_bytes_are_not_applied(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    plan = stack.plan()
    run = stack.run()
    with pytest.raises(ApplyRefused, match="not the one that was approved"):
        execute.apply_plan(run, plan, digest(plan + b" "), read(plan))
    assert not stack.lines
    (run.private / "tfplan").mkdir()
    with pytest.raises(ApplyRefused, match="tfplan"):
        execute.apply_plan(run, plan, digest(plan), read(plan))


def test_what_can_fail_beforehand_fails_before_anything_is_recorded(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    plan = stack.plan()
    run = stack.run()
    execute.initialise(run, read(plan))
    printed = len(stack.lines)
    with pytest.raises(ApplyRefused, match="not the one that was approved"):
        execute.prepare_apply(run, plan, digest(plan + b" "), read(plan))
    assert not (run.private / "tfplan").exists()
    prepared = execute.prepare_apply(run, plan, digest(plan), read(plan))
    assert len(stack.lines) == printed, "nothing was started"
    assert str(run.environment) not in repr(prepared)
    assert execute.apply_prepared(prepared).ended.exit_code == 0
    assert addresses(stack.folder / "terraform.tfstate") == ["terraform_data.a"]
    assert not (run.private / "tfplan").exists()


def test_a_program_that_is_gone_is_said_not_to_have_been_started(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    plan = stack.plan()
    prepared = execute.prepare_apply(stack.run(), plan, digest(plan), read(plan))
    gone = msgspec.structs.replace(prepared.run, program="/nowhere/terraform")
    with pytest.raises(TerraformFailed, match="could not be started"):
        execute.apply_prepared(msgspec.structs.replace(prepared, run=gone))
    assert not prepared.plan.exists()


def test_a_plan_that_cannot_be_removed_hides_no_result(stack: Stack) -> None:
    removes = WAITS.replace("touch begun; until test -e go; do sleep 0.1; done", "rm -f ../../tfplan")
    stack.commit({"main.tf": removes})
    assert stack.apply(stack.plan()).ended.exit_code == 0


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_state_that_somebody_committed_is_none_that_could_not_be_stored(stack: Stack, kind: str) -> None:
    stack.commit({"main.tf": DATA})
    plan = stack.plan()
    errored = stack.folder / execute.ERRORED
    if kind == "file":
        errored.write_text("{}")
    elif kind == "link":
        errored.symlink_to("main.tf")
    else:
        errored.mkdir()
        (errored / "a").touch()
    stack.repository.git("add", "-f", "stack")
    stack.repository.commit("ann")
    run = stack.run()
    with pytest.raises(ApplyRefused, match=r"errored\.tfstate in the stack"):
        execute.initialise(run, read(plan))
    assert not stack.lines


def test_what_is_elsewhere_or_no_file_is_no_state(stack: Stack) -> None:
    makes = "mkdir -p other && touch other/errored.tfstate && ln -s main.tf errored.tfstate"
    body = WAITS.replace("touch begun; until test -e go; do sleep 0.1; done", makes)
    stack.commit({"main.tf": body})
    applied = stack.apply(stack.plan())
    assert applied.ended.exit_code == 0, stack.printed
    assert applied.errored_state is None


def test_a_provider_comes_from_the_lock_file(stack: Stack) -> None:
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    assert stack.apply(plan).ended.exit_code == 0
    assert addresses(stack.folder / "terraform.tfstate") == ["aws_db_instance.a"]
    assert "made-up-secret" not in stack.printed


def test_a_commit_without_a_lock_file_gets_that_of_the_plan(stack: Stack) -> None:
    (stack.repository.root / ".gitignore").write_text(".terraform*\n*.tfstate*\n*plan\n")
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    run = stack.run()
    assert not (run.folder / execute.LOCK).exists()
    execute.initialise(run, read(plan))
    assert (run.folder / execute.LOCK).read_bytes() == read(plan).lock_file


def test_another_lock_file_is_refused(stack: Stack) -> None:
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    lock = stack.folder / execute.LOCK
    lock.write_text(lock.read_text().replace("1.1.0", "1.0.0"))
    stack.repository.commit("ann")
    with pytest.raises(ApplyRefused, match="lock file"):
        execute.initialise(stack.run(), read(plan))


def test_a_program_with_another_hash_is_no_provider(stack: Stack) -> None:
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    lock = stack.folder / execute.LOCK
    wrong = b"h1:" + b"A" * 43 + b"="
    plan_file = read(plan)
    assert plan_file.lock_file
    hashes = [line for line in plan_file.lock_file.splitlines() if b'"h1:' in line]
    other = plan_file.lock_file.replace(hashes[0].strip(b' ",'), wrong)
    lock.write_bytes(other)
    stack.repository.commit("ann")
    with pytest.raises(TerraformFailed, match="init"):
        execute.initialise(stack.run(), msgspec.structs.replace(plan_file, lock_file=other))


def test_providers_that_somebody_committed_are_refused(stack: Stack) -> None:
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    shutil.rmtree(stack.folder / ".terraform")
    shutil.copytree(stack.installation.root / "mirror", stack.folder / ".terraform" / "providers")
    stack.repository.git("add", "-f", "stack/.terraform")
    stack.repository.commit("ann")
    with pytest.raises(ApplyRefused, match=r"\.terraform in the stack"):
        execute.initialise(stack.run(), read(plan))


def test_a_provider_that_is_not_allowed_is_refused_before_it_is_fetched(stack: Stack) -> None:
    stack.commit({"main.tf": DATABASE})
    run = stack.run()
    with pytest.raises(ApplyRefused, match="hashicorp/aws is not one of those allowed"):
        execute.initialise(run, read(stack.plan()), providers=["example.com"])
    assert not (run.folder / ".terraform").exists()


def test_overrides_of_a_developer_are_not_looked_for(stack: Stack, tmp_path: Path) -> None:
    """Terraform would run such a program in place of the locked one, from a file that it finds by itself."""
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    program = tmp_path / "evil" / "terraform-provider-aws"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    overrides = f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/aws" = "{program.parent}"\n  }}\n}}\n'
    (tmp_path / ".terraformrc").write_text(overrides)
    stack.given = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(tmp_path / ".terraformrc")}
    assert stack.apply(plan).ended.exit_code == 0
    assert not (tmp_path / "ran").exists()
    stack.workspace.variables = stack.given
    stack.workspace.run("plan", "-no-color", expect=1)
    assert (tmp_path / "ran").exists(), "by itself, terraform does"


def test_plugins_beside_the_configuration_are_not_looked_at(stack: Stack) -> None:
    """A mirror in ``terraform.d/plugins`` is one that Terraform finds by itself where nothing says otherwise."""
    stack.commit({"main.tf": DATABASE})
    plan = stack.plan()
    mirror = stack.folder / "terraform.d" / "plugins"
    mirror.parent.mkdir()
    mirror.symlink_to(stack.installation.root / "mirror")
    run = stack.run()
    (run.folder / "terraform.d").mkdir()
    (run.folder / "terraform.d" / "plugins").symlink_to(stack.installation.root / "mirror")
    config = run.private / "terraform.tfrc"
    config.write_text('provider_installation {\n  filesystem_mirror {\n    path = "/nowhere"\n  }\n}\n')
    with pytest.raises(TerraformFailed):
        execute.initialise(run, read(plan))


FAILS = """
resource "terraform_data" "a" {
  input = "x"
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "exit 7"
  }
}
"""


def test_a_failure_half_way_is_an_answer(stack: Stack) -> None:
    stack.commit({"main.tf": FAILS})
    plan = stack.plan()
    applied = stack.apply(plan)
    assert (applied.ended.exit_code, applied.ended.signal) == (1, 0)
    assert addresses(stack.folder / "terraform.tfstate") == ["terraform_data.a", "terraform_data.b"]
    assert "exit status 7" in stack.printed


HTTP = """
terraform {{
  backend "http" {{
    address        = "{address}/state"
    lock_address   = "{address}/state"
    unlock_address = "{address}/state"
  }}
}}
"""


def test_no_variable_leads_a_plan_to_another_state(stack: Stack, tmp_path: Path) -> None:
    """The backend has no address for locks, so that terraform itself would take the one of the environment."""
    with state_server() as real, state_server() as evil:
        only = f'terraform {{\n  backend "http" {{\n    address = "{real.address}/state"\n  }}\n}}\n'
        stack.commit({"main.tf": DATA, "backend.tf": only})
        plan = stack.plan()
        stack.given = {
            "TF_HTTP_ADDRESS": f"{evil.address}/state",
            "TF_HTTP_LOCK_ADDRESS": f"{evil.address}/state",
            "TF_REATTACH_PROVIDERS": "{}",
            "TF_WORKSPACE": "other",
            "TF_LOG": "trace",
        }
        assert stack.apply(plan).ended.exit_code == 0
        assert set(real.states) == {"/state"}
        assert evil.requests == []


def test_no_variable_leads_a_local_plan_to_another_file(stack: Stack, tmp_path: Path) -> None:
    stack.commit({"main.tf": DATA})
    elsewhere = tmp_path / "elsewhere"
    stack.given = {
        "TF_CLI_ARGS_apply": f"-state={elsewhere} -state-out={elsewhere}",
        "TF_CLI_ARGS": "-lock=false",
        "TF_DATA_DIR": str(elsewhere),
    }
    assert stack.apply(stack.plan()).ended.exit_code == 0
    assert not elsewhere.exists()
    assert addresses(stack.folder / "terraform.tfstate") == ["terraform_data.a"]


def test_a_state_that_cannot_be_stored_is_not_lost(stack: Stack) -> None:
    with state_server() as server:
        stack.commit({"main.tf": DATA, "backend.tf": HTTP.format(address=server.address)})
        plan = stack.plan()
        server.broken = True
        applied = stack.apply(plan)
        assert applied.ended.exit_code == 1
        assert applied.errored_state
        assert addresses(applied.errored_state) == ["terraform_data.a"]


def test_a_new_plan_says_whether_it_is_done(stack: Stack) -> None:
    with state_server() as server:
        variable = 'variable "a" {\n  type = any\n}\nresource "terraform_data" "v" {\n  input = var.a\n}\n'
        stack.commit({"main.tf": DATA + variable, "backend.tf": HTTP.format(address=server.address)})
        plan = stack.plan('-var=a={"n":12345678901234567890.5,"t":[1,true,null]}')
        run = stack.run()
        execute.initialise(run, read(plan))
        assert execute.fresh_plan(run, read(plan)).outcome == "not_empty"
        assert execute.apply_plan(run, plan, digest(plan), read(plan)).ended.exit_code == 0
        assert execute.fresh_plan(run, read(plan)) == execute.Freshness("empty"), stack.printed
        server.states.clear()
        assert execute.fresh_plan(run, read(plan)).outcome == "not_empty"
    assert execute.fresh_plan(run, read(plan)).outcome == "failed"
    assert not list(run.private.glob("*.json")), "settings and variables are removed"


def test_a_new_plan_of_a_local_state(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    stack.workspace.run("workspace", "new", "blue")
    plan = stack.plan()
    run = stack.run()
    execute.initialise(run, read(plan))
    assert execute.apply_plan(run, plan, digest(plan), read(plan)).ended.exit_code == 0
    assert execute.fresh_plan(run, read(plan)) == execute.Freshness("empty")


def test_after_a_destroy_there_is_nothing_to_destroy(stack: Stack) -> None:
    stack.commit({"main.tf": DATA})
    stack.workspace.apply()
    plan = stack.plan("-destroy")
    run = stack.run()
    execute.initialise(run, read(plan))
    assert execute.fresh_plan(run, read(plan)).outcome == "not_empty"
    assert execute.apply_plan(run, plan, digest(plan), read(plan)).ended.exit_code == 0
    assert execute.fresh_plan(run, read(plan)) == execute.Freshness("empty")


def test_a_variable_that_no_plan_stores_is_given_at_apply(stack: Stack) -> None:
    body = 'variable "token" {\n  type = string\n  ephemeral = true\n}\n' + DATA
    stack.commit({"main.tf": body})
    stack.workspace.variables = {"TF_VAR_token": "one"}
    plan = stack.plan()
    names = read(plan).apply_time_variables
    assert names == ("token",)
    stack.given = {"TF_VAR_token": "one", "TF_VAR_other": "two"}
    assert stack.apply(plan, variables=names).ended.exit_code == 0
    assert "TF_VAR_other" not in stack.environment(stack.root / "private", variables=names)


def test_a_file_of_a_fetched_module_is_read_at_apply(stack: Stack, tmp_path: Path) -> None:
    from tests.support.gitrepo import GitRepo

    module = GitRepo(tmp_path / "module")
    (module.root / "hello.txt").write_text("${v}")
    read_there = 'templatefile("${path.module}/hello.txt", { v = var.v })'
    module.commit("ann", main=f'variable "v" {{}}\nresource "terraform_data" "m" {{\n  input = {read_there}\n}}\n')
    call = f'module "m" {{\n  source = "git::file://{module.root}"\n  v = terraform_data.a.id\n}}\n'
    stack.commit({"main.tf": DATA + call})
    plan = stack.plan()
    assert stack.apply(plan).ended.exit_code == 0, stack.printed
    assert (stack.root / "private" / "checkout" / "stack" / ".terraform" / "modules" / "m" / "hello.txt").is_file()


def test_a_plan_for_another_workspace_is_seen_before(stack: Stack) -> None:
    """What was planned on nothing, while there is something now, has another lineage."""
    stack.commit({"main.tf": DATA})
    plan = stack.plan()
    private = stack.private()
    environment = stack.environment(private)
    ask = (stack.installation.terraform, environment, private, stack.folder)
    assert backend.live_state(read(plan), *ask).exists is False
    stack.workspace.apply()
    live = backend.live_state(read(plan), *ask)
    assert (live.exists, live.lineage != read(plan).lineage) == (True, True)
    assert live.digest == digest((stack.folder / "terraform.tfstate").read_bytes())
