"""An export has everything under a name of its own, and is exactly what can be made again from its entries."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Final

import pytest

from iacgate import trust
from iacgate.evidence.entry import Settings
from iacgate.evidence.ledger import Draft, Piece
from tests.cli.test_evidence import verified
from tests.conftest import Run
from tests.support.ledgerlife import STACK, Life
from tests.support.ledgers import laid_out

ALIKE: Final = ("team/app", "team-app", "2-team-app", "Team-App", "жук", "мак", "unnamed", "x" * 100, "x" * 90)
"""Stacks whose names are alike, where only some letters are kept."""


def exported(iacgate: Run, ledger: Path, *options: str) -> Path:
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", "out", *options)
    assert done.returncode == 0, done.stderr
    return ledger.parent / "out"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger that has lived, with another change after the one that is exported, in a folder."""
    life = Life().live()
    life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-2"))
    life.decide(life.inputs("ann"))
    return laid_out(life.store, tmp_path / "ledger")


def test_stacks_that_are_called_alike_are_kept_apart(iacgate: Run, tmp_path: Path) -> None:
    life = Life()
    for stack in ALIKE:
        life.ledger.append(Draft(event="bypassed", stack=stack, change="chg-1"))
    place = laid_out(life.store, tmp_path / "ledger")
    out = exported(iacgate, place)
    entries = [path.name for path in (out / "entries").iterdir()]
    assert len({name.lower() for name in entries}) == len(ALIKE)
    found = {json.loads((out / "entries" / name / "entry.json").read_bytes())["stack"] for name in entries}
    assert found == set(ALIKE)
    assert verified(iacgate, "--offline", out)["holds"]
    done = iacgate("evidence", "export", "chg-1", "--ledger", place, "-o", "out.zip")
    assert (done.returncode, done.stderr) == (0, b"")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = [name.lower() for name in archive.namelist() if name.startswith("entries/")]
        assert len(set(names)) == len(names)


def test_files_that_are_called_like_a_folder_are_kept_apart(iacgate: Run, tmp_path: Path) -> None:
    life = Life()
    odd = b'{"a b":"","a-b/c":"","a-b/c d":"","a-b/c-d":"","people.yaml":""}'
    long = json.dumps({"/".join("x" * 80 for _ in range(20)): "", "y" * 300: ""}, separators=(",", ":"))
    for data in (odd, long.encode()):
        settings = Piece(data)
        named = {"settings": settings, "Log": Piece(b"1"), "log": Piece(b"2"), "s" * 200: Piece(b"")}
        said = Settings(trust.bundle_digest(dict.fromkeys(json.loads(data), b"")), 0)
        life.ledger.append(Draft(event="bypassed", stack=STACK, change="chg-1", pieces=named, settings=said))
    place = laid_out(life.store, tmp_path / "ledger")
    assert len(list((exported(iacgate, place) / "entries" / f"{STACK}-0001-bypassed" / "settings").iterdir())) > 3


@pytest.mark.parametrize("there", [False, True])
def test_what_cannot_be_exported_whole_leaves_no_folder(iacgate: Run, ledger: Path, there: bool) -> None:
    for path in (ledger / "evidence" / "sha256").iterdir():
        if path.read_bytes() == b"Apply complete!\n":
            path.unlink()
    out = ledger.parent / "some" / "out"
    if there:
        out.mkdir(parents=True)
    done = iacgate("evidence", "export", "chg-1", "--ledger", ledger, "-o", out)
    assert (done.returncode, b"not there" in done.stderr) == (4, True)
    assert out.exists() == there
    assert not there or not any(out.iterdir())
