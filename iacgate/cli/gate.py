"""``iacgate gate``: may this plan be applied, and if not, what is missing and who could give it?"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

from iacgate.cli.changes import Asked, Change
from iacgate.cli.handed import plans
from iacgate.cli.judging import Judge, Wanted
from iacgate.cli.loading import Origin
from iacgate.cli.pullrequests import ask
from iacgate.cli.surroundings import Named
from iacgate.errors import SignatureInvalid, TrustInvalid
from iacgate.evidence.ledger import Entry
from iacgate.gate import Decision, decide
from iacgate.people.roster import Roster
from iacgate.render import decision as rendered
from iacgate.render.plain import harmless
from iacgate.shell import console
from iacgate.shell.bundles import ROOT
from iacgate.shell.clock import now
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
            click.option("--author", multiple=True, metavar="WHO", help="Who had a hand in it: id, account or e-mail."),
            click.option("--base", metavar="REF", help="Everybody with a commit since then had a hand in it."),
            click.option("--pull-request", type=int, metavar="N", help="Ask GitHub who had a hand in this one, too."),
            click.option("--ledger", default="", type=click.Path(), metavar="DIR", help="The folder of the ledger."),
        )
    ):
        command = option(command)
    return command


def read_changes(
    names: tuple[str, ...], options: dict[str, Any], purpose: Literal["submit", "sign", "gate"]
) -> Iterator[Change]:
    """Yield the changes that the command line names, judged, one for each plan.

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
        named=Named(options["author"], told.accounts, told.vouched, options["base"] or ""),
        change_type=options["change_type"],
        deployer=options.get("deployer", ""),
        ledger=options["ledger"],
        hand_over=purpose == "submit",
        record=purpose == "gate",
        believe=purpose == "sign",
    )
    for name in names:
        for loaded in plans(name, options["inbox"], origin, options["change"]):
            yield Change(judge, loaded, asked, differences_from=Severity.NONE if purpose == "sign" else None)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PLAN|CHANGE...")
@click.option("--inbox", required=True, type=click.Path(), metavar="DIR", help="Where plans and approvals arrive.")
@click.option(
    "--approval", multiple=True, type=click.Path(), metavar="FILE", help="An approval, or text with approvals in it."
)
@plan_options
@click.option("--deployer", default="", metavar="WHO", help="Who deploys: id, account, cloud identity or e-mail.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(names: tuple[str, ...], approval: tuple[str, ...], output: str, color: str, **options: Any) -> int:
    """Decide whether a plan may be applied, by the settings in .iacgate and the approvals that arrived.

    PLAN is a saved plan file; CHANGE one that was handed over with `iacgate submit`, in the inbox or as a
    folder. In observe mode (the default of policy.yaml) it decides and blocks nothing. Without --trusted,
    the settings are those of the working tree, which the change itself may have changed. With --ledger,
    every decision is recorded, and older settings are refused.

    \b
    Examples:
      iacgate gate tfplan --inbox /srv/approvals --base origin/main --trusted origin/main
      iacgate gate chg-17 --inbox /srv/approvals --base origin/main --ledger /srv/ledger
      iacgate gate tfplan --inbox ./inbox --author ann@example.com --approval comments.txt --format json
      iacgate gate tfplan --inbox ./inbox --base origin/main --type emergency --deployer ann-example
      GITHUB_REPOSITORY=acme/shop iacgate gate tfplan --inbox ./inbox --base origin/main --pull-request 17
    """
    codes = []
    for change in read_changes(names, options, "gate"):
        _deliver(change, approval)
        decision = decide(change.inputs(), change.roster)
        recorded = _record(change, decision)
        if output == "json":
            sys.stdout.buffer.write(rendered.as_json(decision))
        else:
            label, colour = change.loaded.plan.name, console.colour(sys.stdout, color)
            sys.stdout.write(rendered.as_text(decision, label, _how_to_approve(change, options), colour=colour))
        sys.stdout.flush()
        if recorded:
            click.echo(f"Recorded in {change.wanted.ledger}, chain {harmless(change.chain)}: {recorded}", err=True)
        codes.append(decision.exit_code)
    return min((code for code in codes if code), default=0)


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


def _is_somebodys(data: bytes, roster: Roster) -> bool:
    """Return whether somebody known signed: whoever can write a comment fills no inbox."""
    from iacgate.approval import envelope  # noqa: PLC0415 - most approvals are in the inbox

    try:
        return envelope.verify(envelope.parse(data), roster) is not None
    except SignatureInvalid:
        return False


def _record(change: Change, decision: Decision) -> str:
    """Record a decision where there is a ledger; return its digest."""
    if change.ledger is None:
        return ""
    counted = [item for item in decision.approvals if item.counts and item.decision == "approve"]
    entry = Entry(
        format=1,
        sequence=1,
        previous=change.ledger.genesis,
        ledger=change.ledger.genesis,
        event="decided",
        stack=change.chain,
        change=decision.change,
        time=now(),
        commit=change.around.commit,
        settings=change.settings,
        statements=tuple(sorted(item.statement for item in counted)),
        evidence={},
    )
    return change.ledger.append(entry, {"decision": rendered.as_json(decision)})


def _how_to_approve(change: Change, options: dict[str, Any]) -> str:
    """Return the command that an approver types."""
    said, kind = change.loaded.said, change.wanted.change_type
    carried = {
        "--inbox": str(Path(options["inbox"]).absolute()),
        "--trusted": options["trusted"],
        "--type": "" if kind == "normal" else kind,
        **({} if said else {"--base": options["base"], "--change": options["change"]}),
        "--ledger": "" if change.pinned or (said and said.ledger) else options["ledger"],
    }
    words = ["iacgate", "approve", said.change if said else change.loaded.plan.name]
    words += [word for name, value in carried.items() if value for word in (name, value)]
    return f"{shlex.join(words)} --as ID --key FILE"
