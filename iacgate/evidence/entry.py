"""One entry of a stack's chain: what happened, by whom, on what, and what follows for the next one.

An entry refers to what decided by its digest; the bytes stand beside it, under their digest. Its ``state`` sums up
the chain so far, so that whoever reads the newest entry need read no other. ``docs/evidence-format.md`` specifies all
of it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from iacgate import canonical, instants, strictjson
from iacgate.change.emergency import Emergency
from iacgate.change.patternuse import Use
from iacgate.errors import EvidenceInvalid

FORMAT: Final = 2
MAX_ENTRY: Final = 256 << 10
"""Bytes of one entry; what is larger stands beside it."""

MAX_SEQUENCE: Final = 10**10 - 2
OWN_LABEL: Final = "@ledger"
"""How people name the ledger's own chain."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=1024)]
KeyName = Annotated[str, msgspec.Meta(max_length=4096)]
Instant = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQUENCE)]

Event: TypeAlias = Literal[
    "decided",
    "intended",
    "applied",
    "failed",
    "interrupted",
    "bypassed",
    "settings",
    "repaired",
    "transition",
    "reviewed",
    "degraded",
]
"""What an entry says: see ``docs/evidence-format.md``."""


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes that stand beside the chain, under their digest."""

    digest: Sha256
    media_type: Text = msgspec.field(name="mediaType")
    size: Annotated[int, msgspec.Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which settings decided: their digest, and their version; 0 where nobody's signature was checked."""

    digest: Text = ""
    version: Annotated[int, msgspec.Meta(ge=0)] = 0


class Actor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who ran it: the principal who deploys, where that is known, and what the pipeline says of its run."""

    principal: Text = ""
    run: dict[Text, Text] = {}


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was applied last."""

    change: Text
    commit: Text
    tree: Text
    time: Instant
    sequence: Sequence


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Terraform state as an apply left it, or as it was seen since.

    Its digest is keyed where the stack has a seal (:mod:`iacgate.sealing`), and empty where it is not known.
    """

    lineage: Text
    serial: int
    digest: Text


class Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An apply that was begun, and of which no entry says yet how it ended.

    ``fingerprint`` is of its plan; ``used`` has the approvals that it was begun with, until when each could count.
    """

    change: Text
    run: Text
    fingerprint: Text
    used: dict[Sha256, Instant]
    time: Instant
    sequence: Sequence


class Attempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Applies of one change that failed: how many, the plan that was approved, and the state that is left.

    ``used`` has the approvals that they were begun with, which are used up when it has failed too often.
    """

    change: Text
    count: Annotated[int, msgspec.Meta(ge=1)]
    fingerprint: Text
    lineage: Text
    used: dict[Sha256, Instant]


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rejection that stands: the change, the envelope's digest, and when it arrived."""

    change: Text
    envelope: Sha256
    arrived: Instant


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from a chain for whoever appends to it.

    ``base`` is the commit of the last apply after which nothing was left to do, empty for none: who wrote something
    since then had a hand in what comes next. ``seen`` is the Terraform state as it was seen last, ``None`` where
    nobody knows. ``used`` has the approvals that an apply used up, by the digest of their statement, until when each
    could count. ``skipped`` are keys that hold no entry, or versions of one that came later (``key@version``), with
    what they hold. ``settings`` are the newest that were signed. ``emergencies`` are those of the stack, until 400 days
    after they were reviewed. ``uses`` are the standard changes that were begun, by their patterns.
    """

    applied: Applied | None = None
    base: Text = ""
    seen: Seen | None = None
    intent: Intent | None = None
    attempt: Attempt | None = None
    used: dict[Sha256, Instant] = {}
    rejections: tuple[Standing, ...] = ()
    skipped: dict[KeyName, Text] = {}
    settings: Settings = Settings()
    emergencies: tuple[Emergency, ...] = ()
    uses: dict[Text, tuple[Use, ...]] = {}


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of a chain.

    ``nonce`` is random, so that no two writers make the same bytes and each take them for their own. ``previous`` is
    the digest of the entry before as it is stored, of the ledger's genesis for the first. ``stack`` is empty in the
    ledger's own chain. ``commit`` and ``tree`` are what was gated or applied; ``tool`` has versions by name;
    ``details`` what belongs to the event.
    """

    format: Literal[2] = 2
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    ledger: Sha256
    stack: Text
    sequence: Sequence
    previous: Sha256
    event: Event
    time: Instant
    actor: Actor
    change: Text
    commit: Text
    tree: Text
    settings: Settings
    tool: dict[Text, Text]
    references: dict[Text, Reference]
    details: dict[Text, str | int | bool]
    state: State


def label_of(stack: str) -> str:
    """Return how people name a chain."""
    return stack or OWN_LABEL


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry that are signed.

    Raises :class:`EvidenceInvalid` where they are too many.
    """
    try:
        data = canonical.canonical_json(entry)
    except UnicodeEncodeError as error:
        raise EvidenceInvalid(
            "A key in the store has a name that is no text.", hint="Take the file away, and find out who put it there."
        ) from error
    if len(data) > MAX_ENTRY:
        raise EvidenceInvalid(
            f"The entry has {len(data)} bytes, {MAX_ENTRY} at most.",
            hint="Too many approvals were used up at once, or too many keys hold no entry: look at the chain.",
        )
    return data


def decode(data: bytes, where: str) -> Entry:
    """Return an entry.

    Raises :class:`EvidenceInvalid`, naming ``where``, where it is not one that this version understands.
    """
    try:
        content = strictjson.decode(data)
        entry = msgspec.convert(content, Entry)
        if not instants.is_instant(entry.time) or "format" not in content:
            raise ValueError("no instant, or no version")
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"{where}: no entry of a ledger.", hint="Find out who wrote it.") from error
    return entry
