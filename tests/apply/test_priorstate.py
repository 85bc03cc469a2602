"""The state inside a plan is held against the live one: what planning changes passes, what others changed does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iacgate.apply.priorstate import check_prior_state
from iacgate.errors import ApplyRefused
from iacgate.plan.fingerprint import fingerprint
from iacgate.plan.planfile import read_plan_file
from iacgate.plan.reader import read_plan
from iacgate.plan.saved import PlanFile
from tests.support.priorstates import drifting, instance, with_state
from tests.support.terraform import Installation, Workspace, terraform_or_skip

BASE = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "1.0.0"
    }
  }
}
variable "pw" {
  default   = "hunter22"
  sensitive = true
}
resource "aws_s3_bucket" "a" {
  bucket = "a"
}
resource "aws_s3_bucket" "b" {
  bucket = "b"
  tags   = { x = aws_s3_bucket.a.id }
}
resource "aws_db_instance" "d" {
  identifier        = "d"
  password          = var.pw
  engine            = var.pw
  allocated_storage = 20
}
resource "terraform_data" "t" {
  input = [1, { a = var.pw, type = "x", value = 1.5 }, 12345678901234567890123]
}
resource "terraform_data" "n" {
  for_each = toset(["one", "$${two} \\"2\\""])
  input    = each.key
}
data "aws_caller_identity" "me" {}
output "o" {
  value = "one"
}
output "g" {
  value = aws_s3_bucket.a.id
}
"""
NO_B = re.sub(r'resource "aws_s3_bucket" "b" \{.*?\n\}', "", BASE, flags=re.DOTALL)
Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return drifting(tmp_path_factory.mktemp("prior") / "installed", terraform_or_skip())


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, installation: Installation) -> Workspace:
    workspace = installation.workspace(tmp_path_factory.mktemp("stack"), {"main.tf": BASE})
    workspace.init()
    workspace.apply()
    return workspace


def live(workspace: Workspace) -> bytes:
    return workspace.run("state", "pull")


def planned(workspace: Workspace, text: str = BASE, *options: str, marks: tuple[str, ...] = ()) -> bytes:
    workspace.write_files({"main.tf": text} | dict.fromkeys(marks, ""))
    try:
        return workspace.plan(*options).read_bytes()
    finally:
        for mark in marks:
            (workspace.root / mark).unlink()


def read(plan: bytes) -> PlanFile:
    return read_plan_file(plan, "tfplan")


def digest(workspace: Workspace, plan: bytes) -> str:
    (workspace.root / "shown").write_bytes(plan)
    shown = workspace.show_json(workspace.root / "shown")
    return fingerprint(read_plan(shown, "plan.json"), read(plan)).digest


GENUINE = {
    "nothing": (BASE,),
    "not refreshed": (BASE, "-refresh=false"),
    "only refreshed": (BASE, "-refresh-only"),
    "an output": (BASE.replace('"one"\n}', '"two"\n}'),),
    "an output, only refreshed": (BASE.replace('"one"\n}', '"two"\n}'), "-refresh-only"),
    "a secret output": (BASE.replace('"one"\n}', '"one"\n  sensitive = true\n}'),),
    "an output of nothing": (BASE.replace('"one"\n}', "null\n}"),),
    "an output less": (BASE.replace('output "o" {\n  value = "one"\n}', ""),),
    "a move": (BASE.replace('"aws_s3_bucket" "b"', '"aws_s3_bucket" "c"')
               + "moved {\n  from = aws_s3_bucket.b\n  to = aws_s3_bucket.c\n}\n",),
    "a move by count": (BASE.replace('"aws_s3_bucket" "b" {', '"aws_s3_bucket" "b" {\n  count = 1'),),
    "other dependencies": (BASE.replace("aws_s3_bucket.a.id }", "aws_db_instance.d.id }\n  lifecycle {\n"
                                        "    create_before_destroy = true\n  }"),),
    "forgotten": (NO_B + "removed {\n  from = aws_s3_bucket.b\n  lifecycle {\n    destroy = false\n  }\n}\n",),
    "deleted": (NO_B,),
    "imported": (BASE + 'resource "aws_s3_bucket" "i" {\n  bucket = "i"\n}\n'
                 'import {\n  to = aws_s3_bucket.i\n  id = "i"\n}\n',),
    "no secret any more": (BASE.replace("sensitive = true", "sensitive = false"),),
    "another provider configuration": (
        BASE.replace('bucket = "b"', 'bucket = "b"\n  provider = aws.x') + 'provider "aws" {\n  alias = "x"\n}\n',
    ),
    "a replacement": (BASE, "-replace=aws_s3_bucket.a"),
    "a target": (BASE.replace('bucket = "b"', 'bucket = "c"'), "-target=aws_s3_bucket.b"),
    "all destroyed": (BASE, "-destroy"),
}  # fmt: skip


@pytest.mark.parametrize("name", GENUINE)
def test_what_planning_changes_by_itself_passes(applied: Workspace, name: str) -> None:
    check_prior_state(read(planned(applied, *GENUINE[name])), live(applied))


@pytest.mark.parametrize("options", [(), ("-refresh-only",)])
@pytest.mark.parametrize("mark", ["drift-db_instance", "gone-db_instance"])
def test_drift_that_the_plan_shows_passes(applied: Workspace, mark: str, options: tuple[str, ...]) -> None:
    plan = read(planned(applied, BASE, *options, marks=(mark,)))
    assert plan.drift
    check_prior_state(plan, live(applied))


def test_a_plan_that_destroys_shows_drift_in_what_it_deletes(applied: Workspace) -> None:
    plan = planned(applied, BASE, "-destroy", marks=("drift-db_instance",))
    assert not read(plan).drift
    check_prior_state(read(plan), live(applied))
    with pytest.raises(ApplyRefused, match=r"aws_db_instance\.d"):
        check_prior_state(read(with_state(plan, _attribute("aws_db_instance.d", id="evil"))), live(applied))


def test_a_plan_that_destroys_does_not_say_what_is_gone_and_must_be_refreshed_first(applied: Workspace) -> None:
    plan = read(planned(applied, BASE, "-destroy", marks=("gone-db_instance",)))
    with pytest.raises(ApplyRefused, match=r"aws_db_instance\.d") as caught:
        check_prior_state(plan, live(applied))
    assert "-refresh-only" in caught.value.hint


def test_a_newer_schema_passes(tmp_path: Path, installation: Installation) -> None:
    workspace = installation.workspace(tmp_path, {"main.tf": BASE})
    workspace.init()
    workspace.apply()
    workspace.write_files({"main.tf": BASE.replace('"1.0.0"', '"1.1.0"')})
    workspace.init("-upgrade")
    plan = planned(workspace, BASE.replace('"1.0.0"', '"1.1.0"'))
    check_prior_state(read(plan), live(workspace))
    forged = with_state(plan, lambda state: instance(state, "aws_s3_bucket.a")["attributes"].update(id="evil"))
    with pytest.raises(ApplyRefused, match=r"aws_s3_bucket\.a"):
        check_prior_state(read(forged), live(workspace))


def test_a_plan_for_no_state_passes(tmp_path: Path, installation: Installation) -> None:
    workspace = installation.workspace(tmp_path, {"main.tf": BASE})
    workspace.init()
    check_prior_state(read(planned(workspace)), b"")


def _attribute(address: str, **values: Any) -> Change:
    return lambda state: instance(state, address)["attributes"].update(values)


def _field(address: str, **values: Any) -> Change:
    return lambda state: instance(state, address).update(values)


def _drop(name: str) -> Change:
    return lambda state: state.update(resources=[one for one in state["resources"] if one["name"] != name])


def _double(state: Any) -> None:
    (found,) = [one for one in state["resources"] if one["name"] == "a"]
    state["resources"].append({**found, "name": "extra"})


FORGED: dict[str, tuple[Change, str]] = {
    "an attribute": (_attribute("aws_s3_bucket.b", id="PRODUCTION"), "aws_s3_bucket.b"),
    "an attribute of any type": (
        lambda state: instance(state, "terraform_data.t")["attributes"]["output"]["value"].__setitem__(0, 2),
        "terraform_data.t",
    ),
    "a resource less": (_drop("b"), "aws_s3_bucket.b"),
    "a resource more": (_double, "aws_s3_bucket.extra"),
    "tainted": (_field("aws_s3_bucket.b", status="tainted"), "aws_s3_bucket.b"),
    "old attributes": (_field("aws_s3_bucket.b", attributes_flat={"id": "x"}), "aws_s3_bucket.b"),
    "a secret no more": (_field("aws_db_instance.d", sensitive_attributes=[]), "aws_db_instance.d"),
    "an output": (lambda state: state["outputs"]["o"].update(value="evil"), "output.o"),
    "an output less": (lambda state: state["outputs"].pop("o"), "output.o"),
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("options", [(), ("-refresh-only",), ("-destroy",)])
def test_a_state_that_somebody_changed_does_not(applied: Workspace, name: str, options: tuple[str, ...]) -> None:
    change, address = FORGED[name]
    genuine = planned(applied, BASE, *options)
    forged = with_state(genuine, change)
    assert digest(applied, forged) != digest(applied, genuine)
    if (name, options) == ("an output less", ("-destroy",)):
        return  # the plan says that it deletes it
    with pytest.raises(ApplyRefused, match=re.escape(address)) as caught:
        check_prior_state(read(forged), live(applied))
    assert "evil" not in caught.value.message
    assert "PRODUCTION" not in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        _attribute("aws_db_instance.d", id="evil"),
        _attribute("aws_db_instance.d", tags={"by": "evil"}),
        _attribute("aws_s3_bucket.a", tags={"by": "hand"}),
    ],
)
@pytest.mark.parametrize("options", [(), ("-refresh-only",)])
def test_drift_must_be_what_the_plan_says(applied: Workspace, change: Change, options: tuple[str, ...]) -> None:
    genuine = planned(applied, BASE, *options, marks=("drift-db_instance",))
    with pytest.raises(ApplyRefused, match=r"aws_"):
        check_prior_state(read(with_state(genuine, change)), live(applied))


def test_a_moved_object_is_held_too(applied: Workspace) -> None:
    forged = with_state(planned(applied, *GENUINE["a move"]), _attribute("aws_s3_bucket.c", id="evil"))
    with pytest.raises(ApplyRefused, match=r"aws_s3_bucket\.c"):
        check_prior_state(read(forged), live(applied))


def test_an_imported_object_is_held_too(applied: Workspace) -> None:
    forged = with_state(planned(applied, *GENUINE["imported"]), _attribute("aws_s3_bucket.i", id="evil"))
    with pytest.raises(ApplyRefused, match=r"aws_s3_bucket\.i"):
        check_prior_state(read(forged), live(applied))


def test_a_data_source_is_in_the_fingerprint(applied: Workspace) -> None:
    genuine = planned(applied)
    forged = with_state(genuine, _attribute("aws_caller_identity.me", account_id="evil"))
    marked = with_state(
        forged,
        _field("aws_caller_identity.me", sensitive_attributes=[[{"type": "get_attr", "value": "account_id"}]]),
    )
    assert len({digest(applied, plan) for plan in (genuine, forged, marked)}) == 3


@pytest.mark.parametrize("name", ["nothing", "a move", "all destroyed", "imported"])
def test_the_same_again_has_the_same_fingerprint(applied: Workspace, name: str) -> None:
    assert len({digest(applied, planned(applied, *GENUINE[name])) for _ in range(3)}) == 1


def test_at_most_five_addresses_are_named(applied: Workspace) -> None:
    plan = read(with_state(planned(applied), lambda state: state.update(resources=[])))
    with pytest.raises(ApplyRefused, match=r" and 1 more"):
        check_prior_state(plan, live(applied))


def test_a_live_state_that_cannot_be_read_is_refused(applied: Workspace) -> None:
    plan = read(planned(applied))
    odd = json.loads(live(applied)) | {"Resources": []}
    for data in (b"{}", b"[", json.dumps(odd).encode(), b'{"version": 3}'):
        with pytest.raises(ApplyRefused, match="live state"):
            check_prior_state(plan, data)
