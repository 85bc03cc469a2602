"""The readiness checks that are about the plan as a whole, and about the way back to the previous configuration.

Those about one change are found with its verdict (:mod:`iacgate.rollback.undo`); those that ask the cloud come from
elsewhere. What cannot be checked is said, and never passes for checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from iacgate.errors import PlanUnreadable
from iacgate.plan.binding import provisioners
from iacgate.plan.graph import without_keys
from iacgate.rollback.verdict import Check, NotChecked, Undo
from iacgate.vocabulary import Action

if TYPE_CHECKING:
    from iacgate.plan.reader import Plan
    from iacgate.plan.saved import PlanFile
    from iacgate.plan.source.hcl import Block
    from iacgate.plan.source.snapshot import Snapshot

MAX_NAMED: Final = 5
"""Providers or addresses that one check names."""

_MAKES: Final = (Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE)
_BUILTIN: Final = "terraform.io/builtin/"
_LOCK: Final = "lock.hcl"


class Previous(msgspec.Struct, frozen=True):
    """The configuration to which undoing goes back.

    ``commit`` is empty where nobody knows it; ``ancestor`` says whether the plan's own commit comes after it, or a
    ledger knows that it was applied last; ``None`` where neither is known. ``snapshot`` has its sources, ``lock`` the
    bytes of its lock file, ``None`` without one.
    """

    commit: str
    ancestor: bool | None
    snapshot: Snapshot | None = None
    lock: bytes | None = None


class Ground(msgspec.Struct, frozen=True):
    """What is known of the way back besides the plan's JSON; ``previous`` is ``None`` where nobody asks for it."""

    plan_file: PlanFile | None = None
    previous: Previous | None = None


class Result(msgspec.Struct):
    """What does not hold, and what could not be checked."""

    checks: list[Check] = []
    not_checked: list[NotChecked] = []

    def fail(self, check: Check | None) -> None:
        """Add a check that does not hold."""
        if check is not None:
            self.checks.append(check)

    def skip(self, name: str, why: str) -> None:
        """Add a check that could not be made."""
        self.not_checked.append(NotChecked(name, why))


def plan_checks(plan: Plan, undos: tuple[Undo, ...], ground: Ground, shown: Callable[[str], str]) -> Result:
    """Return which checks do not hold, and which could not be made.

    ``shown`` tells how an address of the plan is written in ``undos``: without the secrets that stand in it.
    """
    found = Result()
    _whole(plan, found)
    for check in _runs_programs(plan, undos, shown):
        found.fail(check)
    for check in _drifted(plan, undos, shown):
        found.fail(check)
    _state(ground.plan_file, undos, found)
    _way_back(plan, undos, ground, found)
    return found


def _whole(plan: Plan, found: Result) -> None:
    says = plan.completeness
    if says.errored:
        found.fail(Check("RB016", "high", "the plan has errors: what it leaves undone is not known", "Plan again."))
    elif says.complete is False:
        found.fail(
            Check("RB016", "high", "the plan does not have everything (targets, or changes that are put off)",
                  "Plan without -target, or say in the record, under `undo`, why this is enough.")
        )  # fmt: skip
    elif says.complete is None:
        found.skip("RB016", "the plan does not say whether it has everything")


def _runs_programs(plan: Plan, undos: tuple[Undo, ...], shown: Callable[[str], str]) -> Iterator[Check]:
    """Yield what runs with the apply and is not undone with it."""
    text, hint = "what it runs is not undone", "Say in the record, under `undo`, how its effect is taken back."
    touched = {without_keys(undo.address) for undo in undos if undo.action.destroys or undo.action in _MAKES}
    for address in sorted({address for address, _ in provisioners(plan.configuration)} & touched):
        yield Check("RB005", "high", f"a provisioner runs with it: {text}", hint, address)
    for action in plan.action_invocations():
        yield Check("RB005", "high", f"a provider's action: {text}", hint, shown(action.address))


def _drifted(plan: Plan, undos: tuple[Undo, ...], shown: Callable[[str], str]) -> Iterator[Check]:
    drifted = {shown(change.address) for change in plan.drift() if change.mode == "managed"}
    for undo in undos:
        if undo.address in drifted and undo.action in (Action.UPDATE, Action.DELETE, Action.REPLACE):
            yield Check(
                "RB022", "high", "somebody changed it outside Terraform: undoing brings back what is written, not that",
                "Write what was changed into the configuration first, or say under `undo` that it may be lost.",
                undo.address,
            )  # fmt: skip


def _state(plan_file: PlanFile | None, undos: tuple[Undo, ...], found: Result) -> None:
    """Add what is wrong with the state that undoing starts from."""
    if plan_file is None:
        found.fail(
            Check("RB017", "medium", "only the plan's JSON was read: nothing tells of state, lock file and sources",
                  "Name the saved plan file.")
        )  # fmt: skip
        found.skip("RB013", "the state is in the plan file only")
        found.skip("RB014", "lineage and serial are in the plan file only")
        return
    from iacgate.plan.statefile import is_managed, read_state, show_key  # noqa: PLC0415 - only plan files have a state

    try:
        state = read_state(plan_file.prior_state, "The state in the plan")
    except PlanUnreadable as error:
        found.fail(Check("RB013", "block", error.message, "Bring the state to a known version: plan and apply anew."))
        return
    imported = {undo.address for undo in undos if undo.inverse == "remove"}
    there = {show_key(key) for key in state.instances if is_managed(key)} - imported
    if there and not plan_file.lineage:
        found.fail(
            Check("RB014", "block", "the plan does not say which state it starts from (its lineage is empty)",
                  "Plan again, with the stack's real backend.")
        )  # fmt: skip


def _way_back(plan: Plan, undos: tuple[Undo, ...], ground: Ground, found: Result) -> None:
    previous = ground.previous
    if previous is None:
        for name in ("RB010", "RB011", "RB012", "RB018", "RB023"):
            found.skip(name, "nobody named the previous configuration (--previous)")
        return
    if not previous.commit:
        found.fail(
            Check("RB010", "block", "the previous configuration is not known: there is nothing to go back to",
                  "Name the commit that was applied last: --previous.")
        )  # fmt: skip
        return
    if previous.ancestor is False:
        found.fail(
            Check("RB010", "block", f"the commit {previous.commit[:12]} does not come before the one that is planned",
                  "Name the commit that was applied last: --previous.")
        )  # fmt: skip
    elif previous.ancestor is None:
        found.skip("RB010", "nobody knows which commit was planned, so not whether the previous one comes before it")
    _locks(plan, ground.plan_file, previous, found)
    _protected(undos, previous, found)
    _backend(plan, previous, found)


def _locks(plan: Plan, plan_file: PlanFile | None, previous: Previous, found: Result) -> None:
    """Add where the providers of the way back are not those of now."""
    if not _downloads(plan):
        return
    then = _versions(previous.lock)
    without = [f"the commit {previous.commit[:12]}"] if then is None else []
    if plan_file is None:
        for name in ("RB011", "RB012")[len(without) :]:
            found.skip(name, "the lock file of the plan is in the plan file only")
    now = _versions(plan_file.lock_file) if plan_file else None
    without += ["the plan"] if plan_file and now is None else []
    for where in without:
        found.fail(
            Check("RB011", "high", f"{where} has no lock file that can be read: undoing may take other providers",
                  "Commit .terraform.lock.hcl.")
        )  # fmt: skip
    if now is None or then is None:
        return
    differing = sorted(name for name in now.keys() & then.keys() if now[name] != then[name])
    if differing:
        names = ", ".join(f"{name} {then[name]} -> {now[name]}" for name in differing[:MAX_NAMED])
        found.fail(
            Check("RB012", "high", f"providers change with it, and an older one may not read the newer state: {names}",
                  "Rehearse the way back, or change providers in a change of their own.")
        )  # fmt: skip


def _downloads(plan: Plan) -> bool:
    """Return whether any provider is not built into Terraform: one that is configured, or one that changes anything.

    Where the last object of a provider is destroyed, the configuration does not name it any more.
    """
    found: Any = plan.configuration.get("provider_config")
    named = [_name(item) for item in found.values() if isinstance(item, dict)] if isinstance(found, dict) else []
    return any(map(_is_downloaded, named)) or any(_is_downloaded(item.provider) for item in plan.resource_changes())


def _name(configured: dict[str, Any]) -> str:
    return str(configured.get("full_name") or configured.get("name") or "")


def _is_downloaded(provider: str) -> bool:
    return provider not in ("", "terraform") and not provider.startswith(_BUILTIN)


def _versions(lock: bytes | None) -> dict[str, str] | None:
    """Return the version of each provider in a lock file; ``None`` where there is none that can be read."""
    from iacgate.plan.source.hcl import parse  # noqa: PLC0415 - most plans come without lock files

    parsed = None if lock is None else parse(_LOCK, lock)
    if parsed is None or not parsed.whole:
        return None
    providers = [item for item in parsed.blocks if item.kind == "provider" and item.labels]
    return {item.labels[0]: str(item.literal("version") or "") for item in providers}


def _protected(undos: tuple[Undo, ...], previous: Previous, found: Result) -> None:
    """Add what the previous configuration forbids to destroy, and undoing must destroy."""
    if previous.snapshot is None:
        found.skip("RB018", "the sources of the previous configuration are not known")
        return
    unseen = []
    for undo in undos:
        address = without_keys(undo.previous_address or undo.address)
        if undo.inverse not in ("delete", "delete-create"):
            continue
        if previous.snapshot.lifecycle(address, "prevent_destroy") is True:
            found.fail(
                Check("RB018", "high", "the previous configuration has prevent_destroy on what undoing must destroy",
                      "Undoing it needs that protection taken away first: say so under `undo`.", undo.address)
            )  # fmt: skip
        elif undo.inverse == "delete-create" and not previous.snapshot.resource(address):
            unseen.append(undo.address)
    if unseen:
        names = ", ".join(unseen[:MAX_NAMED])
        found.skip(
            "RB018", f"the previous sources do not show what undoing must destroy (a module from elsewhere?): {names}"
        )


def _backend(plan: Plan, previous: Previous, found: Result) -> None:
    if plan.snapshot is None or previous.snapshot is None:
        found.skip("RB023", "the backend is told by sources only")
        return
    if _backends(plan.snapshot) != _backends(previous.snapshot):
        found.fail(
            Check("RB023", "high", "the backend is another one than before: undoing would look for the state elsewhere",
                  "Move the state in a change of its own, without other changes.")
        )  # fmt: skip


def _backends(snapshot: Snapshot) -> list[Mapping[str, object]]:
    blocks = (item.block for item in snapshot.of_kind("terraform") if not item.module)
    return [_shape(inner) for block in blocks for inner in block.blocks if inner.kind in ("backend", "cloud")]


def _shape(block: Block) -> Mapping[str, object]:
    """Return what a block says, without where it stands."""
    attributes = {name: (item.literal, item.reference) for name, item in block.attributes.items()}
    return {
        "kind": block.kind,
        "labels": block.labels,
        "is": attributes,
        "has": [_shape(item) for item in block.blocks],
    }
