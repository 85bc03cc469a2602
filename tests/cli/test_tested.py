"""Required tests and promotion, from the report and the first stack to the decision about the next."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from iacgate.evidence.folderstore import FolderStore
from iacgate.evidence.ledger import Draft, Ledger
from iacgate.evidence.lookup import of_change
from iacgate.evidence.recorded import read_inputs, read_settings_files, recorded, replayed
from iacgate.people.roster import read_roster
from iacgate.render.decision import as_json
from iacgate.shell.clock import now
from iacgate.shell.gatekey import SshGate
from tests.cli.test_apply import Deployed, deployed  # noqa: F401 - a fixture
from tests.cli.test_gate import HIGH, POLICY, stack  # noqa: F401 - a fixture
from tests.cli.test_status import independent
from tests.conftest import Run
from tests.support.sshkeys import make_key, public_line

TESTS = "{tier: prod, tests: {required: {low: [unit]}, attesters: [ci]}}"
GREEN = '<testsuite timestamp="{at}"><testcase name="a"/><testcase name="b"/></testsuite>'
RED = '<testsuite timestamp="{at}"><testcase name="a"><failure/></testcase></testsuite>'
EMPTY = '<testsuite timestamp="{at}" tests="10"/>'


@pytest.fixture
def tested(deployed: Deployed) -> Deployed:  # noqa: F811
    """A stack whose policy demands a test, and a plan that two people approved."""
    path = deployed.stack.root / ".iacgate" / "people.yaml"
    people = json.loads(path.read_text())
    key = public_line(make_key(deployed.stack.keys, "ed25519", "ci"))
    people["people"].append({"id": "ci", "kind": "machine", "keys": [{"key": key}]})
    path.write_text(json.dumps(people))
    deployed.stack.settings(policy=POLICY.replace("{tier: prod}", TESTS))
    deployed.stack.commit(HIGH.replace("INPUT", "changed"))
    deployed.stack.plan()
    named = ("--change", "chg-1", *deployed.ledger)
    assert deployed.stack.iacgate("gate", *named).returncode == 11
    for person in ("ann", "bob"):
        assert deployed.stack.approve(person, *named).returncode == 0
    return deployed


def attest(
    life: Deployed, iacgate: Run, report: str, who: str = "ci", hours_ago: float = 0.1, *more: str
) -> subprocess.CompletedProcess[bytes]:
    path = life.stack.root.parent / "report.xml"
    began = datetime.now(UTC) - timedelta(hours=hours_ago)
    path.write_text(report.format(at=began.strftime("%Y-%m-%dT%H:%M:%S")))
    signing = ("--as", who, "--key", str(life.stack.keys / who), "--inbox", str(life.stack.inbox), *life.ledger)
    return iacgate("attest", "tests", "chg-1", "--name", "unit", "--junit", path, *signing, *more, cwd=life.stack.root)


def code_of(life: Deployed) -> tuple[int, list[str]]:
    code, decision = life.stack.decision("--change", "chg-1", *life.ledger)
    return code, [reason["code"] for reason in decision["reasons"]]


def test_without_green_tests_of_this_tree_nothing_is_applied(tested: Deployed, iacgate: Run) -> None:
    assert code_of(tested) == (14, ["test-missing"])
    assert attest(tested, iacgate, GREEN, "ann").returncode == 0
    assert code_of(tested) == (14, ["test-attached"])
    assert attest(tested, iacgate, GREEN, "ci", 30).returncode == 0
    assert code_of(tested) == (14, ["test-stale"]), "yesterday's green report"
    assert attest(tested, iacgate, GREEN, "ci", 0.1, "--tree", "1" * 40).returncode == 0
    assert code_of(tested) == (14, ["test-stale"])
    assert attest(tested, iacgate, EMPTY).returncode == 0
    assert code_of(tested) == (14, ["test-empty"])
    assert attest(tested, iacgate, RED).returncode == 0
    assert code_of(tested) == (14, ["test-failed"])


def test_green_tests_let_it_pass_and_are_on_record(tested: Deployed, iacgate: Run) -> None:
    done = attest(tested, iacgate, GREEN)
    assert (done.returncode, b"unit: 2 tests, 0 failed" in done.stderr) == (0, True), done.stderr
    assert b"No environment" not in done.stderr
    done = attest(tested, iacgate, GREEN, "ci", 0.1, "--name", "unti")
    note = b"Note: No environment of policy.yaml requires a test called unti. Required are: unit."
    assert (done.returncode, note in done.stderr) == (0, True), done.stderr
    done = tested.stack.iacgate("apply", "--change", "chg-1", *tested.ledger)
    assert (done.returncode, b"test unit             counts (ci, 2 tests)" in done.stdout) == (0, True), done.stdout
    assert tested.verified().problems == ()
    assert independent(tested) == (0, "")


def test_what_is_no_report_is_not_attested(tested: Deployed, iacgate: Run) -> None:
    for text in ("", "<html/>", '<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>', "<testsuite><testcase/></testsuite>"):
        done = attest(tested, iacgate, text)
        assert done.returncode == 3, done.stderr
    (tested.stack.root / "main.tf").write_text("# not committed")
    done = attest(tested, iacgate, GREEN)
    assert (done.returncode, b"not the tree of HEAD" in done.stderr) == (2, True)


STACKS = """stacks:
  - {name: shop-test, environment: dev, backend: {type: local, path: test.tfstate}}
  - {name: shop-prod, environment: prod, backend: {type: local, path: prod.tfstate}, promotes_from: shop-test}
"""
PROMOTED = """mode: enforce
environments:
  dev: {tier: other}
  prod: {tier: prod, promotion: {days: 14}}
"""
MODULE = 'variable "text" {}\nresource "terraform_data" "m" {\n  input = "${var.text} VERSION"\n}\n'
CALL = 'terraform {\n  backend "local" {\n    path = "TEXT.tfstate"\n  }\n}\n'
CALL += 'module "shop" {\n  source = "SOURCE"\n  text   = "TEXT"\n}\n'


def lie_about_promotion(life: Deployed, place: Path, forged: dict[str, str]) -> None:
    """Record the newest decision of production in a copy of the ledger, as resting on something else."""
    shutil.copytree(life.place, place)
    ledger = Ledger(FolderStore(place, clock=now), signer=SshGate(life.gate_key))
    entry = next(item.entry for item in of_change(ledger, "to-prod")[::-1] if item.entry.details["allowed"])
    pieces = {name: ledger.evidence(entry.references[name].digest, 1 << 24) for name in ("inputs", "settings")}
    inputs = read_inputs(pieces["inputs"])
    assert inputs.circumstances.promotion is not None
    promotion = msgspec.structs.replace(inputs.circumstances.promotion, **forged)
    inputs = msgspec.structs.replace(
        inputs, circumstances=msgspec.structs.replace(inputs.circumstances, promotion=promotion)
    )
    files = read_settings_files(pieces["settings"], entry.settings.digest)
    decision = replayed(inputs, files, lambda found: read_roster(found["people.yaml"], "people.yaml"), as_json)
    draft = Draft(
        event="decided",
        stack=entry.stack,
        change="to-prod",
        commit=entry.commit,
        tree=entry.tree,
        settings=entry.settings,
        details=entry.details,
        pieces=recorded(inputs, decision, files),
    )
    ledger.append(draft)
    lying = Deployed(life.stack, place, life.gate_key)
    assert any("promoted" in problem.what for problem in lying.verified().problems), forged
    assert "it was promoted, and no entry proves that" in independent(lying)[1], forged


def test_for_production_the_same_modules_were_applied_and_verified_before(
    deployed: Deployed,  # noqa: F811
    tmp_path: Path,
) -> None:
    stack_ = deployed.stack
    (stack_.root / "modules" / "shop").mkdir(parents=True)
    (stack_.root / "test").mkdir()
    (stack_.root / "modules" / "shop" / "main.tf").write_text(MODULE)
    (stack_.root / "test" / "main.tf").write_text(CALL.replace("SOURCE", "../modules/shop").replace("TEXT", "test"))
    (stack_.root / "terraform.tfstate").unlink()
    stack_.settings(policy=PROMOTED, stacks=STACKS)
    call = CALL.replace("SOURCE", "./modules/shop").replace("TEXT", "prod")
    stack_.commit(call)

    def planned(folder: str) -> None:
        command = [stack_._terraform, f"-chdir={folder}"] if folder else [stack_._terraform]
        stack_.command(*command, "init", "-input=false", "-reconfigure")
        stack_.command(*command, "plan", "-input=false", "-out=tfplan")

    planned("")
    named = ("--change", "to-prod", *deployed.ledger)
    code, decision = stack_.decision(*named)
    assert (code, decision["reasons"][0]["code"]) == (14, "not-promoted")
    assert "applied nowhere before" in decision["promotion"]["why"]
    planned("test")
    first = ("--change", "to-test", "--chdir", "test", *deployed.ledger)
    done = stack_.iacgate("apply", *first, plan="test/tfplan")
    assert done.returncode == 0, (done.stdout, done.stderr)
    code, decision = stack_.decision(*named)
    assert (code, decision["promotion"]["ok"], decision["promotion"]["change"]) == (0, True, "to-test")
    assert deployed.verified().problems == ()
    assert independent(deployed) == (0, "")
    for forged in ({"entry": "9" * 64}, {"change": "other"}, {"time": "2026-01-01T00:00:00Z"}):
        lie_about_promotion(deployed, tmp_path / next(iter(forged)), forged)
    (stack_.root / "modules" / "shop" / "main.tf").write_text(MODULE.replace("VERSION", "two"))
    stack_.commit(call)
    planned("")
    code, decision = stack_.decision(*named)
    assert (code, [reason["code"] for reason in decision["reasons"]]) == (14, ["not-promoted"])
    assert "module.shop is new" in decision["promotion"]["why"]
    assert deployed.verified().problems == ()
