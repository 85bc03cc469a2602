"""What a stack's emergencies wait for, for those who look at a plan."""

from __future__ import annotations

import click

from iacgate.change.emergency import open_reviews
from iacgate.cli.loading import Loaded
from iacgate.cli.own import Own
from iacgate.cli.reading import Known, open_ledger
from iacgate.errors import UsageInvalid
from iacgate.policy.environments import emergency_of
from iacgate.render.plain import harmless
from iacgate.shell.clock import now


def show_reviews(name: str, own: Own | None, loaded: Loaded) -> None:
    """Say on standard error which emergencies of a plan's stack wait for their review, by the ledger.

    Raises :class:`UsageInvalid` where nobody says which stack that is, and the errors of reading a ledger.
    """
    placed = own.place(loaded)[0] if own else None
    if own is None or placed is None or not placed.stack:
        raise UsageInvalid(
            "--ledger is asked about a stack of stacks.yaml, and this plan is of none.",
            hint="Map it, or leave it away.",
        )
    policy = own.settings.policy
    state = open_ledger(name, Known(own.settings.roster, policy.ledger)).look(placed.stack).state
    hours = emergency_of(policy, placed.environment).review_hours
    for item in open_reviews(state.emergencies, hours, now()):
        late = "is OVERDUE since" if item.overdue else "is due at"
        text = f"The review of the emergency {item.change} ({item.incident}, {item.invoker}) {late} {item.due}."
        click.echo(harmless(text), err=True)
