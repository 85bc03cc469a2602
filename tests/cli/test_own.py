"""``iacgate preview`` with a team's settings, rules, policies and sources, as a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from iacgate.policy.environments import ShippedPack
from iacgate.shell.shipped import shipped_packs
from tests.cli.test_preview import change, plan_json
from tests.conftest import PLANS, Run
from tests.support.terraform import terraform_or_skip

NEXT_YEAR = (datetime.now(UTC) + timedelta(days=300)).date().isoformat()
MIXED = PLANS / "mixed" / "plan.json"
STACKS = "stacks:\n  - {name: pay-dev, environment: dev, backend: {type: s3, key: dev}}\n"
POLICY = "environments:\n  prod: {tier: prod}\n  dev: {tier: other, shift: -1}\n"
SUPPRESSIONS = (
    "suppressions:\n  - {rule: aws-security-group-admin-port-open, address: aws_security_group.bastion, "
    "reason: keys only, owner: platform, until: %s}\n"
)
HEAD = 'name: ours\nversion: "1"\n'
RULE = """id: ours-address
title: A public address is created
severity: high
why: Addresses are given out by hand.
references: [https://example.com/addresses]
match: {types: [aws_eip], actions: [create]}
examples:
  match: [{name: made}]
  no_match: [{name: gone, action: delete}]
"""


def settings(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / ".iacgate" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / ".iacgate"


def found(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert done.returncode in {0, 10}, done.stderr
    return dict(json.loads(done.stdout))


def test_settings_are_found_above_and_said_not_to_be_trusted(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path, policy=POLICY, stacks=STACKS)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    done = iacgate("preview", MIXED, "--stack", "pay-dev", cwd=below)
    assert b"../../.iacgate (not trusted): stack pay-dev, environment dev" in done.stdout
    assert b"where findings weigh -1" in done.stdout
    (tmp_path / "a" / ".git").mkdir()
    assert found(iacgate("preview", MIXED, "--format", "json", cwd=below))["settings"] is None


def test_an_environment_shifts_severities_and_says_so(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path, policy=POLICY, stacks=STACKS)
    plain = found(iacgate("preview", MIXED, "--format", "json"))
    shifted = found(iacgate("preview", MIXED, "--format", "json", "--stack", "pay-dev"))
    assert (plain["severity"], shifted["severity"]) == ("critical", "high")
    assert (plain["settings"]["tier"], plain["settings"]["shift"], plain["settings"]["trusted"]) == ("prod", 0, False)
    first = shifted["changes"][0]["findings"][0]
    assert (first["severity"], first["rule_severity"]) == ("high", "critical")
    assert iacgate("preview", MIXED, "--fail-on", "critical", "--stack", "pay-dev").returncode == 0
    assert iacgate("preview", MIXED, "--fail-on", "critical").returncode == 10


def test_a_suppressed_finding_is_shown_and_does_not_count(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path, suppressions=SUPPRESSIONS % NEXT_YEAR)
    result = found(iacgate("preview", MIXED, "--format", "json", "--fail-on", "critical"))
    assert result["severity"] == "high"
    (bastion,) = [item for item in result["changes"] if item["address"] == "aws_security_group.bastion"]
    assert bastion["severity"] == "high"
    assert bastion["findings"][-1]["suppressed"] == {"reason": "keys only", "owner": "platform", "until": NEXT_YEAR}
    text = iacgate("preview", MIXED).stdout.decode()
    assert "critical, not counted: aws_security_group.bastion: The world can reach" in text
    assert f"because: keys only (platform, until {NEXT_YEAR})" in text


def test_an_expired_suppression_has_no_effect_and_is_shown(iacgate: Run, tmp_path: Path) -> None:
    settings(tmp_path, suppressions=SUPPRESSIONS % "2020-01-01")
    done = iacgate("preview", MIXED, "--fail-on", "critical")
    assert done.returncode == 10
    assert b"expired, no effect: aws-security-group-admin-port-open at aws_security_group.bastion" in done.stdout


def test_packs_that_the_policy_leaves_out_do_not_judge_and_are_not_forgotten(iacgate: Run, tmp_path: Path) -> None:
    folder = settings(tmp_path, policy=POLICY.replace("shift: -1", "packs: [google], keep: [aws-iam-policy-admin]"))
    (folder / "stacks.yaml").write_text(STACKS)
    (folder / "suppressions.yaml").write_text(SUPPRESSIONS % NEXT_YEAR)
    result = found(iacgate("preview", MIXED, "--format", "json", "--stack", "pay-dev"))
    assert [pack["name"] for pack in result["packs"]] == ["google", "terraform"]
    assert result["severity"] == "medium"
    rules = {item["rule"] for part in result["changes"] for item in part["findings"]}
    assert {"terraform-pack-left-out", "terraform-unknown-type-destroyed"} <= rules
    assert not [rule for rule in rules if rule.startswith("aws-")]
    assert [item["state"] for item in result["suppressions"]] == ["unused"]  # the rule exists, and did not judge
    text = iacgate("preview", MIXED, "--stack", "pay-dev").stdout.decode()
    assert "rules       google 1.0.0, terraform 1.0.0" in text
    assert "The policy leaves out the rules that know this type" in text
    elsewhere = found(iacgate("preview", MIXED, "--format", "json"))
    assert (elsewhere["severity"], len(elsewhere["packs"])) == ("high", 5)


def test_a_policy_can_name_every_pack_that_ships() -> None:
    assert list(get_args(ShippedPack)) == [pack.name for pack in shipped_packs()]


def test_own_rules_judge_from_settings_and_from_the_command_line(iacgate: Run, tmp_path: Path) -> None:
    head = 'name: ours\nversion: "1"\n'
    folder = settings(tmp_path, rules__ours__pack=head, **{"rules__ours__ours-address": RULE})
    result = found(iacgate("preview", MIXED, "--format", "json"))
    assert "ours-address" in {item["rule"] for part in result["changes"] for item in part["findings"]}
    assert [pack["name"] for pack in result["packs"]][-1] == "ours"
    done = iacgate("preview", MIXED, "--format", "json", "--no-config", "--rules", folder / "rules")
    assert found(done)["changes"] == result["changes"]
    twice = iacgate("preview", MIXED, "--rules", folder / "rules")
    assert (twice.returncode, b"Two rules are called" in twice.stderr) == (3, True)


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        ({"policy": "environments: {prod: {tier: prod, shift: -1}}"}, 3, "policy.yaml, line 1: the environment"),
        (
            {"policy": "environments: {prod: {tier: prod, packs: [awz]}}"},
            3,
            "policy.yaml, line 1: Invalid enum value 'awz'",
        ),
        (
            {"stacks": STACKS.replace("environment: dev", "environment: dev, promotes_from: x")},
            3,
            "stacks.yaml, line 2: 'pay-dev' promotes",
        ),
        ({"policy": "environment: {}"}, 3, "policy.yaml, line 1: Object contains unknown field"),
        ({"suppressions": SUPPRESSIONS % "soon"}, 3, "suppressions.yaml: 'soon' is not a date"),
        ({"stacks": STACKS, "policy": "environments: {prod: {tier: prod}}"}, 3, "no environment called 'dev'"),
        ({"rules__ours__pack": 'name: ours\nversion: "1"\n'}, 3, "the pack has no rules"),
        ({"rules__ours__pack": "name: ours"}, 3, "missing required field `version`"),
        ({"rules__empty__notes": "a: 1"}, 2, "there are no rules"),
        ({"suppression": "[" * 100}, 3, "nobody reads this file"),
        ({"policy": "[" * 250_000}, 3, "nested more than"),
        ({"policy": "- " * 100_000}, 3, "nested more than"),
        ({"policy": "rego: !!timestamp x"}, 3, "are not accepted"),
        ({"stacks": STACKS, "policy": POLICY.replace("-1", "-3, keep: [aws-typo]")}, 3, "no rule is called so"),
        (
            {"rules__ours__pack": HEAD, "rules__ours__ours-address": RULE.replace("create]}", "delete]}")},
            3,
            "should not match",
        ),
        (
            {"rules__ours__pack": HEAD, "rules__ours__ours-address": RULE.replace("[aws_eip]", '["*"]')},
            3,
            "a type has a name",
        ),
        (
            {
                "rules__ours__pack": HEAD,
                "rules__ours__ours-address": RULE.replace("[aws_eip]", "[aws_*]").replace("high", "none"),
            },
            3,
            "severity none",
        ),
    ],
)
def test_settings_that_are_not_valid_stop_the_run(
    iacgate: Run, tmp_path: Path, files: dict[str, str], code: int, says: str
) -> None:
    settings(tmp_path, **files)
    stack = ["--stack", "pay-dev"] if "stacks" in files else []
    done = iacgate("preview", MIXED, *stack)
    assert (done.returncode, done.stdout) == (code, b"")
    assert says in done.stderr.decode()


@pytest.mark.parametrize("name", ["policy.yaml", "rules/ours/ours-x.yaml", "rules/ours/pack.yaml"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "endless"])
def test_what_is_no_file_stops_the_run(iacgate: Run, tmp_path: Path, name: str, kind: str) -> None:
    settings(tmp_path, rules__ours__pack=HEAD, **{"rules__ours__ours-address": RULE})
    path = tmp_path / ".iacgate" / name
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "dangling":
            path.symlink_to("nowhere")
        case _:
            path.symlink_to("/dev/zero")
    done = iacgate("preview", MIXED)
    assert (done.returncode, done.stdout) == (3, b"")
    assert path.name.encode() in done.stderr


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("rules/ours/deny.rego", ""),
        ("rules/deny.rego", ""),
        ("rules/policies/deep/deny.rego", "nobody would ask this policy"),
        ("rules/policies/deny.REGO", "nobody would ask this policy"),
        ("rules/ours/ours-other.yml", "rules are *.yaml files"),
    ],
)
def test_a_policy_is_asked_wherever_it_stands_or_refused(iacgate: Run, tmp_path: Path, path: str, says: str) -> None:
    pytest.importorskip("opa_bindings", reason="needs OPA's library (opa-golib-python-bindings)")
    settings(tmp_path, rules__ours__pack=HEAD, **{"rules__ours__ours-address": RULE})
    place = tmp_path / ".iacgate" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text('package main\ndeny contains "no" if true\n')
    done = iacgate("preview", MIXED, "--format", "json")
    if says:
        assert (done.returncode, says in done.stderr.decode()) == (2, True)
        return
    result = found(done)
    assert "rego:main.deny" in {item["rule"] for item in result["findings"]}
    assert "ours-address" in {item["rule"] for part in result["changes"] for item in part["findings"]}


def test_a_moved_object_is_not_covered_by_the_suppression_of_its_new_name(iacgate: Run, tmp_path: Path) -> None:
    text = SUPPRESSIONS.replace("aws-security-group-admin-port-open", "aws-db-instance-destroyed")
    settings(tmp_path, suppressions=text.replace("aws_security_group.bastion", "aws_db_instance.scratch") % NEXT_YEAR)
    gone = change("aws_db_instance.scratch", ("delete", "create"), before={"skip_final_snapshot": True})
    plain = iacgate("preview", "-", "--fail-on", "critical", stdin=plan_json(gone))
    moved = plan_json({**gone, "previous_address": "aws_db_instance.production"})
    assert plain.returncode == 0
    assert iacgate("preview", "-", "--fail-on", "critical", stdin=moved).returncode == 10
    deposed = plan_json({**gone, "deposed": "abcd1234", "change": {**gone["change"], "actions": ["delete"]}})
    assert iacgate("preview", "-", "--fail-on", "critical", stdin=deposed).returncode == 10


def test_names_of_packs_and_folders_are_shown_harmless(iacgate: Run, tmp_path: Path) -> None:
    evil = "o\\n::error::x\\e[31m"
    head = f'name: "{evil}"\nversion: "1##[error]"\n'
    settings(tmp_path, rules__ours__pack=head, **{"rules__ours__ours-address": RULE})
    reason = SUPPRESSIONS.replace("keys only", "'::error::x'") % NEXT_YEAR
    settings(tmp_path, suppressions=reason)
    for arguments in (("preview", MIXED), ("rules", "list", "--rules", ".iacgate/rules")):
        output = iacgate(*arguments).stdout
        assert b"\x1b" not in output
        assert b"##[" not in output
        assert not [line for line in output.splitlines() if line.lstrip().startswith(b"::")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--base", ""), "names no commit"),
        (("--base", "HEAD"), "there are none beside the plan"),
        (("--config", ".", "--no-config"), "contradict"),
        (("--rules", "nowhere"), "no such folder"),
    ],
)
def test_what_cannot_be_asked_is_said(iacgate: Run, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    shutil.copy(MIXED, tmp_path / "plan.json")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    (tmp_path / "main.tf").write_text("")
    if "HEAD" in arguments:
        (tmp_path / "main.tf").unlink()
    done = iacgate("preview", "plan.json", *arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.decode()


def test_a_stack_without_settings_is_refused(iacgate: Run) -> None:
    done = iacgate("preview", MIXED, "--stack", "x")
    assert (done.returncode, b"no .iacgate folder" in done.stderr) == (2, True)


def test_rego_without_a_program_stops_the_run(iacgate: Run, tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "a.rego").write_text("package main\ndeny contains 'x'\n")
    settings(tmp_path, policy="rego: {engine: conftest}")
    done = iacgate("preview", MIXED, "--rules", "policy", PATH="/nothing")
    assert (done.returncode, b"conftest is not on PATH" in done.stderr) == (3, True)


def test_a_message_of_a_policy_cannot_show_a_secret(iacgate: Run, tmp_path: Path) -> None:
    pytest.importorskip("opa_bindings", reason="needs OPA's library (opa-golib-python-bindings)")
    policy = tmp_path / "policy"
    policy.mkdir()
    text = 'package main\ndeny contains sprintf("%s\\n::error::%v", [rc.address, rc.change.after]) if {\n'
    (policy / "a.rego").write_text(f"{text}  some rc in input.resource_changes\n}}\n")
    secret = change("a.b", after={"password": "correct-horse"}, after_sensitive={"password": True})
    done = iacgate("preview", "-", "--rules", "policy", stdin=plan_json(secret))
    assert b"rego:main.deny" in done.stdout
    assert b"correct-horse" not in done.stdout + done.stderr
    assert b"\n::error" not in done.stdout


def test_findings_carry_the_line_of_the_sources_beside_the_plan(iacgate: Run, tmp_path: Path) -> None:
    shutil.copy(MIXED, tmp_path / "plan.json")
    assert "main.tf:" not in iacgate("preview", "plan.json").stdout.decode()
    shutil.copy(MIXED.parent / "main.tf", tmp_path / "main.tf")
    result = found(iacgate("preview", "plan.json", "--format", "json"))
    (bastion,) = [item for item in result["changes"] if item["address"] == "aws_security_group.bastion"]
    source = bastion["findings"][0]["source"]
    assert source["file"] == "main.tf"
    assert "ingress" in (tmp_path / "main.tf").read_text().splitlines()[source["line"] - 1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    named = iacgate("preview", tmp_path / "plan.json", "--format", "json", "--source", tmp_path, cwd=elsewhere)
    assert found(named)["changes"] == result["changes"]
    none = iacgate("preview", "plan.json", "--source", elsewhere)
    assert (none.returncode, b"no Terraform configuration" in none.stderr) == (2, True)


def test_prevent_destroy_that_went_with_what_it_protected_is_seen(iacgate: Run, tmp_path: Path) -> None:
    terraform = terraform_or_skip()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1"}

    def run(*command: str) -> None:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=environment)

    (tmp_path / "main.tf").write_text(
        'resource "terraform_data" "a" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'
        'resource "terraform_data" "b" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'
    )
    run(terraform, "init", "-input=false")
    run(terraform, "apply", "-auto-approve", "-input=false")
    run("git", "init", "-q")
    run("git", "add", "main.tf")
    run("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first")
    (tmp_path / "main.tf").write_text('resource "terraform_data" "a" {}\n')
    run(terraform, "plan", "-input=false", "-out=tfplan")
    arguments = ("preview", "tfplan", "--program", terraform, "--format", "json")
    assert found(iacgate(*arguments))["severity"] in {"none", "low", "medium"}
    result = found(iacgate(*arguments, "--base", "HEAD"))
    assert {item["rule"]: item["address"] for item in result["findings"]} == {
        "terraform-prevent-destroy-bypassed": "terraform_data.b",
        "terraform-prevent-destroy-removed": "terraform_data.a",
    }
    assert result["severity"] == "high"
    unknown = iacgate(*arguments, "--base", "nowhere")
    assert (unknown.returncode, b"git does not know 'nowhere'" in unknown.stderr) == (2, True)
