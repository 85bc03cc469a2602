"""What ``iacgate rollback rehearse --format json`` printed, read again: for ``rollback check``, and to be attested."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from iacgate import canonical, strictjson
from iacgate.cli.attest import Attesting
from iacgate.cli.gate import plan_options, read_changes
from iacgate.cli.loading import Loaded
from iacgate.cli.planned import PlanChange
from iacgate.cli.signing import key_options
from iacgate.errors import PlanUnreadable, UsageInvalid
from iacgate.render.plain import harmless
from iacgate.rollback.rehearsal import SCHEMA, Rehearsal
from iacgate.rollback.rehearsed import MAX_NAMED, Rehearsed
from iacgate.shell.files import read_regular

MAX_REHEARSAL: Final = 32 << 20
"""Bytes of a rehearsal that is read."""

_HOURS: Final = 30 * 24
"""Hours for which it counts: as long as anybody could still want to apply exactly this plan."""

_MAX_WHY: Final = 600
"""Bytes of why it failed or differs, as far as that is attested."""

_MAX_ADDRESSES: Final = 1_500
"""Bytes of the addresses that are named; with the rest, a statement has at most what a key in AWS KMS signs at once."""

_MAX_ADDRESS: Final = 200
"""Bytes of one of them."""


def read_rehearsal(name: str, loaded: Loaded) -> Rehearsal:
    """Return a rehearsal of a plan.

    Raises :class:`PlanUnreadable` where it is none, :class:`UsageInvalid` where it is of another plan.
    """
    data = read_regular(Path(name), MAX_REHEARSAL, PlanUnreadable)
    hint = "Name what `iacgate rollback rehearse --format json` printed."
    if data is None:
        raise PlanUnreadable(f"{name}: there is no such file.", hint=hint)
    try:
        found = msgspec.convert(strictjson.decode(data), Rehearsal)
    except (ValueError, RecursionError) as error:
        raise PlanUnreadable(f"{name}: no rehearsal.", hint=hint) from error
    if found.schema != SCHEMA:
        raise PlanUnreadable(f"{name}: a rehearsal in a form that this version does not know.", hint=hint)
    if not loaded.sha256 or found.plan_sha256 != loaded.sha256:
        raise UsageInvalid(
            f"{name} is the rehearsal of another plan than {loaded.plan.name}.", hint="Rehearse exactly this plan file."
        )
    return found


def said_of(rehearsal: Rehearsal, fingerprint: str) -> Rehearsed:
    """Return what is said of a rehearsal: how it ended, and where values were made up or nothing was rehearsed."""
    approximate = _named([*dict.fromkeys((*rehearsal.approximate, *rehearsal.not_rehearsed))])
    differing = ", ".join(dict.fromkeys(item.address for item in rehearsal.differences))
    why = rehearsal.why or (f"at {differing}" if differing else "")
    return Rehearsed(
        fingerprint=fingerprint,
        previous=rehearsal.previous,
        outcome=rehearsal.outcome,
        approximate=approximate,
        why=_cut(why, _MAX_WHY),
    )


def _named(addresses: list[str]) -> tuple[str, ...]:
    """Return the first of some addresses, as many as a statement has room for; of any, at least one."""
    named: list[str] = []
    room = _MAX_ADDRESSES
    for address in addresses[:MAX_NAMED]:
        short = _cut(address, _MAX_ADDRESS)
        room -= len(_encoded(short))
        if room < 0 and named:
            break
        named.append(short)
    return tuple(named)


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text that has at most so many bytes in a statement."""
    while len(_encoded(text)) > limit:
        text = text[: len(text) * limit // len(_encoded(text))]
    return text


def _encoded(text: str) -> bytes:
    return canonical.canonical_json(text)


@click.command("rehearsal")
@click.argument("name", metavar="PLAN|CHANGE")
@click.option("--rehearsal", "file", required=True, type=click.Path(), metavar="FILE", help="What `rehearse` printed.")
@click.option("--inbox", default="", metavar="DIR|s3://...", help="Where it arrives.")
@click.option("--output", default="", type=click.Path(), metavar="FILE", help="Write it as text; - prints.")
@click.option("--as", "principal", required=True, metavar="ID", help="Who you are in people.yaml.")
@key_options
@click.option("--reason", default="", metavar="TEXT", help="What else is to be said; it is signed with the rest.")
@plan_options
def command(name: str, file: str, **options: Any) -> None:
    """Sign how the rehearsal of a plan's way back ended.

    A machine of people.yaml signs, or somebody with a role who had no hand in the change. It counts for plans with the
    same effect, so that an identical re-plan keeps it; of several the newest decides.

    \b
    Example:
      iacgate rollback rehearse tfplan --previous origin/main --format json > rehearsal.json
      iacgate attest rehearsal tfplan --rehearsal rehearsal.json --change chg-17 --base origin/main \\
        --inbox s3://acme-plans --ledger s3://acme-ledger --as ci --key ci_key
    """
    change, *more = read_changes((name,), options, "sign")
    if more:
        raise UsageInvalid(f"{name} has {1 + len(more)} plans, and a rehearsal is of one.", hint="Name CHANGE/PLAN.")
    if not isinstance(change, PlanChange):
        raise UsageInvalid(f"{name} is done by hand: there is no plan to rehearse.", hint="Name a plan.")
    said = said_of(read_rehearsal(file, change.loaded), change.wanted.fingerprint)
    click.echo(f"The way back of {harmless(change.name)}: {said.outcome}", err=True)
    back = change.inputs().circumstances.previous
    if back and back != said.previous:
        text = f"it goes back to {said.previous[:12]}, and what was applied last is {back[:12]}: it will not count."
        click.echo(f"Note: {text}", err=True)
    about = change.wanted.change
    attesting = Attesting({**options, "about": about})
    attesting.sign("rehearsal", about, msgspec.to_builtins(said), _HOURS)
    if attesting.person.kind == "human" and attesting.person.id in change.wanted.authors:
        click.echo(f"Note: {attesting.person.id} had a hand in the change, so that no gate counts it.", err=True)
