"""One walk over a plan: what is counted, what is secret, and which changes matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from iacgate.plan import redaction, secrecy
from iacgate.plan.graph import configuration_address
from iacgate.plan.model import Counts, ResourceChange
from iacgate.plan.reader import Plan
from iacgate.vocabulary import Action


class Survey(msgspec.Struct):
    """What one walk over the plan learns.

    ``changes`` are those that matter, deferred ones included; the rest is only counted.
    ``instances`` counts resource instances by configuration address. ``changing`` holds the
    addresses of the changes, ``running`` the configuration addresses of those that mutate,
    ``destroyed`` of those that destroy.
    """

    counts: Counts
    changes: list[ResourceChange]
    instances: Counter[str]
    secrets: set[str]
    providers: set[str]
    changing: set[str]
    running: set[str]
    destroyed: set[str]

    def keep(self, change: ResourceChange) -> None:
        """Remember a change that matters."""
        self.changes.append(change)
        self.changing.add(change.address)
        self.providers.add(change.provider)
        if change.action.mutates:
            self.running.add(configuration_address(change))
        if change.action.destroys:
            self.destroyed.add(configuration_address(change))


def survey(plan: Plan) -> Survey:
    """Walk over a plan once.

    Raises :class:`iacgate.errors.PlanUnreadable` where any entry cannot be judged.
    """
    found = Survey(Counts(), [], Counter(), set(_sensitive_variables(plan)), set(), set(), set(), set())
    for change in plan.resource_changes():
        found.instances[configuration_address(change)] += 1
        if redaction.has_secrets(change.body):
            found.secrets.update(redaction.secrets_of(change.body, f"{plan.name}: {ascii(change.address)}"))
        if change.matters:
            found.keep(change)
            _count(found.counts, change)
        elif change.mode == "managed":
            found.counts.no_op += 1
        else:
            found.counts.read += change.action is Action.READ
    for change in plan.deferred():
        found.counts.deferred += 1
        found.secrets.update(redaction.secrets_of(change.body, f"{plan.name}: {ascii(change.address)}"))
        found.keep(change)
    found.secrets.update(_other_secrets(plan))
    return found


def _other_secrets(plan: Plan) -> Iterator[str]:
    for drift in plan.drift():
        yield from redaction.secrets_of(drift.body, f"{plan.name}: resource_drift")
    for output in plan.outputs():
        yield from redaction.secrets_of(output.body, f"{plan.name}: output_changes")
    for action in plan.action_invocations():
        yield from action.secrets
    yield from plan.data_secrets()


def _sensitive_variables(plan: Plan) -> Iterator[str]:
    root = plan.configuration.get("root_module")
    declared = root.get("variables") if isinstance(root, dict) else None
    values = plan.variables()
    for name, item in declared.items() if isinstance(declared, dict) else ():
        if isinstance(item, dict) and (item.get("sensitive") or item.get("ephemeral")):
            yield from secrecy.leaves(values.get(name))


def _count(counts: Counts, change: ResourceChange) -> None:
    """Count as Terraform's ``Plan:`` line does: managed resources, a replacement twice."""
    action = change.action
    if change.mode != "managed":
        return
    counts.add += action in (Action.CREATE, Action.REPLACE, Action.FORGET_AND_CREATE)
    counts.change += action is Action.UPDATE
    counts.destroy += action in (Action.DELETE, Action.REPLACE)
    counts.forget += action in (Action.FORGET, Action.FORGET_AND_CREATE)
    counts.no_op += action is Action.NO_OP
    counts.imports += change.imported
    counts.move += change.moved
