"""A plan as the planner hands it over: a folder with the plan file, its JSON, and what is said about it.

Whoever reads it recomputes everything that can be computed. What is said (the tree, who wrote the
change) is shown to the approver and signed; the gate looks for itself, so that a lie makes approvals
that do not count.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from iacgate import canonical, strictjson
from iacgate.errors import UsageInvalid
from iacgate.vocabulary import ChangeType, Severity

PLAN_FILE: Final = "tfplan"
PLAN_JSON: Final = "plan.json"
SAID: Final = "change.json"
RECORD: Final = "record.yaml"
"""The record of the change, where it has one."""

FORMAT: Final = "iacgate.change/1"
MAX_SAID: Final = 256 << 10
MAX_PLANS: Final = 1_000
MAX_UNZIPPED: Final = 1 << 30
"""Bytes of all files together."""

_MEMBER: Final = re.compile(
    rf"[0-9]{{1,3}}/({re.escape(PLAN_FILE)}|{re.escape(PLAN_JSON)}|{re.escape(SAID)}|{re.escape(RECORD)})"
)
_HINT: Final = "Make it with `iacgate submit`."

_CHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Text = Annotated[str, msgspec.Meta(max_length=512)]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the planner says.

    ``sources`` is the digest of the folders that the plan was made from; ``place`` is the stack's folder
    from the root of its repository, empty for the root itself, null outside of one; ``ledger`` is the
    digest of the ledger's genesis, ``seal`` the stack's in the inbox (:mod:`iacgate.sealing`); both are empty for none.
    The type of change is a proposal; the severity may be
    higher than what an approver finds, who does not have the sources of the base.
    """

    format: str
    change_type: ChangeType
    severity: Severity
    change: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
    tree: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?\Z")]
    sources: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    place: Text | None
    authors: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10_000)]
    ledger: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    seal: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""


def is_change(name: str) -> bool:
    """Return whether a name can be that of a change."""
    return _CHANGE.fullmatch(name) is not None


def is_submission(folder: Path) -> bool:
    """Return whether a folder is one plan as it was handed over."""
    return (folder / SAID).is_file()


def submissions(folder: Path) -> list[Path]:
    """Return the plans in a folder: itself, or those below it, the newest first, of one instant by name.

    Raises :class:`UsageInvalid` where there is none, or more than anybody can have planned.
    """
    below = [path for path in folder.iterdir() if is_submission(path)]
    found = sorted(below, key=lambda path: (-arrived(path), path.name))
    if is_submission(folder):
        found = [folder]
    if not found or len(found) > MAX_PLANS:
        raise UsageInvalid(f"{folder}: no plan as it is handed over, or too many.", hint=_HINT)
    return found


def arrived(folder: Path) -> int:
    """Return when a plan was handed over, in nanoseconds since 1970; a bucket tells whole seconds."""
    return (folder / SAID).stat().st_mtime_ns


def read_said(folder: Path) -> Said:
    """Return what the planner says of a plan.

    Raises :class:`UsageInvalid` where it is not of the form.
    """
    path = folder / SAID
    if (folder / RECORD).is_symlink():
        raise UsageInvalid(f"{folder / RECORD}: no file.", hint=_HINT)
    for name in (PLAN_FILE, PLAN_JSON, SAID):
        if (folder / name).is_symlink() or not (folder / name).is_file():
            raise UsageInvalid(f"{folder / name}: no file.", hint=_HINT)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SAID + 1)
        if len(data) > MAX_SAID:
            raise ValueError("too large")
        said = msgspec.convert(strictjson.decode(data), Said)
        if said.format != FORMAT:
            raise ValueError("of another version")
    except (OSError, ValueError, RecursionError) as error:
        raise UsageInvalid(f"{path}: not readable as what is said of a plan.", hint=_HINT) from error
    return said


def zipped(plans: Sequence[Mapping[str, bytes]]) -> bytes:
    """Return plans as one file: what :func:`contents` has of each, in a folder of its own."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, plan in enumerate(plans):
            for name, data in plan.items():
                archive.writestr(f"{number}/{name}", data)
    return stream.getvalue()


def is_zipped(data: bytes) -> bool:
    """Return whether a file is what :func:`zipped` makes, and not a saved plan, which is a zip as well."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith(f"/{SAID}") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return False


def unzip(data: bytes, folder: Path, name: str) -> None:
    """Lay out a zip of plans in an empty folder.

    Raises :class:`UsageInvalid`, naming it, where it holds anything else, or too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if not all(map(_MEMBER.fullmatch, names)) or len(set(names)) != len(names):
                raise ValueError("other members")
            if len(names) > 4 * MAX_PLANS or sum(info.file_size for info in infos) > MAX_UNZIPPED:
                raise ValueError("too much")
            for info in infos:
                target = folder / info.filename
                target.parent.mkdir(exist_ok=True)
                with archive.open(info) as packed, target.open("wb") as stream:
                    shutil.copyfileobj(packed, stream)
                os.utime(target, (0, 0))  # all were handed over at once: when each is unpacked says nothing
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, EOFError) as error:
        raise UsageInvalid(f"{name}: not a file of plans as they are handed over.", hint=_HINT) from error


def contents(said: Said, plan_file: bytes, plan_json: bytes, record: bytes) -> dict[str, bytes]:
    """Return the files of one plan as it is handed over, by name; the record is empty where there is none."""
    found = {PLAN_FILE: plan_file, PLAN_JSON: plan_json, SAID: canonical.canonical_json(said)}
    return {**found, RECORD: record} if record else found
