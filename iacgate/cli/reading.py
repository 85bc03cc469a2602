"""A ledger that somebody looks at: opened without any right to write, and with all gates that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from iacgate import instants
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.gatekeys import Signer
from iacgate.evidence.history import meet_gates
from iacgate.evidence.ledger import Ledger
from iacgate.people.identities import ROOT_FILE
from iacgate.people.roster import People, Roster, read_roster
from iacgate.shell.bundles import TrustedSettings
from iacgate.shell.settings import Settings, read_settings
from iacgate.shell.sigstore import OfflineProver
from iacgate.shell.stores import open_store


def ledger_option(command: Any) -> Any:
    """Add the option that names the ledger."""
    return click.option(
        "--ledger", "name", required=True, metavar="DIR|s3://...", help="The ledger: a folder or a bucket."
    )(command)


def gates_options(command: Any) -> Any:
    """Add the options that say which settings name the gates' keys, beside those that the ledger itself records."""
    for option in reversed(
        (
            click.option("--config", default="", type=click.Path(), metavar="DIR", help="Settings that name gates."),
            click.option("--trusted", default="", metavar="REF", help="The branch whose signed settings name gates."),
        )
    ):
        command = option(command)
    return command


class Known(msgspec.Struct, frozen=True):
    """What is known without the ledger: who gates, and the genesis that is pinned; empty where nothing pins it."""

    roster: Roster | None = None
    genesis: str = ""


def known(config: str, trusted: str, genesis: str = "") -> Known:
    """Return what settings and the command line say of a ledger.

    Raises :class:`UsageInvalid` where they pin two ledgers, or ``genesis`` is no digest.
    """
    if genesis and (len(genesis) != 64 or set(genesis) - set("0123456789abcdef")):
        raise UsageInvalid(f"--genesis {genesis!r} is no digest.", hint="Write the 64 digits that the gate printed.")
    settings = _settings(config, trusted)
    pinned = settings.policy.ledger if settings else ""
    if genesis and pinned and genesis != pinned:
        raise UsageInvalid("--genesis is another one than the settings pin.", hint="Which of the two is it?")
    return Known(settings.roster if settings else None, genesis or pinned)


def _settings(config: str, trusted: str) -> Settings | None:
    if config and trusted:
        raise UsageInvalid("--config and --trusted name two settings.", hint="Name one of them.")
    if trusted:
        return TrustedSettings(Path(), trusted).settings
    return read_settings(Path(config)) if config else None


def open_ledger(name: str, beside: Known, signer: Signer | None = None) -> Ledger:
    """Return a ledger.

    Raises :class:`EvidenceInvalid` where there is none, or where it is another one than is pinned.
    """
    ledger = Ledger(open_store(name), roster=beside.roster, signer=signer)
    if beside.genesis and ledger.genesis != beside.genesis:
        raise EvidenceInvalid(
            f"{name}: another ledger ({ledger.genesis}) than the one that is pinned.", hint="Name the ledger itself."
        )
    return ledger


def open_with_gates(name: str, beside: Known, signer: Signer | None = None) -> Ledger:
    """Return a ledger that knows the gates of all settings that it recorded; raises as :func:`open_ledger` does."""
    ledger = open_ledger(name, beside, signer)
    meet_gates(ledger, roster_of)
    return ledger


def roster_of(files: Mapping[str, bytes]) -> Roster:
    """Return who is who by the files of some settings.

    Raises :class:`iacgate.errors.SettingsInvalid` where they do not say it in a way that this version understands.
    """
    if "people.yaml" not in files:
        return Roster(People([]))
    return read_roster(files["people.yaml"], "people.yaml", OfflineProver(files.get(ROOT_FILE)))


def since_instant(text: str) -> str:
    """Return the first instant of what ``--since`` says.

    Raises :class:`UsageInvalid` where that is neither a day nor an instant.
    """
    instant = instants.first_of(text)
    if text and not instants.is_instant(instant):
        raise UsageInvalid(f"--since {text!r} is no time.", hint="Write 2027-01-31, or 2027-01-31T12:00:00Z (UTC).")
    return instant
