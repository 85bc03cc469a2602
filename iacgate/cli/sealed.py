"""The seal of a plan's stack, the names and digests that follow from it, and what arrived for the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from iacgate import canonical
from iacgate.approval.counting import Received
from iacgate.approval.statement import Target
from iacgate.cli.loading import Loaded
from iacgate.cli.surroundings import Around
from iacgate.evidence.store import together
from iacgate.risk.assessment import Assessment
from iacgate.sealing import UNSEALED, Seal
from iacgate.shell.inbox import Inbox


class Sought(msgspec.Struct, frozen=True):
    """What is looked for in an inbox.

    ``change`` is what somebody calls the change, empty where nobody does: then it is named after its ``target`` and
    ``fingerprint``. ``carried`` is the seal that was handed over with the plan, as text. ``inbox`` says that one is
    named; ``make`` is for who hands over or signs, and makes its seal where there is none yet.
    """

    chain: str
    target: Target
    fingerprint: str
    change: str
    carried: str
    inbox: bool
    make: bool


class Found(msgspec.Struct, frozen=True):
    """The seal, the name of the change, and what arrived for it."""

    seal: Seal
    change: str
    received: list[Received]


def look_into(inbox: Inbox, sought: Sought) -> Found:
    """Return the seal and what arrived.

    The name of a change that nobody named ends with what is made under the seal, so that it gives no digest away. Its
    beginning follows from the target: by that, what arrived is listed while the seal is read, and not after it.

    Raises what :meth:`Inbox.seal` and :meth:`Inbox.received` raise.
    """
    beginning = f"plan-{canonical.digest(canonical.canonical_json(sought.target))[:10]}-"
    calls: list[Callable[[], Any]] = [
        lambda: _seal(inbox, sought),
        lambda: inbox.listed(f"{sought.change}/" if sought.change else beginning),
    ]
    seal, listed = together(calls)
    effect = canonical.canonical_json([sought.target, seal.of(sought.fingerprint)])
    change = sought.change or f"{beginning}{canonical.digest(effect)[:20]}"
    return Found(seal, change, inbox.received(change, listed))


def _seal(inbox: Inbox, sought: Sought) -> Seal:
    """Return the seal that was handed over with the plan, else that of the inbox."""
    if sought.carried:
        return Seal(bytes.fromhex(sought.carried))
    return inbox.seal(sought.chain, make=sought.make) if sought.inbox else UNSEALED


def under(seal: Seal, assessment: Assessment) -> Assessment:
    """Return an assessment with the digests of its plan under a seal."""
    plan = assessment.plan
    file = plan.plan_file_sha256
    keyed = msgspec.structs.replace(
        plan,
        sha256=seal.of(plan.sha256),
        plan_file_sha256=None if file is None else seal.of(file),
        fingerprint=seal.of(plan.fingerprint),
    )
    return msgspec.structs.replace(assessment, plan=keyed)


def subjects_of(loaded: Loaded, assessment: Assessment, around: Around) -> dict[str, str]:
    """Return the digests by name: those of the plan as its assessment has them, those of what is in git plain."""
    lock = loaded.plan_file.lock_file if loaded.plan_file else None
    return {
        "plan-file": assessment.plan.plan_file_sha256 or "",
        "plan-json": assessment.plan.sha256,
        "lock-file": canonical.digest(lock) if lock else "",
        "tree": around.tree,
    }
