"""What the policy says of emergencies: who signs them, who reviews them, how often, and who hears of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec

from iacgate.policy.demands import Role, Seats
from iacgate.vocabulary import Severity

DEFAULT_SEATS: Final = {"on-call": 1}
DEFAULT_REVIEW: Final = {"infra": 1, "security": 1}

PLACE: Final = "{secret}"
"""What stands in a webhook's path for the part of it that is in no file."""

MAX_ARGUMENTS: Final = 30

_IN_PATH: Final = r"(?:(?![\\#{}])[!-~])*"
_WEBHOOK: Final = re.compile(
    r"(?:https://[A-Za-z0-9.-]{1,253}|http://(?:127\.0\.0\.1|localhost))(?::[0-9]{1,5})?/"
    rf"{_IN_PATH}(?:{re.escape(PLACE)}{_IN_PATH})?",
    re.ASCII,
)
"""Unencrypted only to this machine: to a relay that runs there."""

Days = Annotated[int, msgspec.Meta(ge=1, le=365)]
Uses = Annotated[int, msgspec.Meta(ge=1, le=100)]
Argument = Annotated[str, msgspec.Meta(max_length=1000)]


class SoloText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one person may do alone where nobody else can be reached.

    ``role`` is what that person holds, ``severity`` the worst that may be applied so, ``resources`` how many changes
    the plan may have at most. It may happen ``uses`` times in ``days`` days.
    """

    role: Role = "on-call"
    severity: Severity = Severity.HIGH
    resources: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    uses: Uses = 1
    days: Days = 30


class RateText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From how many emergencies on, in so many days, the gate warns."""

    uses: Uses = 3
    days: Days = 30


class AnnounceText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an emergency is made known.

    ``webhook`` is an address that takes ``{"text": ...}``; ``{secret}`` in it stands for what the environment has.
    ``command`` is a program with its arguments, which gets the text on standard input.
    """

    webhook: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    command: Annotated[list[Argument], msgspec.Meta(max_length=MAX_ARGUMENTS)] = []


class EmergencyText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``policy.yaml`` says of emergencies.

    ``seats`` is who signs one beside its invoker, ``valid_hours`` for how long that holds. A review is due within
    ``review_hours``, signed by ``review_seats``; while one is overdue, ``overdue_seat`` is one more seat of every
    further emergency. Without ``solo``, nobody acts alone.
    """

    seats: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(DEFAULT_SEATS))
    valid_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 4
    review_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 48
    review_seats: dict[Role, Seats] = msgspec.field(default_factory=lambda: dict(DEFAULT_REVIEW))
    overdue_seat: Role = "security"
    solo: SoloText | None = None
    rate: RateText = RateText()
    announce: AnnounceText = AnnounceText()


class Wrong(msgspec.Struct, frozen=True):
    """Something that makes no sense: where below ``emergency``, what, and what to do."""

    path: tuple[str, ...]
    text: str
    hint: str


def wrongs(text: EmergencyText) -> Iterator[Wrong]:
    """Yield what makes no sense in what the policy says of emergencies, beyond what its types refuse."""
    for name in ("seats", "review_seats"):
        if not getattr(text, name):
            yield Wrong((name,), f"`{name}` asks for nobody", "Name at least one seat, or leave it out.")
    if text.review_seats and text.overdue_seat not in text.review_seats:
        yield Wrong(
            ("overdue_seat",),
            f"an overdue review asks for the seat {text.overdue_seat}, which `review_seats` does not have",
            f"Name one of them with `overdue_seat`: {', '.join(text.review_seats)}.",
        )
    if text.solo and text.solo.severity is Severity.NONE:
        yield Wrong(("solo", "severity"), "solo with severity none could apply nothing", "Leave `solo` out.")
    if text.solo and not text.announce.webhook and not text.announce.command:
        yield Wrong(
            ("solo",), "whoever acts alone is announced, and `announce` names no way", "Name a webhook or a command."
        )
    yield from _wrong_announcement(text.announce)


def _wrong_announcement(announce: AnnounceText) -> Iterator[Wrong]:
    if announce.webhook and not is_webhook(announce.webhook):
        yield Wrong(
            ("announce", "webhook"),
            "the webhook is no address to which an announcement may be sent",
            f"Write https://HOST/PATH, with {PLACE} once for what is secret in the path.",
        )
    if announce.command and not _is_command(announce.command):
        yield Wrong(
            ("announce", "command"),
            "the command is none that can be started",
            "Begin with a program's name or its whole path: one beside the change would be the change's.",
        )


def is_webhook(address: str) -> bool:
    """Return whether an announcement may be sent to an address: encrypted, without a user, its host plainly there."""
    return _WEBHOOK.fullmatch(address) is not None


def _is_command(command: Sequence[str]) -> bool:
    program = command[0]
    plain = bool(program) and not program.startswith(("-", ".")) and "\0" not in "".join(command)
    return plain and ("/" not in program or program.startswith("/"))


def strictest(texts: Sequence[EmergencyText]) -> EmergencyText:
    """Return what asks at least for what each of several asks for, where nobody says which environment it is.

    Where they differ, nobody acts alone.
    """
    first = texts[0]
    if all(text == first for text in texts):
        return first
    return EmergencyText(
        seats=_most([text.seats for text in texts]),
        valid_hours=min(text.valid_hours for text in texts),
        review_hours=min(text.review_hours for text in texts),
        review_seats=_most([text.review_seats for text in texts]),
        overdue_seat=min(text.overdue_seat for text in texts),
        rate=RateText(min(text.rate.uses for text in texts), max(text.rate.days for text in texts)),
        announce=first.announce if all(text.announce == first.announce for text in texts) else AnnounceText(),
    )


def _most(seats: Sequence[dict[Role, Seats]]) -> dict[Role, Seats]:
    return {role: max(item.get(role, 0) for item in seats) for one in seats for role in one}
