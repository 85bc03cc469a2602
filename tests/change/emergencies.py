"""Emergencies for the tests of this folder."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from iacgate import instants
from iacgate.change.emergency import Emergency

BEGUN = "2026-11-23T12:00:00Z"
PEOPLE = ["ann", "bob", "cleo", "dave"]


def later(instant: str, *, hours: int = 0, days: int = 0, seconds: int = 0) -> str:
    return instants.at(instants.seconds(instant) + hours * 3600 + days * 86_400 + seconds)


def emergency(change: str = "chg-1", **more: Any) -> Emergency:
    """Return an emergency that ann invoked and bob approved."""
    said = {"incident": "INC-7", "invoker": "ann", "approvers": ("bob",), "team": "payments", "sequence": 3}
    time = more.pop("time", BEGUN)
    return Emergency(**{"change": change, **said, "time": time, "latest": time, **more})


times = st.integers(0, 500 * 86_400).map(lambda count: later("2026-01-01T00:00:00Z", seconds=count))


@st.composite
def emergencies(draw: st.DrawFn) -> tuple[Emergency, ...]:
    """Draw the emergencies of a chain, each with a change of its own."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        one = draw(
            st.builds(
                emergency,
                st.just(f"chg-{number}"),
                time=times,
                invoker=st.sampled_from(PEOPLE),
                solo=st.booleans(),
                team=st.sampled_from(["", "payments", "Payments ", "web"]),
                sequence=st.just(number + 1),
                reviewed=st.sampled_from(["", "a" * 64]),
            )
        )
        found.append(one)
    return tuple(found)
