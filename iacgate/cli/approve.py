"""``iacgate approve`` and ``iacgate reject``: sign what you were shown, or refuse it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import click

from iacgate.approval.armor import armored
from iacgate.approval.counting import Received, count
from iacgate.approval.statement import MAX_PLANS, MAX_WITHDRAWN, Plan, Predicate, encode, make_statement
from iacgate.cli.changes import Change, assessment_digest
from iacgate.cli.gate import plan_options, read_changes
from iacgate.cli.signing import Signing, key_options, tell_ledger
from iacgate.errors import CannotCount, UsageInvalid
from iacgate.people.roster import Principal
from iacgate.render import terminal
from iacgate.render.plain import harmless
from iacgate.render.record import as_lines
from iacgate.shell import console
from iacgate.shell.clock import later, now

DENIED: Final = 11
Said: TypeAlias = Literal["approve", "reject", "withdraw"]


_DONE: Final = {"approve": "approves", "reject": "rejects", "withdraw": "withdraws what he signed about"}


def signing_options(command: Any) -> Any:
    """Add the options of whoever signs."""
    for option in reversed(
        (
            click.argument("names", nargs=-1, required=True, metavar="PLAN|RECORD.yaml|CHANGE..."),
            click.option("--inbox", default="", metavar="DIR|s3://...", help="Where approvals arrive."),
            click.option(
                "--output", default="", type=click.Path(), metavar="FILE", help="Write it as text, too; - prints it."
            ),
            click.option("--as", "principal", required=True, metavar="ID", help="Who you are in people.yaml."),
            key_options,
            click.option("--reason", default="", metavar="TEXT", help="Why; it is signed with the rest."),
            click.option("--yes", is_flag=True, help="Do not ask."),
        )
    ):
        command = option(command)
    return plan_options(command)


@click.command()
@signing_options
def command(names: tuple[str, ...], **options: Any) -> int:
    """Show plans, worst first, ask, and sign that you approve exactly these.

    PLAN is a saved plan file or a folder that `iacgate submit` made; CHANGE is in the inbox; RECORD.yaml is the
    record of a change by hand, which has no plan. Several plans
    of one change take one signature. Everything is computed from the plans: their digests, their risk,
    where they go. Nothing is signed that could not count, and you are told why.

    \b
    Examples:
      iacgate approve chg-17 --inbox /srv/approvals --as ann --key ~/.ssh/id_ed25519
      iacgate approve ./downloaded --output - --as ann --key ~/.ssh/id_ed25519
      iacgate approve tfplan --inbox /srv/approvals --base origin/main --as ann --key ~/.ssh/id_ed25519
    """
    return _sign("approve", names, options)


@click.command()
@signing_options
def reject(names: tuple[str, ...], **options: Any) -> int:
    """Sign that this change must not be applied; it stands until you withdraw it.

    \b
    Example:
      iacgate reject chg-17 --inbox /srv/approvals --as bob --key ~/.ssh/id_ed25519 --reason "drops the archive"
    """
    return _sign("reject", names, options)


@click.command()
@signing_options
def withdraw(names: tuple[str, ...], **options: Any) -> int:
    """Withdraw everything that you signed about a change so far, each by its digest.

    \b
    Example:
      iacgate withdraw chg-17 --inbox /srv/approvals --as bob --key ~/.ssh/id_ed25519
    """
    return _sign("withdraw", names, options)


def _sign(decision: Said, names: tuple[str, ...], options: dict[str, Any]) -> int:
    if not options["inbox"] and (not options["output"] or decision == "withdraw"):
        raise UsageInvalid("Nobody would get what you sign.", hint="Name --inbox, or --output to send it yourself.")
    if not _is_utf8(options["reason"]):
        raise UsageInvalid("The reason is not UTF-8.", hint="Write it in plain text.")
    changes = _of_one_change(list(read_changes(names, options, "sign")))
    first = changes[0]
    person = first.roster.principals.get(options["principal"])
    if person is None:
        raise UsageInvalid(f"Nobody in people.yaml is called {options['principal']!r}.", hint="Name your id there.")
    signing = Signing(options, person.id, first.roster)
    for change in changes:
        _show(change)
        if decision == "approve":
            _check_signer(change, person)
    if not options["yes"] and not click.confirm(f"{decision.capitalize()} this as {person.id}?", err=True):
        click.echo("Nothing was signed.", err=True)
        return DENIED
    for withdraws in _batches(first, person) if decision == "withdraw" else [()]:
        data = signing.seal(_statement(changes, decision, person, options["reason"], withdraws))
        for change in changes:
            (verdict,) = count([Received(data, now())], change.wanted, change.roster, now()).verdicts
            if not verdict.counts:
                raise CannotCount(f"This would not count: {verdict.why}.", hint="Nothing was delivered.")
        _deliver(first, decision, person, data, options)
    return 0


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_one_change(changes: list[Change]) -> list[Change]:
    """Return the plans of one change.

    Raises :class:`UsageInvalid` where they are of several, or more than one statement can be about.
    """
    if len({change.wanted.change for change in changes}) != 1:
        raise UsageInvalid("These plans are of several changes.", hint="Name their change: --change ID.")
    if len(changes) > MAX_PLANS:
        raise UsageInvalid(
            f"{len(changes)} plans: one signature is about {MAX_PLANS} at most.", hint="Sign them in parts."
        )
    return changes


def _check_signer(change: Change, person: Principal) -> None:
    """Raise :class:`CannotCount` where somebody's approval of a plan could not count, or would fill no seat."""
    why, seats = "", change.inputs().demand.seats
    if person.id in change.wanted.authors:
        why = f"{person.id} had a hand in this change and cannot approve it"
    elif person.kind != "human":
        why = f"{person.id} is a machine, and machines fill no seat"
    elif seats and not set(person.roles) & set(seats):
        why = f"{change.name} asks for {', '.join(seats)}, and {person.id} holds none of it"
    elif seats and change.plan_file is None and not change.by_hand and not change.json_only:
        why = f"{change.name} is a plan's JSON alone, which nobody can approve here"
    if why:
        raise CannotCount(f"{why}.", hint="Nothing was signed.")


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


def _show(change: Change) -> None:
    style = terminal.Style(
        colour=console.colour(sys.stderr, "auto"), columns=console.columns(sys.stderr), everything=True
    )
    click.echo(change.shown(style), err=True)
    target = change.wanted.target
    place = ", ".join(f"{name} {harmless(value)}" for name, value in target.backend.items()) or "unknown (JSON only)"
    people = {author.principal or f"unknown ({author.said})" for author in change.hands.authors}
    hands = ", ".join(sorted(people)) or "nobody is named"
    whose = " (says who handed it over)" if change.handed else ""
    click.echo(f"change      {harmless(change.wanted.change)}, {change.wanted.change_type}", err=True)
    if change.by_hand:
        click.echo(f"stack       {harmless(target.stack) or 'not in stacks.yaml, so production'}, by hand", err=True)
    else:
        click.echo(f"state       {place}, workspace {harmless(target.workspace) or 'unknown'}", err=True)
    if target.account:
        click.echo(f"account     {harmless(target.account)}", err=True)
    if change.severity is not change.assessment.severity:
        click.echo(f"severity    {change.severity}, by what its planner sees of the sources before{whose}", err=True)
    click.echo(f"sources     {change.around.tree or 'in no repository'}{whose}", err=True)
    click.echo(f"written by  {harmless(hands)}{whose}", err=True)
    for line in as_lines(change.circumstances.record):
        click.echo(line, err=True)
    click.echo(f"signed as   {change.wanted.fingerprint} ({_signed_as(change)})", err=True)
    inputs = change.inputs()
    for rejects, said in count(inputs.received, change.wanted, change.roster, inputs.now).rejections:
        click.echo(f"rejected by {harmless(rejects)}{f': {harmless(said)}' if said else ''}", err=True)


def _signed_as(change: Change) -> str:
    if change.by_hand:
        return "the digest of the record"
    under = "under the seal" if change.wanted.sealed else "plain: no inbox is named, and no seal was handed over"
    return f"its fingerprint, {under}"


def _statement(
    changes: list[Change], decision: Said, person: Principal, reason: str, withdraws: tuple[str, ...]
) -> bytes:
    issued, wanted = now(), changes[0].wanted
    hours = min(change.wanted.valid_hours for change in changes)
    predicate = Predicate(
        decision=decision,
        change=wanted.change,
        nonce=secrets.token_hex(16),
        change_type=wanted.change_type,
        plans=tuple(_about(change) for change in changes),
        record=wanted.record,
        tests=wanted.tests,
        bundle=wanted.bundle,
        ledger=wanted.ledger,
        principal=person.id,
        reason=reason,
        issued=issued,
        expires=later(issued, hours),
        withdraws=withdraws,
    )
    return encode(make_statement([change.wanted.subjects for change in changes], predicate))


def _about(change: Change) -> Plan:
    """Return what the statement says of one plan."""
    return Plan(
        target=change.wanted.target,
        serial=change.plan_file.serial if change.plan_file else 0,
        fingerprint=change.wanted.fingerprint,
        sources=change.wanted.sources,
        assessment=assessment_digest(change.assessment),
        readiness=change.wanted.readiness,
        severity=change.wanted.severity,
    )


def _deliver(change: Change, decision: str, person: Principal, data: bytes, options: dict[str, Any]) -> None:
    done = f"Signed: {person.id} {_DONE[decision]} {change.wanted.change}"
    if options["inbox"]:
        place = change.inbox.put(change.wanted.change, data)
        click.echo(f"{done}, in {harmless(place)}", err=options["output"] == "-")
    if options["output"] == "-":
        click.echo(armored(data), nl=False)
    elif options["output"]:
        Path(options["output"]).write_text(armored(data), encoding="ascii")
        click.echo(f"{done}, in {harmless(options['output'])}: paste it into the pull request, or send it.")
    if decision == "approve":  # a rejection counts whatever ledger it names
        tell_ledger(change.wanted.ledger)
