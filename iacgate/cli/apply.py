"""``iacgate apply``: gate a plan once more, apply exactly this one, and keep evidence of how it ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

import click

from iacgate import canonical
from iacgate.apply import run as applying
from iacgate.apply.log import Log
from iacgate.apply.order import Options, Order, Outcome
from iacgate.apply.spool import Behind, Where, keep, spool_folder, waiting
from iacgate.cli.announcing import announce_emergency
from iacgate.cli.begun import emergency_begun, statements_of
from iacgate.cli.gate import decision_of, plan_options, read_plans, record, show, where_recorded
from iacgate.cli.ledgers import Recorder, ledger_options, tool_versions
from iacgate.cli.planned import PlanChange
from iacgate.cli.spare import Spare, second_store_option
from iacgate.errors import ApplyRefused, EvidenceInvalid, UsageInvalid
from iacgate.evidence.advance import Using
from iacgate.evidence.degraded import Written
from iacgate.evidence.entry import Actor, Intent
from iacgate.evidence.ledger import Receipt
from iacgate.evidence.outage import Begun
from iacgate.evidence.redacted import secrets_of_plan
from iacgate.gate import Inputs
from iacgate.plan.saved import PlanFile
from iacgate.render.applied import AppliedDocument, Event, as_json
from iacgate.render.plain import harmless
from iacgate.shell.ci import is_later_attempt, run_of
from iacgate.shell.clock import now
from iacgate.shell.git import Repository
from iacgate.shell.inputs import read_input
from iacgate.shell.stores import is_s3


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PLAN|CHANGE...")
@click.option("--inbox", required=True, metavar="DIR|s3://...", help="Where plans and approvals arrive.")
@plan_options
@ledger_options
@second_store_option
@click.option("--deployer", default="", metavar="WHO", help="Who deploys: id, account, cloud identity or e-mail.")
@click.option("--assume-role", "role", default="", metavar="ARN", help="Take on this AWS role, named after the run.")
@click.option("--allow-env", "allow", multiple=True, metavar="NAME", help="A further variable that terraform may see.")
@click.option(
    "--terraform-config",
    "cli_config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Terraform's own settings.",
)
@click.option(
    "--provider-source", "providers", multiple=True, metavar="ADDRESS", help="Allow providers from here only."
)
@click.option("--no-verify", is_flag=True, help="Do not plan again afterwards.")
@click.option("--resume", is_flag=True, help="The apply that has not ended on record has died: say so, and go on.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(names: tuple[str, ...], output: str, color: str, **options: Any) -> int:
    """Gate a plan once more, apply exactly this one in a fresh checkout of its commit, and record how that ended.

    Without evidence nothing is applied: --ledger is a must. The plan file is the one that was handed over, its state
    the one that it was made from, and terraform sees an environment of ours only. Afterwards a new plan must be empty.
    Where the policy only observes, what would be denied is applied, and the record says so.

    \b
    Examples:
      iacgate apply chg-17 --inbox s3://plans/shop --ledger s3://evidence/shop --base origin/main --trusted origin/main
      iacgate apply tfplan --inbox /srv/approvals --ledger /srv/ledger --base origin/main --deployer ann-example
      iacgate apply chg-17 --inbox s3://plans --ledger s3://evidence --assume-role arn:aws:iam::123456789012:role/deploy

    Exit codes: those of `iacgate gate`, and 20 failed, 21 applied and not on record yet: `iacgate evidence push`,
    22 applied and something is left to do.
    """
    if not options["ledger"]:
        raise UsageInvalid("Without evidence nothing is applied.", hint="Name the ledger: --ledger DIR or s3://...")
    code = 0
    for change in read_plans(names, options, "apply"):
        code = _one(change, options, output, color)
        if code:  # what comes after it may rest on it
            break
    return code


class _Gated:
    """A plan that was gated once more: what was decided, and all that an apply needs besides.

    Raises what gating raises, and :class:`ApplyRefused` where something is missing.
    """

    def __init__(self, change: PlanChange, *, resume: bool) -> None:
        self.change, self.recorder = change, _recorder(change)
        self.plan_file, self.repository = _whole(change)
        self.unfinished = _unfinished(self.recorder, resume=resume)
        self.inputs, self.decision = decision_of(change)
        self.entry = record(change, self.inputs, self.decision)
        self.run = f"{now().replace('-', '').replace(':', '')}-{secrets.token_hex(4)}"

    def check_again(self) -> None:
        """Raise :class:`ApplyRefused` where it is not allowed any more: somebody rejected it, or an approval expired.

        Raises :class:`iacgate.errors.TrustInvalid` where there are newer settings by now.
        """
        if isinstance(self.recorder, Recorder):
            self.recorder.check_settings()
        self.change.look_into_inbox()
        decision = decision_of(self.change)[1]
        if decision.exit_code:
            raise ApplyRefused(
                f"It is not allowed any more: {decision.reasons[0].text}",
                hint="See `iacgate gate`; nothing was applied.",
            )


def _one(change: PlanChange, options: dict[str, Any], output: str, color: str) -> int:
    """Gate and apply one plan; return the exit code."""
    gated = _Gated(change, resume=options["resume"])
    if output == "text":
        show(change, gated.decision, options, color)
    if gated.decision.exit_code or gated.entry is None:
        if output == "json":
            _print(_document(gated, "denied"))
        return gated.decision.exit_code or 4
    stream = sys.stdout.buffer if output == "text" else sys.stderr.buffer
    log = Log(secrets_of_plan(change.loaded.plan), lambda text: _write(stream, text), now)
    order = _order(gated, gated.entry)
    outcome = applying.apply(order, _options(options), dict(os.environ), gated.recorder.append, log, _note)
    return _tell(gated, outcome, output)


def _recorder(change: PlanChange) -> Recorder | Spare:
    if change.recorder is None:
        raise UsageInvalid("Without evidence nothing is applied.", hint="Name the ledger.")
    return change.recorder


def _whole(change: PlanChange) -> tuple[PlanFile, Repository]:
    """Return the plan file, and the repository that its sources are in."""
    if change.loaded.plan_file is None:
        raise ApplyRefused(
            f"{change.loaded.plan.name} is a plan's JSON alone, and nothing is applied without its plan file.",
            hint="Apply what `terraform plan -out` wrote.",
        )
    if change.repository is None:
        raise ApplyRefused(
            f"{change.loaded.folder} is in no git repository, so that nobody knows what would be applied.",
            hint="Run it in a checkout of the commit that was gated.",
        )
    return change.loaded.plan_file, change.repository


def _unfinished(recorder: Recorder | Spare, *, resume: bool) -> Intent | None:
    """Return an apply that has died.

    Raises :class:`ApplyRefused` where one has not ended on record, and nobody says that it has died.
    """
    intent = recorder.state.intent
    if intent is None:
        return None
    if any(item.result.run == intent.run for item in waiting(spool_folder(os.environ))):
        raise ApplyRefused(
            f"The result of the run {intent.run} waits on this machine.",
            hint="Store it first: `iacgate evidence push`.",
        )
    newest = recorder.look.head.newest if isinstance(recorder, Recorder) else None
    same = newest is not None and newest.entry.event == "intended"
    if resume or (same and newest is not None and is_later_attempt(newest.entry.actor.run, os.environ)):
        return intent
    raise ApplyRefused(
        f"The run {intent.run} began to apply {intent.change} at {intent.time}, and has not said how that ended.",
        hint="Wait for it. Where it has died, apply with --resume, which records that.",
    )


def _order(gated: _Gated, entry: Receipt | Written) -> Order:
    change, decision = gated.change, gated.decision
    plan = read_input(change.loaded.path)
    if change.loaded.sha256 is None or canonical.digest(plan) != change.loaded.sha256:
        raise UsageInvalid(f"{change.loaded.plan.name} changed while it was read.", hint="Run it again.")
    emergency = emergency_begun(gated.decision, change.roster)
    statements = statements_of(gated.inputs, gated.decision)
    if isinstance(gated.recorder, Spare):
        gated.recorder.begins(Begun(emergency, statements))
    return Order(
        run=gated.run,
        stack=change.chain,
        change=decision.change,
        tree=change.around.tree,
        account=change.wanted.target.account,
        plan=plan,
        sha256=change.loaded.sha256,
        plan_file=gated.plan_file,
        fingerprint=change.wanted.fingerprint,
        repository=gated.repository,
        places=change.around.places.folders,
        operators=Path(change.loaded.folder),
        decision=entry.entry.sequence if isinstance(entry, Receipt) else 0,
        statements=statements,
        allowed=decision.allowed,
        check_again=gated.check_again,
        emergency=emergency,
        announced=announce_emergency(emergency, gated.inputs, change.chain),
        using=_using(gated.inputs),
        seen=gated.recorder.state.seen,
        seal=change.seal,
        unfinished=gated.unfinished,
        actor=Actor(decision.deployer, run_of(os.environ)),
        settings=gated.recorder.settings,
        tool=tool_versions(gated.inputs.assessment),
        way_back=change.way_back(),
    )


def _using(inputs: Inputs) -> Using | None:
    """Return the pattern that a standard change uses."""
    found = inputs.circumstances.standard
    if inputs.wanted.change_type != "standard" or found is None:
        return None
    return Using(found.pattern.name, found.fit.resources, inputs.circumstances.again)


def _options(options: dict[str, Any]) -> Options:
    return Options(
        program=options["program"],
        cli_config=options["cli_config"],
        allow=options["allow"],
        providers=options["providers"] or None,
        role=options["role"],
        verify=not options["no_verify"],
    )


_WORDS: Final = {
    20: "FAILED",
    21: "NOT ON RECORD YET",
    22: "APPLIED, AND SOMETHING IS LEFT TO DO",
}


def _tell(gated: _Gated, outcome: Outcome, output: str) -> int:
    """Say how it ended; keep what could not be stored."""
    result, code = outcome.result, outcome.exit_code
    if outcome.stored is None:
        _keep(gated.recorder, outcome)
    if output == "json":
        _print(_document(gated, result.event, outcome))
        return code
    left = f"; a new plan is {result.fresh.replace('_', ' ')}" if result.event == "applied" else ""
    what = f"{harmless(result.change)}, run {result.run}: {result.outcome}{left}"
    click.echo(f"{_WORDS.get(code, 'APPLIED')}  {what}")
    if outcome.stored:
        _note(where_recorded(gated.change, outcome.stored))
    return code


def _keep(recorder: Recorder | Spare, outcome: Outcome) -> None:
    """Keep a result that could not be stored; where not even that can be done, this output is all that there is."""
    try:
        place = keep(spool_folder(os.environ), _where(recorder), outcome.result, outcome.log)
    except EvidenceInvalid as error:
        _note(f"{outcome.problem} {error.message} {error.hint}")
        _note(canonical.canonical_json(outcome.result).decode())
        return
    _note(f"{outcome.problem} The result waits in {place}: `iacgate evidence push`. Do not apply again.")


def _where(recorder: Recorder | Spare) -> Where:
    """Return where a result belongs."""
    if isinstance(recorder, Spare):
        lost = recorder.lost
        return Where(_absolute(recorder.store.name), lost.ledger, Behind(lost.store, lost.why, recorder.last))
    return Where(_absolute(recorder.ledger.store.name), recorder.ledger.genesis)


def _absolute(name: str) -> str:
    return name if is_s3(name) else str(Path(name).absolute())


def _document(gated: _Gated, event: Event, outcome: Outcome | None = None) -> AppliedDocument:
    return AppliedDocument(
        event=event,
        run=gated.run,
        change=gated.decision.change,
        stack=gated.change.chain,
        outcome=outcome.result.outcome if outcome else "",
        fresh_plan=outcome.result.fresh if outcome else "not asked",
        entry=outcome.stored.digest if outcome and outcome.stored else "",
        exit_code=outcome.exit_code if outcome else gated.decision.exit_code,
        decision=gated.decision,
    )


def _print(document: AppliedDocument) -> None:
    sys.stdout.buffer.write(as_json(document))
    sys.stdout.flush()


def _write(stream: Any, text: bytes) -> None:
    """Show what terraform printed; a terminal or a CI log finds nothing in it to obey."""
    shown = "".join(f"{harmless(line)}\n" for line in text.decode(errors="replace").splitlines())
    stream.write(shown.encode())
    stream.flush()


def _note(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody's closed window stops what is going on
        click.echo(harmless(text), err=True)
