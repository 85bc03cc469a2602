"""``iacgate evidence export``: one change, ready for an auditor's request."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from iacgate import __version__
from iacgate.cli.exported import PAGE, files
from iacgate.cli.reading import gates_options, known, ledger_option, open_with_gates
from iacgate.errors import UsageInvalid
from iacgate.evidence.excerpt import described
from iacgate.evidence.lookup import of_change, stack_named
from iacgate.render.plain import encodable, harmless

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can have: the same export gives the same bytes."""


@click.command("export")
@click.argument("change", metavar="CHANGE")
@ledger_option
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER|FILE.zip", help="A new one."
)
@click.option("--stack", default=None, metavar="NAME", help="Only what this stack's chain has of it.")
@gates_options
def command(*, change: str, name: str, output: Path, stack: str | None, config: str, trusted: str) -> None:
    """Write everything about a change into a folder or a zip, with a page that begins at index.html.

    It has the entries as they are stored, all that they refer to, and the same under names that can be read:
    the decision, its inputs, every approval that arrived, the settings, the log. What is in it verifies by
    itself: `iacgate evidence verify --offline FOLDER`. The same change gives the same bytes.

    \b
    Examples:
      iacgate evidence export chg-17 --ledger s3://acme-evidence/iacgate -o chg-17.zip
      iacgate evidence export chg-17 --ledger /srv/ledger -o ./chg-17 && iacgate evidence verify --offline ./chg-17
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UsageInvalid(f"{output}: it is there already.", hint="Name a new folder or file.")
    ledger = open_with_gates(name, known(config, trusted))
    found = of_change(ledger, change, None if stack is None else stack_named(stack))
    said = described(ledger, encodable(ledger.store.name), change, found, __version__)
    write = _write_zip if output.suffix == ".zip" else _write_folder
    write(output, files(ledger, said, found))
    entries = "1 entry" if len(found) == 1 else f"{len(found)} entries"
    click.echo(f"{harmless(str(output))}: {entries}. Begin at {PAGE}.")


def _write_folder(folder: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Write files into a folder that has none; what fails leaves nothing behind."""
    made: list[Path] = []
    try:
        for name, data in files:
            path = folder / name
            _make_folder(path.parent, made)
            with path.open("xb") as stream:
                made.append(path)
                stream.write(data)
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it, and note which were not there."""
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)


def _write_zip(path: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Write a zip that is not there; what fails leaves nothing behind."""
    with path.open("xb") as stream:
        try:
            with zipfile.ZipFile(stream, "w") as archive:
                for name, data in files:
                    info = zipfile.ZipInfo(name, _FIRST_DAY)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    info.create_system, info.external_attr = 3, 0o100644 << 16  # the same on every machine
                    archive.writestr(info, data)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
