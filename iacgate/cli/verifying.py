"""``iacgate evidence verify``: does everything in a ledger hold, by nobody's word?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from iacgate.cli.exported import look_at
from iacgate.cli.progress import Progress
from iacgate.cli.reading import Known, gates_options, known, open_ledger, roster_of, since_instant
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.checkpoint import MAX_TEXT
from iacgate.evidence.checkpointed import looked_at
from iacgate.evidence.excerpt import LEDGER, MARKER, MAX_MARKER, Export, read_marker
from iacgate.evidence.judged import Replayer
from iacgate.evidence.ledger import Ledger
from iacgate.evidence.lookup import stack_named
from iacgate.evidence.report import Report
from iacgate.evidence.verify import Verifier, Wanted
from iacgate.render import decision as rendered
from iacgate.render import verification
from iacgate.shell import console
from iacgate.shell.files import read_regular


class Place(msgspec.Struct, frozen=True):
    """Where the ledger is, and what the marker says where it is an excerpt that `iacgate evidence export` made."""

    name: str
    export: Export | None = None


@click.command("verify")
@click.option("--ledger", default="", metavar="DIR|s3://...", help="The ledger: a folder or a bucket.")
@click.option("--offline", default="", metavar="DIR", help="A copy or an export in a folder, instead of the ledger.")
@click.option("--stack", default=None, metavar="NAME", help="Only this stack's chain, and the ledger's own.")
@click.option("--since", default="", metavar="DAY|INSTANT", help="Look in depth at what was recorded since then.")
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=click.Path(), metavar="FILE", help="A checkpoint that must hold."
)
@click.option("--genesis", default="", metavar="DIGEST", help="The ledger's genesis, from where you trust it.")
@gates_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Auto obeys NO_COLOR.")
def command(  # noqa: PLR0913 - click passes every option by its name
    *,
    ledger: str,
    offline: str,
    stack: str | None,
    since: str,
    checkpoints: tuple[str, ...],
    genesis: str,
    config: str,
    trusted: str,
    output: str,
    color: str,
) -> int:
    """Verify a ledger: signatures, digests, numbers, links, one version of each key, retention, and every decision.

    Approvals are verified again at their time, and each decision is made again from its inputs, by the people
    of that time: the bytes must be the same. The gates' keys are those of the genesis and of the settings
    that the ledger recorded, so that no .iacgate folder is needed. Exit code 4 where anything does not hold,
    or there is no entry at all.

    \b
    Examples:
      iacgate evidence verify --ledger s3://acme-evidence/iacgate --trusted origin/main
      iacgate evidence verify --ledger /srv/ledger --checkpoint last-week.txt --checkpoint today.txt
      iacgate evidence verify --ledger /srv/ledger --stack payments --since 2027-01-01 --format json
      iacgate evidence verify --offline ./chg-17 --genesis 5f0c...
    """
    place = _place(ledger, offline)
    excerpt = place.export is not None
    if excerpt and checkpoints:
        raise UsageInvalid("An export holds one change, and no checkpoint says that.", hint="Verify the ledger itself.")
    beside = known(config, trusted, genesis)
    opened = open_ledger(place.name, beside)
    looked = looked_at(opened, [(name, _read(name)) for name in checkpoints])
    wanted = Wanted(None if stack is None else stack_named(stack), since_instant(since), looked.marks, excerpt)
    with Progress(sys.stderr, place.name, "entries verified", 1) as progress:
        report = Verifier(opened, Replayer(roster_of, rendered.as_json), wanted, progress.step).run()
    problems = looked.problems(opened.keys)
    unproven = [*_unproven(opened, wanted, beside, len(checkpoints)), *_loose(report, wanted)]
    if place.export is not None:
        beside_it = look_at(Path(offline), place.export, opened, holds=report.holds)
        problems, unproven = [*problems, *beside_it.problems], [*unproven, *beside_it.unproven]
    found = verification.verification(place.name, report, problems, unproven, excerpt=excerpt)
    as_text = verification.as_text(found, colour=console.colour(sys.stdout, color))
    sys.stdout.buffer.write(verification.as_json(found) if output == "json" else as_text.encode())
    sys.stdout.flush()
    return found.exit_code


def _place(ledger: str, offline: str) -> Place:
    if bool(ledger) == bool(offline):
        raise UsageInvalid("Name one ledger: --ledger, or --offline for a copy.", hint="--ledger DIR|s3://...")
    if not offline:
        return Place(ledger)
    folder = Path(offline)
    if not folder.is_dir():  # a bucket is none either: nobody else is asked
        raise UsageInvalid(f"{offline}: no folder.", hint="--offline names a folder; unzip an export first.")
    data = read_regular(folder / MARKER, MAX_MARKER, EvidenceInvalid)
    if data is None:
        return Place(offline)
    return Place(str(folder / LEDGER), read_marker(data, str(folder / MARKER)))


def _read(name: str) -> bytes:
    data = read_regular(Path(name), MAX_TEXT, EvidenceInvalid)
    if data is None:
        raise UsageInvalid(f"{name}: there is no such file.", hint="Name a checkpoint.")
    return data


def _loose(report: Report, wanted: Wanted) -> Iterator[str]:
    """Yield how many objects were not looked at; of one stack only, nobody knows what the others refer to."""
    if report.loose and wanted.stack is None:
        yield (
            "Objects that were not looked at, because no entry refers to them: "
            f"{report.loose:,}. (Checkpoints leave such, and appends that failed.)"
        )


def _unproven(ledger: Ledger, wanted: Wanted, beside: Known, checkpoints: int) -> Iterator[str]:
    """Yield what nobody has proven, in sentences."""
    if wanted.excerpt:
        yield "This is an excerpt: what is not in it, and what stands between its entries, was not looked at."
        yield f"Nobody signed {MARKER}: whether it names all entries of the change, only the ledger shows."
    if not ledger.store.independent:
        yield "A folder is local, not independent: whoever could write to it could leave something out at the end."
    if not checkpoints and not wanted.excerpt:
        yield "No checkpoint was given: if the end of a chain was cut off, or a whole chain, nothing here shows it."
    if not beside.genesis and not checkpoints:
        yield (
            f"Nothing pins the genesis {ledger.genesis}: this could be another ledger than you mean. "
            "Compare it, and name it with --genesis."
        )
    if wanted.stack is not None:
        yield "Other stacks were not looked at."
    if wanted.since:
        yield f"Of what was recorded before {wanted.since}, only the links were looked at."
