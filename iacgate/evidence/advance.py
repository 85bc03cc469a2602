"""What follows from an entry for the next one: the state of a chain, from event to event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from iacgate.approval.counting import Verdict
from iacgate.change.emergency import Emergency, begun
from iacgate.change.patternuse import used
from iacgate.change.review import Reviewing, settled
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
    by_signer = {  # one may be delivered in many spellings
        (item.principal, item.statement): Standing(change, item.digest, arrived[item.digest])
        for item in reversed(verdicts)
        if item.counts and item.decision == "reject"
    }
    here = tuple(by_signer.values())
    seen = {item.digest for item in verdicts}
    others = tuple(item for item in state.rejections if item.change != change or item.envelope not in seen)
    if len(others) + len(here) > MAX_STANDING:
        raise EvidenceInvalid(
            f"More than {MAX_STANDING} rejections stand.", hint="Their signers withdraw those that are of no use."
        )
    return msgspec.structs.replace(state, rejections=(*others, *here))


class Using(msgspec.Struct, frozen=True):
    """The pattern that a standard change uses: how many resource changes it makes, and whether it is a retry."""

    pattern: str
    resources: int
    again: bool


def after_intent(
    state: State, intent: Intent, *, allowed: bool, emergency: Emergency | None = None, using: Using | None = None
) -> State:
    """Return the state after somebody began to apply; ``allowed`` is false where the policy only observes.

    ``emergency`` is what the change is, where it is one; ``using`` the pattern that a standard change follows.

    Raises :class:`ApplyRefused` where another apply is under way or has not ended on record, where one of the
    approvals was used up meanwhile, or somebody rejected the change.
    """
    if state.intent is not None:
        raise ApplyRefused(
            f"The run {state.intent.run} began to apply {state.intent.change} at {state.intent.time}, and has not said "
            "how that ended.",
            hint="Wait for it. If it has died: `iacgate apply --resume` records that, and looks at the state.",
        )
    if allowed and any(item.change == intent.change for item in state.rejections):
        raise ApplyRefused(f"Somebody rejected {intent.change} meanwhile.", hint="See `iacgate gate`.")
    if any(statement in state.used for statement in intent.used):
        raise ApplyRefused("The approvals were used up by another apply.", hint="Plan again, and have it approved.")
    emergencies = state.emergencies
    if emergency is not None:
        retry = state.attempt is not None and state.attempt.change == intent.change
        emergencies = begun(emergencies, emergency, retry=retry)
    uses = state.uses
    if using is not None:
        uses = used(uses, using.pattern, intent.change, intent.time, using.resources, again=using.again)
    return msgspec.structs.replace(state, intent=intent, emergencies=emergencies, uses=uses)


def ends(state: State, run: str) -> None:
    """Raise :class:`EvidenceInvalid` where the ledger does not wait for the result of a run."""
    if state.intent is None or state.intent.run != run:
        raise EvidenceInvalid(
            f"The ledger waits for no result of the run {run}: it was stored, or called dead.",
            hint="Look at the chain: `iacgate evidence list`.",
        )


def after_apply(state: State, applied: Applied, seen: Seen | None, used: Mapping[str, str], *, whole: bool) -> State:
    """Return the state after an apply: its approvals count for no further one; ``used`` has until when they could.

    ``seen`` is the Terraform state that it left, ``None`` where it could not be read. ``whole`` is whether nothing of
    the commit is left to do: else it is no base, or whoever wrote the rest would have had no hand in it.
    """
    left = state.attempt if state.attempt and state.attempt.change != applied.change else None
    spent = {**state.used, **used, **(state.attempt.used if state.attempt and left is None else {})}
    base = applied.commit if whole else state.base
    return msgspec.structs.replace(state, applied=applied, base=base, seen=seen, intent=None, attempt=left, used=spent)


def after_failure(state: State, change: str, fingerprint: str, seen: Seen | None, used: Mapping[str, str]) -> State:
    """Return the state after an apply that failed, or of which nobody knows how it ended.

    ``fingerprint`` is of the plan that was approved, ``seen`` the Terraform state that is left; ``used`` has the
    approvals of it, which count no more when they were of no use too often.
    """
    before = state.attempt if state.attempt and state.attempt.change == change else None
    if before and before.count >= MAX_RETRIES:
        spent = {**state.used, **before.used, **used}
        return msgspec.structs.replace(state, seen=seen, intent=None, attempt=None, used=spent)
    other = state.attempt.used if state.attempt and before is None else {}  # one change at a time is tried again
    attempt = Attempt(
        change=change,
        count=before.count + 1 if before else 1,
        fingerprint=before.fingerprint if before else fingerprint,
        lineage=seen.lineage if seen else "",
        used={**before.used, **used} if before else dict(used),
    )
    return msgspec.structs.replace(state, seen=seen, intent=None, attempt=attempt, used={**state.used, **other})


def after_done(state: State, used: Mapping[str, str], emergency: Emergency | None = None) -> State:
    """Return the state after somebody said how a change by hand ended: its approvals count for nothing further.

    ``used`` has until when each could have counted; ``emergency`` is what the change is, where it is one. Neither the
    Terraform state nor the commit that was applied last is another one by that.

    Raises :class:`ApplyRefused` where one of the approvals was used up meanwhile, or it was an emergency before.
    """
    if any(statement in state.used for statement in used):
        raise ApplyRefused("The approvals were used up meanwhile.", hint="Gate it again, and have it approved.")
    emergencies = begun(state.emergencies, emergency, retry=False) if emergency else state.emergencies
    return msgspec.structs.replace(state, used={**state.used, **used}, emergencies=emergencies)


def after_review(state: State, reviewing: Reviewing) -> State:
    """Return the state after all seats of a review were filled, which its caller has counted."""
    return msgspec.structs.replace(state, emergencies=settled(state.emergencies, reviewing))


def after_bypass(state: State, seen: Seen) -> State:
    """Return the state after it was seen that the Terraform state moved without the gate."""
    return msgspec.structs.replace(state, seen=seen)


def after_settings(state: State, settings: Settings) -> State:
    """Return the state of the ledger's own chain after a version of signed settings was seen.

    Raises :class:`EvidenceInvalid` where a newer one was seen meanwhile.
    """
    if settings.version < state.settings.version or (
        settings.version == state.settings.version and settings != state.settings
    ):
        raise EvidenceInvalid(
            f"The ledger has seen version {state.settings.version} of the settings meanwhile.", hint="Run it again."
        )
    return msgspec.structs.replace(state, settings=settings)
