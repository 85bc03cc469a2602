"""The fingerprint: equal for an identical re-plan, different where the effect may differ.

Two plans with equal ``resource_changes`` can do different things (another provisioner
command, an unknown wired to another resource), so the fingerprint covers everything
that decides the effect and is in the plan, and nothing that varies by itself (the
timestamp, the state's serial, the order of ``relevant_attributes`` and check results).
It is a digest of named digests, so that a difference can be said by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from iacgate import canonical
from iacgate.conditions.values import Hidden
from iacgate.plan.reader import Plan

_MEMBERS: Final = (
    "resource_changes",
    "output_changes",
    "deferred_changes",
    "action_invocations",
    "deferred_action_invocations",
    "configuration",
    "variables",
)

if TYPE_CHECKING:
    from iacgate.plan.saved import PlanFile
_MODULES: Final = "tfconfig/modules.json"
_VERSION: Final = "1"


class _Module(msgspec.Struct, frozen=True, rename="pascal"):
    key: str
    source: str = ""
    version: str = ""


class Fingerprint(msgspec.Struct, frozen=True):
    """The digest, and the digests of its components by name."""

    digest: str
    components: dict[str, str]


def fingerprint(plan: Plan, plan_file: PlanFile | None) -> Fingerprint:
    """Return what identifies the effect of a plan.

    Members are hashed as Terraform printed them: its compact output is canonical already.
    With the saved plan file, the configuration's sources, the lock file, the backend and
    the planning options and the state inside it are covered, too; without it they are not, and the two kinds of
    fingerprint are never equal.

    Raises :class:`iacgate.errors.PlanUnreadable` where the state inside the plan file cannot be read.
    """
    document = plan.document
    components = {"fingerprint": _VERSION, "terraform": plan.terraform_version}
    for member in _MEMBERS:
        raw = getattr(document, member)
        if isinstance(raw, list):
            components[member] = canonical.digest_joined(raw)
        elif raw is not UNSET and raw is not None:
            components[member] = canonical.digest(memoryview(raw))
    components["flags"] = canonical.digest(canonical.canonical_json(plan.completeness))
    if plan_file is not None:
        components |= _file_components(plan_file)
    return Fingerprint(digest=canonical.digest_named(components), components=components)


def _file_components(plan_file: PlanFile) -> dict[str, str]:
    from iacgate.plan import statedigest  # noqa: PLC0415 - only plan files need it

    backend = [plan_file.backend_type, plan_file.workspace, _plain(plan_file.backend_config)]
    options: list[Any] = [plan_file.mode, plan_file.targets, plan_file.excludes, plan_file.force_replace]
    options += [plan_file.action_targets, plan_file.apply_time_variables]
    return {
        "lineage": plan_file.lineage,
        "state": statedigest.digest(plan_file.prior_state),
        "sources": canonical.digest_named(_sources(plan_file)),
        "lock_file": canonical.digest(plan_file.lock_file) if plan_file.lock_file is not None else "",
        "backend": canonical.digest(canonical.canonical_json(backend)),
        "options": canonical.digest(canonical.canonical_json(options)),
        "file_variables": canonical.digest(canonical.canonical_json(_plain(plan_file.variables))),
    }


def _sources(plan_file: PlanFile) -> dict[str, str]:
    """Return the digests of the sources; of the module list without ``Dir``, which may be an absolute path."""
    digests = dict(plan_file.configuration)
    if _MODULES in plan_file.sources:
        try:
            listed = msgspec.json.decode(plan_file.sources[_MODULES], type=list[_Module])
        except msgspec.MsgspecError:
            return digests  # another form of the list: its bytes still identify it
        digests[_MODULES] = canonical.digest(canonical.canonical_json(sorted(listed, key=lambda item: item.key)))
    return digests


def _plain(value: Any) -> Any:
    if isinstance(value, Hidden):
        return {"hidden": value.value}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if not isinstance(value, (str, int, float, bool, type(None))) else value
