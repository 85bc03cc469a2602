"""The packs that ship with iacgate, compiled: reading them parses no YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iacgate.errors import PackInvalid
from iacgate.risk.packs import Pack, decode_packs

COMPILED: Final = Path(__file__).resolve().parents[1] / "risk" / "shipped.json"
"""``make rules`` writes it; a test holds it against its sources."""


def shipped_packs() -> list[Pack]:
    """Return the packs that ship.

    Raises :class:`PackInvalid` where the file is missing or damaged.
    """
    try:
        data = COMPILED.read_bytes()
    except OSError as error:
        raise PackInvalid("The compiled rules are missing.", hint="Install iacgate again, or run `make rules`.") from error
    return decode_packs(data)
