"""What somebody attests of a rehearsal: how undoing exactly one plan went when the real program planned it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from iacgate import strictjson
from iacgate.errors import StatementInvalid

MAX_NAMED: Final = 50
"""Addresses at which values were made up, as far as an attestation names them."""

Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class Rehearsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rehearsal found.

    ``fingerprint`` is of the plan whose way back was rehearsed, under the seal of its stack; ``previous`` is the commit
    to which it went back. ``approximate`` are addresses at which values were made up, or that could not be rehearsed.
    """

    fingerprint: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    previous: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40,64}\Z")]
    outcome: Literal["matches", "differs", "failed"]
    approximate: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MAX_NAMED)] = ()
    why: Text = ""


def read_rehearsed(body: bytes) -> Rehearsed:
    """Return what is attested.

    Raises :class:`StatementInvalid` where it is not of the form.
    """
    try:
        return msgspec.convert(strictjson.decode(body), Rehearsed)
    except (ValueError, RecursionError) as error:
        raise StatementInvalid(
            "What is attested of a rehearsal cannot be read.", hint="Rehearse and attest it with this version."
        ) from error
