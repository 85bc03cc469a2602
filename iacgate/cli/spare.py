"""The second store, which takes the evidence of an emergency while the ledger cannot be reached."""

from __future__ import annotations

import os
from typing import Any, Final

import click
import msgspec

from iacgate import canonical
from iacgate.cli.ledgers import Recorder, Wanted, check_clock, check_place, open_recorder
from iacgate.cli.own import Own
from iacgate.errors import StoreUnreachable
from iacgate.evidence.degraded import Lost, Written, write_degraded
from iacgate.evidence.degradedread import read_degraded
from iacgate.evidence.entry import Settings, State
from iacgate.evidence.gatekeys import GateKeys
from iacgate.evidence.ledger import Draft, Piece
from iacgate.evidence.outage import BEGUN, Begun, outage_of
from iacgate.shell.gatekey import gate_signer
from iacgate.shell.stores import open_store

NAME: Final = "--second-store"


def second_store_option(command: Any) -> Any:
    """Add the option that names the second store."""
    return click.option(
        NAME,
        "second_store",
        default="",
        metavar="DIR|s3://...",
        help="Takes the evidence of an emergency while the ledger cannot be reached.",
    )(command)


class Spare:
    """What stands in for the ledger of one stack: its records, and the little that is known of the stack.

    ``state`` has only what the second store itself tells. Raises :class:`iacgate.errors.EvidenceInvalid` where that
    store is not there, or not fit for evidence here.
    """

    def __init__(self, wanted: Wanted, own: Own, chain: str, tier: str, why: StoreUnreachable) -> None:
        self.store = open_store(wanted.second)
        check_place(self.store, wanted.second, own, tier)
        check_clock(self.store.now(), wanted.second)
        self._signer = gate_signer(wanted.gate_key, os.environ)
        self.lost = Lost(own.settings.policy.ledger, wanted.name.rstrip("/"), why.message)
        self.settings = Settings(own.settings.digest, own.trusted.version if own.trusted else 0)
        keys = GateKeys([self._signer.pinned], own.settings.roster if own.trusted else None)
        found = read_degraded(self.store, chain, keys, self.lost.ledger)
        outage = outage_of(found.records, self.store)
        self.state: State = outage.state
        self._unfinished = outage.begun
        self.last = ""
        self._begun = Begun(None, {})

    def now(self) -> str:
        """Return the time by the second store's clock."""
        return self.store.now()

    def secret(self, stack: str) -> bytes:
        """Return the key under which secrets of a stack are marked: the one that the ledger has, too."""
        return self._signer.secret(f"{self.lost.ledger} {stack}")

    def begins(self, begun: Begun) -> None:
        """Take what the record of the beginning is to say for the chain."""
        self._begun = begun

    def append(self, draft: Draft) -> Written:
        """Store a record that goes on from the one before it; raises as :func:`write_degraded` does."""
        if draft.event == "interrupted":  # of the run that died, and not of this one
            return write_degraded(self.store, draft, self.lost, self._signer, self._unfinished)
        if draft.event == "intended":
            begun = Piece(canonical.canonical_json(self._begun))
            draft = msgspec.structs.replace(draft, pieces={**draft.pieces, BEGUN: begun})
        written = write_degraded(self.store, draft, self.lost, self._signer, self.last)
        self.last = written.digest
        return written


def open_evidence(wanted: Wanted, own: Own, chain: str, tier: str, *, emergency: bool) -> Recorder | Spare | None:
    """Return the ledger, where one is named; the second store, where the ledger's own does not answer at all.

    ``emergency`` says that the change is one with a record, and not one person's alone. Raises as
    :func:`open_recorder` does, :class:`StoreUnreachable` where the second store does not stand in.
    """
    try:
        return open_recorder(wanted, own, chain, tier)
    except StoreUnreachable as error:
        if not wanted.second or not wanted.record:
            raise
        why = (
            "" if emergency else "only an emergency with a record goes on without the ledger, and not one person alone"
        )
        why = why if own.settings.policy.ledger else "the settings do not pin the ledger, and nobody can ask it"
        if why:
            raise StoreUnreachable(error.message, hint=f"{NAME} is not used: {why}. {error.hint}") from error
        return Spare(wanted, own, chain, tier, error)
