"""State, plans, approvals and evidence all in buckets: an apply with Terraform's S3 backend, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iacgate.cli.main import main
from iacgate.evidence.s3 import S3Store
from iacgate.evidence.s3call import Timing
from tests.support.gitrepo import GitRepo
from tests.support.seaweed import REGION, Seaweed
from tests.support.sshkeys import make_key, public_line
from tests.support.terraform import terraform_or_skip

MAIN = """
terraform {{
  backend "s3" {{
    bucket                      = "{bucket}"
    key                         = "shop.tfstate"
    region                      = "{region}"
    endpoints                   = {{ s3 = "{endpoint}" }}
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
  }}
}}

resource "terraform_data" "a" {{
  input = "{value}"
}}

check "never" {{
  assert {{
    condition     = terraform_data.a.id == "nothing"
    error_message = "It never holds."
  }}
}}
"""
POLICY = "mode: enforce\nenvironments:\n  prod: {tier: prod}\n"
STACKS = "stacks: [{{name: shop, environment: prod, backend: {{type: s3, bucket: {bucket}, key: shop.tfstate}}}}]\n"


class Shop:
    """A stack whose state is in a bucket with versions."""

    def __init__(self, folder: Path, s3: Seaweed, gate_key: Path) -> None:
        self._s3, self._terraform = s3, terraform_or_skip()
        self.states = s3.bucket(locked=False)
        self.inbox = f"s3://{s3.bucket(locked=False)}/iac"
        self.ledger = f"s3://{s3.bucket()}/iac"
        self._gate_key, self._folder = gate_key, folder
        self.repository = GitRepo(folder / "shop")
        people = [self._person(name, role) for name, role in (("ann", "infra"), ("bob", "security"), ("dave", "infra"))]
        settings = self.repository.root / ".iacgate"
        settings.mkdir()
        (settings / "people.yaml").write_text(json.dumps({"people": people}))
        (settings / "policy.yaml").write_text(POLICY)
        (settings / "stacks.yaml").write_text(STACKS.format(bucket=self.states))
        (self.repository.root / ".gitignore").write_text(".terraform/\ntfplan\n*.json\n")

    def _person(self, name: str, role: str) -> dict[str, Any]:
        key = make_key(self._folder, "ed25519", name)
        return {"id": name, "emails": [f"{name}@example.com"], "roles": [role], "keys": [{"key": public_line(key)}]}

    def plan(self, value: str) -> None:
        text = MAIN.format(bucket=self.states, region=REGION, endpoint=self._s3.endpoint, value=value)
        (self.repository.root / "main.tf").write_text(text)
        self.repository.commit("dave")
        self.terraform("init", "-input=false")
        self.terraform("plan", "-input=false", "-out=tfplan")
        shown = self.terraform("show", "-json", "tfplan")
        (self.repository.root / "plan.json").write_bytes(shown)

    def terraform(self, *arguments: str) -> bytes:
        command = [self._terraform, *arguments]
        return subprocess.run(command, check=True, capture_output=True, cwd=self.repository.root).stdout

    def run(self, command: str, name: str, *more: str) -> int:
        given = ("--plan-json", "plan.json") if name == "tfplan" else ()
        key = ("--gate-key", str(self._gate_key)) if command in ("gate", "apply") else ()
        return main([command, name, "--inbox", self.inbox, "--ledger", self.ledger, *given, *key, *more])

    def approve(self, base: str, *people: str) -> None:
        assert self.run("submit", "tfplan", "--change", "chg-1", "--base", base) == 0
        for person in people or ("ann", "bob"):
            assert self.run("approve", "chg-1", "--as", person, "--key", str(self._folder / person), "--yes") == 0

    def state_version(self) -> str:
        answer = self._s3.client().head_object(Bucket=self.states, Key="shop.tfstate")
        return str(answer["VersionId"])


@pytest.fixture
def shop(tmp_path: Path, s3: Seaweed, gate_key: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in list(os.environ):
        if name.startswith(("AWS_", "TF_", "IACGATE_", "CI", "GITHUB_")):
            monkeypatch.delenv(name)
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHECKPOINT_DISABLE", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    defaults = S3Store.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(S3Store.__init__, "__kwdefaults__", {**defaults, "days": 1, "timing": Timing(5.0, 20.0, 2)})
    found = Shop(tmp_path, s3, gate_key)
    monkeypatch.chdir(found.repository.root)
    return found


def test_state_plans_and_evidence_in_buckets(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    base = shop.repository.commit("dave", empty=True)
    shop.plan("first")
    assert shop.run("gate", "tfplan", "--change", "chg-1", "--base", base) == 0
    shop.approve(base)
    capfd.readouterr()
    extra = ("--allow-env", "AWS_ENDPOINT_URL_S3")
    code = shop.run("apply", "chg-1", "--base", base, "--format", "json", *extra)
    printed = capfd.readouterr()
    assert code == 0, printed.err
    said = json.loads(printed.out.splitlines()[-1])
    assert (said["event"], said["fresh_plan"], said["stack"]) == ("applied", "empty", "shop")
    assert main(["evidence", "show", "shop/3", "--ledger", shop.ledger, "--format", "json"]) == 0
    entries = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    details = entries[0]["details"] if "details" in entries[0] else entries[0]["entry"]["details"]
    assert details["beforeExists"] is False, "bound to no state, and looked at live"
    assert main(["evidence", "show", "shop/4", "--ledger", shop.ledger, "--format", "json"]) == 0
    entries = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    details = entries[0]["details"] if "details" in entries[0] else entries[0]["entry"]["details"]
    assert details["afterVersion"] == shop.state_version()
    assert main(["evidence", "verify", "--ledger", shop.ledger]) == 0


def test_a_plan_for_no_state_is_not_applied_where_there_is_one(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """Attack 5: a plan that only creates, made before somebody else made the state."""
    base = shop.repository.commit("dave", empty=True)
    shop.plan("first")
    assert shop.run("gate", "tfplan", "--change", "chg-1", "--base", base) == 0
    shop.approve(base)
    shop.terraform("apply", "-input=false", "-auto-approve")
    before = shop.state_version()
    assert shop.run("apply", "chg-1", "--base", base) == 11
    assert "there is one by now" in capfd.readouterr().err
    assert shop.state_version() == before


def test_what_was_applied_is_recorded_where_the_disk_breaks(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """Codes but 20 to 22 say that nothing was applied: no error of a disk may end an apply with one of them."""
    command = "p=$${PWD%%/checkout*} && mv $p $p.aside"
    text = f'resource "terraform_data" "b" {{\n  provisioner "local-exec" {{\n    command = "{command}"\n  }}\n}}\n'
    (shop.repository.root / "more.tf").write_text(text)
    base = shop.repository.commit("dave", empty=True)
    shop.plan("first")
    shop.run("gate", "tfplan", "--change", "chg-1", "--base", base)
    assert shop.run("gate", "tfplan", "--change", "chg-1", "--base", base) == 11
    shop.approve(base, "ann")
    capfd.readouterr()
    code = shop.run("apply", "chg-1", "--base", base, "--format", "json", "--allow-env", "AWS_ENDPOINT_URL_S3")
    printed = capfd.readouterr()
    assert "The state could not be read afterwards" in printed.err
    assert code in {20, 22}, printed.err
    assert json.loads(printed.out.splitlines()[-1])["entry"]
