"""``iacgate gate``: may this plan be applied, and if not, what is missing and who could give it?"""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

from iacgate import canonical
from iacgate.cli.byhand import ManualChange, written
from iacgate.cli.changes import Change
from iacgate.cli.handed import plans
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.ledgers import Recorder, ledger_options, tool_versions
from iacgate.cli.ledgers import Wanted as LedgerWanted
from iacgate.cli.loading import Origin
from iacgate.cli.planned import PlanChange
from iacgate.cli.proposed import Asked
from iacgate.cli.pullrequests import ask
from iacgate.cli.spare import NAME, Spare, second_store_option
from iacgate.cli.surroundings import Named
from iacgate.errors import SignatureInvalid, TrustInvalid, UsageInvalid
from iacgate.evidence.advance import after_decision
from iacgate.evidence.degraded import Written
from iacgate.evidence.entry import Actor
from iacgate.evidence.ledger import Draft, Piece, Receipt
from iacgate.evidence.recorded import recorded
from iacgate.gate import Decision, Inputs, decide
from iacgate.people.roster import Roster
from iacgate.render import decision as rendered
from iacgate.render.plain import harmless
from iacgate.shell import console
from iacgate.shell.bundles import ROOT
from iacgate.shell.ci import run_of
from iacgate.shell.stores import is_s3
from iacgate.vocabulary import CHANGE_TYPES, Severity


def plan_options(command: Any) -> Any:
    """Add the options that say which plan, which settings and which change."""
    for option in reversed(
        (
            click.option("--plan-json", type=click.Path(), metavar="FILE", help="The plan file's JSON."),
            click.option("--chdir", type=click.Path(), metavar="DIR", help="The stack's initialised folder."),
            click.option("--program", default="", metavar="PATH", help="The terraform or tofu to start."),
            click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder."),
            click.option(
                "--trusted", default="", metavar="REF", help="The protected branch whose signed settings decide."
            ),
            click.option("--stack", default="", metavar="NAME", help="The plan's stack in stacks.yaml."),
            click.option("--change", default="", metavar="ID", help="The change.  [default: named after the plan]"),
            click.option(
                "--type", "change_type", type=click.Choice(CHANGE_TYPES), help="The type of change.  [default: normal]"
            ),
            click.option("--record", default="", type=click.Path(), metavar="FILE", help="The record of the change."),
            click.option("--author", multiple=True, metavar="WHO", help="Who had a hand in it: id, account or e-mail."),
            click.option("--base", metavar="REF", help="Everybody with a commit since then had a hand in it."),
            click.option("--pull-request", type=int, metavar="N", help="Ask GitHub who had a hand in this one, too."),
            click.option("--ledger", default="", metavar="DIR|s3://...", help="The ledger: a folder or a bucket."),
        )
    ):
        command = option(command)
    return command


def read_changes(
    names: tuple[str, ...], options: dict[str, Any], purpose: Literal["submit", "sign", "gate", "apply"]
) -> Iterator[Change]:
    """Yield the changes that the command line names, judged, one for each plan, and one for each record by hand.

    Raises :class:`TrustInvalid` where the pipeline pins signed settings, and those of the working tree,
    which the change may have written itself, would decide.
    """
    if not options["trusted"] and os.environ.get(ROOT):
        raise TrustInvalid(
            f"{ROOT} is set, and --trusted names no branch: the settings of the working tree decide nothing here.",
            hint="Name the protected branch, for example --trusted origin/main; or unset it to look at a draft.",
        )
    judge = Judge(
        Wanted(config=options["config"], stack=options["stack"], base=options["base"], trusted=options["trusted"])
    )
    origin = Origin(options["plan_json"], options["chdir"], options["program"])
    told = ask(options["pull_request"], os.environ)
    asked = Asked(
        inbox=options["inbox"],
        change=options["change"],
        record=options["record"],
        text=told.text,
        named=Named(options["author"], told.accounts, told.vouched, options["base"] or ""),
        change_type=options["change_type"],
        deployer=options.get("deployer", ""),
        ledger=LedgerWanted(
            options["ledger"],
            second=options.get("second_store", ""),
            gate_key=options.get("gate_key", ""),
            record=purpose in ("gate", "apply"),
        ),
        hand_over=purpose == "submit",
        applies=purpose == "apply",
        believe=purpose == "sign",
    )
    for name in names:
        found = written(name, options["record"], options["inbox"])
        if found is not None:
            yield ManualChange(judge, found, asked)
            continue
        for loaded in plans(name, options["inbox"], origin, options["change"]):
            yield PlanChange(judge, loaded, asked, differences_from=Severity.NONE if purpose == "sign" else None)


def read_plans(
    names: tuple[str, ...], options: dict[str, Any], purpose: Literal["submit", "apply"]
) -> Iterator[PlanChange]:
    """Yield the changes that the command line names, as :func:`read_changes` does, each of which has a plan.

    Raises :class:`UsageInvalid` for what is done by hand.
    """
    for change in read_changes(names, options, purpose):
        if not isinstance(change, PlanChange):
            raise UsageInvalid(
                f"{change.name} is done by hand: there is no plan of it.",
                hint="Approve and gate its record; who did it says so: `iacgate attest done`.",
            )
        yield change


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PLAN|RECORD.yaml|CHANGE...")
@click.option("--inbox", required=True, metavar="DIR|s3://...", help="Where plans and approvals arrive.")
@click.option(
    "--approval", multiple=True, type=click.Path(), metavar="FILE", help="An approval, or text with approvals in it."
)
@plan_options
@ledger_options
@second_store_option
@click.option("--deployer", default="", metavar="WHO", help="Who deploys: id, account, cloud identity or e-mail.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(names: tuple[str, ...], approval: tuple[str, ...], output: str, color: str, **options: Any) -> int:
    """Decide whether a plan may be applied, by the settings in .iacgate and the approvals that arrived.

    PLAN is a saved plan file; CHANGE one that was handed over with `iacgate submit`, in the inbox or as a
    folder; RECORD.yaml the record of a change by hand, which has no plan: CHANGE finds it in .iacgate/changes, too.
    In observe mode (the default of policy.yaml) it decides and blocks nothing. Without --trusted, the settings are
    those of the working tree, which the change itself may have changed. With --ledger, every decision is recorded,
    and older settings are refused.

    \b
    Examples:
      iacgate gate tfplan --inbox /srv/approvals --base origin/main --trusted origin/main
      iacgate gate chg-17 --inbox /srv/approvals --base origin/main --ledger /srv/ledger
      iacgate gate .iacgate/changes/db-3.yaml --inbox /srv/approvals --base origin/main
      iacgate gate tfplan --inbox ./inbox --author ann@example.com --approval comments.txt --format json
      iacgate gate tfplan --inbox ./inbox --base origin/main --type emergency --deployer ann-example
      GITHUB_REPOSITORY=acme/shop iacgate gate tfplan --inbox ./inbox --base origin/main --pull-request 17
    """
    codes = []
    for change in read_changes(names, options, "gate"):
        _deliver(change, approval)
        inputs, decision = decision_of(change)
        entry = record(change, inputs, decision)
        if output == "json":
            sys.stdout.buffer.write(rendered.as_json(decision))
            sys.stdout.flush()
        else:
            show(change, decision, options, color)
        if entry:
            click.echo(where_recorded(change, entry), err=True)
        codes.append(decision.exit_code)
    return min((code for code in codes if code), default=0)


def decision_of(change: Change) -> tuple[Inputs, Decision]:
    """Return the decision about a change, now, and what it was made from."""
    inputs = change.inputs()
    return inputs, decide(inputs, change.roster)


def show(change: Change, decision: Decision, options: dict[str, Any], color: str) -> None:
    """Print a decision for people."""
    label, colour = change.name, console.colour(sys.stdout, color)
    sys.stdout.write(rendered.as_text(decision, label, _how_to_approve(change, options), colour=colour))
    sys.stdout.flush()


def _deliver(change: Change, files: tuple[str, ...]) -> None:
    """Put approvals that came another way into the inbox, from which alone is counted."""
    if not files:
        return
    from iacgate.approval.armor import envelopes_in  # noqa: PLC0415 - most approvals are in the inbox
    from iacgate.shell.inputs import read_input  # noqa: PLC0415 - as above

    for name in files:
        for data in envelopes_in(read_input(name), name):
            if _is_somebodys(data, change.roster):
                change.inbox.put(change.wanted.change, data)
            else:
                click.echo(f"Left out of {harmless(name)}: an envelope that nobody in people.yaml signed.", err=True)
    change.look_into_inbox()


def _is_somebodys(data: bytes, roster: Roster) -> bool:
    """Return whether somebody known signed: whoever can write a comment fills no inbox."""
    from iacgate.approval import envelope  # noqa: PLC0415 - most approvals are in the inbox

    try:
        return envelope.verify(envelope.parse(data), roster) is not None
    except SignatureInvalid:
        return False


def record(change: Change, inputs: Inputs, decision: Decision) -> Receipt | Written | None:
    """Record a decision where there is a ledger, or a second store that stands in for it; return what was stored.

    Raises :class:`iacgate.errors.EvidenceInvalid` where it cannot be stored: nothing was decided then.
    """
    recorder = change.recorder
    if recorder is None:
        return None
    _tell_plain(change)
    arrived = {canonical.digest(item.data): item for item in inputs.received}
    rejected = {item.digest for item in decision.approvals if item.counts and item.decision == "reject"}
    pieces = recorded(inputs, rendered.as_json(decision), change.settings_files)
    if decision.exit_code == 0:  # what is denied is not applied, and its assessment is among the inputs
        pieces |= change.pieces(recorder)
    pieces |= {f"rejection {digest}": Piece(arrived[digest].data) for digest in sorted(rejected)}
    times = {digest: item.arrived for digest, item in arrived.items()}
    codes = Counter(item.code for item in decision.approvals)
    draft = Draft(
        event="decided",
        stack=change.chain,
        change=decision.change,
        commit=change.around.commit,
        tree=change.around.tree,
        actor=Actor(decision.deployer, run_of(os.environ)),
        settings=recorder.settings,
        tool=tool_versions(inputs.assessment),
        details={
            "allowed": decision.allowed,
            "blocks": decision.blocks,
            "exitCode": decision.exit_code,
            "severity": decision.severity.value,
            "withdrawn": codes["withdrawn"],
            "expired": codes["time"],
        },
        pieces=pieces,
        advance=lambda state, *_: after_decision(state, decision.change, decision.approvals, times),
    )
    return recorder.append(draft)


def _tell_plain(change: Change) -> None:
    """Say where digests are recorded that short secrets could be tried against."""
    if not change.wanted.sealed and not change.by_hand:
        text = (
            f"{harmless(change.chain)} has no seal in this inbox, so that digests of the plan are recorded as they are."
        )
        click.echo(f"{text} `iacgate submit --inbox` makes one.", err=True)


def where_recorded(change: Change, stored: Receipt | Written) -> str:
    """Return where something was recorded; outside of the ledger, what remains to be done."""
    independent = _how_independent(change)
    if isinstance(change.recorder, Spare):
        store, lost = harmless(change.recorder.store.name), harmless(change.recorder.lost.store)
        return (
            f"NOT IN THE LEDGER, which could not be reached: recorded in the second store {store}: "
            f"{stored.digest}{independent}. "
            f"When the ledger is back: `iacgate evidence push {NAME} {store} --ledger {lost}`."
        )
    return f"Recorded in {change.wanted.ledger}, chain {harmless(change.chain)}: {stored.digest}{independent}"


def _how_independent(change: Change) -> str:
    """Say that a folder proves nothing to those who do not trust whoever can write it."""
    recorder = change.recorder
    store = recorder.ledger.store if isinstance(recorder, Recorder) else recorder.store if recorder else None
    independent = store is not None and store.independent
    return "" if independent else " (local, not independent)"


def _how_to_approve(change: Change, options: dict[str, Any]) -> str:
    """Return the command that an approver types."""
    said, kind = change.handed, change.wanted.change_type
    carried = {
        "--inbox": options["inbox"] if is_s3(options["inbox"]) else str(Path(options["inbox"]).absolute()),
        "--trusted": options["trusted"],
        "--type": "" if kind == "normal" else kind,
        **({} if said else {"--base": options["base"], "--change": options["change"]}),
        "--ledger": "" if change.pinned or (said and said.ledger) else options["ledger"],
    }
    words = ["iacgate", "approve", said.change if said else change.name]
    words += [word for name, value in carried.items() if value for word in (name, value)]
    return f"{shlex.join(words)} --as ID --key FILE"
