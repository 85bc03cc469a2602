"""The entries about an apply, but the one about how it ended."""

from __future__ import annotations

from typing import Final

import msgspec

from iacgate import canonical
from iacgate.apply.backend import LiveState
from iacgate.apply.order import Order
from iacgate.change.promotion import content
from iacgate.errors import ApplyRefused
from iacgate.evidence.advance import after_bypass, after_failure, after_intent, ends
from iacgate.evidence.entry import Actor, Intent, Seen, State
from iacgate.evidence.ledger import Draft, Piece

WAY_BACK: Final = "way-back"
"""What the entry that begins an apply refers to as how it is undone."""

CONTENT: Final = "content"
"""What the entry that begins an apply refers to as the content of its plan, against which promotions are held."""


def bypass(stack: str, actor: Actor, last: Seen, seen: Seen) -> Draft:
    """Return the entry that says that a state moved since the gate saw it last."""
    return Draft(
        event="bypassed",
        stack=stack,
        actor=actor,
        details={
            "beforeLineage": last.lineage,
            "beforeSerial": last.serial,
            "afterLineage": seen.lineage,
            "afterSerial": seen.serial,
        },
        advance=lambda state, *_: after_bypass(state, seen),
    )


def interrupted(order: Order, died: Intent, live: LiveState) -> Draft:
    """Return the entry about an apply of which nobody knows how it ended: what the state is by now."""
    seen = Seen(live.lineage, live.serial, live.digest)

    def advance(state: State, sequence: int, instant: str) -> State:  # noqa: ARG001 - the signature of a draft's
        ends(state, died.run)
        return after_failure(state, died.change, died.fingerprint, seen, died.used)

    return Draft(
        event="interrupted",
        stack=order.stack,
        change=died.change,
        actor=order.actor,
        details={
            "run": died.run,
            "afterExists": live.exists,
            "afterLineage": live.lineage,
            "afterSerial": live.serial,
            "afterDigest": live.digest,
        },
        advance=advance,
    )


def intent(order: Order, live: LiveState, expected: int) -> Draft:
    """Return the entry that says that an apply begins.

    It has the number that was expected, or is refused: nobody recorded anything since the decision.
    """

    def advance(state: State, sequence: int, instant: str) -> State:
        if sequence != expected:
            raise ApplyRefused(
                "Something else was recorded for this stack since it was decided.",
                hint="Run it again: it is gated anew.",
            )
        begun = Intent(order.change, order.run, order.fingerprint, order.statements, instant, sequence)
        emergency = order.emergency
        if emergency is not None:
            emergency = msgspec.structs.replace(emergency, time=instant, latest=instant, sequence=sequence)
        return after_intent(state, begun, allowed=order.allowed, emergency=emergency, using=order.using)

    return Draft(
        event="intended",
        stack=order.stack,
        change=order.change,
        commit=order.repository.commit,
        tree=order.tree,
        actor=order.actor,
        settings=order.settings,
        tool=order.tool,
        details={
            "run": order.run,
            "decision": order.decision,
            "beforeExists": live.exists,
            "beforeLineage": live.lineage,
            "beforeSerial": live.serial,
            "beforeDigest": live.digest,
            "beforeVersion": live.version_id,
            **({"announced": order.announced} if order.emergency else {}),
        },
        pieces={
            CONTENT: Piece(canonical.canonical_json(content(order.plan_file))),
            **({WAY_BACK: Piece(canonical.canonical_json(order.way_back))} if order.way_back else {}),
        },
        advance=advance,
    )
