"""The ledger that the command line or the settings name."""

from __future__ import annotations

from pathlib import Path

from iacgate import canonical
from iacgate.approval.statement import Target
from iacgate.cli.own import Own
from iacgate.errors import EvidenceInvalid, TrustInvalid
from iacgate.evidence.folder import FolderLedger
from iacgate.evidence.ledger import Ledger, Settings


def chain_of(target: Target) -> str:
    """Return the name of a stack's chain in the ledger: one that nobody mapped is named by its state."""
    return target.stack or f"unmapped-{canonical.digest(canonical.canonical_json(target.backend))[:20]}"


def open_ledger(name: str, own: Own, *, record: bool) -> Ledger | None:
    """Return the ledger, where one is named; ``record`` is for the gate, which makes one where there is none.

    Raises :class:`EvidenceInvalid` where the settings name another one, :class:`TrustInvalid` where it has seen
    newer settings than those that would decide.
    """
    pinned = own.settings.policy.ledger
    if not name:
        if pinned and record:
            raise EvidenceInvalid("The settings name a ledger, and --ledger names none.", hint="Name its folder.")
        return None
    ledger = FolderLedger(Path(name), create=record and not pinned)
    if pinned and ledger.genesis != pinned:
        raise EvidenceInvalid(
            f"{name}: another ledger than the settings name.", hint="Name the folder of the ledger itself."
        )
    _check_newest(ledger.newest_settings(), own)
    return ledger


def _check_newest(newest: Settings | None, own: Own) -> None:
    used = own.trusted
    if newest is None:
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
