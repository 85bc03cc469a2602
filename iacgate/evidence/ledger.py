"""The ledger: for each stack one chain of entries, each naming the digest of the one before, in a store.

What the gate learns from it: which settings were the newest that it saw, what was applied last, which approvals were
used up, and which rejections stand. Nothing is ever updated. A look costs two calls of the store in a row, however long
the chains are; so does an append: what an entry refers to, all at once, and then the entry.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.change.emergency import pruned as emergencies_left
from iacgate.change.patternuse import left as uses_left
from iacgate.errors import EvidenceInvalid, KeyInvalid
from iacgate.evidence.chain import LOOK_AT, Head, Reading
from iacgate.evidence.entry import MAX_ENTRY, Actor, Entry, Event, Reference, Settings, Sha256, State, encode
from iacgate.evidence.gatekeys import ENTRY, GateKeys, PinnedKey, Signer
from iacgate.evidence.layout import GENESIS, chain_prefix, entry_key, evidence_key, sequence_of
from iacgate.evidence.store import Store, Stored, read_named, together
from iacgate.people.roster import Roster

MAX_SKEW: Final = 300
"""Seconds by which the clocks of machines that append may differ; entry times never go back."""

MAX_GENESIS: Final = 64 << 10
_TRIES: Final = 100
"""How often an entry is numbered again where others append at the same time."""

_PAUSE: Final = 5
_LONGEST: Final = 500
"""Milliseconds that whoever lost a number waits at most, more each time: so that not all come back at once."""

_ROUNDS: Final = 20


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a ledger begins: nothing but a number that nobody has drawn before, and who may write its first entries."""

    format: Literal[2]
    nonce: str
    keys: tuple[PinnedKey, ...]


class Piece(msgspec.Struct, frozen=True):
    """Bytes that an entry refers to, and what they are."""

    data: bytes
    media_type: str = "application/json"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry is to say; its place in the chain, its time and its state are the ledger's.

    ``advance`` returns the state after it, from the state before and the entry's number and time; it may raise
    :class:`iacgate.errors.IacgateError` where the entry may not follow any more, because others appended meanwhile.
    """

    event: Event
    stack: str
    change: str = ""
    commit: str = ""
    tree: str = ""
    actor: Actor = Actor()
    settings: Settings = Settings()
    tool: Mapping[str, str] = {}
    details: Mapping[str, str | int | bool] = {}
    pieces: Mapping[str, Piece] = {}
    advance: Callable[[State, int, str], State] = lambda state, sequence, instant: state  # noqa: ARG005 - nothing changes


class Receipt(msgspec.Struct, frozen=True):
    """An entry that was stored: its digest, and what it says."""

    digest: str
    entry: Entry


class Look(msgspec.Struct, frozen=True):
    """What a ledger says of a stack now: the heads of its chain and of the ledger's own."""

    head: Head
    own: Head

    @property
    def state(self) -> State:
        """What follows from the stack's chain."""
        return self.head.state

    @property
    def newest_settings(self) -> Settings:
        """The newest version of signed settings that was ever seen; version 0 for none."""
        return self.own.state.settings


class Ledger:
    """A ledger in a store.

    Raises :class:`EvidenceInvalid` where there is none, or, for who appends, the store is not fit for evidence. With
    ``make``, which draws a number, an empty store becomes one; ``signer`` is who appends, ``None`` for who only reads.
    ``roster`` names further keys of gates. The chains of ``ahead`` are listed at once, because somebody will look.
    """

    def __init__(
        self,
        store: Store,
        *,
        signer: Signer | None = None,
        roster: Roster | None = None,
        make: Callable[[], str] | None = None,
        ahead: Sequence[str] = (),
    ) -> None:
        self.store = store
        self._signer = signer
        self._fit = _Later(store.problems) if signer else None
        calls: list[Callable[[], Any]] = [lambda: store.read(GENESIS, MAX_GENESIS), lambda: store.listing(GENESIS, 2)]
        there, versions, *listed = together([*calls, *map(self._listing, ahead)])
        if len(versions) > 1 or any(item.marker for item in versions):
            raise EvidenceInvalid(
                f"{store.name}: {GENESIS} was overwritten, or deleted, after it was written.",
                hint="Find out who did it; take away what came later, or go on in a copy: `iacgate evidence copy`.",
            )
        self._ahead: dict[str, list[Stored]] = dict(zip(ahead, listed, strict=True))
        data: bytes = self._made(make) if there is None else there
        self.genesis = canonical.digest(data)
        self.keys = GateKeys(decode_genesis(data, store.name).keys, roster)

    def _made(self, make: Callable[[], str] | None) -> bytes:
        """Return the genesis of a ledger that is begun now."""
        if make is None or self._signer is None:
            raise EvidenceInvalid(
                f"{self.store.name}: no ledger.", hint="The gate makes it; name the one that it uses."
            )
        self._check_fit()
        if self.store.listing("", 1):
            raise EvidenceInvalid(f"{self.store.name}: files, but no ledger.", hint="Name an empty place, or a ledger.")
        data = canonical.canonical_json(Genesis(2, make(), (self._signer.pinned,)))
        there = data if self.store.create(GENESIS, data) else self.store.read(GENESIS, MAX_GENESIS)
        if there is None:
            raise EvidenceInvalid(f"{self.store.name}: the ledger could not be begun.", hint="Run it again.")
        return there

    def secret(self, stack: str) -> bytes:
        """Return the key under which secrets of a stack are marked, so that only the gate can try some."""
        if self._signer is None:
            raise EvidenceInvalid("Nobody signs for the gate.", hint="Name its key: --gate-key.")
        return self._signer.secret(f"{self.genesis} {stack}")

    def look(self, stack: str) -> Look:
        """Return what the ledger says of a stack now.

        Raises :class:`EvidenceInvalid` where the chain does not hold, or the store does not answer.
        """
        head, own = self.heads([stack, ""])
        return Look(head, own)

    def heads(self, stacks: Sequence[str]) -> list[Head]:
        """Return the heads of some chains: one listing for each, all at once, and what has to be read; as in `look`."""
        ahead = {stack: self._ahead.pop(stack) for stack in stacks if stack in self._ahead}
        missing = [stack for stack in stacks if stack not in ahead]
        ahead.update(zip(missing, together([self._listing(stack) for stack in missing]), strict=True))
        readings = [
            Reading(
                stack,
                self.genesis,
                ahead[stack],
                self.keys,
                f"{self.store.name}, chain {stack or 'of the ledger'}",
                timed=self.store.independent,
            )
            for stack in stacks
        ]
        for _ in range(_ROUNDS):
            wanted = [(reading, item) for reading in readings for item in reading.wanted()]
            if not wanted:
                break
            contents = together([self._reader(item, reading.stack) for reading, item in wanted])
            for (reading, item), data in zip(wanted, contents, strict=True):
                reading.read({item.key: data})
        return [reading.head() for reading in readings]

    def _listing(self, stack: str) -> Callable[[], list[Stored]]:
        return lambda: self.store.listing(chain_prefix(stack), LOOK_AT)

    def _reader(self, item: Stored, stack: str) -> Callable[[], bytes | None]:
        """Return what reads one key; what is too large to be an entry, or has no number, is none."""
        if item.size > 2 * MAX_ENTRY or sequence_of(item.key, stack) is None:
            return lambda: b""
        return lambda: self.store.read(item.key, 2 * MAX_ENTRY, item.version)

    def append(self, draft: Draft, look: Look | None = None) -> Receipt:
        """Store what an entry refers to, then the entry itself as the next of its chain.

        ``look`` spares a look where it was just made. Raises :class:`EvidenceInvalid` where nothing is stored, and
        what the draft raises where the entry may not follow.
        """
        head = look.head if look else self.heads([draft.stack])[0]
        references = self._keep(draft.pieces, head)
        for lost in range(_TRIES):
            if head.junk:
                head = self._repair(draft.stack, head)
                continue
            receipt = self._try(draft, head, references)
            if receipt is not None:
                return receipt
            time.sleep(secrets.randbelow(min(_LONGEST, _PAUSE * (lost + 1))) / 1000)
            head = self.heads([draft.stack])[0]
        raise EvidenceInvalid(f"{self.store.name}: too many append at the same time.", hint="Run it again.")

    def _try(self, draft: Draft, head: Head, references: dict[str, Reference]) -> Receipt | None:
        """Append once; ``None`` where somebody else took the number."""
        if self._signer is None:
            raise EvidenceInvalid("Nobody signs for the gate.", hint="Name its key: --gate-key FILE|ARN.")
        self._check_fit()
        instant = self._time(head)
        entry = Entry(
            nonce=secrets.token_hex(16),
            ledger=self.genesis,
            stack=draft.stack,
            sequence=head.free,
            previous=head.newest.digest if head.newest else self.genesis,
            event=draft.event,
            time=instant,
            actor=draft.actor,
            change=draft.change,
            commit=draft.commit,
            tree=draft.tree,
            settings=draft.settings,
            tool=dict(draft.tool),
            references=references,
            details=dict(draft.details),
            state=draft.advance(pruned(head.state, instant), head.free, instant),
        )
        data = self._signer.sign(encode(entry), ENTRY)
        self.keys.open(data, "What was signed")  # a key that is no gate's would write what nobody counts
        return Receipt(canonical.digest(data), entry) if self._put(entry_key(draft.stack, head.free), data) else None

    def _put(self, key: str, data: bytes) -> bool:
        """Return whether an entry is there now: an answer may be lost, and what it is about is not."""
        try:
            if self.store.create(key, data):
                return True
        except EvidenceInvalid:
            if self.store.read(key, 2 * MAX_ENTRY) == data:
                return True
            raise
        return self.store.read(key, 2 * MAX_ENTRY) == data

    def _check_fit(self) -> None:
        """Raise :class:`EvidenceInvalid` where the store is not fit for evidence."""
        problems = self._fit.result() if self._fit else []
        if problems:
            raise EvidenceInvalid(f"{self.store.name}: {problems[0]}", hint="Mend it: `iacgate doctor` says how.")

    def _time(self, head: Head) -> str:
        """Return the time of the next entry: by the store's clock, and never before the newest."""
        now = self.store.now()
        if head.time and instants.seconds(head.time) - instants.seconds(now) > MAX_SKEW:
            raise EvidenceInvalid(
                f"The clock says {now}, and the newest entry was made at {head.time}.",
                hint="Set the clock of this machine.",
            )
        return max(now, head.time)

    def _repair(self, stack: str, head: Head) -> Head:
        """Say in an entry which keys hold none; return the head after it, or the new one where others append."""
        draft = Draft(
            event="repaired",
            stack=stack,
            details={"keys": len(head.junk)},
            advance=lambda state, sequence, instant: msgspec.structs.replace(  # noqa: ARG005 - a repair has no number
                state, skipped={**state.skipped, **head.junk}
            ),
        )
        self._try(draft, head, {})
        return self.heads([stack])[0]

    def _keep(self, pieces: Mapping[str, Piece], head: Head) -> dict[str, Reference]:
        """Store bytes under their digests, all at once; what the newest entry refers to is there already."""
        references = {
            name: Reference(canonical.digest(piece.data), piece.media_type, len(piece.data))
            for name, piece in pieces.items()
        }
        known = {item.digest for item in head.newest.entry.references.values()} if head.newest else set()
        waiting = {references[name].digest: piece.data for name, piece in pieces.items()}
        together([self._keeper(digest, data) for digest, data in waiting.items() if digest not in known])
        return references

    def _keeper(self, digest: str, data: bytes) -> Callable[[], None]:
        def keep() -> None:
            key = evidence_key(digest)
            if not self.store.create(key, data) and self.store.read(key, len(data)) != data:
                raise EvidenceInvalid(
                    f"{self.store.name}: {key} is not what its name says.", hint="Find out who did it."
                )

        return keep

    def evidence(self, digest: Sha256, limit: int) -> bytes:
        """Return what an entry refers to.

        Raises :class:`EvidenceInvalid` where it is not there, or is something else.
        """
        data = read_named(self.store, evidence_key(digest), limit, digest)
        if data is None or canonical.digest(data) != digest:
            raise EvidenceInvalid(
                f"{self.store.name}: {evidence_key(digest)} is {'not there' if data is None else 'something else'}.",
                hint="Find out who did it; `iacgate evidence verify` looks at everything.",
            )
        return data


class _Later:
    """What a call returns, made while other things are done."""

    def __init__(self, call: Callable[[], list[str]]) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only who appends needs it

        pool = ThreadPoolExecutor(1)
        self._future = pool.submit(call)
        pool.shutdown(wait=False)

    def result(self) -> list[str]:
        """Return it, or raise what the call raised."""
        return self._future.result()


def pruned(state: State, instant: str) -> State:
    """Return a state without what nobody asks for any more: approvals that expired, emergencies of long ago."""
    used = {digest: until for digest, until in state.used.items() if until > instant}
    emergencies = emergencies_left(state.emergencies, instant)
    return msgspec.structs.replace(state, used=used, emergencies=emergencies, uses=uses_left(state.uses, instant))


def decode_genesis(data: bytes, name: str) -> Genesis:
    """Return how a ledger began; raises :class:`EvidenceInvalid`, naming the store, where it is no beginning."""
    try:
        genesis = msgspec.convert(strictjson.decode(data), Genesis)
        names = [key.identifier for key in genesis.keys]
        if not names or len(genesis.nonce) < 32 or canonical.canonical_json(genesis) != data:
            raise ValueError("nobody can append")
    except (ValueError, RecursionError, KeyInvalid) as error:
        raise EvidenceInvalid(
            f"{name}: {GENESIS} is no beginning of a ledger that this version understands.", hint="Name another place."
        ) from error
    return genesis
