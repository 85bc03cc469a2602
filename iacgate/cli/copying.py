"""``iacgate evidence copy``: the same ledger in another store."""

from __future__ import annotations

import sys

import click

from iacgate.cli.progress import Progress
from iacgate.errors import EvidenceInvalid, UsageInvalid
from iacgate.evidence.copying import Copied
from iacgate.evidence.copying import copy as copied
from iacgate.render.plain import harmless
from iacgate.shell.stores import is_s3, open_store

_SHOWN = 20
DIFFERENT = 4
"""The exit code where the copy lacks something, or holds something else."""


@click.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def command(*, source: str, target: str) -> int:
    """Copy a ledger object by object, in the same layout, from a folder or a bucket to another one.

    Digests are verified on the way, and nothing is overwritten. Running it again adds what is new. First
    versions only are copied: markers, later versions and what is no ledger's stay behind, and are named. A
    bucket must be locked, as the ledger's own is. Exit code 4 where something is missing in the copy, or is
    something else there. Whether the copy holds, `iacgate evidence verify` says.

    \b
    Examples:
      iacgate evidence copy s3://acme-evidence/iacgate /mnt/archive/iacgate
      iacgate evidence copy /srv/ledger s3://acme-second-account/iacgate
      iacgate evidence copy s3://acme-evidence/iacgate ./copy && iacgate evidence verify --offline ./copy
    """
    if source.rstrip("/") == target.rstrip("/"):
        raise UsageInvalid("FROM and TO are the same place.", hint="Name another one.")
    to = open_store(target, create=not is_s3(target))
    if problems := to.problems():
        raise EvidenceInvalid(f"{target}: {problems[0]}", hint="Mend it: `iacgate doctor` says how.")
    with Progress(sys.stderr, target, "objects copied", 1) as progress:
        done = copied(open_store(source), to, progress.step)
    _say(done, target)
    return DIFFERENT if any(item.wrong for item in done.left) else 0


def _say(done: Copied, target: str) -> None:
    click.echo(f"{harmless(target)}: {done.objects:,} objects copied ({done.size:,} bytes), {done.there:,} were there.")
    wrong = [item for item in done.left if item.wrong]
    for item in [*wrong, *[item for item in done.left if not item.wrong][:_SHOWN]]:
        click.echo(f"  {'NOT COPIED' if item.wrong else 'left'}: {harmless(item.key)}: {harmless(item.why)}", err=True)
    if len(done.left) - len(wrong) > _SHOWN:
        click.echo(f"  and {len(done.left) - len(wrong) - _SHOWN:,} more were left.", err=True)
