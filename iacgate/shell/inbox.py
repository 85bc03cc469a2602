"""The inbox: where envelopes and plans arrive, in a folder or a bucket.

    plans/<change>/<plan>/               what the planner hands over, see submissions
    approvals/<change>/<digest>          what people sign
    seals/stack-<name>=                  what keys the digests of a stack's plans, see iacgate.sealing

An envelope's time of arrival is the store's. In a bucket with versions, one that was deleted still counts: nobody
drops a rejection. A folder is local, and so not independent: who may write it may also delete, and set times.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from iacgate import canonical, instants
from iacgate.approval.counting import Received
from iacgate.approval.envelope import MAX_BYTES
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.layout import chain_name
from iacgate.evidence.store import MAX_OBJECT, Store, Stored, together
from iacgate.sealing import KEY_BYTES, MAX_TEXT, UNSEALED, Seal, read_seal
from iacgate.shell.stores import is_s3, open_store
from iacgate.shell.submissions import SAID

ENDING: Final = ".approval.json"
MAX_FILES: Final = 1_000
MAX_HANDED: Final = 4_000
"""Files of all plans of one change."""

MAX_FETCHED: Final = 4 << 30
"""Bytes of all of them."""

_NAME: Final = re.compile(r"[0-9a-zA-Z._-]{1,200}\.approval\.json")


def open_inbox(name: str, *, create: bool = False) -> Inbox:
    """Return the inbox of a name.

    Raises :class:`UsageInvalid` where it is not there: in a mistyped one, no rejection is ever found.
    """
    if not is_s3(name) and not create and not Path(name).is_dir():
        raise UsageInvalid(f"{name}: there is no such inbox.", hint="Mend --inbox, or make it: `iacgate submit` does.")
    return Inbox(open_store(name or ".", create=create, locked=False))


class Inbox:
    """The inbox of all changes, in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def seal(self, chain: str, *, make: bool) -> Seal:
        """Return the seal of a stack's chain; with ``make``, one is made where there is none yet.

        Of several who make it at the same time, one does, and all have that one. It is read whatever became of
        writing it: who may not write may read, and an answer can be lost.

        Raises :class:`EvidenceInvalid` where it cannot be read or made, or is none.
        """
        key, problem = f"seals/{chain_name(chain)}", None
        if make:
            try:
                self.store.create(key, secrets.token_hex(KEY_BYTES).encode())
            except EvidenceInvalid as error:
                problem = error
        data = self.store.read(key, MAX_TEXT)
        if data is None and make:
            raise problem or EvidenceInvalid(f"{self.store.name}/{key} could not be made.", hint="Run it again.")
        return UNSEALED if data is None else read_seal(data, f"{self.store.name}/{key}")

    def listed(self, beginning: str) -> list[Stored]:
        """Return what arrived for all changes whose names begin like this, for :meth:`received`."""
        return self.store.listing(f"approvals/{beginning}")

    def received(self, change: str, listed: Sequence[Stored] | None = None) -> list[Received]:
        """Return everything that arrived for a change, also what was deleted since, where the store has it.

        ``listed`` spares a listing where it was just made. Raises :class:`UsageInvalid` where there is more than
        anybody can have sent, :class:`EvidenceInvalid` where one cannot be read.
        """
        place = f"approvals/{change}/"
        found = self.listed(f"{change}/") if listed is None else listed
        listed = [item for item in found if item.key.startswith(place)]
        if len(listed) > 4 * MAX_FILES:  # before anything is left out: whoever fills it up hides nothing
            raise UsageInvalid(
                f"{self.store.name}/approvals/{change}: more than {4 * MAX_FILES} files.", hint="Look at who fills it."
            )
        arrived: dict[str, Stored] = {}  # the first version of each: a listing has the newest first
        for item in listed:
            if item.key.endswith(ENDING) and not item.marker:
                arrived[item.key] = item
        if len(arrived) > MAX_FILES:
            raise UsageInvalid(
                f"{self.store.name}/approvals/{change}: more than {MAX_FILES} envelopes.", hint="Look at who fills it."
            )
        return together([partial(self._received, item) for item in arrived.values()])

    def _received(self, item: Stored) -> Received:
        if item.size > MAX_BYTES or not _NAME.fullmatch(item.key.rpartition("/")[2]):
            return Received(b"", item.modified)  # nobody delivers that: it is shown, and counts for nothing
        try:
            data = self.store.read(item.key, MAX_BYTES + 1, item.version)
        except EvidenceInvalid as error:
            raise _unreadable(self.store, item) from error
        if data is None:
            raise _unreadable(self.store, item)
        return Received(data, item.modified)

    def put(self, change: str, data: bytes) -> str:
        """Store an envelope; return where. One that is there keeps its time of arrival."""
        key = f"approvals/{change}/{canonical.digest(data)}{ENDING}"
        if not self.store.create(key, data) and self.store.read(key, MAX_BYTES) != data:
            raise UsageInvalid(f"{self.store.name}/{key} is something else.", hint="Look at who fills the inbox.")
        return f"{self.store.name}/{key}"

    def put_plan(self, change: str, name: str, plan: Mapping[str, bytes]) -> str:
        """Store a plan as it is handed over, what is said of it last; return where.

        Its ``name`` reaches evidence: it is no digest of the plan file that anybody could make again.
        """
        place = f"plans/{change}/{name}"
        first = {name: data for name, data in plan.items() if name != SAID}
        together([partial(self.store.create, f"{place}/{name}", data) for name, data in first.items()])
        self.store.create(f"{place}/{SAID}", plan[SAID])
        return f"{self.store.name}/{place}"

    def has_plans(self, change: str) -> bool:
        """Return whether plans of a change were handed over, also where somebody took them away since."""
        return bool(self.store.listing(f"plans/{change}/"))

    def fetch_plans(self, change: str, folder: Path, only: str = "") -> bool:
        """Lay out the plans of a change in an empty folder, or the one of a name; return whether there are any.

        Raises :class:`UsageInvalid` where there are more than anybody can have planned.
        """
        newest: dict[str, Stored] = {}
        listed = self.store.listing(f"plans/{change}/")
        for item in listed:
            newest.setdefault(item.key, item)
        files = [item for item in newest.values() if not item.marker and item.key.count("/") == 3]
        files = [item for item in files if only in ("", item.key.split("/")[2])]
        if len(listed) > MAX_HANDED or sum(item.size for item in files) > MAX_FETCHED:
            raise UsageInvalid(f"{self.store.name}: too many plans of {change}.", hint="Name one by its folder.")
        together([partial(self._fetch, item, folder) for item in files])
        return bool(files)

    def _fetch(self, item: Stored, folder: Path) -> None:
        data = self.store.read(item.key, MAX_OBJECT, item.version)
        target = folder.joinpath(*item.key.split("/")[2:])
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data or b"")
        time = instants.seconds(item.modified) * 10**9 + item.nanoseconds
        os.utime(target, ns=(time, time))


def _unreadable(store: Store, item: Stored) -> EvidenceInvalid:
    return EvidenceInvalid(
        f"{store.name}/{item.key}: the envelope cannot be read.",
        hint="Mend the file: one that is left out might be a rejection.",
    )
