"""``iacgate approve`` and ``iacgate reject``: sign what you were shown, or refuse it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, Final, Literal

import click

from iacgate.approval import envelope
from iacgate.approval.counting import Received, count
from iacgate.approval.statement import MAX_WITHDRAWN, Predicate, encode, make_statement
from iacgate.cli.changes import Change, assessment_digest
from iacgate.cli.gate import plan_options, read_change
from iacgate.errors import IacgateError, UsageInvalid
from iacgate.people.roster import Principal
from iacgate.render import terminal
from iacgate.render.plain import harmless
from iacgate.shell import console
from iacgate.shell.clock import later, now
from iacgate.shell.sshkeygen import sign

DENIED: Final = 11


class CannotCount(IacgateError):
    """Whoever wants to sign could not count, so that nothing is signed."""

    code = "cannot-count"
    exit_code = DENIED


def signing_options(command: Any) -> Any:
    """Add the options of whoever signs."""
    for option in reversed(
        (
            click.option("--as", "principal", required=True, metavar="ID", help="Who you are in people.yaml."),
            click.option("--key", required=True, type=click.Path(), metavar="FILE", help="Your key, or its .pub file."),
            click.option("--reason", default="", metavar="TEXT", help="Why; it is signed with the rest."),
            click.option("--yes", is_flag=True, help="Do not ask."),
        )
    ):
        command = option(command)
    return command


@click.command()
@plan_options
@signing_options
def command(**options: Any) -> int:
    """Show a plan, worst first, ask, and sign that you approve exactly this one.

    Everything is computed from the plan that you name: its digests, its risk, where it goes. Nothing
    is signed that could not count, and you are told why.

    \b
    Examples:
      iacgate approve tfplan --inbox /srv/approvals --base origin/main --as ann --key ~/.ssh/id_ed25519
    """
    return _sign("approve", options)


@click.command()
@plan_options
@signing_options
def reject(**options: Any) -> int:
    """Sign that this change must not be applied; it stands until you withdraw it.

    \b
    Example:
      iacgate reject tfplan --inbox /srv/approvals --as bob --key ~/.ssh/id_ed25519 --reason "drops the archive"
    """
    return _sign("reject", options)


@click.command()
@plan_options
@signing_options
def withdraw(**options: Any) -> int:
    """Withdraw everything that you signed about a change so far, each by its digest.

    \b
    Example:
      iacgate withdraw tfplan --inbox /srv/approvals --as bob --key ~/.ssh/id_ed25519
    """
    return _sign("withdraw", options)


def _sign(decision: Literal["approve", "reject", "withdraw"], options: dict[str, Any]) -> int:
    change = read_change(options, with_differences=True)
    person = change.roster.principals.get(options["principal"])
    if person is None:
        raise UsageInvalid(f"Nobody in people.yaml is called {options['principal']!r}.", hint="Name your id there.")
    _show(change, decision, person)
    if not options["yes"] and not click.confirm(f"{decision.capitalize()} this as {person.id}?", err=True):
        click.echo("Nothing was signed.", err=True)
        return DENIED
    for withdraws in _batches(change, person) if decision == "withdraw" else [()]:
        data = _signed(change, decision, person, Path(options["key"]), options["reason"], withdraws)
        (verdict,) = count([Received(data, now())], change.wanted, change.roster, now()).verdicts
        if not verdict.counts:
            raise CannotCount(f"This would not count: {verdict.why}.", hint="Nothing was delivered.")
        path = change.inbox.put(change.wanted.change, data)
        click.echo(f"{decision.capitalize()}: {change.wanted.change} as {person.id}, in {harmless(str(path))}")
    return 0


def _batches(change: Change, person: Principal) -> list[tuple[str, ...]]:
    """Return what there is of somebody to withdraw, in parts that fit into one statement each."""
    inputs = change.inputs()
    digests = count(inputs.received, change.wanted, change.roster, inputs.now).signed_by(person.id)
    if not digests:
        raise CannotCount(
            f"{person.id} signed nothing about {change.wanted.change} that could be withdrawn.",
            hint="Name the change, the inbox and the plan as they were when it was signed.",
        )
    return [digests[at : at + MAX_WITHDRAWN] for at in range(0, len(digests), MAX_WITHDRAWN)]


def _show(change: Change, decision: str, person: Principal) -> None:
    style = terminal.Style(
        colour=console.colour(sys.stderr, "auto"), columns=console.columns(sys.stderr), everything=True
    )
    click.echo(terminal.render(change.assessment, style), err=True)
    target = change.wanted.target
    place = ", ".join(f"{name} {harmless(value)}" for name, value in target.backend.items()) or "unknown (JSON only)"
    click.echo(f"change      {harmless(change.wanted.change)}, {change.wanted.change_type}", err=True)
    click.echo(f"state       {place}, workspace {harmless(target.workspace) or 'unknown'}", err=True)
    if target.account:
        click.echo(f"account     {harmless(target.account)}", err=True)
    hands = ", ".join(sorted(change.wanted.authors)) or "nobody is named"
    click.echo(f"written by  {harmless(hands)}", err=True)
    if decision == "approve" and person.id in change.wanted.authors:
        raise CannotCount(f"{person.id} had a hand in this change and cannot approve it.", hint="Ask somebody else.")


def _signed(
    change: Change,
    decision: Literal["approve", "reject", "withdraw"],
    person: Principal,
    key: Path,
    reason: str,
    withdraws: tuple[str, ...],
) -> bytes:
    issued = now()
    predicate = Predicate(
        decision=decision,
        change=change.wanted.change,
        nonce=secrets.token_hex(16),
        change_type=change.wanted.change_type,
        target=change.wanted.target,
        serial=change.loaded.plan_file.serial if change.loaded.plan_file else 0,
        fingerprint=change.wanted.fingerprint,
        assessment=assessment_digest(change.assessment),
        severity=change.wanted.severity,
        bundle=change.wanted.bundle,
        ledger=change.wanted.ledger,
        principal=person.id,
        reason=reason,
        issued=issued,
        expires=later(issued, change.wanted.valid_hours),
        withdraws=withdraws,
    )
    payload = encode(make_statement(dict(change.wanted.subjects), predicate))
    return envelope.seal(payload, sign(key, envelope.pre_authentication(payload), envelope.NAMESPACE))
