"""The ledger that the command line or the settings name."""

from __future__ import annotations

import os
import secrets
from typing import Any, Final

import click
import msgspec

from iacgate import __version__, canonical, instants
from iacgate.approval.statement import Target
from iacgate.cli.own import Own
from iacgate.errors import EvidenceInvalid, TrustInvalid
from iacgate.evidence.advance import after_settings
from iacgate.evidence.entry import Actor, Settings, State
from iacgate.evidence.ledger import MAX_SKEW, Draft, Ledger, Look, Piece, Receipt
from iacgate.evidence.recorded import SETTINGS
from iacgate.evidence.store import Store
from iacgate.render.plain import harmless
from iacgate.risk.assessment import Assessment
from iacgate.shell.ci import in_pipeline, run_of
from iacgate.shell.clock import now
from iacgate.shell.gatekey import gate_signer
from iacgate.shell.stores import open_store

PRODUCTION: Final = "prod"


def ledger_options(command: Any) -> Any:
    """Add the options of whoever writes to the ledger."""
    return click.option(
        "--gate-key",
        default="",
        metavar="FILE|ARN",
        help="The gate's key.  [default: IACGATE_GATE_KEY, or the one that `init` made]",
    )(command)


class Wanted(msgspec.Struct, frozen=True):
    """What the command line says of the ledger: its name, and the gate's key; ``record`` is for who appends.

    ``second`` is the store that takes the evidence of an emergency while the ledger cannot be reached, empty for none.
    """

    name: str = ""
    second: str = ""
    gate_key: str = ""
    record: bool = False


class Recorder:
    """The ledger of one change's stack: what it says now, and what is written to it.

    Raises :class:`EvidenceInvalid` where there is no such ledger, or the settings name another one,
    :class:`TrustInvalid` where it has seen newer settings than those that would decide.
    """

    def __init__(self, wanted: Wanted, own: Own, chain: str, tier: str) -> None:
        self.name, self.chain, self._own = wanted.name, chain, own
        pinned = own.settings.policy.ledger
        store = open_store(wanted.name, create=wanted.record and not pinned)
        if wanted.record:
            check_place(store, wanted.name, own, tier)
        signer = gate_signer(wanted.gate_key, os.environ) if wanted.record else None
        made: list[str] = []

        def make() -> str:
            made.append(secrets.token_hex(16))
            return made[-1]

        gates = own.settings.roster if own.trusted else None  # who may change unsigned settings is no gate by that
        begins = None if pinned or not wanted.record else make
        self.ledger = Ledger(store, signer=signer, roster=gates, make=begins, ahead=[chain, ""])
        if made:
            text = (
                f"A new ledger begins in {harmless(wanted.name)}, which knows of nothing before: {self.ledger.genesis}."
            )
            click.echo(f"{text} Where another one is meant, mend --ledger; else name it in policy.yaml.", err=True)
        if pinned and self.ledger.genesis != pinned:
            raise EvidenceInvalid(
                f"{wanted.name}: another ledger than the settings name.", hint="Name the ledger itself."
            )
        check_clock(self.ledger.store.now(), wanted.name)
        self.settings = Settings(own.settings.digest, own.trusted.version if own.trusted else 0)
        self.look: Look = self.ledger.look(chain)
        self._fresh: Look | None = self.look
        self._noted = False
        _check_newest(self.look.newest_settings, own)

    @property
    def state(self) -> State:
        """What follows from the stack's chain, as it was when it was opened."""
        return self.look.state

    def now(self) -> str:
        """Return the time by the store's clock."""
        return self.ledger.store.now()

    def secret(self, stack: str) -> bytes:
        """Return the key under which secrets of a stack are marked, so that only the gate can try some."""
        return self.ledger.secret(stack)

    def append(self, draft: Draft) -> Receipt:
        """Append to the stack's chain; the first time, where it was just looked at."""
        self._note_settings()
        look, self._fresh = self._fresh, None
        return self.ledger.append(draft, look)

    def check_settings(self) -> None:
        """Raise :class:`TrustInvalid` where the ledger has seen newer settings by now."""
        _check_newest(self.ledger.look(self.chain).newest_settings, self._own)

    def _note_settings(self) -> None:
        """Say in the ledger's own chain that there is a newer version of signed settings."""
        if self._noted or self.settings.version <= self.look.newest_settings.version:
            return
        self._noted = True
        files = canonical.canonical_json(self._own.files)
        draft = Draft(
            event="settings",
            stack="",
            settings=self.settings,
            actor=Actor("", run_of(os.environ)),
            tool={"iacgate": __version__},
            pieces={SETTINGS: Piece(files)},
            advance=lambda state, *_: after_settings(state, self.settings),
        )
        self.ledger.append(draft)


def chain_of(target: Target) -> str:
    """Return the name of a stack's chain in the ledger: one that nobody mapped is named by its state."""
    state = canonical.canonical_json([target.backend, target.workspace])
    return target.stack or f"unmapped-{canonical.digest(state)[:20]}"


def open_recorder(wanted: Wanted, own: Own, chain: str, tier: str) -> Recorder | None:
    """Return the ledger, where one is named.

    Raises :class:`EvidenceInvalid` where the settings name one, and whoever records does not.
    """
    if wanted.name:
        return Recorder(wanted, own, chain, tier)
    if own.settings.policy.ledger and wanted.record:
        raise EvidenceInvalid("The settings name a ledger, and --ledger names none.", hint="Name it.")
    return None


def tool_versions(assessment: Assessment) -> dict[str, str]:
    """Return which versions of iacgate and of rule packs judged."""
    return {"iacgate": __version__, **{f"pack {pack.name}": pack.version for pack in assessment.packs}}


def check_place(store: Store, name: str, own: Own, tier: str) -> None:
    """Raise :class:`EvidenceInvalid` where a pipeline would keep evidence of production where it could change it."""
    blocks = own.settings.policy.mode == "enforce" and tier == PRODUCTION
    if blocks and not store.independent and in_pipeline(os.environ):
        raise EvidenceInvalid(
            f"{name}: a folder is no evidence for production, because this pipeline could change it.",
            hint="Keep evidence in a bucket: s3://BUCKET/PREFIX. See docs/evidence.md.",
        )


def check_clock(theirs: str, name: str) -> None:
    """Raise :class:`EvidenceInvalid` where this machine's clock is far off the store's."""
    ours = now()
    if abs(instants.seconds(theirs) - instants.seconds(ours)) > MAX_SKEW:
        raise EvidenceInvalid(
            f"The clock of {name} says {theirs}, and this machine's says {ours}.", hint="Set the clock of this machine."
        )


def _check_newest(newest: Settings, own: Own) -> None:
    used = own.trusted
    if not newest.version:
        return
    if used is None:
        raise TrustInvalid(
            f"The ledger has seen version {newest.version} of signed settings, and these are not signed.",
            hint="Name the protected branch with --trusted.",
        )
    if newest.version > used.version or (newest.version == used.version and newest.digest != own.settings.digest):
        raise TrustInvalid(
            f"The settings are version {used.version}, and the ledger has seen version {newest.version} "
            f"({newest.digest[:12]}): somebody put older ones back.",
            hint="Restore the newest version at the protected branch; changing it back takes a new version.",
        )
