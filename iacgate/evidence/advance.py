"""What follows from an entry for the next one: the state of a chain, from event to event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from iacgate.approval.counting import Verdict
from iacgate.errors import ApplyRefused, EvidenceInvalid
from iacgate.evidence.entry import Applied, Attempt, Intent, Seen, Settings, Standing, State

MAX_RETRIES: Final = 3
"""So often a change that failed may be applied again with the same approvals."""

MAX_STANDING: Final = 200


def after_decision(state: State, change: str, verdicts: Sequence[Verdict], arrived: Mapping[str, str]) -> State:
    """Return the state after a decision: which rejections stand, so that nobody can drop one from an inbox.

    One that the decision did not see, because somebody else recorded it meanwhile, stands on.
    ``arrived`` has the instants at which envelopes arrived, by their digests.
    """
    here = tuple(
        Standing(change, item.digest, arrived[item.digest])
        for item in verdicts
        if item.counts and item.decision == "reject"
    )
    seen = {item.digest for item in verdicts}
    others = tuple(item for item in state.rejections if item.change != change or item.envelope not in seen)
    if len(others) + len(here) > MAX_STANDING:
        raise EvidenceInvalid(
            f"More than {MAX_STANDING} rejections stand.", hint="Their signers withdraw those that are of no use."
        )
    return msgspec.structs.replace(state, rejections=(*others, *here))


def after_intent(state: State, intent: Intent, statements: Sequence[str]) -> State:
    """Return the state after somebody began to apply.

    Raises :class:`ApplyRefused` where another apply is under way or has not ended on record, or where one of the
    approvals was used up meanwhile.
    """
    if state.intent is not None:
        raise ApplyRefused(
            f"The run {state.intent.run} began to apply {state.intent.change} at {state.intent.time}, and has not said "
            "how that ended.",
            hint="Wait for it. If it has died: `iacgate apply --resume` records that, and looks at the state.",
        )
    if any(statement in state.used for statement in statements):
        raise ApplyRefused("The approvals were used up by another apply.", hint="Plan again, and have it approved.")
    return msgspec.structs.replace(state, intent=intent)


def after_apply(state: State, applied: Applied, seen: Seen | None, used: Mapping[str, str]) -> State:
    """Return the state after an apply: its approvals count for no further one; ``used`` has until when they could.

    ``seen`` is the Terraform state that it left, ``None`` where it could not be read.
    """
    return msgspec.structs.replace(
        state, applied=applied, seen=seen, intent=None, attempt=None, used={**state.used, **used}
    )


def after_failure(state: State, change: str, fingerprint: str, seen: Seen | None, used: Mapping[str, str]) -> State:
    """Return the state after an apply that failed, or of which nobody knows how it ended.

    ``fingerprint`` is of the plan that was approved, ``seen`` the Terraform state that is left; ``used`` has the
    approvals of it, which count no more when they were of no use too often.
    """
    before = state.attempt if state.attempt and state.attempt.change == change else None
    if before and before.count >= MAX_RETRIES:
        return msgspec.structs.replace(state, seen=seen, intent=None, attempt=None, used={**state.used, **used})
    attempt = Attempt(
        change=change,
        count=before.count + 1 if before else 1,
        fingerprint=before.fingerprint if before else fingerprint,
        lineage=seen.lineage if seen else "",
    )
    return msgspec.structs.replace(state, seen=seen, intent=None, attempt=attempt)


def after_bypass(state: State, seen: Seen) -> State:
    """Return the state after it was seen that the Terraform state moved without the gate."""
    return msgspec.structs.replace(state, seen=seen)


def after_settings(state: State, settings: Settings) -> State:
    """Return the state of the ledger's own chain after a version of signed settings was seen.

    Raises :class:`EvidenceInvalid` where a newer one was seen meanwhile.
    """
    if settings.version < state.settings.version:
        raise EvidenceInvalid(
            f"The ledger has seen version {state.settings.version} of the settings meanwhile.", hint="Run it again."
        )
    return msgspec.structs.replace(state, settings=settings)
