"""The page of an export: who asked, wrote, approved and applied, what was decided and why, and how to verify it.

It holds no script, loads nothing, and says so in a policy that browsers keep (CSP level 3: a page of its own, the only
style is the one with this digest). Every text is hostile: it is made harmless, then escaped.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from iacgate import canonical
from iacgate.approval.counting import Verdict
from iacgate.evidence.entry import label_of
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.report import Shown
from iacgate.gate import Decision
from iacgate.render.entries import facts, outcome, title, who
from iacgate.render.plain import harmless

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111;
  background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; border-top: 1px solid #888; padding-top: 1rem; }
h3 { font-size: 1.05rem; } code, pre { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: #f2f2f2; padding: .6rem; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: bold; padding: .4rem 0; }
th, td { border: 1px solid #888; padding: .3rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
"""
_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(bytes.fromhex(canonical.digest(_STYLE.encode()))).decode()
    + "'; base-uri 'none'; form-action 'none'"
)


def page(ledger: str, genesis: str, change: str, shown: Sequence[tuple[Opened, Shown]]) -> bytes:
    """Return the page of a change: ``ledger`` is the ledger's name, ``shown`` its entries, the oldest first."""
    entries = [item for _, item in shown]
    body = [
        f"<h1>Change {_e(change)}</h1>",
        f"<p>From the ledger {_code(ledger)}, whose genesis is {_code(genesis)}.</p>",
        *_in_short(entries),
        *(part for opened, item in shown for part in _entry(opened, item)),
        *_how_to_verify(genesis),
    ]
    head = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Change {_e(change)}</title><style>{_STYLE}</style></head><body><main>",
    ]
    return "\n".join([*head, *body, "</main></body></html>", ""]).encode()


def _in_short(entries: Sequence[Shown]) -> Iterator[str]:
    """Yield, for each chain, who asked, wrote, approved and applied."""
    yield "<h2>In short</h2>"
    for stack in sorted({item.entry.stack for item in entries}):
        yield _table(f"Stack {label_of(stack)}", ("What", "Answer"), _answers(_of(entries, stack)))


def _of(entries: Sequence[Shown], stack: str) -> list[Shown]:
    return [item for item in entries if item.entry.stack == stack]


def _answers(entries: Sequence[Shown]) -> list[tuple[str, str]]:
    """Return the answers about one chain's entries: by the decision that was applied, else by the last one."""
    rows = [("Asked for", _when(entries[0]))]
    decided = [item for item in entries if item.decision]
    begun = [item.entry.details.get("decision") for item in entries if item.entry.event == "intended"]
    acted_on = [item for item in decided if begun and item.entry.sequence == begun[-1]]
    for item in (acted_on or decided)[-1:]:
        if item.decision:
            rows += _decided("Decision that was acted on" if acted_on else "Last decision", item, item.decision)
    if acted_on and decided[-1] is not acted_on[-1]:
        rows.append(("Decided again later", f"{outcome(decided[-1].entry)}, {decided[-1].entry.time}"))
    ended = [item for item in entries if item.entry.event in ("applied", "failed", "interrupted")]
    rows += [(item.entry.event.capitalize(), _when(item)) for item in ended]
    if not ended:
        rows.append(("Applied", "No entry of this change says that it was applied."))
    return rows


def _when(shown: Shown) -> str:
    return f"{shown.entry.time}, by {who(shown.entry) or 'nobody who is named'}"


def _decided(name: str, shown: Shown, decision: Decision) -> list[tuple[str, str]]:
    """Return what a decision says."""
    wrote = sorted({author.principal or f"unknown: {author.said}" for author in decision.authors})
    signed = [item.principal for item in decision.approvals if item.counts and item.decision == "approve"]
    against = [item.principal for item in decision.approvals if item.counts and item.decision == "reject"]
    verdict = "allowed" if decision.allowed else "denied" if decision.blocks else "would be denied; nothing was blocked"
    rows = [
        ("Written by", ", ".join(wrote) or "nobody is known"),
        ("Approved by", ", ".join(f"{seat.principal} ({seat.role})" for seat in decision.filled) or "nobody"),
        ("Rejected by", ", ".join(sorted(set(against))) or "nobody"),
        (name, f"{verdict}, {shown.entry.time}"),
        ("Severity, type", f"{decision.severity}, {decision.change_type} change"),
        ("Settings", "signed" if decision.trusted else "not signed: those of the working tree"),
    ]
    more = sorted(set(signed) - {seat.principal for seat in decision.filled})
    return [*rows, *([("Also signed", ", ".join(more))] if more else [])]


def _entry(opened: Opened, shown: Shown) -> Iterator[str]:
    entry = shown.entry
    yield f"<h2>{_e(entry.time)}: {_e(title(entry))}</h2>"
    yield f"<p>Entry {_code(f'{label_of(entry.stack)}/{entry.sequence}')}.</p>"
    if shown.decision:
        yield from _decision(shown.decision)
    yield _table("What the entry says", ("Name", "Value"), facts(opened))
    yield "<h3>Files</h3><ul>"
    for what, path in shown.files.items():
        yield f'<li><a href="{html.escape(path)}">{_e(what)}</a>{_digest_of(shown, what)}</li>'
    yield "</ul>"


def _digest_of(shown: Shown, name: str) -> str:
    reference = shown.entry.references.get(name)
    return f", SHA-256 {_code(reference.digest)}, {reference.size:,} bytes" if reference else ""


def _decision(decision: Decision) -> Iterator[str]:
    if decision.reasons:
        yield "<h3>Reasons against</h3><ul>"
        yield from (f"<li>{_e(reason.text)}</li>" for reason in decision.reasons)
        yield "</ul>"
    authors = [(author.principal or "unknown", author.said, author.why, author.commit) for author in decision.authors]
    yield _table("Who had a hand in it", ("Who", "Known as", "Why", "Commit"), authors)
    seats = [(seat.role, seat.principal) for seat in decision.filled]
    seats += [
        (seat.role, f"empty; could be filled by {', '.join(seat.could) or 'nobody'}") for seat in decision.missing
    ]
    yield _table("Seats", ("Seat", "Filled by"), seats)
    arrived = [(item.principal or "unknown", item.decision or "unknown", *_counts(item)) for item in decision.approvals]
    yield _table("What arrived", ("Who", "What", "Does it count?", "In the signer's words"), arrived)


def _counts(item: Verdict) -> tuple[str, str]:
    return ("yes" if item.counts else f"no ({item.code}): {item.why}"), item.said


def _how_to_verify(genesis: str) -> Iterator[str]:
    yield "<h2>How to verify this</h2>"
    yield (
        "<p>Nothing on this page has to be believed. The folder <code>ledger</code> beside it has the entries as they "
        "are stored, sealed by the gate, and all that they refer to. With this folder as the current one:</p>"
    )
    yield f"<pre>iacgate evidence verify --offline . --genesis {_e(genesis)}</pre>"
    yield (
        "<p>That verifies every signature, makes every decision again from its inputs, approvals included, and "
        "compares the bytes. Have the genesis from where you trust it, not from this page. That nothing was left out, "
        "and that the entries between these are what they were, only the ledger itself shows, best with a "
        "checkpoint:</p>"
    )
    yield "<pre>iacgate evidence verify --ledger s3://BUCKET/PREFIX --checkpoint FILE</pre>"


def _table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, or nothing where it would have no row."""
    lines = ["<tr>" + "".join(f"<td>{_e(text)}</td>" for text in row) + "</tr>" for row in rows]
    if not lines:
        return ""
    title = f"<caption>{_e(caption)}</caption>" if caption else ""
    head = "".join(f'<th scope="col">{_e(name)}</th>' for name in names)
    return "\n".join([f"<table>{title}<thead><tr>{head}</tr></thead><tbody>", *lines, "</tbody></table>"])


def _code(text: str) -> str:
    return f"<code>{_e(text)}</code>"


def _e(text: str) -> str:
    return html.escape(harmless(text))
