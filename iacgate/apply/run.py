"""The apply of one plan that the gate let pass.

1. the account and the surroundings are those that were approved
2. a fresh checkout of the commit that was gated; the lock file and the providers are the plan's
3. the state is the one that the plan was made from, also as it stands inside the plan file; where it moved without the
   gate, that is recorded
4. the intent is recorded: without that, nothing is applied
5. terraform applies exactly this file
6. how it ended is recorded, with the log, the state, and whether a new plan is empty; what cannot be stored waits

Up to 4, an error means that nothing was applied. From 5 on, nothing raises: what happened is the answer.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from iacgate.apply import account, backend, cliconfig, entries, execute, surroundings
from iacgate.apply.checkout import checkout
from iacgate.apply.log import Log
from iacgate.apply.order import Options, Order, Outcome
from iacgate.apply.priorstate import check_prior_state
from iacgate.apply.process import Ended, held_signals
from iacgate.apply.result import Result, StateSeen
from iacgate.errors import ApplyRefused, IacgateError
from iacgate.evidence.born import secrets_of_state
from iacgate.evidence.degraded import Written
from iacgate.evidence.entry import Seen
from iacgate.evidence.ledger import Draft, Receipt
from iacgate.plan.saved import PlanFile
from iacgate.sealing import Seal, alike
from iacgate.shell.clock import now
from iacgate.shell.terraform import find_program

_LONGEST: Final = 500

Append = Callable[[Draft], Receipt | Written]
"""Appends to the stack's chain, or to a second store while the ledger cannot be reached."""


def apply(
    order: Order,
    options: Options,
    environment: Mapping[str, str],
    append: Append,
    log: Log,
    note: Callable[[str], None],
) -> Outcome:
    """Apply a plan; ``note`` is told what is being done.

    Raises :class:`IacgateError` where nothing was applied.
    """
    keep: list[Path] = []
    with _private(keep) as private:
        run = _prepared(order, options, environment, private, log, note)
        pulled = backend.pull(order.plan_file, run.program, run.environment, run.private, run.operators)
        before = _sealed(pulled.state, order.seal)
        noted = _note_earlier(order, before, append, note)
        _check_state(order.plan_file, before)
        check_prior_state(order.plan_file, pulled.data)
        note("Installing what the lock file names ...")
        execute.initialise(run, order.plan_file)
        prepared = execute.prepare_apply(run, order.plan, order.sha256, order.plan_file)
        order.check_again()
        append(entries.intent(order, before, order.decision + noted + 1))
        note(f"Applying, as run {order.run} ...")
        with held_signals():  # terraform gets those that come while it runs
            done = _applied(prepared)
            keep += [done.errored_state] if done.errored_state else []
            return _recorded(order, options, run, before, append, note, log, done)


@contextlib.contextmanager
def _private(keep: Sequence[Path]) -> Iterator[Path]:
    """Yield a folder of ours alone; it stays where something is to be kept: a state that could not be stored."""
    folder = Path(tempfile.mkdtemp(prefix="iacgate-apply-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _prepared(
    order: Order,
    options: Options,
    environment: Mapping[str, str],
    private: Path,
    log: Log,
    note: Callable[[str], None],
) -> execute.Run:
    """Return where and with what terraform runs, with 1 and 2 done."""
    if order.plan_file.apply_time_variables:
        names = ", ".join(order.plan_file.apply_time_variables)
        raise ApplyRefused(
            f"The plan takes variables at apply ({names}), whose values nobody approved.",
            hint="Leave `ephemeral` away, or take the values from where they are kept.",
        )
    cliconfig.check_providers(order.plan_file.lock_file, options.providers)
    cliconfig.write(private, options.cli_config)
    child = surroundings.child_environment(environment, order.run, private, allow=options.allow)
    if options.role:
        child = account.assume(options.role, order.run, child)
    _check_account(order.account, child, note)
    folder = checkout(order.repository, private / "checkout", needs=order.places or ("",))
    program = find_program(options.program, child, product=str(order.plan_file.product))
    return execute.Run(
        program=program, folder=folder, operators=order.operators, private=private, environment=child, on_line=log.line
    )


def _check_account(wanted: str, child: Mapping[str, str], note: Callable[[str], None]) -> None:
    """Raise :class:`ApplyRefused` where the credentials are for another account than the approvals."""
    if not wanted:
        return
    if not wanted.isdigit() or len(wanted) != 12:
        note(f"Not checked: whether the credentials are for {wanted}. Only accounts of AWS are asked for.")
        return
    found = account.aws_account(child)
    if found != wanted:
        raise ApplyRefused(
            f"The credentials are for the account {found}, and the stack is in {wanted}.",
            hint="Sign in to the account that stacks.yaml names.",
        )


def _sealed(live: backend.LiveState, seal: Seal) -> backend.LiveState:
    """Return a state with its digest keyed: it is of an original, and what is recorded is there to be read."""
    return msgspec.structs.replace(live, digest=seal.of_state(live.digest))


def _note_earlier(order: Order, live: backend.LiveState, append: Append, note: Callable[[str], None]) -> int:
    """3: record an apply that died, or that the state moved since the gate saw it; return how many entries it took."""
    if order.unfinished:
        note(f"The run {order.unfinished.run} began to apply, and nobody knows how it ended. That is recorded.")
        append(entries.interrupted(order, order.unfinished, live))
        return 1
    last = order.seen
    if last is None or not live.exists:  # a state that is gone is refused, and is no state that somebody moved
        return 0
    moved = (live.lineage, live.serial) != (last.lineage, last.serial)
    if not moved and last.digest and live.digest and not alike(last.digest, live.digest):
        note("Not compared: the state's digest, recorded under another seal. Its lineage and serial are the same.")
    if not moved and (not alike(last.digest, live.digest) or last.digest == live.digest):
        return 0
    note(f"The state moved without the gate: from serial {last.serial} to {live.serial}. That is recorded.")
    append(entries.bypass(order.stack, order.actor, last, Seen(live.lineage, live.serial, live.digest)))
    return 1


def _check_state(plan: PlanFile, live: backend.LiveState) -> None:
    """Raise :class:`ApplyRefused` where the state is not the one that the plan was made from.

    Terraform refuses a plan that is stale, but not a plan that only creates for another state that is empty
    (hashicorp/terraform#37954), nor one for an empty state where there is a state by now.
    """
    fresh = not plan.lineage
    if fresh and live.exists:
        raise ApplyRefused("The plan was made where no state was, and there is one by now.", hint="Plan again.")
    if not fresh and not live.exists:
        raise ApplyRefused("The state from which the plan was made is not there.", hint="Look at its backend.")
    if not fresh and (live.lineage, live.serial) != (plan.lineage, plan.serial):
        what = f"serial {live.serial}" if live.lineage == plan.lineage else "another lineage"
        raise ApplyRefused(
            f"The state is not the one that the plan was made from: it has {what}, and the plan serial {plan.serial}.",
            hint="Plan again; an identical plan keeps its approvals.",
        )


def _applied(prepared: execute.Prepared) -> execute.Applied:
    """Let terraform apply; where it was not even started, that is how it ended."""
    started = now()
    try:
        return execute.apply_prepared(prepared)
    except IacgateError as error:
        prepared.run.on_line(f"Terraform was not started: {error.message}".encode())
        return execute.Applied(Ended(-1, started, now()))


def _recorded(  # noqa: PLR0913, PLR0917 - all of it is what is recorded
    order: Order,
    options: Options,
    run: execute.Run,
    before: backend.LiveState,
    append: Append,
    note: Callable[[str], None],
    log: Log,
    done: execute.Applied,
) -> Outcome:
    """Do 6."""
    after, fresh = None, "not asked"
    try:
        pulled = backend.pull(order.plan_file, run.program, run.environment, run.private, run.operators)
        after = _sealed(pulled.state, order.seal)
        if pulled.data:
            log.learn(secrets_of_state(pulled.data))
    except (IacgateError, OSError) as error:
        note(f"The state could not be read afterwards: {_problem(error)}")
        log.distrust()
    if done.errored_state is not None:
        _learn_from(done.errored_state, log)
    succeeded = done.ended.exit_code == 0 and done.errored_state is None
    if succeeded and options.verify:
        note("Planning again, to see that nothing is left to do ...")
        quiet = msgspec.structs.replace(run, on_line=lambda _: None)
        fresh = execute.fresh_plan(quiet, order.plan_file).outcome
    if done.errored_state is not None:
        note(f"Terraform could not store the state. It is in {done.errored_state}: push it, and do not lose it.")
    result = Result(
        event="applied" if succeeded else "failed",
        run=order.run,
        stack=order.stack,
        change=order.change,
        commit=order.repository.commit,
        tree=order.tree,
        actor=order.actor,
        settings=order.settings,
        tool=order.tool,
        exit_code=done.ended.exit_code,
        signal=done.ended.signal,
        started=done.ended.started,
        ended=done.ended.ended,
        outcome=_in_words(done),
        fresh=fresh,
        before=_seen(before),
        after=_seen(after) if after else None,
        fingerprint=order.fingerprint,
        whole=is_whole(order.plan_file),
        used=order.statements,
    )
    text = log.kept()
    try:
        return Outcome(result, text, append(result.draft(text)))
    except (IacgateError, OSError) as error:
        return Outcome(result, text, None, _problem(error))


def _problem(error: IacgateError | OSError) -> str:
    """Return what went wrong after an apply: a full disk, too, is told and not raised."""
    if isinstance(error, IacgateError):
        return error.message
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or type(error).__name__}."


def _learn_from(state: Path, log: Log) -> None:
    """Take the secrets of a state that could not be stored; where it cannot be read, keep nothing of the log."""
    try:
        log.learn(secrets_of_state(state.read_bytes()))
    except (IacgateError, OSError):
        log.distrust()


def is_whole(plan: PlanFile) -> bool:
    """Return whether a plan is for all of its commit, and not for chosen objects or for the state alone."""
    chosen = plan.targets or plan.excludes or plan.action_targets
    return plan.mode != "refresh-only" and not chosen and plan.complete is not False and not plan.deferred


def _in_words(done: execute.Applied) -> str:
    ended = done.ended
    if done.errored_state is not None:
        return "terraform could not store the state"
    if ended.signal:
        return f"terraform was ended by signal {ended.signal}"
    if ended.interrupted:
        return "terraform was interrupted" if ended.exit_code else "terraform was interrupted, and had finished"
    if ended.exit_code < 0:
        return "terraform was not started"
    return "terraform failed" if ended.exit_code else "applied"


def _seen(live: backend.LiveState) -> StateSeen:
    """Return what is recorded of a state, whose lineage is whatever its backend says."""
    return StateSeen(live.exists, live.lineage[:_LONGEST], live.serial, live.digest, live.version_id[:_LONGEST])
