"""A plan as the planner hands it over: a folder with the plan file, its JSON, and what is said about it.

Whoever reads it recomputes everything that can be computed. What is said (the tree, who wrote the
change) is shown to the approver and signed; the gate looks for itself, so that a lie makes approvals
that do not count.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from iacgate import canonical, strictjson
from iacgate.errors import UsageInvalid

PLAN_FILE: Final = "tfplan"
PLAN_JSON: Final = "plan.json"
SAID: Final = "change.json"
FORMAT: Final = "iacgate.change/1"
MAX_SAID: Final = 256 << 10
MAX_PLANS: Final = 1_000
_HINT: Final = "Make it with `iacgate submit`."

Text = Annotated[str, msgspec.Meta(max_length=512)]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the planner says.

    ``place`` is the stack's folder from the root of its repository, empty for the root itself, null
    outside of one; ``ledger`` is the digest of the ledger's genesis, empty for none.
    """

    format: str
    change: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
    tree: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?\Z")]
    place: Text | None
    authors: Annotated[tuple[Text, ...], msgspec.Meta(max_length=10_000)]
    ledger: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]


def is_submission(folder: Path) -> bool:
    """Return whether a folder is one plan as it was handed over."""
    return (folder / SAID).is_file()


def submissions(folder: Path) -> list[Path]:
    """Return the plans in a folder: itself, or those below it, in the order of their names.

    Raises :class:`UsageInvalid` where there is none, or more than anybody can have planned.
    """
    found = [folder] if is_submission(folder) else sorted(path for path in folder.iterdir() if is_submission(path))
    if not found or len(found) > MAX_PLANS:
        raise UsageInvalid(f"{folder}: no plan as it is handed over, or too many.", hint=_HINT)
    return found


def read_said(folder: Path) -> Said:
    """Return what the planner says of a plan.

    Raises :class:`UsageInvalid` where it is not of the form.
    """
    path = folder / SAID
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


def put(inbox: Path, said: Said, plan_file: bytes, plan_json: bytes) -> Path:
    """Store a plan for those who approve and gate it, whole or not at all; return its folder."""
    name = canonical.digest(plan_file)[:20]
    target = inbox / "plans" / said.change / name
    if is_submission(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix="."))
    contents: dict[str, Any] = {PLAN_FILE: plan_file, PLAN_JSON: plan_json, SAID: canonical.canonical_json(said)}
    for file, data in contents.items():
        with (scratch / file).open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    scratch.chmod(0o755)
    scratch.rename(target)
    return target
