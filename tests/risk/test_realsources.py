"""What the real Terraform runs or reveals without a word in the plan's JSON, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iacgate.plan.agreement import check_agreement
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import read_plan
from iacgate.plan.source.snapshot import from_members
from iacgate.risk.assess import assess
from iacgate.risk.assessment import Assessment
from iacgate.risk.context import ALONE, Context
from iacgate.risk.packs import RuleSet
from iacgate.shell.shipped import shipped_packs
from tests.support.terraform import Workspace, install, terraform_or_skip

RULES = RuleSet(shipped_packs())
PROVISIONER = "terraform-provisioner-local-exec"
UNSEEN = "terraform-removed-unseen"
REVEALED = "terraform-output-revealed"

NAMES = ("native", "spaces", "comment", "escape", "json")
BEFORE = "".join(f'resource "terraform_data" "{name}" {{}}\n' for name in NAMES) + 'module "m" {\n  source = "./m"\n}\n'
MODULE = 'resource "terraform_data" "inner" {}\n'


def removed(written: str, ran: str, label: str = "local-exec") -> str:
    """Return a removed block whose provisioner leaves a file."""
    return (
        f"removed {{\n  from = {written}\n  lifecycle {{\n    destroy = true\n  }}\n"
        f'  provisioner "{label}" {{\n    when    = destroy\n    command = "echo > ran-{ran}"\n  }}\n}}\n'
    )


def in_json(written: str, ran: str) -> str:
    run = {"local-exec": {"when": "destroy", "command": f"echo > ran-{ran}"}}
    return json.dumps({"removed": [{"from": written, "provisioner": run}]})


AFTER = {
    "main.tf": removed("terraform_data.native", "native")
    + removed("terraform_data . spaces", "spaces")
    + removed("terraform_data /* a comment */ .comment", "comment")
    + removed("terraform_data.escape", "escape", r"local\u002dexec")
    + removed("module.m.terraform_data.inner", "inner"),
    "other.tf.json": in_json(" terraform_data . json", "json"),
}


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    installation = install(tmp_path / "installed", terraform=terraform_or_skip(), sources=())
    return installation.workspace(tmp_path / "work")


def judged(work: Workspace, made: Path) -> tuple[Assessment, dict[str, Any]]:
    """Return what is found in a saved plan, and its JSON."""
    text = work.show_json(made)
    file = read_plan_file(made.read_bytes(), "tfplan")
    check_agreement(file, text, "tfplan")
    return assess(read_plan(text, "tfplan"), RULES, Context(plan_file=file)), json.loads(text)


def places(found: Assessment, rule: str) -> dict[str, str]:
    """Return the addresses of a rule's findings, with the files that they stand in."""
    return {item.address: item.source.file if item.source else "" for item in found.findings if item.rule == rule}


def test_every_program_that_a_removed_block_runs_is_found_before_it_runs(work: Workspace) -> None:
    work.write_files({"main.tf": BEFORE, "m/main.tf": MODULE})
    work.init()
    work.apply()
    work.write_files(AFTER)
    made = work.plan()
    found, shown = judged(work, made)
    assert "provisioner" not in json.dumps(shown)
    assert places(found, PROVISIONER) == {
        "terraform_data.native": "main.tf",
        "terraform_data.spaces": "main.tf",
        "main.tf": "main.tf",  # a comment inside of an address is not understood, and the file is named
        "terraform_data.escape": "main.tf",
        "module.m.terraform_data.inner": "main.tf",
        "terraform_data.json": "other.tf.json",
    }
    assert not places(found, UNSEEN)
    work.apply(made)
    ran = {path.name for path in work.root.glob("ran-*")}
    assert ran == {f"ran-{name}" for name in (*NAMES, "inner")}

    found, _ = judged(work, work.plan())
    assert not places(found, PROVISIONER)  # the blocks are still there, and nothing is left to be destroyed


def test_the_json_alone_cannot_tell_and_says_so_and_sources_beside_it_do(work: Workspace) -> None:
    work.write_files({"main.tf": 'resource "terraform_data" "a" {}\n'})
    work.init()
    work.apply()
    work.write_files({"main.tf": removed("terraform_data.a", "a")})
    text = work.show_json(work.plan())
    alone = assess(read_plan(text, "plan"), RULES, ALONE)
    assert (places(alone, UNSEEN), places(alone, PROVISIONER)) == ({"": ""}, {})
    beside = from_members({"tfconfig/m-/main.tf": (work.root / "main.tf").read_bytes()})
    known = assess(read_plan(text, "plan"), RULES, Context(beside=beside))
    assert (places(known, UNSEEN), places(known, PROVISIONER)) == ({}, {"terraform_data.a": "main.tf"})


def test_another_command_in_a_removed_block_is_another_plan(work: Workspace) -> None:
    work.write_files({"main.tf": 'resource "terraform_data" "a" {}\n'})
    work.init()
    work.apply()
    prints = []
    for ran in ("a", "a", "b"):
        work.write_files({"main.tf": removed("terraform_data.a", ran)})
        made = work.plan()
        file = read_plan_file(made.read_bytes(), "tfplan")
        prints.append(fingerprint(read_plan(work.show_json(made), "tfplan"), file).digest)
    assert prints[0] == prints[1] != prints[2]


def test_a_secret_output_that_stops_being_one_is_found(work: Workspace) -> None:
    secret = 'output "o" {\n  value     = "a-value"\n  sensitive = true\n}\n'
    plain = 'output "o" {\n  value = "a-value"\n}\n'
    work.write_files({"main.tf": secret})
    work.init()
    found, _ = judged(work, work.plan())
    assert not places(found, REVEALED)  # it is new
    work.apply()

    work.write_files({"main.tf": secret.replace("a-value", "another")})
    found, _ = judged(work, work.plan())
    assert not places(found, REVEALED)  # it stays a secret

    work.write_files({"main.tf": plain})
    made = work.plan()
    found, shown = judged(work, made)
    body = shown["output_changes"]["o"]
    assert (body["before"], body["after"]) == ("a-value", "a-value")
    assert (body["before_sensitive"], body["after_sensitive"]) == (True, True)
    assert places(found, REVEALED) == {"output.o": "main.tf"}
    alone = assess(read_plan(work.show_json(made), "plan"), RULES)
    assert places(alone, REVEALED) == {"output.o": ""}
    work.apply(made)

    work.write_files({"main.tf": secret})
    found, _ = judged(work, work.plan())
    assert not places(found, REVEALED)  # it becomes a secret again, and has the same marks

    work.write_files({"main.tf": "locals {}\n"})
    found, _ = judged(work, work.plan())
    assert not places(found, REVEALED)  # it goes
