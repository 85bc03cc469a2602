"""What changes between two versions of the settings, in words: who gains a seat, which demand falls.

Whoever signs a version reads this first. A line that begins with ``!`` loosens something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from iacgate.people.identities import ROOT_FILE
from iacgate.people.roster import Principal, read_roster
from iacgate.policy.demands import Demand
from iacgate.policy.environments import ALWAYS, Environment, Policy, read_policy
from iacgate.policy.stacks import Stack, read_stacks
from iacgate.risk.suppressions import Suppression, read_suppressions
from iacgate.vocabulary import CHANGE_TYPES, READINESS_DEMANDS, RECORD_PARTS, ChangeType, Severity

_NAMED = ("people.yaml", "policy.yaml", "stacks.yaml", "suppressions.yaml")


def in_words(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the differences of two versions of the settings, given as files by name.

    Raises :class:`iacgate.errors.SettingsInvalid` where one of them is not valid.
    """
    yield from _people(_principals(before), _principals(after))
    yield from _policy(_policy_of(before), _policy_of(after))
    yield from _stacks(_stacks_of(before), _stacks_of(after))
    yield from _suppressions(_suppressions_of(before), _suppressions_of(after))
    for name in sorted({*before, *after}):
        if name not in _NAMED and not name.startswith("trust/") and before.get(name) != after.get(name):
            word = "is new" if name not in before else "is gone" if name not in after else "changes"
            yield f"{_mark(name in before or name == ROOT_FILE)} {name} {word}"


def _mark(looser: bool) -> str:  # noqa: FBT001 - it is what it marks
    return "!" if looser else " "


def _principals(files: Mapping[str, bytes]) -> dict[str, Principal]:
    data = files.get("people.yaml")
    return read_roster(data, "people.yaml").principals if data is not None else {}


def _policy_of(files: Mapping[str, bytes]) -> Policy:
    data = files.get("policy.yaml")
    return read_policy(data, "policy.yaml") if data is not None else Policy()


def _stacks_of(files: Mapping[str, bytes]) -> dict[str, Stack]:
    data = files.get("stacks.yaml")
    return {stack.name: stack for stack in read_stacks(data, "stacks.yaml").stacks} if data is not None else {}


def _suppressions_of(files: Mapping[str, bytes]) -> set[Suppression]:
    data = files.get("suppressions.yaml")
    return set(read_suppressions(data, "suppressions.yaml")) if data is not None else set()


def _people(before: Mapping[str, Principal], after: Mapping[str, Principal]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name, Principal(name)), after.get(name, Principal(name))
        if name not in before:
            yield f"! {name} is new"
        if name not in after:
            yield f"  {name} is gone"
        yield from (f"! {name} gains the role {role}" for role in sorted(set(new.roles) - set(old.roles)))
        yield from (f"  {name} loses the role {role}" for role in sorted(set(old.roles) - set(new.roles)))
        old_keys = {key.signer.name: key for key in old.keys}
        new_keys = {key.signer.name: key for key in new.keys}
        yield from (f"! {name} gains the key {key}" for key in sorted(new_keys.keys() - old_keys.keys()))
        yield from (f"  {name} loses the key {key}" for key in sorted(old_keys.keys() - new_keys.keys()))
        for key in sorted(old_keys.keys() & new_keys.keys()):
            if old_keys[key].kms != new_keys[key].kms:
                yield f"! {name}: the ARN of the key {key} changes to {new_keys[key].kms}"
            if old_keys[key].times != new_keys[key].times:
                yield f"! {name}: the time of the key {key} changes"
        yield from _machine(name, old, new)
        for what in ("kind", "emails", "forge", "cloud"):
            if name in before and name in after and getattr(old, what) != getattr(new, what):
                was, now = getattr(old, what) or "nothing", getattr(new, what) or "nothing"
                yield f"! {name}: {what} changes from {was} to {now}"


def _machine(name: str, old: Principal, new: Principal) -> Iterator[str]:
    if old.platform != new.platform:
        word = (
            "becomes a platform: what it commits for others counts as theirs"
            if new.platform
            else "is no platform any more"
        )
        yield f"{_mark(new.platform)} {name} {word}"
    if old.rewrites != new.rewrites:
        word = (
            "must leave a human's name in its commits"
            if new.rewrites
            else "need leave nobody's name in its commits any more"
        )
        yield f"{_mark(old.rewrites)} {name} {word}"


def _policy(before: Policy, after: Policy) -> Iterator[str]:
    if before.mode != after.mode:
        yield f"{_mark(after.mode == 'observe')} the mode changes from {before.mode} to {after.mode}"
    yield from _seats("a change of settings", before.trust, after.trust)
    yield from _seats("a pattern of standard changes", before.board, after.board)
    yield from _ledger(before.ledger, after.ledger)
    if before.rego != after.rego:
        yield "! how Rego is evaluated changes"
    for name in sorted({*before.environments, *after.environments}):
        old = before.environments.get(name, Environment(tier="prod"))
        new = after.environments.get(name, Environment(tier="prod"))
        if name not in before.environments:
            yield f"  the environment {name} is new ({new.tier})"
        if name not in after.environments:
            yield f"! the environment {name} is gone"
        yield from _environment(name, old, new)


def _environment(name: str, old: Environment, new: Environment) -> Iterator[str]:
    if old.tier != new.tier:
        yield f"{_mark(new.tier == 'other')} {name}: the tier changes from {old.tier} to {new.tier}"
    if old.shift != new.shift:
        yield f"{_mark(new.shift < old.shift)} {name}: findings weigh {new.shift:+d} instead of {old.shift:+d}"
    yield from (f"! {name}: {rule} no longer keeps its weight" for rule in sorted(set(old.keep) - set(new.keep)))
    yield from _denied(name, old.deny, new.deny)
    for change_type in CHANGE_TYPES:
        yield from _demands(name, old, new, change_type)
    yield from _named(name, old.deployers, new.deployers, "deploy")
    yield from _named(name, old.rehearsers, new.rehearsers, "attest a rehearsal")
    yield from _packs(name, old.packs, new.packs)
    if old.json_only != new.json_only:
        word = "may" if new.json_only else "may no longer"
        yield f"{_mark(new.json_only)} {name}: a plan of which only the JSON is there {word} be gated"
    if old.rollback_type != new.rollback_type:
        looser = new.rollback_type == "emergency"
        yield f"{_mark(looser)} {name}: a change that takes another one back is of the type {new.rollback_type}"
    for what in ("schedule", "tests", "promotion", "emergency", "ticket_check"):
        was, now = getattr(old, what), getattr(new, what)
        if was != now:
            words = [_compact(item) for item in (was, now)]
            yield f"{_mark(was is not None)} {name}: {what} changes from {words[0]} to {words[1]}"
    if old.ticket != new.ticket:
        yield f"{_mark(bool(old.ticket))} {name}: a ticket looks like {new.ticket or 'anything'}"


def _compact(value: msgspec.Struct | None) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()


def _denied(name: str, old: Severity | None, new: Severity | None) -> Iterator[str]:
    if old is not new:
        looser = new is None or (old is not None and new.rank > old.rank)
        was, now = old or "nothing", new or "nothing"
        yield f"{_mark(looser)} {name}: denied whoever signs is {now} instead of {was}"


def _demands(name: str, old: Environment, new: Environment, change_type: ChangeType) -> Iterator[str]:
    """Yield what changes for a type; one that neither version names demands what normal changes do."""
    if change_type == "normal":
        where = name
    elif change_type in old.change_types or change_type in new.change_types:
        where = f"{name}, {change_type}"
    else:
        return
    for severity in Severity:
        yield from _demand(f"{where}, {severity}", old.demand(severity, change_type), new.demand(severity, change_type))


def _demand(where: str, asked: Demand, asks: Demand) -> Iterator[str]:
    yield from _seats(where, asked.seats, asks.seats)
    if asks.valid_hours != asked.valid_hours and asks.seats:
        looser = asks.valid_hours > asked.valid_hours
        yield f"{_mark(looser)} {where}: approvals hold {asks.valid_hours} hours instead of {asked.valid_hours}"
    if asks.binding != asked.binding:
        yield f"{_mark(asks.binding == 'fingerprint')} {where}: approvals are bound to the {asks.binding}"
    if asks.signed_commits != asked.signed_commits:
        word = "every commit must be signed" if asks.signed_commits else "commits need no signature"
        yield f"{_mark(asked.signed_commits)} {where}: {word}"
    if asks.readiness != asked.readiness:
        looser = READINESS_DEMANDS.index(asks.readiness) < READINESS_DEMANDS.index(asked.readiness)
        was, now = asked.readiness or "nothing", asks.readiness or "nothing"
        yield f"{_mark(looser)} {where}: readiness to be undone is {now} instead of {was}"
    for part in RECORD_PARTS:
        if (part in asked.record) != (part in asks.record):
            word = "must say" if part in asks.record else "need not say"
            yield f"{_mark(part in asked.record)} {where}: the record {word} its {part}"


def _seats(where: str, old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[str]:
    for role in sorted({*old, *new}):
        was, now = old.get(role, 0), new.get(role, 0)
        if was != now:
            yield f"{_mark(now < was)} {where}: {now} {role} instead of {was}"


def _named(name: str, old: Sequence[str], new: Sequence[str], what: str) -> Iterator[str]:
    """Yield who may do something, and may no longer."""
    if old and not new:
        yield f"! {name}: anybody may {what}"
    elif new and not old:
        yield f"  {name}: only {', '.join(new)} may {what}"
    else:
        yield from (f"! {name}: {who} may {what}" for who in sorted(set(new) - set(old)))
        yield from (f"  {name}: {who} may no longer {what}" for who in sorted(set(old) - set(new)))


def _packs(name: str, old: Sequence[str] | None, new: Sequence[str] | None) -> Iterator[str]:
    if new is None:
        if old is not None:
            yield f"  {name}: all rule packs judge"
    elif old is None:
        yield f"! {name}: of the rule packs that ship, only {', '.join(sorted({*new, ALWAYS}))} judge"
    else:
        yield from (f"! {name}: the rule pack {pack} no longer judges" for pack in sorted({*old} - {*new, ALWAYS}))
        yield from (f"  {name}: the rule pack {pack} judges" for pack in sorted({*new} - {*old, ALWAYS}))


def _ledger(before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{_mark(bool(before))} the ledger that counts is {after or 'any'} instead of {before or 'any'}"


def _stacks(before: Mapping[str, Stack], after: Mapping[str, Stack]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if name not in before:
            new = after[name]
            more = f", in the account {new.account}" if new.account else ""
            more += f", after {new.promotes_from}" if new.promotes_from else ""
            more += f", with the variables in {', '.join(new.variables)}" if new.variables else ""
            yield f"! the stack {name} is new, in {new.environment}{more}"
        elif name not in after:
            yield f"  the stack {name} is gone: what belonged to it counts as production"
        else:
            yield from _stack(name, before[name], after[name])


def _stack(name: str, old: Stack, new: Stack) -> Iterator[str]:
    """Yield what changes; only to name an account, or a stack that comes first, loosens nothing."""
    for field in Stack.__struct_fields__:
        was, now = (_worded(getattr(stack, field)) for stack in (old, new))
        if was != now:
            tighter = field in ("account", "promotes_from") and was == "nothing"
            yield f"{_mark(not tighter)} the stack {name}: {field} changes from {was} to {now}"


def _worded(value: Any) -> Any:
    return (", ".join(value) if isinstance(value, tuple) else value) or "nothing"


def _suppressions(before: set[Suppression], after: set[Suppression]) -> Iterator[str]:
    for word, mark, items in (("new", "!", after - before), ("gone", " ", before - after)):
        for item in sorted(items, key=msgspec.structs.astuple):
            yield f"{mark} the suppression of {item.rule} at {item.address} until {item.until} is {word}"
