"""What somebody said about a change and signed, after it was verified who that is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

About: TypeAlias = Literal["tests", "override", "review", "pattern", "transition", "rehearsal"]
"""What an attestation says: that tests ran; that a closed window does not hold; what became of an emergency; that a
pattern is approved; that a change is withdrawn, closed or rolled back; how the way back of a plan was rehearsed."""


class Attested(msgspec.Struct, frozen=True):
    """One verified attestation.

    ``about`` is the change, or the pattern, that it names; ``body`` is what is said, as canonical JSON, which is for
    its reader to understand. ``arrived`` is when the store saw it; ``digest`` names the statement that was signed.
    ``lapsed`` says why it allows nothing any more, because it or its key has expired; empty where neither has. Who
    said no has not agreed because of that: a reader who denies by it goes on.
    """

    kind: About
    about: str
    body: bytes
    reason: str
    principal: str
    human: bool
    roles: frozenset[str]
    arrived: str
    expires: str
    digest: str
    lapsed: str = ""
