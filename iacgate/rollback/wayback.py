"""The way back of an apply, as the entry that begins it refers to it: what somebody needs who must undo it later."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from iacgate import strictjson
from iacgate.errors import EvidenceInvalid
from iacgate.vocabulary import Readiness

MAX_WAY_BACK: Final = 16 << 20
"""Bytes of one that is read."""


class WayBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an apply is undone, as far as was known before it.

    ``previous`` is the commit to which it goes back, empty where nobody knows. ``runbook`` is Markdown; ``overlay`` the
    blocks beside the previous configuration, empty where none is needed. Neither has a value that the plan hides.
    """

    previous: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40,64})?\Z")]
    readiness: Readiness
    runbook: str
    overlay: str


def read_way_back(data: bytes) -> WayBack:
    """Return a recorded way back.

    Raises :class:`EvidenceInvalid` where it is none that this version understands.
    """
    try:
        return msgspec.convert(strictjson.decode(data), WayBack)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid("The recorded way back cannot be read.", hint="Undo it by hand.") from error
