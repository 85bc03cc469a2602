"""Suppressions: findings that a team has looked at and accepts, each with a reason, an owner and an end.

A suppression takes away a finding's weight and nothing else: the finding stays in every
output, with the reason. One that has ended, that names no rule that exists, or that
matched nothing is shown as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from iacgate import instants, strictyaml
from iacgate.errors import SettingsInvalid
from iacgate.risk.assessment import SuppressionState, SuppressionUse
from iacgate.risk.rego import PREFIX

HINT: Final = "See docs/settings.md for the form of suppressions.yaml."
PLAN: Final = "plan"
"""The address of findings that belong to the plan as a whole."""

MIN_LITERAL: Final = 4
"""Characters between two stars: fewer name nothing."""

MAX_YEARS: Final = 2
"""A suppression that goes on for longer has no end that anybody will see."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted finding.

    ``address`` is that of a resource, where ``*`` stands for any text, or ``plan``; ``until`` is
    the last day (UTC, as 2027-01-31) on which it has an effect.
    """

    rule: Text
    address: Text
    reason: Text
    owner: Text
    until: Text


class Suppressions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``suppressions.yaml`` holds."""

    suppressions: list[Suppression]


def read_suppressions(data: bytes, file: str) -> list[Suppression]:
    """Return the suppressions.

    Raises :class:`SettingsInvalid`, naming file and line, where one lacks anything or its date is none.
    """
    found = strictyaml.convert(data, Suppressions, file, SettingsInvalid, HINT).suppressions
    for item in found:
        if not instants.is_date(item.until):
            raise SettingsInvalid(f"{file}: {item.until!r} is not a date such as 2027-01-31.", hint=HINT)
        blank = [name for name in ("reason", "owner") if not getattr(item, name).strip()]
        if blank:
            raise SettingsInvalid(f"{file}: the suppression of {item.rule} has no {blank[0]}.", hint=HINT)
        if "*" in item.address and max(map(len, item.address.split("*"))) < MIN_LITERAL:
            raise SettingsInvalid(
                f"{file}: the suppression of {item.rule} is for every address.",
                hint="Name the resources whose finding was looked at, for example module.edge.*",
            )
    return found


class Register:
    """The suppressions of one run: which of them holds for a finding, and what became of each."""

    def __init__(self, suppressions: Iterable[Suppression], rules: frozenset[str], today: str) -> None:
        self._all = list(suppressions)
        self._used = [0] * len(self._all)
        self._states: list[SuppressionState] = [_state(item, rules, today) for item in self._all]
        self._by_rule: dict[str, list[int]] = {}
        for index, item in enumerate(self._all):
            if self._states[index] == "unused":
                self._by_rule.setdefault(item.rule, []).append(index)

    def find(self, rule: str, *addresses: str) -> Suppression | None:
        """Return the first suppression that holds for a finding at all of its addresses, and count it."""
        for index in self._by_rule.get(rule, ()):
            item = self._all[index]
            if all(takes_in(item.address, address or PLAN) for address in addresses):
                self._used[index] += 1
                return item
        return None

    def judged(self) -> tuple[SuppressionUse, ...]:
        """Return all suppressions in the order of their file, with what became of each."""
        return tuple(
            SuppressionUse(
                rule=item.rule,
                address=item.address,
                reason=item.reason,
                owner=item.owner,
                until=item.until,
                state="applied" if used else state,
                findings=used,
            )
            for item, used, state in zip(self._all, self._used, self._states, strict=True)
        )


def _state(item: Suppression, rules: frozenset[str], today: str) -> SuppressionState:
    if item.rule not in rules and not item.rule.startswith(PREFIX):
        return "no such rule"
    if item.until < today:
        return "expired"
    return "too long" if int(item.until[:4]) > int(today[:4]) + MAX_YEARS else "unused"


def takes_in(pattern: str, address: str) -> bool:
    """Return whether an address is the pattern, each ``*`` of which stands for any text."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == address
    *middle, last = others
    if not address.startswith(first):
        return False
    place = len(first)
    for part in middle:
        found = address.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(address) - place >= len(last) and address.endswith(last)
