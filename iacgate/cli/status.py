"""``iacgate status``: where changes stand, and what each waits for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from iacgate.change.lifecycle import OPEN, Stage, Step, stage
from iacgate.change.record import MAX_RECORD, read_record
from iacgate.cli.reading import gates_options, known, ledger_option, open_with_gates, since_instant
from iacgate.errors import IacgateError, RecordInvalid, UsageInvalid
from iacgate.evidence.entry import Entry, label_of
from iacgate.evidence.excerpt import decision_of, read_piece
from iacgate.evidence.history import NoEntry
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import newest_first, stack_named
from iacgate.evidence.recorded import DECISION
from iacgate.gate import Decision
from iacgate.render import status as rendered
from iacgate.render.status import Standing
from iacgate.shell.files import read_regular
from iacgate.shell.folders import find_settings
from iacgate.trust import RECORDS

_MAX_DECISION = 16 << 20
"""Bytes of a decision that is read for what it waits for."""

_MAX_DRAFTS = 10_000


@click.command()
@click.argument("change", default="", metavar="[CHANGE]")
@ledger_option
@click.option("--stack", default=None, metavar="NAME", help="Only this stack.")
@click.option("--since", default="", metavar="DAY|INSTANT", help="Only what was recorded since then.")
@click.option("--all", "everything", is_flag=True, help="Also what has ended.")
@gates_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def command(  # noqa: PLR0913 - click passes every option by its name
    *,
    change: str,
    name: str,
    stack: str | None,
    since: str,
    everything: bool,
    config: str,
    trusted: str,
    output: str,
) -> None:
    """Say where a change stands, or every open one, and what it waits for.

    That follows from the ledger: nobody keeps a state beside it. Records in .iacgate/changes that no gate has seen
    are drafts.

    \b
    Examples:
      iacgate status --ledger s3://acme-evidence/iacgate
      iacgate status chg-17 --ledger /srv/ledger
      iacgate status --all --since 2027-01-01 --ledger /srv/ledger --format json
    """
    ledger = open_with_gates(name, known(config, trusted))
    chain = None if stack is None else stack_named(stack)
    found = list(_standing(ledger, _entries(ledger, chain, since_instant(since), change)))
    found += _drafts({item.change for item in found}, change) if stack is None else []
    if change and not found:
        raise UsageInvalid(f"{change}: neither on record nor a draft.", hint="`iacgate status` lists what is open.")
    shown = [item for item in found if everything or change or item.stage in OPEN or item.reviews]
    shown.sort(key=lambda item: (item.since, item.change), reverse=True)
    if output == "json":
        sys.stdout.buffer.write(rendered.as_json(shown, name, ledger.genesis))
    else:
        sys.stdout.write(rendered.as_text(shown))
    sys.stdout.flush()


def _entries(ledger: Ledger, stack: str | None, since: str, change: str) -> dict[tuple[str, str], list[Entry]]:
    """Return the entries about each change of each stack, the oldest first."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for _, item in newest_first(ledger, stack, since):
        if not isinstance(item, NoEntry) and item.entry.change and change in ("", item.entry.change):
            found.setdefault((item.entry.stack, item.entry.change), []).append(item.entry)
    return {key: entries[::-1] for key, entries in found.items()}


def _standing(ledger: Ledger, found: dict[tuple[str, str], list[Entry]]) -> Iterator[Standing]:
    for (stack, change), entries in found.items():
        now = stage([step_of(entry) for entry in entries])
        decided = next((entry for entry in reversed(entries) if entry.event == "decided"), None)
        decision = _decision(ledger, decided) if decided and now in OPEN else None
        yield Standing(
            change=change,
            stack=label_of(stack),
            stage=now,
            change_type=decision.change_type if decision else "",
            severity=str(decided.details.get("severity", "")) if decided else "",
            since=entries[-1].time,
            waits=_waits(now, decision),
            reviews=_reviews(entries[-1], change),
        )


def _reviews(newest: Entry, change: str) -> tuple[str, ...]:
    """Return what the emergency of a change waits for; until when, the policy says."""
    return tuple(
        f"due for the emergency of {item.time} ({item.incident}): iacgate attest review"
        for item in newest.state.emergencies
        if item.change == change and not item.reviewed
    )


def step_of(entry: Entry) -> Step:
    """Return what an entry says of where its change stands."""
    details = entry.details
    marks = entry.event == "degraded"  # it stands for what happened while nobody could reach the ledger
    event = str(details.get("event", "")) if marks else entry.event
    return Step(
        event=event,
        time=str(details.get("at", "")) if marks else entry.time,
        allowed=details.get("exitCode") == 0 if event == "decided" else False,
        done=details.get("freshPlan") == "empty",
        to=str(details.get("to", "")),
    )


def _decision(ledger: Ledger, entry: Entry) -> Decision | None:
    reference = entry.references.get(DECISION)
    if reference is None or reference.size > _MAX_DECISION:
        return None
    try:
        return decision_of(read_piece(ledger, reference))
    except IacgateError:
        return None


def _waits(now: Stage, decision: Decision | None) -> tuple[str, ...]:
    """Return what a change waits for, in words."""
    by_hand = decision is not None and bool(decision.subjects.get("record"))
    match now:
        case "approved" | "failed" if by_hand:
            again = ", where it is gated and done again" if now == "failed" else ""
            return (f"somebody to do it by hand, and iacgate attest done{again}",)
        case "applied" if by_hand:
            return ("iacgate attest verified",)
        case "requested" if decision:
            return tuple(reason.text for reason in decision.reasons)
        case "requested":
            return ("its decision cannot be read: iacgate evidence verify",)
        case "approved":
            return ("iacgate apply",)
        case "applying":
            return ("the end of the apply; where that died: iacgate apply --resume",)
        case "applied":
            return ("a new plan that is empty, or iacgate attest verified",)
        case "failed":
            return ("iacgate apply again, or iacgate attest closed",)
    return ()


def _drafts(seen: set[str], change: str) -> list[Standing]:
    """Return the records that no gate has seen."""
    settings = find_settings(".")
    folder = Path(settings) / RECORDS if settings else None
    if folder is None or not folder.is_dir():
        return []
    paths: Sequence[Path] = sorted(folder.glob("*.yaml"))
    if len(paths) > _MAX_DRAFTS:
        raise UsageInvalid(f"{folder}: more than {_MAX_DRAFTS:,} records.", hint="Move the old ones away.")
    return [_draft(path) for path in paths if path.stem not in seen and change in ("", path.stem)]


def _draft(path: Path) -> Standing:
    try:
        record = read_record(read_regular(path, MAX_RECORD, RecordInvalid) or b"", str(path))
    except RecordInvalid as error:
        return Standing(path.stem, "", "draft", "", "", "", (error.message,), ())
    if record.id != path.stem:
        waits = f"the record in {path.name} is about {record.id}: mend its id, or the name of the file"
        return Standing(path.stem, "", "draft", record.type, "", "", (waits,), ())
    return Standing(record.id, "", "draft", record.type, "", "", ("a first iacgate gate",), ())
