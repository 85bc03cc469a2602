"""Overrides: signed statements that a change may happen although its environment is closed.

Whose they are is verified before; that enough people say so is counted by the gate. None lasts longer than 72 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from iacgate import instants, strictjson
from iacgate.errors import StatementInvalid
from iacgate.people.attested import Attested

MAX_HOURS: Final = 72
_HINT: Final = f"An override has from and until, instants at most {MAX_HOURS} hours apart, and says why."


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an attestation of kind ``override``: it holds from an instant until before another.

    ``since`` is written ``from``.
    """

    since: str = msgspec.field(name="from")
    until: str
    why: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Overriding(msgspec.Struct, frozen=True):
    """Who signed an override that holds, the digest of the statement, and what it says."""

    principal: str
    digest: str
    why: str
    since: str
    until: str


def read_override(body: bytes) -> Override:
    """Return what an override says.

    Raises :class:`StatementInvalid` where anything in it is unknown or missing, or its times make no sense.
    """
    try:
        return _checked(msgspec.convert(strictjson.decode(body), Override))
    except (ValueError, RecursionError) as error:
        raise StatementInvalid("The override is not one that iacgate makes.", hint=_HINT) from error


def override_body(since: str, until: str, why: str) -> dict[str, Any]:
    """Return the body of an override to sign. Raises :class:`StatementInvalid` where it could not count."""
    body = {"from": since, "until": until, "why": why}
    try:
        _checked(msgspec.convert(body, Override))
    except ValueError as error:
        raise StatementInvalid("This override could not count.", hint=_HINT) from error
    return body


def overridden(attested: Sequence[Attested], change: str, now: str) -> tuple[Overriding, ...]:
    """Return who says, of this change and for this instant, that it may happen although it is closed.

    Each principal stands there once, with the statement that arrived first; machines never do. What is about
    another change, does not hold now, or says anything else does not count.
    """
    found: dict[str, Overriding] = {}
    for item in sorted(attested, key=lambda item: (item.arrived, item.digest)):
        if item.kind != "override" or item.about != change or not item.human or item.lapsed:
            continue
        try:
            said = read_override(item.body)
        except StatementInvalid:
            continue
        if said.since <= now < said.until:
            held = Overriding(item.principal, item.digest, said.why, said.since, said.until)
            found.setdefault(item.principal, held)
    return tuple(sorted(found.values(), key=lambda held: held.principal))


def _checked(said: Override) -> Override:
    """Return it; raises ``ValueError`` where its times make no sense or it says nothing."""
    seconds = instants.seconds(said.until) - instants.seconds(said.since)
    if not (instants.is_instant(said.since) and instants.is_instant(said.until) and said.why.strip()):
        raise ValueError("no instants, or no reason")
    if not 0 < seconds <= MAX_HOURS * 3600:
        raise ValueError("too long, or it ends before it begins")
    return said
