"""``iacgate evidence list`` and ``show``: what a ledger says, in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from iacgate.cli.reading import gates_options, known, ledger_option, open_with_gates, since_instant
from iacgate.errors import UsageInvalid
from iacgate.evidence.excerpt import decision_of, read_piece
from iacgate.evidence.gatekeys import Opened
from iacgate.evidence.history import NoEntry
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import named, newest_first, stack_named
from iacgate.evidence.recorded import DECISION
from iacgate.gate import Decision
from iacgate.render import entries as rendered
from iacgate.render.plain import harmless
from iacgate.shell.files import replace

_NEWEST = 50
_MAX_SHOWN = 64 << 20
"""Bytes of a decision that is shown in words."""


@click.command("list")
@ledger_option
@click.option("--stack", default=None, metavar="NAME", help="Only this stack's chain; @ledger for the ledger's own.")
@click.option("--change", default="", metavar="ID", help="Only entries about this change.")
@click.option("--since", default="", metavar="DAY|INSTANT", help="Only what was recorded since then.")
@click.option("--newest", default=_NEWEST, show_default=True, type=click.IntRange(0), help="So many; 0 for all.")
@gates_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def list_entries(  # noqa: PLR0913 - click passes every option by its name
    *,
    name: str,
    stack: str | None,
    change: str,
    since: str,
    newest: int,
    config: str,
    trusted: str,
    output: str,
) -> None:
    """List entries, the newest first: number, time, event, change, who, and what came of it.

    Names in brackets are what the pipeline said of itself. Seals are verified, and nothing else:
    `iacgate evidence verify` does that.

    \b
    Examples:
      iacgate evidence list --ledger s3://acme-evidence/iacgate
      iacgate evidence list --ledger /srv/ledger --stack payments --since 2027-01-01
      iacgate evidence list --ledger /srv/ledger --change chg-17 --newest 0 --format json
    """
    ledger = open_with_gates(name, known(config, trusted))
    rows: list[rendered.Row] = []
    others = 0
    for _, found in newest_first(ledger, None if stack is None else stack_named(stack), since_instant(since)):
        if isinstance(found, NoEntry):
            others += 1
        elif change in ("", found.entry.change):
            rows.append(rendered.row(found))
    rows.sort(key=lambda row: row.time, reverse=True)  # of one instant, each chain keeps its own order
    shown = rows[: newest or None]
    if output == "json":
        sys.stdout.buffer.write(rendered.rows_as_json(shown, name, ledger.genesis))
    else:
        sys.stdout.write(rendered.table(shown))
    sys.stdout.flush()
    for sentence in _not_shown(len(rows) - len(shown), others):
        click.echo(sentence, err=True)


def _not_shown(older: int, others: int) -> Iterator[str]:
    if older:
        yield f"{older:,} older entries are not shown: --newest 0 shows all."
    if others:
        yield f"{others:,} keys hold no entry that a gate sealed: `iacgate evidence verify` says why."


@click.command("show")
@click.argument("entry", metavar="STACK/NUMBER|DIGEST|CHANGE")
@ledger_option
@click.option("--piece", default="", metavar="NAME", help="Write something that the entry refers to, as it is.")
@click.option(
    "-o", "--output", "file", default=None, type=click.Path(path_type=Path), metavar="FILE", help="Where to write it."
)
@gates_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def show(*, entry: str, name: str, piece: str, file: Path | None, config: str, trusted: str, output: str) -> None:
    """Show one entry, or all entries of a change, in words; @ledger/NUMBER is one of the ledger's own chain.

    With --piece, what the entry refers to is written as it was stored: its decision, inputs, log. Of several
    entries, the newest one that has it. On a terminal, what could control that is shown as text.

    \b
    Examples:
      iacgate evidence show payments/12 --ledger /srv/ledger
      iacgate evidence show chg-17 --ledger s3://acme-evidence/iacgate
      iacgate evidence show payments/12 --ledger /srv/ledger --piece decision -o decision.json
    """
    ledger = open_with_gates(name, known(config, trusted))
    found = named(ledger, entry)
    if piece:
        _write_piece(_piece(ledger, found, piece), file)
        return
    if file is not None:
        raise UsageInvalid("-o goes with --piece.", hint="Or redirect the output.")
    for number, opened in enumerate(found):
        if output == "json":
            sys.stdout.buffer.write(rendered.entry_as_json(opened.entry))
        else:
            sys.stdout.write(("\n" if number else "") + rendered.in_words(opened, _decision(ledger, opened)))
    sys.stdout.flush()


def _decision(ledger: Ledger, opened: Opened) -> Decision | None:
    """Return an entry's decision; ``None`` where it has none, or one that is too large to be shown."""
    reference = opened.entry.references.get(DECISION)
    if reference is None:
        return None
    if reference.size > _MAX_SHOWN:
        click.echo("A decision is too large to be shown: --piece decision -o FILE writes it.", err=True)
        return None
    return decision_of(read_piece(ledger, reference))


def _piece(ledger: Ledger, found: list[Opened], piece: str) -> bytes:
    for opened in reversed(found):
        reference = opened.entry.references.get(piece)
        if reference is not None:
            return read_piece(ledger, reference)
    names = sorted({item for opened in found for item in opened.entry.references})
    raise UsageInvalid(f"Nothing is called {piece!r} there.", hint=f"There are: {', '.join(names) or 'none'}.")


def _write_piece(data: bytes, file: Path | None) -> None:
    if file is not None:
        replace(file, data)
    elif sys.stdout.isatty():
        for line in data.decode("utf-8", "backslashreplace").splitlines():
            click.echo(harmless(line))
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
