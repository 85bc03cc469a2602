"""The ``iacgate`` program: its commands, and the one place that prints errors and exits."""

from __future__ import annotations

import sys
from typing import Final

import click

from iacgate.cli.lazy import LazyGroup
from iacgate.errors import IacgateError
from iacgate.render.plain import harmless

_COMMANDS: Final = {
    "preview": ("iacgate.cli.preview", "Say what a plan will do, how risky each change is, and why."),
    "gate": ("iacgate.cli.gate", "Decide whether a plan may be applied, by policy and approvals."),
    "apply": ("iacgate.cli.apply", "Gate a plan once more, apply exactly this one, and record how it ended."),
    "rollback": ("iacgate.cli.rollback", "Say whether and how a plan can be undone, before it is applied."),
    "request": ("iacgate.cli.request", "Write the record of a change: what, why, how tested, how taken back."),
    "submit": ("iacgate.cli.submit", "Hand a plan over to those who approve and gate it."),
    "approve": ("iacgate.cli.approve", "Show a plan, and sign that you approve exactly this one."),
    "reject": ("iacgate.cli.approve:reject", "Sign that a change must not be applied."),
    "withdraw": ("iacgate.cli.approve:withdraw", "Withdraw what you signed about a change."),
    "attest": ("iacgate.cli.attest", "Sign what belongs to a change besides approvals."),
    "settle": ("iacgate.cli.settle", "Record what people attested of how changes ended."),
    "status": ("iacgate.cli.status", "Say where changes stand, and what each waits for."),
    "evidence": ("iacgate.cli.evidence", "Look at a ledger, verify it by nobody's word, and take it elsewhere."),
    "init": ("iacgate.cli.init", "Write settings to begin with: commented, and observing only."),
    "policy": ("iacgate.cli.policy", "Say the policy back in words, and try it on plans."),
    "people": ("iacgate.cli.people", "Propose people for people.yaml, with the keys that a forge shows."),
    "trust": ("iacgate.cli.trust", "Sign the settings, and verify that every version was signed."),
    "doctor": ("iacgate.cli.doctor", "Say what of a set-up is open, and what cannot be known."),
    "rules": ("iacgate.cli.rules", "List, show and test the rules."),
    "completion": ("iacgate.cli.completion", "Print the completion script for a shell."),
}
"""Name of a command: its module (and its name there), imported only when it is called, and its one line of help."""


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - click's signature
    if value and not ctx.resilient_parsing:
        from iacgate import __version__  # noqa: PLC0415 - asked for rarely

        click.echo(f"iacgate {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """A change gate for infrastructure as code.

    \b
    Examples:
      terraform plan -out=tfplan && iacgate preview tfplan
      terraform show -json tfplan | iacgate preview - --fail-on high
      iacgate rules list

    Exit codes: 0 allowed, 2 usage, 3 input unreadable or invalid, 4 evidence not stored or not valid,
    10 denied by risk, 11 by missing approvals, 12 not ready to be undone, 13 outside its schedule,
    14 its record lacks something, 15 settings not trusted, 20 apply failed, 21 applied and not on record yet,
    22 applied and something is left to do, 130 interrupted.
    """


def run(arguments: list[str] | None = None) -> None:
    """Run the program and exit; click's own exit codes never reach the caller."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # always a TextIOWrapper here
    sys.exit(main(arguments))


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code."""
    try:
        code = cli.main(args=arguments, prog_name="iacgate", standalone_mode=False)
        sys.stdout.flush()
    except IacgateError as error:
        return _fail(error.message, error.hint, error.exit_code)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _misused(error)
    except (click.Abort, KeyboardInterrupt):
        return _fail("Interrupted.", "", 130)
    except (BrokenPipeError, SystemExit):  # the second is click's own answer to a closed pipe
        return _closed_pipe()
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or type(error).__name__}.", "What was to be written is not.", 4)
    except RecursionError:
        return _fail("The input is nested too deeply to be read safely.", "Look at what produces it.", 3)
    except MemoryError:
        return _fail("There is not enough memory for this plan.", "Run it on a larger machine, or split the stack.", 3)
    except Exception as error:  # a traceback could show values; where it stopped is what we need
        return _defect(error, arguments or sys.argv[1:])
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # the help: a text of ours, of many lines
        click.echo(error.format_message(), err=True)
        return 2
    context = getattr(error, "ctx", None)
    return _fail(error.format_message(), f"See `{context.command_path} --help`." if context else "", 2)


def _defect(error: Exception, arguments: list[str]) -> int:
    foreign = any(argument.encode(errors="replace").decode() != argument for argument in arguments)
    if isinstance(error, UnicodeEncodeError) and foreign:
        return _fail("An argument is no text in UTF-8.", "Write it again: its bytes mean nothing here.", 2)
    return _fail(f"A defect in iacgate: {_where_from(error)}.", "Please report this line.", 1)


def _where_from(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place


def _fail(message: str, hint: str, exit_code: int) -> int:
    click.echo(f"iacgate: {harmless(message)}", err=True)
    if hint:
        click.echo(f"  {harmless(hint)}", err=True)
    return exit_code


def _closed_pipe() -> int:
    """The reader of our output went away: what was decided did not arrive, so it is no pass."""
    import os  # noqa: PLC0415 - for this case only

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 4
