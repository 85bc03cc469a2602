"""``iacgate attest``: sign what belongs to a change besides its approvals, and deliver it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from iacgate.approval import attestation
from iacgate.approval.armor import armored
from iacgate.approval.attestation import AttestationPredicate, NotCounted
from iacgate.approval.counting import Received
from iacgate.change.lifecycle import Ending, Transition
from iacgate.change.overrides import override_body
from iacgate.cli.lazy import LazyGroup
from iacgate.cli.reading import Known, open_ledger
from iacgate.cli.signing import Signing, key_options, tell_ledger
from iacgate.errors import CannotCount, UsageInvalid
from iacgate.evidence.lookup import of_change
from iacgate.people.attested import About
from iacgate.people.roster import Principal, Roster
from iacgate.render.plain import harmless
from iacgate.shell.bundles import TrustedSettings
from iacgate.shell.clock import later, now
from iacgate.shell.folders import find_settings
from iacgate.shell.inbox import open_inbox
from iacgate.shell.settings import Settings, read_settings
from iacgate.shell.submissions import is_change

YEAR: Final = 365 * 24
"""Hours for which what ends a change holds: as long as anybody could still want to apply it."""

MAX_REASON: Final = 512
"""Characters of a reason."""

_COMMANDS: Final = {
    "tests": ("iacgate.cli.attesting:tests", "Say how tests of a change's tree ended, by their report."),
    "review": ("iacgate.cli.attesting:review", "Say what became of an emergency: cause, justified or not, follow-up."),
    "pattern": ("iacgate.cli.attesting:pattern", "Approve a pattern of standard changes."),
    "rehearsal": ("iacgate.cli.rehearsals", "Say how the rehearsal of a plan's way back ended."),
    "override": ("iacgate.cli.attest:override", "Say that a change may be applied although it is not the time."),
    "withdrawn": ("iacgate.cli.attest:withdrawn", "Say that a change will not be made."),
    "verified": ("iacgate.cli.attest:verified", "Say that a change that was applied does what it should."),
    "rolled-back": ("iacgate.cli.attest:rolled_back", "Say that a change was taken back, and by which one."),
    "done": ("iacgate.cli.attesting:done", "Say how a change by hand ended, of which no plan tells."),
    "closed": ("iacgate.cli.attest:closed", "Say that nothing is left to do about a change."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def command() -> None:
    """Sign what belongs to a change besides its approvals.

    \b
    Examples:
      iacgate attest withdrawn chg-17 --inbox /srv/approvals --ledger /srv/ledger --as ann --key ~/.ssh/id_ed25519
      iacgate attest review fix-1 --cause "a disk was full" --justified --follow-up "OPS-9: an alarm at 80 %" \\
        --inbox /srv/approvals --ledger /srv/ledger --as bob --key ~/.ssh/id_ed25519
    """


def attesting_options(function: Any) -> Any:
    """Add the options of whoever attests something about a change."""
    for option in reversed(
        (
            click.argument("about", metavar="CHANGE"),
            click.option("--inbox", default="", metavar="DIR|s3://...", help="Where it arrives."),
            click.option("--output", default="", type=click.Path(), metavar="FILE", help="Write it as text; - prints."),
            click.option("--as", "principal", required=True, metavar="ID", help="Who you are in people.yaml."),
            key_options,
            click.option("--reason", default="", metavar="TEXT", help="Why; it is signed with the rest."),
            click.option("--config", default="", type=click.Path(), metavar="DIR", help="The .iacgate folder."),
            click.option("--trusted", default="", metavar="REF", help="The branch whose signed settings count."),
            click.option("--ledger", default="", metavar="DIR|s3://...", help="The ledger that it is for."),
        )
    ):
        function = option(function)
    return function


class Attesting:
    """Who attests something, and how it is delivered.

    Raises :class:`UsageInvalid` where that is not said.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self.settings = _settings(options)
        self.roster: Roster = self.settings.roster or _nobody(self.settings)
        found = self.roster.principals.get(options["principal"])
        if found is None:
            raise UsageInvalid(f"Nobody in people.yaml is called {options['principal']!r}.", hint="Name your id there.")
        self.person: Principal = found

    def sign(self, kind: About, about: str, body: dict[str, Any], hours: int) -> None:
        """Sign something, and deliver it.

        Raises :class:`UsageInvalid` where nobody would get it, :class:`CannotCount` where it would count for nothing.
        """
        if not self._options["inbox"] and not self._options["output"]:
            raise UsageInvalid("Nobody would get it.", hint="Name --inbox, or --output to send it yourself.")
        if not is_change(about):
            raise UsageInvalid(f"{about!r} names no change.", hint="Use letters, digits, dots and dashes.")
        if len(self._options["reason"]) > MAX_REASON:
            text = f"--reason has {len(self._options['reason'])} characters, {MAX_REASON} at most."
            raise UsageInvalid(text, hint="Say it shorter, and where the rest stands.")
        ledger = self.ledger()
        self._deliver(kind, about, self.sealed(kind, about, body, hours, ledger))
        tell_ledger(ledger)
        if self._options["ledger"] and kind in ("transition", "review"):
            self._tell_unseen(about)
            if body.get("by"):
                self._tell_unseen(str(body["by"]))

    def _tell_unseen(self, about: str) -> None:
        """Say where the ledger knows nothing of a change: its name may be mistyped."""
        try:
            of_change(open_ledger(self._options["ledger"], Known()), about)
        except UsageInvalid:
            click.echo(f"Note: nothing in this ledger is about {harmless(about)} yet. Is that its name?", err=True)

    def sealed(self, kind: About, about: str, body: dict[str, Any], hours: int, ledger: str) -> bytes:
        """Return the envelope of something; ``ledger`` is the genesis of the one that it is for, empty for none.

        Raises :class:`CannotCount` where it would count for nothing.
        """
        issued = now()
        predicate = AttestationPredicate(
            about=about,
            nonce=secrets.token_hex(16),
            body=body,
            ledger=ledger,
            principal=self.person.id,
            reason=self._options["reason"],
            issued=issued,
            expires=later(issued, hours),
        )
        signing = Signing(dict(self._options), self.person.id, self.roster)
        data = signing.seal(attestation.encode(kind, predicate))
        found = attestation.verify(Received(data, now()), self.roster, predicate.ledger, now())
        why = "it is none" if found is None else found.why if isinstance(found, NotCounted) else found.lapsed
        if why:
            raise CannotCount(f"This would not count: {why}.", hint="Not delivered.")
        return data

    def ledger(self) -> str:
        """Return the genesis of the ledger that it is for: as it is named, else as the settings pin it, else empty."""
        pinned = self.settings.policy.ledger
        return (
            open_ledger(self._options["ledger"], Known(genesis=pinned)).genesis if self._options["ledger"] else pinned
        )

    def _deliver(self, kind: str, about: str, data: bytes) -> None:
        options = self._options
        done = f"Signed: {self.person.id} about {about} ({kind})"
        if options["inbox"]:
            place = open_inbox(options["inbox"]).put(about, data)
            click.echo(f"{done}, in {harmless(place)}", err=options["output"] == "-")
        if options["output"] == "-":
            click.echo(armored(data), nl=False)
        elif options["output"]:
            Path(options["output"]).write_text(armored(data), encoding="ascii")
            click.echo(f"{done}, in {harmless(options['output'])}")


def _settings(options: Mapping[str, Any]) -> Settings:
    if options["trusted"]:
        return TrustedSettings(Path(), options["trusted"]).settings
    config = options["config"] or find_settings(".")
    if not config:
        raise UsageInvalid("There is no .iacgate folder.", hint="Name it with --config.")
    return read_settings(Path(config))


def _nobody(settings: Settings) -> Roster:
    raise UsageInvalid(f"{settings.folder} has no people.yaml.", hint="Without people nobody can sign anything.")


@click.command("override")
@attesting_options
@click.option("--from", "since", default="", metavar="INSTANT", help="From when on it holds.  [default: now]")
@click.option("--until", required=True, metavar="INSTANT", help="Until when: 72 hours at most.")
def override(since: str, until: str, **options: Any) -> None:
    """Say that a change may be applied although a window is closed or a freeze holds; --reason says why.

    It counts where people who had no hand in the change fill the seats that the policy asks for, and stands in the
    decision as an exception.

    \b
    Example:
      iacgate attest override chg-17 --until 2027-01-31T22:00:00Z --reason "customers are down" \\
        --inbox /srv/approvals --ledger /srv/ledger --as ann --key ~/.ssh/id_ed25519
    """
    if not options["reason"].strip():
        raise UsageInvalid("An override says why.", hint="--reason TEXT")
    attesting = Attesting(options)
    if attesting.person.kind != "human":
        raise CannotCount(f"{attesting.person.id} is a machine, and overrides nothing.", hint="Somebody else signs.")
    attesting.sign("override", options["about"], override_body(since or now(), until, options["reason"]), 72)


def transition(to: Ending, options: Mapping[str, Any], by: str = "") -> None:
    """Sign where a change went, and deliver it.

    Raises :class:`CannotCount` where whoever signs could not say so.
    """
    for name in (options["about"], *([by] if by else [])):
        if not is_change(name):
            raise UsageInvalid(f"{name!r} names no change.", hint="Use letters, digits, dots and dashes.")
    attesting = Attesting(options)
    if attesting.person.kind != "human" or not attesting.person.roles:
        raise CannotCount(f"{attesting.person.id} is a machine, or holds no role.", hint="Somebody with a role signs.")
    attesting.sign("transition", options["about"], msgspec.to_builtins(Transition(to, by)), YEAR)


def _ending(to: Ending, text: str, example: str) -> click.Command:
    @click.command(to.replace(" ", "-"))
    @attesting_options
    def ending(**options: Any) -> None:
        transition(to, options)

    ending.help = f"{text}\n\n\b\nExample:\n  iacgate attest {example}"
    return ending


_SIGNING: Final = "\\\n    --inbox /srv/approvals --ledger /srv/ledger --as ann --key ~/.ssh/id_ed25519"
withdrawn: Callable[..., Any] = _ending(
    "withdrawn", "Say that a change will not be made: it is not applied any more.", f"withdrawn chg-17 {_SIGNING}"
)
verified: Callable[..., Any] = _ending(
    "verified", "Say that a change that was applied does what it should.", f"verified chg-17 {_SIGNING}"
)
closed: Callable[..., Any] = _ending(
    "closed", "Say that nothing is left to do about a change: it is not applied any more.", f"closed chg-17 {_SIGNING}"
)


@click.command("rolled-back")
@attesting_options
@click.option("--by", required=True, metavar="CHANGE", help="The change that took it back.")
def rolled_back(by: str, **options: Any) -> None:
    """Say that a change was taken back, and by which one.

    \b
    Example:
      iacgate attest rolled-back chg-17 --by chg-18 \\
        --inbox /srv/approvals --ledger /srv/ledger --as ann --key ~/.ssh/id_ed25519
    """
    transition("rolled back", options, by)
