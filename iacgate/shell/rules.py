"""Rules as people write them: folders of YAML files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from iacgate.errors import PackInvalid
from iacgate.risk.packs import Pack, make_pack
from iacgate.risk.sources import RuleSource, read_head, read_rule
from iacgate.shell.files import read_regular

MAX_FILE: Final = 1 << 18
"""Bytes of one rule file; a rule that is longer is not one rule."""

PACK_FILE: Final = "pack.yaml"
_PACKAGE: Final = Path(__file__).resolve().parents[1]


def sources_folder() -> Path:
    """Return the folder of the rules that ship: in the package, or beside it in a checkout."""
    inside = _PACKAGE / "rules"
    return inside if inside.is_dir() else _PACKAGE.parent / "rules"


def read_pack(folder: Path) -> tuple[Pack, list[RuleSource]]:
    """Return the pack in a folder, with its sources.

    Raises :class:`PackInvalid` where it is empty or any of its rules is not valid.
    """
    head = folder / PACK_FILE
    if not os.path.lexists(head):
        raise PackInvalid(f"{folder}: there is no {PACK_FILE}.", hint="It holds the pack's `name` and `version`.")
    about = read_head(_read(head), str(head))
    files = sorted(path for path in folder.glob("*.yaml") if path.name != PACK_FILE)
    if not files:
        raise PackInvalid(f"{folder}: the pack has no rules.", hint="An empty pack never passes; add a rule.")
    sources = [read_rule(_read(path), f"{folder.name}/{path.name}") for path in files]
    return make_pack(about.name, about.version, (source.text for source in sources)), sources


def read_packs(folder: Path) -> list[tuple[Pack, list[RuleSource]]]:
    """Return all packs below a folder, by name.

    Raises :class:`PackInvalid` where there is none.
    """
    found = [read_pack(path) for path in sorted(folder.iterdir()) if (path / PACK_FILE).is_file()]
    if not found:
        raise PackInvalid(f"{folder}: there are no rule packs.", hint="A pack is a folder with a pack.yaml.")
    return found


def _read(path: Path) -> bytes:
    data = read_regular(path, MAX_FILE, PackInvalid)
    if data is None:
        raise PackInvalid(f"{path}: there is no such file.", hint="Put it there.")
    return data
