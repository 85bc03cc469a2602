"""What a plan's configuration decides beside its resource changes, held against a standard pattern.

Of the configuration only the sources in the plan file are what apply follows; what either they or the
plan's JSON says, counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from iacgate.change.patterns import PatternText
from iacgate.plan.addressing import provider_name
from iacgate.plan.binding import unbound
from iacgate.plan.others import object_of
from iacgate.plan.reader import Plan
from iacgate.plan.source.removed import removed_provisioners

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
    from iacgate.plan.source.hcl import Block

_NO_SETTINGS: Final = frozenset({"alias", "version"})
"""Arguments of a provider block that Terraform takes for itself."""


def configuration_outside(text: PatternText, plan: Plan, plan_file: PlanFile | None) -> Iterator[tuple[str, str]]:
    """Yield where something is outside of the pattern, empty for the plan as a whole, and why; 12 and 13 of ``fit``.

    Raises :class:`iacgate.errors.PlanUnreadable` where the plan cannot be read.
    """
    for name in sorted(_providers(plan, plan_file) - set(text.providers)):
        yield "", f"it uses the provider {name}, which is not in the pattern"
    for name in sorted(_provider_settings(plan) - set(text.provider_settings)):
        yield "", f"a provider block sets {name}, which the pattern does not allow"
    if plan.snapshot is not None and any(True for _ in removed_provisioners(plan.snapshot)):
        yield "", "a `removed` block of its configuration can run programs"
    for item in unbound(plan, plan_file):
        if item.kind != "provisioner":  # those of resources that change are looked at there, and no others run
            yield item.address, item.why


def _providers(plan: Plan, plan_file: PlanFile | None) -> set[str]:
    """Return every provider that the plan names."""
    named = {change.provider for change in plan.resource_changes()}
    configured = object_of(plan.configuration.get("provider_config"))
    named |= {str(object_of(item).get("full_name") or object_of(item).get("name")) for item in configured.values()}
    if plan_file is not None:
        changes = (*plan_file.changes, *plan_file.drift)
        named |= {provider_name(change.provider) or "without a name" for change in changes}
        named |= set(plan_file.state_store_provider.split()[:1])
    return named - {""}


def _provider_settings(plan: Plan) -> set[str]:
    """Return the names of everything that any provider block sets."""
    found: set[str] = set()
    for item in object_of(plan.configuration.get("provider_config")).values():
        found.update(object_of(object_of(item).get("expressions")))
    for source in plan.snapshot.of_kind("provider") if plan.snapshot else ():
        block = source.block
        found.update(block.attributes)
        found.update(name for inner in block.blocks for name in _names(inner))
    return found - _NO_SETTINGS


def _names(block: Block) -> tuple[str, ...]:
    return block.labels if block.kind == "dynamic" else (block.kind,)
