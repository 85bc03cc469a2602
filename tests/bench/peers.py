"""Other programs on the same plan, once each, in environments of their own; what cannot be installed is said."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from tests.bench.measure import run

POLICY: Final = """package main

stateful := {"aws_db_instance", "aws_dynamodb_table", "aws_s3_bucket"}

changing contains rc if {
	some rc in input.resource_changes
	rc.change.actions != ["no-op"]
}

deny contains sprintf("destroyed %s", [rc.address]) if {
	some rc in changing
	"delete" in rc.change.actions
	rc.type in stateful
}

deny contains sprintf("open %s", [rc.address]) if {
	some rc in changing
	some rule in rc.change.after.ingress
	"0.0.0.0/0" in rule.cidr_blocks
}

deny contains sprintf("admin %s", [rc.address]) if {
	some rc in changing
	some statement in json.unmarshal(rc.change.after.policy).Statement
	"*" in statement.Action
}
"""
OPA: Final = """
import sys
from opa_bindings import OpaEngine
import json

with OpaEngine() as engine, open(sys.argv[1], "rb") as policy, open(sys.argv[2], "rb") as plan:
    engine.add_policy("policy.rego", policy.read().decode())
    denied = engine.eval_document("main.deny", json.load(plan))
print(len(denied))
"""


def peers(folder: Path, plan: Path) -> list[str]:
    """Return a table row for each peer: processor seconds of one run, and peak memory."""
    return [_opa(folder, plan), _checkov(folder, plan)]


def _opa(folder: Path, plan: Path) -> str:
    python = _environment(folder / "opa", "opa-golib-python-bindings")
    if python is None:
        return "| OPA | could not be installed | |"
    (folder / "policy.rego").write_text(POLICY, encoding="utf-8")
    (folder / "opa_run.py").write_text(OPA, encoding="utf-8")
    return _row("OPA, embedded", [str(python), "opa_run.py", "policy.rego", str(plan)], folder)


def _checkov(folder: Path, plan: Path) -> str:
    python = _environment(folder / "checkov", "checkov")
    if python is None:
        return "| checkov | could not be installed | |"
    checks = "CKV_AWS_24,CKV_AWS_62,CKV_AWS_293"
    command = [
        str(python.parent / "checkov"),
        "-f",
        str(plan),
        "--framework",
        "terraform_plan",
        "-c",
        checks,
        "--quiet",
    ]
    return _row("checkov, three checks", command, folder)


def _row(name: str, command: list[str], folder: Path) -> str:
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        sample = run(command, folder, allowed=(0, 1))
    except RuntimeError as error:
        return f"| {name} | did not finish: {str(error)[-80:]} | |"
    return f"| {name} | {sample.cpu:.1f} | {sample.memory / 1e6:,.0f} |"


def _environment(folder: Path, *packages: str) -> Path | None:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-q", "--ignore-requires-python", *packages]
    done = subprocess.run(command, check=False, capture_output=True)
    return python if done.returncode == 0 else None
