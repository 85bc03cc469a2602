"""The packs that ship with iacgate, compiled: reading them parses no YAML."""

from __future__ import annotations

import os.path
from typing import Final

from iacgate.errors import PackInvalid
from iacgate.risk.packs import Pack, decode_packs

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILED: Final = os.path.join(_PACKAGE, "risk", "shipped.json")
"""``make rules`` writes it; a test holds it against its sources."""


def shipped_packs() -> list[Pack]:
    """Return the packs that ship.

    Raises :class:`PackInvalid` where the file is missing or damaged.
    """
    try:
        with open(COMPILED, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise PackInvalid(
            "The compiled rules are missing.", hint="Install iacgate again, or run `make rules`."
        ) from error
    return decode_packs(data)
