"""What an environment demands of tickets: how their names look, and which system knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from iacgate.vocabulary import TicketSystem

_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?:https://{_HOST}|http://127\.0\.0\.1)(?::[1-9][0-9]{{0,4}})?(?:/(?!\.)[A-Za-z0-9._~-]+)*/?", re.ASCII
)
"""Unencrypted only to this machine: to a relay that runs there."""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)

_BACK: Final = re.compile(r"\\[1-9]|\(\?\(", re.ASCII)
"""What refers to a group by its number."""

TicketPattern = Annotated[str, msgspec.Meta(max_length=200)]
Address = Annotated[str, msgspec.Meta(max_length=500)]
Repository = Annotated[str, msgspec.Meta(max_length=201)]


class TicketCheckText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which system must know the ticket that a record names.

    ``url`` is the address of Jira or ServiceNow, ``repository`` (OWNER/NAME) where the issues of GitHub are, whose
    address the environment names. With ``open``, a ticket that is done or closed does not do.
    """

    provider: TicketSystem
    url: Address = ""
    repository: Repository = ""
    open: bool = True

    @property
    def place(self) -> str:
        """Where the system keeps its tickets: an address, or a repository."""
        return self.repository if self.provider == "github" else self.url


class TicketProblem(msgspec.Struct, frozen=True):
    """Something that makes no sense: at which key, what, and what to do."""

    key: str
    text: str
    hint: str


def ticket_problems(check: TicketCheckText) -> Iterator[TicketProblem]:
    """Yield what makes no sense in what is said of the system that knows tickets."""
    needed, other = ("repository", "url") if check.provider == "github" else ("url", "repository")
    if getattr(check, other):
        text = f"`ticket_check` with the provider {check.provider} takes no `{other}`"
        yield TicketProblem(other, text, f"Name its `{needed}`, and leave `{other}` out.")
    if check.provider == "github" and not _REPOSITORY.fullmatch(check.repository):
        yield TicketProblem("repository", "`ticket_check` names no repository", "Write OWNER/NAME.")
    if check.provider != "github" and not is_address(check.url):
        text = "`ticket_check` names no address to which a token may be sent"
        yield TicketProblem("url", text, "Write https://HOST, with a path where the system has one; no user, no query.")


def is_address(url: str) -> bool:
    """Return whether a token may be sent to an address: encrypted, without a user, its host plainly there."""
    return _ADDRESS.fullmatch(url) is not None


def is_pattern(text: str) -> bool:
    """Return whether a text is a regular expression that can stand beside others, as :func:`every_pattern` has them.

    One with flags for all of it, with names for groups, or that refers to a group by number cannot.
    """
    try:
        re.compile(every_pattern({text, f"{text}|"}))
        return re.compile(text).groups == 0 or _BACK.search(text) is None
    except (re.error, RecursionError, OverflowError):
        return False


def every_pattern(patterns: set[str]) -> str:
    """Return a pattern that matches what every one of some patterns matches."""
    if len(patterns) > 1:
        return "".join(f"(?=(?:{pattern})\\Z)" for pattern in sorted(patterns)) + ".*"
    return next(iter(patterns), "")
