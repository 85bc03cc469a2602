"""A stack in a repository, with a plan that is rehearsed, really applied, and really taken back."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from iacgate.apply.checkout import checkout
from iacgate.cli.previous import Previous
from iacgate.plan.reader import read_plan
from iacgate.plan.redaction import Redactor
from iacgate.risk.survey import survey
from iacgate.rollback.overlayread import Overlay, read_overlay
from iacgate.rollback.placeholders import NUMBER, TEXT
from iacgate.rollback.planned import SavedPlan
from iacgate.rollback.rehearsal import Compared, Plans, compare
from iacgate.shell.rehearse import Rehearsed, Wanted, rehearse
from tests.support.gitrepo import GitRepo
from tests.support.terraform import Installation, TerraformError, Workspace

IGNORED = ".terraform\n*.tfstate*\ntfplan\nback.tfplan\nterraform.tfstate.d\n"
BOTH = """terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "1.1.0" }
    other = { source = "example.com/test/aws", version = "1.1.0" }
  }
}
"""
HEAD = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "%s" }\n  }\n}\n'

Files: TypeAlias = Mapping[str, str]
Spoil: TypeAlias = Callable[["Stack"], None]


@dataclass(frozen=True)
class Scenario:
    """A configuration, and the one that a plan makes of it.

    Attributes:
        before: the previous files; ``main.tf`` is meant where it is only a text.
        after: the files of the plan, in place of all of them.
        overlay: files beside the previous configuration on the way back.
        variables: environment variables of all that terraform does.
        forward: options of the plan that is rehearsed.
        back: options of the real plan back.
        spoil: what happens between the first apply and the plan.
        versions: of the provider, before and after; a configuration of Terraform's own type alone has none.
        workspace: where it is another one than the default.
        differs: whether the way back is not the reverse of the plan, which the rehearsal must say.
        fails: what terraform says on the way back, where that fails; ``step`` is what it does then.
        changes: addresses of what the real way back changes, to be sure that the scenario is what it says.
    """

    before: Files | str
    after: Files | str
    overlay: Files = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    forward: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    spoil: Spoil | None = None
    versions: tuple[str, str] = ("1.1.0", "1.1.0")
    workspace: str = ""
    differs: bool = False
    fails: str = ""
    step: str = "terraform plan"
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Stack:
    """A scenario in a folder of its own, up to the saved plan."""

    def __init__(self, root: Path, installation: Installation, scenario: Scenario) -> None:
        self.root = root
        self.scenario = scenario
        self.repository = GitRepo(root)
        self.workspace = Workspace(root, installation, {**scenario.variables})
        self.previous = self._commit(scenario.before, scenario.versions[0])
        if scenario.workspace:
            self.workspace.run("workspace", "new", scenario.workspace)
        self.workspace.apply()
        if scenario.spoil:
            scenario.spoil(self)
        self._commit(scenario.after, scenario.versions[1])
        self.plan = self.workspace.plan(*scenario.forward)
        self.forward = read_plan(self.workspace.show_json(self.plan), "tfplan")

    def _commit(self, files: Files | str, version: str) -> str:
        for name in self.repository.git("ls-files").splitlines():
            (self.root / name).unlink()
        given = {"main.tf": files} if isinstance(files, str) else files
        head = {"head.tf": HEAD % version} if "aws_" in str(given) else {}
        self.workspace.write_files({**head, ".gitignore": IGNORED, **given})
        self.workspace.init("-upgrade")
        return self.repository.commit("ann", empty=True)

    def rehearse(self, *, allow_reads: bool = True) -> Rehearsed:
        """Return how the rehearsal ends."""
        saved = SavedPlan(self.plan.read_bytes(), "tfplan")
        before = Previous(self.root, self.previous)
        environment = self.workspace.installation.environment(self.workspace.variables)
        return rehearse(
            Wanted(
                saved=saved,
                previous=lambda target: checkout(before.repository, target, needs=(before.repository.folder,)),
                overlay=self.overlay(allow_reads=allow_reads),
                values=before.values(saved.variables(), environment),
                variable_files=(),
                program=self.workspace.installation.terraform,
                environment=environment,
                telling=lambda _: contextlib.nullcontext(),
            )
        )

    def overlay(self, *, allow_reads: bool = True) -> Overlay:
        """Return the overlay, as it is rehearsed."""
        files = {name: text.encode() for name, text in self.scenario.overlay.items()}
        return read_overlay(files, allow_reads=allow_reads) if files else Overlay()

    def compared(self, done: Rehearsed, *, allow_reads: bool = True) -> Compared:
        """Return where what was rehearsed is the reverse of the scenario's plan."""
        back = read_plan(done.plan, "back")
        redactor = Redactor(survey(self.forward).secrets | survey(back).secrets)
        plans = Plans(self.forward, back, done.unknown)
        return compare(plans, self.overlay(allow_reads=allow_reads), redactor)

    def really_back(self) -> bytes:
        """Apply the plan, go back to the previous commit, and return what the plan there says.

        Raises :class:`TerraformError` where planning fails.
        """
        self.workspace.apply(self.plan)
        self.repository.git("checkout", "-q", "--detach", self.previous)
        self.workspace.write_files(self.scenario.overlay)
        self.workspace.init("-lockfile=readonly")
        return self.workspace.show_json(self.workspace.plan(*self.scenario.back, name="back.tfplan"))

    def why_not_back(self) -> str:
        """Return what terraform says where the real way back fails."""
        try:
            self.really_back()
        except TerraformError as error:
            return str(error)
        return ""


Told: TypeAlias = dict[tuple[str, str], dict[str, Any]]


def told(plan: bytes) -> Told:
    """Return what a plan says of each object and output: its actions, its addresses, its values after."""
    document = json.loads(plan)
    found: Told = {}
    for change in document.get("resource_changes", []):
        body = change["change"]
        if change["mode"] == "managed":
            found[change["address"], change.get("deposed", "")] = {
                "actions": body["actions"],
                "previous_address": change.get("previous_address"),
                "importing": body.get("importing"),
                "after": body.get("after"),
                "after_unknown": body.get("after_unknown"),
                "replace_paths": body.get("replace_paths"),
                "reason": change.get("action_reason"),
            }
    for name, body in document.get("output_changes", {}).items():
        found[f"output.{name}", ""] = {"actions": body["actions"], "after": body.get("after")}
    return found


def alike(rehearsed: Any, real: Any) -> bool:
    """Return whether two values are the same, where a placeholder may be anything."""
    if stands_in(rehearsed):
        return True
    if isinstance(rehearsed, dict) and isinstance(real, dict):
        return rehearsed.keys() == real.keys() and all(alike(rehearsed[key], real[key]) for key in rehearsed)
    if isinstance(rehearsed, list) and isinstance(real, list):
        return len(rehearsed) == len(real) and all(map(alike, rehearsed, real))
    return bool(rehearsed == real)


def stands_in(value: Any) -> bool:
    """Return whether a value is a placeholder: of text, of a number, of any type, or a collection with one in it."""
    if isinstance(value, dict):
        return TEXT in value or value == {"value": TEXT, "type": "string"}
    if isinstance(value, list):
        return len(value) == 1 and stands_in(value[0])
    return value == TEXT or (value == NUMBER and not isinstance(value, bool))


def environment_of(stack: Stack) -> dict[str, str]:
    """Return the environment in which the program finds the stack's terraform and providers."""
    return {**stack.workspace.installation.environment(stack.workspace.variables), "PATH": os.environ["PATH"]}
