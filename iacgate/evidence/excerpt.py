"""One change out of a ledger: its entries as they are stored, and everything that they refer to.

    export.json                    says that this is an excerpt, and of what
    ledger/                        the same layout as the ledger's, with what belongs to the change
    entries/<stack>-<number>-<event>/   the same for people: names that can be read, one file for each thing

The ledger's own chain is in it too, so that whoever verifies it knows who gated by which settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec

from iacgate import canonical, strictjson
from iacgate.approval import envelope
from iacgate.approval.counting import Received
from iacgate.errors import EvidenceInvalid, SignatureInvalid
from iacgate.evidence.entry import Entry, Reference, Sha256, label_of
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import NoEntry, chain_of, read_chain, read_first
from iacgate.evidence.layout import GENESIS, entry_key, evidence_key
from iacgate.evidence.ledger import MAX_GENESIS, Ledger
from iacgate.evidence.recorded import DECISION, INPUTS, MAX_RECORDED, SETTINGS, read_inputs, read_settings_files
from iacgate.evidence.report import Shown
from iacgate.gate import Decision

MARKER: Final = "export.json"
LEDGER: Final = "ledger"
ENTRIES: Final = "entries"
FORMAT: Final = "iacgate.export/1"
MAX_MARKER: Final = 16 << 20
_NO_MARKER: Final = "Export again from the ledger; to verify a copy of a ledger, name its own folder."
_LONGEST: Final = 150
"""Characters of what became of an approval, in a file's name."""

_DEEPEST: Final = 400
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_ENDINGS: Final = {"application/json": ".json", "text/plain": ".txt", "application/zip": ".zip"}


class Export(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the marker says: the version that made it, which ledger by genesis and name, which change, which entries.

    ``entries`` are keys, in the order of stacks and numbers. Nobody signs it.
    """

    format: Literal["iacgate.export/1"]
    tool: str
    ledger: Sha256
    name: str
    change: str
    entries: tuple[str, ...]


class _Document(msgspec.Struct):
    decision: Decision


def described(ledger: Ledger, name: str, change: str, found: Sequence[Opened], tool: str) -> Export:
    """Return what an export is of; ``name`` is how people call the ledger, ``tool`` the version that makes it."""
    keys = tuple(entry_key(item.entry.stack, item.entry.sequence) for item in found)
    return Export(FORMAT, tool, ledger.genesis, name, change, keys)


def marker(said: Export) -> bytes:
    """Return what says that a folder is an excerpt."""
    return canonical.canonical_json(said) + b"\n"


def read_marker(data: bytes, where: str) -> Export:
    """Return what a marker says.

    Raises :class:`EvidenceInvalid`, naming ``where``, where it is none that this version writes so.
    """
    try:
        said = msgspec.json.decode(data, type=Export)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"{where}: no marker of an export.", hint=_NO_MARKER) from error
    if marker(said) != data:
        raise EvidenceInvalid(f"{where}: not as `iacgate evidence export` writes it.", hint=_NO_MARKER)
    return said


def as_stored(ledger: Ledger, found: Sequence[Opened]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the ledger that belong to some entries, under their keys.

    Raises :class:`EvidenceInvalid` where one of them is not there, or is not what it was.
    """
    genesis = ledger.store.read(GENESIS, MAX_GENESIS)
    if genesis is None:
        raise EvidenceInvalid(f"{ledger.store.name}: no ledger any more.", hint="Look at the store.")
    yield f"{LEDGER}/{GENESIS}", genesis
    wanted = {(item.entry.stack, item.entry.sequence) for item in found}
    digests: dict[str, int] = {}
    for stack in sorted({"", *(item.entry.stack for item in found)}):
        chain = [slot for slot in chain_of(ledger, stack) if not stack or (stack, slot.sequence) in wanted]
        for slot, opened in read_chain(ledger, stack, chain):
            if isinstance(opened, NoEntry):
                continue
            digests.update({item.digest: item.size for item in opened.entry.references.values()})
            data = read_first(ledger, slot)
            if data is None or canonical.digest(data) != opened.digest:
                raise EvidenceInvalid(f"{slot.key} changed while it was read.", hint="Run it again.")
            yield f"{LEDGER}/{slot.key}", data
    for digest, size in sorted(digests.items()):
        yield f"{LEDGER}/{evidence_key(digest)}", ledger.evidence(digest, min(size, MAX_RECORDED))


def folders(found: Sequence[Opened]) -> list[str]:
    """Return the folder for people of each entry; stacks whose names are alike get a number."""
    names: dict[str, str] = {}
    for stack in sorted({item.entry.stack for item in found}):
        names[stack] = _free(_plain(label_of(stack)), names.values())
    return [f"{ENTRIES}/{names[item.entry.stack]}-{item.entry.sequence:04d}-{item.entry.event}" for item in found]


def readable(ledger: Ledger, opened: Opened, folder: str) -> tuple[Shown, dict[str, bytes | Reference]]:
    """Return an entry for people, and its files by their paths: their bytes, or which object holds these.

    Only what is looked into is read. Raises :class:`EvidenceInvalid` where that is not there, or is not what it was.
    """
    entry = opened.entry
    pieces: dict[str, bytes] = {
        name: read_piece(ledger, entry.references[name])
        for name in (DECISION, INPUTS, SETTINGS)
        if name in entry.references
    }
    files: dict[str, bytes | Reference] = {"entry.json": _indented(msgspec.to_builtins(entry))}
    names = {"the entry": "entry.json"}
    for name, item in sorted(entry.references.items()):
        file = _free(f"{_plain(name)}{_ENDINGS.get(item.media_type, '.bin')}", files)
        files[file] = pieces.get(name, item)
        names[name] = file
    decision = decision_of(pieces.get(DECISION))
    for file, data in _inside(entry, pieces, decision):
        files[_free(file, files)] = data
    names |= {file: file for file in sorted(files) if "/" in file}
    where = {what: f"{folder}/{file}" for what, file in names.items()}
    return Shown(entry, opened.digest, folder, decision, where), {
        f"{folder}/{file}": data for file, data in files.items()
    }


def read_piece(ledger: Ledger, item: Reference) -> bytes:
    """Return what an entry refers to.

    Raises :class:`EvidenceInvalid` where it is not there, is not what it was, or is too large.
    """
    return ledger.evidence(item.digest, min(item.size, MAX_RECORDED))


def _inside(entry: Entry, pieces: Mapping[str, bytes], decision: Decision | None) -> Iterator[tuple[str, bytes]]:
    """Yield what recorded settings and inputs hold; of what this version cannot read, nothing."""
    with suppress(EvidenceInvalid):
        settings = read_settings_files(pieces.get(SETTINGS, b""), entry.settings.digest)
        yield from ((f"settings/{_path(path)}", text) for path, text in sorted(settings.items()))
    with suppress(EvidenceInvalid):
        yield from _approvals(pieces.get(INPUTS, b""), decision)


def decision_of(data: bytes | None) -> Decision | None:
    """Return a recorded decision; ``None`` where there is none that this version can read."""
    if data is None:
        return None
    try:
        strictjson.decode(data)  # a key that stands twice would show one thing and hide another
        return msgspec.json.decode(data, type=_Document).decision
    except (ValueError, RecursionError):
        return None


def _approvals(inputs: bytes, decision: Decision | None) -> Iterator[tuple[str, bytes]]:
    """Yield the envelopes that had arrived, and what was signed in each, named by what became of it."""
    verdicts = {item.digest: item for item in decision.approvals} if decision else {}
    received: Sequence[Received] = sorted(read_inputs(inputs).received, key=lambda item: (item.arrived, item.data))
    for number, item in enumerate(received, 1):
        verdict = verdicts.get(canonical.digest(item.data))
        said = (
            (verdict.principal or "unknown", verdict.decision or "unknown", verdict.code) if verdict else ("unknown",)
        )
        name = f"approvals/{number:02d}-{'-'.join(map(_plain, said))[:_LONGEST]}"
        yield f"{name}.envelope.json", item.data
        payload = _payload(item.data)
        if payload is not None:
            yield f"{name}.signed.json", payload


def _payload(data: bytes) -> bytes | None:
    try:
        return envelope.parse(data).payload
    except SignatureInvalid:
        return None


def _plain(text: str) -> str:
    """Return a text as a part of a file's name; nothing in it leads elsewhere."""
    return _ODD.sub("-", text).strip(".-")[:80] or "unnamed"


def _path(name: str) -> str:
    path = "/".join(_plain(part) if set(part) != {"."} else "unnamed" for part in name.split("/"))
    return path if len(path) <= _DEEPEST else _plain(path)


def _free(name: str, taken: Iterable[str]) -> str:
    """Return a name that no other file has, and no folder of one."""
    top = name.find("/") + 1
    others = [other.lower() for other in taken]  # some disks know only one of Log and log
    found, number = name, 2
    while any(_clash(found.lower(), other) for other in others):
        found, number = f"{name[:top]}{number}-{name[top:]}", number + 1
    return found


def _clash(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _indented(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"
