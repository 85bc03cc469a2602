"""``iacgate attest tests`` and ``review``: what a report of tests says, and what became of an emergency."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from iacgate import canonical, instants
from iacgate.change.junit import MAX_REPORT, read_junit
from iacgate.change.lifecycle import DONE, Done
from iacgate.change.patternuse import Signed
from iacgate.change.review import Review, read_review
from iacgate.change.testrun import run_of
from iacgate.cli.attest import Attesting, attesting_options, transition
from iacgate.errors import CannotCount, ReportInvalid, StatementInvalid, UsageInvalid
from iacgate.render.plain import harmless
from iacgate.shell.clock import now
from iacgate.shell.files import read_regular, replace
from iacgate.shell.git import Repository, root_of
from iacgate.shell.settings import PATTERNS, Settings

_HOURS: Final = 90 * 24
"""Hours for which what is attested can be read; how long a test counts, the policy says."""
_REVIEW_HOURS: Final = 365 * 24


@click.command("tests")
@attesting_options
@click.option("--junit", required=True, type=click.Path(), metavar="FILE", help="The report, in JUnit's XML.")
@click.option("--name", required=True, metavar="NAME", help="The test's name in policy.yaml.")
@click.option("--tree", default="", metavar="ID", help="The git tree that was tested.  [default: that of HEAD]")
@click.option("--started", default="", metavar="INSTANT", help="When it began, where the report does not say it.")
def tests(junit: str, name: str, tree: str, started: str, **options: Any) -> None:
    """Sign what a report of tests says of the tree that was tested.

    The counts are read from the report's test cases. What failed is attested as well: the newest result decides.
    A machine of people.yaml signs; what a human attaches by hand counts only where the policy says so.

    \b
    Example:
      iacgate attest tests chg-17 --name unit --junit report.xml \\
        --inbox s3://acme-plans --ledger s3://acme-ledger --as ci --key ci_key
    """
    data = read_regular(Path(junit), MAX_REPORT, ReportInvalid)
    if data is None:
        raise ReportInvalid(f"{junit}: there is no such file.", hint="Name the report that the tests wrote.")
    report = read_junit(data, junit)
    run = run_of(report, name=name, tree=tree or _tree(), started=started, finished=now())
    click.echo(
        f"{harmless(name)}: {run.tests} tests, {run.failures} failed, {run.errors} broke, {run.skipped} skipped",
        err=True,
    )
    attesting = Attesting(options)
    _tell_unrequired(name, attesting.settings)
    attesting.sign("tests", options["about"], msgspec.to_builtins(run), _HOURS)


def _tell_unrequired(name: str, settings: Settings) -> None:
    """Say where nobody requires a test of this name: it may be mistyped."""
    texts = [environment.tests for environment in settings.policy.environments.values() if environment.tests]
    required = sorted({test for text in texts for tests in text.required.values() for test in tests})
    if name not in required:
        text = f"No environment of policy.yaml requires a test called {harmless(name)}."
        click.echo(f"Note: {text} Required are: {', '.join(required) or 'none'}.", err=True)


@click.command("review")
@attesting_options
@click.option("--cause", required=True, metavar="TEXT", help="What was behind the incident.")
@click.option("--justified/--not-justified", default=None, required=True, help="Whether it could not wait.")
@click.option("--follow-up", required=True, metavar="TEXT", help="What is done so that it need not happen again.")
def review(*, cause: str, justified: bool, follow_up: str, **options: Any) -> None:
    """Sign the review of an emergency; it counts from people who neither invoked nor approved it.

    Where the seats of a review are filled, `iacgate settle` puts it on record.

    \b
    Example:
      iacgate attest review fix-1 --cause "a disk was full" --justified --follow-up "OPS-9: an alarm at 80 %" \\
        --inbox s3://acme-plans --ledger s3://acme-ledger --as bob --key ~/.ssh/id_ed25519
    """
    said = Review(change=options["about"], cause=cause, justified=justified, follow_up=follow_up)
    try:
        read_review(canonical.canonical_json(said))
    except StatementInvalid as error:
        raise UsageInvalid(error.message, hint=error.hint) from error
    attesting = Attesting(options)
    if attesting.person.kind != "human":
        raise CannotCount(f"{attesting.person.id} is a machine, and reviews nothing.", hint="Somebody signs it.")
    attesting.sign("review", options["about"], msgspec.to_builtins(said), _REVIEW_HOURS)


@click.command("done")
@attesting_options
@click.option("--outcome", required=True, type=click.Choice(DONE), help="How it ended.")
@click.option("--notes", required=True, metavar="TEXT", help="What was done, and what was seen; it is signed.")
def done(outcome: Done, notes: str, **options: Any) -> None:
    """Sign how a change by hand ended, as whoever did it.

    `iacgate settle` puts it on record, and uses the approvals up: to do it once more takes new ones. What has a plan
    is applied with `iacgate apply`, and nobody's word takes the place of that.

    \b
    Example:
      iacgate attest done db-3 --outcome applied --notes "214 rows, as counted before" \\
        --inbox s3://acme-plans --ledger s3://acme-ledger --as dave --key ~/.ssh/id_ed25519
    """
    if options["reason"] or not notes.strip():
        raise UsageInvalid("What was done is said once, and not with nothing.", hint="--notes TEXT, and no --reason.")
    transition(outcome, {**options, "reason": notes})


@click.command("pattern")
@attesting_options
def pattern(about: str, **options: Any) -> None:
    """Approve a pattern of standard changes, exactly as its file is; the signature goes beside it.

    It stands in .iacgate/patterns/NAME/, and with it the settings are another version: iacgate trust sign. Whoever
    signs a pattern has no hand in a use of it.

    \b
    Example:
      iacgate attest pattern web-size --as ann --key ~/.ssh/id_ed25519
    """
    if options["trusted"] or options["inbox"] or options["output"]:
        raise UsageInvalid("A pattern is signed where it stands.", hint="Leave --trusted, --inbox and --output away.")
    attesting = Attesting({**options, "about": about})
    found = attesting.settings.patterns.get(about)
    if found is None:
        known = ", ".join(attesting.settings.patterns) or "none"
        raise UsageInvalid(f"There is no pattern called {about!r}.", hint=f"There are: {known}.")
    if attesting.person.kind != "human" or not set(attesting.person.roles) & set(attesting.settings.policy.board):
        raise CannotCount(
            f"{attesting.person.id} fills no seat of the board: {', '.join(attesting.settings.policy.board)}.",
            hint="Somebody with one of these roles signs.",
        )
    body = msgspec.to_builtins(Signed(pattern=found.digest, until=found.text.until))
    ends = instants.seconds(instants.last_of(found.text.until)) - instants.seconds(now())
    data = attesting.sealed("pattern", about, body, max(1, ends // 3600 + 24), attesting.ledger())
    path = Path(attesting.settings.folder) / PATTERNS / about / f"{canonical.digest(data)[:20]}.json"
    path.parent.mkdir(exist_ok=True)
    replace(path, data)
    click.echo(f"Signed: {attesting.person.id} approves the pattern {about} until {found.text.until}, in {path}")


def _tree() -> str:
    if root_of(Path()) is None:
        raise UsageInvalid("This is no git repository, so that it is not known what was tested.", hint="--tree ID")
    repository = Repository(Path(), "HEAD")
    if not repository.clean:
        raise UsageInvalid(
            "The working tree has changes that no commit has: what was tested is not the tree of HEAD.",
            hint="Test a clean checkout.",
        )
    return repository.tree
