"""What is known of undoing, as it ships and as people write it."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Final

from iacgate.errors import PackInvalid
from iacgate.rollback.knowledge import Collection, Knowledge, decode_knowledge, make_collection

if TYPE_CHECKING:
    from pathlib import Path

    from iacgate.rollback.sources import EntrySource

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILED: Final = os.path.join(_PACKAGE, "rollback", "shipped.json")
"""``make rules`` writes it; a test holds it against its sources."""

ROLLBACK: Final = "rollback"
"""The folder beside the rules in which each provider has one of its own."""

MAX_FILE: Final = 1 << 18


def shipped_knowledge() -> Knowledge:
    """Return what ships.

    Raises :class:`PackInvalid` where the file is missing or damaged.
    """
    try:
        with open(COMPILED, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise PackInvalid(
            "What is known of rolling back is missing.", hint="Install iacgate again, or run `make rules`."
        ) from error
    return decode_knowledge(data)


def read_collection(folder: Path) -> tuple[Collection, list[EntrySource]]:
    """Return what a folder holds, with its sources.

    Raises :class:`PackInvalid` where it is empty or any of its entries is not valid.
    """
    from iacgate.risk.sources import read_head  # noqa: PLC0415 - YAML only where somebody wrote some
    from iacgate.rollback.sources import read_entry  # noqa: PLC0415 - YAML only where somebody wrote some

    head = read_head(_read(folder / "pack.yaml"), str(folder / "pack.yaml"))
    files = sorted(path for path in folder.glob("*.yaml") if path.name != "pack.yaml")
    if not files:
        raise PackInvalid(f"{folder}: it has no entries.", hint="Add one.")
    sources = [read_entry(_read(path), f"{folder.name}/{path.name}") for path in files]
    return make_collection(head.name, head.version, (source.text for source in sources)), sources


def read_collections(folder: Path) -> list[tuple[Collection, list[EntrySource]]]:
    """Return what all folders below one hold, by name.

    Raises :class:`PackInvalid` where there is none.
    """
    found = [read_collection(path) for path in sorted(folder.iterdir()) if (path / "pack.yaml").is_file()]
    if not found:
        raise PackInvalid(f"{folder}: nothing is known there.", hint="It holds folders with a pack.yaml each.")
    return found


def _read(path: Path) -> bytes:
    from iacgate.shell.files import read_regular  # noqa: PLC0415 - judging reads the compiled file only

    data = read_regular(path, MAX_FILE, PackInvalid)
    if data is None:
        raise PackInvalid(f"{path}: there is no such file.", hint="Put it there.")
    return data
