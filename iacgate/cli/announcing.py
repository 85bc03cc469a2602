"""Telling people of an emergency before anything of it is applied."""

from __future__ import annotations

import os

import click

from iacgate.change.emergency import Emergency, due
from iacgate.change.solo import announcement
from iacgate.errors import ApplyRefused
from iacgate.gate import Inputs
from iacgate.render.plain import harmless
from iacgate.shell.announce import announce, heard


def announce_emergency(emergency: Emergency | None, inputs: Inputs, stack: str) -> str:
    """Tell people of an emergency in every way that the policy names; return the ways that worked, in words.

    Raises :class:`ApplyRefused` where somebody acts alone, and nobody could be told.
    """
    if emergency is None:
        return ""
    found = inputs.circumstances
    hours, name = found.emergency.review_hours, harmless(emergency.change)
    click.echo(f"To be reviewed within {hours} hours: iacgate attest review {name}", err=True)
    message = announcement(
        emergency,
        stack,
        found.record.justification if found.record else "",
        inputs.wanted.severity,
        found.changes,
        due(emergency, hours),
        found.lost,
    )
    told = announce(found.emergency.announce, message, os.environ, trusted=inputs.trusted)
    for item in told:
        if not item.ok:
            click.echo(f"Not announced by {item.way}: {harmless(item.why)}", err=True)
    if emergency.solo and not heard(told):
        raise ApplyRefused(
            "Somebody acts alone, and nobody could be told: nothing is applied.",
            hint="Mend what is named above, or have somebody else approve it, with a record that does not say solo.",
        )
    return ", ".join(item.way for item in told if item.ok)
