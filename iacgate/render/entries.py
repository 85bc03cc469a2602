"""Entries of a ledger in words: as a table, and one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from iacgate import canonical
from iacgate.evidence.entry import Entry, label_of
from iacgate.evidence.gatekeys import Opened
from iacgate.gate import Decision
from iacgate.render.decision import as_text
from iacgate.render.plain import encodable, fit, harmless, harmless_json, width

SCHEMA: Final = "iacgate.entries/1"
_RUNNERS: Final = (
    "GITHUB_TRIGGERING_ACTOR GITHUB_ACTOR GITLAB_USER_LOGIN BUILD_REQUESTEDFOREMAIL BUILDKITE_JOB_ID BUILD_NUMBER USER"
).split()
"""The variables by which pipelines say who started them, or which run it is; the first that is there is shown."""

_WIDEST: Final = 40
_FRESH: Final = {"empty": "is empty", "not_empty": "is not empty", "failed": "failed"}
_NUMBERS: Final = (("exitCode", "exit code"), ("run", "run"))
"""Details, and how they are called in words."""


class Row(msgspec.Struct, frozen=True):
    """One entry in a table. ``entry`` is its chain and number.

    ``who`` is the principal who deploys, or in brackets who the pipeline says that it was.
    """

    entry: str
    time: str
    event: str
    change: str
    who: str
    outcome: str
    digest: str


class Table(msgspec.Struct, frozen=True):
    """What is printed for programs: entries, the newest first."""

    schema: str
    ledger: str
    genesis: str
    entries: tuple[Row, ...]


def row(opened: Opened) -> Row:
    """Return an entry as a row."""
    entry = opened.entry
    place = f"{label_of(entry.stack)}/{entry.sequence}"
    return Row(place, entry.time, entry.event, entry.change, who(entry), outcome(entry), opened.digest)


def who(entry: Entry) -> str:
    """Return who ran it: the principal where that is known, else in brackets what the pipeline says."""
    said = next((entry.actor.run[name] for name in _RUNNERS if name in entry.actor.run), "")
    return entry.actor.principal or (f"({said})" if said else "")


def outcome(entry: Entry) -> str:
    """Return what came of it, in a few words."""
    details = entry.details
    match entry.event:
        case "decided":
            code = details.get("exitCode")
            denied = "would be denied, and blocks nothing" if code == 0 else f"denied, exit code {code}"
            return "allowed" if details.get("allowed") is True else denied
        case "intended":
            return f"began to apply, as decision {details.get('decision')} allows"
        case "settings":
            return f"version {entry.settings.version}, {entry.settings.digest[:12]}"
        case "transition":
            by = details.get("by")
            return f"{details.get('to')}{f' by {by}' if by else ''}, says {details.get('principal')}"
        case "degraded":
            return ", ".join(_marked(entry))
        case "reviewed":
            return "the emergency was justified" if details.get("justified") is True else "it was NOT justified"
        case "repaired":
            return ", ".join(str(part) for part in (f"{details.get('keys')} named", details.get("reason")) if part)
        case _:
            return ", ".join(part for part in _ended(entry) if part)


def _marked(entry: Entry) -> Iterator[str]:
    """Yield what an entry says of a record in a second store."""
    details = entry.details
    yield f"{details.get('event')} at {details.get('at')} while {details.get('lost')} could not be reached"
    yield f"recorded in {details.get('from')}"
    yield from (f"{details[name]} {name}" for name in ("missing", "wrong") if details.get(name))


def _ended(entry: Entry) -> Iterator[str]:
    """Yield how an apply ended, or how a state moved without one."""
    details = entry.details
    match entry.event:
        case "interrupted":
            yield "nobody knows how it ended"
        case "bypassed":
            yield "the state moved without the gate"
        case _:  # of what was applied, the event says it
            yield "" if (said := str(details.get("outcome", ""))) == entry.event else said
    yield _moved(entry)
    if fresh := details.get("freshPlan"):
        yield f"a fresh plan {_FRESH.get(str(fresh), fresh)}"
    yield from (f"{what} {details[name]}" for name, what in _NUMBERS if details.get(name, "") != "")


def _moved(entry: Entry) -> str:
    """Return what the state was before and is now; empty where the entry says neither."""
    details = entry.details
    before, after = (_serial(details, name) for name in ("before", "after"))
    if not before or not after:
        return after and f"now {after}"
    if not before.startswith("serial") or not after.startswith("serial"):
        return f"{before} -> {after}"
    if details.get("beforeLineage") != details.get("afterLineage"):
        return f"{before} -> {after} of another lineage"
    return f"{before} -> {details['afterSerial']}"


def _serial(details: Mapping[str, str | int | bool], name: str) -> str:
    """Return which state it was, before or after; empty where nothing is said."""
    if details.get(f"{name}Known") is False:
        return "nobody knows"
    if details.get(f"{name}Exists") is False:
        return "no state"
    return f"serial {details[f'{name}Serial']}" if f"{name}Serial" in details else ""


def title(entry: Entry) -> str:
    """Return what happened, and what came of it."""
    return ": ".join(text for text in (entry.event, outcome(entry)) if text)


def table(rows: Sequence[Row]) -> str:
    """Return a table for people."""
    shown: list[tuple[str, ...]] = [("ENTRY", "TIME", "EVENT", "CHANGE", "WHO", "WHAT CAME OF IT")]
    shown += [
        tuple(harmless(text) for text in (item.entry, item.time, item.event, item.change, item.who, item.outcome))
        for item in rows
    ]
    widths = [min(_WIDEST, max(width(line[at]) for line in shown)) for at in range(len(shown[0]) - 1)]
    return "".join(f"{_line(line, widths)}\n" for line in shown)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = [fit(text, columns) for text, columns in zip(texts, widths, strict=False)]
    padded = [cell + " " * (columns - width(cell)) for cell, columns in zip(cells, widths, strict=True)]
    return "  ".join([*padded, texts[-1]]).rstrip()


def rows_as_json(rows: Sequence[Row], ledger: str, genesis: str) -> bytes:
    """Return one line of JSON."""
    return harmless_json(canonical.canonical_json(Table(SCHEMA, encodable(ledger), genesis, tuple(rows)))) + b"\n"


def entry_as_json(entry: Entry) -> bytes:
    """Return one line of JSON: the entry, and what it does not hold of its signature."""
    return harmless_json(canonical.canonical_json(entry)) + b"\n"


def in_words(opened: Opened, decision: Decision | None) -> str:
    """Return an entry for people, with its decision where it is one."""
    return "\n".join(_words(opened, decision)) + "\n"


def _words(opened: Opened, decision: Decision | None) -> Iterator[str]:
    entry = opened.entry
    yield harmless(f"{label_of(entry.stack)}/{entry.sequence}  {title(entry)}")
    for name, text in facts(opened):
        yield f"  {name:10} {harmless(text)}"
    for name, item in sorted(entry.references.items()):
        yield f"  refers to  {harmless(name)}: {item.digest}, {harmless(item.media_type)}, {item.size:,} bytes"
    yield from _state(entry)
    if decision is not None:
        yield ""
        yield from (f"  {line}".rstrip() for line in as_text(decision, "this plan", "", colour=False).splitlines())


def facts(opened: Opened) -> Iterator[tuple[str, str]]:
    """Yield what an entry says of itself, as names and texts; what is empty is left out."""
    entry = opened.entry
    yield "time", entry.time
    yield "digest", opened.digest
    yield "follows", entry.previous
    yield "sealed by", opened.key
    found = [("change", entry.change), ("commit", entry.commit), ("tree", entry.tree), ("by", entry.actor.principal)]
    found += [("run", ", ".join(f"{name}={text}" for name, text in sorted(entry.actor.run.items())))]
    if entry.settings.digest:
        version = f"version {entry.settings.version}" if entry.settings.version else "not signed"
        found.append(("settings", f"{entry.settings.digest} ({version})"))
    found += [("tools", ", ".join(f"{name} {version}" for name, version in sorted(entry.tool.items())))]
    found += [("details", ", ".join(f"{name}: {value}" for name, value in sorted(entry.details.items())))]
    yield from ((name, text) for name, text in found if text)


def _state(entry: Entry) -> Iterator[str]:
    """Yield what follows from the chain so far."""
    state = entry.state
    if state.applied:
        yield harmless(f"  then       {state.applied.change} was applied last, at {state.applied.time}")
    if state.intent:
        yield harmless(f"  then       {state.intent.change} is being applied since {state.intent.time}")
    if state.attempt:
        yield harmless(f"  then       {state.attempt.change} has failed {state.attempt.count} times")
    for item in state.rejections:
        yield harmless(f"  then       {item.change} is rejected since {item.arrived}, by {item.envelope}")
    for name, digest in sorted(state.skipped.items()):
        yield harmless(f"  skips      {name}, which holds {digest or 'nothing'}")
