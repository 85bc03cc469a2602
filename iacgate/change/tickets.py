"""What a ticket system says of a ticket: a value, recorded with the decision that rests on it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from iacgate.vocabulary import TicketSystem

Answer = Literal["found", "not-found", "unreachable"]
"""``not-found``: the system says so, or the name is none of its tickets. ``unreachable``: nobody knows."""

Words = Annotated[str, msgspec.Meta(max_length=1_000)]


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ticket, as one system answers about it.

    ``place`` is where that was asked: an address, or a repository of GitHub. ``state`` is the ticket's state in words
    of ours, ``open`` whether there is something left to do in it, ``must_be_open`` whether the policy demands that.
    ``why`` says more where it was not found. What people wrote into it is left where it is.
    """

    name: Annotated[str, msgspec.Meta(max_length=200)]
    provider: TicketSystem
    place: Words
    must_be_open: bool
    answer: Answer
    state: Words = ""
    open: bool = False
    why: Words = ""

    @property
    def problem(self) -> str:
        """Why it does not do: ``unknown``, ``closed`` or ``unreachable``; empty where it does."""
        if self.answer == "found":
            return "closed" if self.must_be_open and not self.open else ""
        return "unknown" if self.answer == "not-found" else "unreachable"
