"""Pairs of real plans that look alike and do different things: the fingerprint tells them apart.

An approval holds for every plan with the same fingerprint. So two plans of which a human
would want to approve only one must differ in it, or carry a finding that says what no digest
can bind. Each pair below is two configurations, planned by the real Terraform in the same
folder on the same state, so that nothing else tells them apart.

The other direction is tested too: planning the same again, later, elsewhere or after another
``init``, keeps the fingerprint; else nobody's approval would survive a second plan.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from iacgate.plan.binding import unbound
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import read_plan
from iacgate.plan.source.snapshot import from_members
from tests.support.terraform import Installation, Workspace, install, terraform_or_skip

Files = Mapping[str, str]

GIT = "GIT"
"""Stands in a configuration for the address of the git repository that the test makes."""


@dataclass(frozen=True)
class Side:
    """One of the two plans of a pair.

    Attributes:
        files: the configuration and what it reads.
        args: flags of ``terraform plan``.
        mirror: which installation the provider comes from.
        workspace: the Terraform workspace.
        lineage: the lineage that the state gets, where that is what differs.
    """

    files: Files
    args: tuple[str, ...] = ()
    mirror: str = "both"
    workspace: str = "default"
    lineage: str = ""


@dataclass(frozen=True)
class Pair:
    """Two plans that must not share an approval.

    Attributes:
        name: what differs.
        left: one plan.
        right: the other plan.
        before: a configuration that is applied first, once for both.
        only_finding: the kind of the unbound finding that both must carry, where nothing in
            plan file and JSON tells them apart; empty where the fingerprint must differ.
    """

    name: str
    left: Side
    right: Side
    before: Files = field(default_factory=dict)
    only_finding: str = ""


@dataclass(frozen=True)
class Saved:
    """A saved plan: the file, and what ``show -json`` prints of it."""

    plan_file: bytes
    plan_json: bytes


@dataclass(frozen=True)
class Judged:
    """What iacgate says of a saved plan: its fingerprint, and the kinds of what is not bound."""

    digest: str
    components: Mapping[str, str]
    unbound: frozenset[str]


def judge(saved: Saved) -> Judged:
    """Ask iacgate; the only place that knows how."""
    plan = read_plan(saved.plan_json, "plan.json")
    plan_file = read_plan_file(saved.plan_file, "tfplan")
    plan.add_sources(from_members(plan_file.sources))
    mark = fingerprint(plan, plan_file)
    kinds = frozenset(item.kind for item in unbound(plan, plan_file))
    return Judged(mark.digest, mark.components, kinds)


# --- configurations ---------------------------------------------------------------------

UNKNOWN = """
resource "terraform_data" "one" {
  input = "same"
}
resource "terraform_data" "two" {
  input = "same"
}
"""
USES_AWS = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 1.0.0"
    }
  }
}
resource "aws_s3_bucket" "logs" {
  bucket = "logs"
}
"""
RUNS = 'resource "terraform_data" "run" {\n%s\n}\n'
REMOTE = """
connection {
  host = "%s"
  user = "root"
}
provisioner "remote-exec" {
  inline = ["true"]
}
"""
CHECK = """
check "c" {
  assert {
    condition     = %s
    error_message = "e"
  }
}
"""
GUARD = """lifecycle {
  %s {
    condition     = %s
    error_message = "e"
  }
}"""
MODULE = 'module "m" {\n  source = "%s"\n}\n'
VARIABLE = 'variable "v" {\n  type = string\n  %s\n}\n'
OUTPUT = 'output "o" {\n  value = %s\n  %s\n}\n'
REGION = 'provider "aws" {\n  region = %s\n}\n'
ALIASES = """
provider "aws" {
  alias  = "first"
  region = "eu-central-1"
}
provider "aws" {
  alias  = "second"
  region = "us-east-1"
}
resource "aws_s3_bucket" "other" {
  provider = %s
  bucket   = "other"
}
"""
MOVED = "moved {\n  from = terraform_data.%s\n  to   = terraform_data.%s\n}\n"
REMOVED = "removed {\n  from = terraform_data.gone\n  lifecycle {\n    destroy = %s\n  }\n}\n"
TEMPLATE = 'templatefile("${path.module}/t.tpl", { x = terraform_data.one.id })'
PRODUCT = 'output "o" {\n  value = terraform_data.%s.output\n}\n'

ESCAPED = """{"resource": {"terraform_data": {"user": {
  "input": "${terraform_data.one.id}${\\u0066ile(\\"f.txt\\")}"
}}}}"""

TWO: Files = {"main.tf": UNKNOWN}
EPHEMERAL = VARIABLE % "ephemeral = true"
SENSITIVE = VARIABLE % "sensitive = true"


def main(text: str, *args: str, **files: str) -> Side:
    """Return a side with one ``main.tf``, flags, and further files by name."""
    return Side({"main.tf": text} | files, args)


def beside(text: str, *args: str, **files: str) -> Side:
    """Return a side with two resources and something beside them."""
    return main(UNKNOWN + text, *args, **files)


def run(body: str, *args: str, rest: str = "", **files: str) -> Side:
    """Return a side with one ``local-exec`` provisioner."""
    return main(RUNS % f'provisioner "local-exec" {{\n{body}\n}}' + rest, *args, **files)


def wired(expression: str, *args: str, rest: str = "", **files: str) -> Side:
    """Return a side where an expression with an unknown in it decides what a resource gets."""
    return beside(f'resource "terraform_data" "user" {{\n  input = {expression}\n}}\n{rest}', *args, **files)


def kept(meta: str) -> Side:
    """Return a side with two resources, and meta-arguments of the first."""
    return main(UNKNOWN.replace('input = "same"', f'input = "same"\n  {meta}', 1))


def aws(text: str, *args: str, mirror: str = "both", **files: str) -> Side:
    """Return a side with a bucket of the test provider."""
    return replace(main(USES_AWS + text, *args, **files), mirror=mirror)


def flags(*args: str) -> Side:
    """Return a side with two resources and flags."""
    return Side(TWO, args)


def in_module(text: str, **files: str) -> Side:
    """Return a side that is one local module."""
    return main(MODULE % "./m", **{"m/main.tf": text}, **{f"m/{name}": content for name, content in files.items()})


def exec_(command: str) -> str:
    """Return a resource that runs a command."""
    return run(f'command = "{command}"').files["main.tf"]


# --- the pairs --------------------------------------------------------------------------

WHAT_RUNS = [
    Pair("local-exec command", run('command = "echo a"'), run('command = "echo b"')),
    Pair("local-exec interpreter", run('command = "true"'), run('command = "true"\ninterpreter = ["sh", "-c"]')),
    Pair(
        "local-exec environment",
        run('command = "$A"\nenvironment = { A = "a" }'),
        run('command = "$A"\nenvironment = { A = "b" }'),
    ),
    Pair("provisioner when", run('command = "true"'), run('command = "true"\nwhen = destroy')),
    Pair("provisioner on_failure", run('command = "true"'), run('command = "true"\non_failure = continue')),
    Pair("provisioner type", run('command = "true"'), main(RUNS % REMOTE % "10.0.0.1")),
    Pair("connection host", main(RUNS % REMOTE % "10.0.0.1"), main(RUNS % REMOTE % "10.0.0.2")),
    Pair(
        "local value in a provisioner",
        run("command = local.c", rest='locals {\n  c = "echo a"\n}\n'),
        run("command = local.c", rest='locals {\n  c = "echo b"\n}\n'),
    ),
    Pair(
        "script called by local-exec",
        run('command = "sh ./script.sh"', **{"script.sh": "echo a"}),
        run('command = "sh ./script.sh"', **{"script.sh": "echo b"}),
        only_finding="provisioner",
    ),
]

WHAT_AN_UNKNOWN_IS_MADE_OF = [
    Pair("reference's target", wired("terraform_data.one.output"), wired("terraform_data.two.output")),
    Pair("reference's attribute", wired("terraform_data.one.output"), wired("terraform_data.one.id")),
    Pair("text around an unknown", wired('"${terraform_data.one.id}-a"'), wired('"${terraform_data.one.id}-b"')),
    Pair("function of an unknown", wired("upper(terraform_data.one.id)"), wired("lower(terraform_data.one.id)")),
    Pair(
        "local value beside an unknown",
        wired('"${terraform_data.one.id}${local.l}"', rest='locals {\n  l = "a"\n}\n'),
        wired('"${terraform_data.one.id}${local.l}"', rest='locals {\n  l = "b"\n}\n'),
    ),
    Pair("unknown output", beside(PRODUCT % "one"), beside(PRODUCT % "two")),
    Pair(
        "templatefile of an unknown",
        wired(TEMPLATE, **{"t.tpl": "${x} a"}),
        wired(TEMPLATE, **{"t.tpl": "${x} b"}),
        only_finding="file",
    ),
    Pair(
        "templatefile in a module",
        in_module(wired(TEMPLATE).files["main.tf"], **{"t.tpl": "${x} a"}),
        in_module(wired(TEMPLATE).files["main.tf"], **{"t.tpl": "${x} b"}),
        only_finding="file",
    ),
    Pair(
        "file beside an unknown",
        wired('"${terraform_data.one.id}${file("f.txt")}"', **{"f.txt": "a"}),
        wired('"${terraform_data.one.id}${file("f.txt")}"', **{"f.txt": "b"}),
        only_finding="file",
    ),
    Pair(
        "file named by a variable",
        wired('"${terraform_data.one.id}${file(var.v)}"', "-var=v=f.txt", rest=VARIABLE % "", **{"f.txt": "a"}),
        wired('"${terraform_data.one.id}${file(var.v)}"', "-var=v=f.txt", rest=VARIABLE % "", **{"f.txt": "b"}),
        only_finding="file",
    ),
    Pair(
        "file read by escaped JSON",
        beside("", **{"u.tf.json": ESCAPED, "f.txt": "a"}),
        beside("", **{"u.tf.json": ESCAPED, "f.txt": "b"}),
        only_finding="file",
    ),
    Pair(
        "which files there are, beside an unknown",
        wired('"${terraform_data.one.id}${join(",", fileset("d", "*"))}"', **{"d/a": ""}),
        wired('"${terraform_data.one.id}${join(",", fileset("d", "*"))}"', **{"d/b": ""}),
        only_finding="file",
    ),
    Pair(
        "whether a file is there, beside an unknown",
        wired('"${terraform_data.one.id}${fileexists("f.txt")}"'),
        wired('"${terraform_data.one.id}${fileexists("f.txt")}"', **{"f.txt": ""}),
        only_finding="file",
    ),
]

WAYS_TO_READ_A_FILE = {
    "core::file": '"${terraform_data.one.id}${core::file("f.txt")}"',
    "function and bracket apart": '"${terraform_data.one.id}${file /* here */ ("f.txt")}"',
    "function and bracket on two lines": '("${terraform_data.one.id}${file /*\n*/ (\n"f.txt")}")',
    "filebase64": '"${terraform_data.one.id}${filebase64("f.txt")}"',
    "filemd5": '"${terraform_data.one.id}${filemd5("f.txt")}"',
    "filesha1": '"${terraform_data.one.id}${filesha1("f.txt")}"',
    "filesha256": '"${terraform_data.one.id}${filesha256("f.txt")}"',
    "filesha512": '"${terraform_data.one.id}${filesha512("f.txt")}"',
    "filebase64sha256": '"${terraform_data.one.id}${filebase64sha256("f.txt")}"',
    "filebase64sha512": '"${terraform_data.one.id}${filebase64sha512("f.txt")}"',
}
READ_FILES = [
    Pair(
        f"file read by {name}",
        wired(expression, **{"f.txt": "a"}),
        wired(expression, **{"f.txt": "b"}),
        only_finding="file",
    )
    for name, expression in WAYS_TO_READ_A_FILE.items()
]

MODULES_AND_PROVIDERS = [
    Pair("local module's content", in_module(exec_("echo a")), in_module(exec_("echo b"))),
    Pair(
        "local module's folder",
        main(MODULE % "./m", **{"m/main.tf": UNKNOWN, "n/main.tf": UNKNOWN}),
        main(MODULE % "./n", **{"m/main.tf": UNKNOWN, "n/main.tf": UNKNOWN}),
    ),
    Pair("git module's ref", main(MODULE % f"{GIT}?ref=v1"), main(MODULE % f"{GIT}?ref=v2")),
    Pair("git module's ref, same content", main(MODULE % f"{GIT}?ref=v1"), main(MODULE % f"{GIT}?ref=v1-again")),
    Pair("provider version", aws("", mirror="old"), aws("")),
    Pair("provider program of the same version", aws("", mirror="old"), aws("", mirror="rebuilt")),
    Pair("provider configuration", aws(REGION % '"eu-central-1"'), aws(REGION % '"us-east-1"')),
    Pair(
        "provider configuration by variable",
        aws(REGION % "var.v" + VARIABLE % "", "-var=v=eu-central-1"),
        aws(REGION % "var.v" + VARIABLE % "", "-var=v=us-east-1"),
    ),
    Pair(
        "provider configuration by file",
        aws(REGION % 'file("r.txt")', **{"r.txt": "eu-central-1"}),
        aws(REGION % 'file("r.txt")', **{"r.txt": "us-east-1"}),
        only_finding="file",
    ),
    Pair(
        "provider configuration by ephemeral variable",
        aws(REGION % "var.v" + EPHEMERAL, "-var=v=eu-central-1"),
        aws(REGION % "var.v" + EPHEMERAL, "-var=v=us-east-1"),
        only_finding="ephemeral",
    ),
    Pair(
        "provider configuration of a destroyed object",
        aws(REGION % '"eu-central-1"', "-destroy"),
        aws(REGION % '"us-east-1"', "-destroy"),
        before=aws(REGION % '"eu-central-1"').files,
    ),
    Pair(
        "choice of a provider configuration",
        aws(ALIASES % "aws.first"),
        aws(ALIASES % "aws.second"),
    ),
    Pair("data source", aws(""), aws('data "aws_caller_identity" "me" {}\n')),
    Pair(
        "data source that is read at apply",
        aws('data "aws_caller_identity" "me" {\n  depends_on = [aws_s3_bucket.logs]\n}\n'),
        aws(
            'data "aws_caller_identity" "me" {\n  depends_on = [aws_s3_bucket.logs]\n%s\n}\n'
            % (GUARD % ("postcondition", 'self.id != ""'))
        ),
    ),
    Pair(
        "required_version",
        beside('terraform {\n  required_version = ">= 1.0"\n}\n'),
        beside('terraform {\n  required_version = ">= 1.1"\n}\n'),
    ),
]

VARIABLES_AND_OUTPUTS = [
    Pair("variable used nowhere", main(VARIABLE % "", "-var=v=a"), main(VARIABLE % "", "-var=v=b")),
    Pair("variable's default", beside(VARIABLE % 'default = "a"'), beside(VARIABLE % 'default = "b"')),
    Pair(
        "variable's validation",
        beside(VARIABLE % 'default = "a"\nvalidation {\n  condition = var.v == "a"\n  error_message = "e"\n}'),
        beside(VARIABLE % 'default = "a"\nvalidation {\n  condition = var.v != "b"\n  error_message = "e"\n}'),
    ),
    Pair("sensitive variable", main(SENSITIVE, "-var=v=a"), main(SENSITIVE, "-var=v=b")),
    Pair(
        "sensitive variable in a provisioner",
        run("command = var.v", "-var=v=a", rest=SENSITIVE),
        run("command = var.v", "-var=v=b", rest=SENSITIVE),
    ),
    Pair("variable's sensitivity", main(VARIABLE % "", "-var=v=a"), main(SENSITIVE, "-var=v=a")),
    Pair("ephemeral variable", beside(EPHEMERAL, "-var=v=a"), beside(EPHEMERAL, "-var=v=b"), only_finding="ephemeral"),
    Pair(
        "ephemeral variable in a provisioner",
        run("command = var.v", "-var=v=true", rest=EPHEMERAL),
        run("command = var.v", "-var=v=false", rest=EPHEMERAL),
        only_finding="ephemeral",
    ),
    Pair(
        "ephemeral variable of a module",
        main(MODULE.replace("}", "  v = var.v\n}") % "./m" + EPHEMERAL, "-var=v=a", **{"m/main.tf": EPHEMERAL}),
        main(MODULE.replace("}", "  v = var.v\n}") % "./m" + EPHEMERAL, "-var=v=b", **{"m/main.tf": EPHEMERAL}),
        only_finding="ephemeral",
    ),
    Pair("output", beside(OUTPUT % ('"a"', "")), beside(OUTPUT % ('"b"', ""))),
    Pair("output's sensitivity", beside(OUTPUT % ('"a"', "")), beside(OUTPUT % ('"a"', "sensitive = true"))),
    Pair(
        "sensitivity of an unknown output",
        beside(OUTPUT % ("terraform_data.one.id", "")),
        beside(OUTPUT % ("terraform_data.one.id", "sensitive = true")),
    ),
]

FLAGS_AND_WORKSPACE = [
    Pair("-replace", flags(), flags("-replace=terraform_data.one"), before=TWO),
    Pair("-target", flags(), flags("-target=terraform_data.one")),
    Pair("-target of everything", flags(), flags("-target=terraform_data.one", "-target=terraform_data.two")),
    Pair("-destroy", flags(), flags("-destroy"), before=TWO),
    Pair("-destroy of nothing", main("locals {}\n"), main("locals {}\n", "-destroy")),
    Pair("-destroy instead of no configuration", main("locals {}\n"), flags("-destroy"), before=TWO),
    Pair("-refresh-only", flags(), flags("-refresh-only"), before=TWO),
    Pair("workspace", flags(), replace(flags(), workspace="production")),
    Pair("backend", flags(), beside('terraform {\n  backend "local" {\n    path = "other.tfstate"\n  }\n}\n')),
    Pair(
        "state of the same content",
        replace(flags(), lineage="00000000-0000-4000-8000-000000000001"),
        replace(flags(), lineage="00000000-0000-4000-8000-000000000002"),
        before=TWO,
    ),
]

WHAT_THE_CONFIGURATION_DEMANDS = [
    Pair("ignore_changes", kept(""), kept("lifecycle {\n  ignore_changes = [input]\n}")),
    Pair("prevent_destroy", kept(""), kept("lifecycle {\n  prevent_destroy = true\n}")),
    Pair("create_before_destroy", kept(""), kept("lifecycle {\n  create_before_destroy = true\n}")),
    Pair("replace_triggered_by", kept(""), kept("lifecycle {\n  replace_triggered_by = [terraform_data.two]\n}")),
    Pair(
        "precondition",
        kept(GUARD % ("precondition", 'terraform_data.two.input == "same"')),
        kept(GUARD % ("precondition", 'terraform_data.two.input != "else"')),
    ),
    Pair(
        "postcondition of an unknown",
        kept(GUARD % ("postcondition", 'self.id != "a"')),
        kept(GUARD % ("postcondition", 'self.id != "b"')),
    ),
    Pair(
        "check",
        beside(CHECK % 'terraform_data.one.input == "same"'),
        beside(CHECK % 'terraform_data.one.input != "else"'),
    ),
    Pair(
        "depends_on",
        beside('resource "terraform_data" "last" {}\n'),
        beside('resource "terraform_data" "last" {\n  depends_on = [terraform_data.one]\n}\n'),
    ),
    Pair(
        "moved block",
        main(UNKNOWN.replace('"two"', '"new"')),
        main(UNKNOWN.replace('"two"', '"new"') + MOVED % ("two", "new")),
        before=TWO,
    ),
    Pair("moved block without effect", beside(""), beside(MOVED % ("gone", "one"))),
    Pair("removed block without effect", beside(REMOVED % "true"), beside(REMOVED % "false")),
    Pair("count expression", kept("count = 1"), kept('count = length(["x"])')),
    Pair("count arithmetic", kept("count = 2 - 1"), kept("count = 3 - 2")),
    Pair(
        "override file",
        beside(""),
        beside(
            "",
            **{"override.tf": 'resource "terraform_data" "one" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n'},
        ),
    ),
    Pair(
        "configuration as JSON",
        run("command = local.c", **{"l.tf.json": '{"locals": {"c": "echo a"}}'}),
        run("command = local.c", **{"l.tf.json": '{"locals": {"c": "echo b"}}'}),
    ),
]

PAIRS = [
    *WHAT_RUNS,
    *WHAT_AN_UNKNOWN_IS_MADE_OF,
    *READ_FILES,
    *MODULES_AND_PROVIDERS,
    *VARIABLES_AND_OUTPUTS,
    *FLAGS_AND_WORKSPACE,
    *WHAT_THE_CONFIGURATION_DEMANDS,
]

# --- plans ------------------------------------------------------------------------------


@dataclass
class Planner:
    """Makes plans: three installations of the provider, and a git repository with a module."""

    root: Path
    installations: Mapping[str, Installation]
    repository: Path

    def plan(self, side: Side, state: bytes | None, *, where: str = "work") -> Saved:
        """Plan one side in an empty folder, on a copy of a state."""
        workspace = self.prepare(side, state, where=where)
        return self.save(workspace, side)

    def prepare(self, side: Side, state: bytes | None, *, where: str = "work") -> Workspace:
        """Return an initialised workspace in an empty folder, with a copy of a state."""
        shutil.rmtree(self.root / where, ignore_errors=True)
        made = self.installations[side.mirror].workspace(self.root / where, self._with_git(side.files))
        if state is not None:
            (made.root / "terraform.tfstate").write_bytes(_with_lineage(state, side.lineage))
        made.init()
        if side.workspace != "default":
            made.run("workspace", "new", side.workspace)
        return made

    def save(self, workspace: Workspace, side: Side) -> Saved:
        """Plan in a workspace that is ready."""
        path = workspace.plan(*side.args)
        return Saved(path.read_bytes(), workspace.show_json(path))

    def apply(self, files: Files) -> bytes | None:
        """Apply a configuration and return the state; without a configuration there is none."""
        if not files:
            return None
        workspace = self.prepare(Side(files), None)
        workspace.apply()
        return (workspace.root / "terraform.tfstate").read_bytes()

    def _with_git(self, files: Files) -> dict[str, str]:
        if any(GIT in text for text in files.values()) and not self.repository.exists():
            pytest.skip("needs git on PATH, which is not there")
        return {name: text.replace(GIT, f"git::file://{self.repository}") for name, text in files.items()}


def _with_lineage(state: bytes, lineage: str) -> bytes:
    return json.dumps(json.loads(state) | {"lineage": lineage}).encode() if lineage else state


def _make_repository(folder: Path, home: Path) -> None:
    git = shutil.which("git")
    if git is None:
        return
    folder.mkdir()
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")

    def call(*args: str) -> None:
        environment = {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(
            [git, *identity, *args], cwd=folder, check=True, capture_output=True, timeout=60, env=environment
        )

    call("init", "--quiet")
    for version in ("v1", "v2"):
        (folder / "main.tf").write_text(exec_(f"echo {version}"), encoding="utf-8")
        call("add", "main.tf")
        call("commit", "--quiet", "--no-gpg-sign", f"--message={version}")
        call("tag", version)
    call("tag", "v1-again", "v1")


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Planner:
    terraform = terraform_or_skip()
    root = tmp_path_factory.mktemp("pairs")
    old = ("1.0.0",)
    installations = {
        "both": install(root / "both", terraform=terraform),
        "old": install(root / "old", terraform=terraform, versions=old),
        "rebuilt": install(root / "rebuilt", terraform=terraform, versions=old, remark="# built again\n"),
    }
    _make_repository(root / "repository", installations["both"].home)
    return Planner(root, installations, root / "repository")


# --- the tests --------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_plans_that_do_different_things_do_not_share_an_approval(planner: Planner, pair: Pair) -> None:
    state = planner.apply(pair.before)
    left, right = (judge(planner.plan(side, state)) for side in (pair.left, pair.right))
    if pair.only_finding:
        assert pair.only_finding in left.unbound & right.unbound
    else:
        assert left.digest != right.digest
        assert left.components != right.components


def test_names_of_pairs_are_unique() -> None:
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)


CROWD = """
resource "terraform_data" "each" {
  for_each = toset([for i in range(9) : "k${i}"])
  input    = "same"
}
module "m" {
  source   = "./m"
  for_each = terraform_data.each
  v        = each.value.output
}
output "all" {
  value = ["""
CROWD += ", ".join(f'terraform_data.each["k{i}"].id' for i in range(9)) + "]\n}\n"
CROWD_MODULE = f"""
variable "v" {{}}
resource "terraform_data" "inner" {{
  input = var.v
  {GUARD % ("precondition", 'var.v != "else"')}
}}
"""
CHECKS = "".join(
    (CHECK % f'terraform_data.one.id == "{i}"').replace('"c"', f'"c{i}"').replace('"e"', f'"{i} is wrong"')
    for i in range(6)
)
SAME = {
    "unknowns": wired('"${terraform_data.one.output}-${terraform_data.two.id}"'),
    "a crowd": main(CROWD, **{"m/main.tf": CROWD_MODULE}),
    "checks": beside(CHECKS),
    "local module": in_module(UNKNOWN + exec_("echo a")),
    "git module": main(MODULE % f"{GIT}?ref=v1"),
    "provisioners": run('command = "echo a"', rest=RUNS.replace('"run"', '"other"') % REMOTE % "10.0.0.1"),
    "sensitive variable": run("command = var.v", "-var=v=secret", rest=SENSITIVE),
    "ephemeral variable": beside(EPHEMERAL, "-var=v=secret"),
    "provider and lock file": aws(REGION % '"eu-central-1"' + 'data "aws_caller_identity" "me" {}\n'),
    "workspace and targets": Side(TWO, ("-target=terraform_data.two", "-target=terraform_data.one"), workspace="blue"),
}
SAME_LATER = ("unknowns", "a crowd", "checks", "local module", "provider and lock file")
"""Those that are applied first, without flags, and then changed."""

CASES = [pytest.param(side, False, id=name) for name, side in SAME.items()]
CASES += [pytest.param(SAME[name], True, id=f"{name}, later") for name in SAME_LATER]


@pytest.mark.parametrize(("side", "applied"), CASES)
def test_planning_the_same_again_keeps_the_fingerprint(planner: Planner, side: Side, applied: bool) -> None:
    state = planner.apply(side.files) if applied else None
    again = replace(side, files=_edited(side.files)) if applied else side
    workspace = planner.prepare(again, state)
    plans = {"first": planner.save(workspace, again)}
    time.sleep(1.1)  # so that a timestamp anywhere in it differs
    plans["later"] = planner.save(workspace, again)
    workspace.init()
    plans["after another init"] = planner.save(workspace, again)
    plans["in another folder"] = planner.plan(again, state, where="elsewhere/and/deeper")
    judged = {when: judge(plan) for when, plan in plans.items()}
    expected = judged["first"]
    assert {when: dict(plan.components) for when, plan in judged.items()} == dict.fromkeys(judged, expected.components)
    assert {plan.digest for plan in judged.values()} == {expected.digest}


def _edited(files: Files) -> dict[str, str]:
    return {name: text.replace('"same"', '"new"').replace('"logs"\n}', '"others"\n}') for name, text in files.items()}
